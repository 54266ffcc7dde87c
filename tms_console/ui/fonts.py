"""The typeface and marks that ship with the program; nothing else is looked for."""

from __future__ import annotations

from importlib import resources

from PySide6.QtCore import QDir
from PySide6.QtGui import QFont, QFontDatabase

from tms_console.ui.theme import FAMILY, SIZE

FILES = ("Inter-Regular.otf", "Inter-Medium.otf", "Inter-SemiBold.otf", "Inter-Bold.otf")


class FontMissing(Exception):
    """A font of the program is not there or damaged: the installation is incomplete."""


def find_marks() -> None:
    """Let the style sheet find its marks and arrows, as `tms:NAME.svg`."""
    QDir.setSearchPaths("tms", [str(resources.files("resources") / "icons")])


def load_fonts() -> QFont:
    """Load the program's fonts and return the one for plain text; its figures are tabular.

    Raises:
        FontMissing: One of them cannot be loaded.
    """
    folder = resources.files("resources") / "fonts"
    for name in FILES:
        if QFontDatabase.addApplicationFontFromData((folder / name).read_bytes()) < 0:
            raise FontMissing(f"the font {name} of the program cannot be loaded; reinstall it")
    font = QFont(FAMILY)
    font.setPixelSize(SIZE["body"])
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font
