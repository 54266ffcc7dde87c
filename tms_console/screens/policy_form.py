"""The form for a version of the clinic's policy: every number with its source and its mark.

A proposal allows nothing; only a physician's signature does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from protocols.canonical import ContentError
from protocols.exact import decimal_text
from protocols.policy import BOUNDS, FINDING_BOUNDS, FinderRole, Policy, ThresholdFinding
from protocols.policy_proposal import proposed_numbers
from protocols.wording import as_sentence
from tms_console.accounts.trust import Trusted
from tms_console.clinic.policies import policy_versions
from tms_console.records.values import new_uid

INTERVAL = "threshold_finding.shortest_interval_s"
ROLES = {
    "physician": (FinderRole.PHYSICIAN,),
    "technician": (FinderRole.TECHNICIAN,),
    "both": (FinderRole.PHYSICIAN, FinderRole.TECHNICIAN),
}


@dataclass(frozen=True, slots=True)
class NumberField:
    """One number of the policy.

    Attributes:
        name: Its field.
        label: It in words, with its unit.
        value: What stands in it at first.
        source: What is usual, where that comes from, and how far it was checked.
    """

    name: str
    label: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class PolicyFormScreen:
    """The form.

    Attributes:
        version: Which version it proposes.
        supersedes: The uid of the one before, None for the first.
        time_zone: What stands in that field at first.
        roles: Key of `ROLES`.
        numbers: The numbers.
    """

    version: int
    supersedes: str | None
    time_zone: str
    roles: str
    numbers: tuple[NumberField, ...]


def policy_form(trusted: Trusted) -> PolicyFormScreen:
    """Return the form, filled with the newest version, or with what is usual."""
    line = policy_versions(trusted)
    newest = line[-1].policy if line else None
    numbers = tuple(
        NumberField(
            one.field,
            f"{as_sentence(one.words)}{f', {one.unit}' if one.unit else ''}",
            decimal_text(one.value if newest is None else _value(newest, one.field)),
            f"usual: {decimal_text(one.value)} · {one.source} [{one.mark}]",
        )
        for one in proposed_numbers()
    )
    if newest is None:
        return PolicyFormScreen(1, None, "", "both", numbers)
    held = newest.threshold_finding.roles
    roles = next(name for name, value in ROLES.items() if value == held)
    return PolicyFormScreen(newest.version + 1, newest.uid, newest.time_zone, roles, numbers)


def _value(policy: Policy, field: str) -> Fraction:
    owner, _, name = field.rpartition(".")
    holder = policy.threshold_finding if owner else policy
    return Fraction(getattr(holder, name))


def policy_of(
    screen: PolicyFormScreen, time_zone: str, roles: str, texts: Mapping[str, str]
) -> Policy:
    """Return the version that was entered.

    Raises:
        ContentError: A number is none, or outside its outer bounds; the sentence names it.
    """
    numbers: dict[str, Fraction] = {}
    for one in screen.numbers:
        text = texts.get(one.name, "").strip().replace(",", ".")
        digits = text.replace(".", "", 1)
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):  # noqa: PLR2004 - any
            raise ContentError(f"{one.label}: {text[:20]!r} is no number")
        numbers[one.name] = Fraction(text)
        if one.name != INTERVAL and numbers[one.name].denominator != 1:
            raise ContentError(f"{one.label}: it is a whole number")
    finding = ThresholdFinding(
        shortest_interval_s=numbers[INTERVAL],
        roles=ROLES[roles],
        **{name: int(numbers[f"threshold_finding.{name}"]) for name in FINDING_BOUNDS},
    )
    return Policy(
        uid=new_uid(),
        version=screen.version,
        supersedes=screen.supersedes,
        time_zone=time_zone.strip(),
        threshold_finding=finding,
        **{name: int(numbers[name]) for name in BOUNDS},
    )
