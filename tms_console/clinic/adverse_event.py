"""One adverse event, structured: what, how grave, when, from what, what was done, how it ended.

Whether it holds its patient is `clinic.adverse_events`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from protocols.canonical import ContentError, Record, check_moment, check_range, check_uid
from tms_console.clinic.entries import check_note
from tms_console.records.canonical import Json

HOLD_FROM_SEVERITY = 3
"""An event of this severity or more puts its patient on hold (the order's point 6)."""
LONGEST_S = 366 * 86_400


class What(StrEnum):
    """What happened (clinical.md part 8); `other` says it in words."""

    SCALP_DISCOMFORT = "scalp discomfort"
    HEADACHE = "headache"
    FACIAL_TWITCH = "facial twitch"
    TINGLING = "tingling"
    LIGHT_HEADEDNESS = "light-headedness"
    TOOTH_OR_JAW_PAIN = "tooth or jaw pain"
    NECK_PAIN = "neck pain"
    FATIGUE = "fatigue"
    HEARING_CHANGE = "hearing change"
    MOOD_CHANGE = "mood change"
    SYNCOPE = "syncope"
    SEIZURE = "seizure"
    OTHER = "other"


ALWAYS_HOLD = frozenset({What.SEIZURE, What.SYNCOPE})
"""These put the patient on hold whatever their severity (clinical.md part 8)."""

SEVERITIES: Mapping[int, str] = MappingProxyType(
    {
        0: "noticed, no complaint",
        1: "mild",
        2: "moderate",
        3: "severe",
        4: "life-threatening",
    }
)
"""The grades; their words are an operational choice, their number is clinical.md's."""


class Relatedness(StrEnum):
    """How likely it came from the stimulation, in the reporter's judgement."""

    NOT_RELATED = "not related"
    UNLIKELY = "unlikely"
    POSSIBLE = "possible"
    PROBABLE = "probable"
    DEFINITE = "definite"
    NOT_JUDGED = "not judged"


class Outcome(StrEnum):
    """How it ended, as far as is known."""

    RECOVERED = "recovered"
    RECOVERING = "recovering"
    NOT_RECOVERED = "not recovered"
    LASTING = "recovered with lasting effects"
    DIED = "died"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class AdverseEvent:
    """What a patient suffered.

    Attributes:
        patient_uid: Who.
        what: What happened.
        severity: 0 to 4, in the words of `SEVERITIES`.
        onset: When it began, RFC 3339 in UTC.
        description: It in words; needed for `other`.
        duration_s: How long it lasted; None if it is not over or nobody knows.
        relatedness: Whether it came from the stimulation.
        action: What was done, in words; "" for nothing.
        outcome: How it ended.
        session_uid: In which session, None for none.
    """

    patient_uid: str
    what: What
    severity: int
    onset: str
    description: str = ""
    duration_s: int | None = None
    relatedness: Relatedness = Relatedness.NOT_JUDGED
    action: str = ""
    outcome: Outcome = Outcome.UNKNOWN
    session_uid: str | None = None

    def __post_init__(self) -> None:
        """Raise ContentError unless each of it can be; the sentence names it."""
        check_uid("patient_uid", self.patient_uid)
        if self.session_uid is not None:
            check_uid("session_uid", self.session_uid)
        check_range("severity", self.severity, min(SEVERITIES), max(SEVERITIES))
        check_moment("onset", self.onset)
        check_note("description", self.description)
        check_note("action", self.action)
        if self.what is What.OTHER and not self.description:
            raise ContentError("description is empty: say what happened, if it is none of the list")
        if self.duration_s is not None:
            check_range("duration_s", self.duration_s, 0, LONGEST_S)

    @property
    def grave(self) -> bool:
        """True if it puts the patient on hold."""
        return self.what in ALWAYS_HOLD or self.severity >= HOLD_FROM_SEVERITY

    def __str__(self) -> str:
        """Return what happened and how grave it was."""
        return f"{self.what} (severity {self.severity}, {SEVERITIES[self.severity]})"

    def canonical(self) -> dict[str, Json]:
        """Return the event as JSON values; a duration that is not known is left out."""
        known: dict[str, Json] = {} if self.duration_s is None else {"duration_s": self.duration_s}
        return {
            "patient_uid": self.patient_uid,
            "what": self.what.value,
            "severity": self.severity,
            "onset": self.onset,
            "description": self.description,
            "relatedness": self.relatedness.value,
            "action": self.action,
            "outcome": self.outcome.value,
            "session_uid": self.session_uid,
            **known,
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the event that the JSON values state.

        Raises:
            ContentError: They state none; the message names the field.
        """
        return cls(
            patient_uid=record.text("patient_uid"),
            what=record.member("what", What),
            severity=record.integer("severity"),
            onset=record.text("onset"),
            description=record.text("description"),
            duration_s=record.integer("duration_s") if "duration_s" in record else None,
            relatedness=record.member("relatedness", Relatedness),
            action=record.text("action"),
            outcome=record.member("outcome", Outcome),
            session_uid=record.optional_text("session_uid"),
        )
