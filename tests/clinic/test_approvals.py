"""Physicians' decisions on prescriptions, attacked and used as they are meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from protocols.limits import Finding, FindingAnswer, Level
from protocols.prescribing import next_version
from protocols.prescription import Prescription, RemeasureBand
from tests.accounts.people import first_password, password_of
from tests.clinic.prescribing import (
    NOW,
    Practice,
    answers,
    confirmed,
    decision,
    following,
    make_practice,
    restored,
    secret,
    weighed,
)
from tms_console.accounts.errors import AccountsRefused, LoginRefused, NotPermitted
from tms_console.accounts.login import Login, log_in, sign
from tms_console.accounts.own_key import confirm_key
from tms_console.accounts.roles import Permission, Role, allowed
from tms_console.accounts.signatures import Meaning, ToSign
from tms_console.accounts.users import deactivate, reset_password
from tms_console.clinic.approvals import approve, in_force, resting_on, return_, standing, withdraw
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import close_patient
from tms_console.clinic.prescriptions import propose
from tms_console.clinic.thresholds import withdraw_threshold
from tms_console.clinic.verdicts import Decision
from tms_console.records.clinical import RecordKind
from tms_console.records.values import new_uid

Act = Callable[..., str]


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return make_practice(tmp_path)


def codes(practice: Practice, one: Prescription, now: str = NOW) -> list[str]:
    return [objection.code for objection in practice.standing(one, now).objections]


def test_an_approved_version_is_in_force_and_says_whose_key_approved_it(
    practice: Practice,
) -> None:
    made = practice.proposed()
    assert codes(practice, made) == ["unapproved"]
    uid = practice.approve(made)
    where = practice.standing(made)
    assert where.in_force
    assert not where.waits
    assert where.signer_active
    assert where.approved is not None
    assert (where.approved.uid, where.approved.subject_digest) == (uid, made.digest())
    by = where.approved.enrolment
    assert (by.name, by.enrolled_by, by.enrolled_at) == ("Physician Somebody", "Ada Ministra", NOW)
    with practice.trusting() as trusted:
        assert [one.prescription for one in in_force(trusted, practice.patient_uid, NOW)] == [made]
        assert in_force(trusted, new_uid(), NOW) == ()


def test_a_physician_approves_what_they_proposed_themselves(practice: Practice) -> None:
    made = practice.prescription()
    propose(practice.station, practice.physician, made)
    practice.approve(made)
    assert practice.standing(made).in_force


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    ("act", "permission"),
    [
        (approve, Permission.APPROVE_PRESCRIPTION),
        (return_, Permission.RETURN_PRESCRIPTION),
        (withdraw, Permission.WITHDRAW_PRESCRIPTION),
    ],
)
def test_only_physicians_decide(
    practice: Practice, act: Act, permission: Permission, role: Role
) -> None:
    made = practice.approved() if act is withdraw else practice.proposed()
    login, told = practice.clinic.people[role], decision(made, comment="because")
    if allowed(role, permission):
        assert act(practice.station, login, told, *secret(login))
        return
    for one in (told, replace(told, shown_digest="0" * 64)):  # refused before anything is read
        with pytest.raises(NotPermitted, match="Only a physician may"):
            act(practice.station, login, one, *secret(login))
    assert practice.standing(made).in_force == (act is withdraw)


@pytest.mark.parametrize("act", [approve, return_, withdraw])
def test_another_content_than_was_shown_is_not_signed(practice: Practice, act: Act) -> None:
    """Somebody looked at one dose; a signature on another would be theirs without their knowing."""
    made = practice.approved() if act is withdraw else practice.proposed()
    shown = replace(made, indication="another")
    told = Decision(made.uid, shown.digest(), (), "because")
    with pytest.raises(ClinicRefused, match="What was shown is not version 1"):
        act(practice.station, practice.physician, told, *secret(practice.physician))


@pytest.mark.parametrize("act", [approve, return_, withdraw])
def test_what_is_not_on_record_is_not_signed(practice: Practice, act: Act) -> None:
    made = practice.prescription()
    told = decision(made, comment="because")
    with pytest.raises(ClinicRefused, match="no prescription"):
        act(practice.station, practice.physician, told, *secret(practice.physician))


@pytest.mark.parametrize("act", [approve, return_, withdraw])
def test_a_wrong_password_signs_nothing(practice: Practice, act: Act) -> None:
    made = practice.approved() if act is withdraw else practice.proposed()
    told = decision(made, comment="because")
    with pytest.raises(LoginRefused):
        act(practice.station, practice.physician, told, "not my password", "physician")
    assert practice.standing(made).in_force == (act is withdraw)


@pytest.mark.parametrize("act", [return_, withdraw])
def test_returning_and_withdrawing_need_a_word(practice: Practice, act: Act) -> None:
    made = practice.approved() if act is withdraw else practice.proposed()
    told = decision(made, comment="  ")
    with pytest.raises(ClinicRefused):
        act(practice.station, practice.physician, told, *secret(practice.physician))


def test_an_older_version_cannot_be_approved(practice: Practice) -> None:
    first = practice.proposed()
    practice.next_version(first)
    with pytest.raises(ClinicRefused, match="is not the newest: version 2"):
        practice.approve(first)


def test_after_a_later_version_was_returned_the_earlier_one_can_be_approved(
    practice: Practice,
) -> None:
    """Its signer may have left; a refused proposal is no reason to treat nobody."""
    first = practice.proposed()
    second = practice.next_version(first)
    practice.return_(second)
    practice.approve(first)
    assert practice.standing(first).in_force
    assert codes(practice, second) == ["unapproved", "returned"]


def test_a_signature_on_version_1_says_nothing_of_version_2(practice: Practice) -> None:
    first = practice.approved()
    second = practice.next_version(first)
    assert codes(practice, second) == ["unapproved"]
    assert practice.standing(second).waits
    assert practice.standing(first).in_force, "a proposal alone stops no treatment"


def test_version_2_approved_supersedes_version_1_for_ever(practice: Practice) -> None:
    """Also when version 2 is withdrawn: nobody knows that version 1 is right again."""
    first = practice.approved()
    second = practice.next_version(first)
    practice.approve(second)
    assert practice.standing(first).superseded_by == second.uid
    assert codes(practice, first) == ["superseded"]
    with practice.trusting() as trusted:
        held = in_force(trusted, practice.patient_uid, NOW)
    assert [one.prescription for one in held] == [second]
    practice.withdraw(second)
    assert codes(practice, first) == ["superseded"]
    assert codes(practice, second) == ["withdrawn"]
    with pytest.raises(ClinicRefused, match="not the newest"):
        practice.approve(first)
    with practice.trusting() as trusted:
        assert in_force(trusted, practice.patient_uid, NOW) == ()


def test_a_later_version_that_was_approved_and_then_returned_still_supersedes(
    practice: Practice,
) -> None:
    """Two physicians may sign at the same moment, so that both signatures are on record."""
    first = practice.approved()
    second = practice.next_version(first)
    practice.approve(second)
    to_sign = ToSign(Meaning.RETURN_PRESCRIPTION, second.uid, second.digest(), practice.patient_uid)
    password, name = secret(practice.second)
    sign(practice.station, practice.second, to_sign, password, login_name=name)
    assert codes(practice, second) == ["returned"]
    assert codes(practice, first) == ["superseded"]
    with pytest.raises(ClinicRefused, match="not the newest"):
        practice.approve(first)


def test_a_withdrawn_version_is_not_in_force_until_it_is_approved_again(
    practice: Practice,
) -> None:
    made = practice.approved()
    practice.withdraw(made, practice.second)
    where = practice.standing(made)
    assert where.withdrawn is not None
    assert where.withdrawn.enrolment.name == "Second Somebody"
    assert [one.sentence for one in where.objections] == [
        'Version 1 of the prescription was withdrawn by Second Somebody: "tired".'
    ]
    with pytest.raises(ClinicRefused, match="no approval to withdraw"):
        practice.withdraw(made)
    practice.approve(made)
    assert practice.standing(made).in_force
    assert practice.standing(made).withdrawn is None
    practice.withdraw(made)
    assert codes(practice, made) == ["withdrawn"]


def test_a_version_that_nobody_approved_cannot_be_withdrawn(practice: Practice) -> None:
    with pytest.raises(ClinicRefused, match="no approval to withdraw"):
        practice.withdraw(practice.proposed())


def test_a_returned_version_is_never_approved(practice: Practice) -> None:
    made = practice.proposed()
    practice.return_(made)
    where = practice.standing(made)
    assert where.returned is not None
    assert not where.waits
    assert where.returned.comment == "lower it"
    with pytest.raises(ClinicRefused, match="was returned; propose a new version"):
        practice.approve(made)
    with pytest.raises(ClinicRefused, match="returned already"):
        practice.return_(made)


def test_an_approved_version_is_withdrawn_and_not_returned(practice: Practice) -> None:
    with pytest.raises(ClinicRefused, match="withdraw it instead"):
        practice.return_(practice.approved())


def test_the_approval_of_a_deactivated_physician_does_not_count(practice: Practice) -> None:
    made = practice.approved()
    deactivate(practice.station, practice.clinic.administrator, practice.physician.user_uid, "left")
    where = practice.standing(made)
    assert not where.signer_active
    assert codes(practice, made) == ["signer"]
    practice.approve(made, practice.second)
    assert practice.standing(made).in_force


def test_two_physicians_can_approve_so_that_one_may_leave(practice: Practice) -> None:
    """Whose signature came first is no matter: either carries the prescription."""
    made = practice.approved()
    practice.approve(made, practice.second)
    with practice.trusting() as trusted:
        assert resting_on(trusted, practice.physician.user_uid) == ()
        assert resting_on(trusted, practice.second.user_uid) == ()
    deactivate(practice.station, practice.clinic.administrator, practice.second.user_uid, "left")
    where = practice.standing(made)
    assert where.in_force
    assert where.approved is not None
    assert where.approved.enrolment.user_uid == practice.physician.user_uid


def test_what_rests_on_one_physician_alone_is_listed_before_they_leave(
    practice: Practice,
) -> None:
    made, policy = practice.approved(), practice.policy()
    practice.proposed()
    with practice.trusting() as trusted:
        resting = resting_on(trusted, practice.physician.user_uid)
        assert resting_on(trusted, practice.second.user_uid, NOW) == ()
    assert [(one.kind, one.uid, one.patient_uid) for one in resting] == [
        (RecordKind.PRESCRIPTION, made.uid, practice.patient_uid),
        (RecordKind.POLICY, policy.uid, None),
    ]
    assert resting[0].title == "Intermittent theta burst 600, major depressive disorder"
    assert (resting[0].number, resting[0].approved_at) == (1, NOW)


def test_what_is_no_longer_in_force_rests_on_nobody(practice: Practice) -> None:
    practice.policy()
    practice.withdraw(practice.approved())
    deactivate(practice.station, practice.clinic.administrator, practice.physician.user_uid, "left")
    with practice.trusting() as trusted:
        assert resting_on(trusted, practice.physician.user_uid) == ()


def test_a_physician_whose_password_was_reset_approves_nothing_until_confirmed(
    practice: Practice,
) -> None:
    """The administrator who reset it could otherwise sign: the main attack on the approval."""
    made, clinic = practice.approved(), practice.clinic
    reset_password(
        clinic.station, clinic.administrator, practice.physician.user_uid, first_password("new")
    )
    assert codes(practice, made) == ["signer"], "not active before they have a key of their own"
    provisional = log_in(clinic.station, "physician", first_password("new"))
    with pytest.raises(NotPermitted, match="Set a password of your own"):
        approve(clinic.station, provisional, decision(made), first_password("new"), "physician")
    again = settle(practice, provisional)
    assert practice.standing(made).in_force, "what was signed with the old key stays valid"
    second = practice.next_version(made)
    with pytest.raises(AccountsRefused, match="may not approve yet"):
        practice.approve(second, again)
    assert codes(practice, second) == ["unapproved"]
    confirm_key(clinic.station, practice.second, again.enrolment.uid, password_of("second"))
    practice.approve(second, again)
    where = practice.standing(second)
    assert where.in_force
    assert where.approved is not None
    assert where.approved.enrolment.confirmed_by == "Second Somebody"


def settle(practice: Practice, provisional: Login) -> Login:
    from tms_console.accounts.own_key import set_own_password  # noqa: PLC0415 - only here

    return set_own_password(practice.station, provisional, password_of("physician")).login


def test_findings_must_be_answered_with_reasons_where_they_are_asked_for(
    practice: Practice,
) -> None:
    made = weighed(practice)
    propose(practice.station, practice.technician, made)
    asked = answers(made)
    assert {one.code for one in asked} >= {"theta-burst-above-120", "departs-from-protocol"}
    with pytest.raises(ClinicRefused) as refused:
        approve(practice.station, practice.physician, decision(made), *secret(practice.physician))
    assert len(refused.value.reasons) == len(asked)
    assert "a written reason is needed" in str(refused.value)
    assert "it must be acknowledged" in str(refused.value)
    told = decision(made, answers(made, reason=" "))
    with pytest.raises(ClinicRefused, match="theta-burst-above-120: a written reason"):
        approve(practice.station, practice.physician, told, *secret(practice.physician))
    practice.approve(made)
    where = practice.standing(made)
    assert where.in_force
    assert where.approved is not None
    assert {(one.code, one.reason) for one in where.approved.answers} >= {
        ("theta-burst-above-120", "weighed")
    }
    assert where.findings_unanswered == ()


def test_answers_to_what_is_not_there_or_twice_are_refused(practice: Practice) -> None:
    """They were given to another content, or the screen that asked was wrong."""
    made = weighed(practice)
    propose(practice.station, practice.technician, made)
    given = (*answers(made), FindingAnswer("no-such-finding", 1), answers(made)[0])
    with pytest.raises(ClinicRefused) as refused:
        approve(
            practice.station,
            practice.physician,
            decision(made, given),
            *secret(practice.physician),
        )
    assert refused.value.reasons == (
        "An answer is given to no-such-finding, which the review does not find.",
        "A finding is answered twice; give one answer to each.",
    )


def test_what_a_newer_program_finds_must_be_answered_anew(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table of limits that was corrected must not be outrun by an old signature."""
    made = practice.approved()
    found = Finding(Level.CAUTION, "newly-known", "This is known now.", "", "")
    monkeypatch.setattr("tms_console.clinic.approvals.review_prescription", lambda _: (found,))
    assert codes(practice, made) == ["findings"]
    assert [one.code for one in practice.standing(made).findings_unanswered] == ["newly-known"]
    told = decision(made, (FindingAnswer("newly-known", None),))
    approve(practice.station, practice.physician, told, *secret(practice.physician))
    assert practice.standing(made).in_force


def test_a_finding_that_blocks_is_signed_by_nobody(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = practice.proposed()
    found = Finding(Level.BLOCK, "too-much", "Nobody can give this.", "", "")
    monkeypatch.setattr("tms_console.clinic.approvals.review_prescription", lambda _: (found,))
    told = decision(made, (FindingAnswer("too-much", None, "all the same"),))
    with pytest.raises(ClinicRefused, match="nobody can sign this"):
        approve(practice.station, practice.physician, told, *secret(practice.physician))


def test_an_earlier_approval_that_answers_everything_carries_beside_one_that_does_not(
    practice: Practice,
) -> None:
    """A later signature without answers, made past the program, takes nothing back."""
    made = weighed(practice)
    propose(practice.station, practice.technician, made)
    uid = practice.approve(made)
    to_sign = ToSign(Meaning.APPROVE_PRESCRIPTION, made.uid, made.digest(), practice.patient_uid)
    password, name = secret(practice.second)
    sign(practice.station, practice.second, to_sign, password, login_name=name)
    where = practice.standing(made)
    assert where.in_force
    assert where.approved is not None
    assert where.approved.uid == uid


def test_an_approval_without_answers_made_past_the_program_carries_nothing(
    practice: Practice,
) -> None:
    made = weighed(practice)
    propose(practice.station, practice.technician, made)
    to_sign = ToSign(Meaning.APPROVE_PRESCRIPTION, made.uid, made.digest(), practice.patient_uid)
    password, name = secret(practice.physician)
    sign(practice.station, practice.physician, to_sign, password, login_name=name)
    assert codes(practice, made) == ["findings"]


def test_nothing_is_approved_for_a_closed_patient(practice: Practice) -> None:
    made = practice.proposed()
    close_patient(practice.station, practice.technician, practice.patient_uid, "entered twice")
    with pytest.raises(ClinicRefused, match="entered twice"):
        practice.approve(made)
    with pytest.raises(ClinicRefused, match="entered twice"):
        practice.next_version(made)


def test_a_threshold_that_counts_no_more_cannot_be_approved(practice: Practice) -> None:
    made = practice.proposed()
    practice.measure(48)
    with pytest.raises(ClinicRefused, match="no re-measure band was signed"):
        practice.approve(made)


def test_a_threshold_inside_the_band_to_be_signed_can_be_approved(practice: Practice) -> None:
    """The physician signs that treatment goes on with it, so it is no reason not to sign."""
    made = practice.proposed(RemeasureBand(3, 60))
    practice.measure(47)
    practice.approve(made)
    assert practice.standing(made).in_force


def test_a_threshold_that_was_taken_back_cannot_be_approved(practice: Practice) -> None:
    made = practice.proposed(RemeasureBand(3, 60))
    withdraw_threshold(
        practice.station, practice.technician, practice.threshold_uid, "another patient's"
    )
    with pytest.raises(ClinicRefused, match="corrected or taken back"):
        practice.approve(made)


def test_a_signature_under_another_prescription_is_none_on_this(practice: Practice) -> None:
    made, other = practice.proposed(), practice.proposed()
    practice.approve(other)
    assert codes(practice, made) == ["unapproved"]


def test_each_prescription_of_a_patient_stands_for_itself(practice: Practice) -> None:
    made, other = practice.approved(), practice.approved()
    practice.next_version(made)
    with practice.trusting() as trusted:
        held = in_force(trusted, practice.patient_uid, NOW)
    assert [one.prescription for one in held] == [made, other]


def test_after_a_restore_only_what_a_physician_listed_is_in_force(practice: Practice) -> None:
    """A withdrawal may have been lost with the newer copy, so nothing stands by itself."""
    made, other = practice.approved(), practice.approved()
    restore = restored(practice)
    assert codes(practice, made) == ["restore"]
    confirmed(practice, restore, made.uid)
    assert practice.standing(made).in_force
    assert codes(practice, other) == ["restore"]
    practice.approve(other)
    assert practice.standing(other).in_force, "it was approved after the restore"
    again = restored(practice)
    assert codes(practice, made) == ["restore"], "a list is of one restore"
    confirmed(practice, again, other.uid)
    confirmed(practice, again, made.uid)
    assert practice.standing(made).in_force
    assert codes(practice, other) == ["restore"], "the newest list counts"


def test_a_list_after_a_restore_brings_back_nothing_that_was_withdrawn(
    practice: Practice,
) -> None:
    made = practice.approved()
    practice.withdraw(made)
    confirmed(practice, restored(practice), made.uid)
    assert codes(practice, made) == ["withdrawn"]


def test_what_is_not_on_record_has_no_standing(practice: Practice) -> None:
    with practice.trusting() as trusted, pytest.raises(ClinicRefused, match="no prescription"):
        standing(trusted, new_uid(), NOW)


def test_a_later_version_of_a_prescription_keeps_its_own_standing(practice: Practice) -> None:
    first = practice.approved()
    uid = new_uid()
    second = next_version(first, uid, indication="relapse")
    assert following(first).version == second.version
    propose(practice.station, practice.technician, second)
    practice.approve(second, practice.second)
    assert practice.standing(second).version.number == 2
