"""When a threshold should be measured again, in sentences; nothing here refuses anything.

The gate refuses what is too old (`protocols.policy`); these are the prompts before that.  Sources:
clinical.md part 5 (age, sessions, medication or sleep, coil, a gap).
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.policy import Policy


@dataclass(frozen=True, slots=True)
class Since:
    """What happened since a threshold was measured.

    Attributes:
        days: Days of the calendar.
        sessions: Sessions of treatment.
        medication_changed: The patient's medication is otherwise, or they said so.
        other_coil: A coil that is prescribed and is not the one it was measured with, "" for none.
        gap_days: Days since the last session of treatment, None if there was none since.
    """

    days: int
    sessions: int
    medication_changed: bool = False
    other_coil: str = ""
    gap_days: int | None = None


def due_because(since: Since, policy: Policy) -> tuple[str, ...]:
    """Return why a threshold should be measured again, a sentence each; () if nothing says so.

    A gap is as long as the age at which the policy prompts: it has no number of its own.
    """
    found = []
    if since.days >= policy.threshold_prompt_days:
        found.append(
            f"It is {since.days} days old; from {policy.threshold_prompt_days} days on it is due."
        )
    if since.sessions >= policy.threshold_prompt_sessions:
        found.append(
            f"{since.sessions} sessions were given on it; from "
            f"{policy.threshold_prompt_sessions} on it is due."
        )
    if since.medication_changed:
        found.append("The medication changed since; it can raise or lower the threshold.")
    if since.other_coil:
        found.append(f"It was measured with another coil than {since.other_coil}.")
    if since.gap_days is not None and since.gap_days >= policy.threshold_prompt_days:
        found.append(f"The last session was {since.gap_days} days ago.")
    return tuple(found)
