"""A motor threshold as it was measured: its value, on what, how, and every stimulus.

Whether it is on record, and counts, is `clinic.thresholds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self, cast

from protocols.canonical import ContentError, Record, check_range, check_uid
from protocols.dose import HIGHEST_PCT_MSO
from protocols.measured import ThresholdReference
from protocols.terms import Side, ThresholdKind
from protocols.threshold import Settings
from tms_console.clinic.entries import check_line, check_note
from tms_console.records.canonical import Json

MOST_STIMULI = 1000
"""As many as any policy allows in one series (`protocols.policy`)."""


class Method(StrEnum):
    """How an answer of the muscle was seen; a visible twitch reads higher (clinical.md part 5)."""

    EMG = "EMG"
    VISIBLE_TWITCH = "visible twitch"


@dataclass(frozen=True, slots=True)
class Stimulus:
    """One stimulus of the series and its answer.

    Attributes:
        intensity_pct_mso: What was delivered, in % of maximum stimulator output.
        answered: True if the muscle answered, None if nobody could tell.
        pulse: Its number in the session, None if it was not delivered by this console.
    """

    intensity_pct_mso: int
    answered: bool | None
    pulse: int | None = None

    def __post_init__(self) -> None:
        """Raise ContentError unless such a stimulus can be."""
        check_range("a stimulus' intensity_pct_mso", self.intensity_pct_mso, 0, HIGHEST_PCT_MSO)
        if self.pulse is not None:
            check_range("a stimulus' pulse", self.pulse, 1, 1_000_000)

    def canonical(self) -> dict[str, Json]:
        """Return the stimulus as JSON values."""
        known: dict[str, Json] = {} if self.pulse is None else {"pulse": self.pulse}
        return {"intensity_pct_mso": self.intensity_pct_mso, "answered": self.answered, **known}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the stimulus that the JSON values state."""
        with record:
            return cls(
                record.integer("intensity_pct_mso"),
                None if record.is_null("answered") else record.boolean("answered"),
                record.integer("pulse") if "pulse" in record else None,
            )


@dataclass(frozen=True, slots=True)
class Found:
    """How the console found a value: enough to replay the series to the very same numbers.

    Attributes:
        settings: By which numbers the threshold was looked for.
        estimate: The estimate in %MSO, as the shortest text that is this number again.
        low: Lower end of the 95 % interval, likewise.
        high: Upper end.
        place: Column and row of the hotspot on the grid of the search.
        given: Stimuli of the whole session, the search for the hotspot with them.
        taken_back: Answers that were taken back.
    """

    settings: Settings
    estimate: str
    low: str
    high: str
    place: tuple[int, int]
    given: int
    taken_back: int

    def canonical(self) -> dict[str, Json]:
        """Return it as JSON values."""
        return {
            "settings": cast("Json", self.settings.canonical()),
            "estimate": self.estimate,
            "low": self.low,
            "high": self.high,
            "column": self.place[0],
            "row": self.place[1],
            "given": self.given,
            "taken_back": self.taken_back,
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return what the JSON values state."""
        with record:
            return cls(
                settings=Settings.from_record(record.record("settings")),
                estimate=record.text("estimate"),
                low=record.text("low"),
                high=record.text("high"),
                place=(record.integer("column"), record.integer("row")),
                given=record.integer("given"),
                taken_back=record.integer("taken_back"),
            )


@dataclass(frozen=True, slots=True)
class Measurement:
    """A threshold as it was measured.

    Attributes:
        patient_uid: Whose.
        kind: What it was measured on.
        muscle: Which muscle answered.
        side: Which hemisphere was stimulated, left or right.
        coil: With which coil, in the protocols' words (`figure-8`, `H1`).
        method: How answers were seen.
        algorithm: How the value was found from them, such as `5 of 10`.
        value_pct_mso: The threshold, in % of maximum stimulator output.
        measured_at: When, RFC 3339 in UTC.
        session_uid: The session in which the stimuli were delivered, None if not by this console.
        stimuli: Every stimulus and its answer, in order; empty if they were not noted.
        note: What else is to be said.
        found: How the console found it; None for a value that somebody entered.
    """

    patient_uid: str
    kind: ThresholdKind
    muscle: str
    side: Side
    coil: str
    method: Method
    algorithm: str
    value_pct_mso: int
    measured_at: str
    session_uid: str | None = None
    stimuli: tuple[Stimulus, ...] = ()
    note: str = ""
    found: Found | None = None

    def __post_init__(self) -> None:
        """Raise ContentError unless such a threshold can have been measured."""
        check_uid("patient_uid", self.patient_uid)
        for name in ("muscle", "coil", "algorithm"):
            check_line(name, getattr(self, name))
        if self.session_uid is not None:
            check_uid("session_uid", self.session_uid)
        if len(self.stimuli) > MOST_STIMULI:
            raise ContentError(f"{len(self.stimuli)} stimuli: a series has up to {MOST_STIMULI}")
        check_note("note", self.note)
        self.reference(self.patient_uid)

    def reference(self, uid: str) -> ThresholdReference:
        """Return it as a prescription names it, under the uid of its record.

        Raises:
            ContentError: Such a threshold cannot have been measured.
        """
        return ThresholdReference(
            uid=uid,
            value_pct_mso=self.value_pct_mso,
            kind=self.kind,
            muscle=self.muscle,
            side=self.side,
            coil=self.coil,
            method=f"{self.method}, {self.algorithm}",
            measured_at=self.measured_at,
        )

    def canonical(self) -> dict[str, Json]:
        """Return the measurement as JSON values."""
        return {
            "patient_uid": self.patient_uid,
            "threshold_kind": self.kind.value,
            "muscle": self.muscle,
            "side": self.side.value,
            "coil": self.coil,
            "method": self.method.value,
            "algorithm": self.algorithm,
            "value_pct_mso": self.value_pct_mso,
            "measured_at": self.measured_at,
            "session_uid": self.session_uid,
            "stimuli": [one.canonical() for one in self.stimuli],
            "note": self.note,
            **({} if self.found is None else {"found": self.found.canonical()}),
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the measurement that the JSON values state."""
        return cls(
            patient_uid=record.text("patient_uid"),
            kind=record.member("threshold_kind", ThresholdKind),
            muscle=record.text("muscle"),
            side=record.member("side", Side),
            coil=record.text("coil"),
            method=record.member("method", Method),
            algorithm=record.text("algorithm"),
            value_pct_mso=record.integer("value_pct_mso"),
            measured_at=record.text("measured_at"),
            session_uid=record.optional_text("session_uid"),
            stimuli=tuple(map(Stimulus.from_record, record.records("stimuli"))),
            note=record.text("note"),
            found=Found.from_record(record.record("found")) if "found" in record else None,
        )
