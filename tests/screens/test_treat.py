"""The page before and after a session says what the gate says, on real records."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from drivers import registry
from protocols.prescription import RemeasureBand
from tests.accounts.people import password_of
from tests.delivery.treatments import A_GOOD_DAY, NO_SCREENING, Ready, ago, make_ready
from tms_console.accounts.roles import Role
from tms_console.clinic.adverse_event import AdverseEvent, What
from tms_console.clinic.adverse_events import record_adverse_event
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import Medication, edit_patient, patient
from tms_console.clinic.thresholds import record_threshold
from tms_console.clock import RealClock
from tms_console.delivery.aftermath import settle_left_open
from tms_console.delivery.controls import Controls
from tms_console.delivery.order import EmulatorOrder
from tms_console.delivery.pipe import PutAdverseEvent, PutOnRecord
from tms_console.delivery.preview import Wanted, preview, sign_order
from tms_console.delivery.process import new_challenge
from tms_console.delivery.snapshot import Snapshot
from tms_console.delivery.treatment import examine
from tms_console.records.live import new_pulses, said_of
from tms_console.records.operations import EventKind
from tms_console.screens.start_step import Item
from tms_console.screens.treat import (
    Asked,
    BeforeScreen,
    NothingToGive,
    before_screen,
)
from tms_console.screens.treat_after import (
    AfterScreen,
    after_screen,
    close_session,
    note_late,
    put_late,
    session_to_settle,
    sign_delivery,
)
from tms_console.screens.treat_form import form_screen, form_state, threshold_entries

DEVICE = EmulatorOrder(name="magpro", virtual=True)


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path, RemeasureBand(3, 60), short=True)


def before(ready: Ready, **changes: object) -> BeforeScreen | NothingToGive:
    asked = replace(Asked(ready.patient_uid, "MagPro X100", simulated=False), **changes)  # type: ignore[arg-type]
    with ready.trusting() as trusted:
        return before_screen(trusted, ready.station, ready.technician.enrolment, asked)


def items(ready: Ready, **changes: object) -> dict[str, Item]:
    screen = before(ready, **changes)
    assert isinstance(screen, BeforeScreen)
    return {one.code: one for one in screen.items}


def after(ready: Ready, uid: str) -> AfterScreen:
    with ready.trusting() as trusted:
        return after_screen(trusted, ready.station, uid)


def to_settle(ready: Ready) -> str:
    with ready.trusting() as trusted:
        uid, left_open = session_to_settle(trusted, ready.station, ready.patient_uid)
    assert not left_open
    return uid


def stopped_in_train(ready: Ready, train: int) -> str:
    """Let a session be stopped in a train; return its uid."""
    controls = Controls()

    def show(snapshot: Snapshot) -> None:
        if snapshot.train == train and snapshot.state == "delivering":
            controls.stop("asked to stop")

    return ready.treat(controls=controls, publish=show).result.session_uid


def test_a_session_that_ended_early_may_be_resumed_behind_the_train_that_was_begun(
    ready: Ready,
) -> None:
    uid = stopped_in_train(ready, 2)
    screen = before(ready, resumes_uid=uid)
    assert isinstance(screen, BeforeScreen)
    assert screen.resumes
    assert {one.code: one for one in screen.items}["resume"].sentence == (
        "It goes on with train 3, pulse 13."
    )
    assert dict(screen.facts)["Pulses"] == "the last 6 of 18 in 1 of 3 trains"
    assert screen.strips[1].label == "rest · 0:00 min · 1 of 3 trains · 6 of 18 pulses"
    assert [bar.done for bar in screen.strips[1].bars] == [True, True, False]
    assert screen.ready
    resumed = ready.treat(change=lambda order: replace(order, resumes_uid=uid))
    assert resumed.result.state == "completed"
    assert to_settle(ready) == resumed.result.session_uid
    told = after(ready, resumed.result.session_uid)
    assert told.sentences == ("6 of 6 pulses are known to have been given.",)
    assert after(ready, uid).headline == "Stopped before its end, and resumed since"
    again = before(ready, resumes_uid=uid)
    assert isinstance(again, BeforeScreen)
    assert "cannot be resumed" in {one.code: one for one in again.items}["resume"].sentence
    assert not again.ready


def test_everything_right_is_ready_with_the_dose_that_was_signed(ready: Ready) -> None:
    screen = before(ready)
    assert isinstance(screen, BeforeScreen)
    assert screen.ready
    assert screen.step.headline == "Ready to prepare"
    assert (screen.name, screen.birth) == ("Paula Example", "29 Feb 1984")
    assert screen.session_words == "Session 1 of 20"
    (dose,) = screen.doses
    assert (dose.intensity_pct_mso, dose.lowest_pct_mso, dose.highest_pct_mso) == (54, 40, 54)
    assert dict(screen.facts)["Pulses"] == "18 in 3 trains"
    assert screen.changed == ("This is the first session of the course.",)
    assert {one.state for one in screen.items} == {"good"}
    assert screen.items[0].code == "device"
    assert screen.position == ()
    assert screen.pre_step == ""


def _no_policy(ready: Ready) -> None:
    ready.clinic.wall.set(ago(days=-1))


def _bad_day(ready: Ready) -> None:
    ready.fill_in("daily", A_GOOD_DAY | {"metal_removed": False})


def _needs_physician(ready: Ready) -> None:
    ready.fill_in("screening", NO_SCREENING | {"cochlear_implant": True})


def _withdrawn(ready: Ready) -> None:
    ready.withdraw(ready.made)


def _new_threshold_in_band(ready: Ready) -> None:
    ready.measure(46, ago(minutes=1))


def _new_threshold_out_of_band(ready: Ready) -> None:
    ready.measure(52, ago(minutes=1))


def _on_hold(ready: Ready) -> None:
    event = AdverseEvent(ready.patient_uid, What.SYNCOPE, 2, ago(minutes=2))
    record_adverse_event(ready.station, ready.technician, event)


def _nothing(_ready: Ready) -> None:
    pass


@pytest.mark.parametrize(
    "wrong",
    [
        _nothing,
        _bad_day,
        _needs_physician,
        _withdrawn,
        _new_threshold_in_band,
        _new_threshold_out_of_band,
        _on_hold,
        _no_policy,
    ],
)
def test_the_list_and_the_gate_never_disagree(ready: Ready, wrong: object) -> None:
    """The page asks with an order that nobody signed; the gate with the one that is signed."""
    wrong(ready)  # type: ignore[operator]
    with ready.trusting() as trusted:
        shown = preview(trusted, ready.station, ready.technician.enrolment, Wanted(ready.made.uid))
    challenge = new_challenge()
    order = sign_order(ready.station, ready.technician, shown, challenge, DEVICE)
    found = examine(order, ready.station.database, challenge).checks()
    if wrong is _no_policy:
        assert {one.code for one in shown.checks} == {one.code for one in found}
    else:
        assert [(one.code, one.answer, one.sentence) for one in shown.checks] == [
            (one.code, one.answer, one.sentence) for one in found
        ]


def test_each_refusal_has_its_one_next_action_and_comes_first(ready: Ready) -> None:
    _bad_day(ready)
    found = items(ready)
    assert (found["daily"].state, found["daily"].opens) == ("bad", "daily")
    assert next(iter(found)) == "daily"
    _needs_physician(ready)
    found = items(ready)
    assert (found["screening"].state, found["screening"].opens) == ("note", "approvals")
    _new_threshold_out_of_band(ready)
    screen = before(ready)
    assert isinstance(screen, BeforeScreen)
    assert (screen.doses, screen.strips) == ((), ())
    assert not screen.ready
    assert items(ready)["dose"].opens == "approvals"


def test_a_change_of_medication_prompts_for_the_threshold_and_refuses_nothing(ready: Ready) -> None:
    assert items(ready)["threshold"].state == "good"
    with ready.trusting() as trusted:
        details = patient(trusted, ready.patient_uid).details
    taken = replace(details, medications=(Medication("bupropion", "150 mg"),))
    edit_patient(ready.station, ready.technician, ready.patient_uid, taken)
    one = items(ready)["threshold"]
    assert (one.state, one.refuses, one.opens) == ("warn", False, "threshold")
    assert one.sentence.endswith(
        "The medication changed since; it can raise or lower the threshold."
    )


def test_a_threshold_that_is_due_says_so_and_still_counts(tmp_path: Path) -> None:
    ready = make_ready(tmp_path, RemeasureBand(3, 60), short=True)
    assert items(ready)["threshold"].state == "good"
    ready.clinic.wall.set(ago(days=-7))
    found = items(ready)
    assert found["threshold"].state == "warn"
    assert found["threshold"].opens == "threshold"
    assert not found["threshold"].refuses


def test_a_simulated_stimulator_and_a_patients_record_exclude_each_other(ready: Ready) -> None:
    item = items(ready, simulated=True)["device"]
    assert item.refuses
    assert "takes no simulated session" in item.sentence


def test_without_a_prescription_there_is_nothing_to_give(ready: Ready) -> None:
    _withdrawn(ready)
    screen = before(ready)
    assert isinstance(screen, NothingToGive)
    assert screen.page == "approvals"


def test_a_session_is_told_signed_and_settled(ready: Ready) -> None:
    run = ready.treat()
    uid = run.result.session_uid
    assert to_settle(ready) == uid
    screen = after(ready, uid)
    assert screen.headline == "Delivered as planned"
    assert screen.sentences == ("18 of 18 pulses are known to have been given.",)
    assert dict(screen.facts)["Intensity"] == "54 %MSO; prescribed 54 %MSO"
    assert screen.next_due == "Session 2 of 20: tomorrow"
    assert (screen.early, screen.may_close, screen.signed, screen.settled) == (
        False,
        False,
        "",
        False,
    )
    secret = (password_of("technician"), "technician")
    sign_delivery(ready.station, ready.technician, screen, secret)
    signed = after(ready, uid)
    assert signed.signed.startswith("Signed by Technician Somebody")
    assert signed.settled
    assert to_settle(ready) == ""


def test_a_session_on_another_threshold_names_its_own_dose_beside_the_signed_one(
    ready: Ready,
) -> None:
    _new_threshold_in_band(ready)
    screen = after(ready, ready.treat().result.session_uid)
    assert dict(screen.facts)["Intensity"] == (
        "55 %MSO; prescribed 55 %MSO (signed as 54 %MSO, on another threshold)"
    )


def test_nobody_signs_that_they_delivered_what_somebody_else_did(ready: Ready) -> None:
    screen = after(ready, ready.treat().result.session_uid)
    assert screen.delivered_by == ready.technician.user_uid
    other = ready.physician
    name = "physician"
    with pytest.raises(ClinicRefused, match="Somebody else delivered"):
        sign_delivery(ready.station, other, screen, (password_of(name), name))
    assert after(ready, screen.session_uid).signed == ""


def test_what_is_noted_later_stands_beside_the_session(ready: Ready) -> None:
    uid = ready.treat().result.session_uid
    note_late(ready.station, ready.technician.user_uid, uid, "comfort 7 of 10")
    put_late(ready.station, uid, PutOnRecord(EventKind.NOTE, "late", ready.technician.user_uid))
    screen = after(ready, uid)
    assert screen.comfort == "7 of 10"
    assert screen.told[-1].endswith("note: late")
    with pytest.raises(ClinicRefused, match="no session"):
        put_late(ready.station, "", PutOnRecord(EventKind.NOTE, "late", "console"))


def test_a_session_that_ended_early_is_closed_with_a_reason(ready: Ready) -> None:
    uid = stopped_in_train(ready, 2)
    screen = after(ready, uid)
    assert screen.may_resume
    assert (screen.headline, screen.early) == ("Stopped before its end", True)
    assert "Why it ended: asked to stop." in screen.sentences
    with pytest.raises(ClinicRefused, match="Say why"):
        close_session(ready.station, ready.technician, uid, "  ")
    close_session(ready.station, ready.technician, uid, "went home")
    closed = after(ready, uid)
    assert (closed.closed, closed.may_resume, closed.may_close) == ("went home", False, False)
    assert said_of(ready.station.database, uid)[-1].detail == "closed without going on: went home"


def test_a_screening_is_looked_at_again_and_a_check_of_today_begins_empty(ready: Ready) -> None:
    with ready.trusting() as trusted:
        screening = form_screen(trusted, ready.patient_uid, "screening")
        daily = form_screen(trusted, ready.patient_uid, "daily")
    assert screening.answers["pregnancy"] is False
    assert "last time" in screening.lead
    assert daily.answers == {}
    state = form_state(daily.form, {})
    assert (state.missing, state.complete) == (9, False)
    assert form_state(daily.form, A_GOOD_DAY).complete


def test_a_threshold_is_measured_again_as_the_signed_one_was(ready: Ready) -> None:
    screen = before(ready)
    assert isinstance(screen, BeforeScreen)
    (entry,) = threshold_entries(screen)
    assert "Within 3 %MSO" in entry.note
    record_threshold(ready.station, ready.technician, entry.measurement(46, ago(seconds=1)))
    changed = before(ready)
    assert isinstance(changed, BeforeScreen)
    assert changed.doses[0].intensity_pct_mso == 55
    assert "block 1: threshold 45 -> 46 %MSO, intensity 54 -> 55 %MSO." in changed.changed


def test_the_number_of_a_pulse_tells_where_reading_goes_on(ready: Ready) -> None:
    uid = ready.treat().result.session_uid
    rows = new_pulses(ready.station.database, uid, 7)
    assert rows.number.tolist() == list(range(7, 19))
    assert set(rows.outcome) == {"delivered"}
    assert new_pulses(ready.station.database, uid, 19).number.size == 0


def test_nothing_left_open_settles_to_nothing(ready: Ready) -> None:
    assert settle_left_open(ready.station, RealClock()) == ()


def test_a_physician_may_order_too_and_qa_is_refused(ready: Ready) -> None:
    with ready.trusting() as trusted:
        shown = preview(
            trusted,
            ready.station,
            ready.clinic.people[Role.QA].enrolment,
            Wanted(ready.made.uid, today_pct_mt=(Fraction(120),)),
        )
    with pytest.raises(Exception, match="may sign a start order"):
        sign_order(ready.station, ready.clinic.people[Role.QA], shown, new_challenge(), DEVICE)


def test_a_late_event_is_written_as_it_came(ready: Ready) -> None:
    from tms_console.clinic.adverse_events import (  # noqa: PLC0415 - beside its one use
        adverse_event_record,
        adverse_events_of,
    )
    from tms_console.clinic.entries import Made  # noqa: PLC0415

    event = AdverseEvent(ready.patient_uid, What.HEADACHE, 1, ago(minutes=1))
    record = adverse_event_record(event, Made.now(ready.station, ready.technician))
    put_late(ready.station, "", PutAdverseEvent(record))
    with ready.trusting() as trusted:
        (found,) = adverse_events_of(trusted, ready.patient_uid)
    assert found.uid == record.uid


def test_a_real_stimulator_that_nobody_reviewed_is_refused_in_the_list(ready: Ready) -> None:
    one = items(ready, device="/dev/ttyUSB0", driver="rapid2")["device"]
    assert one.refuses
    assert one.sentence == (
        "The driver for the Magstim Rapid² (240 V) has not been reviewed, so no real Magstim "
        "Rapid² (240 V) treats a patient with this program. Choose another stimulator."
    )
    assert not items(ready, device="/dev/ttyUSB0", driver="magpro")["device"].refuses


def test_what_a_stimulator_cannot_make_is_refused_in_the_list_before_anything_is_opened(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = registry.DRIVERS["rapid2"]
    monkeypatch.setitem(registry.DRIVERS, "rapid2", replace(entry, reviewed=True))
    one = items(ready, device="/dev/ttyUSB0", driver="rapid2")["device"]
    assert one.refuses
    assert one.sentence.startswith(
        "Magstim Rapid² (240 V) cannot make bursts such as theta burst over its serial line"
    )
    assert one.sentence.endswith(" Choose another stimulator, or another prescription.")
    monkeypatch.setitem(registry.DRIVERS, "rapid2", replace(entry, reviewed=True, at_best=None))
    assert not items(ready, device="/dev/ttyUSB0", driver="rapid2")["device"].refuses


def test_who_starts_states_the_coil_where_the_stimulator_does_not_name_it(ready: Ready) -> None:
    asked = items(ready, driver="rapid2")["coil"]
    assert (asked.refuses, asked.action, asked.opens) == (True, "It is figure-8", "coil")
    screen = before(ready, driver="rapid2", coil_stated=True)
    assert isinstance(screen, BeforeScreen)
    said = next(one for one in screen.items if one.code == "coil")
    assert (said.refuses, "It was not read" in said.sentence) == (False, True)
    assert screen.shown.ordered.stated_coil == "figure-8"


def test_nobody_states_the_coil_of_a_stimulator_that_names_it(ready: Ready) -> None:
    screen = before(ready, driver="magpro", coil_stated=True)
    assert isinstance(screen, BeforeScreen)
    assert "coil" not in {one.code for one in screen.items}
    assert screen.shown.ordered.stated_coil is None
