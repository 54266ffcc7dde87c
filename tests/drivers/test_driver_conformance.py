"""What `drivers.interface` promises, kept by every driver against its emulator.

Most of it under a virtual clock; a few short tests in real time behind a pseudo-terminal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import (
    DeliveryUncertain,
    LinkFault,
    NotConnected,
    PulseRefused,
    SettingsRefused,
    StimulatorError,
    StopRequested,
)
from drivers.interface import Direction, Frame, PulseReport, Stimulator, TrainTiming
from drivers.serial_link import SerialLink
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from tests.drivers.conformance import FOREVER_NS, MS, SUBJECTS, Rig, S, Subject, arm, deliver
from tms_console.clock import RealClock

SLICE_NS = 5 * MS
GONE = (NotConnected, LinkFault, DeliveryUncertain)


@pytest.fixture(params=SUBJECTS, ids=str)
def subject(request: pytest.FixtureRequest) -> Subject:
    chosen = request.param
    assert isinstance(chosen, Subject)
    return chosen


@pytest.fixture
def rig(subject: Subject) -> Rig:
    return Rig(subject)


subjects = st.sampled_from(SUBJECTS)


# Opening and closing -------------------------------------------------------------------------


def test_opening_gives_a_usable_device(rig: Rig) -> None:
    with rig.open() as stimulator:
        can = stimulator.capabilities
        assert stimulator.identify() == can.identity
        assert (can.identity.model, can.identity.serial) == (rig.device.model, rig.device.serial)
        status = stimulator.status()
        assert (status.armed, status.coil) == (False, can.coil)
        assert rig.stimulating == []
        assert rig.sent(rig.subject.arms) == []


@pytest.mark.parametrize("how", ["hang", "unplug"])
def test_opening_a_device_that_does_not_answer_raises_and_releases_the_port(
    rig: Rig, how: str
) -> None:
    """No half-connected object."""
    getattr(rig.device, how)()
    with pytest.raises((LinkFault, NotConnected)):
        rig.open()
    assert rig.link.closed == 1


@given(subjects, st.integers(0, 400))
def test_a_device_that_falls_silent_while_it_is_opened_is_not_opened(
    subject: Subject, at_ms: int
) -> None:
    rig = Rig(subject)
    rig.link.at_ns, rig.link.action = at_ms * MS, rig.device.hang
    try:
        rig.open()
    except LinkFault:
        assert rig.link.closed == 1
    else:
        assert rig.link.at_ns == FOREVER_NS or rig.clock.now_ns() <= rig.link.at_ns
        assert not rig.subject.standing(rig.device).armed


@pytest.mark.parametrize("error", [None, ValueError("a bug"), KeyboardInterrupt()])
def test_leaving_disarms_and_closes_whatever_happened(
    rig: Rig, error: BaseException | None
) -> None:
    with suppress(ValueError, KeyboardInterrupt), rig.prepared() as stimulator:
        stimulator.start_train(FOREVER_NS)
        assert rig.standing.armed
        if error is not None:
            raise error
    assert not rig.standing.armed
    assert rig.link.closed == 1
    fired = len(rig.device.fired)
    rig.catch_up()
    assert len(rig.device.fired) == fired


def test_closing_is_idempotent_and_afterwards_nothing_is_connected(rig: Rig) -> None:
    stimulator = rig.prepared()
    stimulator.close()
    frames = len(rig.frames)
    stimulator.close()
    assert (rig.link.closed, len(rig.frames)) == (1, frames)
    with pytest.raises(NotConnected):
        stimulator.arm()
    with pytest.raises(NotConnected):
        stimulator.fire(FOREVER_NS)
    assert not rig.standing.armed


@pytest.mark.parametrize("how", ["hang", "unplug", "restart"])
def test_closing_a_device_that_is_gone_raises_nothing(rig: Rig, how: str) -> None:
    stimulator = rig.prepared()
    getattr(rig.device, how)()
    stimulator.close()
    assert rig.link.closed == 1


# Settings ------------------------------------------------------------------------------------


def test_configure_returns_what_was_asked_for_and_does_not_arm(rig: Rig) -> None:
    with rig.open() as stimulator:
        for wanted in (*rig.subject.possible, *reversed(rig.subject.possible)):
            assert stimulator.configure(wanted) == wanted
            assert rig.standing.intensity_pct_mso == wanted.intensity_pct_mso
            assert not rig.standing.armed
        assert rig.stimulating == []


def test_what_the_device_cannot_make_is_refused_before_a_byte_is_sent(rig: Rig) -> None:
    """A refusal that says what could be prescribed; nothing is rounded or clipped in silence."""
    with rig.open() as stimulator:
        sent = len(rig.frames)
        for wanted in rig.subject.impossible:
            with pytest.raises(SettingsRefused, match=r"cannot|makes"):
                stimulator.configure(wanted)
        assert len(rig.frames) == sent


@given(subjects, st.integers(1, 60), st.sampled_from(["swallow", "corrupt", "late"]))
def test_a_spoilt_reply_never_leaves_other_settings_than_it_returns(
    subject: Subject, read: int, how: str
) -> None:
    rig = Rig(subject)
    rig.link.spoil = {read: how, read + 1: how}
    for wanted in subject.possible:
        with suppress(LinkFault, SettingsRefused), rig.open() as stimulator:
            assert stimulator.configure(wanted) == wanted
            assert rig.standing.intensity_pct_mso == wanted.intensity_pct_mso
        rig = Rig(subject)


# Arming and stimulating ----------------------------------------------------------------------


def test_disarm_is_legal_in_every_state_any_number_of_times(rig: Rig) -> None:
    with rig.open() as stimulator:
        stimulator.disarm()
        stimulator.disarm()
        stimulator.configure(rig.subject.possible[0])
        stimulator.arm()
        stimulator.arm()
        assert rig.standing.armed
        stimulator.disarm()
        assert not rig.standing.armed
        arm(stimulator, rig.clock)
        stimulator.start_train(FOREVER_NS)
        stimulator.disarm()
        assert not rig.standing.armed
        assert not rig.standing.running


@pytest.mark.parametrize("which", range(3))
def test_exactly_the_planned_pulses_come_of_one_command(rig: Rig, which: int) -> None:
    if which >= len(rig.subject.possible):
        pytest.skip("this driver has fewer kinds of trains")
    wanted = rig.subject.possible[which]
    with rig.prepared(wanted) as stimulator:
        reports = deliver(stimulator, rig.clock, wanted)
        pulses = wanted.train.pulses if wanted.timing is TrainTiming.DEVICE else 1
        assert len(rig.device.fired) == pulses
        assert {one.intensity_pct_mso for one in rig.device.fired} == {wanted.intensity_pct_mso}
        assert reports == (pulses if rig.subject.reports else 0)
        assert len(rig.stimulating) == 1
        count = stimulator.stimulus_count()
        assert count == (pulses if stimulator.capabilities.has_stimulus_counter else None)


def test_a_pulse_gives_one_receipt_with_both_times(rig: Rig) -> None:
    wanted = next(one for one in rig.subject.possible if one.timing is TrainTiming.HOST)
    with rig.prepared(wanted) as stimulator:
        receipt = stimulator.fire(FOREVER_NS)
        assert receipt is not None
        (frame,) = rig.stimulating
        assert receipt.commanded_ns == frame.at_ns < receipt.observed_ns <= rig.clock.now_ns()
        assert receipt.commanded_ns < rig.device.fired[0].at_ns < receipt.observed_ns
        later = stimulator.poll(rig.clock.now_ns() + S)
        assert not any(isinstance(event, PulseReport) for event in later)


def test_a_command_that_would_be_too_late_is_not_sent(rig: Rig) -> None:
    with rig.prepared() as stimulator:
        past_ns = rig.clock.now_ns() - 1
        assert stimulator.fire(past_ns) is None
        assert stimulator.start_train(past_ns) is None
        rig.catch_up()
        assert (rig.stimulating, rig.device.fired) == ([], ())


@pytest.mark.parametrize("call", ["fire", "start_train"])
@pytest.mark.parametrize("ahead_ms", [0, 1, 3, 17, 400])
def test_a_command_with_a_due_time_is_written_then_and_not_before(
    rig: Rig, call: str, ahead_ms: int
) -> None:
    with rig.prepared(rig.subject.settings_for(call)) as stimulator:
        due_ns = rig.clock.now_ns() + ahead_ms * MS
        assert getattr(stimulator, call)(due_ns + 2 * MS, due_ns) is not None
        assert [one.at_ns for one in rig.stimulating] == [due_ns]
        stimulator.disarm()
        stimulator.poll(rig.clock.now_ns() + S)
        late_ns = rig.clock.now_ns() + 50 * MS
        assert getattr(stimulator, call)(late_ns - 1, late_ns) is None
        assert len(rig.stimulating) == 1


@pytest.mark.parametrize("call", ["fire", "start_train"])
@pytest.mark.parametrize("stop_ms", [0, 1, 100, 395, 400])
def test_a_stop_while_a_command_comes_due_is_obeyed_and_the_command_is_not_written(
    rig: Rig, call: str, stop_ms: int
) -> None:
    stimulator = rig.prepared(rig.subject.settings_for(call))
    now_ns = rig.clock.now_ns()
    rig.stop_at_ns = now_ns + stop_ms * MS
    with pytest.raises(StopRequested):
        getattr(stimulator, call)(now_ns + S, now_ns + 400 * MS)
    assert rig.stimulating == []
    assert rig.clock.now_ns() <= rig.stop_at_ns + SLICE_NS
    rig.catch_up()
    assert (rig.standing.armed, rig.device.fired) == (False, ())


def test_a_disarmed_device_gives_nothing_and_its_driver_claims_nothing(rig: Rig) -> None:
    with rig.open() as stimulator:
        for call in ("fire", "start_train"):
            stimulator.configure(rig.subject.settings_for(call))
            with pytest.raises((PulseRefused, DeliveryUncertain)):
                getattr(stimulator, call)(FOREVER_NS)
        assert len(rig.stimulating) == 2
        assert rig.device.fired == ()


def test_a_pulse_that_somebody_else_set_off_is_reported(rig: Rig) -> None:
    if not hasattr(rig.device, "panel") or not rig.subject.reports:
        pytest.skip("this device has no panel, or does not report")
    with rig.prepared() as stimulator:
        rig.link.read(0)
        rig.device.panel.press_trigger()
        end_ns, reports = rig.clock.now_ns() + S, 0
        while rig.clock.now_ns() < end_ns:
            events = stimulator.poll(end_ns)
            reports += sum(isinstance(event, PulseReport) for event in events)
        assert reports == len(rig.device.fired) == 1


def attempt(rig: Rig, which: int) -> StimulatorError | None:
    """One whole shot, given up at the first trouble as the engine does; return the trouble."""
    wanted = rig.subject.possible[which % len(rig.subject.possible)]
    try:
        with rig.prepared(wanted) as stimulator:
            deliver(stimulator, rig.clock, wanted)
    except StimulatorError as error:
        return error
    return None


@settings(max_examples=80)
@given(
    subjects,
    st.integers(0, 2),
    st.dictionaries(
        st.integers(1, 60), st.sampled_from(["swallow", "corrupt", "late"]), max_size=4
    ),
)
def test_no_spoilt_reply_makes_a_stimulating_command_go_out_twice(
    subject: Subject, which: int, spoil: dict[int, str]
) -> None:
    """Promise 3.  A device that was told twice gives a double dose, and nobody notices."""
    rig = Rig(subject)
    rig.link.spoil = spoil
    trouble = attempt(rig, which)
    assert len(rig.stimulating) <= 1
    assert trouble is None or isinstance(trouble, (*GONE, PulseRefused, SettingsRefused))
    wanted = subject.possible[which % len(subject.possible)]
    most = wanted.train.pulses if wanted.timing is TrainTiming.DEVICE else 1
    assert len(rig.device.fired) <= most
    if isinstance(trouble, PulseRefused):
        assert rig.device.fired == ()
    if rig.stimulating and trouble is None:
        assert len(rig.device.fired) == most
    fired = len(rig.device.fired)
    rig.catch_up()
    assert not rig.standing.armed
    assert len(rig.device.fired) == fired or isinstance(trouble, StimulatorError)


@settings(max_examples=80)
@given(
    subjects,
    st.integers(0, 2),
    st.sampled_from(["hang", "unplug", "restart"]),
    st.integers(0, 7_000),
)
def test_a_device_that_goes_away_at_any_point_is_said_to_be_gone_and_nothing_else(
    subject: Subject, which: int, how: str, at_ms: int
) -> None:
    rig = Rig(subject)
    rig.link.at_ns, rig.link.action = at_ms * MS, getattr(rig.device, how)
    trouble = attempt(rig, which)
    allowed = (*GONE, PulseRefused, SettingsRefused) if how == "restart" else GONE
    assert trouble is None or isinstance(trouble, allowed)
    assert len(rig.stimulating) <= 1
    if not isinstance(trouble, DeliveryUncertain) and not rig.stimulating:
        rig.catch_up()
        assert rig.device.fired == ()


# Stop ----------------------------------------------------------------------------------------

CALLS: dict[str, Callable[[Rig, Stimulator], object]] = {
    "configure": lambda rig, one: one.configure(rig.subject.possible[-1]),
    "arm": lambda _, one: one.arm(),
    "fire": lambda _, one: one.fire(FOREVER_NS),
    "start_train": lambda _, one: one.start_train(FOREVER_NS),
    "poll": lambda rig, one: one.poll(rig.clock.now_ns() + 10 * S),
    "status": lambda _, one: one.status(),
    "identify": lambda _, one: one.identify(),
    "stimulus_count": lambda _, one: one.stimulus_count(),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("hung", [False, True])
@pytest.mark.parametrize("after_ms", [0, 1, 7, 23, 60, 200, 450])
def test_a_stop_during_any_call_writes_disarm_at_once(
    rig: Rig, call: str, hung: bool, after_ms: int
) -> None:
    """Within one look at the flag, 5 ms, whatever is still awaited; and nothing goes out after."""
    stimulator = rig.prepared(rig.subject.settings_for(call) if call == "fire" else None)
    if hung:
        rig.device.hang()
    rig.stop_at_ns = rig.clock.now_ns() + after_ms * MS
    try:
        CALLS[call](rig, stimulator)
    except StopRequested:
        pass
    except DeliveryUncertain:
        assert call in {"fire", "start_train"}
    except LinkFault:
        assert hung
        assert rig.clock.now_ns() < rig.stop_at_ns
    if not rig.stop_requested():
        return  # it was over before
    ended_just_then = rig.clock.now_ns() <= rig.stop_at_ns + SLICE_NS
    armed_ns = rig.sent(rig.subject.arms)[-1].at_ns
    disarms = [one.at_ns for one in rig.sent(rig.subject.disarms) if one.at_ns >= armed_ns]
    assert ended_just_then or disarms[0] <= rig.stop_at_ns + SLICE_NS
    assert not [one for one in rig.stimulating if one.at_ns >= rig.stop_at_ns]
    rig.stop_at_ns = FOREVER_NS
    if not hung:
        stimulator.disarm()
        assert not rig.standing.armed


@pytest.mark.parametrize("call", ["fire", "start_train"])
def test_after_a_stop_no_stimulating_command_is_written(rig: Rig, call: str) -> None:
    stimulator = rig.prepared(rig.subject.settings_for(call))
    rig.stop_at_ns = 0
    for _ in range(3):
        with pytest.raises(StopRequested):
            CALLS[call](rig, stimulator)
    assert rig.stimulating == []
    rig.catch_up()
    assert rig.device.fired == ()
    assert not rig.standing.armed


def test_disarm_itself_is_not_disturbed_by_a_stop(rig: Rig) -> None:
    stimulator = rig.prepared()
    rig.stop_at_ns = 0
    stimulator.disarm()
    assert not rig.standing.armed


def test_a_stop_with_the_cable_out_says_that_disarm_could_not_be_written(rig: Rig) -> None:
    stimulator = rig.prepared()
    rig.device.unplug()
    rig.stop_at_ns = 0
    with pytest.raises(StopRequested, match="could not be written"):
        stimulator.poll(rig.clock.now_ns() + S)


# What passes on the wire ---------------------------------------------------------------------


def test_every_byte_is_in_the_frame_log_with_its_time(rig: Rig) -> None:
    with rig.prepared() as stimulator:
        deliver(stimulator, rig.clock, rig.subject.possible[0])
    sent = [one for one in rig.frames if one.direction is Direction.SENT]
    assert sum(len(one.data) for one in sent) == rig.link.bytes_written
    times = [one.at_ns for one in rig.frames]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= rig.clock.now_ns()


def test_queries_are_repeated_when_their_answer_is_lost(rig: Rig) -> None:
    with rig.open() as stimulator:
        before = len(rig.frames)
        stimulator.status()
        asked = [one.data for one in rig.frames[before:] if one.direction is Direction.SENT]
        rig.link.spoil = {rig.link.reads + 1: "swallow"}
        before = len(rig.frames)
        assert stimulator.status().armed is False
        sent = [one.data for one in rig.frames[before:] if one.direction is Direction.SENT]
        assert sent == [asked[0], *asked]


def test_arm_is_sent_once_even_if_its_answer_is_lost(rig: Rig) -> None:
    with rig.open() as stimulator:
        stimulator.configure(rig.subject.possible[0])
        rig.link.spoil = {rig.link.reads + number: "swallow" for number in range(1, 4)}
        with suppress(LinkFault, PulseRefused):
            stimulator.arm()
        assert len(rig.sent(rig.subject.arms)) == 1


OPERATIONS = ("configure", "arm", "disarm", "fire", "start", "poll", "long poll", "count", "panel")


@settings(max_examples=60)
@given(
    subjects,
    st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 2)), max_size=14),
)
def test_no_order_of_calls_brings_driver_and_device_out_of_step(
    subject: Subject, calls: list[tuple[str, int]]
) -> None:
    rig = Rig(subject)
    with rig.open() as stimulator:
        commanded = 0
        for name, which in calls:
            fired = len(rig.device.fired)
            try:
                operate(rig, stimulator, name, which)
            except StimulatorError as error:
                assert not isinstance(error, StopRequested | NotConnected)  # noqa: PT017
            commanded += name in {"fire", "start"}
            assert len(rig.stimulating) <= commanded
            if name == "disarm":
                rig.link.read(0)
                assert not rig.standing.armed
                fired = len(rig.device.fired)
                stimulator.poll(rig.clock.now_ns() + S)
                assert len(rig.device.fired) == fired
            status = stimulator.status()
            assert (status.armed, status.intensity_pct_mso) == (
                rig.standing.armed,
                rig.standing.intensity_pct_mso,
            )


def operate(rig: Rig, stimulator: Stimulator, name: str, which: int) -> None:
    match name:
        case "configure":
            wanted = rig.subject.possible[which % len(rig.subject.possible)]
            assert stimulator.configure(wanted) == wanted
            assert rig.standing.intensity_pct_mso == wanted.intensity_pct_mso
        case "arm":
            stimulator.arm()
            assert rig.standing.armed
        case "disarm":
            stimulator.disarm()
        case "fire":
            fired = len(rig.device.fired)
            assert stimulator.fire(FOREVER_NS) is not None
            assert len(rig.device.fired) > fired
        case "start":
            assert stimulator.start_train(FOREVER_NS) is not None
        case "poll":
            stimulator.poll(rig.clock.now_ns() + which * 40 * MS)
        case "long poll":
            stimulator.poll(rig.clock.now_ns() + 2 * S)
        case "count":
            stimulator.stimulus_count()
        case "panel" if hasattr(rig.device, "panel"):
            rig.device.panel.turn_knob(3)


# Behind a pseudo-terminal, in real time ------------------------------------------------------


@contextmanager
def hosted(
    subject: Subject, folder: Path, stop: Callable[[], bool] = lambda: False
) -> Iterator[tuple[Stimulator, Host, list[Frame]]]:
    device, frames, clock = subject.build(), list[Frame](), RealClock()
    with hosted_in_thread(Host(device, PtyPort(folder / "port"))) as host:
        link = SerialLink(host.port.name, 38_400, clock)
        with subject.open(link, clock, frames.append, stop) as stimulator:
            yield stimulator, host, frames


def test_a_train_in_real_time_behind_a_pseudo_terminal(subject: Subject, tmp_path: Path) -> None:
    wanted = subject.possible[0]
    with hosted(subject, tmp_path) as (stimulator, host, frames):
        assert stimulator.configure(wanted) == wanted
        arm(stimulator, RealClock())
        reports = deliver(stimulator, RealClock(), wanted)
        assert reports == (wanted.train.pulses if subject.reports else 0)
        assert len(host.device.fired) == wanted.train.pulses
        stimulator.disarm()
        assert not subject.standing(host.device).armed
    sent = [one.data for one in frames if one.direction is Direction.SENT]
    assert sum(subject.stimulates(data) for data in sent) == 1


def test_a_stop_in_real_time_ends_the_train_in_hand(subject: Subject, tmp_path: Path) -> None:
    if subject.possible[0].train.pulses == 1:
        pytest.skip("this device gives no trains")
    asked: list[int] = []
    clock = RealClock()
    with hosted(subject, tmp_path, lambda: bool(asked)) as (stimulator, host, frames):
        stimulator.configure(subject.possible[0])
        arm(stimulator, clock)
        stimulator.start_train(clock.now_ns() + S)
        asked.append(clock.now_ns())
        with pytest.raises(StopRequested):
            stimulator.poll(clock.now_ns() + 5 * S)
        asked_ns = asked.pop()
        stimulator.disarm()
        disarms = [one for one in frames if subject.disarms(one.data) and one.at_ns >= asked_ns]
        assert disarms[0].at_ns - asked_ns < 100 * MS  # 10 ms is the goal; a shared machine is slow
        fired = len(host.device.fired)
        assert fired < subject.possible[0].train.pulses
        time.sleep(0.15)
        assert len(host.device.fired) == fired


def test_an_unplugged_device_in_real_time_is_gone(subject: Subject, tmp_path: Path) -> None:
    with hosted(subject, tmp_path) as (stimulator, host, _):
        host.do(host.device.unplug)  # type: ignore[attr-defined]
        with pytest.raises(NotConnected):
            stimulator.poll(RealClock().now_ns() + 2 * S)
