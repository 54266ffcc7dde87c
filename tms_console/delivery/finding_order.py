"""What the gate would say of a search for a threshold that nobody has ordered yet, and its order.

It asks the gate's own questions of the gate's own facts, as `preview` does for a treatment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocols.finding_content import Aim
from protocols.policy import Policy
from tms_console.accounts.book import Enrolment
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission
from tms_console.accounts.start_orders import Ordered, StartOrder, order_start
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.policies import policy_in_force
from tms_console.delivery.finding_authority import finding_facts
from tms_console.delivery.finding_gate import check_finding
from tms_console.delivery.gate import CheckResult
from tms_console.delivery.order import Challenge, EmulatorOrder, PortOrder, SessionOrder
from tms_console.delivery.process import new_challenge
from tms_console.delivery.treatment_gate import policy_check


@dataclass(frozen=True, slots=True)
class FindingPreview:
    """What would happen if a search were ordered now.

    Attributes:
        patient_uid: Whose threshold.
        aim: Which threshold.
        policy: The policy in force, None if there is none: then nothing can be ordered.
        checks: What the gate says of people, policy, patient and day.
        first: The patient has no threshold on record.
    """

    patient_uid: str
    aim: Aim
    policy: Policy | None
    checks: tuple[CheckResult, ...]
    first: bool


def preview_finding(
    trusted: Trusted, wall: str, who: Enrolment, patient_uid: str, aim: Aim
) -> FindingPreview:
    """Return what the gate would say if this were ordered now.

    Raises:
        ClinicRefused: There is no such patient.
        NotTrusted: The record cannot be believed.
    """
    held = policy_in_force(trusted, wall)
    if held is None:
        return FindingPreview(patient_uid, aim, None, (policy_check(None),), first=True)
    challenge = new_challenge()
    facts = finding_facts(trusted, wall, held.policy, patient_uid)
    active = trusted.book.active(who.user_uid, wall)
    if active is None or active.uid != who.uid:
        facts = replace(facts, order_fault=f"{who.name} is not active any more.")
    else:
        ordered = _ordered(held.policy, patient_uid, aim, challenge)
        order = StartOrder("unsigned", ordered, who, wall)
        facts = replace(facts, order=order, challenge=challenge)
    return FindingPreview(patient_uid, aim, held.policy, check_finding(facts), facts.first)


def sign_finding(
    station: Station,
    login: Login,
    shown: FindingPreview,
    challenge: Challenge,
    device: EmulatorOrder | PortOrder,
) -> SessionOrder:
    """Return the order for exactly what was shown, signed by who is logged in.

    Raises:
        NotPermitted: Their role does not include it.
        LoginLocked: The screen is locked.
        NotTrusted: The database cannot be trusted.
        ValueError: There is no policy that it could rest on.
    """
    login.require(Permission.FIND_THRESHOLD)
    if shown.policy is None:
        raise ValueError("there is no signed policy of the clinic")
    ordered = _ordered(shown.policy, shown.patient_uid, shown.aim, challenge)
    return SessionOrder(
        kind="threshold",
        digest=ordered.authority_digest,
        authority_uid=ordered.authority_uid,
        database=str(station.database.path),
        device=device,
        actor=login.user_uid,
        start_order=order_start(station, login, ordered),
    )


def _ordered(policy: Policy, patient_uid: str, aim: Aim, challenge: Challenge) -> Ordered:
    return Ordered(
        authority_uid=policy.uid,
        authority_digest=policy.digest(),
        patient_uid=patient_uid,
        threshold_uids=(),
        session_number=1,
        session_uid=challenge.session_uid,
        nonce=challenge.nonce,
        aim=aim,
    )
