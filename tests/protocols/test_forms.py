"""Screening and pre-session checks: complete answers, and what each of them asks for."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.canonical import ContentError, digest_of
from protocols.form_evaluation import (
    DAILY,
    EARS,
    EXTRA,
    IDENTITY,
    PRE_SESSION,
    SCREENING,
    evaluate,
    form,
    read_form,
    shipped_forms,
)
from protocols.medications import flagged_medications, medication_groups
from protocols.screening import (
    AnswersError,
    AnswerValue,
    Condition,
    Form,
    FormAnswers,
    FormError,
    Item,
    ItemKind,
)
from protocols.terms import Mark
from tests.protocols.prescriptions import leaves, other_value, turned, uid, value_at, with_value
from tests.protocols.strategies import texts

HARMLESS: dict[str, dict[str, AnswerValue]] = {
    SCREENING: {item.id: False for item in form(SCREENING).items if item.asked_if is None}
    | {"earlier_tms": "never", "earlier_mri": "yes, without problems"},
    DAILY: {
        "metal_removed": True,
        "medication_change": False,
        "sleep": "as usual",
        "sleep_hours": 8,
        "alcohol": "none, as usual",
        "drugs": False,
        "caffeine": "as usual",
        "food": True,
        "anything_new": False,
    },
    IDENTITY: {"name_stated": True, "birth_date_stated": True, "prescription_shown": True},
    EARS: {"patient_protected": True, "operator_protected": True},
    EXTRA: {
        "why": "one of the first sessions",
        "change_understood": True,
        "earlier_sessions": "this is the first",
        "patient_told": True,
        "watched": True,
        "seizure_plan": True,
    },
}
THIRTEEN = {
    "seizure",
    "fainting",
    "head_injury",
    "hearing",
    "cochlear_implant",
    "pregnancy",
    "metal",
    "neurostimulator",
    "cardiac",
    "infusion_device",
    "medications",
    "earlier_tms",
    "earlier_mri",
}


def answered(form_id: str, **changes: AnswerValue) -> FormAnswers:
    return FormAnswers(
        uid=uid(1),
        form_id=form_id,
        form_version=1,
        patient_uid=uid(7),
        session_uid=None,
        supersedes=None,
        answered_at="2026-11-22T09:00:00Z",
        answers=HARMLESS[form_id] | changes,
    )


@pytest.mark.parametrize("form_id", HARMLESS)
def test_harmless_answers_ask_for_nothing(form_id: str) -> None:
    found = evaluate(form(form_id), answered(form_id))
    assert found.positive == ()
    assert not found.needs_physician


def test_the_screening_asks_the_thirteen_items() -> None:
    always = {item.id for item in form(SCREENING).items if item.asked_if is None}
    assert always == THIRTEEN


@pytest.mark.parametrize("item", sorted(THIRTEEN))
def test_a_yes_to_any_of_the_thirteen_goes_to_the_physician(item: str) -> None:
    """None of them is an absolute contraindication by itself, but for a cochlear implant."""
    answers: dict[str, AnswerValue] = {item: True}
    if item in ("earlier_tms", "earlier_mri"):
        answers = {item: "yes, with problems"}
    followed: dict[str, AnswerValue] = {
        "metal": "elsewhere",
        "neurostimulator": "all parts at least 30 cm away",
        "cardiac": "all parts at least 30 cm away",
    }
    for one in form(SCREENING).items:
        if one.asked_if is not None and one.asked_if.item == item:
            answers[one.id] = "told" if one.kind is ItemKind.TEXT else followed[item]
    found = evaluate(form(SCREENING), answered(SCREENING, **answers))
    assert item in [remark.item for remark in found.to_physician]
    assert bool(found.absolute) is (item == "cochlear_implant")
    assert found.needs_physician
    assert found.refused == ()


@pytest.mark.parametrize(
    "answers",
    [
        {"cochlear_implant": True},
        {"neurostimulator": True, "neurostimulator_where": "near the coil, or not known"},
        {"cardiac": True, "cardiac_where": "near the coil, or not known"},
        {
            "metal": True,
            "metal_where": "in the head within 30 cm of the coil, ferromagnetic or not known",
            "metal_detail": "splinter",
        },
    ],
    ids=lambda answers: next(iter(answers)),
)
def test_absolute_answers_block_until_a_physician_clears_them(
    answers: dict[str, AnswerValue],
) -> None:
    found = evaluate(form(SCREENING), answered(SCREENING, **answers))
    assert len(found.absolute) == 1
    assert found.absolute[0] in found.to_physician


def test_dental_fillings_are_not_absolute() -> None:
    found = evaluate(
        form(SCREENING),
        answered(SCREENING, metal=True, metal_where="dental fillings only", metal_detail="two"),
    )
    assert found.absolute == ()
    (remark,) = found.to_physician
    assert str(remark).endswith("yes (dental fillings only; two)")


@pytest.mark.parametrize(
    ("changes", "to_physician"),
    [
        ({"medication_change": True, "medication_change_detail": "lithium"}, True),
        ({"sleep": "less than usual"}, True),
        ({"sleep": "hardly any", "sleep_hours": 1}, True),
        ({"alcohol": "more than usual"}, True),
        ({"alcohol": "stopped or much less than usual"}, True),
        ({"drugs": True, "drugs_detail": "cocaine"}, True),
        ({"caffeine": "much more than usual"}, True),
        ({"anything_new": True, "anything_new_detail": "a fall"}, True),
        ({"food": False}, False),
        ({"caffeine": "less than usual"}, False),
    ],
    ids=str,
)
def test_answers_that_move_the_seizure_threshold_go_to_the_physician(
    changes: dict[str, AnswerValue], to_physician: bool
) -> None:
    found = evaluate(form(DAILY), answered(DAILY, **changes))
    assert found.needs_physician is to_physician
    assert bool(found.notes) is not to_physician
    assert len(found.positive) == 1


@pytest.mark.parametrize(
    ("form_id", "item"),
    [
        (DAILY, "metal_removed"),
        (IDENTITY, "name_stated"),
        (IDENTITY, "birth_date_stated"),
        (IDENTITY, "prescription_shown"),
        (EARS, "patient_protected"),
        (EARS, "operator_protected"),
        (EXTRA, "change_understood"),
        (EXTRA, "patient_told"),
        (EXTRA, "watched"),
        (EXTRA, "seizure_plan"),
    ],
)
def test_what_must_be_put_right_first_refuses_outright(form_id: str, item: str) -> None:
    found = evaluate(form(form_id), answered(form_id, **{item: False}))
    assert [remark.item for remark in found.refused] == [item]
    assert not found.needs_physician  # no clearance replaces ear protection


def test_complaints_that_remain_go_to_the_physician() -> None:
    found = evaluate(
        form(EXTRA),
        answered(
            EXTRA,
            earlier_sessions="with complaints that remain",
            earlier_sessions_detail="headache",
        ),
    )
    assert found.needs_physician


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sleep": None}, "sleep is not answered: How was"),
        ({"sleep": "badly"}, "sleep is 'badly'; allowed: as usual; less than usual; hardly any"),
        ({"sleep": True}, "sleep is True; allowed"),
        ({"sleep_hours": 25}, "sleep_hours is 25; allowed: a whole number from 0 to 24 h"),
        ({"sleep_hours": True}, "sleep_hours is True"),
        ({"sleep_hours": "8"}, "sleep_hours is '8'"),
        ({"drugs": "no"}, "drugs is 'no'; allowed: yes or no"),
        ({"drugs": True}, "drugs_detail is not answered: Which, and when?"),
        ({"drugs": True, "drugs_detail": 3}, "drugs_detail is 3; allowed: a text"),
        ({"drugs_detail": "none"}, "drugs_detail was not asked"),
        ({"shoes": True}, "shoes is no item of daily"),
    ],
    ids=str,
)
def test_missing_and_wrong_answers_are_told(changes: dict[str, AnswerValue], says: str) -> None:
    with pytest.raises(AnswersError) as refused:
        evaluate(form(DAILY), answered(DAILY, **changes))
    assert says in str(refused.value)
    assert len(refused.value.mistakes) == 1


def test_every_mistake_is_told_at_once() -> None:
    empty = replace(answered(DAILY), answers={})
    with pytest.raises(AnswersError) as refused:
        evaluate(form(DAILY), empty)
    assert len(refused.value.mistakes) == len(HARMLESS[DAILY])


def test_a_text_that_cannot_be_stored_is_told() -> None:
    item = Item("a", ItemKind.TEXT, "?")
    assert "1 to 10000 characters" in str(item.mistake(" "))
    assert item.mistake("fine") is None


def test_answers_to_another_form_or_version_are_refused() -> None:
    with pytest.raises(AnswersError, match="answers to daily version 1, not to ears version 1"):
        evaluate(form(EARS), answered(DAILY))
    with pytest.raises(AnswersError, match="daily version 2, not to daily version 1"):
        evaluate(form(DAILY), replace(answered(DAILY), form_version=2))


@given(
    st.dictionaries(texts, st.booleans() | texts | st.integers(-100, 100) | st.none(), max_size=5),
    st.none() | st.just(uid(3)),
    st.none() | st.just(uid(4)),
)
def test_answers_come_back_from_their_canonical_text(
    answers: dict[str, AnswerValue], session_uid: str | None, supersedes: str | None
) -> None:
    filled = replace(
        answered(DAILY), answers=answers, session_uid=session_uid, supersedes=supersedes
    )
    received = FormAnswers.from_canonical(json.loads(filled.canonical_text()))
    assert received == filled
    assert received.digest() == filled.digest() == digest_of(turned(filled.canonical()))


@pytest.mark.parametrize("path", leaves(answered(DAILY).canonical()), ids=str)
def test_any_change_of_an_answer_changes_the_digest(path: tuple[str | int, ...]) -> None:
    values = answered(DAILY).canonical()
    changed = with_value(values, path, other_value(value_at(values, path)))
    assert digest_of(changed) != answered(DAILY).digest()
    try:
        received = FormAnswers.from_canonical(changed)
    except ContentError:
        return
    assert received.canonical() == changed


def test_every_field_of_answers_stands_in_the_canonical_form() -> None:
    assert set(answered(DAILY).canonical()) - {"tag"} == {
        field.name for field in fields(FormAnswers)
    }


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"uid": "x"}, "uid is 'x'"),
        ({"patient_uid": "x"}, "patient_uid is 'x'"),
        ({"session_uid": "x"}, "session_uid is 'x'"),
        ({"supersedes": uid(1)}, "uid of its own"),
        ({"form_id": ""}, "form_id is a text"),
        ({"form_version": 0}, "form_version is 0"),
        ({"answered_at": "now"}, "answered_at is 'now'"),
        ({"answers": {"a": "\ud800"}}, "half a character"),
        ({"answers": {"": True}}, "an item's name"),
        ({"answers": {"a": 2**53}}, "a is 9007199254740992"),
    ],
    ids=str,
)
def test_answers_that_cannot_be_a_record_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ContentError, match=says):
        replace(answered(DAILY), **changes)


def test_an_answer_of_another_shape_is_refused() -> None:
    sent = with_value(answered(EARS).canonical(), ("answers", "patient_protected"), [1])
    with pytest.raises(ContentError, match=r"answers.patient_protected is no answer"):
        FormAnswers.from_canonical(sent)


def test_answers_cannot_be_changed_afterwards() -> None:
    given: dict[str, AnswerValue] = dict(HARMLESS[EARS])
    filled = replace(answered(EARS), answers=given)
    given["patient_protected"] = False
    assert filled.answers["patient_protected"] is True
    with pytest.raises(TypeError):
        filled.answers["patient_protected"] = False  # type: ignore[index]


def test_the_newest_version_of_a_form_is_taken_and_others_can_be_named() -> None:
    assert form(DAILY) is form(DAILY, 1)
    assert {key[0] for key in shipped_forms()} == {*PRE_SESSION, SCREENING, EXTRA}
    with pytest.raises(FormError, match=r"no form 'tea'; there are daily, ears"):
        form("tea")
    with pytest.raises(FormError, match=r"form daily has no version 9; it has \[1\]"):
        form(DAILY, 9)


@pytest.mark.parametrize("one", shipped_forms().values(), ids=lambda one: one.id)
def test_every_shipped_form_says_where_it_comes_from(one: Form) -> None:
    assert one.source
    assert one.mark in Mark
    assert all(item.text.endswith(("?", ".")) for item in one.items)


GOOD = """
id = "tea"
version = 1
name = "Tea"
source = "none"
mark = "ours"
[[items]]
id = "milk"
kind = "yes/no"
text = "Milk?"
"""


def test_a_form_is_read_from_its_file() -> None:
    assert read_form(GOOD, "tea-1.toml").items[0].kind is ItemKind.YES_NO


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('id = "tea"', 'id = "coffee"', "it holds coffee version 1"),
        ("version = 1", "version = ", "tea-1.toml"),
        ('mark = "ours"', "", "mark is missing"),
        ('text = "Milk?"', 'text = "Milk?"\nspoons = 2', "spoons is not a field"),
        ('text = "Milk?"', 'text = "Milk?"\nnote_on = ["maybe"]', "'maybe' is no answer"),
        ('kind = "yes/no"', 'kind = "perhaps"', "allowed are yes/no, choice"),
        (
            'text = "Milk?"',
            'text = "Milk?"\nasked_if = { item = "cup", answers = ["yes"] }',
            "asked after no such answer",
        ),
    ],
)
def test_a_mistake_in_a_form_is_told(old: str, new: str, says: str) -> None:
    with pytest.raises(FormError, match=says):
        read_form(GOOD.replace(old, new, 1), "tea-1.toml")


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({"kind": ItemKind.CHOICE, "choices": ("a",)}, "at least two choices"),
        ({"kind": ItemKind.TEXT, "choices": ("a", "b")}, "at least two choices"),
        ({"kind": ItemKind.CHOICE, "choices": ("a", "a")}, "offered twice"),
        ({"kind": ItemKind.NUMBER}, "a lowest and a highest"),
        ({"kind": ItemKind.TEXT, "refuse_on": ("x",)}, "'x' is no answer"),
    ],
)
def test_an_item_that_contradicts_itself_cannot_exist(item: dict[str, Any], says: str) -> None:
    with pytest.raises(FormError, match=says):
        Item(id="a", text="?", **item)


def test_two_items_cannot_share_a_name() -> None:
    item = Item("a", ItemKind.YES_NO, "?")
    with pytest.raises(FormError, match="two items are called a"):
        Form("f", 1, "f", "none", Mark.OURS, (item, item))


def test_what_follows_from_an_unasked_question_is_not_asked_either() -> None:
    first = Item("a", ItemKind.YES_NO, "?")
    second = Item("b", ItemKind.YES_NO, "?", asked_if=Condition("a", ("yes",)))
    third = Item("c", ItemKind.TEXT, "?", asked_if=Condition("b", ("yes",)))
    asked = Form("f", 1, "f", "none", Mark.OURS, (first, second, third)).asked
    assert asked({"a": True, "b": True}) == (first, second, third)
    assert asked({"a": False, "b": True}) == (first,)


def test_flagged_medications_are_found_in_what_was_written() -> None:
    found = flagged_medications("Stopped LORAZEPAM 1mg; sertraline/lithium, Lithium, aspirin")
    assert [(one.word, one.group.group, one.mark) for one in found] == [
        ("LORAZEPAM", "benzodiazepines", Mark.RECALLED),
        ("sertraline", "SSRIs and SNRIs", Mark.RECALLED),
        ("lithium", "lithium", Mark.READ),
    ]
    assert str(found[0]) == "LORAZEPAM (benzodiazepines): tell the physician when it is withdrawn"


def test_a_name_inside_another_word_is_not_flagged() -> None:
    assert flagged_medications("ssrix, alcoholfree, none") == ()


def test_every_medication_of_the_reference_is_flagged() -> None:
    """clinical.md part 6; a name must lead to one group only."""
    text = (
        "bupropion clozapine tricyclics chlorpromazine theophylline amphetamines ketamine lithium "
        "antipsychotics SSRIs SNRIs benzodiazepines barbiturates alcohol"
    )
    assert len(flagged_medications(text)) == 14
    names = [name for group in medication_groups() for name in (*group.names, *group.members)]
    assert len(names) == len(set(names))
    assert all(name == name.casefold() for name in names)
