"""What older session files say otherwise: the law of t and the weight by a word, where there is now a struct with parameters; and nothing
of the velocity's weight where velocity and noise are learned together, which was one."""

from __future__ import annotations

import msgspec


def modern(experiment: bytes | msgspec.Raw) -> bytes:
    """The JSON of an experiment with ``"time": "uniform"`` as ``"time": {"type": "uniform"}``, and the weight likewise."""
    text = bytes(experiment)
    try:
        tree = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return text  # whoever decodes it says what is wrong
    objective = tree.get("objective") if isinstance(tree, dict) else None
    if not isinstance(objective, dict):
        return text
    words = {key: objective[key] for key in ("time", "weight") if isinstance(objective.get(key), str)}
    if objective.get("type") in ("interpolant", "flow-and-score") and "weight" not in objective:
        words["weight"] = "one"
    if not words:
        return text
    tree["objective"] = objective | {key: {"type": word} for key, word in words.items()}
    return msgspec.json.encode(tree)
