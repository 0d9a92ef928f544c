"""Forms made from the engine's structs: one declaration gives validation, file format, command line and this."""

from gui.forms.combo import ChoiceCombo
from gui.forms.number import NumberBox, SlimSlider
from gui.forms.struct_form import StructForm

__all__ = ["ChoiceCombo", "NumberBox", "SlimSlider", "StructForm"]
