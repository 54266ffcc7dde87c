"""The clinic's signed numbers that no prescription fixes and the gate compares with.

Which numbers are proposed, and why, is `protocols.policy_proposal`; a single stimulus is compared
with them in `protocols.finding_bounds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from protocols.canonical import (
    Canonical,
    ContentError,
    JsonValue,
    Record,
    check_range,
    check_ratio,
    check_uid,
)
from protocols.exact import decimal_text, ratio_text

POLICY_TAG = "tms-policy-1"
"""The first thing in the canonical form of a policy."""
SHORTEST_INTERVAL_S = Fraction(1)
"""The outer bound: threshold finding is never faster than 1 Hz, whatever a policy says."""
LONGEST_INTERVAL_S = Fraction(60)
_MOST_VERSIONS = 1_000_000
_NO_PLACES = frozenset({"localtime", "Factory", "posixrules"})


class FinderRole(StrEnum):
    """Who may look for a threshold; a policy names one or both."""

    TECHNICIAN = "technician"
    PHYSICIAN = "physician"


@dataclass(frozen=True, slots=True)
class Bound:
    """What a number of a policy may be at all: the outer ring, which no signature widens.

    Attributes:
        words: The number in words.
        unit: Its unit, "" for a plain count.
        lowest: Lowest value.
        highest: Highest value.
    """

    words: str
    unit: str
    lowest: int
    highest: int


FINDING_BOUNDS = {
    "highest_pct_mso": Bound("highest intensity of a stimulus", "%MSO", 1, 100),
    "most_stimuli": Bound("most stimuli in a series", "", 1, 1000),
}
BOUNDS = {
    "threshold_prompt_days": Bound("a threshold this old is to be measured again", "days", 1, 60),
    "threshold_prompt_sessions": Bound(
        "a threshold used so often is to be measured again", "sessions", 1, 100
    ),
    "threshold_refuse_days": Bound("a threshold older than this is refused", "days", 1, 60),
    "threshold_refuse_sessions": Bound(
        "a threshold used in so many sessions is refused", "sessions", 1, 100
    ),
    "screening_days": Bound("a screening older than this is refused", "days", 1, 366),
    "pre_session_minutes": Bound(
        "pre-session checks older than this are refused", "minutes", 5, 720
    ),
    "most_pulses_a_day": Bound("most pulses on one day", "", 1, 100_000),
    "most_sessions_a_day": Bound("most sessions on one day", "", 1, 24),
    "extra_check_sessions": Bound("first sessions with an extra check", "", 3, 1000),
}
"""Each number with what it may be.  The outer bounds are operational choices; that of the extra
check is the three first sessions of clinical.md part 4, which no policy shortens."""


@dataclass(frozen=True, slots=True)
class ThresholdFinding:
    """The bounds of hotspot and threshold finding.

    Two more are rules and no choices, and the canonical form states them: single pulses only,
    and a patient's first threshold only with a physician.

    Attributes:
        highest_pct_mso: Highest intensity of a stimulus.
        shortest_interval_s: Shortest time between two stimuli.
        most_stimuli: Most stimuli in one series.
        roles: Who may.
    """

    highest_pct_mso: int
    shortest_interval_s: Fraction
    most_stimuli: int
    roles: tuple[FinderRole, ...]

    def __post_init__(self) -> None:
        """Raise ContentError unless the bounds are inside the outer ones."""
        for name, bound in FINDING_BOUNDS.items():
            check_range(
                f"threshold_finding.{name}", getattr(self, name), bound.lowest, bound.highest
            )
        interval = self.shortest_interval_s
        check_ratio("threshold_finding.shortest_interval_s", interval)
        if not SHORTEST_INTERVAL_S <= interval <= LONGEST_INTERVAL_S:
            raise ContentError(
                f"threshold_finding.shortest_interval_s is {decimal_text(interval)}: "
                f"it is {SHORTEST_INTERVAL_S} to {LONGEST_INTERVAL_S} s"
            )
        if not self.roles or list(self.roles) != sorted(set(self.roles)):
            allowed = ", ".join(sorted(FinderRole))
            raise ContentError(
                f"threshold_finding.roles names each role once, in the order {allowed}"
            )

    def canonical(self) -> dict[str, JsonValue]:
        """Return the bounds as JSON values."""
        return {
            "single_pulses_only": True,
            "highest_pct_mso": self.highest_pct_mso,
            "shortest_interval_s": ratio_text(self.shortest_interval_s),
            "most_stimuli": self.most_stimuli,
            "roles": [role.value for role in self.roles],
            "first_with_physician": True,
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the bounds that the JSON values state.

        Raises:
            ContentError: They state none; the message names the field.
        """
        with record:
            for rule in ("single_pulses_only", "first_with_physician"):
                if not record.boolean(rule):
                    raise ContentError(f"threshold_finding.{rule} is true: it is no choice")
            names = record.texts("roles")
            if unknown := [name for name in names if name not in set(FinderRole)]:
                allowed = ", ".join(FinderRole)
                raise ContentError(
                    f"threshold_finding.roles names {unknown[0][:40]!r}: allowed are {allowed}"
                )
            return cls(
                highest_pct_mso=record.integer("highest_pct_mso"),
                shortest_interval_s=record.ratio("shortest_interval_s"),
                most_stimuli=record.integer("most_stimuli"),
                roles=tuple(FinderRole(name) for name in names),
            )


@dataclass(frozen=True, slots=True)
class Policy(Canonical):
    """One version of the clinic's policy; a change of anything is another version.

    Attributes:
        uid: This version.
        version: From 1.
        supersedes: The uid of the version before, None in the first.
        time_zone: The IANA name of the zone whose midnight begins a day.
        threshold_finding: Bounds of hotspot and threshold finding.
        threshold_prompt_days: From this age on a threshold is to be measured again.
        threshold_prompt_sessions: The same, in sessions of the course given on it.
        threshold_refuse_days: A threshold older than this is refused.
        threshold_refuse_sessions: One on which so many sessions were given is refused.
        screening_days: A screening older than this is refused.
        pre_session_minutes: Pre-session checks older than this are refused.
        most_pulses_a_day: Most pulses on one day, whatever a prescription says.
        most_sessions_a_day: Most sessions on one day, whatever a prescription says.
        extra_check_sessions: So many first sessions of a course get an extra check.
    """

    uid: str
    version: int
    supersedes: str | None
    time_zone: str
    threshold_finding: ThresholdFinding
    threshold_prompt_days: int
    threshold_prompt_sessions: int
    threshold_refuse_days: int
    threshold_refuse_sessions: int
    screening_days: int
    pre_session_minutes: int
    most_pulses_a_day: int
    most_sessions_a_day: int
    extra_check_sessions: int

    def __post_init__(self) -> None:
        """Raise ContentError unless every number is inside its outer bounds."""
        check_uid("uid", self.uid)
        check_range("version", self.version, 1, _MOST_VERSIONS)
        if (self.version == 1) != (self.supersedes is None):
            raise ContentError("version 1, and no other, supersedes nothing")
        if self.supersedes is not None:
            check_uid("supersedes", self.supersedes)
        if self.supersedes == self.uid:
            raise ContentError("a version has a uid of its own")
        zone_of(self.time_zone)
        for name, bound in BOUNDS.items():
            check_range(name, getattr(self, name), bound.lowest, bound.highest)
        for unit in ("days", "sessions"):
            prompt, refuse = (
                getattr(self, f"threshold_{what}_{unit}") for what in ("prompt", "refuse")
            )
            if prompt > refuse:
                raise ContentError(
                    f"threshold_prompt_{unit} is {prompt}: a person is told before, not after, "
                    f"the {refuse} {unit} at which a threshold is refused"
                )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of "today"."""
        return zone_of(self.time_zone)

    def canonical(self) -> dict[str, JsonValue]:
        """Return the policy as JSON values: text, true, null and integers below 2^53."""
        return {
            "tag": POLICY_TAG,
            "uid": self.uid,
            "version": self.version,
            "supersedes": self.supersedes,
            "time_zone": self.time_zone,
            "threshold_finding": self.threshold_finding.canonical(),
            **{name: getattr(self, name) for name in BOUNDS},
        }

    @classmethod
    def from_canonical(cls, values: JsonValue) -> Self:
        """Return the policy whose canonical form these JSON values are.

        Raises:
            ContentError: They are none; the message names the field.
        """
        with Record(values) as record:
            record.tagged(POLICY_TAG)
            return cls(
                uid=record.text("uid"),
                version=record.integer("version"),
                supersedes=record.optional_text("supersedes"),
                time_zone=record.text("time_zone"),
                threshold_finding=ThresholdFinding.from_record(record.record("threshold_finding")),
                **{name: record.integer(name) for name in BOUNDS},
            )


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises:
        ContentError: There is no such zone, or the name means another place on each machine.
    """
    try:
        if name in _NO_PLACES:
            raise ValueError(name)  # noqa: TRY301 - one sentence for all of them
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ContentError(
            f"time_zone is {name[:40]!r}: it must be the name of a time zone, such as Europe/Berlin"
        ) from error
