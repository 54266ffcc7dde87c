"""One sentence of whether the record is whole: the worst of what is known, with its time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.delivery.treatments import Ready, make_ready
from tms_console.records.upkeep import record_integrity
from tms_console.screens.integrity import (
    CHECKING,
    GIVEN_UP,
    WAITING,
    FileLook,
    Known,
    Noted,
    Verified,
    failed_screen,
    file_noted,
    integrity_screen,
)

BERLIN = ZoneInfo("Europe/Berlin")
MORNING, NOON = "2026-03-02T07:02:00Z", "2026-03-02T11:30:00Z"
TORN = ("a page is torn",)
BROKEN = Verified(NOON, "3 things not as written (of 5 sessions)", sound=False)


def noted(look: FileLook | None) -> Noted:
    return Noted(look, BERLIN, date(2026, 3, 2))


SOUND = Known(own=FileLook(MORNING), noted=noted(FileLook(MORNING)))


def test_a_sound_file_is_said_to_be_sound_with_its_time_in_the_clinics_zone() -> None:
    screen = integrity_screen(SOUND)
    assert screen.text == "The file of the record was checked 08:02 and is sound."
    assert (screen.state, screen.alarm, screen.short) == ("good", "", "File checked 08:02")


def test_before_anything_is_known_it_is_said_when_it_will_be() -> None:
    assert integrity_screen(Known()) == WAITING
    assert integrity_screen(Known(noted=noted(None), doing=CHECKING)) == CHECKING


@pytest.mark.parametrize(
    "known",
    [
        replace(SOUND, noted=noted(FileLook(NOON, TORN))),  # found by another window since
        replace(SOUND, own=FileLook(NOON, TORN)),
        replace(SOUND, own=FileLook(MORNING, TORN)),  # at the same moment the worse one counts
        replace(SOUND, noted=noted(FileLook(MORNING, TORN))),
        Known(own=FileLook(MORNING, TORN, "the disk is full"), noted=noted(FileLook(NOON))),
        replace(SOUND, noted=noted(FileLook(NOON, TORN)), doing=CHECKING),
        replace(SOUND, noted=noted(FileLook(NOON, TORN)), doubt="It cannot be read."),
    ],
)
def test_damage_outranks_that_the_file_was_sound(known: Known) -> None:
    screen = integrity_screen(known)
    assert screen.state == "bad"
    assert "THE FILE OF THE RECORD IS DAMAGED (1 fault: a page is torn)" in screen.alarm
    assert "is sound" not in screen.text
    assert screen.short.startswith("✕ File damaged, found ")


def test_damage_says_when_it_was_found_and_that_it_is_not_on_record() -> None:
    unrecorded = Known(own=FileLook(NOON, TORN, "the disk is full"), noted=noted(None))
    told = integrity_screen(unrecorded).alarm
    assert "It was found 12:30." in told
    assert "could not be put on record: the disk is full" in told


def test_a_newer_sound_check_takes_damage_back_as_it_does_at_the_gate() -> None:
    known = Known(own=FileLook(MORNING, TORN), noted=noted(FileLook(NOON)))
    assert integrity_screen(known).text == "The file of the record was checked 12:30 and is sound."


def test_beside_a_verification_that_found_something_nothing_is_green() -> None:
    screen = integrity_screen(replace(SOUND, verified=BROKEN))
    assert screen.state == "bad"
    assert "verification 12:30 found: 3 things not as written (of 5 sessions)." in screen.text
    assert "That its file was sound 08:02 says nothing of that." in screen.text
    assert screen.short == "✕ Record not as written, found 12:30"
    assert integrity_screen(replace(SOUND, verified=replace(BROKEN, sound=True))).state == "good"


def test_a_record_that_cannot_be_believed_is_not_said_to_be_sound() -> None:
    screen = integrity_screen(replace(SOUND, doubt="The chain does not end where it was left."))
    assert screen.state == "bad"
    assert screen.text.startswith(
        "The record cannot be relied on: The chain does not end where it was left. Treat nobody"
    )


@pytest.mark.parametrize("doing", [CHECKING, GIVEN_UP, failed_screen("It is busy.")])
def test_what_is_being_done_says_what_was_known_before(doing) -> None:  # type: ignore[no-untyped-def]
    screen = integrity_screen(replace(SOUND, doing=doing))
    assert screen.text == f"{doing.text} It was sound 08:02."
    assert (screen.state, screen.busy) == (doing.state, doing.busy)


def test_a_check_that_is_not_on_record_is_no_green_one() -> None:
    screen = integrity_screen(Known(own=FileLook(MORNING, (), "the disk is full")))
    assert screen.state == "warn"
    assert "checked 07:02 UTC" in screen.text


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path)


def test_what_the_record_says_of_its_file_is_its_newest_check(ready: Ready) -> None:
    database = ready.station.database

    def read() -> FileLook | None:
        with ready.trusting() as trusted:
            return file_noted(trusted, database, ready.station.wall()).look

    assert read() is None
    record_integrity(database, TORN, wall=ready.station.wall)
    found = read()
    assert found is not None
    assert found.faults == TORN
    record_integrity(database, (), wall=ready.station.wall)
    newest = read()
    assert newest is not None
    assert newest.faults == ()
