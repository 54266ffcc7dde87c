"""Icons by what they stand for, from one maintained package, in the colour of the theme."""

from __future__ import annotations

import os

os.environ.setdefault("QT_API", "pyside6")  # qtawesome asks qtpy, which would take any binding

import qtawesome
from PySide6.QtGui import QIcon

from tms_console.ui.theme import Tokens

NAMES = {
    "today": "ph.clock",
    "patients": "ph.users-three",
    "treat": "ph.target",
    "threshold": "ph.activity",
    "approvals": "ph.check-circle",
    "device": "ph.lightning",
    "records": "ph.list-dashes",
    "qa": "ph.flask",
    "stop": "ph.stop-fill",
    "pause": "ph.pause-fill",
    "resume": "ph.play-fill",
    "good": "ph.check-circle-fill",
    "warn": "ph.warning-fill",
    "bad": "ph.x-circle-fill",
    "note": "ph.info-fill",
    "waits": "ph.diamond-fill",
    "lock": "ph.lock-simple",
    "user": "ph.user",
    "search": "ph.magnifying-glass",
    "add": "ph.plus",
    "less": "ph.minus",
    "theme": "ph.circle-half-fill",
    "log_out": "ph.sign-out",
}


def icon(name: str, tokens: Tokens, colour: str = "muted") -> QIcon:
    """Return an icon.

    Args:
        name: What it stands for, a key of `NAMES`.
        tokens: The theme.
        colour: The name of one of its colours; a chosen one takes the accent.
    """
    made: QIcon = qtawesome.icon(
        NAMES[name], color=getattr(tokens, colour), color_on=tokens.accent, scale_factor=1.0
    )
    return made
