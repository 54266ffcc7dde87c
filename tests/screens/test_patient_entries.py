"""Thresholds, positioning and adverse events as they are typed: what is refused where, and kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.canonical import ContentError
from tests.clinic.sessions import Past, treated
from tests.delivery.treatments import Ready, ago, make_ready
from tms_console.accounts.errors import NotPermitted
from tms_console.accounts.roles import Role
from tms_console.clinic.adverse_events import adverse_events_of, holds
from tms_console.clinic.attachments import read_photo
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import patient
from tms_console.clinic.positioning import positionings_of
from tms_console.clinic.thresholds import thresholds_of
from tms_console.screens.entry import Mistakes, Typed, moment_text
from tms_console.screens.patient_entries import Filled, check, positioning_photo, put
from tms_console.screens.patient_forms import NEEDS, OF_SECTION, Entry, EntryScreen, entry_screen
from tms_console.screens.patients import patient_screen

BERLIN = ZoneInfo("Europe/Berlin")
NOW = "2026-11-22T12:00:00Z"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path)


def screen_of(ready: Ready, entry: Entry, corrects: str = "") -> EntryScreen:
    with ready.trusting() as trusted:
        return entry_screen(trusted, entry, ready.patient_uid, ready.station.wall(), corrects)


def texts_of(screen: EntryScreen, **changes: str) -> dict[str, str]:
    return {one.name: one.value for one in screen.fields} | changes


def filled(ready: Ready, screen: EntryScreen, **changes: str) -> Filled:
    found = check(screen, texts_of(screen, **changes), ready.station.wall())
    assert isinstance(found, Filled), found
    return found


def mistakes(ready: Ready, screen: EntryScreen, **changes: str) -> dict[str, str]:
    found = check(screen, texts_of(screen, **changes), ready.station.wall())
    assert isinstance(found, Mistakes), found
    return dict(found.problems)


def save(ready: Ready, screen: EntryScreen, **changes: str) -> str:
    return put(ready.station, ready.technician, screen, filled(ready, screen, **changes))


def shown(ready: Ready, section: str) -> list[tuple[str, ...]]:
    with ready.trusting() as trusted:
        screen = patient_screen(trusted, ready.patient_uid, ready.station.wall())
    return [one.cells for one in dict(screen.sections)[section].lines]


def test_a_threshold_is_entered_like_the_last_one_but_its_value_never(ready: Ready) -> None:
    """A value that stood there from the last time could become a dose that nobody measured."""
    screen = screen_of(ready, Entry.THRESHOLD)
    told = texts_of(screen)
    assert told["value"] == ""
    assert (told["kind"], told["side"], told["coil"]) == ("resting hand", "left", "figure-8")
    assert "Paula Example" in screen.title
    assert "A-17" in screen.title
    assert save(ready, screen, value="47") == "The threshold of 47 %MSO is on record."
    with ready.trusting() as trusted:
        assert thresholds_of(trusted, ready.patient_uid)[-1].measured.value_pct_mso == 47


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("value", "", "missing"),
        ("value", "101", "1 to 100 %MSO"),
        ("value", "0", "1 to 100 %MSO"),
        ("value", "4 7", "no number"),
        ("value", "٤٧", "no number"),
        ("muscle", " ", "missing"),
        ("muscle", "x" * 201, "up to 200"),
        ("coil", "", "Choose one"),
        ("measured_at", "2199-01-01 09:00", "future"),
        ("measured_at", "yesterday", "write it as"),
        ("measured_at", "", "write it as"),
        ("note", "x" * 10_001, "10,000"),
    ],
)
def test_what_is_wrong_with_a_threshold_is_told_at_its_field_alone(
    ready: Ready, field: str, typed: str, told: str
) -> None:
    found = mistakes(ready, screen_of(ready, Entry.THRESHOLD), **({"value": "47"} | {field: typed}))
    assert set(found) == {field}
    assert told in found[field]


def test_a_threshold_is_corrected_with_a_reason_and_both_stay_on_record(ready: Ready) -> None:
    uid = ready.threshold_uid
    screen = screen_of(ready, Entry.THRESHOLD, uid)
    assert set(mistakes(ready, screen, value="44")) == {"reason"}
    with pytest.raises(ClinicRefused, match="Nothing was changed"):
        save(ready, screen, reason="none")
    assert "corrected" in save(ready, screen, value="44", reason="read upside down")
    told = shown(ready, "Thresholds")
    assert any(one[1] == "44 %MSO" and one[4] == "counts" for one in told)
    assert any(one[6] == "read upside down" for one in told)
    with pytest.raises(ClinicRefused, match="look at it again"):
        save(ready, screen, value="43", reason="again")


def test_a_threshold_is_taken_back_and_counts_no_more(ready: Ready) -> None:
    screen = screen_of(ready, Entry.TAKE_BACK, ready.threshold_uid)
    save(ready, screen, reason="another patient's")
    with ready.trusting() as trusted:
        assert ready.threshold_uid not in {
            one.uid for one in thresholds_of(trusted, ready.patient_uid)
        }


def test_positioning_says_what_its_method_needs_at_the_field(ready: Ready, tmp_path: Path) -> None:
    screen = screen_of(ready, Entry.POSITIONING)
    given = {"method": "Beam F3", "target": "left DLPFC", "side": "left"}
    found = mistakes(ready, screen, **given, nasion_inion_mm="35", angle="200")
    assert set(found) == {"nasion_inion_mm", "tragus_tragus_mm", "circumference_mm", "angle"}
    assert "200 to 500 mm" in found["nasion_inion_mm"]
    found = mistakes(ready, screen, **(given | {"method": "5.5 cm"}))
    assert set(found) == {"hotspot"}
    photo = tmp_path / "coil.png"
    photo.write_bytes(PNG)
    sizes = {"nasion_inion_mm": "350", "tragus_tragus_mm": "360", "circumference_mm": "560"}
    save(ready, screen, **given, **sizes, angle="-45", photo=str(photo))
    with ready.trusting() as trusted:
        (one,) = positionings_of(trusted, ready.patient_uid)
    assert one.positioning.coil_angle_deg == -45
    assert one.positioning.photo_uid is not None
    assert read_photo(ready.station, ready.technician, one.positioning.photo_uid)[1] == PNG
    again = screen_of(ready, Entry.POSITIONING, one.uid)
    save(ready, again, angle="0", reason="the note was wrong")
    told = shown(ready, "Positioning")
    assert [line[-3] for line in told] == ["stands", "corrected"]
    assert "handle 0°" in told[0][2]
    assert "with a photograph" in told[0][2]
    assert told[0][-1] == "the note was wrong"
    photograph = positioning_photo(ready.station, ready.technician, ready.patient_uid, one.uid)
    assert photograph == PNG
    with pytest.raises(ClinicRefused, match="No photograph"):
        positioning_photo(ready.station, ready.technician, "somebody else", one.uid)
    with ready.trusting() as trusted:
        (newest,) = positionings_of(trusted, ready.patient_uid)
    assert newest.positioning.photo_uid == one.positioning.photo_uid


def test_a_file_that_is_no_photograph_is_refused_and_nothing_is_written(
    ready: Ready, tmp_path: Path
) -> None:
    screen = screen_of(ready, Entry.POSITIONING)
    other = tmp_path / "letter.txt"
    other.write_text("no photograph")
    given = {"method": "navigation", "target": "left DLPFC", "side": "left", "photo": str(other)}
    with pytest.raises(ContentError, match="PNG and JPEG"):
        save(ready, screen, **given)
    assert not shown(ready, "Positioning")


def test_an_adverse_event_presumes_nothing_and_a_grave_one_holds_the_patient(ready: Ready) -> None:
    uid = treated(ready.clinic, ready.made, Past(ago(minutes=30), ago(minutes=20)))
    screen = screen_of(ready, Entry.EVENT)
    assert set(mistakes(ready, screen)) == {"what", "severity", "relatedness", "outcome"}
    given = {
        "what": "other",
        "severity": "3",
        "relatedness": "possible",
        "outcome": "recovering",
        "session": uid,
    }
    found = mistakes(ready, screen, **given, minutes="soon")
    assert set(found) == {"description", "minutes"}
    told = save(ready, screen, **given, minutes="1,5", description="saw flashes")
    assert "on hold until a physician" in told
    with ready.trusting() as trusted:
        (one,) = adverse_events_of(trusted, ready.patient_uid)
        assert holds(trusted, ready.patient_uid)
    assert (one.event.duration_s, one.event.session_uid) == (90, uid)
    save(ready, screen_of(ready, Entry.EVENT, one.uid), severity="1", reason="it was milder")
    with ready.trusting() as trusted:
        assert holds(trusted, ready.patient_uid)  # a correction ends no hold
    assert [line[6] for line in shown(ready, "Adverse events")] == ["stands", "corrected"]


def test_a_form_that_was_left_as_it_stands_changes_nothing(ready: Ready) -> None:
    """Seconds of a time, and the seconds of a duration, must survive a form that shows neither."""
    screen = screen_of(ready, Entry.EVENT)
    given = {"what": "headache", "severity": "1", "relatedness": "possible", "outcome": "recovered"}
    onset = "2026-11-20T09:00:07.123456Z"
    one = filled(ready, screen, **given, minutes="0.123", onset=moment_text(onset, ZoneInfo("UTC")))
    put(ready.station, ready.technician, screen, one)
    with ready.trusting() as trusted:
        (event,) = adverse_events_of(trusted, ready.patient_uid)
    again = screen_of(ready, Entry.EVENT, event.uid)
    assert filled(ready, again, reason="-").made == event.event


def test_a_patient_is_closed_with_a_reason_and_reopened(ready: Ready) -> None:
    screen = screen_of(ready, Entry.CLOSE)
    assert set(mistakes(ready, screen)) == {"reason"}
    save(ready, screen, reason="entered twice")
    with ready.trusting() as trusted:
        assert patient(trusted, ready.patient_uid).closed == "entered twice"
    with pytest.raises(ClinicRefused, match="no current patient"):
        save(ready, screen_of(ready, Entry.THRESHOLD), value="47")
    again = screen_of(ready, Entry.REOPEN)
    assert "entered twice" in again.lead[0]
    save(ready, again)
    with ready.trusting() as trusted:
        assert not patient(trusted, ready.patient_uid).closed


def test_who_may_not_is_refused_by_the_clinic_itself(ready: Ready) -> None:
    screen = screen_of(ready, Entry.THRESHOLD)
    with pytest.raises(NotPermitted):
        put(ready.station, ready.clinic.people[Role.QA], screen, filled(ready, screen, value="47"))


def test_what_is_told_of_who_may_is_what_the_acts_ask(ready: Ready) -> None:
    assert set(NEEDS) == set(Entry)
    with ready.trusting() as trusted:
        screen = patient_screen(trusted, ready.patient_uid, ready.station.wall())
    assert set(OF_SECTION) <= {title for title, _ in screen.sections}


def test_a_threshold_of_another_patient_cannot_be_opened_here(ready: Ready) -> None:
    with ready.trusting() as trusted, pytest.raises(ClinicRefused, match="no patient"):
        entry_screen(trusted, Entry.THRESHOLD, ready.threshold_uid, NOW)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2025, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
)
def test_a_moment_comes_back_from_the_clinics_time_as_it_was(moment: datetime) -> None:
    typed = Typed({"at": moment_text(moment.isoformat().replace("+00:00", "Z"), BERLIN)})
    back = typed.moment("at", BERLIN, NOW)
    assert not typed.problems
    assert datetime.fromisoformat(back) == moment


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-03-29 02:30", "put forward"),
        ("2025-10-26 02:30", "put back"),
        ("2026-11-22 14:00", "future"),
    ],
)
def test_times_that_were_not_or_were_twice_are_told_so(text: str, told: str) -> None:
    typed = Typed({"at": text})
    assert typed.moment("at", BERLIN, NOW) == ""
    assert told in typed.problems["at"]


def test_a_time_that_was_twice_is_taken_with_its_distance_from_utc() -> None:
    typed = Typed({"at": "2025-10-26 02:30+01:00"})
    assert typed.moment("at", BERLIN, NOW) == "2025-10-26T01:30:00Z"


def test_a_screen_without_a_reason_asks_for_none(ready: Ready) -> None:
    assert filled(ready, replace(screen_of(ready, Entry.REOPEN), corrects="x")) == Filled(None)
