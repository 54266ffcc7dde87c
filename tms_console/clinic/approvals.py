"""Physicians' decisions on prescriptions, and which prescriptions are in force by them.

What a signature is and whether it holds is `accounts.signatures`; this says what follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocols.limits import FindingAnswer, unanswered
from protocols.limits.answers import strangers
from protocols.limits.prescription_review import review_prescription
from protocols.prescription import Prescription
from tms_console.accounts.login import Login, sign
from tms_console.accounts.roles import Permission
from tms_console.accounts.signatures import Answer, Meaning, ToSign
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.dose_now import band_now
from tms_console.clinic.entries import require_reason
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import require_current
from tms_console.clinic.policies import policy_standing, policy_versions
from tms_console.clinic.prescriptions import (
    ProposedVersion,
    line_of,
    prescription_uids,
    read_version,
    versions,
)
from tms_console.clinic.verdicts import (
    PRESCRIPTIONS,
    Decision,
    Now,
    Standing,
    require_approved,
    require_open,
    require_shown,
    said,
    standing_of,
)
from tms_console.records.clinical import RecordKind


@dataclass(frozen=True, slots=True)
class InForce:
    """A prescription that is in force, and where it stands."""

    prescription: Prescription
    standing: Standing


@dataclass(frozen=True, slots=True)
class Resting:
    """Something that is in force by one physician's signature and nobody else's.

    Attributes:
        kind: Prescription or policy.
        uid: The version.
        patient_uid: Whose; None for a policy.
        number: Which version.
        title: What it is, in words.
        approved_at: When it was approved.
    """

    kind: RecordKind
    uid: str
    patient_uid: str | None
    number: int
    title: str
    approved_at: str


def standing(trusted: Trusted, uid: str, now: str, without_user_uid: str = "") -> Standing:
    """Return where one version of a prescription stands.

    It is in force if a physician approved exactly this content, did not take that back, is active
    now, and answered every finding of a fresh review; if it was not returned; if no later version
    was ever approved; and if no older copy of the record was put back since without a physician's
    signature that it still counts.

    Args:
        trusted: The record.
        uid: The version.
        now: Wall time, compared with the ends of enrolments.
        without_user_uid: Somebody whose approvals are left out, "" for nobody.

    Raises:
        ClinicRefused: There is none of that uid, or it is not what a prescription is.
        NotTrusted: It is not what was entered.
    """
    proposed = read_version(trusted, uid)
    return _standing(trusted, proposed, Now(now, without_user_uid))


def _standing(trusted: Trusted, proposed: ProposedVersion, now: Now) -> Standing:
    prescription = proposed.prescription
    line = line_of(trusted, prescription.prescription_uid)
    findings = trusted.of_patient(
        prescription.patient_uid,
        (review_prescription, proposed.digest),
        lambda: review_prescription(prescription),
    )
    return standing_of(trusted, line, prescription.uid, findings, now)


def in_force(trusted: Trusted, patient_uid: str, now: str) -> tuple[InForce, ...]:
    """Return the prescriptions of a patient that are in force, oldest first.

    Args:
        trusted: The record.
        patient_uid: Whose.
        now: Wall time.

    Raises:
        ClinicRefused: A prescription on record is not what a prescription is.
        NotTrusted: One is not what was entered.
    """
    return _in_force(trusted, patient_uid, Now(now))


def _in_force(trusted: Trusted, patient_uid: str | None, now: Now) -> tuple[InForce, ...]:
    found = []
    for prescription_uid in prescription_uids(trusted, patient_uid):
        for one in reversed(versions(trusted, prescription_uid)):
            where = _standing(trusted, one, now)
            if where.in_force:
                found.append(InForce(one.prescription, where))
                break  # every earlier version is superseded by this one
    return tuple(found)


def resting_on(trusted: Trusted, user_uid: str, now: str = "") -> tuple[Resting, ...]:
    """Return what needs another physician's signature once this one is deactivated.

    Args:
        trusted: The record.
        user_uid: The physician.
        now: Wall time; "" for that of the newest audit row.

    Raises:
        ClinicRefused: Something on record is not what it is said to be.
        NotTrusted: Something is not what was entered.
    """
    wall = now or trusted.newest_at
    found = []
    for one in _in_force(trusted, None, Now(wall)):
        prescription, signed = one.prescription, one.standing.approved
        if standing(trusted, prescription.uid, wall, user_uid).in_force or signed is None:
            continue
        found.append(
            Resting(
                RecordKind.PRESCRIPTION,
                prescription.uid,
                prescription.patient_uid,
                prescription.version,
                f"{prescription.session.title}, {prescription.indication}",
                signed.at,
            )
        )
    for proposed in policy_versions(trusted):
        uid = proposed.policy.uid
        where = policy_standing(trusted, uid, wall)
        if where.approved is None or not where.in_force:
            continue
        if not policy_standing(trusted, uid, wall, user_uid).in_force:
            number = proposed.policy.version
            found.append(
                Resting(
                    RecordKind.POLICY, uid, None, number, "the clinic policy", where.approved.at
                )
            )
    return tuple(found)


def approve(
    station: Station, login: Login, decision: Decision, password: str, login_name: str = ""
) -> str:
    """Approve a version of a prescription for delivery; return the signature's uid.

    Args:
        station: This console.
        login: The physician; who proposed it may approve it.
        decision: On which version, as it was shown, with an answer to every finding that asks for
            one, and a reason where one is needed; a comment may be given.
        password: Asked for at every signature.
        login_name: Asked for at the first signature of a login.

    Raises:
        NotPermitted: Only a physician may.
        ClinicRefused: Another content was shown, it was returned, it is not the newest version,
            the patient's record is closed, nothing could be delivered from it at the newest
            thresholds, or a finding is not answered.
        LoginRefused: Wrong password or name.
        AccountsRefused: The physician's key may not approve yet.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.APPROVE_PRESCRIPTION)
    with station.trusting() as trusted:
        proposed = _shown(trusted, decision)
        prescription = proposed.prescription
        line = line_of(trusted, prescription.prescription_uid)
        require_open(trusted, line, proposed.version)
        require_current(trusted, prescription.patient_uid)
        refusal = band_now(trusted, prescription).refusal
    reasons = _answer_reasons(prescription, decision.answers)
    if refusal:
        reasons.insert(0, f"{refusal} Propose a new version.")
    if reasons:
        raise ClinicRefused(*reasons)
    to_sign = _to_sign(Meaning.APPROVE_PRESCRIPTION, proposed, decision)
    return sign(station, login, to_sign, password, login_name=login_name).uid


def _answer_reasons(prescription: Prescription, answers: Sequence[FindingAnswer]) -> list[str]:
    """Return what stands in the way of signing, by the answers to what a review finds."""
    findings = review_prescription(prescription)
    reasons = []
    for one in unanswered(findings, answers):
        what = "a written reason is needed" if one.needs_reason else "it must be acknowledged"
        if not one.signable:
            what = "nobody can sign this"
        reasons.append(f"{' '.join(one.sentences)} ({one.code}: {what}.)")
    reasons += [
        f"An answer is given to {one.code}, which the review does not find."
        for one in strangers(findings, answers)
    ]
    given = [(one.code, one.block) for one in answers]
    if len(given) != len(set(given)):
        reasons.append("A finding is answered twice; give one answer to each.")
    return reasons


def return_(
    station: Station, login: Login, decision: Decision, password: str, login_name: str = ""
) -> str:
    """Return a proposal: this version is never approved; return the signature's uid.

    Args:
        station: This console.
        login: Any physician.
        decision: On which version, as it was shown, with what is to be changed as its comment.
        password: Asked for at every signature.
        login_name: Asked for at the first signature of a login.

    Raises:
        NotPermitted: Only a physician may.
        ClinicRefused: It was decided on already, or no comment was given.
        LoginRefused: Wrong password or name.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.RETURN_PRESCRIPTION)
    require_reason(decision.comment)
    with station.trusting() as trusted:
        proposed = _shown(trusted, decision)
        if said(trusted, decision.uid, Meaning.RETURN_PRESCRIPTION):
            raise ClinicRefused("This version was returned already.")
        if said(trusted, decision.uid, Meaning.APPROVE_PRESCRIPTION):
            raise ClinicRefused("This version was approved; withdraw it instead.")
    to_sign = _to_sign(Meaning.RETURN_PRESCRIPTION, proposed, decision)
    return sign(station, login, to_sign, password, login_name=login_name).uid


def withdraw(
    station: Station, login: Login, decision: Decision, password: str, login_name: str = ""
) -> str:
    """Take the approval of a version back, from now on; return the signature's uid.

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
    login.require(Permission.WITHDRAW_PRESCRIPTION)
    require_reason(decision.comment)
    with station.trusting() as trusted:
        proposed = _shown(trusted, decision)
        require_approved(trusted, PRESCRIPTIONS, proposed.version)
    to_sign = _to_sign(Meaning.WITHDRAW_PRESCRIPTION, proposed, decision)
    return sign(station, login, to_sign, password, login_name=login_name).uid


def _shown(trusted: Trusted, decision: Decision) -> ProposedVersion:
    """Return the version that a decision is about, if it is what was shown."""
    proposed = read_version(trusted, decision.uid)
    number = proposed.prescription.version
    require_shown(f"version {number} of the prescription", proposed.digest, decision)
    return proposed


def _to_sign(meaning: Meaning, proposed: ProposedVersion, decision: Decision) -> ToSign:
    return ToSign(
        meaning,
        proposed.prescription.uid,
        proposed.digest,
        proposed.prescription.patient_uid,
        answers=tuple(Answer(one.code, one.block, one.reason.strip()) for one in decision.answers),
        comment=decision.comment.strip(),
    )
