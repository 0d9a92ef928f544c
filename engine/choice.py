"""Choice: the base of every struct that the user can choose (a target, a path, an objective, a sampler, …).

One declaration gives validation with the field's path in the error, the TOML and JSON form, the command line's
``--set path.sigma_max=20``, the rows of ``list --json`` and the form in the window.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Choice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """One alternative, with its parameters as fields and its mathematics as methods.

    A subclass gives its tag (``class CondOT(Path, tag="condot")``: the name in files and in ``--set``), the four texts
    below, and fields as ``Annotated[float, Meta(gt=0, description="…", extra={"unit": "…", "symbol": "…", "log": True})]``.
    """

    label: ClassVar[str] = ""
    """What the window calls it, e.g. ``"VP cosine"``."""
    summary: ClassVar[str] = ""
    """One sentence of help."""
    formula: ClassVar[str] = ""
    """LaTeX, without dollar signs."""
    source: ClassVar[str] = ""
    """Where it comes from, e.g. ``"Lipman 2210.02747"``."""
    group: ClassVar[str] = ""
    """What a long list puts it under, e.g. ``"SDE"``; alternatives of one group stand together."""

    @property
    def name(self) -> str:
        """The tag: the name that files, ``--set`` and ``list`` use."""
        return str(self.__struct_config__.tag)


class Problem(ValueError):
    """Something the user asked for cannot be done. Its text is one line that names what is wrong and where; no traceback is shown."""
