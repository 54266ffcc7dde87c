"""Adverse events and holds: only a physician's reasoned signature lets treatment go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.canonical import ContentError, Record
from tests.clinic.patients import BERT, MEASURED, adverse_event, some_patient
from tests.clinic.prescribing import Practice, make_practice, secret
from tests.clinic.sessions import Past, treated
from tms_console.accounts import login as login_module
from tms_console.accounts.errors import LoginRefused
from tms_console.clinic import adverse_events as module
from tms_console.clinic.adverse_event import SEVERITIES
from tms_console.clinic.adverse_events import (
    AdverseEvent,
    Hold,
    HoldClearance,
    Outcome,
    Relatedness,
    What,
    adverse_event_record,
    adverse_events_of,
    clear_hold,
    correct_adverse_event,
    holds,
    patients_on_hold,
    record_adverse_event,
)
from tms_console.clinic.entries import Made
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import close_patient, patient
from tms_console.records.values import new_uid


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return make_practice(tmp_path)


def record(practice: Practice, what: What = What.HEADACHE, severity: int = 1) -> str:
    event = adverse_event(practice.patient_uid, what, severity)
    return record_adverse_event(practice.station, practice.technician, event)


def correct(practice: Practice, uid: str, what: What, severity: int) -> str:
    event = adverse_event(practice.patient_uid, what, severity)
    return correct_adverse_event(practice.station, practice.technician, uid, event, "misread")


def held(practice: Practice) -> tuple[Hold, ...]:
    with practice.trusting() as trusted:
        return holds(trusted, practice.patient_uid)


def clear(practice: Practice, uid: str, reason: str = "neurologist consulted") -> str:
    return clear_hold(
        practice.station,
        practice.physician,
        HoldClearance(uid, reason),
        *secret(practice.physician),
    )


def test_an_event_is_on_record_as_reported(practice: Practice) -> None:
    event = AdverseEvent(
        practice.patient_uid,
        What.OTHER,
        2,
        MEASURED,
        description="saw flashes",
        duration_s=90,
        relatedness=Relatedness.POSSIBLE,
        action="paused",
        outcome=Outcome.RECOVERED,
    )
    uid = record_adverse_event(practice.station, practice.technician, event)

    with practice.trusting() as trusted:
        (found,) = adverse_events_of(trusted, practice.patient_uid)
        assert trusted.sealed_seq == trusted.head.seq - 1
    assert (found.uid, found.event, found.by) == (uid, event, "Technician Somebody")


@pytest.mark.parametrize("what", What)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_seizure_a_syncope_and_what_is_severe_hold_and_nothing_else(
    what: What, severity: int
) -> None:
    event = AdverseEvent(new_uid(), what, severity, MEASURED, description="in words")

    assert event.grave is (what in {What.SEIZURE, What.SYNCOPE} or severity >= 3)


@pytest.mark.parametrize(
    ("what", "severity"), [(What.SEIZURE, 0), (What.SYNCOPE, 1), (What.HEADACHE, 3)]
)
def test_a_grave_event_holds_its_patient_until_a_physician_clears_it(
    practice: Practice, what: What, severity: int
) -> None:
    other = some_patient(practice.clinic, BERT)
    uid = record(practice, what, severity)

    (hold,) = held(practice)
    assert hold.newest.uid == uid
    assert str(what) in str(hold)
    assert "On hold since" in str(hold)
    with practice.trusting() as trusted:
        assert holds(trusted, other) == ()
        assert set(patients_on_hold(trusted)) == {practice.patient_uid}
    clear(practice, uid)

    assert held(practice) == ()
    with practice.trusting() as trusted:
        assert patients_on_hold(trusted) == {}


def test_a_mild_event_holds_nobody_and_needs_no_clearance(practice: Practice) -> None:
    uid = record(practice)

    assert held(practice) == ()
    with pytest.raises(ClinicRefused, match="Nobody is on hold"):
        clear(practice, uid)


def test_a_correction_downwards_does_not_end_a_hold(practice: Practice) -> None:
    """Who recorded a seizure must not be able to make it a headache and go on."""
    first = record(practice, What.SEIZURE, 4)
    second = correct(practice, first, What.HEADACHE, 1)

    (hold,) = held(practice)

    assert (hold.grave.uid, hold.newest.uid) == (first, second)
    assert "since corrected to headache" in str(hold)


def test_a_physician_clears_the_corrected_event(practice: Practice) -> None:
    first = record(practice, What.SEIZURE, 4)
    second = correct(practice, first, What.LIGHT_HEADEDNESS, 1)

    with pytest.raises(ClinicRefused, match="changed this"):
        clear(practice, first)
    clear(practice, second)

    assert held(practice) == ()


def test_a_clearance_before_a_correction_downwards_stays(practice: Practice) -> None:
    first = record(practice, What.SEIZURE, 4)
    clear(practice, first)
    correct(practice, first, What.HEADACHE, 1)

    assert held(practice) == ()


def test_a_correction_upwards_after_a_clearance_holds_again(practice: Practice) -> None:
    """The physician cleared a severe headache; that it was a seizure they did not see."""
    first = record(practice, What.HEADACHE, 3)
    clear(practice, first)
    second = correct(practice, first, What.SEIZURE, 4)

    (hold,) = held(practice)
    assert (hold.grave.uid, hold.newest.uid) == (second, second)
    clear(practice, second)
    assert held(practice) == ()


def test_a_clearance_of_what_was_already_corrected_to_worse_does_not_reach_it(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The physician had the old record on the screen while somebody corrected it."""
    first = record(practice, What.HEADACHE, 3)
    correct(practice, first, What.SEIZURE, 4)
    monkeypatch.setattr(module, "require_newest", lambda _trusted, _record: None)
    monkeypatch.setattr(module, "holds", lambda _trusted, _uid: [_a_hold(practice, first)])
    clear(practice, first)
    monkeypatch.undo()

    (hold,) = held(practice)
    assert hold.grave.event.what is What.SEIZURE


def test_every_event_is_cleared_by_itself(practice: Practice) -> None:
    first, second = record(practice, What.SEIZURE, 4), record(practice, What.SYNCOPE, 2)
    assert len(held(practice)) == 2

    clear(practice, first)

    assert [hold.newest.uid for hold in held(practice)] == [second]


def test_a_clearance_takes_a_reason_a_password_and_an_event(practice: Practice) -> None:
    uid = record(practice, What.SEIZURE, 4)

    with pytest.raises(ClinicRefused, match="Say why"):
        clear(practice, uid, "  ")
    with pytest.raises(ClinicRefused, match="no adverse event"):
        clear(practice, new_uid())
    with pytest.raises(LoginRefused):
        clear_hold(
            practice.station, practice.physician, HoldClearance(uid, "why"), "wrong", "physician"
        )

    assert len(held(practice)) == 1


def test_a_clearance_without_a_reason_would_not_count(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = record(practice, What.SEIZURE, 4)

    def careless(station, login, to_sign, password, *, login_name=""):  # type: ignore[no-untyped-def]
        return login_module.sign(
            station, login, replace(to_sign, comment=" "), password, login_name=login_name
        )

    monkeypatch.setattr(module, "sign", careless)
    clear(practice, uid)

    assert len(held(practice)) == 1


def test_a_correction_needs_a_reason_a_change_and_the_same_patient(practice: Practice) -> None:
    uid = record(practice)
    other = some_patient(practice.clinic, BERT)
    same = adverse_event(practice.patient_uid)

    for event, reason, words in (
        (replace(same, severity=2), "", "Say why"),
        (same, "slip", "Nothing was changed"),
        (replace(same, patient_uid=other), "slip", "stays with its patient"),
    ):
        with pytest.raises(ClinicRefused, match=words):
            correct_adverse_event(practice.station, practice.technician, uid, event, reason)
    correct(practice, uid, What.HEADACHE, 2)
    with pytest.raises(ClinicRefused, match="changed this"):
        correct(practice, uid, What.HEADACHE, 3)
    with practice.trusting() as trusted:
        (standing,) = adverse_events_of(trusted, practice.patient_uid)
        every = adverse_events_of(trusted, practice.patient_uid, all_records=True)
    assert (standing.event.severity, standing.reason, standing.supersedes) == (2, "misread", uid)
    assert len(every) == 2


def test_what_the_delivering_process_writes_holds_as_well(practice: Practice) -> None:
    """During a session that process alone writes; nobody logs in there."""
    made = Made(new_uid(), practice.station.wall(), practice.technician.user_uid)
    event = adverse_event(practice.patient_uid, What.SEIZURE, 4)

    practice.station.write(adverse_event_record(event, made))

    (hold,) = held(practice)
    assert (hold.newest.uid, hold.newest.by) == (made.uid, "Technician Somebody")


def test_an_event_in_a_session_is_in_one_of_the_patients(practice: Practice) -> None:
    session = treated(
        practice.clinic, practice.approved(), Past("2026-11-17T08:00:00Z", "2026-11-17T08:30:00Z")
    )
    mine = replace(adverse_event(practice.patient_uid), session_uid=session)
    record_adverse_event(practice.station, practice.technician, mine)
    others = replace(mine, patient_uid=some_patient(practice.clinic, BERT))

    with pytest.raises(ClinicRefused, match="not this patient's"):
        record_adverse_event(practice.station, practice.technician, others)


def test_an_event_of_a_closed_patient_is_recorded_all_the_same(practice: Practice) -> None:
    with practice.trusting() as trusted:
        seen = patient(trusted, practice.patient_uid)
    close_patient(practice.station, practice.technician, seen.uid, "moved away")

    record(practice, What.SEIZURE, 3)

    assert len(held(practice)) == 1


def test_nothing_happens_in_the_future_or_to_nobody(practice: Practice) -> None:
    station, login = practice.station, practice.technician
    event = adverse_event(practice.patient_uid)
    with pytest.raises(ContentError, match="in the future"):
        record_adverse_event(station, login, replace(event, onset="2026-11-20T09:00:01Z"))
    with pytest.raises(ClinicRefused, match="no patient"):
        record_adverse_event(station, login, replace(event, patient_uid=new_uid()))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"severity": 5}, "severity is 5"),
        ({"severity": -1}, "severity is -1"),
        ({"what": What.OTHER}, "say what happened"),
        ({"onset": "yesterday"}, "must be a time in UTC"),
        ({"duration_s": -1}, "duration_s"),
        ({"patient_uid": "Paula"}, "must be a UUID"),
        ({"session_uid": "1"}, "must be a UUID"),
        ({"action": "\ud800"}, "lone surrogate"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ContentError, match=words):
        replace(adverse_event(new_uid()), **changed)


@given(
    st.builds(
        AdverseEvent,
        patient_uid=st.uuids().map(str),
        what=st.sampled_from(What),
        severity=st.integers(0, 4),
        onset=st.just(MEASURED),
        description=st.sampled_from(["in words", "on the left"]),
        duration_s=st.one_of(st.none(), st.integers(0, 10_000)),
        relatedness=st.sampled_from(Relatedness),
        action=st.sampled_from(["", "paused"]),
        outcome=st.sampled_from(Outcome),
        session_uid=st.one_of(st.none(), st.uuids().map(str)),
    )
)
def test_an_event_comes_back_from_its_canonical_form(event: AdverseEvent) -> None:
    values: Any = event.canonical()
    with Record(values) as record:
        assert AdverseEvent.from_record(record) == event


def _a_hold(practice: Practice, uid: str) -> Hold:
    with practice.trusting() as trusted:
        every = adverse_events_of(trusted, practice.patient_uid, all_records=True)
    (one,) = (each for each in every if each.uid == uid)
    return Hold(one, one)
