"""What is known of a patient, each member checked when it is put together.

Versions, and who may make one, are `clinic.patients`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Self

from protocols.canonical import ContentError, Record, check_uid, moment_of
from tms_console.clinic.entries import FURTHEST_EAST, check_line, folded
from tms_console.records.canonical import Json

OLDEST_YEARS = 130
"""Operational choice: nobody was ever known to live so long, so a birth date before is a slip."""
_MOST_ENTRIES = 100


class Sex(StrEnum):
    """As FHIR's administrative gender has it."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Medication:
    """Something a patient takes.

    Attributes:
        name: What.
        dose: How much and how often, in words; "" if it is not known.
    """

    name: str
    dose: str = ""

    def __post_init__(self) -> None:
        """Raise ContentError unless it can be shown."""
        check_line("a medication's name", self.name)
        if self.dose:
            check_line(f"the dose of {self.name}", self.dose)

    def __str__(self) -> str:
        """Return name and dose."""
        return f"{self.name} {self.dose}".rstrip()


@dataclass(frozen=True, slots=True)
class PatientDetails:
    """What is known of a patient; a change of anything is another version.

    Attributes:
        name: Full name as on their papers.
        birth_date: Such as `1984-02-29`.
        sex: As the clinic records it.
        record_number: The clinic's own; no two current patients have the same.
        allergies: One each; none if none are known.
        alerts: What everybody must see first, one each.
        medications: What they take.
        photo_uid: An attachment, None for no photograph.
    """

    name: str
    birth_date: str
    sex: Sex
    record_number: str
    allergies: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    medications: tuple[Medication, ...] = ()
    photo_uid: str | None = None

    def __post_init__(self) -> None:
        """Raise ContentError unless each of it can be; the sentence names it."""
        check_line("name", self.name)
        check_line("record_number", self.record_number)
        check_birth_date(self.birth_date)
        for name in ("allergies", "alerts"):
            for one in getattr(self, name):
                check_line(name, one)
        names = [folded(one.name) for one in self.medications]
        if len(set(names)) != len(names):
            raise ContentError("medications names one twice: give each once, with its whole dose")
        if max(len(self.allergies), len(self.alerts), len(self.medications)) > _MOST_ENTRIES:
            raise ContentError(f"allergies, alerts, medications: each up to {_MOST_ENTRIES}")
        if self.photo_uid is not None:
            check_uid("photo_uid", self.photo_uid)

    def canonical(self) -> dict[str, Json]:
        """Return the details as JSON values."""
        return {
            "name": self.name,
            "birth_date": self.birth_date,
            "sex": self.sex.value,
            "record_number": self.record_number,
            "allergies": list(self.allergies),
            "alerts": list(self.alerts),
            "medications": [{"name": one.name, "dose": one.dose} for one in self.medications],
            "photo_uid": self.photo_uid,
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the details that the JSON values state.

        Raises:
            ContentError: They state none; the message names the field.
        """
        return cls(
            name=record.text("name"),
            birth_date=record.text("birth_date"),
            sex=record.member("sex", Sex),
            record_number=record.text("record_number"),
            allergies=tuple(record.texts("allergies")),
            alerts=tuple(record.texts("alerts")),
            medications=tuple(map(_medication, record.records("medications"))),
            photo_uid=record.optional_text("photo_uid"),
        )


def check_birth_date(birth_date: str, now: str | None = None) -> None:
    """Raise ContentError unless it is a real date, and not in the future or too long ago.

    Args:
        birth_date: Such as `1984-02-29`.
        now: Wall time to compare with, None to look at the date alone.
    """
    try:
        born = date.fromisoformat(birth_date)
        real = born.isoformat() == birth_date
    except ValueError:
        real = False
    if not real:
        raise ContentError(
            f"birth_date is {birth_date[:40]!r}: it must be a real date such as 1984-02-29"
        )
    if now is None:
        return
    at: datetime = moment_of(now)
    if born > (at + FURTHEST_EAST).date():
        raise ContentError(f"birth_date is {birth_date}: that is in the future")
    if born.year <= at.year - OLDEST_YEARS:
        raise ContentError(
            f"birth_date is {birth_date}: that is {OLDEST_YEARS} years ago or longer"
        )


def _medication(record: Record) -> Medication:
    with record:
        return Medication(record.text("name"), record.text("dose"))
