"""Awkward moments for a window: another on its file, the clock set back, a full disk, its end."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from tests.accounts.people import Wall
from tests.delivery.refusing import found
from tests.ui.decisions import OFFSCREEN
from tests.ui.test_faults import armed, on_a_port, wait_for
from tests.ui.treating import PATIENCE_MS, Treating, practice, treating
from tms_console.clinic.patients import PatientDetails, Sex, add_patient, search
from tms_console.delivery.order import PortOrder
from tms_console.main import recover_database
from tms_console.records.database import Purpose
from tms_console.records.queries import list_sessions
from tms_console.records.seals import write_seal

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)


@pytest.fixture
def demo(qtbot: QtBot, tmp_path: Path) -> Iterator[Treating]:
    with treating(qtbot, tmp_path) as made:
        yield made


def said(widget: QWidget) -> str:
    return " ".join(one.text() for one in widget.findChildren(QLabel) if one.isVisibleTo(widget))


def texts(widget: QWidget) -> str:
    return " ".join(
        [one.accessibleName() for one in widget.findChildren(QWidget)]
        + [one.text() for one in widget.findChildren(QLabel)]
    )


def refusals(demo: Treating) -> str:
    told = demo.page.before.refusals
    return " ".join(told.itemAt(at).widget().accessibleName() for at in range(told.count()))


def press_start(demo: Treating) -> None:
    demo.prepare()
    demo.qtbot.waitUntil(lambda: demo.bridge.link.challenge is not None, timeout=PATIENCE_MS)
    demo.click(demo.page.before.start_button)


def test_of_two_windows_on_one_file_one_treats_and_the_other_says_why_not(
    qtbot: QtBot, tmp_path: Path
) -> None:
    ready = practice(tmp_path, Purpose.DEMO)
    database = ready.station.database
    with (
        on_a_port(tmp_path) as (device, _, port),
        treating(
            qtbot, tmp_path, ready=ready, device=PortOrder(driver="magpro", port=str(port))
        ) as first,
        treating(qtbot, tmp_path, ready=ready) as second,
    ):
        second.prepare()
        first.start()
        first.wait("resting", "delivering")
        recover_database(database.path)  # as a third window does when it opens
        qtbot.waitUntil(lambda: second.bridge.link.challenge is not None, timeout=PATIENCE_MS)
        second.click(second.page.before.start_button)
        qtbot.waitUntil(lambda: bool(refusals(second)), timeout=PATIENCE_MS)
        second.over()
        second.idle()
        assert "a session is running on this database, in another window" in refusals(second)
        first.over()
        first.sees(first.page.after)
        first.idle()
        assert first.page.after.headline.text() == "Delivered as planned"
        assert len(device.fired) == 18
        second.page.look()
        second.idle()
        assert "Delivered as planned" in said(second.page) or "Session 2" in said(second.page)
    (line,) = list_sessions(database)
    assert (line.state, line.delivered) == ("completed", 18)
    assert found(database.path) == {}


def test_what_one_window_writes_the_other_sees_and_neither_loses(
    qtbot: QtBot, tmp_path: Path
) -> None:
    ready = practice(tmp_path, Purpose.DEMO)
    with (
        treating(qtbot, tmp_path, ready=ready) as first,
        treating(qtbot, tmp_path, ready=ready) as second,
    ):
        for one in (first, second):
            one.sees(one.page.before)
            one.idle()
        names = [f"Patient, Number {number}" for number in range(12)]
        failed: list[str] = []
        for number, name in enumerate(names):
            one = (first, second)[number % 2]
            details = PatientDetails(name, "1990-01-02", Sex.MALE, f"O-{number}")
            one.bridge.act(
                one.page, partial(add_patient, details=details), lambda _uid: None, failed.append
            )
        first.idle()
        second.idle()
        assert failed == []
        for window in (first, second):
            with window.bridge.station.trusting() as trusted:
                seen = {one.details.name for one in search(trusted, "Patient, Number")}
            assert set(names) == seen
    assert found(ready.station.database.path) == {}


@pytest.mark.parametrize("moment", ["before Prepare", "before Start"])
def test_a_clock_that_was_set_back_is_told_and_starts_nothing(
    qtbot: QtBot, tmp_path: Path, moment: str
) -> None:
    ready = practice(tmp_path, Purpose.DEMO)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="microseconds")
    ahead = replace(ready.station, wall=Wall(tomorrow.replace("+00:00", "Z")))
    with treating(qtbot, tmp_path, ready=ready) as demo:
        if moment == "before Start":
            demo.prepare()
            qtbot.waitUntil(lambda: demo.bridge.link.challenge is not None, timeout=PATIENCE_MS)
        else:
            demo.sees(demo.page.before)
            demo.idle()
        write_seal(ahead.database, ahead.anchor, "a test", wall=ahead.wall)
        if moment == "before Start":
            demo.click(demo.page.before.start_button)
        else:
            demo.click(demo.page.before.prepare_button)
        demo.idle()
        demo.over()
        demo.idle()
        where = refusals(demo) if moment == "before Start" else texts(demo.page.before)
        assert "behind the newest entry of the record. Set the computer's clock" in where
        assert not demo.page.before.start_button.isVisible()
        assert list_sessions(ready.station.database) == ()


def test_a_full_disk_at_start_begins_nothing_and_is_told(qtbot: QtBot, tmp_path: Path) -> None:
    """The delivering process can make no file longer, as on a disk without room."""
    with on_a_port(tmp_path) as (device, _, port):
        order = PortOrder(driver="magpro", port=str(port))
        with treating(qtbot, tmp_path, device=order) as demo:
            database = demo.ready.station.database
            demo.prepare()
            qtbot.waitUntil(lambda: demo.bridge.link.challenge is not None, timeout=PATIENCE_MS)
            client = demo.bridge.link._client
            assert client is not None
            log = database.path.with_name(database.path.name + "-wal")
            most = log.stat().st_size if log.exists() else 0
            resource.prlimit(client.pid, resource.RLIMIT_FSIZE, (most, most))
            demo.click(demo.page.before.start_button)
            demo.idle()
            demo.over()
            demo.idle()
            assert "the disk reports an error" in refusals(demo)
            assert not armed(device)
            assert device.fired == ()
            assert list_sessions(database) == ()


ENDS = {
    "prepared": [],
    "ordered": [],
    "begun": ["interrupted"],
    "delivering": ["interrupted"],
    "after": ["stopped"],
}


@pytest.mark.parametrize("moment", ["prepared", "ordered", "begun", "delivering", "after"])
def test_a_window_that_goes_at_any_moment_leaves_nothing_armed_and_a_true_record(
    qtbot: QtBot, tmp_path: Path, moment: str
) -> None:
    """By its close button it stays while a session runs; here the program itself is ended."""
    ready = practice(tmp_path, Purpose.DEMO)
    database = ready.station.database
    with on_a_port(tmp_path) as (device, _, port):
        order = PortOrder(driver="magpro", port=str(port))
        with treating(qtbot, tmp_path, ready=ready, device=order) as demo:
            if moment == "prepared":
                demo.prepare()
            elif moment == "ordered":
                press_start(demo)
            else:
                demo.start()
                if moment != "begun":
                    demo.wait("delivering")
                if moment == "after":
                    demo.click(demo.page.during.stop_button)
                    demo.over()
            closed = demo.shell.close()
            assert closed == (moment in ("prepared", "ordered", "after"))
        wait_for(lambda: not armed(device), "the stimulator is still armed")
        wait_for(
            lambda: all(one.state != "running" for one in list_sessions(database)), "still runs"
        )
        fired = len(device.fired)
    lines = list_sessions(database)
    assert [one.state for one in lines] == ENDS[moment]
    assert sum(one.delivered for one in lines) <= fired
    assert fired <= sum(one.delivered + one.unknown for one in lines)
    assert found(database.path) == {}
