"""Treatments from the signed record to the record: what is written, resumed, held, and asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from protocols.prescription import Prescription, RemeasureBand, SessionContent
from protocols.remeasure import OutsidePrescription, session_at
from tests.accounts.tampering import Hand, tampering
from tests.clinic.prescribing import PATIENT, secret
from tests.delivery.refusing import (
    found,
    refusals,
    require_ended_before,
    require_harmless,
    require_refused,
)
from tests.delivery.sessions import (
    Committed,
    Rehearsal,
    WatchedControls,
    require_honest,
    require_rows_before_commands,
    rows,
)
from tests.delivery.treatments import (
    EARS,
    NO_SCREENING,
    RIGHT_PERSON,
    Ready,
    ago,
    make_ready,
    make_unrelated,
    midday_zone,
    run_as_real,
)
from tms_console.accounts import followed, looking
from tms_console.accounts.book import Book, Enrolment
from tms_console.accounts.trust import Trusted
from tms_console.accounts.whole_file import verify_whole
from tms_console.clinic import day as days
from tms_console.clinic.adverse_events import (
    AdverseEvent,
    HoldClearance,
    What,
    adverse_event_record,
    clear_hold,
    holds,
    record_adverse_event,
)
from tms_console.clinic.entries import Made
from tms_console.clinic.patients import edit_patient
from tms_console.clinic.policies import approve_policy, policy_versions, propose_policy
from tms_console.clinic.verdicts import Decision
from tms_console.delivery import session, treatment
from tms_console.delivery.controls import Controls
from tms_console.delivery.gate import TREATMENT_CODES
from tms_console.delivery.giving import Giver
from tms_console.delivery.order import SessionOrder
from tms_console.delivery.process import new_challenge
from tms_console.delivery.snapshot import Snapshot
from tms_console.delivery.treatment import TreatmentAuthority
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.errors import WriteFailed
from tms_console.records.heads import head_path
from tms_console.records.values import new_uid

KIND = RecordKind


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path, short=True)


def in_train(number: int, act: Callable[[], object]) -> Callable[[Snapshot], None]:
    """Do something once, while that train is delivered."""
    done: list[int] = []

    def show(snapshot: Snapshot) -> None:
        if snapshot.train == number and snapshot.state == "delivering" and not done:
            done.append(number)
            act()

    return show


def stopped_in(ready: Ready, train: int, **options: object) -> Rehearsal:
    controls = Controls()
    show = in_train(train, lambda: controls.stop("the patient asked to stop"))
    done = ready.treat(controls=controls, publish=show, **options)  # type: ignore[arg-type]
    assert done.state == "stopped"
    return done


# What is on record ----------------------------------------------------------------------------


def test_a_whole_treatment_is_given_as_signed_and_everything_it_rests_on_is_on_record(
    tmp_path: Path,
) -> None:
    """iTBS 600 at 54 %MSO, 120 % of 45, as the physician signed it."""
    ready = make_ready(tmp_path)
    challenge = new_challenge()
    start_order = ready.start_order(challenge)
    done = ready.treat(start_order, challenge=challenge)
    assert (done.state, done.result.reason) == ("completed", "complete")
    assert [one.intensity_pct_mso for one in done.emulator.fired] == [54] * 600
    require_honest(done)
    require_rows_before_commands(done.passed, 20)
    assert found(done.database) == {}

    (row,) = rows(
        done.database,
        "SELECT session.uid, kind, authority_uid, authority_digest, threshold.uid, user.uid, "
        "simulated FROM session JOIN threshold ON threshold.id = threshold_id "
        "JOIN user ON user.id = technician_id",
    )
    assert row == (
        challenge.session_uid,
        "treatment",
        ready.made.uid,
        ready.made.digest(),
        ready.threshold_uid,
        ready.technician.user_uid,
        0,
    )
    (passed, _findings) = done.events("gate")
    answers = {one["code"]: one for one in json.loads(passed.removeprefix("passed "))}
    assert answers.keys() >= TREATMENT_CODES
    assert {one["answer"] for one in answers.values()} == {"passed"}
    assert "Physician Somebody" in answers["approval"]["sentence"]
    with ready.trusting() as trusted:
        session = trusted.sessions[challenge.session_uid]
        order = trusted.record(KIND.START_ORDER, start_order.uid)
        assert order is not None
        assert order.seq < session.seq
        assert session.ended is not None
        assert trusted.sealed_seq > session.seq
        assert trusted.sealed_seq == trusted.head.seq - 1, "the console signed the session's end"


def test_the_start_order_is_on_disk_with_the_sessions_row_or_before_it(ready: Ready) -> None:
    done = ready.treat()
    committed = [one for one in done.passed if isinstance(one, Committed)]
    written = [each.op for one in committed for each in one.operations]
    assert written[:2] == ["add_record", "begin_session"]


def test_a_crash_between_the_order_and_the_sessions_row_lets_nobody_use_the_order_again(
    ready: Ready,
) -> None:
    """The order is on record and no session is: another order is needed."""
    challenge = new_challenge()
    start_order = ready.start_order(challenge)
    ready.station.write(start_order)
    done = ready.treat(start_order, challenge=challenge)
    require_refused(done, "is on record already: it was used before")


# Resuming -------------------------------------------------------------------------------------


def resumed(ready: Ready, first: Rehearsal, **options: object) -> Rehearsal:
    return ready.treat(
        change=partial(replace, resumes_uid=first.result.session_uid),
        **options,  # type: ignore[arg-type]
    )


def test_a_treatment_resumed_the_same_day_goes_on_and_is_one_session_of_the_course(
    ready: Ready,
) -> None:
    first = stopped_in(ready, 2)
    second = resumed(ready, first)
    assert second.state == "completed", second.result.reason
    assert {one.train for one in second.pulses} == {3}
    assert [one.number for one in second.pulses] == list(range(13, 19))
    with ready.trusting() as trusted:
        course = days.course(trusted, ready.made.prescription_uid, midday_zone())
        assert course.sessions == 1
        (sitting,) = days.sittings(trusted, ready.patient_uid)
        assert [row.uid for row in sitting.rows] == [
            first.result.session_uid,
            second.result.session_uid,
        ]
        may_have_been = [one for one in first.pulses if one.outcome in {"delivered", "unknown"}]
        assert sitting.pulses == len(may_have_been) + 6
    assert found(ready.station.database.path) == {}
    challenge = new_challenge()
    start_order = ready.start_order(challenge, session_number=2)
    third = ready.treat(start_order, challenge=challenge)
    require_harmless(third)
    assert "1 session was given today: at most 1 is allowed" in third.result.reason


def test_a_session_stopped_before_its_first_pulse_is_no_session_and_the_next_is_a_new_one(
    ready: Ready,
) -> None:
    """Resuming it must not be a way around the pause, and the count, between two sessions."""
    controls = Controls()

    def stop(snapshot: Snapshot) -> None:
        if snapshot.state == "checking":
            controls.stop("too early")

    first = ready.treat(controls=controls, publish=stop)
    assert (first.state, len(first.commands)) == ("stopped", 0)
    second = resumed(ready, first)
    assert second.state == "completed"
    assert len(second.emulator.fired) == 18
    with ready.trusting() as trusted:
        assert days.course(trusted, ready.made.prescription_uid, midday_zone()).sessions == 1
    third = resumed(ready, second)
    require_harmless(third)
    assert third.result.state is None


def test_a_session_is_not_resumed_on_another_day_of_the_policys_zone(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = stopped_in(ready, 2)
    true = TreatmentAuthority.now

    def tomorrow(self: TreatmentAuthority) -> datetime:
        return true(self) + timedelta(days=1)

    monkeypatch.setattr(TreatmentAuthority, "now", tomorrow)
    second = resumed(ready, first)
    require_harmless(second)
    assert "a session is resumed on the same day only" in second.result.reason
    assert second.result.reason in refusals(second.database)


def approval_withdrawn(ready: Ready) -> None:
    ready.withdraw(ready.made)


def threshold_changed(ready: Ready) -> None:
    ready.measure(48, ago(minutes=1))


SINCE: Mapping[str, tuple[Callable[[Ready], None], str]] = {
    "approval withdrawn": (approval_withdrawn, "was withdrawn by"),
    "threshold changed": (threshold_changed, "no re-measure band was signed"),
}


@pytest.mark.parametrize(("act", "words"), SINCE.values(), ids=SINCE)
def test_a_session_is_not_resumed_after_what_it_rests_on_changed(
    ready: Ready, act: Callable[[Ready], None], words: str
) -> None:
    first = stopped_in(ready, 2)
    act(ready)
    second = resumed(ready, first)
    require_harmless(second)
    assert words in second.result.reason


def outcome(hand: Hand) -> None:
    hand.execute("UPDATE pulse SET outcome = 'not_delivered' WHERE outcome = 'delivered'")


def gone(hand: Hand) -> None:
    hand.execute("DELETE FROM pulse WHERE number > 3")


def moved(hand: Hand) -> None:
    hand.execute("UPDATE pulse SET train_id = 1 WHERE train_id = 2")


def strays(hand: Hand) -> None:
    hand.execute("DELETE FROM pulse WHERE train_id = 2")
    hand.execute("DELETE FROM train WHERE id = 2")


def intensity(hand: Hand) -> None:
    hand.execute("UPDATE train SET intensity_pct_mso = 30")


def started(hand: Hand) -> None:
    hand.execute("UPDATE session SET started_at = '2026-01-01T00:00:00Z'")


def session_gone(hand: Hand) -> None:
    for table in ("pulse", "train", "session_event", "device_frame", "session"):
        hand.execute(f"DELETE FROM {table}")


ALTERED = [outcome, gone, moved, strays, intensity, started, session_gone]


@pytest.mark.parametrize("alter", ALTERED, ids=lambda one: one.__name__)
def test_a_session_whose_rows_were_altered_is_not_resumed(
    ready: Ready, alter: Callable[[Hand], None]
) -> None:
    """Where it goes on is read from these rows: a train that vanished would be given again."""
    first = stopped_in(ready, 2)
    uid = first.result.session_uid
    with tampering(first.database) as hand:
        alter(hand)
    second = resumed(ready, first)
    require_harmless(second)
    assert f"Session {uid} is not what was closed" in second.result.reason
    assert not verify_whole(first.database).sound


@pytest.mark.parametrize("resume", [False, True], ids=["anew", "resumed"])
@pytest.mark.parametrize("alter", [gone, strays], ids=lambda one: one.__name__)
def test_a_session_that_was_cut_off_is_not_made_shorter_before_it_is_settled(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, alter: Callable[[Hand], None], resume: bool
) -> None:
    """The next program settles what it finds: of a train that was begun, everything must be there.

    Else who kills the program and edits the file could have a dose given twice.
    """

    def broken(*_: object) -> None:
        raise RuntimeError("cut off")

    true = Giver.settle_all
    monkeypatch.setattr(Giver, "settle_all", broken)
    controls = Controls()
    show = in_train(2, lambda: controls.stop("cut off"))
    first = ready.treat(controls=controls, publish=show)
    monkeypatch.setattr(Giver, "settle_all", true)
    assert rows(first.database, "SELECT state FROM session") == [("running",)]
    with tampering(first.database) as hand:
        alter(hand)
    second = resumed(ready, first) if resume else ready.treat()
    require_harmless(second)
    assert "is not what was closed: its train" in second.result.reason


def test_a_session_that_was_cut_off_is_settled_and_resumed(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(Giver, "settle_all", broken)
        controls = Controls()
        show = in_train(2, lambda: controls.stop("cut off"))
        first = ready.treat(controls=controls, publish=show)
    second = resumed(ready, first)
    assert second.state == "completed", second.result.reason
    assert {one.train for one in second.pulses} == {3}
    assert found(first.database) == {}


# Thresholds, percentages, answers ---------------------------------------------------------------


def test_inside_the_signed_band_the_dose_follows_a_new_threshold(tmp_path: Path) -> None:
    ready = make_ready(tmp_path, RemeasureBand(3, 60), short=True)
    newer = ready.measure(47, ago(minutes=1))
    done = ready.treat()
    assert done.state == "completed", done.result.reason
    assert {one.intensity_pct_mso for one in done.emulator.fired} == {56}
    with ready.trusting() as trusted:
        begun = trusted.sessions[done.result.session_uid].begun
    assert begun["threshold_uid"] == newer
    assert found(done.database) == {}


@pytest.mark.parametrize("value", [41, 49], ids=["below", "above"])
def test_outside_the_signed_band_nothing_is_given(tmp_path: Path, value: int) -> None:
    ready = make_ready(tmp_path, RemeasureBand(3, 60), short=True)
    ready.measure(value, ago(minutes=1))
    require_refused(ready.treat(), "Propose a new version")


def test_without_a_band_a_new_threshold_of_the_same_value_changes_nothing(ready: Ready) -> None:
    ready.measure(45, ago(minutes=1))
    done = ready.treat()
    assert done.state == "completed", done.result.reason


def test_todays_percentage_outside_of_what_was_signed_gives_nothing(ready: Ready) -> None:
    challenge = new_challenge()
    start_order = ready.start_order(challenge, today_pct_mt=(Fraction(90),))
    done = ready.treat(start_order, challenge=challenge)
    require_refused(done, "Propose a new version")


def test_a_session_without_ear_protection_is_refused(ready: Ready) -> None:
    ready.fill_in("ears", {**EARS, "patient_protected": False})
    require_refused(ready.treat(), "Ear protection")


def test_an_absolute_item_needs_a_physician_who_clears_it(ready: Ready) -> None:
    ready.fill_in("screening", {**NO_SCREENING, "cochlear_implant": True})
    require_refused(ready.treat(), "not cleared by a physician")


# Who lies there ---------------------------------------------------------------------------------


def renamed(ready: Ready) -> None:
    """Somebody gives the patient's record to another person."""
    other = replace(PATIENT, name="Petra Other")
    edit_patient(ready.station, ready.technician, ready.patient_uid, other)


def test_a_patient_renamed_after_the_approval_is_not_who_was_approved(ready: Ready) -> None:
    renamed(ready)
    require_refused(ready.treat(), "was changed after the prescription was approved")


def test_a_patient_renamed_after_the_identity_check_is_asked_again(ready: Ready) -> None:
    renamed(ready)
    ready.approve(ready.made, ready.second)
    require_refused(ready.treat(), "was changed after the identity check")
    ready.fill_in("identity", RIGHT_PERSON)
    assert ready.treat().state == "completed"


def test_another_clinic_started_on_this_console_arms_nothing(ready: Ready, tmp_path: Path) -> None:
    """Anybody at the keyboard can start one, with a physician of their own making."""
    theirs = make_unrelated(tmp_path / "theirs")
    done = theirs.treat()
    require_harmless(done)
    assert "This console's clinic is another database" in done.result.reason
    assert ready.treat().state == "completed"


def test_a_session_that_never_was_is_not_resumed(ready: Ready) -> None:
    done = ready.treat(change=partial(replace, resumes_uid=new_uid()))
    require_refused(done, "There is no session", "to go on from")


def test_a_patient_who_was_never_screened_is_refused(tmp_path: Path) -> None:
    require_refused(
        make_ready(tmp_path, short=True, forms=("daily", "identity", "ears", "extra")).treat(),
        "Screening before magnetic stimulation was not filled in",
    )


# Holds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "severity"), [(What.SEIZURE, 1), (What.SYNCOPE, 0), (What.HEADACHE, 3)], ids=str
)
def test_after_a_grave_event_nothing_is_given_until_a_physician_clears_the_patient(
    ready: Ready, what: What, severity: int
) -> None:
    event = AdverseEvent(ready.patient_uid, what, severity, ago(minutes=5))
    uid = record_adverse_event(ready.station, ready.technician, event)
    require_refused(ready.treat(), "The patient is on hold", str(what))
    password, name = secret(ready.physician)
    cleared = HoldClearance(uid, "seen, talked to, goes on")
    clear_hold(ready.station, ready.physician, cleared, password, name)
    assert ready.treat().state == "completed"


def reported(
    ready: Ready, what: What, severity: int, session_uid: str | None = None
) -> tuple[AddRecord, AdverseEvent]:
    event = AdverseEvent(ready.patient_uid, what, severity, ago(seconds=1), session_uid=session_uid)
    return adverse_event_record(event, Made.now(ready.station, ready.technician)), event


def test_an_event_reported_in_a_session_is_a_record_and_an_event_of_the_session(
    ready: Ready,
) -> None:
    challenge, controls = new_challenge(), Controls()
    record, event = reported(ready, What.HEADACHE, 1, challenge.session_uid)
    done = ready.treat(
        ready.start_order(challenge),
        challenge=challenge,
        controls=controls,
        publish=in_train(1, lambda: controls.report(record, event)),
    )
    assert done.state == "completed"
    assert done.events("adverse_event") == [
        f"headache (severity 1, mild), adverse event {record.uid}"
    ]
    with ready.trusting() as trusted:
        kept = trusted.record(KIND.ADVERSE_EVENT, record.uid)
        assert kept is not None
        assert kept.content == record.content
        assert kept.seq < trusted.sealed_seq
        assert holds(trusted, ready.patient_uid) == ()
    assert found(done.database) == {}


def test_a_grave_event_reported_in_a_session_ends_it_at_once_and_holds_the_patient(
    ready: Ready,
) -> None:
    """In the middle of a train: nobody treats on while a patient has a seizure."""
    controls = Controls()
    record, event = reported(ready, What.SEIZURE, 4)
    done = ready.treat(
        controls=controls, publish=in_train(2, lambda: controls.report(record, event))
    )
    assert done.state == "stopped"
    assert done.result.reason == "the patient is on hold: seizure (severity 4, life-threatening)"
    assert len(done.commands) == 2
    assert not done.emulator.state().status.info.enabled
    require_honest(done, check=False)
    with ready.trusting() as trusted:
        assert [one.grave.uid for one in holds(trusted, ready.patient_uid)] == [record.uid]
    challenge = new_challenge()
    again = ready.treat(ready.start_order(challenge), challenge=challenge)
    require_harmless(again)
    assert "The patient is on hold" in again.result.reason
    assert found(done.database) == {}


def test_a_grave_event_reported_at_any_moment_is_on_record_and_nothing_follows(
    ready: Ready, tmp_path: Path
) -> None:
    """Also at the moments between the check, the arming and the command of a train."""
    count = WatchedControls(0)
    ready.treat(controls=count)
    looks = range(1, count.looks + 1, max(1, count.looks // 12))
    for number, look in enumerate(looks):
        (tmp_path / f"{number}").mkdir()
        again = make_ready(tmp_path / f"{number}", short=True)
        record, event = reported(again, What.SYNCOPE, 2)
        given: list[int] = []
        run: list[Rehearsal] = []

        def press(
            controls: Controls,
            record: AddRecord = record,
            event: AdverseEvent = event,
            given: list[int] = given,
            run: list[Rehearsal] = run,
        ) -> None:
            given.append(len(run[0].commands))
            controls.report(record, event)

        controls = WatchedControls(look, press)
        run.append(again.session(controls=controls))
        done = run_as_real(run[0])
        with again.trusting() as trusted:
            on_record = trusted.record(KIND.ADVERSE_EVENT, record.uid)
        taken = controls.take_last()
        assert on_record is not None or taken
        assert len(done.commands) == given[0], f"look {look}"


def test_after_its_end_a_session_takes_no_more_remarks(ready: Ready) -> None:
    controls = Controls()
    record, event = reported(ready, What.HEADACHE, 1)
    assert controls.report(record, event)
    assert len(controls.take_last()) == 1
    assert not controls.report(record, event)
    assert not controls.report(*reported(ready, What.SEIZURE, 4))
    assert not controls.halted
    assert controls.take() == [], "who was told no keeps it"


# The gate's look before every train -------------------------------------------------------------


def test_what_concerns_nothing_of_the_session_does_not_end_it(ready: Ready) -> None:
    """Another window adds answers and a new threshold: they are for the next session."""

    def add() -> None:
        ready.fill_in("ears", {**EARS, "patient_protected": False})
        ready.measure(50, ago(seconds=1))

    assert ready.treat(publish=in_train(1, add)).state == "completed"


def test_all_of_the_record_is_read_once_however_much_is_written_meanwhile(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stimulator that is armed and must hear something every second cannot wait for more."""
    whole, again = [], []
    read, follow = looking.read_trusted, Trusted.follow

    def note_whole(*given: Any) -> Trusted:
        whole.append(given)
        return read(*given)

    def note_again(self: Trusted, *given: Any) -> None:
        again.append(given)
        follow(self, *given)

    def write() -> None:
        event = AdverseEvent(ready.patient_uid, What.HEADACHE, 1, ago(seconds=1))
        record_adverse_event(ready.station, ready.technician, event)

    monkeypatch.setattr(followed, "read_trusted", note_whole)
    monkeypatch.setattr(Trusted, "follow", note_again)
    assert ready.treat(publish=in_train(1, write)).state == "completed"
    assert (len(whole), len(again)) == (1, 2)


def test_a_stricter_policy_approved_meanwhile_counts_from_the_next_train_on(ready: Ready) -> None:
    """Six pulses a day: the first train had six."""
    path = ready.station.database.path

    def approve_stricter() -> None:
        uid = rows(path, "SELECT uid FROM policy")[0][0]
        with ready.trusting() as trusted:
            first = policy_versions(trusted)[0].policy
        stricter = replace(first, uid=new_uid(), version=2, supersedes=uid, most_pulses_a_day=6)
        propose_policy(ready.station, ready.physician, stricter)
        told = Decision(stricter.uid, stricter.digest())
        approve_policy(ready.station, ready.second, told, *secret(ready.second))

    done = ready.treat(publish=in_train(1, approve_stricter))
    require_ended_before(done, 2, "6 pulses given or unknown, 6 more to come, 6 authorised")


def test_a_content_that_is_not_what_follows_from_the_prescription_is_never_armed(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug between the gate's question and the device: the content is computed once more."""

    def other(prescription: Prescription, *arguments: Any) -> SessionContent:
        content = session_at(prescription, *arguments)
        block = replace(content.blocks[0], target="elsewhere")
        return replace(content, blocks=(block,))

    monkeypatch.setattr(treatment, "session_at", other)
    require_refused(ready.treat(), "is not what was authorised")


def test_a_content_that_does_not_follow_at_all_is_never_armed(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_arguments: Any) -> SessionContent:
        raise OutsidePrescription(["it does not follow"])

    monkeypatch.setattr(treatment, "session_at", nothing)
    require_refused(ready.treat(), "is not what was authorised")


def test_a_refusal_that_cannot_be_put_on_record_is_a_refusal_all_the_same(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_arguments: object) -> None:
        raise WriteFailed("the disk is full")

    ready.withdraw(ready.made)
    run = ready.session()
    monkeypatch.setattr(session, "write_now", fail)
    done = run_as_real(run)
    require_harmless(done)
    assert "was withdrawn by" in done.result.reason
    assert "could not be put on record" in caplog.text


def test_an_order_of_somebody_whose_enrolment_is_over_by_the_clock_is_refused(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is not in the chain: the enrolment said itself until when it counts."""
    true = Book.active

    def active(self: Book, user_uid: str, now: str) -> Enrolment | None:
        return None if user_uid == ready.technician.user_uid else true(self, user_uid, now)

    run = ready.session()
    monkeypatch.setattr(Book, "active", active)
    require_refused(run_as_real(run), "Technician Somebody is not active any more")


def test_an_order_that_lost_its_start_order_on_the_way_is_refused(ready: Ready) -> None:
    def strip(order: SessionOrder) -> SessionOrder:
        object.__setattr__(order, "start_order", None)
        return order

    require_refused(ready.treat(change=strip), "There is no start order.")


def test_a_later_version_approved_meanwhile_ends_the_session(ready: Ready) -> None:
    later = ready.next_version(ready.made)
    done = ready.treat(publish=in_train(1, lambda: ready.approve(later)))
    require_ended_before(done, 2, "A later version than 1 of the prescription was approved")


def test_a_console_that_does_not_remember_any_more_ends_the_session(ready: Ready) -> None:
    def remember_nothing() -> None:
        head_path(ready.station.database.uid).write_text("nonsense")

    done = ready.treat(publish=in_train(1, remember_nothing))
    assert len(done.commands) == 1
    assert not done.emulator.state().status.info.enabled
