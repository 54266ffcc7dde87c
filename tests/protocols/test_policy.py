"""The clinic's policy: bounded and complete, and what it allows while finding a threshold."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.canonical import ContentError, digest_of
from protocols.finding_bounds import Stimulus, stimulus_inside
from protocols.policy import BOUNDS, FinderRole, Policy, ThresholdFinding
from protocols.policy_proposal import proposed_numbers, proposed_policy
from protocols.terms import Mark
from tests.protocols.prescriptions import (
    JUNK,
    POLICY,
    SECOND_POLICY,
    leaves,
    other_value,
    turned,
    uid,
    uids,
    value_at,
    with_value,
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    numbers = {
        name: draw(st.integers(bound.lowest, bound.highest)) for name, bound in BOUNDS.items()
    }
    for unit in ("days", "sessions"):
        low, high = sorted(
            (numbers[f"threshold_prompt_{unit}"], numbers[f"threshold_refuse_{unit}"])
        )
        numbers |= {f"threshold_prompt_{unit}": low, f"threshold_refuse_{unit}": high}
    later = draw(st.booleans())
    roles = draw(st.sets(st.sampled_from(FinderRole), min_size=1))
    return Policy(
        uid=draw(uids),
        version=draw(st.integers(2, 9)) if later else 1,
        supersedes=uid(2**45) if later else None,
        time_zone=draw(st.sampled_from(["Europe/Berlin", "UTC", "America/New_York"])),
        threshold_finding=ThresholdFinding(
            highest_pct_mso=draw(st.integers(1, 100)),
            shortest_interval_s=draw(st.fractions(1, 60, max_denominator=1000)),
            most_stimuli=draw(st.integers(1, 1000)),
            roles=tuple(sorted(roles)),
        ),
        **numbers,
    )


@given(policies())
def test_a_policy_comes_back_from_its_canonical_text_with_every_field(policy: Policy) -> None:
    received = Policy.from_canonical(json.loads(policy.canonical_text()))
    assert received == policy
    assert received.digest() == policy.digest() == digest_of(turned(policy.canonical()))


def test_every_field_stands_in_the_canonical_form() -> None:
    values = POLICY.canonical()
    assert set(values) - {"tag"} == {field.name for field in fields(Policy)}
    finding = POLICY.threshold_finding.canonical()
    rules = {"single_pulses_only", "first_with_physician"}
    assert set(finding) - rules == {field.name for field in fields(ThresholdFinding)}


@pytest.mark.parametrize("path", leaves(SECOND_POLICY.canonical()), ids=str)
def test_any_change_of_any_field_changes_the_digest_or_is_no_policy(
    path: tuple[str | int, ...],
) -> None:
    values = SECOND_POLICY.canonical()
    changed = with_value(values, path, other_value(value_at(values, path)))
    assert digest_of(changed) != SECOND_POLICY.digest()
    try:
        received = Policy.from_canonical(changed)
    except ContentError:
        return
    assert received.canonical() == changed


@pytest.mark.parametrize("path", leaves(POLICY.canonical()), ids=str)
def test_junk_in_any_field_is_refused(path: tuple[str | int, ...]) -> None:
    junk: Any
    for junk in JUNK:
        sent = with_value(POLICY.canonical(), path, junk)
        try:
            received = Policy.from_canonical(sent)
        except ContentError:
            continue
        assert received.canonical() == sent, junk


@pytest.mark.parametrize("path", leaves(POLICY.canonical()), ids=str)
def test_a_missing_field_is_named(path: tuple[str | int, ...]) -> None:
    sent = json.loads(json.dumps(POLICY.canonical()))
    inner = value_at(sent, path[:-1])
    del inner[path[-1]]
    if isinstance(inner, list):
        return
    with pytest.raises(ContentError, match=f"{path[-1]} is missing"):
        Policy.from_canonical(sent)


def test_a_field_that_nobody_knows_is_refused() -> None:
    for place in ((), ("threshold_finding",)):
        sent = with_value(POLICY.canonical(), (*place, "surprise"), 1)
        with pytest.raises(ContentError, match="surprise is not a field"):
            Policy.from_canonical(sent)


@pytest.mark.parametrize("name", BOUNDS)
def test_every_number_has_outer_bounds_that_no_signature_widens(name: str) -> None:
    bound = BOUNDS[name]
    value: Any
    for value in (bound.lowest - 1, bound.highest + 1):
        with pytest.raises(ContentError, match=f"{name} is {value}: it is"):
            replace(POLICY, **{name: value})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"highest_pct_mso": 101}, "highest_pct_mso is 101"),
        ({"highest_pct_mso": 0}, "highest_pct_mso is 0"),
        ({"most_stimuli": 0}, "most_stimuli is 0"),
        ({"shortest_interval_s": Fraction(1, 2)}, r"0\.5: it is 1 to 60 s"),
        ({"shortest_interval_s": Fraction(61)}, "it is 1 to 60 s"),
        ({"roles": ()}, "names each role once"),
        ({"roles": (FinderRole.TECHNICIAN, FinderRole.PHYSICIAN)}, "in the order physician"),
        ({"roles": (FinderRole.PHYSICIAN, FinderRole.PHYSICIAN)}, "each role once"),
    ],
)
def test_threshold_finding_has_outer_bounds(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ContentError, match=says):
        replace(POLICY.threshold_finding, **changes)


@pytest.mark.parametrize("rule", ["single_pulses_only", "first_with_physician"])
def test_two_rules_of_threshold_finding_are_no_choice(rule: str) -> None:
    sent = with_value(POLICY.canonical(), ("threshold_finding", rule), False)
    with pytest.raises(ContentError, match=f"{rule} is true: it is no choice"):
        Policy.from_canonical(sent)


def test_nobody_else_looks_for_a_threshold_whatever_a_policy_says() -> None:
    """An administrator delivers nothing, not even a single pulse."""
    sent = with_value(POLICY.canonical(), ("threshold_finding", "roles", 0), "administrator")
    with pytest.raises(ContentError, match="'administrator': allowed are technician, physician"):
        Policy.from_canonical(sent)


@pytest.mark.parametrize("unit", ["days", "sessions"])
def test_a_person_is_told_before_a_threshold_is_refused(unit: str) -> None:
    changes: dict[str, Any] = {f"threshold_refuse_{unit}": 4, f"threshold_prompt_{unit}": 5}
    with pytest.raises(ContentError, match="told before, not after"):
        replace(POLICY, **changes)


@pytest.mark.parametrize(
    "zone", ["", "Berlin", "Europe", "../etc/passwd", "/etc/localtime", "localtime", "\0", "Mars/1"]
)
def test_a_time_zone_that_is_none_is_refused(zone: str) -> None:
    """ "localtime" would let the machine's setting decide where a day begins."""
    with pytest.raises(ContentError, match="must be the name of a time zone"):
        replace(POLICY, time_zone=zone)


def test_the_time_zone_of_today_can_be_used() -> None:
    assert POLICY.zone.key == "Europe/Berlin"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": 2}, "version 1, and no other"),
        ({"supersedes": uid(9)}, "version 1, and no other"),
        ({"uid": "x"}, "uid is 'x'"),
        ({"version": 2, "supersedes": POLICY.uid}, "uid of its own"),
        ({"version": 2, "supersedes": "x"}, "supersedes is 'x'"),
    ],
)
def test_versions_form_a_line(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ContentError, match=says):
        replace(POLICY, **changes)


def test_the_digest_of_a_known_policy_never_changes() -> None:
    """A record of years ago must still be verifiable: a new form needs a new tag."""
    known = "2b07acf824c1712be13a04fc06399b69af43c2b3f3d1280e3294053500072a72"
    assert POLICY.digest() == known


def test_every_number_of_the_proposal_has_its_source_and_mark() -> None:
    proposal = proposed_policy(uid(1), "UTC")
    numbers = {one.field: one for one in proposed_numbers()}
    flat = {name: getattr(proposal, name) for name in BOUNDS} | {
        f"threshold_finding.{field.name}": getattr(proposal.threshold_finding, field.name)
        for field in fields(ThresholdFinding)
        if field.name != "roles"
    }
    assert {name: one.value for name, one in numbers.items()} == flat
    assert all(one.source and one.words for one in numbers.values())
    assert numbers["threshold_prompt_days"].mark is Mark.READ
    assert numbers["screening_days"].mark is Mark.OURS
    assert (proposal.threshold_prompt_days, proposal.threshold_prompt_sessions) == (7, 5)
    assert proposal.extra_check_sessions == 3


STIMULUS = Stimulus(
    pulses=1,
    intensity_pct_mso=50,
    since_last_s=Fraction(3),
    given=10,
    role="technician",
    first_threshold=False,
    physician_present=False,
)


def test_a_stimulus_inside_the_bounds_is_not_refused() -> None:
    assert stimulus_inside(POLICY, STIMULUS) == ()
    first = replace(STIMULUS, since_last_s=None, given=0)
    assert stimulus_inside(POLICY, first) == ()
    assert stimulus_inside(POLICY, replace(STIMULUS, intensity_pct_mso=90, given=199)) == ()


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"pulses": 2}, "single-pulse", "2 pulses at once"),
        ({"pulses": 0}, "single-pulse", "0 pulses at once"),
        ({"intensity_pct_mso": 91}, "intensity", "91 %MSO: the policy allows 1 to 90 %MSO"),
        ({"intensity_pct_mso": 0}, "intensity", "0 %MSO"),
        ({"since_last_s": Fraction(2999, 1000)}, "interval", "2.999 s after the last stimulus"),
        ({"since_last_s": Fraction(-1)}, "interval", "-1 s"),
        ({"given": 200}, "count", "200 stimuli were given"),
        ({"given": -1}, "count", "-1 stimuli"),
        ({"role": "qa"}, "role", "Your role is qa: the policy lets physician or technician"),
        ({"role": "Technician"}, "role", "Your role is Technician"),
        ({"first_threshold": True}, "first-threshold", "only with a physician"),
    ],
)
def test_a_stimulus_outside_a_bound_is_refused_with_what_to_do(
    changes: dict[str, Any], code: str, says: str
) -> None:
    (refusal,) = stimulus_inside(POLICY, replace(STIMULUS, **changes))
    assert refusal.code == code
    assert says in refusal.sentence
    assert refusal.remedy


def test_a_first_threshold_is_found_with_a_physician() -> None:
    with_one = replace(STIMULUS, first_threshold=True, physician_present=True)
    assert stimulus_inside(POLICY, with_one) == ()


def test_every_reason_is_told_at_once() -> None:
    worst = Stimulus(3, 100, Fraction(0), 500, "administrator", True, False)
    assert [one.code for one in stimulus_inside(POLICY, worst)] == [
        "single-pulse",
        "intensity",
        "interval",
        "count",
        "role",
        "first-threshold",
    ]
