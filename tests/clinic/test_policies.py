"""The clinic's policy: who proposes, approves and withdraws it, and which one is in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from protocols.canonical import JsonValue, canonical_text
from protocols.policy import Policy
from protocols.policy_proposal import proposed_policy
from tests.clinic.prescribing import NOW, Practice, make_practice, secret
from tms_console.accounts.errors import LoginRefused, NotPermitted
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission, Role, allowed
from tms_console.accounts.users import deactivate
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.policies import (
    PolicyInForce,
    approve_policy,
    policy_in_force,
    policy_standing,
    policy_versions,
    propose_policy,
    read_policy,
    withdraw_policy,
)
from tms_console.clinic.verdicts import Decision
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.values import new_uid


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return make_practice(tmp_path)


def held(practice: Practice) -> PolicyInForce | None:
    with practice.trusting() as trusted:
        return policy_in_force(trusted, NOW)


def codes(practice: Practice, policy: Policy) -> list[str]:
    with practice.trusting() as trusted:
        where = policy_standing(trusted, policy.uid, NOW)
    return [objection.code for objection in where.objections]


def decide(
    practice: Practice,
    act: Callable[..., str],
    policy: Policy,
    by: Login | None = None,
    comment: str = "because",
) -> str:
    login = by or practice.physician
    told = Decision(policy.uid, policy.digest(), (), comment)
    return act(practice.station, login, told, *secret(login))


def second(of: Policy) -> Policy:
    return replace(of, uid=new_uid(), version=of.version + 1, supersedes=of.uid, screening_days=30)


def test_without_a_policy_none_is_in_force(practice: Practice) -> None:
    assert held(practice) is None


def test_a_policy_is_in_force_once_a_physician_approved_exactly_this_content(
    practice: Practice,
) -> None:
    policy = proposed_policy(new_uid(), "Europe/Berlin")
    assert propose_policy(practice.station, practice.clinic.administrator, policy) == policy.uid
    assert held(practice) is None
    assert codes(practice, policy) == ["unapproved"]
    uid = decide(practice, approve_policy, policy)
    found = held(practice)
    assert found is not None
    assert found.policy == policy
    assert (found.signed.uid, found.signed.subject_digest) == (uid, policy.digest())
    assert found.signed.enrolment.enrolled_by == "Ada Ministra"
    with practice.trusting() as trusted:
        (version,) = policy_versions(trusted)
        assert read_policy(trusted, policy.uid) == policy
    assert version.proposed_by == "Ada Ministra"
    assert version.proposed_by_uid == practice.clinic.administrator.user_uid


@pytest.mark.parametrize("role", list(Role))
def test_only_physicians_and_administrators_propose_a_policy(
    practice: Practice, role: Role
) -> None:
    login, policy = practice.clinic.people[role], proposed_policy(new_uid(), "UTC")
    if allowed(role, Permission.PROPOSE_POLICY):
        assert propose_policy(practice.station, login, policy) == policy.uid
        return
    with pytest.raises(NotPermitted, match="a physician or an administrator"):
        propose_policy(practice.station, login, policy)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    ("act", "permission"),
    [
        (approve_policy, Permission.APPROVE_POLICY),
        (withdraw_policy, Permission.WITHDRAW_POLICY),
    ],
)
def test_only_physicians_decide_on_a_policy(
    practice: Practice, act: Callable[..., str], permission: Permission, role: Role
) -> None:
    policy, login = practice.policy(), practice.clinic.people[role]
    if allowed(role, permission):
        assert decide(practice, act, policy, login)
        assert (held(practice) is None) == (act is withdraw_policy)
        return
    for one in (policy, replace(policy, uid=new_uid())):  # refused before anything is read
        with pytest.raises(NotPermitted, match="Only a physician may"):
            decide(practice, act, one, login)
    assert held(practice) is not None


@pytest.mark.parametrize("act", [approve_policy, withdraw_policy])
def test_another_policy_than_was_shown_is_not_signed(
    practice: Practice, act: Callable[..., str]
) -> None:
    policy = practice.policy()
    other = replace(policy, most_pulses_a_day=policy.most_pulses_a_day + 1)
    told = Decision(policy.uid, other.digest(), (), "because")
    with pytest.raises(ClinicRefused, match="What was shown is not version 1 of the policy"):
        act(practice.station, practice.physician, told, *secret(practice.physician))
    with pytest.raises(ClinicRefused, match="no policy"):
        decide(practice, act, replace(policy, uid=new_uid()))
    told = Decision(policy.uid, policy.digest(), (), "because")
    with pytest.raises(LoginRefused):
        act(practice.station, practice.physician, told, "not my password", "physician")


def test_a_newer_policy_takes_over_when_it_is_approved_and_not_before(
    practice: Practice,
) -> None:
    first = practice.policy()
    newer = second(first)
    propose_policy(practice.station, practice.physician, newer)
    found = held(practice)
    assert found is not None
    assert found.policy == first
    with pytest.raises(ClinicRefused, match="not the newest: version 2"):
        decide(practice, approve_policy, first)
    decide(practice, approve_policy, newer)
    found = held(practice)
    assert found is not None
    assert found.policy == newer
    assert codes(practice, first) == ["superseded"]
    decide(practice, withdraw_policy, newer)
    assert held(practice) is None, "a policy that was replaced does not come back by itself"


def test_a_withdrawn_policy_leaves_none_until_it_is_approved_again(practice: Practice) -> None:
    policy = practice.policy()
    with pytest.raises(ClinicRefused, match="Say why"):
        decide(practice, withdraw_policy, policy, comment=" ")
    decide(practice, withdraw_policy, policy, practice.second)
    assert held(practice) is None
    assert codes(practice, policy) == ["withdrawn"]
    with pytest.raises(ClinicRefused, match="no approval to withdraw"):
        decide(practice, withdraw_policy, policy)
    decide(practice, approve_policy, policy)
    assert held(practice) is not None


def test_the_policy_of_a_deactivated_physician_is_not_in_force(practice: Practice) -> None:
    policy = practice.policy()
    deactivate(practice.station, practice.clinic.administrator, practice.physician.user_uid, "left")
    assert held(practice) is None
    assert codes(practice, policy) == ["signer"]
    decide(practice, approve_policy, policy, practice.second)
    assert held(practice) is not None


def test_a_policy_must_follow_on_the_newest(practice: Practice) -> None:
    first = proposed_policy(new_uid(), "UTC")
    with pytest.raises(ClinicRefused, match="nothing is on record"):
        propose_policy(practice.station, practice.physician, second(first))
    propose_policy(practice.station, practice.physician, first)
    with pytest.raises(ClinicRefused, match="the newest version is 1"):
        propose_policy(practice.station, practice.physician, replace(first, uid=new_uid()))
    other = replace(second(first), supersedes=new_uid())
    with pytest.raises(ClinicRefused, match="it names the one before"):
        propose_policy(practice.station, practice.physician, other)
    newer = second(first)
    propose_policy(practice.station, practice.physician, newer)
    again = replace(second(newer), uid=first.uid)
    with pytest.raises(ClinicRefused, match="on record already"):
        propose_policy(practice.station, practice.physician, again)


def test_what_is_no_policy_is_not_read(practice: Practice) -> None:
    """The numbers that everything is compared with are never guessed."""
    policy = proposed_policy(new_uid(), "UTC")
    values: dict[str, JsonValue] = {**policy.canonical(), "most_pulses_a_day": 10**7}
    record = AddRecord(
        kind=RecordKind.POLICY,
        uid=policy.uid,
        at=NOW,
        actor=practice.physician.user_uid,
        content=canonical_text(values),
    )
    practice.station.write(record)
    with practice.trusting() as trusted:
        with pytest.raises(ClinicRefused, match="cannot be read: most_pulses_a_day"):
            policy_in_force(trusted, NOW)
        with pytest.raises(ClinicRefused, match="no policy"):
            read_policy(trusted, new_uid())


def test_another_spelling_of_a_number_is_no_policy(practice: Practice) -> None:
    policy = proposed_policy(new_uid(), "UTC")
    interval = policy.canonical()["threshold_finding"]
    assert isinstance(interval, dict)
    spelled: dict[str, JsonValue] = {**interval, "shortest_interval_s": "10/2"}
    values: dict[str, JsonValue] = {**policy.canonical(), "threshold_finding": spelled}
    record = AddRecord(
        kind=RecordKind.POLICY,
        uid=policy.uid,
        at=NOW,
        actor=practice.physician.user_uid,
        content=canonical_text(values),
    )
    practice.station.write(record)
    with practice.trusting() as trusted, pytest.raises(ClinicRefused, match=policy.uid):
        policy_versions(trusted)


def test_what_does_not_have_the_digest_of_its_record_is_no_policy(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice.policy()
    monkeypatch.setattr(Policy, "digest", lambda _: "0" * 64)
    with pytest.raises(ClinicRefused, match="not in the form"):
        held(practice)
