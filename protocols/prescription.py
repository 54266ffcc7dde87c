"""One patient's treatment as a physician signs it: every value fixed, one digest.

Who signs it and when is not here; making one and its next versions is `protocols.prescribing`,
what a re-measured threshold makes of it `protocols.remeasure`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from protocols.canonical import (
    Canonical,
    ContentError,
    JsonValue,
    Record,
    check_range,
    check_text,
    check_uid,
)
from protocols.course_plan import CoursePhase, CoursePlan
from protocols.dose_basis import DepthPlan, DoseBasis, FirstSessions
from protocols.measured import ThresholdReference
from protocols.session_content import (
    DEFAULT_LATEST_HOST_PULSE_US,
    DEFAULT_LONGEST_PAUSE_S,
    REHEARSAL_TAG,
    FixedBlock,
    SessionContent,
    rehearsal_content,
)

__all__ = [
    "DEFAULT_LATEST_HOST_PULSE_US",
    "DEFAULT_LONGEST_PAUSE_S",
    "PRESCRIPTION_TAG",
    "REHEARSAL_TAG",
    "SESSION_TAG",
    "CoursePhase",
    "CoursePlan",
    "DepthPlan",
    "DoseBasis",
    "FirstSessions",
    "FixedBlock",
    "Prescription",
    "RemeasureBand",
    "SessionContent",
    "ThresholdReference",
    "rehearsal_content",
]

PRESCRIPTION_TAG = "tms-prescription-1"
"""The first thing in the canonical form of a prescription."""
SESSION_TAG = "tms-session-content-1"
"""The first thing in the canonical form of a session inside a prescription."""
WIDEST_BAND_PCT_MSO = 10
"""Operational choice: a threshold that moved by more is a matter for a new version."""
_MOST_VERSIONS = 1_000_000


@dataclass(frozen=True, slots=True)
class RemeasureBand:
    """Within this band of the signed threshold, treatment goes on with a re-measured one.

    Attributes:
        plus_minus_pct_mso: How far the new threshold may lie from the signed one, in %MSO.
        highest_pct_mso: No dose and no technician's bound on a re-measured threshold is above
            this.
    """

    plus_minus_pct_mso: int
    highest_pct_mso: int

    def __post_init__(self) -> None:
        """Raise ContentError unless it is a band."""
        check_range("plus_minus_pct_mso", self.plus_minus_pct_mso, 1, WIDEST_BAND_PCT_MSO)
        check_range("band highest_pct_mso", self.highest_pct_mso, 1, 100)

    def canonical(self) -> dict[str, JsonValue]:
        """Return the band as JSON values."""
        return {
            "plus_minus_pct_mso": self.plus_minus_pct_mso,
            "highest_pct_mso": self.highest_pct_mso,
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the band that the JSON values state."""
        with record:
            return cls(record.integer("plus_minus_pct_mso"), record.integer("highest_pct_mso"))


@dataclass(frozen=True, slots=True)
class Prescription(Canonical):
    """One version of one patient's prescription; a change of anything is another version.

    Attributes:
        uid: This version.
        prescription_uid: The first version's uid, the same in all of them.
        version: From 1.
        supersedes: The uid of the version before, None in the first.
        patient_uid: Whose it is.
        indication: What it is given for.
        session: What each session delivers, at the thresholds named.
        doses: For each block, what its intensity follows from.
        course: The planned series of sessions.
        band: Within which band of the thresholds treatment goes on; None: at none.
    """

    uid: str
    prescription_uid: str
    version: int
    supersedes: str | None
    patient_uid: str
    indication: str
    session: SessionContent
    doses: tuple[DoseBasis, ...]
    course: CoursePlan
    band: RemeasureBand | None = None

    def __post_init__(self) -> None:
        """Raise ContentError or NotDeliverable unless everything in it agrees."""
        for name in ("uid", "prescription_uid", "patient_uid"):
            check_uid(name, getattr(self, name))
        check_text("indication", self.indication)
        check_range("version", self.version, 1, _MOST_VERSIONS)
        self._check_line()
        if len(self.doses) != len(self.session.blocks):
            raise ContentError(
                f"{len(self.doses)} doses for {len(self.session.blocks)} blocks: each block has one"
            )
        named: dict[str, ThresholdReference] = {}
        for number, basis in enumerate(self.doses, 1):
            block = self.session.blocks[number - 1]
            basis.check_block(number, block)
            if named.setdefault(basis.threshold.uid, basis.threshold) != basis.threshold:
                raise ContentError(f"doses[{number}] tells the threshold of another dose otherwise")
            first = basis.first_sessions
            if first is not None and first.sessions > self.course.total_sessions:
                raise ContentError(
                    f"doses[{number}]: a ramp over {first.sessions} sessions in a course of "
                    f"{self.course.total_sessions}"
                )
        self._check_course()
        self._check_band()

    def _check_line(self) -> None:
        """Raise ContentError unless version, uids and the version before belong together."""
        if self.version == 1:
            if self.supersedes is not None or self.uid != self.prescription_uid:
                raise ContentError(
                    "version 1 supersedes nothing and its uid is the prescription's own"
                )
            return
        if self.supersedes is None:
            raise ContentError(f"version {self.version} names the version that it supersedes")
        check_uid("supersedes", self.supersedes)
        if self.uid in (self.prescription_uid, self.supersedes):
            raise ContentError(f"version {self.version} has a uid of its own")
        if (self.supersedes == self.prescription_uid) != (self.version == 2):  # noqa: PLR2004
            raise ContentError("version 2, and no other, supersedes the first version")

    def _check_course(self) -> None:
        """Raise ContentError unless course and session say the same."""
        for name in ("most_sessions_a_day", "least_minutes_between"):
            told, same = getattr(self.course, name), getattr(self.session, name)
            if told != same:
                raise ContentError(f"course.{name} is {told}; the session's is {same}")
        most, pulses = self.course.most_pulses_a_day, self.session.pulses
        if not pulses <= most <= self.session.most_pulses_a_day:
            raise ContentError(
                f"course.most_pulses_a_day is {most}: it is {pulses} (one session) to "
                f"{self.session.most_pulses_a_day} (all sessions of a day)"
            )

    def _check_band(self) -> None:
        """Raise ContentError if the band excludes what was prescribed."""
        highest = max(block.intensity_pct_mso for block in self.session.blocks)
        if self.band is not None and self.band.highest_pct_mso < highest:
            raise ContentError(
                f"band highest_pct_mso is {self.band.highest_pct_mso}: the prescribed dose of "
                f"{highest} %MSO is above it"
            )

    def today_range(self, block: int, session_number: int) -> tuple[Fraction, Fraction]:
        """Return the lowest and highest percentage that may be given today.

        Args:
            block: Which block, from 1.
            session_number: Which session of the course, from 1.
        """
        basis = self.doses[block - 1]
        first = basis.first_sessions
        if first is not None and session_number <= first.sessions:
            return first.lowest_pct_mt, basis.prescribed_pct_mt
        return basis.prescribed_pct_mt, basis.prescribed_pct_mt

    def canonical(self) -> dict[str, JsonValue]:
        """Return the prescription as JSON values: text, null and integers below 2^53."""
        return {
            "tag": PRESCRIPTION_TAG,
            "uid": self.uid,
            "prescription_uid": self.prescription_uid,
            "version": self.version,
            "supersedes": self.supersedes,
            "patient_uid": self.patient_uid,
            "indication": self.indication,
            "session": self.session.canonical(SESSION_TAG),
            "doses": [basis.canonical() for basis in self.doses],
            "course": self.course.canonical(),
            "band": None if self.band is None else self.band.canonical(),
        }

    @classmethod
    def from_canonical(cls, values: JsonValue) -> Self:
        """Return the prescription whose canonical form these JSON values are.

        Raises:
            ContentError: They are none; the message names the field.
        """
        with Record(values) as record:
            record.tagged(PRESCRIPTION_TAG)
            band = record.optional("band")
            return cls(
                uid=record.text("uid"),
                prescription_uid=record.text("prescription_uid"),
                version=record.integer("version"),
                supersedes=record.optional_text("supersedes"),
                patient_uid=record.text("patient_uid"),
                indication=record.text("indication"),
                session=SessionContent.from_record(record.record("session"), SESSION_TAG),
                doses=tuple(DoseBasis.from_record(basis) for basis in record.records("doses")),
                course=CoursePlan.from_record(record.record("course")),
                band=None if band is None else RemeasureBand.from_record(band),
            )
