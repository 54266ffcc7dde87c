"""Screening and pre-session checks as versioned forms, and what their answers ask for.

A physician's clearance is a signature and not here; neither is how old answers may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from protocols.canonical import (
    Canonical,
    ContentError,
    JsonValue,
    Record,
    check_moment,
    check_range,
    check_text,
    check_uid,
)
from protocols.terms import Mark

ANSWERS_TAG = "tms-form_answers-1"
"""The first thing in the canonical form of answers."""
YES, NO = "yes", "no"
AnswerValue = bool | str | int | None
"""An answer: true or false, a choice or a text, a whole number; null for what was not asked."""


class ItemKind(StrEnum):
    """How an item is answered."""

    YES_NO = "yes/no"
    CHOICE = "choice"
    NUMBER = "number"
    TEXT = "text"


class FormError(ValueError):
    """A form that contradicts itself, or one that there is not."""


class AnswersError(ContentError):
    """Answers that do not fit their form.

    Attributes:
        mistakes: Every item that is wrong or missing, a sentence each.
    """

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Condition:
    """An item is asked only after one of these answers to another."""

    item: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a form.

    Attributes:
        id: Its name in the answers; it keeps its meaning over all versions of the form.
        kind: How it is answered.
        text: The question.
        explanation: What helps to answer it, "" if nothing does.
        choices: The allowed answers of a choice.
        unit: The unit of a number.
        lowest: Lowest number.
        highest: Highest number.
        asked_if: When it is asked; None: always.
        note_on: Answers that the technician looks after.
        physician_on: Answers that a physician must clear.
        absolute_on: Answers that are absolute contraindications until a physician clears them.
        refuse_on: Answers with which nothing is started; they are put right and asked again.
    """

    id: str
    kind: ItemKind
    text: str
    explanation: str = ""
    choices: tuple[str, ...] = ()
    unit: str = ""
    lowest: int = 0
    highest: int = 0
    asked_if: Condition | None = None
    note_on: tuple[str, ...] = ()
    physician_on: tuple[str, ...] = ()
    absolute_on: tuple[str, ...] = ()
    refuse_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise FormError unless kind, choices and consequences belong together."""
        words = self.words
        for answer in (*self.note_on, *self.physician_on, *self.absolute_on, *self.refuse_on):
            if answer not in words:
                raise FormError(f"{self.id}: {answer!r} is no answer to it")
        if (self.kind is ItemKind.CHOICE) != (len(self.choices) > 1):
            raise FormError(f"{self.id}: a choice, and nothing else, has at least two choices")
        if len(set(self.choices)) != len(self.choices):
            raise FormError(f"{self.id}: a choice is offered twice")
        if (self.kind is ItemKind.NUMBER) != (self.lowest < self.highest):
            raise FormError(f"{self.id}: a number, and nothing else, has a lowest and a highest")

    @property
    def words(self) -> tuple[str, ...]:
        """The answers in words, where they are a closed list; else empty."""
        return (YES, NO) if self.kind is ItemKind.YES_NO else self.choices

    def mistake(self, answer: AnswerValue) -> str | None:
        """Return what is wrong with an answer, None if nothing is."""
        match self.kind, answer:
            case _, None:
                return f"{self.id} is not answered: {self.text}"
            case ItemKind.YES_NO, bool():
                return None
            case ItemKind.CHOICE, str() if answer in self.choices:
                return None
            case ItemKind.NUMBER, int() if not isinstance(answer, bool):
                if self.lowest <= answer <= self.highest:
                    return None
            case ItemKind.TEXT, str():
                try:
                    check_text(self.id, answer)
                except ContentError as error:
                    return str(error)
                return None
        return f"{self.id} is {answer!r:.60}; allowed: {self.allowed}"

    @property
    def allowed(self) -> str:
        """What may be answered, in words."""
        match self.kind:
            case ItemKind.YES_NO:
                return "yes or no"
            case ItemKind.CHOICE:
                return "; ".join(self.choices)
            case ItemKind.NUMBER:
                return f"a whole number from {self.lowest} to {self.highest} {self.unit}".rstrip()
            case ItemKind.TEXT:
                return "a text"

    def word(self, answer: AnswerValue) -> str:
        """Return an answer as it is shown."""
        if isinstance(answer, bool):
            return YES if answer else NO
        return "" if answer is None else f"{answer} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Form:
    """One version of a form; a version that was used never changes.

    Attributes:
        id: Its name over all versions.
        version: From 1.
        name: What it is called on screen.
        source: Where its items and their consequences come from.
        mark: How far that has been checked.
        items: The questions, in order.
    """

    id: str
    version: int
    name: str
    source: str
    mark: Mark
    items: tuple[Item, ...]

    def __post_init__(self) -> None:
        """Raise FormError unless every condition names an earlier item and an answer to it."""
        earlier: dict[str, Item] = {}
        for item in self.items:
            if item.id in earlier:
                raise FormError(f"{self.id}: two items are called {item.id}")
            if (condition := item.asked_if) is not None:
                other = earlier.get(condition.item)
                if other is None or not set(condition.answers) <= set(other.words):
                    raise FormError(f"{self.id}: {item.id} is asked after no such answer")
            earlier[item.id] = item

    def asked(self, answers: Mapping[str, AnswerValue]) -> tuple[Item, ...]:
        """Return the items that are asked, given these answers."""
        asked: dict[str, Item] = {}
        for item in self.items:
            condition = item.asked_if
            if condition is not None:
                other = asked.get(condition.item)
                if other is None or other.word(answers.get(other.id)) not in condition.answers:
                    continue
            asked[item.id] = item
        return tuple(asked.values())

    def mistakes(self, answers: Mapping[str, AnswerValue]) -> tuple[str, ...]:
        """Return what is wrong with answers, a sentence each; none if they are complete.

        What is not asked may be null or left out.
        """
        asked = {item.id: item for item in self.asked(answers)}
        names = {item.id for item in self.items}
        wrong = [f"{name[:40]} is no item of {self.id}" for name in sorted(set(answers) - names)]
        wrong += [
            f"{name} was not asked after these answers, so it has none"
            for name in sorted(names - set(asked))
            if answers.get(name) is not None
        ]
        found = (item.mistake(answers.get(item.id)) for item in asked.values())
        return (*wrong, *(mistake for mistake in found if mistake is not None))


@dataclass(frozen=True, slots=True)
class FormAnswers(Canonical):
    """A form as it was filled in.

    Attributes:
        uid: This record.
        form_id: Which form.
        form_version: Which version of it.
        patient_uid: Whose answers.
        session_uid: Before which session, None for none.
        supersedes: The uid of the answers that these correct, None for none.
        answered_at: When, RFC 3339 in UTC.
        answers: One answer for each item, by the item's id; null for what was not asked.
    """

    uid: str
    form_id: str
    form_version: int
    patient_uid: str
    session_uid: str | None
    supersedes: str | None
    answered_at: str
    answers: Mapping[str, AnswerValue]

    def __post_init__(self) -> None:
        """Raise ContentError unless it can be stored and hashed; `evaluate` looks at the form."""
        check_uid("uid", self.uid)
        check_uid("patient_uid", self.patient_uid)
        for name in ("session_uid", "supersedes"):
            if (uid := getattr(self, name)) is not None:
                check_uid(name, uid)
        if self.supersedes == self.uid:
            raise ContentError("a correction has a uid of its own")
        check_text("form_id", self.form_id)
        check_range("form_version", self.form_version, 1, 1_000_000)
        check_moment("answered_at", self.answered_at)
        for name, answer in self.answers.items():
            check_text("an item's name", name)
            if isinstance(answer, str):
                check_text(name, answer)
            elif isinstance(answer, int):
                check_range(name, answer, -(2**53) + 1, 2**53 - 1)
        object.__setattr__(self, "answers", MappingProxyType(dict(self.answers)))

    def canonical(self) -> dict[str, JsonValue]:
        """Return the answers as JSON values."""
        return {
            "tag": ANSWERS_TAG,
            "uid": self.uid,
            "form_id": self.form_id,
            "form_version": self.form_version,
            "patient_uid": self.patient_uid,
            "session_uid": self.session_uid,
            "supersedes": self.supersedes,
            "answered_at": self.answered_at,
            "answers": dict(self.answers),
        }

    @classmethod
    def from_canonical(cls, values: JsonValue) -> Self:
        """Return the answers whose canonical form these JSON values are.

        Raises:
            ContentError: They are none; the message names the field.
        """
        with Record(values) as record:
            record.tagged(ANSWERS_TAG)
            answers: dict[str, AnswerValue] = {}
            for name, value in record.record("answers").values().items():
                if not isinstance(value, str | int | None):
                    raise ContentError(f"answers.{name[:60]} is no answer")
                answers[name] = value
            return cls(
                uid=record.text("uid"),
                form_id=record.text("form_id"),
                form_version=record.integer("form_version"),
                patient_uid=record.text("patient_uid"),
                session_uid=record.optional_text("session_uid"),
                supersedes=record.optional_text("supersedes"),
                answered_at=record.text("answered_at"),
                answers=answers,
            )
