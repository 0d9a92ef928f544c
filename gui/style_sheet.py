"""The style sheet of the lab, written from a theme's roles. Chrome is three greys; colour belongs to data."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QColor

from shaders.themes import Theme

ICONS = Path(__file__).parent / "icons"


def mixed(a: str, b: str, share: float) -> str:
    """The colour a ``share`` of the way from a to b, as hex."""
    one, two = QColor(a), QColor(b)
    parts = [round(x + (y - x) * share) for x, y in zip(one.getRgb()[:3], two.getRgb()[:3], strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*parts)


def style_sheet(t: Theme) -> str:
    """QSS for the whole application."""
    hover, field, chosen = t.hover, t.field, t.selected
    chosen_text = mixed(t.text, t.strong, 0.8)
    well = field if t.dark else t.background
    rest = mixed(t.line, t.dim, 0.18)
    handle = mixed(t.accent, "#ffffff", 0.45) if t.dark else t.accent
    faint = mixed(t.card, t.dim, 0.7)
    return f"""
* {{ outline: none; }}
QMainWindow, QDialog, #panel {{ background: {t.panel}; }}
QToolTip {{ background: {t.card}; color: {t.text}; border: 1px solid {t.line}; padding: 5px 7px; }}
QLabel {{ background: transparent; color: {t.text}; }}
QLabel[role="dim"] {{ color: {t.dim}; }}
QLabel[role="strong"] {{ color: {t.strong}; font-weight: 600; }}
QLabel[role="title"] {{ color: {t.dim}; }}
QLabel[role="problem"] {{ color: {t.danger}; }}

QFrame#card {{ background: {t.card}; border: 1px solid {t.line}; border-radius: 8px; }}
QLabel#reason {{ background: {t.panel}; border: 1px solid {t.line}; border-radius: 8px; padding: 9px 12px; }}
QFrame#pane {{ background: {t.stage}; border: 1px solid {t.line}; border-radius: 8px; }}
QFrame#well {{ background: {well}; border: none; border-radius: 5px; }}
QWidget#cardHeader:focus {{ border-bottom: 1px solid {t.accent}; }}

QPushButton, QToolButton {{ background: {t.card}; color: {t.text}; border: 1px solid {t.line}; border-radius: 6px; padding: 5px 12px; }}
QPushButton:hover, QToolButton:hover {{ background: {hover}; border-color: {rest}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {field}; }}
QPushButton:checked, QToolButton:checked {{ background: {chosen}; border-color: {t.accent}; color: {chosen_text}; }}
QPushButton:focus, QToolButton:focus {{ border-color: {t.accent}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {faint}; border-color: {t.line}; }}
QPushButton[role="primary"] {{ background: {t.accent}; border-color: {t.accent}; color: {t.on_accent}; font-weight: 600; }}
QPushButton[role="primary"]:hover {{ background: {mixed(t.accent, "#000000", 0.14)}; }}
QPushButton[role="primary"]:focus {{ border-color: {mixed(t.accent, "#ffffff", 0.6)}; }}
QPushButton[role="primary"]:disabled {{ background: {hover}; border-color: {t.line}; color: {faint}; }}
QPushButton[role="chip"] {{ border-radius: 10px; padding: 2px 9px; color: {t.dim}; }}
QPushButton[role="chip"]:checked {{ background: {chosen}; border-color: {t.accent}; color: {chosen_text}; }}
QPushButton[role="chip"]:disabled {{ color: {faint}; }}
QToolButton[role="tool"] {{ padding: 0; min-width: 19px; max-width: 40px; min-height: 25px; max-height: 25px; border-radius: 6px; }}
QToolButton[role="flat"], QPushButton[role="flat"] {{ background: transparent; border-color: transparent; padding: 2px 4px;
  color: {t.dim}; }}
QToolButton[role="flat"]:hover, QPushButton[role="flat"]:hover {{ color: {t.text}; background: {hover}; }}
QToolButton[role="flat"]:focus, QPushButton[role="flat"]:focus {{ border-color: {t.accent}; }}
QPushButton[role="fold"] {{ background: transparent; border: none; border-bottom: 1px solid transparent; border-radius: 0;
  padding: 2px 2px 1px 0; color: {t.dim}; }}
QPushButton[role="fold"]:hover {{ color: {t.text}; }}
QPushButton[role="fold"]:focus {{ border-bottom-color: {t.accent}; color: {t.text}; }}
QToolButton::menu-indicator {{ image: none; }}

QComboBox {{ combobox-popup: 0; background: {field}; color: {t.text}; border: 1px solid {t.line}; border-radius: 6px;
  padding: 3px 4px 3px 8px; min-height: 18px; }}
QComboBox:hover {{ border-color: {rest}; }}
QComboBox:focus, QComboBox:on {{ border-color: {t.accent}; }}
QComboBox:disabled {{ color: {faint}; }}
QComboBox::drop-down {{ border: none; width: 20px; }}
QComboBox::down-arrow {{ image: url({(ICONS / "chevron.svg").as_posix()}); width: 12px; height: 12px; }}
QComboBox QAbstractItemView {{ background: {t.card}; color: {t.text}; border: 1px solid {t.line}; padding: 4px;
  selection-background-color: {chosen};
  selection-color: {chosen_text}; }}
QComboBox QAbstractItemView::item {{ min-height: 24px; padding: 0 6px; border-radius: 4px; }}
QComboBox QAbstractItemView::item:selected {{ background: {chosen}; color: {chosen_text}; }}
QComboBox QAbstractItemView::item:disabled {{ background: transparent; color: {faint}; }}

QLineEdit, QAbstractSpinBox, QPlainTextEdit {{ background: {field}; color: {t.text}; border: 1px solid {t.line}; border-radius: 6px;
  padding: 3px 7px;
  selection-background-color: {t.accent}; selection-color: {t.on_accent}; }}
QLineEdit:focus, QAbstractSpinBox:focus, QPlainTextEdit:focus {{ border-color: {t.accent}; }}
QAbstractSpinBox QLineEdit {{ background: transparent; border: none; padding: 0; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ background: transparent; border: none; width: 18px; }}
QAbstractSpinBox::up-arrow {{ image: url({(ICONS / "chevron-up.svg").as_posix()}); width: 10px; height: 10px; }}
QAbstractSpinBox::down-arrow {{ image: url({(ICONS / "chevron.svg").as_posix()}); width: 10px; height: 10px; }}
QLineEdit[role="number"] {{ background: transparent; border: 1px solid transparent; padding: 1px 3px; color: {t.dim};
  border-radius: 4px; }}
QLineEdit[role="number"]:hover {{ background: {field}; color: {t.text}; }}
QLineEdit[role="number"]:focus {{ background: {field}; border-color: {t.accent}; color: {t.text}; }}
QLineEdit[wrong="true"] {{ border-color: {t.danger}; color: {t.danger}; }}

QSlider {{ min-height: 18px; background: transparent; }}
QSlider::groove:horizontal {{ height: 3px; background: {rest}; border-radius: 1px; }}
QSlider::sub-page:horizontal {{ height: 3px; background: {t.accent}; border-radius: 1px; }}
QSlider::handle:horizontal {{ width: 11px; height: 11px; margin: -4px 0; border-radius: 5px; background: {handle}; border: none; }}
QSlider::handle:horizontal:hover {{ background: {mixed(handle, t.strong, 0.5)}; }}
QSlider::handle:horizontal:focus {{ background: {mixed(handle, t.strong, 0.5)}; border: 2px solid {t.accent}; width: 9px; height: 9px; }}
QSlider::sub-page:horizontal:disabled {{ background: {rest}; }}
QSlider::handle:horizontal:disabled {{ background: {faint}; }}

QCheckBox {{ spacing: 7px; background: transparent; color: {t.text}; }}
QCheckBox:disabled {{ color: {faint}; }}
QCheckBox::indicator, QTableView::indicator {{
  width: 13px; height: 13px; border-radius: 4px; border: 1px solid {rest}; background: {field}; }}
QCheckBox::indicator:hover, QCheckBox:focus::indicator {{ border-color: {t.accent}; }}
QTableView::indicator {{ margin-left: 4px; }}
QCheckBox::indicator:checked, QTableView::indicator:checked {{
  background: {t.accent}; border-color: {t.accent}; image: url({(ICONS / "tick.svg").as_posix()}); }}

QMenuBar {{ background: {t.panel}; color: {t.text}; }}
QMenuBar::item {{ padding: 4px 9px; background: transparent; border-radius: 4px; }}
QMenuBar::item:selected {{ background: {hover}; }}
QMenu {{ background: {t.card}; color: {t.text}; border: 1px solid {t.line}; padding: 5px; }}
QMenu::item {{ padding: 5px 22px 5px 12px; border-radius: 4px; }}
QMenu::item:selected {{ background: {chosen}; color: {chosen_text}; }}
QMenu::item:disabled {{ color: {faint}; }}
QMenu::separator {{ height: 1px; background: {t.line}; margin: 5px 8px; }}

QFileDialog QToolButton {{ padding: 3px; }}

QScrollArea {{ background: transparent; border: none; }}
QScrollArea > QWidget > QWidget#panel {{ background: {t.panel}; }}
QScrollBar:vertical {{ width: 8px; background: transparent; margin: 0; }}
QScrollBar:horizontal {{ height: 8px; background: transparent; margin: 0; }}
QScrollBar::handle {{ background: {rest}; border-radius: 3px; margin: 1px; min-height: 24px; min-width: 24px; }}
QScrollBar::handle:hover {{ background: {t.dim}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QSplitter::handle {{ background: {t.panel}; }}
QProgressBar {{ background: {field}; border: none; border-radius: 3px; text-align: center; color: {t.text}; max-height: 6px; }}
QProgressBar::chunk {{ background: {t.accent}; border-radius: 3px; }}
QTableView {{ background: {field}; color: {t.text}; gridline-color: {t.line}; border: 1px solid {t.line}; border-radius: 6px;
  selection-background-color: {chosen}; selection-color: {chosen_text}; }}
QTableView::item {{ padding: 0 1px; }}
QHeaderView::section {{ background: {t.card}; color: {t.dim}; border: none; padding: 3px 5px; }}
QTableCornerButton::section {{ background: {t.card}; border: none; }}
"""
