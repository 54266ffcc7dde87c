"""What the Treat page says around a session: what changed, the coil, what was left open."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from protocols.prescription import RemeasureBand
from protocols.terms import Side
from tests.delivery.test_treatment_review import cut_off
from tests.delivery.treatments import Ready, ago, make_ready
from tms_console.clinic.adverse_event import AdverseEvent, What
from tms_console.clinic.adverse_events import record_adverse_event
from tms_console.clinic.positioning import Method, Positioning, record_positioning
from tms_console.clock import RealClock
from tms_console.delivery.aftermath import IN_ANOTHER_WINDOW, settle_left_open
from tms_console.records.left_behind import UnsavedHeader, unsaved_path
from tms_console.records.operations import EndSession
from tms_console.records.session_lock import SessionLock
from tms_console.screens.treat import Asked, BeforeScreen, before_screen
from tms_console.screens.treat_after import after_screen


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path, RemeasureBand(3, 60), short=True)


def before(ready: Ready) -> BeforeScreen:
    asked = Asked(ready.patient_uid, "MagPro X100", simulated=False)
    with ready.trusting() as trusted:
        screen = before_screen(trusted, ready.station, ready.technician.enrolment, asked)
    assert isinstance(screen, BeforeScreen)
    return screen


def after(ready: Ready, uid: str) -> Any:
    with ready.trusting() as trusted:
        return after_screen(trusted, ready.station, uid)


def test_the_first_session_has_no_last_one_to_compare_with(ready: Ready) -> None:
    told = before(ready).changed
    assert "This is the first session of the course." in told
    assert not any("last session was" in one for one in told)


def test_the_last_session_is_told_with_its_pulses_and_what_happened_in_it(ready: Ready) -> None:
    uid = ready.treat().result.session_uid
    event = AdverseEvent(ready.patient_uid, What.HEADACHE, 1, ago(seconds=1), session_uid=uid)
    record_adverse_event(ready.station, ready.technician, event)

    told = before(ready).changed

    assert "The last session was today, with 18 pulses given." in told
    assert any(one.startswith("In it: headache") for one in told)
    assert "Dose, threshold and medication are as they were." in told


def test_another_threshold_is_told_with_the_dose_that_it_makes(ready: Ready) -> None:
    ready.treat()
    ready.measure(46, ago(seconds=1))

    told = before(ready).changed

    assert "A block rests on another threshold than in the last session." in told
    assert any("intensity 54 -> 55 %MSO" in one for one in told)
    assert "Dose, threshold and medication are as they were." not in told


def test_the_coil_goes_where_it_was_put_last(ready: Ready) -> None:
    assert before(ready).position == ()
    where = Positioning(
        ready.patient_uid,
        Method.FIVE_AND_A_HALF_CM,
        "left DLPFC",
        Side.LEFT,
        coil_angle_deg=45,
        hotspot="5 cm beside the vertex",
        note="hair clip at the mark",
    )
    record_positioning(ready.station, ready.technician, where)

    told = before(ready).position

    assert [label for label, _ in told] == [
        "Target",
        "Method",
        "Hotspot",
        "Coil angle",
        "Recorded",
        "Note",
    ]
    assert dict(told)["Coil angle"] == "45°"
    assert dict(told)["Recorded"].endswith("by Technician Somebody")


def test_a_session_that_nobody_closed_is_settled_and_told(ready: Ready) -> None:
    cut_off(ready, EndSession)
    (sentence,) = settle_left_open(ready.station, RealClock())
    assert "was cut off and is now interrupted: 18 pulses delivered" in sentence
    assert settle_left_open(ready.station, RealClock()) == ()
    uid = sentence.split()[1]
    screen = after(ready, uid)
    assert screen.headline == "Interrupted"
    assert screen.sentences[-1] == "When it ended nobody saw."


def test_before_it_is_settled_its_end_is_not_on_record(ready: Ready) -> None:
    cut_off(ready, EndSession)
    with ready.trusting() as trusted:
        (uid,) = trusted.sessions
    screen = after(ready, uid)
    assert screen.headline == "Still open on record"
    assert screen.sentences[-1] == "Its end is not on record yet."
    assert not screen.may_resume
    assert not screen.may_close


def test_a_session_of_another_window_is_left_alone(ready: Ready) -> None:
    cut_off(ready, EndSession)
    with SessionLock.acquire(ready.station.database.path):
        assert settle_left_open(ready.station, RealClock()) == (IN_ANOTHER_WINDOW,)
    assert len(settle_left_open(ready.station, RealClock())) == 1


def test_a_port_that_cannot_be_disarmed_is_said_first_and_tried_at_the_next_start(
    ready: Ready,
) -> None:
    """The record is settled all the same; what may be armed is noted beside it."""
    cut_off(ready, EndSession)
    database = ready.station.database
    with ready.trusting() as trusted:
        (uid,) = trusted.sessions
    header = UnsavedHeader(uid, database.uid, database.console_uid, ago(), "/dev/ttyX", "magpro")
    unsaved_path(database.path).write_text(json.dumps(asdict(header)) + "\n", encoding="utf-8")

    first, second = settle_left_open(ready.station, RealClock())

    assert "/dev/ttyX could not be disarmed" in first
    assert "own stop button" in first
    assert "tried again at the next start" in first
    assert "is now interrupted" in second
    with ready.trusting() as trusted:
        assert trusted.sessions[uid].ended is not None
    (again,) = settle_left_open(ready.station, RealClock())
    assert "/dev/ttyX could not be disarmed" in again
