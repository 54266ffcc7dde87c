"""What the page of approvals shows of a real clinic's record, and carrying a decision out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from protocols.policy_proposal import proposed_policy
from protocols.prescription import RemeasureBand
from tests.accounts.people import first_password, password_of
from tests.clinic.patients import ANNA, some_patient
from tests.clinic.prescribing import Practice, make_practice, restored, secret, weighed
from tests.delivery.treatments import NO_SCREENING
from tms_console.accounts.errors import LoginRefused
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission, Role
from tms_console.accounts.users import deactivate, reset_password
from tms_console.clinic.adverse_events import AdverseEvent, What, record_adverse_event
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.forms import Filling, fill_in
from tms_console.clinic.policies import propose_policy
from tms_console.clinic.prescriptions import propose
from tms_console.records.values import new_uid
from tms_console.screens.approvals import (
    ApprovalsScreen,
    approvals_screen,
    matter_screen,
    since_words,
)
from tms_console.screens.deciding import FilledDecision, decide, missing
from tms_console.screens.matters import Act, MatterScreen, Viewer, bounds_words

NOW = "2026-11-20T09:00:00.000000Z"


def viewer(login: Login) -> Viewer:
    may = frozenset(one for one in Permission if login.may(one))
    return Viewer(may, login.signed_before, login.user_uid)


def lists(practice: Practice, login: Login | None = None) -> ApprovalsScreen:
    with practice.trusting() as trusted:
        return approvals_screen(trusted, NOW, viewer(login or practice.physician))


def matter(
    practice: Practice, key: str, login: Login | None = None, *, held: bool = False
) -> MatterScreen:
    screen = lists(practice, login)
    rows = screen.held if held else screen.waiting
    row = next(one for one in rows if one.key.startswith(key))
    with practice.trusting() as trusted:
        return matter_screen(trusted, row, viewer(login or practice.physician), screen.zone)


def filled(practice: Practice, act: Act, **entered: object) -> FilledDecision:
    password, name = secret(practice.physician)
    return FilledDecision(act, password=password, login_name=name, **entered)  # type: ignore[arg-type]


def decided(practice: Practice, screen: MatterScreen, act: Act, **entered: object) -> str:
    told = filled(practice, act, **entered)
    assert not missing(screen, told)
    return decide(practice.station, practice.physician, screen, told)


def test_a_clinic_without_a_policy_is_told_that_nothing_goes(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    screen = lists(practice)
    assert [one.key for one in screen.waiting] == ["policy:none"]
    assert screen.waiting[0].state == "bad"
    assert screen.headline == "1 waiting for a physician"
    shown = matter(practice, "policy:none")
    assert not shown.offers
    assert "Propose" in shown.not_offered


def test_a_version_is_shown_with_its_dose_and_approved(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    made = practice.proposed()
    shown = matter(practice, f"prescription:{made.uid}")
    assert shown.digest == made.digest()
    assert shown.columns == ("Parameter", "In force", "Proposed v1", "Published")
    assert len(shown.strips) == 3
    assert [one.act for one in shown.offers] == [Act.APPROVE, Act.RETURN]
    answers = {(one.code, one.block): "weighed" for one in shown.asks}
    assert decided(practice, shown, Act.APPROVE, answers=answers) == "Approved and signed."
    assert practice.standing(made).in_force
    assert lists(practice).headline == "nothing waits"
    assert f"held:{made.uid}" in [one.key for one in lists(practice).held]


def test_a_finding_is_answered_before_anything_is_signed(tmp_path: Path) -> None:
    """A dose above the published one asks for a reason in words, not for a click."""
    practice = make_practice(tmp_path)
    practice.policy()
    made = weighed(practice)
    propose(practice.station, practice.technician, made)
    shown = matter(practice, f"prescription:{made.uid}")
    asks = {(one.code, one.block): one for one in shown.asks}
    assert any(one.needs_reason for one in asks.values())
    assert any(note.source.endswith("a written reason is needed") for note in shown.findings)
    assert missing(shown, filled(practice, Act.APPROVE)).startswith("Acknowledge first")
    silent = filled(practice, Act.APPROVE, answers=dict.fromkeys(asks, ""))
    assert missing(shown, silent).startswith("Write a reason")
    with pytest.raises(ClinicRefused, match="a written reason is needed"):
        decide(practice.station, practice.physician, shown, silent)
    assert decided(practice, shown, Act.APPROVE, answers=dict.fromkeys(asks, "weighed"))
    assert practice.standing(made).in_force


def test_a_return_needs_words_and_a_wrong_password_signs_nothing(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    made = practice.proposed()
    shown = matter(practice, f"prescription:{made.uid}")
    assert missing(shown, filled(practice, Act.RETURN)).startswith("Say why")
    nobody = FilledDecision(Act.RETURN, comment="lower it")
    assert missing(shown, nobody) == "Your password signs it."
    wrong = FilledDecision(Act.RETURN, comment="lower it", password="no", login_name="physician")
    with pytest.raises(LoginRefused):
        decide(practice.station, practice.physician, shown, wrong)
    assert practice.standing(made).returned is None
    decided(practice, shown, Act.RETURN, comment="lower it")
    assert practice.standing(made).returned is not None


def test_what_is_in_force_can_be_withdrawn(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    made = practice.approved()
    shown = matter(practice, f"held:{made.uid}", held=True)
    assert [one.act for one in shown.offers] == [Act.WITHDRAW]
    assert "Withdrawn" in decided(practice, shown, Act.WITHDRAW, comment="tired")
    assert not practice.standing(made).in_force


def test_what_rested_on_a_physician_who_left_is_approved_again_and_not_returned(
    tmp_path: Path,
) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    made = practice.proposed()
    practice.approve(made, practice.second)
    administrator = practice.clinic.administrator
    deactivate(practice.station, administrator, practice.second.user_uid, "left the clinic")
    again = matter(practice, f"prescription:{made.uid}")
    assert any("is not active any more" in sentence for sentence in again.lead)
    assert [one.act for one in again.offers] == [Act.APPROVE]


def test_the_next_version_stands_beside_the_one_in_force(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    first = practice.approved()
    second = practice.next_version(first)
    row = next(one for one in lists(practice).waiting if one.key.endswith(second.uid))
    assert row.subtitle.endswith("v1 → v2")
    assert row.state == "note"
    shown = matter(practice, row.key)
    assert shown.columns[1:3] == ("In force v1", "Proposed v2")
    assert [one.parameter for one in shown.rows if one.changed] == ["Indication"]


def test_the_policy_is_approved_and_withdrawn_with_every_number_and_source(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    policy = proposed_policy(new_uid(), "Europe/Berlin")
    propose_policy(practice.station, practice.physician, policy)
    shown = matter(practice, "policy:")
    pulses = next(one for one in shown.rows if one.parameter == "Most pulses on one day")
    assert (pulses.in_force, pulses.proposed) == ("—", "18,000")
    assert "SNT" in pulses.published
    assert pulses.published.endswith("[read]")
    decided(practice, shown, Act.APPROVE)
    second = replace(
        policy, uid=new_uid(), version=2, supersedes=policy.uid, most_pulses_a_day=9_000
    )
    propose_policy(practice.station, practice.physician, second)
    shown = matter(practice, "policy:")
    assert [one.parameter for one in shown.rows if one.changed] == ["Most pulses on one day"]
    held = matter(practice, "held:", held=True)
    assert "nothing is armed" in decided(practice, held, Act.WITHDRAW, comment="wrong zone")


def test_a_threshold_inside_the_band_is_acknowledged(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    practice.approved(RemeasureBand(3, 60))
    uid = practice.measure(46)
    row = next(one for one in lists(practice).waiting if one.key == f"threshold:{uid}")
    assert row.subtitle == "Threshold 45 → 46 %MSO"
    shown = matter(practice, row.key)
    assert shown.findings[0].text.startswith("Block 1: threshold 45 -> 46")
    assert any("42 to 48 %MSO may be used" in one for one in shown.bounds)
    decided(practice, shown, Act.ACKNOWLEDGE)
    assert not [one for one in lists(practice).waiting if one.key == row.key]


def test_a_threshold_outside_what_was_signed_asks_for_a_new_version(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    made = practice.approved()
    practice.measure(60)
    shown = matter(practice, f"dose:{made.uid}")
    assert not shown.offers
    assert any("Nothing is delivered" in one for one in shown.lead)


def test_a_version_at_a_threshold_that_counts_no_more_can_only_be_returned(
    tmp_path: Path,
) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    practice.proposed()
    practice.measure(60)
    waiting = matter(practice, "prescription:")
    assert any("newer" in one or "60" in one for one in waiting.lead)
    assert [one.act for one in waiting.offers] == [Act.RETURN]


def test_answers_are_cleared_one_by_one_with_reasons(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    answers = {**NO_SCREENING, "fainting": True, "fainting_detail": "once, at school"}
    filling = Filling("screening", answers)
    fill_in(practice.station, practice.technician, practice.patient_uid, filling)
    shown = matter(practice, "answers:")
    assert [one.optional for one in shown.asks] == [True]
    assert missing(shown, filled(practice, Act.CLEAR)).startswith("Mark what you clear")
    key = (shown.asks[0].code, None)
    decided(practice, shown, Act.CLEAR, answers={key: "vasovagal, years ago"})
    assert not [one for one in lists(practice).waiting if one.key.startswith("answers")]


def test_a_hold_is_cleared_with_a_reason(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    event = AdverseEvent(
        practice.patient_uid, What.SEIZURE, 3, "2026-11-19T09:00:00Z", action="ended the session"
    )
    record_adverse_event(practice.station, practice.technician, event)
    shown = matter(practice, "hold:")
    assert "Done: ended the session" in shown.lead
    assert missing(shown, filled(practice, Act.CLEAR)).startswith("Say why")
    decided(practice, shown, Act.CLEAR, comment="seen by neurology")
    assert not [one for one in lists(practice).waiting if one.key.startswith("hold")]


def test_a_new_key_is_confirmed_by_another_physician_and_never_by_its_owner(
    tmp_path: Path,
) -> None:
    practice = make_practice(tmp_path)
    practice.policy()
    second = practice.second
    administrator = practice.clinic.administrator
    word = first_password("second")
    reset_password(practice.station, administrator, second.user_uid, word)
    again = practice.clinic.settle("second")
    own = matter(practice, "key:", again)
    assert not own.offers
    assert "their own key" in own.not_offered
    shown = matter(practice, "key:")
    decided(practice, shown, Act.CONFIRM_KEY)
    assert not [one for one in lists(practice).waiting if one.key.startswith("key")]


def test_after_a_restore_only_what_is_marked_stays_in_force(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    policy = practice.policy()
    made = practice.approved()
    restored(practice)
    shown = matter(practice, "restore:")
    assert {one.uid for one in shown.choices} == {made.uid, policy.uid}
    assert any("Paula Example" in one.text for one in shown.choices)
    decided(practice, shown, Act.CONFIRM_IN_FORCE, choices=(made.uid,))
    assert practice.standing(made).in_force
    assert [one.key for one in lists(practice).held] == [f"held:{made.uid}"]


def test_a_technician_looks_and_an_administrator_sees_no_patient(tmp_path: Path) -> None:
    """QA and administrators have no business with patients' names."""
    practice = make_practice(tmp_path)
    made = practice.proposed()
    some_patient(practice.clinic, ANNA)
    shown = matter(practice, f"prescription:{made.uid}", practice.technician)
    assert not shown.offers
    assert shown.not_offered == "A physician decides this; you may look."
    assert lists(practice, practice.technician).may_prescribe
    administrator = lists(practice, practice.clinic.people[Role.ADMINISTRATOR])
    assert [one.key for one in administrator.waiting] == ["policy:none"]
    assert not administrator.may_prescribe
    assert administrator.may_propose_policy


def test_nothing_is_done_that_a_matter_does_not_offer(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    made = practice.proposed()
    shown = matter(practice, f"prescription:{made.uid}")
    assert missing(shown, filled(practice, Act.CLEAR)) == "This cannot be done here."
    with pytest.raises(ClinicRefused, match="nothing to clear"):
        decide(practice.station, practice.physician, shown, filled(practice, Act.CLEAR))
    other = replace(shown, digest="0" * 64)
    told = filled(practice, Act.RETURN, comment="lower it")
    with pytest.raises(ClinicRefused, match="What was shown"):
        decide(practice.station, practice.physician, other, told)


def test_bounds_say_what_a_technician_may_do(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    made = practice.prescription()
    assert bounds_words(made) == (
        "Intensity 40 to 54 %MSO, from the next train on.",
        "Longest pause 10 min.",
        "A re-measured threshold needs a new version.",
    )
    (block,) = made.session.blocks
    fixed = replace(block, lowest_pct_mso=54, highest_pct_mso=54)
    session = replace(made.session, blocks=(fixed,), longest_pause_s=45)
    alone = bounds_words(replace(made, session=session))
    assert alone[:2] == ("Intensity 54 %MSO, and no other.", "Longest pause 45 s.")


def test_when_something_came_is_told_in_the_clinics_days() -> None:
    zone = "Europe/Berlin"
    assert since_words("2026-11-19T22:30:00Z", "2026-11-19T23:30:00Z", zone) == "yesterday"
    assert since_words("2026-11-19T23:10:00Z", "2026-11-19T23:30:00Z", zone) == "today"
    assert since_words("2026-11-01T09:00:00Z", NOW, zone) == "1 Nov 2026"
    assert not since_words("", NOW, zone)


def test_a_password_never_shows_in_a_text() -> None:
    told = FilledDecision(Act.APPROVE, password=password_of("physician"))
    assert password_of("physician") not in repr(told)
