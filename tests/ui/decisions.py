"""A window of this part's pages on a clinic, for tests: shown offscreen, closed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from tests.clinic.prescribing import Practice
from tms_console.accounts.login import Login
from tms_console.delivery.order import EmulatorOrder
from tms_console.ui.app import application
from tms_console.ui.bridge import Bridge, ChosenDevice
from tms_console.ui.page import Page
from tms_console.ui.pages.approvals import ApprovalsPage
from tms_console.ui.scrolling import RowButton
from tms_console.ui.theme import DARK, style_sheet

_P = TypeVar("_P", bound=Page)

PATIENCE_MS = 20_000

OFFSCREEN = "This plugin does not support"
"""The offscreen platform says so of every window with a least size, and of every popup."""


@contextmanager
def page_of(
    practice: Practice, login: Login, kind: type[_P], *, process: bool = False
) -> Iterator[_P]:
    """One page alone, with a bridge; with a delivering process where it is needed."""
    application().setStyleSheet(style_sheet(DARK))
    device = ChosenDevice(EmulatorOrder(name="magpro"), "MagPro X100", simulated=True)
    bridge = Bridge(practice.station, device)
    if process:
        bridge.link.open()
    bridge.login = login
    page = kind(bridge)
    page.resize(1180, 640)
    page.show()
    page.entered()
    try:
        yield page
    finally:
        page.left()
        bridge.close()
        page.close()
        page.deleteLater()
        bridge.deleteLater()


def idle(qtbot: QtBot, page: Page) -> None:
    """Wait until nothing is read or written any more."""
    qtbot.waitUntil(lambda: page.bridge.worker._waiting == 0, timeout=PATIENCE_MS)


def unnamed(page: QWidget) -> list[QWidget]:
    """Return controls without an accessible name."""
    kinds = (QAbstractButton, QLineEdit, QComboBox)
    found = [one for kind in kinds for one in page.findChildren(kind)]
    return [
        one
        for one in found
        if not one.accessibleName() and not one.objectName().startswith("qt_spinbox")
    ]


def keys(page: ApprovalsPage) -> list[str]:
    """Return what stands in the list of approvals."""
    buttons = page._group.buttons()
    return [one.key for one in buttons if isinstance(one, RowButton)]


def types(qtbot: QtBot, field: QWidget, text: str) -> None:
    """Type a text as a person does."""
    qtbot.keyClicks(field, text)


def presses(qtbot: QtBot, field: QWidget, key: Qt.Key) -> None:
    """Press one key."""
    qtbot.keyClick(field, key)
