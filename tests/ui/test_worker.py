"""The window's worker: one after another, away from the window's thread, and nothing at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from tms_console.ui.worker import Worker


def test_what_is_done_comes_back_in_the_windows_thread(qtbot: QtBot) -> None:
    worker, owner = Worker(), QObject()
    came: list[tuple[str, int]] = []

    def tell(result: object) -> None:
        came.append((str(result), threading.get_ident()))

    def fail() -> str:
        raise ValueError("no")

    try:
        worker.run(owner, lambda: str(threading.get_ident()), tell, tell)
        worker.run(owner, fail, tell, tell)
        qtbot.waitUntil(lambda: len(came) == 2)
    finally:
        worker.close()
    assert [thread for _, thread in came] == [threading.get_ident()] * 2
    assert came[0][0] != str(threading.get_ident())
    assert came[1][0] == "no"


def test_nothing_is_begun_once_the_window_is_closing() -> None:
    worker, done = Worker(), list[str]()
    worker.close()
    worker.run(worker, lambda: done.append("worked"), lambda _: None, lambda _: None)
    assert done == []
    assert worker._waiting == 0


def test_an_answer_that_is_there_at_once_still_comes_after_the_question(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise what follows from it happens inside the click that asked, or not, by chance."""
    worker, came = Worker(), list[str]()

    def at_once(work: Callable[[], str]) -> Future[str]:
        future: Future[str] = Future()
        future.set_result(work())
        return future

    monkeypatch.setattr(worker._pool, "submit", at_once)
    worker.run(worker, lambda: "told", came.append, lambda error: came.append(str(error)))
    assert came == []
    qtbot.waitUntil(lambda: came == ["told"])
    worker.close()
