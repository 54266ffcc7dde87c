"""One of the checks before a session as a form to fill in, and the entry of a new threshold.

The questions are the shipped form's; what answers ask for is `protocols.form_evaluation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.form_evaluation import EXTRA, form
from protocols.measured import ThresholdReference
from protocols.screening import AnswerValue, Form, Item, ItemKind
from protocols.wording import as_sentence
from tms_console.accounts.trust import Trusted
from tms_console.clinic.forms import newest_answers
from tms_console.clinic.measurement import Measurement, Method
from tms_console.screens.treat import BeforeScreen


@dataclass(frozen=True, slots=True)
class FormScreen:
    """A form to fill in.

    Attributes:
        form: Which.
        answers: What stands in it at first; screening begins with the last answers, so that a
            person looks at them again, everything of today begins empty.
        lead: What to know before.
    """

    form: Form
    answers: Mapping[str, AnswerValue]
    lead: str = ""


@dataclass(frozen=True, slots=True)
class FormState:
    """A form while it is filled in.

    Attributes:
        asked: The items that are asked after these answers.
        missing: How many of them have no answer yet.
        mistakes: What is wrong, a sentence each.
    """

    asked: tuple[Item, ...]
    missing: int
    mistakes: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """True if it can be put on record."""
        return not self.mistakes


def form_screen(trusted: Trusted, patient_uid: str, form_id: str, why: str = "") -> FormScreen:
    """Return a form to fill in for a patient.

    Args:
        trusted: The record.
        patient_uid: Whose.
        form_id: Which.
        why: Why it is asked for.
    """
    asked = form(form_id)
    answers: dict[str, AnswerValue] = {}
    before = newest_answers(trusted, patient_uid, form_id)
    if form_id == "screening" and before is not None and before.form.version == asked.version:
        answers = {key: value for key, value in before.answers.answers.items() if value is not None}
    told = "The answers of last time are shown: go through them with the patient again."
    return FormScreen(asked, answers, told if answers else why if form_id == EXTRA else "")


def form_state(asked: Form, answers: Mapping[str, AnswerValue]) -> FormState:
    """Return where a form stands with these answers."""
    items = asked.asked(answers)
    names = {item.id for item in items}
    kept = {name: value for name, value in answers.items() if name in names}
    missing = sum(kept.get(item.id) is None for item in items)
    return FormState(items, missing, asked.mistakes(kept))


def kept_answers(asked: Form, answers: Mapping[str, AnswerValue]) -> dict[str, AnswerValue]:
    """Return the answers to what is asked, without those that became pointless."""
    names = {item.id for item in asked.asked(answers)}
    return {name: value for name, value in answers.items() if name in names}


def choices_of(item: Item) -> tuple[tuple[AnswerValue, str], ...]:
    """Return the answers of a closed item with their words; () for a number or a text."""
    if item.kind is ItemKind.YES_NO:
        return ((True, "Yes"), (False, "No"))
    return tuple((one, as_sentence(one)) for one in item.choices)


@dataclass(frozen=True, slots=True)
class ThresholdEntry:
    """What a re-measured threshold is like: as the one that the dose rests on.

    Attributes:
        like: That one.
        patient_uid: Whose.
        method: How answers were seen.
        algorithm: How the value was found.
        note: What follows for the dose.
    """

    like: ThresholdReference
    patient_uid: str
    method: Method
    algorithm: str
    note: str

    def measurement(self, value_pct_mso: int, measured_at: str) -> Measurement:
        """Return the measurement of this value.

        Raises:
            ContentError: Such a threshold cannot have been measured.
        """
        return Measurement(
            patient_uid=self.patient_uid,
            kind=self.like.kind,
            muscle=self.like.muscle,
            side=self.like.side,
            coil=self.like.coil,
            method=self.method,
            algorithm=self.algorithm,
            value_pct_mso=value_pct_mso,
            measured_at=measured_at,
        )


def threshold_entries(screen: BeforeScreen) -> tuple[ThresholdEntry, ...]:
    """Return what may be measured again: each threshold that a block rests on, once."""
    band = screen.shown.prescription.band
    told = (
        "No re-measure band was signed: another value stops treatment until a physician signs a "
        "new version."
        if band is None
        else f"Within {band.plus_minus_pct_mso} %MSO of the signed value treatment goes on, up to "
        f"{band.highest_pct_mso} %MSO; a physician acknowledges it."
    )
    found = {}
    for reference in screen.shown.dose.thresholds:
        method, _, algorithm = reference.method.partition(", ")
        found[reference.uid] = ThresholdEntry(
            reference, screen.patient_uid, Method(method), algorithm, told
        )
    return tuple(found.values())
