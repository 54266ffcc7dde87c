"""A measured motor threshold as a prescription names it: by uid and by what it is.

How it was found, stimulus by stimulus, is a record of the clinic and not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from protocols.canonical import (
    ContentError,
    JsonValue,
    Record,
    check_moment,
    check_text,
    check_uid,
    moment_of,
)
from protocols.dose import check_threshold
from protocols.terms import Side, ThresholdKind


@dataclass(frozen=True, slots=True)
class ThresholdReference:
    """One measured motor threshold.

    Attributes:
        uid: The record of the measurement.
        value_pct_mso: The threshold, in % of maximum stimulator output.
        kind: What it was measured on.
        muscle: Which muscle answered.
        side: Which hemisphere was stimulated, left or right.
        coil: The coil it was measured with, in the protocol's words (`figure-8`, `H1`).
        method: How answers were seen and the value found (EMG or visible twitch, algorithm).
        measured_at: When, RFC 3339 in UTC.
    """

    uid: str
    value_pct_mso: int
    kind: ThresholdKind
    muscle: str
    side: Side
    coil: str
    method: str
    measured_at: str

    def __post_init__(self) -> None:
        """Raise ContentError unless such a threshold can have been measured."""
        check_uid("threshold uid", self.uid)
        try:
            check_threshold(self.value_pct_mso)
        except ValueError as error:
            raise ContentError(str(error)) from error
        for name in ("muscle", "coil", "method"):
            check_text(f"threshold {name}", getattr(self, name))
        if self.side not in (Side.LEFT, Side.RIGHT):
            raise ContentError(
                f"a threshold is measured over the left or the right hemisphere, not {self.side}"
            )
        check_moment("threshold measured_at", self.measured_at)

    def unlike(self, other: ThresholdReference) -> tuple[str, ...]:
        """Return what differs, in words, of all that must agree for two values to be comparable."""
        return tuple(
            f"the {name} is {getattr(self, name)}, not {getattr(other, name)}"
            for name in ("kind", "muscle", "side", "coil", "method")
            if getattr(self, name) != getattr(other, name)
        )

    def later_than(self, other: ThresholdReference) -> bool:
        """Return True if this one was measured after the other."""
        return moment_of(self.measured_at) > moment_of(other.measured_at)

    def canonical(self) -> dict[str, JsonValue]:
        """Return the reference as JSON values."""
        return {
            "uid": self.uid,
            "value_pct_mso": self.value_pct_mso,
            "kind": self.kind.value,
            "muscle": self.muscle,
            "side": self.side.value,
            "coil": self.coil,
            "method": self.method,
            "measured_at": self.measured_at,
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the reference that the JSON values state.

        Raises:
            ContentError: They state none; the message names the field.
        """
        with record:
            return cls(
                uid=record.text("uid"),
                value_pct_mso=record.integer("value_pct_mso"),
                kind=record.member("kind", ThresholdKind),
                muscle=record.text("muscle"),
                side=record.member("side", Side),
                coil=record.text("coil"),
                method=record.text("method"),
                measured_at=record.text("measured_at"),
            )
