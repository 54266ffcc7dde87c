"""What a signed prescription delivers now: at the newest thresholds, as far as was signed.

A deterministic function of records and nothing else, so that whoever asks gets the same answer;
how old a threshold may be is the policy's and not here.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.measured import ThresholdReference
from protocols.prescription import Prescription, SessionContent
from protocols.remeasure import DoseChange, OutsidePrescription, Today, dose_changes, session_at
from tms_console.accounts.login import Login, sign
from tms_console.accounts.roles import Permission
from tms_console.accounts.signatures import Meaning, Signed, ToSign
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.entries import require_record
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.prescriptions import counting_now
from tms_console.clinic.verdicts import Decision, require_shown, said
from tms_console.records.clinical import RecordKind


@dataclass(frozen=True, slots=True)
class DoseNow:
    """What a session of a prescription delivers now.

    Attributes:
        session: Exactly what is delivered; None if nothing is.
        thresholds: For each block the threshold that counts now: the newest like the signed one.
        changed: What thresholds that differ from the signed ones make of the dose, by block.
        needs_acknowledgement: Uids of thresholds used under the signed band that no physician has
            acknowledged yet; treatment goes on meanwhile.
        refusal: Why nothing is delivered, in sentences; "" if something is.  A new version, which
            a physician approves, is what to do about it.
    """

    session: SessionContent | None
    thresholds: tuple[ThresholdReference, ...]
    changed: tuple[DoseChange, ...] = ()
    needs_acknowledgement: tuple[str, ...] = ()
    refusal: str = ""


def band_now(trusted: Trusted, prescription: Prescription, today: Today | None = None) -> DoseNow:
    """Return what a session delivers at the newest thresholds.

    The newest threshold like the signed one is that one, or has the same value: the dose is as it
    was signed.  It has another value: inside the signed band the dose follows from it, anywhere
    else nothing is delivered until a physician signs a new version.

    Args:
        trusted: The record.
        prescription: The version that is in force.
        today: Today's percentages in the ramp across the first days; None for the prescribed.

    Raises:
        NotTrusted: A threshold is not what was entered.
    """
    signed = tuple(basis.threshold for basis in prescription.doses)
    newest: list[ThresholdReference] = []
    wrong: list[str] = []
    for number, named in enumerate(signed, 1):
        why, now = counting_now(trusted, prescription.patient_uid, number, named)
        wrong += [why] if why else []
        newest.append(now)
    if wrong:
        return _refused(newest, wrong)
    counted = [
        named if now.value_pct_mso == named.value_pct_mso else now
        for named, now in zip(signed, newest, strict=True)
    ]
    try:
        session = session_at(prescription, counted, today)
    except OutsidePrescription as error:
        return _refused(newest, error.reasons)
    moved = [k for k, named in enumerate(signed) if counted[k] != named]
    changes = dose_changes(prescription.session, session, [k + 1 for k in moved])
    used = dict.fromkeys(newest[k].uid for k in moved)
    waiting = tuple(uid for uid in used if not acknowledged(trusted, uid))
    return DoseNow(session, tuple(newest), changes, waiting)


def _refused(newest: list[ThresholdReference], reasons: list[str] | tuple[str, ...]) -> DoseNow:
    return DoseNow(None, tuple(newest), refusal=" ".join(reasons))


def acknowledged(trusted: Trusted, threshold_uid: str) -> Signed | None:
    """Return the newest physician's signature that acknowledges a threshold, None if none does."""
    found = said(trusted, threshold_uid, Meaning.ACKNOWLEDGE_THRESHOLD)
    return found[-1] if found else None


def acknowledge_threshold(
    station: Station, login: Login, decision: Decision, password: str, login_name: str = ""
) -> str:
    """Acknowledge a threshold that is used under a signed band; return the signature's uid.

    Args:
        station: This console.
        login: The physician.
        decision: On which threshold, as it was shown; a comment may be given.
        password: Asked for at every signature.
        login_name: Asked for at the first signature of a login.

    Raises:
        NotPermitted: Only a physician may.
        ClinicRefused: There is no such threshold, another was shown, or it is acknowledged.
        LoginRefused: Wrong password or name.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.ACKNOWLEDGE_THRESHOLD)
    with station.trusting() as trusted:
        record = require_record(trusted, RecordKind.THRESHOLD, decision.uid)
        require_shown("the threshold", record.digest, decision)
        if acknowledged(trusted, record.uid) is not None:
            raise ClinicRefused("This threshold is acknowledged already.")
    to_sign = ToSign(
        Meaning.ACKNOWLEDGE_THRESHOLD,
        record.uid,
        record.digest,
        str(record.values["patient_uid"]),
        comment=decision.comment,
    )
    return sign(station, login, to_sign, password, login_name=login_name).uid
