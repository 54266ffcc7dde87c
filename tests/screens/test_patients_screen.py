"""Patients: what is shown of one, and what the form makes of what was typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.canonical import ContentError
from protocols.finding_log import Decided, Verdict
from protocols.screening import AnswerValue
from protocols.threshold import Settings
from tests.clinic.sessions import Past, treated
from tests.delivery.finding import say, search, whole
from tests.delivery.treatments import Ready, ago, make_ready
from tms_console.clinic.adverse_events import AdverseEvent, What, record_adverse_event
from tms_console.clinic.patients import Medication, PatientDetails, Sex, edit_patient, patient
from tms_console.clinic.positioning import Method, Positioning, record_positioning
from tms_console.clinic.series import read_series, record_series
from tms_console.clinic.thresholds import withdraw_threshold
from tms_console.screens.patients import (
    PatientFields,
    details_from,
    fields_of,
    patient_list,
    patient_screen,
)
from tms_console.screens.shell import banner
from tms_console.screens.tables import Table

line = st.text("abcdefghij XYZ-'", min_size=1, max_size=20).map(str.strip).filter(bool)


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path)


def sections(ready: Ready) -> dict[str, Table]:
    with ready.trusting() as trusted:
        return dict(patient_screen(trusted, ready.patient_uid, ready.station.wall()).sections)


def test_everything_on_record_of_a_patient_is_shown(ready: Ready) -> None:
    uid = treated(ready.clinic, ready.made, Past(ago(minutes=30), ago(minutes=20)))
    event = AdverseEvent(ready.patient_uid, What.HEADACHE, 2, ago(minutes=5), session_uid=uid)
    record_adverse_event(ready.station, ready.technician, event)
    place = Positioning(
        ready.patient_uid,
        Method.NAVIGATION,
        "left DLPFC",
        ready.made.session.blocks[0].side,
        coil_angle_deg=45,
    )
    record_positioning(ready.station, ready.technician, place)
    told = sections(ready)
    assert {title: len(table.lines) for title, table in told.items()} == {
        "Prescriptions": 1,
        "Sessions": 1,
        "Thresholds": 2,
        "Positioning": 1,
        "Forms": 5,
        "Adverse events": 1,
        "Changes": 1,
    }
    assert told["Prescriptions"].lines[0].state == "good"
    assert told["Prescriptions"].lines[0].cells[1].startswith("in force, ")
    assert told["Sessions"].lines[0].cells[1:5] == ("treatment", "completed", "4", "not signed")
    assert told["Adverse events"].lines[0].state == "warn"
    assert "handle 45°" in told["Positioning"].lines[0].cells[2].splitlines()
    assert "Why corrected" not in told["Positioning"].columns  # nothing was
    assert told["Positioning"].columns[told["Positioning"].state_column] == "Standing"
    for table in told.values():
        assert all(len(one.cells) == len(table.columns) for one in table.lines)
        assert not table.widths or len(table.widths) == len(table.columns)


@pytest.mark.parametrize(
    ("end", "record", "words"),
    [
        (Decided(Verdict.REJECTED, None, "the coil slipped"), False, ("rejected", "warn")),
        (None, False, ("aborted (stopped)", "warn")),
        (Verdict.ACCEPTED, False, ("accepted, not yet recorded", "warn")),
        (Verdict.ACCEPTED, True, ("accepted", "good")),
    ],
    ids=["rejected", "stopped", "accepted", "recorded"],
)
def test_a_search_for_a_threshold_says_in_the_history_what_became_of_it(
    tmp_path: Path, end: Decided | Verdict | None, record: bool, words: tuple[str, str]
) -> None:
    ready = make_ready(tmp_path, short=True)
    acts, _ = whole(43, Settings(highest_pct_mso=90))
    if end is not Verdict.ACCEPTED:
        acts = [*acts[:4], *([say(end)] if isinstance(end, Decided) else [])]
    uid = search(ready, acts).result.session_uid
    if record:
        record_series(ready.station, ready.technician, uid)
    (line,) = (one for one in sections(ready)["Sessions"].lines if one.key == uid)
    assert (line.cells[2], line.state) == words
    assert (line.cells[1], line.cells[4]) == ("threshold search", "")
    with ready.trusting() as trusted:
        assert read_series(trusted, ready.station.database, uid).standing == line.cells[2]


def test_every_standing_of_a_version_has_its_own_word(ready: Ready) -> None:
    second = ready.next_version(ready.made)
    assert sections(ready)["Prescriptions"].lines[0].cells[1] == "waits for a physician"
    ready.return_(second)
    assert sections(ready)["Prescriptions"].lines[0].cells[1] == "returned"
    ready.withdraw(ready.made)
    assert sections(ready)["Prescriptions"].lines[1].cells[1] == "withdrawn"
    ready.approve(ready.next_version(second))
    assert sections(ready)["Prescriptions"].lines[2].cells[1] == "superseded"


def test_a_threshold_that_was_taken_back_is_shown_as_such(ready: Ready) -> None:
    withdraw_threshold(ready.station, ready.technician, ready.threshold_uid, "another patient's")
    told = [one.cells[4] for one in sections(ready)["Thresholds"].lines]
    assert "taken back" in told
    assert "corrected" in told


def test_answers_that_wait_for_a_physician_say_so(ready: Ready) -> None:
    ready.fill_in("daily", {**_DAILY, "food": True, "metal_removed": False})
    assert sections(ready)["Forms"].lines[0].cells[2] == "refused: to be put right"


_DAILY: dict[str, AnswerValue] = {
    "medication_change": False,
    "sleep": "as usual",
    "sleep_hours": 8,
    "alcohol": "none, as usual",
    "drugs": False,
    "caffeine": "as usual",
    "anything_new": False,
}


def test_a_change_is_told_with_what_was_before(ready: Ready) -> None:
    with ready.trusting() as trusted:
        seen = patient(trusted, ready.patient_uid)
    from dataclasses import replace  # noqa: PLC0415 - beside its one use

    changed = replace(seen.details, alerts=("faints",))
    edit_patient(ready.station, ready.technician, seen.uid, changed)
    newest = sections(ready)["Changes"].lines[0]
    assert newest.cells[3] == "alerts: none → faints"


def test_the_banner_names_two_identifiers_and_what_to_mind(ready: Ready) -> None:
    event = AdverseEvent(ready.patient_uid, What.SEIZURE, 3, ago(minutes=5))
    record_adverse_event(ready.station, ready.technician, event)
    with ready.trusting() as trusted:
        shown = banner(trusted, ready.patient_uid, ready.station.wall())
    assert shown.title == "Paula Example"
    assert "29 Feb 1984" in shown.subtitle
    assert "record number A-17" in shown.subtitle
    assert (shown.alerts, shown.state) == ("on hold: seizure", "bad")


def test_a_long_alert_is_shortened_in_the_banner_and_whole_beside_it(ready: Ready) -> None:
    with ready.trusting() as trusted:
        seen = patient(trusted, ready.patient_uid)
    from dataclasses import replace  # noqa: PLC0415 - beside its one use

    alert = "Donaudampfschifffahrtsgesellschaftskapitaen " * 2 + "x"
    changed = replace(seen.details, alerts=(alert, "second"), allergies=("latex",))
    edit_patient(ready.station, ready.technician, seen.uid, changed)
    with ready.trusting() as trusted:
        shown = banner(trusted, ready.patient_uid, ready.station.wall())
    assert shown.alerts.endswith("…  +2")
    assert alert in shown.every_alert
    assert "allergic to latex" in shown.every_alert


def test_the_list_says_who_is_found_and_that_nobody_is(ready: Ready) -> None:
    with ready.trusting() as trusted:
        assert [one.name for one in patient_list(trusted, "paul 1984").lines] == ["Paula Example"]
        nobody = patient_list(trusted, "Zzz")
        closed = patient_list(trusted, "", closed=True)
    assert nobody.empty == "Nobody is found for 'Zzz'."
    assert closed.empty == "Nobody is closed."


@given(
    st.builds(
        PatientDetails,
        name=line,
        birth_date=st.dates().map(str),
        sex=st.sampled_from(Sex),
        record_number=line,
        allergies=st.lists(line, max_size=3).map(tuple),
        alerts=st.lists(line, max_size=3).map(tuple),
        medications=st.lists(
            line, max_size=3, unique_by=lambda t: "".join(t.casefold().split())
        ).map(lambda names: tuple(Medication(name, "5 mg") for name in names)),
    )
)
def test_a_form_that_nobody_touched_says_what_it_said_before(details: PatientDetails) -> None:
    """Otherwise opening a patient and saving would change the record."""
    assert details_from(fields_of(details)) == details


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        (PatientFields(record_number="1", birth_date="1990-01-01"), "the name is empty"),
        (PatientFields(name="A", birth_date="1990-01-01"), "the record number is empty"),
        (PatientFields(name="A", record_number="1", birth_date="1.1.1990"), "^the birth date"),
    ],
)
def test_what_is_missing_is_named(fields: PatientFields, word: str) -> None:
    with pytest.raises(ContentError, match=word):
        details_from(fields)
