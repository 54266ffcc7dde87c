"""What waits for a physician, in which order, and with what."""

from __future__ import annotations

import secrets
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import pytest

from protocols.differences import Departure
from protocols.policy import Policy
from protocols.prescription import Prescription, RemeasureBand
from tests.accounts.people import first_password, password_of
from tests.clinic.patients import adverse_event, answered
from tests.clinic.prescribing import (
    NOW,
    PATIENT,
    Practice,
    confirmed,
    doubled,
    make_practice,
    restored,
    secret,
    weighed,
)
from tms_console.accounts.login import log_in
from tms_console.accounts.own_key import confirm_key, set_own_password
from tms_console.accounts.start_orders import Ordered, order_start
from tms_console.accounts.users import deactivate, reset_password
from tms_console.clinic.adverse_events import (
    HoldClearance,
    What,
    clear_hold,
    record_adverse_event,
)
from tms_console.clinic.dose_now import acknowledge_threshold
from tms_console.clinic.forms import AnswersClearance, clear_answers
from tms_console.clinic.patients import add_patient, close_patient
from tms_console.clinic.policies import policy_in_force, propose_policy, withdraw_policy
from tms_console.clinic.prescriptions import propose, propose_with_new_threshold
from tms_console.clinic.queue import (
    AnswersWait,
    Blocks,
    DoseRefused,
    HoldWaits,
    KeyWaits,
    PolicyMissing,
    PolicyWaits,
    RestoreWaits,
    ThresholdWaits,
    VersionWaits,
    Waiting,
    queue,
)
from tms_console.clinic.verdicts import Decision
from tms_console.records.clinical import RecordKind
from tms_console.records.values import new_uid

WEDNESDAY = "2026-11-18T09:00:00Z"
BAND = RemeasureBand(3, 60)
M = TypeVar("M")


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    """A practice with a policy in force, so that nothing waits at first."""
    made = make_practice(tmp_path)
    made.policy()
    return made


def waiting(practice: Practice) -> tuple[Waiting, ...]:
    with practice.trusting() as trusted:
        return queue(trusted, NOW)


def only(practice: Practice, kind: type[M]) -> tuple[Waiting, M]:
    """The one thing that waits, which must be of this kind."""
    (found,) = waiting(practice)
    assert isinstance(found.matter, kind)
    return found, found.matter


def nonce() -> str:
    """64 hexadecimal digits that were never used."""
    return secrets.token_hex(32)


def order(practice: Practice, of: Prescription, threshold_uid: str) -> None:
    """Put a technician's start order for a session at a threshold on record."""
    ordered = Ordered(
        of.uid, of.digest(), practice.patient_uid, (threshold_uid,), 1, new_uid(), nonce()
    )
    practice.station.write(order_start(practice.station, practice.technician, ordered))


def test_nothing_waits_in_a_quiet_practice(practice: Practice) -> None:
    practice.approved()
    assert waiting(practice) == ()


def test_a_proposed_version_waits_with_all_that_is_needed_to_decide(practice: Practice) -> None:
    made = weighed(practice)
    propose(practice.station, practice.technician, made)
    found, matter = only(practice, VersionWaits)
    assert found.blocks is Blocks.A_PATIENT
    assert found.patient is not None
    assert found.patient.details == PATIENT
    assert matter.proposed.prescription == made
    assert matter.proposed.proposed_by == "Technician Somebody"
    assert (matter.in_force, matter.differences, matter.dose_refusal) == (None, (), "")
    assert {one.code for one in matter.required} >= {"theta-burst-above-120"}
    assert all(one.checking for one in matter.standing.findings)
    departures = [one for one in matter.from_protocol if one.departure is Departure.DEPARTS]
    assert "block 1: prescribed percentage of the threshold" in [one.words for one in departures]
    practice.approve(made)
    assert waiting(practice) == ()


def test_a_next_version_waits_beside_the_one_in_force_and_blocks_nothing(
    practice: Practice,
) -> None:
    first = practice.approved()
    second = practice.next_version(first)
    found, matter = only(practice, VersionWaits)
    assert found.blocks is Blocks.NOTHING
    assert matter.in_force == first
    assert [one.path for one in matter.differences][:1] == ["indication"]
    practice.return_(second)
    assert waiting(practice) == ()


def test_a_returned_or_withdrawn_version_waits_for_nobody(practice: Practice) -> None:
    practice.return_(practice.proposed())
    practice.withdraw(practice.approved())
    assert waiting(practice) == ()


def test_what_rested_on_a_physician_who_left_waits_for_another(practice: Practice) -> None:
    made = practice.approved()
    deactivate(practice.station, practice.clinic.administrator, practice.physician.user_uid, "left")
    policy, version = waiting(practice)
    assert (policy.blocks, version.blocks) == (Blocks.EVERY_TREATMENT, Blocks.A_PATIENT)
    assert isinstance(policy.matter, PolicyWaits)
    assert isinstance(version.matter, VersionWaits)
    assert [one.code for one in version.matter.standing.objections] == ["signer"]
    practice.approve(made, practice.second)
    assert [one.matter for one in waiting(practice)] == [policy.matter]


def test_a_threshold_under_a_band_waits_to_be_acknowledged_and_blocks_nothing(
    practice: Practice,
) -> None:
    practice.approved(BAND)
    uid = practice.measure(47)
    found, matter = only(practice, ThresholdWaits)
    assert found.blocks is Blocks.NOTHING
    assert matter.threshold.uid == uid
    assert [str(one) for one in matter.changes] == [
        "block 1: threshold 45 -> 47 %MSO, intensity 54 -> 56 %MSO"
    ]
    told = Decision(uid, matter.threshold.digest)
    acknowledge_threshold(practice.station, practice.physician, told, *secret(practice.physician))
    assert waiting(practice) == ()


def test_a_threshold_that_a_session_was_given_on_waits_also_when_a_newer_one_took_its_place(
    practice: Practice,
) -> None:
    """Somebody was treated at a dose that no physician saw; that does not pass unnoticed."""
    made = practice.approved(BAND)
    order(practice, made, practice.threshold_uid)
    uid = practice.measure(47)
    order(practice, made, uid)
    practice.measure(45, WEDNESDAY)
    found, matter = only(practice, ThresholdWaits)
    assert (found.blocks, matter.threshold.uid, matter.changes) == (Blocks.NOTHING, uid, ())


def test_an_order_on_a_threshold_that_is_not_on_record_stops_no_queue(
    practice: Practice,
) -> None:
    """The gate refuses such an order; the record may hold it all the same."""
    made = doubled(practice.prescription(BAND))
    propose(practice.station, practice.technician, made)
    practice.approve(made)
    uid = practice.measure(47)
    ordered = Ordered(
        made.uid, made.digest(), practice.patient_uid, (uid, new_uid()), 1, new_uid(), nonce()
    )
    practice.station.write(order_start(practice.station, practice.technician, ordered))
    _, matter = only(practice, ThresholdWaits)
    assert matter.threshold.uid == uid
    assert len(matter.changes) == 2


def test_a_dose_that_no_signature_covers_waits_until_a_new_version_is_proposed(
    practice: Practice,
) -> None:
    made = practice.approved()
    practice.measure(48)
    found, matter = only(practice, DoseRefused)
    assert found.blocks is Blocks.A_PATIENT
    assert matter.prescription == made
    assert "a new threshold needs a new version" in matter.refusal
    propose_with_new_threshold(practice.station, practice.technician, made.uid)
    found, version = only(practice, VersionWaits)
    assert found.blocks is Blocks.A_PATIENT, "the version in force delivers nothing"
    assert version.in_force == made
    assert "intensity" in " ".join(one.words for one in version.differences)


def test_a_version_at_a_threshold_that_counts_no_more_says_so(practice: Practice) -> None:
    practice.proposed()
    practice.measure(48)
    _, matter = only(practice, VersionWaits)
    assert "no re-measure band was signed" in matter.dose_refusal


def test_answers_and_holds_wait_until_a_physician_clears_them(practice: Practice) -> None:
    answers_uid = answered(
        practice.clinic,
        practice.patient_uid,
        "screening",
        {"seizure": True, "seizure_detail": "as a child"},
    )
    event = adverse_event(practice.patient_uid, What.SEIZURE, 2)
    event_uid = record_adverse_event(practice.station, practice.technician, event)
    answers, hold = waiting(practice)
    assert isinstance(answers.matter, AnswersWait)
    assert isinstance(hold.matter, HoldWaits)
    assert {answers.blocks, hold.blocks} == {Blocks.A_PATIENT}
    assert [one.item for one in answers.matter.filled_in.uncleared] == ["seizure"]
    assert hold.matter.hold.grave.uid == event_uid
    physician = practice.physician
    clear_answers(
        practice.station,
        physician,
        AnswersClearance(answers_uid, {"seizure": "fever"}),
        *secret(physician),
    )
    clear_hold(practice.station, physician, HoldClearance(event_uid, "seen"), *secret(physician))
    assert waiting(practice) == ()


def test_a_physicians_key_made_after_a_reset_waits_to_be_confirmed(practice: Practice) -> None:
    clinic = practice.clinic
    user_uid = practice.second.user_uid
    reset_password(clinic.station, clinic.administrator, user_uid, first_password("new"))
    login = log_in(clinic.station, "second", first_password("new"))
    assert waiting(practice) == (), "there is no key yet that could be confirmed"
    login = set_own_password(clinic.station, login, password_of("second")).login
    found, matter = only(practice, KeyWaits)
    assert (found.blocks, matter.enrolment.uid) == (Blocks.NOTHING, login.enrolment.uid)
    assert matter.enrolment.enrolled_by == "Ada Ministra"
    confirm_key(clinic.station, practice.physician, login.enrolment.uid, password_of("physician"))
    assert waiting(practice) == ()


def test_without_a_policy_that_is_what_waits_first(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    found, _ = only(practice, PolicyMissing)
    assert found.blocks is Blocks.EVERY_TREATMENT


def test_a_next_policy_waits_with_what_it_changes(practice: Practice) -> None:
    first = make_next_policy(practice)
    found, matter = only(practice, PolicyWaits)
    assert found.blocks is Blocks.NOTHING
    assert matter.in_force is not None
    assert matter.in_force.version == 1
    assert matter.proposed.policy == first
    assert "screening_days" in [one.path for one in matter.differences]


def make_next_policy(practice: Practice) -> Policy:
    with practice.trusting() as trusted:
        held = policy_in_force(trusted, NOW)
    assert held is not None
    old = held.policy
    made = replace(old, uid=new_uid(), version=2, supersedes=old.uid, screening_days=30)
    propose_policy(practice.station, practice.physician, made)
    return made


def test_after_a_restore_the_list_of_what_is_still_in_force_waits_before_all_else(
    practice: Practice,
) -> None:
    made, gone = practice.approved(), practice.approved()
    practice.withdraw(gone)
    pending = practice.proposed()
    restore_uid = restored(practice)
    first, second = waiting(practice)
    assert isinstance(first.matter, RestoreWaits)
    assert (first.blocks, first.matter.restore.uid) == (Blocks.EVERY_TREATMENT, restore_uid)
    assert first.matter.by == "Ada Ministra"
    assert made.uid in first.matter.to_confirm
    assert len(first.matter.to_confirm) == 2, "the prescription and the policy"
    assert gone.uid not in first.matter.to_confirm
    assert isinstance(second.matter, VersionWaits)
    assert second.matter.proposed.prescription == pending
    confirmed(practice, restore_uid, *first.matter.to_confirm)
    assert [one.matter for one in waiting(practice)] == [second.matter]


def test_what_a_physician_left_out_after_a_restore_waits_to_be_approved_again(
    practice: Practice,
) -> None:
    made = practice.approved()
    restore_uid = restored(practice)
    (found,) = waiting(practice)
    assert isinstance(found.matter, RestoreWaits)
    policy_uid = next(uid for uid in found.matter.to_confirm if uid != made.uid)
    confirmed(practice, restore_uid, policy_uid)
    _, matter = only(practice, VersionWaits)
    assert [one.code for one in matter.standing.objections] == ["restore"]
    practice.withdraw(made)
    assert waiting(practice) == ()


def test_a_withdrawn_policy_stops_everything_and_waits_first(practice: Practice) -> None:
    practice.proposed()
    with practice.trusting() as trusted:
        (record,) = trusted.records(RecordKind.POLICY)
    told = Decision(record.uid, record.digest, (), "wrong numbers")
    withdraw_policy(practice.station, practice.physician, told, *secret(practice.physician))
    first, second = waiting(practice)
    assert isinstance(first.matter, PolicyWaits)
    assert isinstance(second.matter, VersionWaits)
    assert (first.blocks, second.blocks) == (Blocks.EVERY_TREATMENT, Blocks.A_PATIENT)


def test_closed_patients_wait_for_nobody(practice: Practice) -> None:
    details = replace(PATIENT, name="Otto Example", record_number="A-18")
    otto = add_patient(practice.station, practice.technician, details)
    answered(practice.clinic, otto, "screening", {"seizure": True, "seizure_detail": "as a child"})
    event = adverse_event(otto, What.SEIZURE, 2)
    record_adverse_event(practice.station, practice.technician, event)
    assert len(waiting(practice)) == 2
    close_patient(practice.station, practice.technician, otto, "moved away")
    assert waiting(practice) == ()


def test_the_ramp_of_the_first_days_is_no_other_threshold(practice: Practice) -> None:
    made = practice.approved(BAND)
    ordered = Ordered(
        made.uid,
        made.digest(),
        practice.patient_uid,
        (practice.threshold_uid,),
        1,
        new_uid(),
        nonce(),
        (Fraction(100),),
    )
    practice.station.write(order_start(practice.station, practice.technician, ordered))
    assert waiting(practice) == ()
