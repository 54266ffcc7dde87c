"""The clinic's policy: proposing, approving and withdrawing it, and the one that is in force.

What its numbers mean is `protocols.policy`; the gate compares with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from protocols.canonical import JsonValue
from protocols.policy import Policy
from tms_console.accounts.login import Login, sign
from tms_console.accounts.roles import Permission
from tms_console.accounts.signatures import Signed, ToSign
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.entries import printed_name, put_on_record, require_reason
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.verdicts import (
    POLICIES,
    Decision,
    Line,
    Now,
    Standing,
    Version,
    require_approved,
    require_open,
    require_shown,
    standing_of,
)
from tms_console.records.clinical import AddRecord, RecordKind, StoredRecord


@dataclass(frozen=True, slots=True)
class ProposedPolicy:
    """One version of the policy as it was proposed.

    Attributes:
        policy: Its content.
        digest: SHA-256 of its canonical text: what is signed.
        seq: Its place in the chain.
        proposed_at: Wall time, as the computer said.
        proposed_by_uid: The user who proposed it.
        proposed_by: Their printed name.
    """

    policy: Policy
    digest: str
    seq: int
    proposed_at: str
    proposed_by_uid: str
    proposed_by: str

    @property
    def version(self) -> Version:
        """What signatures refer to."""
        return Version(self.policy.uid, self.policy.version, self.digest, self.seq)


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The policy that the gate compares with, and the signature that it is in force by."""

    policy: Policy
    signed: Signed


def policy_versions(trusted: Trusted) -> tuple[ProposedPolicy, ...]:
    """Return every version of the policy, the first one first.

    Raises:
        ClinicRefused: One of them is not what a policy is.
        NotTrusted: One of them is not what was entered.
    """
    found = (_proposed(trusted, record) for record in trusted.records(RecordKind.POLICY))
    return tuple(sorted(found, key=lambda one: one.policy.version))


def read_policy(trusted: Trusted, uid: str) -> Policy:
    """Return one version of the policy, exactly as it was proposed.

    Raises:
        ClinicRefused: There is none of that uid, or it is not what a policy is.
        NotTrusted: It is not what was entered.
    """
    record = trusted.record(RecordKind.POLICY, uid)
    if record is None:
        raise ClinicRefused(f"There is no policy {uid} on record.")
    return _proposed(trusted, record).policy


def _proposed(trusted: Trusted, record: StoredRecord) -> ProposedPolicy:
    try:
        policy = Policy.from_canonical(cast(JsonValue, record.values))
    except ValueError as error:
        raise ClinicRefused(f"policy {record.uid} cannot be read: {error}") from error
    if policy.uid != record.uid or policy.digest() != record.digest:
        raise ClinicRefused(f"policy {record.uid} is not in the form in which it is signed.")
    name = printed_name(trusted, record.actor)
    return ProposedPolicy(policy, record.digest, record.seq, record.at, record.actor, name)


def policy_standing(trusted: Trusted, uid: str, now: str, without_user_uid: str = "") -> Standing:
    """Return where one version of the policy stands.

    Args:
        trusted: The record.
        uid: The version.
        now: Wall time.
        without_user_uid: Somebody whose approvals are left out, "" for nobody.

    Raises:
        ClinicRefused: There is none of that uid, or it is not what a policy is.
        NotTrusted: It is not what was entered.
    """
    read_policy(trusted, uid)
    return standing_of(trusted, _line(trusted), uid, (), Now(now, without_user_uid))


def policy_in_force(trusted: Trusted, now: str) -> PolicyInForce | None:
    """Return the policy in force, None if there is none: then no real stimulator is armed.

    Args:
        trusted: The record.
        now: Wall time.

    Raises:
        ClinicRefused: A version on record is not what a policy is.
        NotTrusted: A version is not what was entered.
    """
    for one in reversed(policy_versions(trusted)):
        standing = policy_standing(trusted, one.policy.uid, now)
        if standing.approved is not None and standing.in_force:
            return PolicyInForce(one.policy, standing.approved)
    return None


def propose_policy(station: Station, login: Login, policy: Policy) -> str:
    """Put a version of the policy on record for a physician to look at, and return its uid.

    Raises:
        NotPermitted: Only a physician or an administrator may.
        ClinicRefused: It does not follow on the newest version.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.PROPOSE_POLICY)
    with station.trusting() as trusted:
        line = policy_versions(trusted)
    newest = line[-1].policy if line else None
    number, before = (0, None) if newest is None else (newest.version, newest.uid)
    if (policy.version, policy.supersedes) != (number + 1, before):
        told = "nothing is on record" if newest is None else f"the newest version is {number}"
        raise ClinicRefused(
            f"Version {policy.version} of the policy does not follow: {told}, so the next is "
            f"version {number + 1}, and it names the one before."
        )
    if any(one.policy.uid == policy.uid for one in line):
        raise ClinicRefused("This version is on record already; a change is another version.")
    put_on_record(
        station,
        AddRecord(
            kind=RecordKind.POLICY,
            uid=policy.uid,
            at=station.wall(),
            actor=login.user_uid,
            content=policy.canonical_text(),
        ),
        seal="a policy was proposed",
    )
    return policy.uid


def approve_policy(
    station: Station, login: Login, decision: Decision, password: str, login_name: str = ""
) -> str:
    """Approve a version of the policy; return the signature's uid.

    Args:
        station: This console.
        login: The physician.
        decision: On which version, as it was shown; a comment may be given.
        password: Asked for at every signature.
        login_name: Asked for at the first signature of a login.

    Raises:
        NotPermitted: Only a physician may.
        ClinicRefused: Another content was shown, or it is not the newest version.
        LoginRefused: Wrong password or name.
        AccountsRefused: The physician's key may not approve yet.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.APPROVE_POLICY)
    with station.trusting() as trusted:
        line, version = _shown(trusted, decision)
        require_open(trusted, line, version)
    to_sign = ToSign(POLICIES.approve, version.uid, version.digest, None, comment=decision.comment)
    return sign(station, login, to_sign, password, login_name=login_name).uid


def withdraw_policy(
    station: Station, login: Login, decision: Decision, password: str, login_name: str = ""
) -> str:
    """Take the approval of the policy back: nothing is armed until one is approved.

    Args:
        station: This console.
        login: Any physician.
        decision: On which version, as it was shown, with the reason as its comment.
        password: Asked for at every signature.
        login_name: Asked for at the first signature of a login.

    Raises:
        NotPermitted: Only a physician may.
        ClinicRefused: There is no approval, or no reason was given.
        LoginRefused: Wrong password or name.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.WITHDRAW_POLICY)
    require_reason(decision.comment)
    with station.trusting() as trusted:
        _, version = _shown(trusted, decision)
        require_approved(trusted, POLICIES, version)
    to_sign = ToSign(POLICIES.withdraw, version.uid, version.digest, None, comment=decision.comment)
    return sign(station, login, to_sign, password, login_name=login_name).uid


def _shown(trusted: Trusted, decision: Decision) -> tuple[Line, Version]:
    """Return the version that a decision is about, if it is what was shown."""
    read_policy(trusted, decision.uid)
    line = _line(trusted)
    version = line.version(decision.uid)
    require_shown(f"version {version.number} of the policy", version.digest, decision)
    return line, version


def _line(trusted: Trusted) -> Line:
    return Line(POLICIES, tuple(one.version for one in policy_versions(trusted)))
