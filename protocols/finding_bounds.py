"""Compares one stimulus of hotspot or threshold finding with the bounds of the policy.

It knows no device and no clock: times since the last stimulus are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from protocols.exact import decimal_text
from protocols.policy import Policy
from protocols.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Stimulus:
    """One stimulus that somebody wants to give while looking for a threshold.

    Attributes:
        pulses: Pulses that the command would set off.
        intensity_pct_mso: Its intensity.
        since_last_s: Time since the last stimulus to this patient, the device's own and doubtful
            ones included; None if there was none.
        given: Stimuli of the series so far, doubtful ones included.
        role: The role of the person who gives it.
        first_threshold: The patient has no threshold yet.
        physician_present: A physician is logged in for it.
    """

    pulses: int
    intensity_pct_mso: int
    since_last_s: Fraction | None
    given: int
    role: str
    first_threshold: bool
    physician_present: bool


def stimulus_inside(policy: Policy, stimulus: Stimulus) -> tuple[Refusal, ...]:
    """Return every reason why the policy does not allow a stimulus; none if it does."""
    bounds = policy.threshold_finding
    refusals = []
    if stimulus.pulses != 1:
        refusals.append(
            Refusal(
                "single-pulse",
                f"{stimulus.pulses} pulses at once: a threshold is looked for with single pulses.",
                "Set the device to single pulses.",
            )
        )
    if not 1 <= stimulus.intensity_pct_mso <= bounds.highest_pct_mso:
        refusals.append(
            Refusal(
                "intensity",
                f"{stimulus.intensity_pct_mso} %MSO: the policy allows 1 to "
                f"{bounds.highest_pct_mso} %MSO while looking for a threshold.",
                "Stay below it, or record that no threshold was found.",
            )
        )
    since = stimulus.since_last_s
    if since is not None and since < bounds.shortest_interval_s:
        refusals.append(
            Refusal(
                "interval",
                f"{decimal_text(since, 3)} s after the last stimulus: the policy asks for "
                f"{decimal_text(bounds.shortest_interval_s, 3)} s.",
                "Wait.",
            )
        )
    if not 0 <= stimulus.given < bounds.most_stimuli:
        refusals.append(
            Refusal(
                "count",
                f"{stimulus.given} stimuli were given in this series: the policy allows "
                f"{bounds.most_stimuli}.",
                "End the series; a physician decides whether another is begun.",
            )
        )
    return (*refusals, *_person_refusals(policy, stimulus))


def _person_refusals(policy: Policy, stimulus: Stimulus) -> list[Refusal]:
    """Return why this person may not give it."""
    refusals = []
    roles = policy.threshold_finding.roles
    if stimulus.role not in set(roles):
        refusals.append(
            Refusal(
                "role",
                f"Your role is {stimulus.role}: the policy lets {' or '.join(roles)} look for a "
                "threshold.",
                "Ask one of them.",
            )
        )
    if stimulus.first_threshold and not stimulus.physician_present:
        refusals.append(
            Refusal(
                "first-threshold",
                "A patient's first threshold is found only with a physician.",
                "Ask a physician to log in for it.",
            )
        )
    return refusals
