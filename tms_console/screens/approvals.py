"""What the page of approvals shows: the queue, what is in force, and one matter in full.

What each matter shows is told in `matters`; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tms_console.accounts.roles import Permission
from tms_console.accounts.trust import Trusted
from tms_console.clinic import queue as waiting
from tms_console.clinic.approvals import in_force
from tms_console.clinic.entries import local_day
from tms_console.clinic.patients import Patient, patients
from tms_console.clinic.policies import PolicyInForce, policy_in_force
from tms_console.clinic.prescriptions import read_version
from tms_console.clinic.queue import Blocks, Waiting, queue
from tms_console.screens.matters import (
    MatterScreen,
    Viewer,
)
from tms_console.screens.subjects import Held, subject_screen


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One line of the list.

    Attributes:
        key: The same for the same matter at another moment.
        title: Whom or what it concerns.
        subtitle: What it is.
        since: Since when, and by whom.
        state: `bad` if it blocks every treatment, `warn` a patient's, `note` nothing.
        state_words: The same in words.
        subject: What it stands for.
    """

    key: str
    title: str
    subtitle: str
    since: str
    state: str
    state_words: str
    subject: Waiting | Held


@dataclass(frozen=True, slots=True)
class ApprovalsScreen:
    """The lists.

    Attributes:
        waiting: What waits, the most urgent first.
        held: What is in force.
        may_prescribe: The viewer may propose a prescription.
        may_propose_policy: The viewer may propose a policy.
        zone: The clinic's time zone, "UTC" before there is a policy.
    """

    waiting: tuple[QueueRow, ...]
    held: tuple[QueueRow, ...]
    may_prescribe: bool
    may_propose_policy: bool
    zone: str

    @property
    def headline(self) -> str:
        """How much waits."""
        number = len(self.waiting)
        return "nothing waits" if not number else f"{number} waiting for a physician"


def approvals_screen(trusted: Trusted, now: str, viewer: Viewer) -> ApprovalsScreen:
    """Return the lists, as far as the viewer may see patients."""
    policy = policy_in_force(trusted, now)
    zone = "UTC" if policy is None else policy.policy.time_zone
    sees = Permission.READ_PATIENTS in viewer.may
    rows = [_row(one, now, zone) for one in queue(trusted, now) if sees or one.patient is None]
    held = [] if policy is None else [_held_policy(policy)]
    if sees:
        held += _held_prescriptions(trusted, now)
    return ApprovalsScreen(
        tuple(rows),
        tuple(held),
        Permission.PROPOSE_PRESCRIPTION in viewer.may,
        Permission.PROPOSE_POLICY in viewer.may,
        zone,
    )


_STATES = {
    Blocks.EVERY_TREATMENT: ("bad", "no treatment until then"),
    Blocks.A_PATIENT: ("warn", "this patient waits"),
    Blocks.NOTHING: ("note", "treatment goes on"),
}


def since_words(at: str, now: str, zone: str) -> str:
    """Return when something was, as short as it is clear: `09:12`, `yesterday`, `18 Nov 2026`."""
    if not at:
        return ""
    day, today = local_day(at, zone), local_day(now, zone)
    ago = (today - day).days
    if ago == 0:
        return "today"
    return "yesterday" if ago == 1 else f"{day.day} {day:%b %Y}"


def name_of(patient: Patient | None) -> str:
    """Return whom something concerns."""
    return "The whole clinic" if patient is None else patient.details.name


def _row(one: Waiting, now: str, zone: str) -> QueueRow:
    state, words = _STATES[one.blocks]
    key, subtitle, at, by = _told(one)
    when = since_words(at, now, zone)
    since = " ".join(part for part in (when, f"by {by}" if by else "") if part)
    return QueueRow(key, name_of(one.patient), subtitle, since, state, words, one)


def _told(one: Waiting) -> tuple[str, str, str, str]:
    """Return key, subtitle, time and person of a matter."""
    match one.matter:
        case waiting.RestoreWaits(restore, by):
            return f"restore:{restore.uid}", "An older copy was put back", restore.at, by
        case waiting.PolicyWaits() as it:
            number = it.proposed.policy.version
            told = f"Clinic policy, version {number}"
            return (
                f"policy:{it.proposed.policy.uid}",
                told,
                it.proposed.proposed_at,
                it.proposed.proposed_by,
            )
        case waiting.PolicyMissing():
            return "policy:none", "There is no clinic policy yet", "", ""
        case waiting.HoldWaits(hold):
            told = f"On hold: {hold.grave.event.what}"
            return f"hold:{hold.newest.uid}", told, hold.grave.at, hold.grave.by
        case waiting.AnswersWait(filled):
            number = len(filled.uncleared)
            told = f"{filled.form.name}: {number} to clear"
            return f"answers:{filled.uid}", told, filled.answers.answered_at, filled.by
        case waiting.VersionWaits() as it:
            return (
                f"prescription:{it.proposed.prescription.uid}",
                _version_words(it),
                it.proposed.proposed_at,
                it.proposed.proposed_by,
            )
        case waiting.DoseRefused(prescription):
            return (
                f"dose:{prescription.uid}",
                f"{prescription.session.title} · a new version is needed",
                "",
                "",
            )
        case waiting.ThresholdWaits() as it:
            told = f"Threshold {it.threshold.measured.value_pct_mso} %MSO"
            if it.changes:
                told = f"Threshold {it.changes[0].old_threshold_pct_mso} → "
                told += f"{it.changes[0].new_threshold_pct_mso} %MSO"
            return f"threshold:{it.threshold.uid}", told, it.threshold.at, it.threshold.operator
        case waiting.KeyWaits(enrolment):
            return (
                f"key:{enrolment.uid}",
                f"New key of {enrolment.name}",
                enrolment.enrolled_at,
                enrolment.enrolled_by,
            )


def _version_words(one: waiting.VersionWaits) -> str:
    version = one.proposed.prescription
    title = version.session.title
    if one.in_force is None:
        what = "new course" if version.version == 1 else f"v{version.version}"
        return f"{title} · {what}"
    return f"{title} · v{one.in_force.version} → v{version.version}"


def _held_policy(policy: PolicyInForce) -> QueueRow:
    signed = policy.signed
    return QueueRow(
        f"held:{policy.policy.uid}",
        "The whole clinic",
        f"Clinic policy, version {policy.policy.version}",
        f"approved {signed.at[:10]} by {signed.enrolment.name}",
        "good",
        "in force",
        Held(None, None, policy),
    )


def _held_prescriptions(trusted: Trusted, now: str) -> Iterator[QueueRow]:
    for patient in patients(trusted):
        for one in in_force(trusted, patient.patient_uid, now):
            signed = one.standing.approved
            said = "" if signed is None else f"approved {signed.at[:10]} by {signed.enrolment.name}"
            version = read_version(trusted, one.prescription.uid)
            yield QueueRow(
                f"held:{one.prescription.uid}",
                patient.details.name,
                f"{one.prescription.session.title} · v{one.prescription.version}",
                said,
                "good",
                "in force",
                Held(patient, version, None),
            )


def matter_screen(trusted: Trusted, row: QueueRow, viewer: Viewer, zone: str) -> MatterScreen:
    """Return all that is needed to decide on one line of the list."""
    return subject_screen(trusted, row.subject, viewer, zone)
