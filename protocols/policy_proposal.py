"""A first policy to look at: each proposed number with its source and how far it was checked.

A proposal allows nothing; only a physician's signature on a policy does.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from protocols.policy import BOUNDS, FINDING_BOUNDS, FinderRole, Policy, ThresholdFinding
from protocols.terms import Mark


@dataclass(frozen=True, slots=True)
class ProposedNumber:
    """One proposed number of a policy.

    Attributes:
        field: Its name in the policy, such as `threshold_finding.most_stimuli`.
        words: The number in words.
        unit: Its unit, "" for a plain count.
        value: What is proposed.
        source: Where it comes from.
        mark: How far that was checked.
    """

    field: str
    words: str
    unit: str
    value: Fraction
    source: str
    mark: Mark


_OURS = "operational choice; no source states it"
_AGEING = "thresholds move from day to day; measuring weekly is clearly better than once"
"""clinical.md part 5: prompt when it is older than 7 days or 5 sessions."""
_SNT = "the most of any protocol in the library: SNT (Cole 2020); no consensus ceiling exists"
_VALUES: dict[str, tuple[int, str, Mark]] = {
    "threshold_prompt_days": (7, _AGEING, Mark.READ),
    "threshold_prompt_sessions": (5, _AGEING, Mark.READ),
    "threshold_refuse_days": (14, f"{_OURS}: twice the prompt", Mark.OURS),
    "threshold_refuse_sessions": (
        20,
        f"{_OURS}: two days of SNT, four weeks of one session a day",
        Mark.OURS,
    ),
    "screening_days": (60, f"{_OURS}: a course of six weeks and its taper", Mark.OURS),
    "pre_session_minutes": (60, f"{_OURS}: once for each session, also in SNT", Mark.OURS),
    "most_pulses_a_day": (18_000, _SNT, Mark.READ),
    "most_sessions_a_day": (10, _SNT, Mark.READ),
    "extra_check_sessions": (
        3,
        "seizures cluster in the first exposures",  # clinical.md part 4
        Mark.READ,
    ),
}
_FINDING: dict[str, tuple[int, str, Mark]] = {
    "highest_pct_mso": (
        90,
        f"{_OURS}: a threshold above it leaves no usual dose deliverable",
        Mark.OURS,
    ),
    "most_stimuli": (200, f"{_OURS}: hotspot and threshold in one series", Mark.OURS),
}
_INTERVAL_S = Fraction(3)


def proposed_policy(uid: str, time_zone: str) -> Policy:
    """Return a first policy, unsigned, with the proposed numbers.

    Args:
        uid: Of the policy's first version.
        time_zone: IANA name of the clinic's time zone, which nothing can propose.

    Raises:
        ContentError: There is no such time zone.
    """
    finding = ThresholdFinding(
        highest_pct_mso=_FINDING["highest_pct_mso"][0],
        shortest_interval_s=_INTERVAL_S,
        most_stimuli=_FINDING["most_stimuli"][0],
        roles=(FinderRole.PHYSICIAN, FinderRole.TECHNICIAN),
    )
    return Policy(
        uid=uid,
        version=1,
        supersedes=None,
        time_zone=time_zone,
        threshold_finding=finding,
        **{name: value for name, (value, _, _) in _VALUES.items()},
    )


def proposed_numbers() -> tuple[ProposedNumber, ...]:
    """Return every number of the proposal with its source and mark, as a physician sees them."""
    finding = [
        ProposedNumber(
            f"threshold_finding.{name}",
            FINDING_BOUNDS[name].words,
            FINDING_BOUNDS[name].unit,
            Fraction(value),
            source,
            mark,
        )
        for name, (value, source, mark) in _FINDING.items()
    ]
    finding.append(
        ProposedNumber(
            "threshold_finding.shortest_interval_s",
            "shortest time between two stimuli",
            "s",
            _INTERVAL_S,
            f"{_OURS}: time to see and note each answer",
            Mark.OURS,
        )
    )
    others = [
        ProposedNumber(name, BOUNDS[name].words, BOUNDS[name].unit, Fraction(value), source, mark)
        for name, (value, source, mark) in _VALUES.items()
    ]
    return (*finding, *others)
