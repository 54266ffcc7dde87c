"""Whole searches for a threshold: order, gate, device, record, replay; and every bound refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from protocols.finding_log import (
    Answered,
    Decided,
    Entry,
    MethodBegun,
    Placed,
    TakenBack,
    Verdict,
)
from protocols.policy import FinderRole, Policy
from protocols.threshold import Answer, Finding, Settings
from tests.clinic.prescribing import secret
from tests.delivery.finding import (
    AIM,
    answer,
    give,
    give_at_once,
    ordered,
    say,
    search,
    set_to,
    whole,
)
from tests.delivery.sessions import Rehearsal
from tests.delivery.treatments import FORMS, NO_SCREENING, Ready, ago, make_ready
from tms_console.accounts.verification import verify_accounts
from tms_console.clinic.day import had, local_day
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.policies import approve_policy, policy_in_force, propose_policy
from tms_console.clinic.series import Series, read_series, record_series, series_of
from tms_console.clinic.thresholds import threshold, thresholds_of, withdraw_threshold
from tms_console.clinic.verdicts import Decision
from tms_console.delivery.controls import Controls
from tms_console.delivery.finding_authority import finding_facts
from tms_console.delivery.snapshot import Snapshot
from tms_console.records.values import new_uid
from tms_console.records.verify import verify

SETTINGS = Settings(highest_pct_mso=90)


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path, short=True)


def read(ready: Ready, run: Rehearsal) -> Series:
    with ready.trusting() as trusted:
        return read_series(trusted, ready.station.database, run.result.session_uid)


def policy_with(ready: Ready, **finding: object) -> Policy:
    """Put another policy in force."""
    with ready.trusting() as trusted:
        held = policy_in_force(trusted, ready.station.wall())
    assert held is not None
    old = held.policy
    most = finding.pop("most_pulses_a_day", old.most_pulses_a_day)
    bounds = replace(old.threshold_finding, **finding)  # type: ignore[arg-type]
    made = replace(
        old,
        uid=new_uid(),
        version=old.version + 1,
        supersedes=old.uid,
        threshold_finding=bounds,
        most_pulses_a_day=most,  # type: ignore[arg-type]
    )
    propose_policy(ready.station, ready.physician, made)
    told = Decision(made.uid, made.digest())
    approve_policy(ready.station, ready.physician, told, *secret(ready.physician))
    return made


def test_a_whole_search_gives_a_threshold_whose_record_replays_bit_for_bit(ready: Ready) -> None:
    acts, log = whole(
        47,
        SETTINGS,
        [set_to(60), say(Placed(1, -1)), give, answer(Answer.MOVED)],
    )
    run = search(ready, acts)
    assert run.state == "completed", run.result.reason
    series = read(ready, run)
    assert series.accepted
    assert series.log.series == log.series
    assert series.log.given[0].place == Placed(1, -1)
    assert len(run.commands) == len(log.given) + 1
    uid = record_series(ready.station, ready.technician, series.session_uid)
    with ready.trusting() as trusted:
        found = threshold(trusted, uid).measured
        pulses = had(trusted, ready.patient_uid, local_day(ready.station.wall(), "UTC"), "UTC")
    assert found.found is not None
    answers = {True: Answer.MOVED, False: Answer.STILL, None: Answer.UNCLEAR}
    again = Finding(found.found.settings)
    for one in found.stimuli:
        again = again.record(answers[one.answered], one.intensity_pct_mso)
    standing = again.standing
    assert (found.found.estimate, found.found.low, found.found.high) == (
        repr(standing.estimate_pct_mso),
        repr(standing.low),
        repr(standing.high),
    )
    assert float(found.found.low) <= 47 <= float(found.found.high)
    assert (found.muscle, found.side, found.coil, found.kind) == (
        AIM.muscle,
        AIM.side,
        AIM.coil,
        AIM.kind,
    )
    assert pulses.finding_pulses == len(run.commands)
    assert pulses.sessions == 0
    with pytest.raises(ClinicRefused, match="on record already"):
        record_series(ready.station, ready.technician, series.session_uid)
    path = ready.station.database.path
    assert verify(path).findings == ()
    assert verify_accounts(path, ready.station.anchor.public).findings == ()


def test_each_stimulus_is_on_disk_before_its_one_command_and_disarmed_after(ready: Ready) -> None:
    run = search(ready, [set_to(50), give, answer(Answer.MOVED), set_to(44), give])
    assert [one.intensity_pct_mso for one in run.pulses] == [50, 44]
    assert [one.outcome for one in run.pulses] == ["delivered", "delivered"]
    assert [one.train for one in run.pulses] == [1, 2]
    first, second = (one.planned_ns for one in run.pulses)
    assert first is not None
    assert second is not None
    assert second - first >= 3_000_000_000
    for command in run.commands:
        before = [one for one in run.wrote if one.at_ns < command.at_ns]
        after = [one for one in run.wrote if one.at_ns > command.at_ns]
        assert [one for one in before if one.arms or one.disarms][-1].arms
        assert next(one for one in after if one.arms or one.disarms).disarms


def test_a_mistaken_answer_is_taken_back_and_both_stay_on_record(ready: Ready) -> None:
    run = search(
        ready,
        [
            say(MethodBegun(SETTINGS)),
            set_to(66),
            give,
            answer(Answer.STILL),
            say(TakenBack(1)),
            answer(Answer.MOVED),
        ],
    )
    series = read(ready, run)
    assert [one.answer for one in series.log.series] == [Answer.MOVED]
    assert series.log.taken_back == 1
    assert sum('"do":"answered"' in one for one in run.events("state")) == 2


def test_a_series_that_was_stopped_is_kept_marked_and_gives_no_threshold(ready: Ready) -> None:
    run = search(ready, [set_to(50), give, answer(Answer.MOVED)])
    series = read(ready, run)
    assert run.state == "stopped"
    assert series.standing == "aborted (stopped)"
    assert len(series.log.given) == 1
    with pytest.raises(ClinicRefused, match="not accepted"):
        record_series(ready.station, ready.technician, series.session_uid)
    with ready.trusting() as trusted:
        assert [
            one.standing for one in series_of(trusted, ready.station.database, ready.patient_uid)
        ] == ["aborted (stopped)"]


def test_a_rejected_series_keeps_its_reason_and_gives_no_threshold(ready: Ready) -> None:
    rejected = Decided(Verdict.REJECTED, None, "the coil slipped")
    run = search(ready, [set_to(50), give, answer(Answer.MOVED), say(rejected)])
    series = read(ready, run)
    assert run.state == "completed"
    assert series.standing == "rejected"
    assert series.decided == rejected
    with pytest.raises(ClinicRefused, match="not accepted"):
        record_series(ready.station, ready.technician, series.session_uid)


def test_an_order_that_comes_too_soon_is_refused_and_not_kept(ready: Ready) -> None:
    run = search(ready, [set_to(50), give, answer(Answer.MOVED), give_at_once])
    assert len(run.commands) == 1
    assert any("too soon after the last one" in one for one in run.events("gate"))
    (told,) = run.not_taken
    assert (told.what, told.stimulus) == ("stimulus", 2)
    assert "too soon after the last one" in told.words


def test_no_stimulus_follows_one_without_an_answer(ready: Ready) -> None:
    run = search(ready, [set_to(50), give, give])
    assert len(run.commands) == 1
    assert any("has no answer yet" in one for one in run.events("gate"))
    assert [(one.what, one.stimulus) for one in run.not_taken] == [("stimulus", 2)]


def test_an_order_for_another_stimulus_or_intensity_gives_nothing(ready: Ready) -> None:
    """A message that comes twice, or one that was meant for what stood there before."""

    def stale(controls: object, snapshot: object) -> bool:
        controls.give_one(snapshot.train, snapshot.intensity_pct_mso + 1)  # type: ignore[attr-defined]
        controls.give_one(snapshot.train + 1, snapshot.intensity_pct_mso)  # type: ignore[attr-defined]
        return True

    run = search(ready, [set_to(50), stale])
    assert not run.commands
    assert sum("the next one is stimulus 1 at 50 %MSO" in one for one in run.events("gate")) == 2


def test_an_answer_to_a_stimulus_that_was_not_given_is_refused(ready: Ready) -> None:
    run = search(ready, [set_to(50), say(Answered(1, Answer.MOVED))])
    assert read(ready, run).log.series == ()
    assert any("0 were given" in one for one in run.events("fault"))
    (told,) = run.not_taken
    assert told.what == "entry"
    assert told.words.startswith("refused the answer to stimulus 1: ")


def test_an_accept_of_another_value_than_the_series_gives_is_refused_and_told(
    ready: Ready,
) -> None:
    acts, _ = whole(43, SETTINGS)
    value = 60
    run = search(ready, [*acts[:-1], say(Decided(Verdict.ACCEPTED, value))])
    assert not read(ready, run).accepted
    (told,) = run.not_taken
    assert told.what == "decision"
    assert "refused Accept: the series gives 4" in told.words


def test_an_order_that_comes_twice_gives_one_stimulus_and_does_not_take_the_first_back(
    ready: Ready,
) -> None:
    def twice(controls: Controls, snapshot: Snapshot) -> bool:
        done = give(controls, snapshot)
        if done:
            give(controls, snapshot)
        return done

    run = search(ready, [set_to(50), twice, answer(Answer.MOVED)])
    assert len(run.commands) == 1
    assert [(one.what, one.stimulus) for one in run.not_taken] == [("stimulus", 0)]


def test_an_intensity_that_the_policy_forbids_is_told(ready: Ready) -> None:
    run = search(ready, [set_to(50), set_to(100)])
    assert [one.what for one in run.not_taken] == ["intensity"]


@pytest.mark.parametrize(
    "entry", [TakenBack(1), MethodBegun(SETTINGS), Placed(1, 1)], ids=["undo", "method", "place"]
)
def test_what_is_pressed_right_after_stimulate_does_not_touch_what_was_ordered(
    ready: Ready, entry: Entry
) -> None:
    """Both keys can arrive in one look: the stimulus is booked as whoever ordered it saw it."""

    def both(controls: Controls, snapshot: Snapshot) -> bool:
        done = give(controls, snapshot)
        if done:
            controls.say(entry, "technician")
        return done

    run = search(ready, [set_to(50), give, answer(Answer.MOVED), both, answer(Answer.STILL)])
    log = read(ready, run).log
    assert [one.answer for one in log.given] == [Answer.MOVED, Answer.STILL]
    assert (log.place, log.settings, log.taken_back) == (Placed(0, 0), None, 0)
    assert any("a stimulus is under way" in one for one in run.events("fault"))


def test_a_pause_pressed_right_after_stimulate_takes_the_order_back(ready: Ready) -> None:
    def both(controls: Controls, snapshot: Snapshot) -> bool:
        controls.give_one(snapshot.train, snapshot.intensity_pct_mso)
        controls.pause("F8")
        return True

    run = search(ready, [set_to(50), both])
    assert not run.commands
    assert [(one.what, one.stimulus) for one in run.not_taken] == [("stimulus", 1)]
    assert "taken back and is not given: F8" in run.not_taken[0].words


def test_a_window_that_goes_silent_ends_the_series_as_it_ends_a_treatment(ready: Ready) -> None:
    def silent(controls: Controls, _snapshot: Snapshot) -> bool:
        controls.lose_host("the window did not answer for 2.1 s")
        return True

    run = search(ready, [set_to(50), give, answer(Answer.MOVED), silent, give])
    assert run.state == "interrupted"
    assert len(run.commands) == 1
    assert read(ready, run).standing == "aborted (interrupted)"


def test_going_on_gives_nothing_by_itself(ready: Ready) -> None:
    """Resume goes on with a treatment; a search gives what is ordered one by one."""

    def resume(controls: Controls, _snapshot: Snapshot) -> bool:
        controls.resume()
        return True

    run = search(ready, [set_to(50), resume, resume])
    assert not run.commands


@pytest.mark.parametrize("fault", ["drop_pulse@1", "coil_hot@1", "unplug@1"])
def test_a_device_that_fails_ends_the_series_and_nothing_more_is_given(
    ready: Ready, fault: str
) -> None:
    acts = [set_to(50), give, answer(Answer.MOVED), set_to(45), give, answer(Answer.STILL), give]
    run = search(ready, acts, faults=(fault,))
    assert run.state == "failed", (run.result, run.outcomes)
    assert len(run.commands) <= 2
    assert read(ready, run).standing == "aborted (failed)"


# What the gate refuses before the series ----------------------------------------------------------


def refused(run: Rehearsal) -> str:
    assert run.result.state is None
    assert not run.was_opened or not run.commands
    return run.result.reason


def test_the_policy_says_who_may(ready: Ready) -> None:
    policy_with(ready, roles=(FinderRole.PHYSICIAN,))
    assert "lets physician look for a threshold" in refused(search(ready, [give]))
    assert search(ready, [set_to(40), give], by=ready.physician).state == "stopped"


def test_a_first_threshold_is_found_only_on_a_physicians_order(ready: Ready) -> None:
    with ready.trusting() as trusted:
        known = [one.uid for one in thresholds_of(trusted, ready.patient_uid)]
    for uid in known:
        withdraw_threshold(ready.station, ready.technician, uid, "another patient's")
    assert "first threshold" in refused(search(ready, [give]))
    run = search(ready, [set_to(40), give], by=ready.physician)
    assert run.state == "stopped", run.result.reason


@pytest.mark.parametrize("form", ["screening", "identity", "ears"])
def test_a_check_that_is_missing_refuses(tmp_path: Path, form: str) -> None:
    forms = [one for one in ("screening", "daily", "identity", "ears", "extra") if one != form]
    made = make_ready(tmp_path, short=True, forms=forms)
    assert "was not filled in" in refused(search(made, [give]))


@pytest.mark.parametrize("form", ["identity", "ears"])
def test_who_is_in_the_chair_is_asked_again_before_another_search(ready: Ready, form: str) -> None:
    """As before every treatment: somebody else may sit there by now."""
    search(ready, [set_to(50), give, answer(Answer.MOVED)])
    for one in {"identity", "ears"} - {form}:
        ready.fill_in(one, FORMS[one])
    told = refused(search(ready, [give]))
    assert told.count("and before the last session") == 1


def test_after_a_search_that_was_cut_off_the_interval_counts_from_when_it_was_closed(
    ready: Ready,
) -> None:
    """Nobody saw its end, and its last stimulus may have come long after it began."""
    run = search(ready, [set_to(50), give, answer(Answer.MOVED)])
    uid = run.result.session_uid
    with ready.trusting() as trusted:
        seen = trusted.sessions[uid]
        assert seen.ended is not None
        trusted.sessions[uid] = replace(
            seen,
            begun=seen.begun | {"started_at": ago(minutes=20)},
            ended=seen.ended | {"ended_at": None},
        )
        held = policy_in_force(trusted, ago())
        assert held is not None
        facts = finding_facts(trusted, ago(), held.policy, ready.patient_uid)
    assert facts.since_last_s is not None
    assert facts.since_last_s < 20 * 60


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"authority_digest": "f" * 64}, "under another policy"),
        ({"nonce": "f" * 64}, "not an answer to this program's question"),
        ({"session_uid": new_uid()}, "not an answer to this program's question"),
        ({"authority_uid": new_uid()}, "under another policy"),
        ({"aim": None, "threshold_uids": (new_uid(),)}, "none of a search for a threshold"),
    ],
    ids=["digest", "nonce", "session", "policy", "treatment"],
)
def test_an_order_for_anything_else_refuses(
    ready: Ready, changed: dict[str, object], told: str
) -> None:
    assert told in refused(search(ready, [give], changed=changed))


def test_a_policy_that_was_replaced_since_the_order_refuses(ready: Ready) -> None:
    run = ordered(ready, [give])
    policy_with(ready, highest_pct_mso=80)
    assert "under another policy" in refused(run.run())


def test_a_treatment_cannot_rest_on_the_order_of_a_search(ready: Ready) -> None:
    """Nor a search on the order of a treatment: the gate asks which it was."""
    run = ordered(ready, [give])
    order = run.order(None)  # type: ignore[arg-type]
    run.order = lambda _: replace(order, kind="treatment")
    assert run.run().result.state is None
    assert not run.commands


# What it refuses before a stimulus ----------------------------------------------------------------


def test_an_intensity_above_the_policy_is_not_even_set(ready: Ready) -> None:
    policy_with(ready, highest_pct_mso=60)
    run = search(ready, [set_to(60), set_to(61), give])
    assert [one.intensity_pct_mso for one in run.pulses] == [60]
    assert any("refused: 61 %MSO: allowed 1 to 60" in one for one in run.events("intensity"))


def test_no_more_stimuli_than_the_policy_allows(ready: Ready) -> None:
    policy_with(ready, most_stimuli=2)
    acts = [set_to(40), give, answer(Answer.STILL), give, answer(Answer.STILL), give]
    run = search(ready, acts)
    assert len(run.commands) == 2
    assert any("allows no more in one series" in one for one in run.events("gate"))


def test_a_stricter_policy_counts_from_the_next_stimulus_on(ready: Ready) -> None:
    def narrow(_controls: object, _snapshot: object) -> bool:
        policy_with(ready, highest_pct_mso=45)
        return True

    run = search(ready, [set_to(50), give, answer(Answer.MOVED), narrow, give])
    assert len(run.commands) == 1
    assert run.state == "failed"
    assert "the policy allows 1 to 45 %MSO" in run.result.reason


def test_a_screening_answer_that_changed_stops_the_series(ready: Ready) -> None:
    def answers(_controls: object, _snapshot: object) -> bool:
        ready.fill_in("screening", NO_SCREENING | {"cochlear_implant": True})
        return True

    run = search(ready, [set_to(50), give, answer(Answer.MOVED), answers, give])
    assert len(run.commands) == 1
    assert run.state == "failed"
    assert "not cleared by a physician" in run.result.reason


def test_single_stimuli_count_where_a_days_pulses_are_limited(ready: Ready) -> None:
    policy_with(ready, most_pulses_a_day=2)
    twice = [give, answer(Answer.MOVED)] * 2
    run = search(ready, [set_to(50), *twice, give])
    assert len(run.commands) == 2
    told = refused(search(ready, [set_to(50), give]))
    assert "2 pulses were given today; the policy allows 2 a day" in told


def test_thresholds_found_stay_with_their_patient(ready: Ready) -> None:
    acts, _ = whole(52, SETTINGS)
    run = search(ready, acts)
    uid = record_series(ready.station, ready.technician, run.result.session_uid)
    with ready.trusting() as trusted:
        assert uid in {one.uid for one in thresholds_of(trusted, ready.patient_uid)}
