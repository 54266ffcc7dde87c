"""The window's end of the delivering process, when that does not even start."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from tms_console.delivery import pipe
from tms_console.delivery.order import PortOrder, SessionOrder
from tms_console.ui import link as links
from tms_console.ui.link import CANNOT_START, DeliveryLink, SessionView

PORT = PortOrder(driver="magpro", port="localhost:1")


class StillBorn:
    """A delivering process that ends before it has said anything."""

    started: list[tuple[str, str] | None] = []  # noqa: RUF012 - emptied by each test
    pid = 0
    silent_s = 0.0

    def __init__(
        self,
        heard: Callable[[pipe.Message], None],
        died: Callable[[int], None],
        *,
        disarm_first: tuple[str, str] | None = None,
    ) -> None:
        del heard
        self.started.append(disarm_first)
        QTimer.singleShot(0, lambda: died(1))

    def send(self, command: pipe.Command) -> bool:
        del command
        return False

    def close(self) -> int:
        return 1


def test_a_process_that_never_comes_up_is_said_and_the_disarm_is_not_forgotten(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its successor, and every one after it, must still begin with the disarm."""
    monkeypatch.setattr(links, "DeliveryClient", StillBorn)
    StillBorn.started.clear()
    order = SessionOrder(
        kind="rehearsal",
        digest="0" * 64,
        authority_uid="a",
        database="b",
        device=PORT,
        actor="c",
    )
    link = DeliveryLink()
    link.view = SessionView(order=order, running=True)
    link.open()
    qtbot.waitUntil(lambda: CANNOT_START in link.view.lost, timeout=20_000)
    assert not link.view.running
    assert StillBorn.started == [None, (PORT.driver, PORT.port), (PORT.driver, PORT.port)]
    link.close()
    assert not link._restart.isActive()


class Deaf(StillBorn):
    """A delivering process that says that it lives and takes nothing any more."""

    def __init__(
        self,
        heard: Callable[[pipe.Message], None],
        died: Callable[[int], None],
        *,
        disarm_first: tuple[str, str] | None = None,
    ) -> None:
        del heard
        self.started.append(disarm_first)
        self._died = died

    def kill(self) -> None:
        self._died(-9)


def test_a_process_that_does_not_take_stop_is_ended_and_its_successor_disarms(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "DeliveryClient", Deaf)
    StillBorn.started.clear()
    order = SessionOrder(
        kind="rehearsal",
        digest="0" * 64,
        authority_uid="a",
        database="b",
        device=PORT,
        actor="c",
    )
    link = DeliveryLink()
    link.open()
    link.view = SessionView(order=order, running=True)
    try:
        link.stop("STOP was pressed")
        qtbot.waitUntil(lambda: len(StillBorn.started) == 2)
        qtbot.waitUntil(lambda: not link.running)
        assert StillBorn.started == [None, ("magpro", "localhost:1")]
        assert "did not take Stop and was ended" in " ".join(link.view.lost)
        assert "own stop button" in " ".join(link.view.lost)
    finally:
        link.close()
