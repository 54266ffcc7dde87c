"""Can a window be opened here?  If not, why, in one sentence with what to install or to do.

Looked at before Qt is, which would end the program without a word that helps.
"""

from __future__ import annotations

import ctypes.util
import importlib
import os
import sys
from collections.abc import Callable, Mapping

QT_NEEDS = {
    "libEGL": "libegl1",
    "libGL": "libgl1",
    "libxkbcommon": "libxkbcommon0",
    "libfontconfig": "libfontconfig1",
    "libdbus-1": "libdbus-1-3",
}
"""Libraries that QtGui links, and the Debian packages that hold them (pitfalls.md, 0)."""
XCB_NEEDS = {
    "xcb-cursor": "libxcb-cursor0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-keysyms": "libxcb-keysyms1",
    "xcb-image": "libxcb-image0",
    "xcb-render-util": "libxcb-render-util0",
}
"""Libraries of Qt's X11 plugin, without which Qt aborts (pitfalls.md, 0)."""


def why_no_window(
    environment: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
    load: Callable[[str], object] = importlib.import_module,
    find: Callable[[str], str | None] = ctypes.util.find_library,
) -> str:
    """Return why no window can be opened, as a sentence; "" if one can.

    Args:
        environment: The environment.
        platform: As `sys.platform`.
        load: Imports a module; Qt's.
        find: Finds a system library by its name.
    """
    try:
        load("PySide6.QtGui")
    except ImportError as error:
        return _missing(str(error))
    if platform != "linux" or environment.get("QT_QPA_PLATFORM"):
        return ""
    if environment.get("WAYLAND_DISPLAY"):
        return ""
    if not environment.get("DISPLAY"):
        return "There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set)."
    missing = [package for name, package in XCB_NEEDS.items() if find(name) is None]
    if missing:
        return f"Qt's X11 plugin needs libraries that are not installed: {' '.join(missing)}."
    return ""


def _missing(words: str) -> str:
    for library, package in QT_NEEDS.items():
        if words.startswith(library):
            return f"The system library {library} is missing: install the package {package}."
    return f"Qt cannot be loaded: {words}."
