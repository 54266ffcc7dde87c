"""One line of the approvals in full: all that is needed to decide on it, or to look at it.

Which lines there are is told in `approvals`; nothing is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.prescription import Prescription
from protocols.protocol import load_library
from protocols.protocol_differences import protocol_differences
from protocols.wording import as_sentence
from tms_console.accounts.roles import Permission
from tms_console.accounts.trust import Trusted
from tms_console.clinic import queue as waiting
from tms_console.clinic.day import course
from tms_console.clinic.patients import Patient, patients
from tms_console.clinic.policies import PolicyInForce
from tms_console.clinic.prescriptions import ProposedVersion, read_version
from tms_console.clinic.queue import Waiting
from tms_console.records.clinical import RecordKind
from tms_console.screens import matters
from tms_console.screens.changes import change_rows
from tms_console.screens.dose_picture import Strip, dose_strips
from tms_console.screens.matters import (
    Ask,
    Choice,
    Kind,
    MatterScreen,
    Note,
    Viewer,
    bounds_words,
    finding_notes,
    offered,
    policy_rows,
)


@dataclass(frozen=True, slots=True)
class Held:
    """Something that is in force: a prescription or the policy."""

    patient: Patient | None
    version: ProposedVersion | None
    policy: PolicyInForce | None


def subject_screen(
    trusted: Trusted, subject: Waiting | Held, viewer: Viewer, zone: str
) -> MatterScreen:
    """Return all that is needed to decide on what waits, or to look at what is in force."""
    if isinstance(subject, Held):
        return _held(trusted, subject, viewer, zone)
    return _waiting(trusted, subject, viewer, zone)


def _who(patient: Patient | None) -> str:
    if patient is None:
        return "The whole clinic"
    one = patient.details
    return f"{one.name} · {one.birth_date} · {one.record_number}"


def _waiting(trusted: Trusted, one: Waiting, viewer: Viewer, zone: str) -> MatterScreen:
    title = _who(one.patient)
    match one.matter:
        case waiting.VersionWaits() as it:
            return _version(trusted, it, title, viewer, zone)
        case waiting.PolicyWaits() as it:
            return _policy(it, viewer)
        case waiting.PolicyMissing():
            lead: tuple[str, ...] = (
                "No real stimulator is armed without a policy that a physician has signed.",
                "Propose one: every number stands there with its source.",
            )
            told = "Propose a policy first; then a physician signs it."
            return MatterScreen(Kind.NOTHING, "", "", title, lead, not_offered=told)
        case waiting.DoseRefused(prescription, refusal):
            told = "Propose a new version at the newest thresholds; a physician signs it."
            return MatterScreen(
                Kind.PRESCRIPTION,
                prescription.uid,
                prescription.digest(),
                title,
                (prescription.session.title, refusal, "Nothing is delivered until then."),
                bounds=bounds_words(prescription),
                not_offered=told,
                patient_uid=prescription.patient_uid,
            )
        case waiting.ThresholdWaits() as it:
            return _threshold(it, title, viewer)
        case waiting.AnswersWait(filled):
            lead = (
                f"{filled.form.name}, answered {filled.answers.answered_at[:10]} by {filled.by}.",
                "What is not cleared goes on blocking the treatment.",
            )
            absolute = {remark.item for remark in filled.absolute_uncleared}
            asks = tuple(
                Ask(remark.item, None, str(remark), needs_reason=True, optional=True)
                for remark in filled.uncleared
            )
            findings = tuple(
                Note(
                    str(remark),
                    "bad" if remark.item in absolute else "warn",
                    "an absolute contraindication" if remark.item in absolute else "",
                )
                for remark in filled.uncleared
            )
            offers = offered(viewer, (Permission.CLEAR_SCREENING, matters.CLEAR_ANSWERS))
            return MatterScreen(
                Kind.ANSWERS,
                filled.uid,
                filled.digest,
                title,
                lead,
                findings=findings,
                asks=asks,
                offers=offers,
                not_offered=matters.refusal(offers, viewer),
                patient_uid=filled.answers.patient_uid,
            )
        case waiting.HoldWaits(hold):
            offers = offered(viewer, (Permission.CLEAR_HOLD, matters.CLEAR_HOLD))
            event = hold.newest.event
            lead = (str(hold), event.description, f"Done: {event.action}" if event.action else "")
            findings = (
                Note(f"It ended: {event.outcome}", "note"),
                Note(f"From the stimulation: {event.relatedness}", "note"),
            )
            return MatterScreen(
                Kind.HOLD,
                hold.newest.uid,
                hold.newest.digest,
                title,
                tuple(part for part in lead if part),
                findings=findings,
                offers=offers,
                not_offered=matters.refusal(offers, viewer),
                patient_uid=event.patient_uid,
            )
        case waiting.KeyWaits(enrolment):
            offers = offered(viewer, (Permission.CONFIRM_KEY, matters.CONFIRM_KEY))
            own = enrolment.user_uid == viewer.user_uid
            lead = (
                f"{enrolment.name} got a new password on {enrolment.enrolled_at[:10]}, and with "
                "it a new key.",
                f"Until somebody who knows {enrolment.name} confirms it, it approves nothing.",
                f"Fingerprint of the key: {enrolment.public_key[:16]}",
            )
            told = "Nobody confirms their own key; another physician does, or your recovery code."
            return MatterScreen(
                Kind.KEY,
                enrolment.uid,
                "",
                enrolment.name,
                lead,
                offers=() if own else offers,
                not_offered=told if own else matters.refusal(offers, viewer),
            )
        case waiting.RestoreWaits() as it:
            return _restore(trusted, it, viewer)


def _version(
    trusted: Trusted, it: waiting.VersionWaits, title: str, viewer: Viewer, zone: str
) -> MatterScreen:
    version = it.proposed.prescription
    required = it.required
    offers = offered(
        viewer,
        (Permission.APPROVE_PRESCRIPTION, matters.APPROVE_PRESCRIPTION),
        (Permission.RETURN_PRESCRIPTION, matters.RETURN_PRESCRIPTION),
    )
    if it.standing.approved is not None:  # it was approved before: it can only be approved again
        offers = tuple(one for one in offers if one.act is not matters.Act.RETURN)
    if it.dose_refusal:
        offers = tuple(one for one in offers if one.act is not matters.Act.APPROVE)
    lead = [
        f"{version.session.title} · {version.indication}",
        *(one.sentence for one in it.standing.objections if one.code != "unapproved"),
        *([it.dose_refusal] if it.dose_refusal else []),
    ]
    asks = tuple(
        Ask(one.code, one.block, " ".join(one.sentences), one.needs_reason) for one in required
    )
    protocol = load_library().get(version.session.protocol_id)
    old = "In force" if it.in_force is None else f"In force v{it.in_force.version}"
    return MatterScreen(
        Kind.PRESCRIPTION,
        version.uid,
        it.proposed.digest,
        title,
        tuple(lead),
        columns=("Parameter", old, f"Proposed v{version.version}", "Published"),
        rows=change_rows(version, it.in_force, protocol, it.differences, it.from_protocol),
        strips=_strips(trusted, version, zone),
        findings=finding_notes(it.standing.findings),
        asks=asks,
        bounds=bounds_words(version),
        offers=offers,
        not_offered=matters.refusal(offers, viewer),
        patient_uid=version.patient_uid,
    )


def _strips(trusted: Trusted, version: Prescription, zone: str) -> tuple[Strip, ...]:
    given = course(trusted, version.prescription_uid, zone).sessions
    return dose_strips(version.session, version.course, given)


def _policy(it: waiting.PolicyWaits, viewer: Viewer) -> MatterScreen:
    offers = offered(viewer, (Permission.APPROVE_POLICY, matters.APPROVE_POLICY))
    policy = it.proposed.policy
    old = "In force" if it.in_force is None else f"In force v{it.in_force.version}"
    return MatterScreen(
        Kind.POLICY,
        policy.uid,
        it.proposed.digest,
        "Clinic policy",
        (
            "The numbers that the gate compares with and no prescription fixes.",
            *(one.sentence for one in it.standing.objections if one.code != "unapproved"),
        ),
        columns=("Number", old, f"Proposed v{policy.version}", "Usual, its source and mark"),
        rows=policy_rows(policy, it.in_force, it.differences),
        offers=offers,
        not_offered=matters.refusal(offers, viewer),
    )


def _threshold(it: waiting.ThresholdWaits, title: str, viewer: Viewer) -> MatterScreen:
    measured = it.threshold.measured
    offers = offered(viewer, (Permission.ACKNOWLEDGE_THRESHOLD, matters.ACKNOWLEDGE_THRESHOLD))
    changes = tuple(Note(as_sentence(f"{change}."), "note") for change in it.changes)
    lead: tuple[str, ...] = (
        f"{measured.value_pct_mso} %MSO, {measured.kind}, {measured.muscle}, {measured.side}, "
        f"coil {measured.coil}; measured {measured.measured_at[:10]} by {it.threshold.operator}.",
        f"It is used under {it.prescription.session.title}, version {it.prescription.version}, "
        "inside the band that was signed.",
    )
    if not changes:
        lead = (*lead, "A newer one has taken its place since; a session rested on it.")
    return MatterScreen(
        Kind.THRESHOLD,
        it.threshold.uid,
        it.threshold.digest,
        title,
        lead,
        findings=changes,
        bounds=bounds_words(it.prescription),
        offers=offers,
        not_offered=matters.refusal(offers, viewer),
        patient_uid=measured.patient_uid,
    )


def _restore(trusted: Trusted, it: waiting.RestoreWaits, viewer: Viewer) -> MatterScreen:
    offers = offered(viewer, (Permission.CONFIRM_IN_FORCE, matters.CONFIRM_IN_FORCE))
    names = {one.patient_uid: one.details.name for one in patients(trusted)}
    choices = []
    for uid in it.to_confirm:
        if trusted.record(RecordKind.PRESCRIPTION, uid) is None:
            choices.append(Choice(uid, "The clinic policy"))
            continue
        version = read_version(trusted, uid).prescription
        who = names.get(version.patient_uid, "a closed patient")
        choices.append(Choice(uid, f"{who}: {version.session.title}, version {version.version}"))
    lead = (
        f"{it.by} put an older copy of the record back on {it.restore.at[:10]}.",
        str(it.restore.values.get("reason", "")),
        "A withdrawal may have been lost with the newer copy. Mark what is still in force; what "
        "is not marked is delivered no more.",
    )
    return MatterScreen(
        Kind.RESTORE,
        it.restore.uid,
        it.restore.digest,
        "The whole clinic",
        tuple(part for part in lead if part),
        choices=tuple(choices),
        offers=offers,
        not_offered=matters.refusal(offers, viewer),
    )


def _held(trusted: Trusted, held: Held, viewer: Viewer, zone: str) -> MatterScreen:
    if held.policy is not None:
        policy, signed = held.policy.policy, held.policy.signed
        offers = offered(viewer, (Permission.WITHDRAW_POLICY, matters.WITHDRAW_POLICY))
        return MatterScreen(
            Kind.POLICY,
            policy.uid,
            policy.digest(),
            "Clinic policy",
            (f"In force since {signed.at[:10]}, signed by {signed.enrolment.name}.",),
            heading="In force",
            columns=("Number", "In force", "Usual, its source and mark"),
            rows=policy_rows(policy, None, ()),
            offers=offers,
            not_offered=matters.refusal(offers, viewer),
        )
    version = held.version
    if version is None:
        return MatterScreen(Kind.NOTHING, "", "", _who(held.patient))
    made = version.prescription
    protocol = load_library().get(made.session.protocol_id)
    apart = () if protocol is None else protocol_differences(made, protocol)
    offers = offered(viewer, (Permission.WITHDRAW_PRESCRIPTION, matters.WITHDRAW_PRESCRIPTION))
    return MatterScreen(
        Kind.PRESCRIPTION,
        made.uid,
        version.digest,
        _who(held.patient),
        (f"{made.session.title} · {made.indication}", f"Version {made.version} is in force."),
        heading="In force",
        columns=("Parameter", f"In force v{made.version}", "Published"),
        rows=change_rows(made, None, protocol, (), apart),
        strips=_strips(trusted, made, zone),
        bounds=bounds_words(made),
        offers=offers,
        not_offered=matters.refusal(offers, viewer),
        patient_uid=made.patient_uid,
    )
