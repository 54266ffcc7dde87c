"""Patients in versions: nobody twice, nothing lost, nobody's change overwritten unseen."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.canonical import ContentError
from tests.clinic.patients import ANNA, BERT, at_the_patient, measurement, some_patient
from tests.clinic.prescribing import PATIENT, Practice, make_practice
from tms_console.accounts.roles import Role
from tms_console.accounts.station import Station
from tms_console.clinic import patients as module
from tms_console.clinic.entries import folded
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import (
    FieldChange,
    Medication,
    PatientDetails,
    PossibleTwin,
    Sex,
    add_patient,
    close_patient,
    edit_patient,
    find_patients,
    history,
    patient,
    patient_at,
    patients,
    reopen_patient,
    require_current,
    search,
    twins,
    versions,
)
from tms_console.clinic.thresholds import record_threshold
from tms_console.records.values import new_uid


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return make_practice(tmp_path)


def edit(practice: Practice, patient_uid: str, **changed: Any) -> str:
    with practice.trusting() as trusted:
        seen = patient(trusted, patient_uid)
    details = replace(seen.details, **changed)
    return edit_patient(practice.station, practice.technician, seen.uid, details)


def test_a_patient_is_on_record_as_entered(practice: Practice) -> None:
    uid = some_patient(practice.clinic)

    with practice.trusting() as trusted:
        found = patient(trusted, uid)

    assert found.details == ANNA
    assert (found.version, found.closed, found.by) == (1, "", "Technician Somebody")


def test_an_edit_is_a_new_version_and_the_history_shows_only_what_changed(
    practice: Practice,
) -> None:
    """The old value is never obscured (clinical.md 10), and who changed it is told by name."""
    uid = some_patient(practice.clinic)

    edit(practice, uid, medications=(), name="Anna Exemplar")

    with practice.trusting() as trusted:
        first, second = history(trusted, uid)
    assert first.changes == ()
    assert second.changes == (
        FieldChange("name", "Anna Example", "Anna Exemplar"),
        FieldChange("medications", "sertraline 50 mg in the morning", "none"),
    )
    assert (second.patient.version, second.patient.by) == (2, "Technician Somebody")
    assert second.patient.at == practice.clinic.wall()


def test_of_two_edits_of_the_same_version_the_second_loses_with_a_sentence(
    practice: Practice,
) -> None:
    uid = some_patient(practice.clinic)
    with practice.trusting() as trusted:
        seen = patient(trusted, uid)
    edit(practice, uid, alerts=("new alert",))

    with pytest.raises(ClinicRefused, match=r"Technician Somebody changed this at .* look at it"):
        edit_patient(
            practice.station, practice.physician, seen.uid, replace(seen.details, alerts=())
        )

    with practice.trusting() as trusted:
        assert patient(trusted, uid).details.alerts == ("new alert",)


def test_of_two_edits_at_the_same_moment_the_second_loses_in_the_database(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both looked before either wrote: only the schema's UNIQUE(supersedes) can tell them apart."""
    uid = some_patient(practice.clinic)
    with practice.trusting() as trusted:
        seen = patient(trusted, uid)
    monkeypatch.setattr(module, "require_newest", lambda _trusted, _record: None)
    edit_patient(
        practice.station, practice.technician, seen.uid, replace(seen.details, alerts=("first",))
    )

    with pytest.raises(ClinicRefused, match="Somebody else changed this meanwhile"):
        edit_patient(
            practice.station, practice.physician, seen.uid, replace(seen.details, alerts=())
        )

    with practice.trusting() as trusted:
        assert [one.details.alerts for one in versions(trusted, uid)][1:] == [("first",)]


def test_an_edit_that_changes_nothing_is_refused(practice: Practice) -> None:
    uid = some_patient(practice.clinic)

    with pytest.raises(ClinicRefused, match="Nothing was changed"):
        edit(practice, uid)


@pytest.mark.parametrize("number", ["A-1001", "a-1001", "A - 1001", "\uff21-1001"])
def test_a_record_number_belongs_to_one_patient_however_it_is_written(
    practice: Practice, number: str
) -> None:
    """Duplicate and misfiled records were the reason of an actual recall (clinical.md 4)."""
    some_patient(practice.clinic)

    with pytest.raises(ClinicRefused, match="the same record number A-1001"):
        add_patient(
            practice.station, practice.technician, replace(BERT, record_number=number),
            another_person=True,
        )  # fmt: skip


def test_an_edit_cannot_take_another_patients_record_number(practice: Practice) -> None:
    some_patient(practice.clinic)
    bert = some_patient(practice.clinic, BERT)

    with pytest.raises(ClinicRefused, match="belongs to one patient"):
        edit(practice, bert, record_number="A-1001")


def test_the_same_name_and_birth_date_are_warned_of_and_may_be_another_person(
    practice: Practice,
) -> None:
    first = some_patient(practice.clinic)
    namesake = replace(ANNA, name="anna  example".replace("  ", " "), record_number="A-2000")

    with pytest.raises(PossibleTwin, match="same name and birth date") as warned:
        add_patient(practice.station, practice.technician, namesake)
    second = add_patient(practice.station, practice.technician, namesake, another_person=True)

    assert [one.patient.patient_uid for one in warned.value.twins] == [first]
    with practice.trusting() as trusted:
        (twin,) = twins(trusted, patient(trusted, second).details, second)
    assert (twin.patient.patient_uid, twin.same_record_number, twin.same_person) == (
        first,
        False,
        True,
    )


def test_an_edit_warns_of_a_namesake_only_if_it_makes_one(practice: Practice) -> None:
    some_patient(practice.clinic)
    bert = some_patient(practice.clinic, BERT)
    edit(practice, bert, alerts=("deaf on the left",))

    with pytest.raises(PossibleTwin):
        edit(practice, bert, name=ANNA.name, birth_date=ANNA.birth_date)


def test_two_consoles_that_give_one_record_number_at_the_same_moment_leave_one_patient(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing holds a number between looking and writing; who comes second gives way."""
    first = some_patient(practice.clinic)
    monkeypatch.setattr(module, "_require_unlike", lambda *_args, **_names: None)

    with pytest.raises(ClinicRefused, match="at the same moment"):
        add_patient(practice.station, practice.technician, replace(BERT, record_number="A-1001"))

    with practice.trusting() as trusted:
        mine = [one for one in patients(trusted) if one.details.record_number == "A-1001"]
        closed = patients(trusted, closed=True)
    assert [one.patient_uid for one in mine] == [first]
    assert [one.closed for one in closed] == ["the record number was taken meanwhile"]


def test_of_two_who_took_one_number_the_first_stays(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look again after writing; if both gave way, nobody would be on record."""
    first = some_patient(practice.clinic)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_require_unlike", lambda *_args, **_names: None)
        patch.setattr(module, "_yield_to_earlier", lambda *_args: None)
        some_patient(practice.clinic, replace(BERT, record_number="A-1001"))

    module._yield_to_earlier(practice.station, practice.technician, first, ANNA, "gave way")

    with practice.trusting() as trusted:
        assert patient(trusted, first).version == 1


def test_namesakes_are_not_warned_of_at_every_later_edit(practice: Practice) -> None:
    """A warning that comes each time is one that nobody reads."""
    some_patient(practice.clinic)
    namesake = replace(ANNA, record_number="A-2000")
    uid = add_patient(practice.station, practice.technician, namesake, another_person=True)

    edit(practice, uid, alerts=("deaf on the left",))

    with practice.trusting() as trusted:
        assert patient(trusted, uid).version == 2


def test_an_edit_that_took_a_number_at_the_same_moment_is_taken_back(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_patient(practice.clinic)
    bert = some_patient(practice.clinic, BERT)
    monkeypatch.setattr(module, "_require_unlike", lambda *_args, **_names: None)

    with pytest.raises(ClinicRefused, match="at the same moment"):
        edit(practice, bert, record_number="A-1001")

    with practice.trusting() as trusted:
        assert patient(trusted, bert).details == BERT
        assert [one.details.record_number for one in versions(trusted, bert)] == [
            "A-1002",
            "A-1001",
            "A-1002",
        ]


def test_a_closed_patient_frees_the_number_and_gets_nothing_more(practice: Practice) -> None:
    """Somebody entered twice must not be found, measured or treated under the second entry."""
    uid = some_patient(practice.clinic)
    with practice.trusting() as trusted:
        seen = patient(trusted, uid)

    close_patient(practice.station, practice.technician, seen.uid, " entered twice ")
    again = some_patient(practice.clinic, replace(BERT, record_number="A-1001"))

    with practice.trusting() as trusted:
        assert patient(trusted, uid).closed == "entered twice"
        assert uid not in {one.patient_uid for one in search(trusted, "")}
        assert [one.patient_uid for one in search(trusted, "anna", closed=True)] == [uid]
        assert again in {one.patient_uid for one in search(trusted, "A-1001")}
        with pytest.raises(ClinicRefused, match="no current patient any more: entered twice"):
            require_current(trusted, uid)
        assert history(trusted, uid)[-1].changes == (
            FieldChange("closed", "none", "entered twice"),
        )
    with pytest.raises(ClinicRefused, match="entered twice"):
        edit(practice, uid, alerts=())
    with pytest.raises(ClinicRefused, match="entered twice"):
        record_threshold(practice.station, practice.technician, measurement(uid))


def test_closing_takes_a_reason_and_is_done_once(practice: Practice) -> None:
    uid = some_patient(practice.clinic)
    with practice.trusting() as trusted:
        seen = patient(trusted, uid)
    with pytest.raises(ClinicRefused, match="Say why"):
        close_patient(practice.station, practice.technician, seen.uid, "  ")
    closed = close_patient(practice.station, practice.technician, seen.uid, "moved away")

    with pytest.raises(ClinicRefused, match="moved away"):
        close_patient(practice.station, practice.technician, closed, "again")


def test_a_closed_patient_can_come_back_unless_the_number_was_given_away(
    practice: Practice,
) -> None:
    uid = some_patient(practice.clinic)
    with practice.trusting() as trusted:
        seen = patient(trusted, uid)
    with pytest.raises(ClinicRefused, match="a current patient already"):
        reopen_patient(practice.station, practice.technician, seen.uid)
    closed = close_patient(practice.station, practice.technician, seen.uid, "moved away")
    back = reopen_patient(practice.station, practice.technician, closed)
    with practice.trusting() as trusted:
        assert require_current(trusted, uid).version == 3

    closed = close_patient(practice.station, practice.technician, back, "moved away")
    some_patient(practice.clinic, replace(BERT, record_number="A-1001"))
    with pytest.raises(ClinicRefused, match="belongs to one patient"):
        reopen_patient(practice.station, practice.technician, closed)


def test_a_number_given_away_while_a_patient_comes_back_closes_them_again(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = some_patient(practice.clinic)
    with practice.trusting() as trusted:
        seen = patient(trusted, uid)
    closed = close_patient(practice.station, practice.technician, seen.uid, "moved away")
    some_patient(practice.clinic, replace(BERT, record_number="A-1001"))
    monkeypatch.setattr(module, "_require_unlike", lambda *_args, **_names: None)

    with pytest.raises(ClinicRefused, match="at the same moment"):
        reopen_patient(practice.station, practice.technician, closed)

    with practice.trusting() as trusted:
        assert patient(trusted, uid).closed == "moved away"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("anna", ["Anna Example"]),
        ("exam", ["Anna Example", "Paula Example"]),
        ("example anna", ["Anna Example"]),
        ("EXAMPLE 1984", ["Anna Example", "Paula Example"]),
        ("1984-02-29", ["Anna Example", "Paula Example"]),
        ("a-100", ["Anna Example", "Bert Beispiel"]),
        ("A-1002", ["Bert Beispiel"]),
        ("02-29", []),
        ("nobody", []),
        ("", ["Anna Example", "Bert Beispiel", "Paula Example"]),
    ],
)
def test_patients_are_found_by_name_record_number_and_birth_date(
    practice: Practice, text: str, names: list[str]
) -> None:
    for details in (ANNA, BERT):
        some_patient(practice.clinic, details)

    found = find_patients(practice.station, practice.technician, text)

    assert [one.details.name for one in found] == names


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": " Anna"}, "without blanks"),
        ({"name": ""}, "name is a text"),
        ({"name": "Anna\nExample"}, "one line"),
        ({"name": "A" * 201}, "one line"),
        ({"record_number": "12\u200b3"}, "record_number"),
        ({"birth_date": "1984-02-30"}, "must be a real date"),
        ({"birth_date": "1983-02-29"}, "must be a real date"),
        ({"birth_date": "19840229"}, "must be a real date"),
        ({"birth_date": "29.02.1984"}, "must be a real date"),
        ({"allergies": ("",)}, "allergies is a text"),
        ({"alerts": tuple(str(n) for n in range(101))}, "up to 100"),
        ({"medications": (Medication("Li"), Medication("li", "1 g"))}, "names one twice"),
        ({"photo_uid": "face.png"}, "must be a UUID"),
    ],
)
def test_what_cannot_be_of_a_patient_is_refused_with_its_name(
    changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(ContentError, match=words):
        replace(ANNA, **changed)


@pytest.mark.parametrize("words", [("", ""), ("lithium", "a\tb"), ("x\n", "")])
def test_a_medication_is_a_line_of_text(words: tuple[str, str]) -> None:
    with pytest.raises(ContentError):
        Medication(*words)


@pytest.mark.parametrize(
    ("birth_date", "words"),
    [
        ("2026-11-21", "in the future"),
        ("1896-11-20", "130 years ago"),
        ("0001-01-01", "130 years ago"),
    ],
)
def test_nobody_is_born_in_the_future_or_too_long_ago(
    practice: Practice, birth_date: str, words: str
) -> None:
    """NOW is 2026-11-20T09:00Z, when it is still the 20th everywhere."""
    wrong = replace(BERT, birth_date=birth_date)
    with pytest.raises(ContentError, match=words):
        add_patient(practice.station, practice.technician, wrong)

    uid = some_patient(practice.clinic, BERT)
    with pytest.raises(ContentError, match=words):
        edit(practice, uid, birth_date=birth_date)


def test_somebody_is_born_today_where_it_is_tomorrow_already(practice: Practice) -> None:
    practice.clinic.wall.set("2026-11-20T10:00:00.000000Z")

    add_patient(practice.station, practice.technician, replace(BERT, birth_date="2026-11-21"))


def test_a_photograph_comes_after_the_patient_and_is_their_own(practice: Practice) -> None:
    with pytest.raises(ClinicRefused, match="who is on record"):
        add_patient(practice.station, practice.technician, replace(BERT, photo_uid=new_uid()))
    uid = some_patient(practice.clinic)
    with pytest.raises(ClinicRefused, match="no attachment"):
        edit(practice, uid, photo_uid=new_uid())


def test_what_stood_at_an_earlier_place_of_the_chain_is_told(practice: Practice) -> None:
    uid = some_patient(practice.clinic)
    with practice.trusting() as trusted:
        first = patient(trusted, uid)
    edit(practice, uid, medications=())

    with practice.trusting() as trusted:
        then = patient_at(trusted, uid, trusted.head.seq)
        before = patient_at(trusted, uid, first.seq)
        now = patient_at(trusted, uid, trusted.head.seq + 1)
    assert before is None
    assert then == first
    assert now is not None
    assert now.details.medications == ()


@pytest.mark.parametrize(("day", "age"), [("2026-02-28", 41), ("2026-03-01", 42)])
def test_age_counts_birthdays(practice: Practice, day: str, age: int) -> None:
    with practice.trusting() as trusted:
        found = patient(trusted, practice.patient_uid)
    assert found.details.birth_date == PATIENT.birth_date == "1984-02-29"
    assert found.age_years(date.fromisoformat(day)) == age


def test_nobody_unknown_is_edited_or_told_of(practice: Practice) -> None:
    with practice.trusting() as trusted, pytest.raises(ClinicRefused, match="no patient"):
        patient(trusted, new_uid())
    with pytest.raises(ClinicRefused, match="no patient"):
        edit_patient(practice.station, practice.technician, new_uid(), ANNA)


def test_an_edit_on_another_station_is_seen(practice: Practice) -> None:
    """Every act reads the file anew; nothing is kept in memory from before."""
    uid = some_patient(practice.clinic)
    other = Station(
        practice.station.database, practice.station.anchor, practice.clinic.wall,
        practice.station.hashing,
    )  # fmt: skip
    edit(practice, uid, sex=Sex.OTHER)

    with other.trusting() as trusted:
        assert patient(trusted, uid).details.sex is Sex.OTHER


_lines = st.text(
    st.characters(categories=("L", "N", "P"), max_codepoint=0x2FFF), min_size=1, max_size=20
)


@given(
    st.builds(
        PatientDetails,
        name=_lines,
        birth_date=st.dates().map(str),
        sex=st.sampled_from(Sex),
        record_number=_lines,
        allergies=st.lists(_lines, max_size=3).map(tuple),
        alerts=st.lists(_lines, max_size=3).map(tuple),
        medications=st.lists(
            st.builds(Medication, _lines, st.one_of(st.just(""), _lines)),
            max_size=3,
            unique_by=lambda one: folded(one.name),
        ).map(tuple),
        photo_uid=st.none(),
    )
)
def test_details_come_back_from_their_canonical_form(details: PatientDetails) -> None:
    from protocols.canonical import Record  # noqa: PLC0415

    with Record(dict(details.canonical())) as record:  # type: ignore[arg-type]
        assert PatientDetails.from_record(record) == details


def test_the_administrator_of_the_tests_is_no_technician(practice: Practice) -> None:
    assert at_the_patient(practice.clinic).role is Role.TECHNICIAN
