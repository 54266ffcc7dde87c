"""Forms as they were filled in: nothing passes that a physician had to clear and did not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from protocols.form_evaluation import DAILY, EARS, EXTRA, IDENTITY, SCREENING
from protocols.form_evaluation import form as shipped
from protocols.screening import AnswersError, AnswerValue, FormAnswers, FormError
from tests.clinic.patients import BERT, answered, every_form, good_answers, some_patient
from tests.clinic.prescribing import NOW, Practice, make_practice, secret
from tms_console.accounts import login as login_module
from tms_console.accounts.errors import LoginRefused, NotPermitted
from tms_console.clinic import forms as module
from tms_console.clinic.entries import Made
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.forms import (
    AnswersClearance,
    FilledIn,
    Filling,
    answers_of,
    clear_answers,
    fill_in,
    newest_answers,
    waiting_for_physician,
)
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.values import new_uid

IMPLANT: dict[str, AnswerValue] = {
    "cochlear_implant": True,
    "seizure": True,
    "seizure_detail": "one, with fever, as a child",
}


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return make_practice(tmp_path)


def newest(practice: Practice, form_id: str = SCREENING, session: str | None = None) -> FilledIn:
    with practice.trusting() as trusted:
        found = newest_answers(trusted, practice.patient_uid, form_id, session_uid=session)
    assert found is not None
    return found


def fill(
    practice: Practice, changed: Mapping[str, AnswerValue] | None = None, form_id: str = SCREENING
) -> str:
    return answered(practice.clinic, practice.patient_uid, form_id, changed)


def clear(practice: Practice, uid: str, **reasons: str) -> str:
    return clear_answers(
        practice.station,
        practice.physician,
        AnswersClearance(uid, reasons),
        *secret(practice.physician),
    )


def test_the_implant_items_are_those_of_the_shipped_form() -> None:
    assert set(IMPLANT) <= {item.id for item in shipped(SCREENING).items}


@pytest.mark.parametrize("form_id", [SCREENING, DAILY, IDENTITY, EARS, EXTRA])
def test_a_form_is_on_record_as_answered_in_its_newest_version(
    practice: Practice, form_id: str
) -> None:
    uid = fill(practice, form_id=form_id)

    found = newest(practice, form_id)

    assert found.uid == uid
    assert (found.form.id, found.form.version) == (form_id, shipped(form_id).version)
    assert found.answers.answers == {
        item.id: good_answers(form_id).get(item.id) for item in shipped(form_id).items
    }
    assert found.by == "Technician Somebody"
    assert found.passes


def test_what_was_never_filled_in_is_not_there(practice: Practice) -> None:
    with practice.trusting() as trusted:
        assert newest_answers(trusted, practice.patient_uid, SCREENING) is None
        assert answers_of(trusted, practice.patient_uid, SCREENING) == ()


def test_missing_and_wrong_answers_are_refused_and_all_named(practice: Practice) -> None:
    answers = good_answers(SCREENING)
    del answers["pregnancy"]
    filling = Filling(SCREENING, answers | {"seizure": "perhaps", "unheard_of": True})

    with pytest.raises(AnswersError) as wrong:
        fill_in(practice.station, practice.technician, practice.patient_uid, filling)

    told = " ".join(wrong.value.mistakes)
    assert all(name in told for name in ("pregnancy", "seizure", "unheard_of"))


def test_there_are_only_the_shipped_forms_and_patients_on_record(practice: Practice) -> None:
    """A form of the caller's own could leave out what asks for a physician."""
    station, login = practice.station, practice.technician
    with pytest.raises(ClinicRefused, match="no form 'horoscope'"):
        fill_in(station, login, practice.patient_uid, Filling("horoscope", {}))
    with pytest.raises(ClinicRefused, match="no patient"):
        fill_in(station, login, new_uid(), Filling(EARS, good_answers(EARS)))


def test_an_absolute_contraindication_blocks_until_a_physician_clears_it(
    practice: Practice,
) -> None:
    uid = fill(practice, IMPLANT)

    before = newest(practice)
    assert [one.item for one in before.absolute_uncleared] == ["cochlear_implant"]
    assert {one.item for one in before.uncleared} == {"cochlear_implant", "seizure"}
    assert not before.passes
    clear(practice, uid, cochlear_implant="the implant was taken out in 2019")

    after = newest(practice)
    assert after.absolute_uncleared == ()
    assert [one.item for one in after.uncleared] == ["seizure"]
    assert not after.passes


def test_several_signatures_together_clear_everything(practice: Practice) -> None:
    uid = fill(practice, IMPLANT)

    clear(practice, uid, cochlear_implant="taken out")
    clear(practice, uid, seizure="with fever, forty years ago")

    found = newest(practice)
    assert found.passes
    assert {(one.item, one.reason) for one in found.cleared} == {
        ("cochlear_implant", "taken out"),
        ("seizure", "with fever, forty years ago"),
    }
    assert {one.signed.enrolment.name for one in found.cleared} == {"Physician Somebody"}


def test_a_clearance_does_not_reach_newer_answers(practice: Practice) -> None:
    """A signature is on exactly the answers that the physician saw."""
    clear(practice, fill(practice, IMPLANT), cochlear_implant="taken out", seizure="with fever")
    assert newest(practice).passes

    fill(practice, IMPLANT)

    assert not newest(practice).passes


def test_older_answers_cannot_be_cleared_any_more(practice: Practice) -> None:
    uid = fill(practice, IMPLANT)
    fill(practice, IMPLANT)

    with pytest.raises(ClinicRefused, match="Newer answers"):
        clear(practice, uid, seizure="with fever")


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        ({}, "Name what is cleared"),
        ({"seizure": "  "}, "Say why"),
        ({"pregnancy": "certain"}, "no answer that asks for a physician"),
        ({"unheard_of": "certain"}, "no answer that asks for a physician"),
    ],
)
def test_a_clearance_names_what_asks_for_it_and_why(
    practice: Practice, reasons: dict[str, str], words: str
) -> None:
    uid = fill(practice, IMPLANT)

    with pytest.raises(ClinicRefused, match=words):
        clear(practice, uid, **reasons)

    assert newest(practice).cleared == ()


def test_a_clearance_takes_the_physicians_password(practice: Practice) -> None:
    uid = fill(practice, IMPLANT)
    cleared = AnswersClearance(uid, {"seizure": "with fever"})

    with pytest.raises(LoginRefused):
        clear_answers(practice.station, practice.physician, cleared, "wrong", "physician")
    with pytest.raises(NotPermitted, match="Only a physician"):
        clear_answers(practice.station, practice.technician, cleared, *secret(practice.technician))
    with pytest.raises(ClinicRefused, match="no form answers"):
        clear(practice, new_uid(), seizure="with fever")

    assert newest(practice).cleared == ()


def test_what_refuses_outright_nobody_can_clear(practice: Practice) -> None:
    """Without ear protection nothing starts; it is put on, and asked again."""
    uid = fill(practice, {"patient_protected": False}, EARS)

    assert not newest(practice, EARS).passes
    with pytest.raises(ClinicRefused, match="asks for a physician"):
        clear(practice, uid, patient_protected="deaf anyway")
    fill(practice, form_id=EARS)
    assert newest(practice, EARS).passes


def test_a_correction_counts_instead_and_only_of_the_same_answers(practice: Practice) -> None:
    station, login, patient_uid = practice.station, practice.technician, practice.patient_uid
    other = some_patient(practice.clinic, BERT)
    wrong = fill(practice, IMPLANT)
    good = Filling(SCREENING, good_answers(SCREENING), supersedes=wrong)

    with pytest.raises(ClinicRefused, match="same patient's answers to the same form"):
        fill_in(station, login, other, good)
    with pytest.raises(ClinicRefused, match="same patient's answers to the same form"):
        fill_in(station, login, patient_uid, Filling(EARS, good_answers(EARS), supersedes=wrong))
    with pytest.raises(ClinicRefused, match="no form answers"):
        fill_in(
            station, login, patient_uid, Filling(EARS, good_answers(EARS), supersedes=new_uid())
        )
    right = fill_in(station, login, patient_uid, good)

    assert newest(practice).uid == right
    with practice.trusting() as trusted:
        assert [one.uid for one in answers_of(trusted, patient_uid, SCREENING)] == [right]
    with pytest.raises(ClinicRefused, match="changed this"):
        fill_in(station, login, patient_uid, good)
    clear(practice, wrong, cochlear_implant="never had one", seizure="with fever")
    with pytest.raises(ClinicRefused, match="Newer answers"):  # nothing of them waits any more
        clear(practice, wrong, seizure="with fever")


def test_answers_before_a_session_are_those_of_this_session(practice: Practice) -> None:
    this, another = new_uid(), new_uid()
    answered(practice.clinic, practice.patient_uid, DAILY, session_uid=this)
    later = answered(practice.clinic, practice.patient_uid, DAILY, session_uid=another)

    assert newest(practice, DAILY).uid == later
    assert newest(practice, DAILY, this).answers.session_uid == this
    with practice.trusting() as trusted:
        assert newest_answers(trusted, practice.patient_uid, DAILY, session_uid=new_uid()) is None


def test_answers_of_somebody_else_are_not_taken(practice: Practice) -> None:
    """The wrong patient is what goes wrong in practice (clinical.md 4)."""
    other = some_patient(practice.clinic, BERT)
    every_form(practice.clinic, other)

    with practice.trusting() as trusted:
        assert newest_answers(trusted, practice.patient_uid, SCREENING) is None


def test_age_is_told_exactly_and_in_days_of_the_calendar(practice: Practice) -> None:
    practice.clinic.wall.set("2026-11-20T22:30:00.000000Z")
    fill(practice)
    found = newest(practice)

    assert found.age("2026-11-20T23:30:00Z") == timedelta(hours=1)
    assert found.age(NOW) < timedelta(0)
    assert found.age_days("2026-11-20T23:30:00Z", "Europe/Berlin") == 1
    assert found.age_days("2026-11-20T23:30:00Z", "UTC") == 0


def test_what_waits_for_a_physician_is_the_newest_of_each_form_and_what_was_taken_back(
    practice: Practice,
) -> None:
    other = some_patient(practice.clinic, BERT)
    before = fill(practice, IMPLANT)
    fill(practice)
    waiting = answered(practice.clinic, other, SCREENING, IMPLANT)
    tired = fill(practice, {"sleep": "hardly any"}, DAILY)

    with practice.trusting() as trusted:
        assert {one.uid for one in waiting_for_physician(trusted)} == {before, waiting, tired}
    clear(practice, waiting, cochlear_implant="taken out", seizure="with fever")
    clear(practice, before, cochlear_implant="never had one", seizure="with fever")
    with practice.trusting() as trusted:
        assert [one.uid for one in waiting_for_physician(trusted)] == [tired]


def test_answers_to_a_version_that_is_not_known_are_refused_with_a_sentence(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody went back to an older program: what a newer form asks for is not guessed."""
    fill(practice)

    def unknown(form_id: str, version: int | None) -> None:
        raise FormError(f"form {form_id} has no version {version}; it has [0]")

    monkeypatch.setattr(module, "form", unknown)
    with practice.trusting() as trusted, pytest.raises(ClinicRefused, match="has no version 1"):
        newest_answers(trusted, practice.patient_uid, SCREENING)


def test_answers_that_do_not_fit_their_form_are_not_guessed_at(practice: Practice) -> None:
    """Written by another program: an item that is left out is no item that was answered no."""
    made = Made.now(practice.station, practice.technician)
    filled = FormAnswers(
        made.uid, SCREENING, 1, practice.patient_uid, None, None, made.at, {"seizure": False}
    )
    practice.station.write(
        AddRecord(
            kind=RecordKind.FORM_ANSWERS,
            uid=made.uid,
            at=made.at,
            actor=made.actor,
            content=filled.canonical_text(),
        )
    )

    with practice.trusting() as trusted, pytest.raises(ClinicRefused, match="cannot be read"):
        newest_answers(trusted, practice.patient_uid, SCREENING)


def test_a_clearance_without_a_reason_counts_for_nothing(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later program, or a mistake in this one, could write such a signature."""
    uid = fill(practice, IMPLANT)

    def careless(station, login, to_sign, password, *, login_name=""):  # type: ignore[no-untyped-def]
        blank = tuple(replace(one, reason=" ") for one in to_sign.answers)
        return login_module.sign(
            station, login, replace(to_sign, answers=blank), password, login_name=login_name
        )

    monkeypatch.setattr(module, "sign", careless)
    clear(practice, uid, seizure="with fever")

    assert newest(practice).cleared == ()
