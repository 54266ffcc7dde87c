"""Proposing prescriptions, version after version, and reading them back as they were proposed.

A proposal changes no treatment; who approves one, and whether it is in force, is
`clinic.approvals`, and what it delivers at today's thresholds `clinic.dose_now`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from protocols.canonical import ContentError, JsonValue
from protocols.dose import NotDeliverable
from protocols.limits import Finding, Level
from protocols.limits.prescription_review import review_prescription
from protocols.measured import ThresholdReference
from protocols.prescribing import Proposal, with_new_threshold
from protocols.prescription import Prescription
from protocols.protocol import load_library
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.entries import printed_name, put_on_record
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import require_current
from tms_console.clinic.thresholds import as_reference, newest_like, threshold
from tms_console.clinic.verdicts import PRESCRIPTIONS, Line, Version
from tms_console.records.clinical import AddRecord, RecordKind, StoredRecord
from tms_console.records.values import new_uid


@dataclass(frozen=True, slots=True)
class ProposedVersion:
    """One version of a prescription as it was proposed.

    Attributes:
        prescription: Its content.
        digest: SHA-256 of its canonical text: what is signed.
        seq: Its place in the chain.
        proposed_at: Wall time, as the computer said.
        proposed_by_uid: The user who proposed it.
        proposed_by: Their printed name.
    """

    prescription: Prescription
    digest: str
    seq: int
    proposed_at: str
    proposed_by_uid: str
    proposed_by: str

    @property
    def version(self) -> Version:
        """What signatures refer to."""
        mine = self.prescription
        return Version(mine.uid, mine.version, self.digest, self.seq)


def read_prescription(trusted: Trusted, uid: str) -> Prescription:
    """Return one version of a prescription, exactly as it was proposed.

    Raises:
        ClinicRefused: There is none of that uid, or it is not what a prescription is.
        NotTrusted: It is not what was entered.
    """
    return read_version(trusted, uid).prescription


def read_version(trusted: Trusted, uid: str) -> ProposedVersion:
    """Return one version with who proposed it.

    Raises:
        ClinicRefused: As for `read_prescription`.
        NotTrusted: As for `read_prescription`.
    """
    record = trusted.record(RecordKind.PRESCRIPTION, uid)
    if record is None:
        raise ClinicRefused(f"There is no prescription {uid} on record.")
    return _proposed(trusted, record)


def versions(trusted: Trusted, prescription_uid: str) -> tuple[ProposedVersion, ...]:
    """Return all versions of a prescription, the first one first.

    Args:
        trusted: The record.
        prescription_uid: The uid of its first version.

    Raises:
        ClinicRefused: One of them is not what a prescription is.
        NotTrusted: One of them is not what was entered.
    """
    records = trusted.records(RecordKind.PRESCRIPTION, prescription_uid=prescription_uid)
    found = (_proposed(trusted, record) for record in records)
    return tuple(sorted(found, key=lambda one: one.prescription.version))


def line_of(trusted: Trusted, prescription_uid: str) -> Line:
    """Return the line of a prescription's versions, for signatures.

    Raises:
        ClinicRefused: One of them is not what a prescription is.
        NotTrusted: One of them is not what was entered.
    """
    found = versions(trusted, prescription_uid)
    return Line(PRESCRIPTIONS, tuple(one.version for one in found))


def prescription_uids(trusted: Trusted, patient_uid: str | None = None) -> tuple[str, ...]:
    """Return the uid of every prescription, or of every one of a patient's, oldest first."""
    members = {} if patient_uid is None else {"patient_uid": patient_uid}
    records = trusted.records(RecordKind.PRESCRIPTION, **members)
    return tuple(dict.fromkeys(str(one.member("prescription_uid")) for one in records))


def _proposed(trusted: Trusted, record: StoredRecord) -> ProposedVersion:
    whose = str(record.member("patient_uid"))
    return trusted.of_patient(whose, (_proposed, record.uid), lambda: _read(trusted, record))


def _read(trusted: Trusted, record: StoredRecord) -> ProposedVersion:
    try:
        prescription = Prescription.from_canonical(cast(JsonValue, record.values))
    except ValueError as error:
        raise ClinicRefused(f"prescription {record.uid} cannot be read: {error}") from error
    if prescription.uid != record.uid or prescription.digest() != record.digest:
        raise ClinicRefused(f"prescription {record.uid} is not in the form in which it is signed.")
    return ProposedVersion(
        prescription,
        record.digest,
        record.seq,
        record.at,
        record.actor,
        printed_name(trusted, record.actor),
    )


def propose(station: Station, login: Login, prescription: Prescription) -> str:
    """Put a version on record for a physician to look at, and return its uid.

    Raises:
        NotPermitted: Only a technician or a physician may.
        ClinicRefused: It names thresholds that are not on record like this, does not follow on
            the newest version, or can be signed by nobody; every reason is told.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.PROPOSE_PRESCRIPTION)
    with station.trusting() as trusted:
        reasons = proposal_reasons(trusted, prescription)
    if reasons:
        raise ClinicRefused(*reasons)
    put_on_record(
        station,
        AddRecord(
            kind=RecordKind.PRESCRIPTION,
            uid=prescription.uid,
            at=station.wall(),
            actor=login.user_uid,
            content=prescription.canonical_text(),
        ),
        seal="a prescription was proposed",
    )
    return prescription.uid


def proposal_reasons(trusted: Trusted, prescription: Prescription) -> tuple[str, ...]:
    """Return why a version cannot be proposed, a sentence each; nothing if it can."""
    reasons = [*_line_reasons(trusted, prescription), *threshold_reasons(trusted, prescription)]
    protocol_id = prescription.session.protocol_id
    if protocol_id not in load_library():
        reasons.append(f"{protocol_id} is no protocol of the library.")
    reasons += [one.sentence for one in blocking(prescription)]
    return tuple(reasons)


def blocking(prescription: Prescription) -> tuple[Finding, ...]:
    """Return what a review finds that no signature can answer."""
    found = review_prescription(prescription)
    return tuple(one for one in found if one.level is Level.BLOCK)


def _line_reasons(trusted: Trusted, prescription: Prescription) -> list[str]:
    """Return why it is not the next version of what is on record."""
    try:
        require_current(trusted, prescription.patient_uid)
    except ClinicRefused as error:
        return list(error.reasons)
    if trusted.record(RecordKind.PRESCRIPTION, prescription.uid) is not None:
        return ["This version is on record already; a change of anything is another version."]
    line = versions(trusted, prescription.prescription_uid)
    if not line:
        if prescription.version == 1:
            return []
        return [f"Version {prescription.version} follows on nothing: there is no version 1."]
    newest = line[-1].prescription
    reasons = []
    told = (prescription.version, prescription.supersedes)
    if told != (newest.version + 1, newest.uid):
        reasons.append(
            f"The newest version on record is {newest.version}; what follows on it is version "
            f"{newest.version + 1}, not {prescription.version}, and it names that version."
        )
    if prescription.patient_uid != newest.patient_uid:
        reasons.append("A prescription stays with its patient in all versions.")
    return reasons


def threshold_reasons(trusted: Trusted, prescription: Prescription) -> tuple[str, ...]:
    """Return why the thresholds named are not to be dosed on, a sentence each.

    Each must be on record for this patient exactly as it is named, uncorrected, and with no
    newer one like it of another value.
    """
    reasons = (
        _one_threshold(trusted, prescription.patient_uid, number, basis.threshold)
        for number, basis in enumerate(prescription.doses, 1)
    )
    return tuple(reason for reason in reasons if reason)


def counting_now(
    trusted: Trusted, patient_uid: str, number: int, named: ThresholdReference
) -> tuple[str, ThresholdReference]:
    """Return why a named threshold cannot be dosed on, "" if it can, and the one that counts now.

    The one that counts is the patient's newest like it: itself, or one that was measured since.

    Args:
        trusted: The record.
        patient_uid: Whose it must be.
        number: The block that names it, from 1.
        named: The threshold as a prescription names it.

    Raises:
        NotTrusted: A threshold is not what was entered.
    """
    place = f"Block {number}"
    if trusted.record(RecordKind.THRESHOLD, named.uid) is None:
        return f"{place}: there is no threshold {named.uid} on record.", named
    recorded = threshold(trusted, named.uid)
    if recorded.measured.patient_uid != patient_uid:
        return f"{place}: the threshold {named.uid} is another patient's.", named
    if (reference := as_reference(recorded)) != named:
        told = ", ".join((*named.unlike(reference), *_value_or_time(named, reference)))
        return f"{place}: the threshold is not named as it is on record: {told}.", named
    newest = newest_like(trusted, named)
    now = None if newest is None else as_reference(newest)
    if now is None or named.later_than(now):
        return f"{place}: the threshold named was corrected or taken back.", named
    return "", now


def _value_or_time(named: ThresholdReference, recorded: ThresholdReference) -> tuple[str, ...]:
    found = []
    if named.value_pct_mso != recorded.value_pct_mso:
        found.append(f"it is {named.value_pct_mso} %MSO, not {recorded.value_pct_mso}")
    if named.measured_at != recorded.measured_at:
        found.append(f"it was measured at {named.measured_at}, not at {recorded.measured_at}")
    return tuple(found)


def _one_threshold(
    trusted: Trusted, patient_uid: str, number: int, named: ThresholdReference
) -> str:
    wrong, now = counting_now(trusted, patient_uid, number, named)
    if not wrong and now.value_pct_mso != named.value_pct_mso:
        wrong = (
            f"Block {number}: a newer threshold is {now.value_pct_mso} %MSO, of {now.measured_at}; "
            f"the {named.value_pct_mso} %MSO named are those of {named.measured_at}."
        )
    return wrong


def prefilled(trusted: Trusted, uid: str, next_uid: str = "") -> Proposal:
    """Return the next version at the newest thresholds, old and new %MSO beside it; unwritten.

    Args:
        trusted: The record.
        uid: The version whose percentages, pattern and course it takes.
        next_uid: Of the version that is made, "" for a new one.

    Raises:
        ClinicRefused: No threshold is newer, or the dose that follows is out of reach.
    """
    base = read_prescription(trusted, uid)
    before = versions(trusted, base.prescription_uid)[-1].prescription
    thresholds = {}
    for number, basis in enumerate(base.doses, 1):
        newest = newest_like(trusted, basis.threshold)
        if newest is not None and newest.uid != basis.threshold.uid:
            thresholds[number] = as_reference(newest)
    if not thresholds:
        raise ClinicRefused("There is no newer threshold like those that the prescription names.")
    try:
        made = with_new_threshold(base, next_uid or new_uid(), thresholds)
        follows = replace(made.prescription, version=before.version + 1, supersedes=before.uid)
    except (ContentError, NotDeliverable) as error:
        raise ClinicRefused(
            f"No next version follows from the newest thresholds: {error}"
        ) from error
    return Proposal(follows, made.changes)


def propose_with_new_threshold(station: Station, login: Login, uid: str) -> Proposal:
    """Propose the next version at the newest thresholds; nothing is delivered from it unsigned.

    Args:
        station: This console.
        login: Who proposes.
        uid: The version whose percentages, pattern and course it takes.

    Raises:
        NotPermitted: Only a technician or a physician may.
        ClinicRefused: There is nothing new, it is out of reach, or it is proposed already.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.PROPOSE_PRESCRIPTION)
    with station.trusting() as trusted:
        proposal = prefilled(trusted, uid)
        newest = versions(trusted, proposal.prescription.prescription_uid)[-1].prescription
    if _same_content(newest, proposal.prescription):
        raise ClinicRefused(f"Version {newest.version} proposes exactly this already.")
    propose(station, login, proposal.prescription)
    return proposal


def _same_content(one: Prescription, other: Prescription) -> bool:
    """Return whether two versions differ in nothing but which version they are."""
    return replace(other, uid=one.uid, version=one.version, supersedes=one.supersedes) == one
