"""The named faults: their words, and what each does to an emulated MagPro in mid-train."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import NotConnected
from drivers.magpro.commands import (
    GetStatus,
    GetStatus2,
    GetStimulusCount,
    SetAmplitude,
    SetEnabled,
    SetTrain,
    StartTrain,
)
from drivers.magpro.options import BurstReports, CounterUnit
from drivers.magpro.replies import (
    Amplitude,
    CoilState,
    Notice,
    PageState,
    Status,
    Status2,
    StimulusCount,
    StimulusReport,
)
from drivers.magpro.tables import Page
from drivers.magpro.variants import COILS
from drivers.simulator.device import Source
from drivers.simulator.faults import Fault, FaultName, FaultPlan, parse_fault
from tests.drivers.magpro_bench import IBURST, MS, Bench, S, of_kind, options

TEN_PULSES = SetTrain(100, 10, 1, 10)
FRAME_NS = 8 * 260_417


@given(st.sampled_from(FaultName), st.integers(1, 10_000))
def test_every_fault_is_a_word_and_a_pulse(name: FaultName, pulse: int) -> None:
    fault = parse_fault(f"{name}@{pulse}")
    assert (fault.name, fault.pulse) == (name, pulse)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("wrong_intensity@3", -10),
        ("wrong_intensity:+15@3", 15),
        ("panel_change@3", 5),
        ("panel_change:-7@3", -7),
        ("hang@3", 0),
    ],
)
def test_some_faults_have_an_amount(text: str, amount: int) -> None:
    assert parse_fault(text).amount_pct_mso == amount


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("explode@3", "there is no fault 'explode'; there are swallow_reply, .*panel_change"),
        ("hang", "NAME is one of swallow_reply"),
        ("hang@x", "not NAME@PULSE"),
        ("hang@-1", "not NAME@PULSE"),
        ("hang:5@1", "hang has no amount"),
        ("panel_change:0@1", "other than 0"),
        ("drop_pulse@0", "pulse 1 or later"),
        ("extra_pulse@0", "pulse 1 or later"),
    ],
)
def test_a_wrong_fault_is_an_error_that_says_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_fault(text)


def test_a_fault_happens_once() -> None:
    plan = FaultPlan([Fault(FaultName.HANG, 3), Fault(FaultName.DROP_PULSE, 3)])
    assert plan.take(2, *FaultName) == []
    assert plan.take(3, FaultName.HANG) == [Fault(FaultName.HANG, 3)]
    assert plan.take(3, FaultName.HANG) == []
    assert plan.take(3, *FaultName) == [Fault(FaultName.DROP_PULSE, 3)]


def test_swallow_reply_loses_the_report_of_that_very_pulse() -> None:
    bench = Bench("swallow_reply@4")
    heard = bench.run_train(TEN_PULSES)
    assert len(bench.device.fired) == 10
    times = [at for at, message in heard if isinstance(message, StimulusReport)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == [100 * MS, 100 * MS, 200 * MS, *[100 * MS] * 5]


def test_swallow_reply_before_the_first_pulse_loses_the_first_answer() -> None:
    bench = Bench("swallow_reply@0")
    bench.say(GetStatus())
    assert bench.messages(S) == []
    assert bench.ask(GetStatus(), Status).serial == 1234


def test_corrupt_reply_spoils_one_frame_that_the_checksum_catches() -> None:
    bench = Bench("corrupt_reply@4")
    heard = bench.run_train(TEN_PULSES)
    assert len(of_kind(heard, StimulusReport)) == 9
    assert len(bench.errors) == 1
    assert "checksum" in str(bench.errors[0])
    assert len(bench.device.fired) == 10


def test_late_reply_stalls_the_line_and_later_frames_queue_behind_it_in_order() -> None:
    bench = Bench("late_reply@4")
    heard = bench.run_train(TEN_PULSES)
    times = [at for at, message in heard if isinstance(message, StimulusReport)]
    first_ns = times[0]
    assert [at - first_ns for at in times[:3]] == [0, 100 * MS, 200 * MS]
    assert times[3] - first_ns == 600 * MS
    assert [at - times[3] for at in times[4:7]] == [FRAME_NS, 2 * FRAME_NS, 3 * FRAME_NS]
    assert times[7] - first_ns == 700 * MS
    assert bench.times_ns == [k * 100 * MS for k in range(10)]


def test_drop_pulse_neither_fires_nor_counts_nor_reports_and_keeps_the_timing() -> None:
    bench = Bench("drop_pulse@4")
    heard = bench.run_train(TEN_PULSES)
    assert bench.times_ns == [k * 100 * MS for k in range(10) if k != 3]
    assert [pulse.number for pulse in bench.device.fired] == list(range(1, 10))
    assert len(of_kind(heard, StimulusReport)) == 9
    assert bench.ask(GetStimulusCount(), StimulusCount).count == 9
    assert of_kind(heard, PageState)[-1].running is False


def test_drop_pulse_at_the_head_of_a_burst_leaves_the_rest_of_it() -> None:
    bench = Bench(
        "drop_pulse@4",
        options=options(burst_reports=BurstReports.BURST, counter=CounterUnit.BURSTS),
    )
    bench.prepare(SetTrain(50, 3, 1, 10), settings=IBURST)
    bench.say(StartTrain())
    heard = bench.hear(3 * S)
    assert len(bench.device.fired) == 8
    assert len(of_kind(heard, StimulusReport)) == 3
    assert bench.ask(GetStimulusCount(), StimulusCount).count == 3


def test_extra_pulse_fires_counts_and_reports_one_more() -> None:
    bench = Bench("extra_pulse@4")
    heard = bench.run_train(TEN_PULSES)
    extra = bench.device.fired[4]
    assert extra.source is Source.FAULT
    assert extra.at_ns - bench.device.fired[3].at_ns == 7 * MS
    assert len(bench.device.fired) == len(of_kind(heard, StimulusReport)) == 11
    assert bench.ask(GetStimulusCount(), StimulusCount).count == 11


def test_an_extra_pulse_after_the_last_is_fired_even_if_the_unit_was_disabled_meanwhile() -> None:
    """That is what makes it a fault: nobody asked, and disarming came too late."""
    bench = Bench("extra_pulse@1")
    bench.prepare(SetTrain(100, 1, 1, 10))
    bench.say(StartTrain())
    bench.hear(5 * MS)
    bench.say(SetEnabled(False))
    bench.hear(S)
    assert [pulse.source for pulse in bench.device.fired] == [Source.TRAIN, Source.FAULT]


@pytest.mark.parametrize(
    ("fault", "actual"), [("wrong_intensity@4", 44), ("wrong_intensity:+20@4", 74)]
)
def test_wrong_intensity_is_silent_until_somebody_asks(fault: str, actual: int) -> None:
    bench = Bench(fault)
    heard = bench.run_train(TEN_PULSES)
    assert [p.intensity_pct_mso for p in bench.device.fired] == [54] * 3 + [actual] * 7
    assert of_kind(heard, Amplitude) == []
    reports = of_kind(heard, StimulusReport)
    assert reports[3].a_us == pytest.approx(1.5 * actual, abs=1)
    assert bench.ask(GetStatus(), Status).a_pct_mso == actual


def test_wrong_intensity_before_the_first_pulse_spoils_the_next_setting_only() -> None:
    bench = Bench("wrong_intensity@0")
    bench.say(SetAmplitude(54))
    bench.hear(S)
    assert bench.ask(GetStatus(), Status).a_pct_mso == 44
    bench.say(SetAmplitude(54))
    bench.hear(S)
    assert bench.ask(GetStatus(), Status).a_pct_mso == 54


def test_panel_change_is_told_at_once_and_holds_from_the_next_pulse() -> None:
    bench = Bench("panel_change@4")
    heard = bench.run_train(TEN_PULSES)
    assert [p.intensity_pct_mso for p in bench.device.fired] == [54] * 4 + [59] * 6
    assert [message.a_pct_mso for message in of_kind(heard, Amplitude)] == [59]


def test_panel_change_before_the_first_pulse_happens_at_power_on() -> None:
    bench = Bench("panel_change@0")
    assert [message.a_pct_mso for message in of_kind(bench.hear(S), Amplitude)] == [5]


@pytest.mark.parametrize("fault", ["coil_hot@4", "coil_removed@4", "interlock_open@4"])
def test_these_faults_disarm_end_the_train_and_say_so(fault: str) -> None:
    bench = Bench(fault)
    heard = bench.run_train(TEN_PULSES)
    assert len(bench.device.fired) == len(of_kind(heard, StimulusReport)) == 4
    assert [page.running for page in of_kind(heard, PageState)] == [True, False]
    assert not any(message.info.enabled for message in of_kind(heard, Amplitude))
    (state,) = of_kind(heard, CoilState)[:1]
    if fault.startswith("coil_hot"):
        assert state.temperature_c >= 41
    assert (
        bool(of_kind(heard, Notice)) is (state.coil_type == 0) is fault.startswith("coil_removed")
    )


def test_a_hung_device_says_nothing_more_and_finishes_its_train() -> None:
    bench = Bench("hang@4")
    heard = bench.run_train(TEN_PULSES)
    assert len(of_kind(heard, StimulusReport)) == 3
    bench.say(SetEnabled(False), GetStatus())
    assert bench.messages(S) == []
    assert len(bench.device.fired) == 10
    assert bench.device.state().status.info.enabled


def test_a_hung_device_does_not_hear_disable() -> None:
    bench = Bench("hang@4")
    bench.prepare(TEN_PULSES)
    bench.say(StartTrain())
    bench.hear(500 * MS)
    bench.say(SetEnabled(False))
    bench.hear(2 * S)
    assert len(bench.device.fired) == 10


def test_a_pulled_cable_is_an_error_at_both_ends_of_the_link_and_the_train_goes_on() -> None:
    bench = Bench("unplug@4")
    bench.prepare(TEN_PULSES)
    bench.say(StartTrain())
    with pytest.raises(NotConnected, match="cable"):
        bench.hear(2 * S)
    with pytest.raises(NotConnected):
        bench.say(SetEnabled(False))
    bench.device.receive(b"\xfe\x02\x02\x00\x91\xff")
    bench.device.advance(2 * S)
    assert len(bench.device.fired) == 10
    assert bench.device.take_output() == b""


def test_a_restart_loses_everything_and_comes_back_disarmed_with_defaults() -> None:
    bench = Bench("restart@4")
    heard = bench.run_train(TEN_PULSES)
    assert len(of_kind(heard, StimulusReport)) == 3
    bench.say(GetStatus(), SetEnabled(True))
    assert bench.messages(500 * MS) == []
    (notice,) = of_kind(bench.hear(5 * S), Notice)
    assert notice.id == 240
    status = bench.ask(GetStatus2(), Status2)
    assert (status.status.a_pct_mso, status.page, status.running) == (0, 1, False)
    assert not status.status.info.enabled
    assert bench.ask(GetStimulusCount(), StimulusCount).count == 0
    assert len(bench.device.fired) == 4


def test_what_was_on_its_way_when_the_power_failed_is_never_obeyed_afterwards() -> None:
    """A command that survived a power cut in a buffer would be one that nobody gives."""
    bench = Bench()
    bench.say(GetStatus(), SetAmplitude(50))
    bench.device.restart()
    bench.hear(10 * S)
    assert [type(message) for _, message in bench.heard] == [Notice]
    assert bench.ask(GetStatus(), Status).a_pct_mso == 0


def test_the_panel_is_dead_without_power() -> None:
    bench = Bench()
    panel = bench.device.panel
    bench.device.restart()
    panel.turn_knob(10)
    panel.press_enable(enabled=True)
    panel.press_trigger()
    panel.unplug_coil()
    panel.open_interlock()
    panel.close_interlock()
    panel.plug_coil(COILS[60])
    panel.show_page(Page.TIMING)
    bench.hear(10 * S)
    assert len(bench.heard) == 1
    assert bench.device.state().status.coil_type == 72


def test_a_restart_during_a_change_of_waveform_forgets_the_change() -> None:
    bench = Bench()
    bench.say(IBURST)
    bench.hear(S)
    bench.device.restart()
    bench.hear(10 * S)
    assert bench.device.state().status.info.waveform.name == "BIPHASIC"


@pytest.mark.parametrize("name", ["hang", "unplug", "restart"])
def test_a_frame_that_was_leaving_stays_unfinished(name: str) -> None:
    bench = Bench()
    bench.say(GetStatus())
    device = bench.device
    while not device.take_output():
        device.advance(260_417)
    device.advance(3 * 260_417)
    getattr(device, name)()
    device.advance(S)
    assert len(device.take_output()) == 3


def test_an_extra_pulse_needs_power_and_a_coil() -> None:
    dark, bare = Bench("extra_pulse@1", "restart@1"), Bench("extra_pulse@1", "coil_removed@1")
    for bench in (dark, bare):
        bench.run_train(TEN_PULSES)
    assert [len(bench.device.fired) for bench in (dark, bare)] == [1, 1]


def test_power_may_fail_at_the_extra_pulse_itself() -> None:
    bench = Bench("extra_pulse@1", "restart@2")
    heard = bench.run_train(TEN_PULSES)
    assert len(bench.device.fired) == 2
    assert len(of_kind(heard, StimulusReport)) == 1


def test_a_train_that_was_cut_off_never_goes_on_after_enabling_again() -> None:
    """Somebody closes the interlock and enables: nothing may follow but what is asked for anew."""
    bench = Bench("interlock_open@4")
    bench.prepare(SetTrain(10, 10, 1, 10))
    bench.say(StartTrain())
    bench.hear(3200 * MS)
    bench.device.panel.close_interlock()
    bench.say(SetEnabled(True))
    bench.hear(20 * S)
    assert bench.device.state().status.info.enabled
    assert len(bench.device.fired) == 4
    bench.say(StartTrain())
    bench.hear(20 * S)
    assert len(bench.device.fired) == 14


def test_power_that_is_back_at_once_has_still_lost_every_command_and_answer() -> None:
    bench = Bench(options=options(restart_ns=1))
    bench.say(GetStatus())
    bench.hear(2 * MS)
    bench.say(SetAmplitude(50))
    bench.device.restart()
    bench.hear(S)
    assert [type(message) for _, message in bench.heard] == [Notice]
    assert bench.ask(GetStatus(), Status).a_pct_mso == 0
