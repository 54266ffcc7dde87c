"""The look: named tokens for two themes, and the one style sheet that is made from them.

Widgets name what they are by a property; no widget carries a colour or a size of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template


@dataclass(frozen=True, slots=True)
class Tokens:
    """Colours of one theme; text on its ground has a contrast of at least 4.5 (a test computes it).

    Attributes:
        name: `dark` or `light`.
        rail: Ground of the navigation rail and the status line.
        ground: Ground of the window.
        panel: Ground of a card.
        raised: Ground of a field, or of a row under the mouse.
        line: Lines and borders.
        text: Words and numbers.
        muted: Labels and what matters less.
        accent: The one accent: what is chosen, and the one primary action.
        on_accent: Words on the accent.
        accent_ground: Ground of what is chosen.
        done: What is delivered already.
        open: What is still to come.
        good: State: as it should be.
        good_ground: Ground of that.
        warn: State: needs somebody.
        warn_ground: Ground of that.
        on_warn: Words on `warn` as a ground.
        pause: The button that pauses.
        on_pause: Words on it.
        bad: State: refused, stopped, wrong.
        bad_ground: Ground of that.
        stop: The STOP button.
        on_stop: Words on it.
        note: State: for information.
        note_ground: Ground of that.
    """

    name: str
    rail: str
    ground: str
    panel: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    accent_ground: str
    done: str
    open: str
    good: str
    good_ground: str
    warn: str
    warn_ground: str
    on_warn: str
    pause: str
    on_pause: str
    bad: str
    bad_ground: str
    stop: str
    on_stop: str
    note: str
    note_ground: str


DARK = Tokens(
    name="dark",
    rail="#0a0f12",
    ground="#0e1417",
    panel="#151d22",
    raised="#1b252b",
    line="#26333b",
    text="#e9eff2",
    muted="#93a5af",
    accent="#39c2cd",
    on_accent="#06191b",
    accent_ground="#14343a",
    done="#2b8a93",
    open="#26333b",
    good="#63d6a0",
    good_ground="#12261c",
    warn="#f3c04d",
    warn_ground="#2c2410",
    on_warn="#1d1500",
    pause="#f3c04d",
    on_pause="#1d1500",
    bad="#ff8084",
    bad_ground="#2f1618",
    stop="#d9363c",
    on_stop="#ffffff",
    note="#8fb4f5",
    note_ground="#16202f",
)

LIGHT = Tokens(
    name="light",
    rail="#e7edf0",
    ground="#f2f5f7",
    panel="#ffffff",
    raised="#f2f6f8",
    line="#cfd9df",
    text="#14212a",
    muted="#50636e",
    accent="#0a6f79",
    on_accent="#ffffff",
    accent_ground="#d5eef0",
    done="#4aa5ad",
    open="#dbe4e8",
    good="#146c45",
    good_ground="#def3e7",
    warn="#7c5200",
    warn_ground="#fbefd2",
    on_warn="#ffffff",
    pause="#f3c04d",
    on_pause="#1d1500",
    bad="#b3262c",
    bad_ground="#fbe2e2",
    stop="#cf2a31",
    on_stop="#ffffff",
    note="#2a56ad",
    note_ground="#e2ebfa",
)

THEMES = {theme.name: theme for theme in (DARK, LIGHT)}

SPACE = 8
"""Distances are multiples of this, in logical pixels."""
RADIUS = 10
SIZE = {"huge": 44, "big": 26, "state": 22, "title": 18, "body": 14, "small": 12, "label": 11}
"""Type sizes in logical pixels; `huge` is read at two metres."""
FAMILY = "Inter"


def style_sheet(tokens: Tokens) -> str:
    """Return the style sheet of a theme."""
    values = {name: getattr(tokens, name) for name in Tokens.__dataclass_fields__}
    values |= {f"size_{name}": f"{size}px" for name, size in SIZE.items()}
    return Template(_SHEET).substitute(values, family=FAMILY, radius=f"{RADIUS}px")


_SHEET = """
* { font-family: "$family"; font-size: $size_body; color: $text; }
QWidget#window, QWidget[ground="window"], QScrollArea, QScrollArea > QWidget > QWidget {
    background: $ground; }
QWidget[ground="rail"] { background: $rail; }
QWidget[ground="panel"] { background: $panel; border: 1px solid $line; border-radius: $radius; }
QScrollArea { border: none; }
QScrollArea[inside="card"], QScrollArea[inside="card"] > QWidget > QWidget {
    background: $panel; }
QLabel { background: transparent; }
QLabel[role="huge"] { font-size: $size_huge; font-weight: 700; }
QLabel[role="big"] { font-size: $size_big; font-weight: 600; }
QLabel[role="title"] { font-size: $size_title; font-weight: 600; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="small"] { font-size: $size_small; color: $muted; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="state"] { font-size: $size_state; font-weight: 700; }
QLabel[role="label"] { font-size: $size_label; font-weight: 600; color: $muted; }
QLabel[state="good"] { color: $good; }
QLabel[state="warn"] { color: $warn; }
QLabel[state="bad"] { color: $bad; }
QLabel[state="note"] { color: $note; }
QLabel[state="muted"] { color: $muted; }

QFrame[chip="true"] { background: $panel; border: 1px solid $line; border-radius: 13px; }
QFrame[chip="true"][state="good"] { border-color: $good; }
QFrame[chip="true"][state="warn"] { border-color: $warn; }
QFrame[chip="true"][state="bad"] { border-color: $bad; }
QFrame[finding="true"] { border: none; border-left: 4px solid $line; border-radius: 6px;
    background: $raised; }
QFrame[finding="true"][state="good"] { border-left-color: $good; background: $good_ground; }
QFrame[finding="true"][state="warn"] { border-left-color: $warn; background: $warn_ground; }
QFrame[finding="true"][state="bad"] { border-left-color: $bad; background: $bad_ground; }
QFrame[finding="true"][state="note"] { border-left-color: $note; background: $note_ground; }
QFrame[alerts="true"] { border: 1px solid $line; border-radius: 6px;
    background: $raised; }
QFrame[alerts="true"][state="warn"] { border-color: $warn; background: $warn_ground; }
QFrame[alerts="true"][state="good"] { border-color: $good; background: $good_ground; }
QFrame[alerts="true"][state="bad"] { border-color: $bad; background: $bad_ground; }
QFrame[rule="true"] { background: $line; border: none; max-height: 1px; min-height: 1px; }

QPushButton { background: $panel; border: 1px solid $line; border-radius: 8px;
    padding: 9px 16px; font-weight: 600; }
QPushButton:hover { background: $raised; }
QPushButton:focus { border: 2px solid $accent; padding: 8px 15px; }
QPushButton:disabled { color: $muted; border-color: $line; background: $ground; }
QPushButton[kind="primary"] { background: $accent; color: $on_accent; border-color: $accent; }
QPushButton[kind="primary"]:focus { border: 2px solid $text; }
QPushButton[kind="primary"]:disabled { background: $open; color: $muted; border-color: $open; }
QPushButton[kind="pause"] { background: $pause; color: $on_pause; border-color: $pause;
    font-size: $size_body; padding: 12px 16px; }
QPushButton[kind="stop"] { background: $stop; color: $on_stop; border-color: $stop;
    font-size: $size_title; font-weight: 700; padding: 20px 16px; }
QPushButton[kind="stop"]:focus { border: 3px solid $text; padding: 18px 14px; }
QPushButton[kind="stop-frame"] { background: $stop; color: $on_stop; border-color: $stop;
    font-size: $size_title; font-weight: 700; padding: 6px 20px; }
QPushButton[kind="stop-frame"]:focus { border: 3px solid $text; padding: 4px 18px; }
QPushButton[kind="danger"] { color: $bad; border-color: $bad; }
QPushButton[kind="danger"]:hover { background: $bad_ground; }
QPushButton[kind="danger"]:disabled, QPushButton[kind="pause"]:disabled,
QPushButton[kind="tap"]:disabled, QPushButton[kind="tap-bad"]:disabled {
    color: $muted; border-color: $line; background: $ground; }
QPushButton[kind="quiet"] { background: transparent; border-color: transparent; }
QToolButton[kind="rail"] { background: transparent; border: 1px solid transparent;
    border-radius: 8px; padding: 8px 2px; font-size: $size_label; font-weight: 500;
    color: $muted; }
QToolButton[kind="rail"]:checked { background: $accent_ground; color: $accent; }
QToolButton[kind="rail"]:focus { border: 2px solid $accent; padding: 7px 1px; }
QPushButton[kind="tab"] { background: transparent; border-color: transparent; color: $muted;
    padding: 6px 10px; font-size: $size_small; }
QPushButton[kind="tab"]:checked { background: $accent_ground; color: $accent; }
QPushButton[kind="tab"]:focus { border: 2px solid $accent; padding: 5px 9px; }
QPushButton[kind="choice"] { padding: 5px 12px; font-weight: 500; }
QPushButton[kind="choice"]:checked { background: $accent_ground; border-color: $accent;
    color: $accent; font-weight: 600; }
QPushButton[kind="choice"]:focus { border: 2px solid $accent; padding: 4px 11px; }
QPushButton[kind="tap"] { padding: 4px 4px; font-size: $size_small; font-weight: 500; }
QPushButton[kind="tap"]:checked { background: $accent_ground; border-color: $accent;
    color: $accent; }
QPushButton[kind="tap"]:focus { border: 2px solid $accent; padding: 3px; }
QPushButton[kind="tap-bad"] { padding: 4px 4px; color: $bad; border-color: $bad; }
QPushButton[kind="tap-bad"]:focus { border: 2px solid $text; padding: 3px; }
QPushButton[kind="step"] { padding: 0; font-size: $size_big; }
QPushButton[kind="step"]:focus { padding: 0; }
QPushButton[kind="row"] { text-align: left; background: $panel; padding: 10px 12px; }
QPushButton[kind="row"]:checked { background: $accent_ground; border-color: $accent; }

QLineEdit, QPlainTextEdit, QTextEdit, QComboBox, QSpinBox, QDateEdit { background: $ground;
    border: 1px solid $line; border-radius: 8px; padding: 8px 10px;
    selection-background-color: $accent; selection-color: $on_accent;
    placeholder-text-color: $muted; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QComboBox:focus, QSpinBox:focus,
QDateEdit:focus { border: 2px solid $accent; padding: 7px 9px; }
QLineEdit[state="bad"], QPlainTextEdit[state="bad"] { border-color: $bad; }
QComboBox QAbstractItemView { background: $panel; border: 1px solid $line;
    selection-background-color: $accent_ground; selection-color: $text; }
QCheckBox, QRadioButton { spacing: 8px; background: transparent; }
QCheckBox:focus, QRadioButton:focus { color: $accent; }
QCheckBox::indicator { width: 16px; height: 16px; border: 2px solid $muted; border-radius: 4px;
    background: $ground; }
QCheckBox::indicator:focus { border-color: $text; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent;
    image: url(tms:check-$name.svg); }
QCheckBox::indicator:checked:focus { border-color: $text; }
QComboBox::drop-down { border: none; width: 30px; background: transparent; }
QComboBox::down-arrow { image: url(tms:down-$name.svg); width: 16px; height: 16px; }
QSpinBox QLineEdit, QSpinBox QLineEdit:focus { background: transparent; border: none;
    padding: 0 0 0 9px; }
QSpinBox { min-height: 20px; }
QSpinBox::up-button, QSpinBox::down-button { width: 28px; border: none; background: transparent;
    subcontrol-origin: border; }
QSpinBox::up-button { subcontrol-position: top right; margin-top: 3px; }
QSpinBox::down-button { subcontrol-position: bottom right; margin-bottom: 3px; }
QSpinBox::up-arrow { image: url(tms:up-$name.svg); width: 14px; height: 14px; }
QSpinBox::down-arrow { image: url(tms:down-$name.svg); width: 14px; height: 14px; }

QTableView, QTreeView, QListView { background: $panel; border: 1px solid $line;
    border-radius: 8px; gridline-color: $line; alternate-background-color: $raised;
    selection-background-color: $accent_ground; selection-color: $text; outline: 0; }
QTableView:focus, QTreeView:focus, QListView:focus { border: 2px solid $accent; }
QTableView::item { padding: 4px 8px; }
QHeaderView { background: transparent; border: none; }
QHeaderView::section { background: transparent; color: $muted; border: none;
    border-bottom: 1px solid $line; padding: 8px 8px 8px 11px; font-size: $size_small; }
QTableCornerButton::section { background: $panel; border: none; }

QProgressBar { background: $open; border: none; border-radius: 4px; max-height: 8px;
    min-height: 8px; text-align: center; color: transparent; }
QProgressBar::chunk { background: $done; border-radius: 4px; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 2px; }
QScrollBar::handle:vertical { background: $line; border-radius: 4px; min-height: 32px; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 2px; }
QScrollBar::handle:horizontal { background: $line; border-radius: 4px; min-width: 32px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: 6px; }
QMenu { background: $panel; border: 1px solid $line; }
QMenu::item:selected { background: $accent_ground; }
QDialog { background: $panel; }
"""
