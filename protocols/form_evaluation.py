"""Reads the shipped forms, and says what the answers to one ask for.

Answers never permit anything by themselves: the gate looks at their age and at clearances.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TypeAlias

from protocols.canonical import JsonValue, Record
from protocols.screening import (
    AnswersError,
    Condition,
    Form,
    FormAnswers,
    FormError,
    Item,
    ItemKind,
)
from protocols.terms import Mark

SCREENING, DAILY, IDENTITY, EARS, EXTRA = "screening", "daily", "identity", "ears", "extra"
PRE_SESSION = (DAILY, IDENTITY, EARS)
"""The forms that are filled in before every session."""

_Key: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Remark:
    """One answer that asks for something.

    Attributes:
        item: The item's id.
        text: The question.
        answer: The answer in words.
        detail: What was answered to the questions that followed from it, "" if nothing.
    """

    item: str
    text: str
    answer: str
    detail: str = ""

    def __str__(self) -> str:
        """Return question and answer."""
        return f"{self.text} {self.answer}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the answers to one form ask for.

    Attributes:
        refused: Nothing is started with these answers; put right what they name and ask again.
        absolute: Contraindications that block until a physician clears them with a reason.
        to_physician: Answers that a physician clears with a reason, those of `absolute` among
            them.
        notes: Answers that the technician looks after.
    """

    refused: tuple[Remark, ...]
    absolute: tuple[Remark, ...]
    to_physician: tuple[Remark, ...]
    notes: tuple[Remark, ...]

    @property
    def positive(self) -> tuple[Remark, ...]:
        """Every answer that asks for anything, once, gravest first."""
        return tuple(
            dict.fromkeys((*self.refused, *self.absolute, *self.to_physician, *self.notes))
        )

    @property
    def needs_physician(self) -> bool:
        """True if a physician must clear something."""
        return bool(self.to_physician)


def evaluate(form: Form, answers: FormAnswers) -> Evaluation:
    """Return what the answers to a form ask for.

    Raises:
        AnswersError: They are answers to another form, or something is missing or wrong.
    """
    if (answers.form_id, answers.form_version) != (form.id, form.version):
        raise AnswersError(
            (
                f"these are answers to {answers.form_id} version {answers.form_version}, not to "
                f"{form.id} version {form.version}",
            )
        )
    given = answers.answers
    if mistakes := form.mistakes(given):
        raise AnswersError(mistakes)
    asked = form.asked(given)

    def remarks(consequence: str) -> tuple[Remark, ...]:
        return tuple(
            Remark(item.id, item.text, word, _detail(item, asked, answers))
            for item in asked
            if (word := item.word(given[item.id])) in getattr(item, consequence)
        )

    absolute = remarks("absolute_on")
    cleared = (*absolute, *(one for one in remarks("physician_on") if one not in absolute))
    return Evaluation(remarks("refuse_on"), absolute, cleared, remarks("note_on"))


def _detail(item: Item, asked: tuple[Item, ...], answers: FormAnswers) -> str:
    """Return the answers to the questions that were asked because of an item's answer."""
    followed = (
        other.word(answers.answers[other.id])
        for other in asked
        if other.asked_if is not None and other.asked_if.item == item.id
    )
    return "; ".join(followed)


def form(form_id: str, version: int | None = None) -> Form:
    """Return a shipped form; its newest version if none is named.

    Raises:
        FormError: There is no such form or version.
    """
    versions = {key[1]: one for key, one in shipped_forms().items() if key[0] == form_id}
    if not versions:
        known = ", ".join(sorted({key[0] for key in shipped_forms()}))
        raise FormError(f"there is no form {form_id[:40]!r}; there are {known}")
    wanted = max(versions) if version is None else version
    if wanted not in versions:
        raise FormError(f"form {form_id} has no version {wanted}; it has {sorted(versions)}")
    return versions[wanted]


@cache
def shipped_forms() -> Mapping[_Key, Form]:
    """Return every shipped version of every form.

    Raises:
        FormError: A shipped file is damaged.
    """
    forms: dict[_Key, Form] = {}
    for file in sorted(files("protocols.forms").iterdir(), key=lambda file: file.name):
        if re.fullmatch(r"[a-z]+-\d+\.toml", file.name):
            one = read_form(file.read_text(encoding="utf-8"), file.name)
            forms[one.id, one.version] = one
    return MappingProxyType(forms)


def read_form(text: str, name: str) -> Form:
    """Return the form that a TOML text states.

    Args:
        text: The text.
        name: The file's name, which is its id and version: `daily-1.toml`.

    Raises:
        FormError: It states none, or one that is called otherwise.
    """
    try:
        values: JsonValue = tomllib.loads(text)
        with Record(values) as record:
            made = Form(
                id=record.text("id"),
                version=record.integer("version"),
                name=record.text("name"),
                source=record.text("source"),
                mark=record.member("mark", Mark),
                items=tuple(_item(item) for item in record.records("items")),
            )
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise FormError(f"{name}: {error}") from error
    if name != f"{made.id}-{made.version}.toml":
        raise FormError(f"{name}: it holds {made.id} version {made.version}")
    return made


def _item(record: Record) -> Item:
    def texts(name: str) -> tuple[str, ...]:
        return tuple(record.texts(name)) if name in record else ()

    with record:
        return Item(
            id=record.text("id"),
            kind=record.member("kind", ItemKind),
            text=record.text("text"),
            explanation=record.text("explanation") if "explanation" in record else "",
            choices=texts("choices"),
            unit=record.text("unit") if "unit" in record else "",
            lowest=record.integer("lowest") if "lowest" in record else 0,
            highest=record.integer("highest") if "highest" in record else 0,
            asked_if=_condition(record.record("asked_if")) if "asked_if" in record else None,
            note_on=texts("note_on"),
            physician_on=texts("physician_on"),
            absolute_on=texts("absolute_on"),
            refuse_on=texts("refuse_on"),
        )


def _condition(record: Record) -> Condition:
    with record:
        return Condition(record.text("item"), tuple(record.texts("answers")))
