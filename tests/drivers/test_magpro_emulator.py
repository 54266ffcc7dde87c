"""The emulated MagPro is as strict and as slow as the device: a lenient one proves nothing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.magpro.codec import encode_frame
from drivers.magpro.commands import (
    Delays,
    GetDelays,
    GetSettings,
    GetStatus,
    GetStatus2,
    GetStimulusCount,
    GetTrain,
    SetAmplitude,
    SetDelays,
    SetDelays10,
    SetEnabled,
    SetPage,
    SetSettings,
    SetTrain,
    SetTrain11,
    StartTrain,
    Trigger,
)
from drivers.magpro.emulator import BYTE_NS, FASTEST_REPLY_NS, SLOWEST_REPLY_NS
from drivers.magpro.options import BurstReports, CounterUnit, Options
from drivers.magpro.replies import (
    Amplitude,
    AmplitudeFactor,
    CoilState,
    DelaysReply,
    Notice,
    OriginalAmplitude,
    PageState,
    Settings,
    Status,
    Status2,
    StimulusCount,
    StimulusReport,
    TrainReply,
)
from drivers.magpro.tables import BurstIndex, Direction, Mode, Model, Page, TimingControl, Waveform
from drivers.magpro.variants import COILS, VARIANTS, takes_delays, with_options
from drivers.simulator.device import Source
from drivers.simulator.physics import Coil
from drivers.simulator.pulse_log import PulseLog, read_pulse_log
from tests.drivers.magpro_bench import IBURST, MS, Bench, S, of_kind, options, train_ns

TEN_PULSES = SetTrain(100, 10, 1, 10)
DASH = SetTrain(100, 40, 1, 10)


def test_a_query_is_answered_after_line_time_both_ways_and_the_devices_latency() -> None:
    bench = Bench()
    bench.say(GetStatus())
    ((at_ns, reply),) = bench.hear(S)
    assert reply == Status(bench.device.state().status.info, 1234, 22, 72, 0, 0)
    line_ns = (5 + 13) * BYTE_NS
    assert line_ns + FASTEST_REPLY_NS <= at_ns <= line_ns + SLOWEST_REPLY_NS


def test_a_reply_leaves_byte_by_byte() -> None:
    """A client that reads in the middle of a frame gets half of it, as from a real port."""
    bench = Bench()
    bench.say(GetStatus())
    while not bench.device.take_output():
        bench.device.advance(BYTE_NS)
    rest = 0
    for _ in range(20):
        bench.device.advance(BYTE_NS)
        rest += len(bench.device.take_output())
    assert rest == 12


def test_answers_come_in_the_order_of_the_questions() -> None:
    bench = Bench()
    for _ in range(10):
        bench.say(GetStatus(), GetStatus2(), GetSettings())
    kinds = [type(message) for message in bench.messages(3 * S)]
    assert kinds == [Status, Status2, Settings] * 10


def test_a_command_takes_effect_when_its_last_byte_has_arrived() -> None:
    bench = Bench()
    frame = encode_frame(SetAmplitude(50).body)
    bench.device.receive(frame)
    bench.device.advance(len(frame) * BYTE_NS - 1)
    assert bench.device.state().status.a_pct_mso == 0
    bench.device.advance(1)
    assert bench.device.state().status.a_pct_mso == 50


def test_garbage_and_a_false_start_before_a_command_do_not_lose_it() -> None:
    bench = Bench()
    bench.link.write(b"\x01\x02\xfe\xf0")
    bench.say(GetStatus())
    assert bench.messages(S) == []
    bench.say(GetStatus())
    assert [type(message) for message in bench.messages(S)] == [Status, Status]
    bench.link.write(b"\xfe\x01\x63")
    bench.hear(S)
    assert isinstance(bench.ask(GetStatus(), Status), Status)


@given(st.lists(st.binary(max_size=60), max_size=5))
@settings(max_examples=50)
def test_no_bytes_at_all_make_the_device_fire_or_stop_working(chunks: list[bytes]) -> None:
    """Noise on the line is ignored: only a checked enable and a checked trigger could fire."""
    bench = Bench()
    for chunk in chunks:
        bench.link.write(chunk)
        bench.hear(20 * MS)
    bench.hear(S)
    assert bench.device.fired == ()
    assert bench.ask(GetStatus(), Status).serial == 1234


def test_an_amplitude_change_is_told_and_setting_the_same_again_is_not() -> None:
    bench = Bench()
    bench.say(SetAmplitude(54))
    assert [(m.a_pct_mso, m.b_pct_mso) for m in of_kind(bench.hear(S), Amplitude)] == [(54, 0)]
    bench.say(SetAmplitude(54, 30))
    assert bench.messages(S) == []


def test_amplitudes_0_and_100_are_taken() -> None:
    """Some public clients refuse them (2.5)."""
    bench = Bench()
    for pct in (100, 0):
        bench.say(SetAmplitude(pct))
        bench.hear(S)
        assert bench.ask(GetStatus(), Status).a_pct_mso == pct


@pytest.mark.parametrize("enabled", [True, False])
def test_enabling_and_disabling_are_answered_by_three_frames(enabled: bool) -> None:
    bench = Bench()
    bench.say(SetEnabled(enabled))
    frames = bench.messages(S)
    assert [message.body[0] for message in frames] == [1, 3, 1]
    assert all(message.body[3] >> 4 & 1 == enabled for message in frames)


def test_a_page_change_is_told_and_a_page_that_is_shown_already_is_not() -> None:
    bench = Bench()
    bench.say(SetPage(Page.TIMING), SetPage(Page.TIMING))
    (told,) = of_kind(bench.hear(S), PageState)
    assert (told.page, told.running) == (Page.TIMING, False)


def test_the_protocol_page_shows_original_amplitudes_and_factors() -> None:
    bench = Bench()
    bench.say(SetAmplitude(40))
    bench.hear(S)
    bench.say(SetPage(Page.PROTOCOL))
    heard = bench.hear(S)
    assert of_kind(heard, OriginalAmplitude)[0].a_pct_mso == 40
    assert of_kind(heard, AmplitudeFactor)[0].a_pct == 100


def test_a_device_timed_train_fires_at_exact_times_and_reports_every_pulse() -> None:
    bench = Bench()
    heard = bench.run_train(DASH)
    assert bench.times_ns == [k * 100 * MS for k in range(40)]
    reports = of_kind(heard, StimulusReport)
    assert [report.a_us for report in reports] == [pulse.a_us for pulse in bench.device.fired]
    assert all(pulse.source is Source.TRAIN for pulse in bench.device.fired)
    assert [page.running for page in of_kind(heard, PageState)] == [True, False]
    assert {pulse.intensity_pct_mso for pulse in bench.device.fired} == {54}


@given(
    rate=st.one_of(st.integers(1, 10), st.integers(1, 100).map(lambda hz: 10 * hz)),
    pulses=st.integers(1, 30),
    trains=st.integers(1, 3),
    iti=st.integers(1, 50),
    ppm=st.integers(-200, 200),
)
@settings(max_examples=40, deadline=None)
def test_pulses_keep_the_published_train_formula_on_the_devices_own_clock(
    rate: int, pulses: int, trains: int, iti: int, ppm: int
) -> None:
    """Total = ((pulses - 1) / rate + ITI) * trains - ITI (2.4), each time rounded only once."""
    bench = Bench(options=options(clock_ppm=ppm))
    train = SetTrain(rate, pulses, trains, iti)
    bench.prepare(train)
    bench.say(StartTrain())
    bench.hear(train_ns(train) + 2 * S)
    slow = 1 + Fraction(ppm, 1_000_000)
    expected = [
        round_half_up(
            slow * (j * (Fraction(10 * (pulses - 1), rate) + Fraction(iti, 10))) * S
            + slow * Fraction(10 * k * S, rate)
        )
        for j in range(trains)
        for k in range(pulses)
    ]
    assert bench.times_ns == expected


def round_half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def test_native_theta_burst_is_600_pulses_at_the_published_times() -> None:
    bench = Bench()
    bench.prepare(SetTrain(50, 10, 20, 80), settings=IBURST)
    bench.say(StartTrain())
    bench.hear(200 * S)
    assert len(bench.device.fired) == 600
    assert bench.times_ns[:4] == [0, 20 * MS, 40 * MS, 200 * MS]
    assert bench.times_ns[30] == 9_800 * MS


@pytest.mark.parametrize(
    ("reports", "expected"), [(BurstReports.PULSE, 30), (BurstReports.BURST, 10)]
)
def test_a_burst_has_one_report_per_pulse_or_one_per_burst_as_asked(
    reports: BurstReports, expected: int
) -> None:
    bench = Bench(options=options(burst_reports=reports))
    bench.prepare(SetTrain(50, 10, 1, 80), settings=IBURST)
    bench.say(StartTrain())
    assert len(of_kind(bench.hear(5 * S), StimulusReport)) == expected
    assert len(bench.device.fired) == 30


@pytest.mark.parametrize(("unit", "expected"), [(CounterUnit.PULSES, 30), (CounterUnit.BURSTS, 10)])
def test_the_stimulus_counter_counts_pulses_or_bursts(unit: CounterUnit, expected: int) -> None:
    bench = Bench(options=options(counter=unit))
    bench.prepare(SetTrain(50, 10, 1, 80), settings=IBURST)
    bench.say(StartTrain())
    bench.hear(5 * S)
    answer = bench.ask(GetStimulusCount(), StimulusCount)
    assert (answer.count, answer.page) == (expected, Page.TIMING)


def test_some_units_do_not_answer_the_stimulus_counter() -> None:
    bench = Bench(options=options(counter=CounterUnit.NONE))
    bench.say(GetStimulusCount())
    assert bench.messages(S) == []


def test_the_stimulus_counter_wraps_after_65535() -> None:
    bench = Bench()
    bench.device._unit.stimulus_count = 65_530
    bench.run_train(TEN_PULSES)
    assert bench.ask(GetStimulusCount(), StimulusCount).count == 4


def test_a_single_trigger_gives_one_pulse_on_any_page() -> None:
    bench = Bench()
    bench.say(SetAmplitude(60), SetEnabled(True))
    bench.hear(S)
    before_ns = bench.clock.now_ns()
    bench.say(Trigger())
    (report,) = of_kind(bench.hear(S), StimulusReport)
    (pulse,) = bench.device.fired
    assert report.a_us == pulse.a_us == pytest.approx(90, abs=1)
    assert pulse.source is Source.SERIAL
    assert 7 * BYTE_NS <= pulse.at_ns - before_ns <= 7 * BYTE_NS + 2 * MS


def test_a_trigger_of_a_disabled_or_uncharged_unit_is_lost_in_silence() -> None:
    bench = Bench()
    bench.say(SetAmplitude(60), Trigger())
    bench.hear(S)
    bench.say(SetEnabled(True), Trigger())
    bench.hear(S)
    assert bench.device.fired == ()


def test_a_trigger_before_the_capacitor_is_charged_again_is_lost() -> None:
    """An X100 needs 9 ms after a pulse at 100 %; two triggers 6 bytes apart are nearer."""
    bench = Bench()
    bench.say(SetAmplitude(100), SetEnabled(True))
    bench.hear(S)
    bench.say(Trigger(), Trigger(), Trigger(), Trigger(), Trigger(), Trigger(), Trigger())
    bench.hear(S)
    assert 1 <= len(bench.device.fired) < 3


def test_disabling_in_mid_train_stops_it_after_the_pulse_in_hand() -> None:
    bench = Bench()
    bench.prepare(DASH)
    bench.say(StartTrain())
    bench.hear(1050 * MS)
    bench.say(SetEnabled(False))
    heard = bench.hear(10 * S)
    assert len(bench.device.fired) == 11
    assert of_kind(heard, PageState)[-1].running is False
    bench.say(StartTrain())
    bench.hear(10 * S)
    assert len(bench.device.fired) == 11


def test_disabling_inside_a_burst_does_not_finish_the_burst() -> None:
    bench = Bench()
    bench.prepare(SetTrain(50, 10, 1, 80), settings=IBURST)
    bench.say(StartTrain())
    bench.hear(4 * BYTE_NS + 15 * MS)
    bench.say(SetEnabled(False))
    bench.hear(5 * S)
    assert len(bench.device.fired) == 1


@pytest.mark.parametrize("page", [Page.MAIN, Page.TRIGGER, Page.MEP])
def test_a_train_does_not_start_on_another_page(page: Page) -> None:
    bench = Bench()
    bench.prepare(TEN_PULSES)
    bench.say(SetPage(page), StartTrain())
    bench.hear(3 * S)
    assert bench.device.fired == ()
    bench.say(SetPage(Page.PROTOCOL), StartTrain())
    bench.hear(3 * S)
    assert len(bench.device.fired) == 10


def test_a_train_does_not_start_when_disabled_or_not_charged_or_running() -> None:
    bench = Bench()
    bench.say(SetPage(Page.TIMING), SetAmplitude(54), TEN_PULSES, StartTrain())
    bench.hear(3 * S)
    bench.say(SetEnabled(True), StartTrain())
    bench.hear(3 * S)
    assert bench.device.fired == ()
    bench.say(StartTrain(), StartTrain())
    bench.hear(300 * MS)
    bench.say(StartTrain(), Trigger())
    bench.hear(3 * S)
    assert len(bench.device.fired) == 10


def test_while_a_train_runs_page_train_delays_and_settings_stay_as_they_are() -> None:
    bench = Bench()
    bench.prepare(DASH)
    bench.say(StartTrain())
    bench.hear(S)
    bench.say(
        SetPage(Page.MAIN),
        SetTrain(10, 5, 1, 10),
        SetDelays(Delays(10, 0, 0)),
        IBURST,
        SetAmplitude(50),
    )
    bench.hear(10 * S)
    assert len(bench.device.fired) == 40
    assert bench.device.fired[-1].intensity_pct_mso == 50
    assert bench.ask(GetStatus2(), Status2).page == Page.TIMING
    assert bench.ask(GetTrain(), TrainReply).train == DASH
    assert bench.ask(GetDelays(), DelaysReply).delays == Delays()
    assert bench.ask(GetSettings(), Settings).waveform is Waveform.BIPHASIC


def test_command_6_is_only_taken_on_the_timing_page_and_never_acknowledged() -> None:
    bench = Bench()
    bench.say(DASH)
    assert bench.messages(S) == []
    assert bench.ask(GetTrain(), TrainReply).train != DASH
    bench.say(SetPage(Page.TIMING), DASH)
    assert [type(message) for message in bench.messages(S)] == [PageState]
    assert bench.ask(GetTrain(), TrainReply).train == DASH


def test_command_11_sets_timing_control_on_any_page_and_reads_back() -> None:
    bench = Bench()
    bench.say(SetTrain11(TimingControl.EXTERNAL_TRIGGER, TEN_PULSES, warn=True))
    assert bench.messages(S) == []
    reply = bench.ask(GetTrain(), TrainReply)
    assert (reply.timing, reply.train, reply.warn) == (
        TimingControl.EXTERNAL_TRIGGER,
        TEN_PULSES,
        1,
    )


@pytest.mark.parametrize(
    ("model", "train", "taken"),
    [
        ("x100", SetTrain(1000, 10, 1, 10), True),
        ("x100", SetTrain(1010, 10, 1, 10), False),
        ("x100", SetTrain(1, 10, 1, 10), True),
        ("x100", SetTrain(0, 10, 1, 10), False),
        ("x100", SetTrain(15, 10, 1, 10), False),
        ("x100", SetTrain(100, 1000, 1, 10), True),
        ("x100", SetTrain(100, 1001, 1, 10), False),
        ("x100", SetTrain(100, 1100, 1, 10), True),
        ("x100", SetTrain(100, 2100, 1, 10), False),
        ("x100", SetTrain(100, 0, 1, 10), False),
        ("x100", SetTrain(100, 10, 501, 10), False),
        ("x100", SetTrain(100, 10, 0, 10), False),
        ("x100", SetTrain(100, 10, 1, 1201), False),
        ("x100", SetTrain(100, 10, 1, 0), False),
        ("r30", SetTrain(300, 10, 1, 10), True),
        ("r30", SetTrain(310, 10, 1, 10), False),
        ("r30-burst", SetTrain(800, 10, 1, 10), True),
        ("mst", SetTrain(800, 10, 1, 10), True),
    ],
)
def test_a_train_outside_the_units_range_is_not_taken(
    model: str, train: SetTrain, taken: bool
) -> None:
    bench = Bench(options=options(variant=VARIANTS[model]))
    bench.say(SetPage(Page.TIMING), train)
    bench.hear(S)
    assert (bench.ask(GetTrain(), TrainReply).train == train) is taken


def test_options_widen_the_ranges() -> None:
    wide = with_options(VARIANTS["x100"], fast=True, extended_rate=True, long_iti=True)
    bench = Bench(options=options(variant=wide))
    train = SetTrain(155, 10, 1, 3000)
    bench.say(SetTrain11(TimingControl.SEQUENCE, train))
    bench.hear(S)
    assert bench.ask(GetTrain(), TrainReply).train != train
    bench.say(SetTrain11(TimingControl.EXTENDED_RATE, train))
    bench.hear(S)
    assert bench.ask(GetTrain(), TrainReply).train == train
    bench.say(SetTrain11(TimingControl.SEQUENCE, SetTrain(2500, 2, 1, 10)))
    bench.hear(S)
    assert bench.ask(GetTrain(), TrainReply).train.rate_tenths_hz == 2500
    assert bench.ask(GetSettings(), Settings).caps.max_rate_hz == 250


def test_a_unit_without_the_option_does_not_take_extended_rates() -> None:
    bench = Bench()
    bench.say(SetTrain11(TimingControl.EXTENDED_RATE, TEN_PULSES))
    bench.hear(S)
    assert bench.ask(GetTrain(), TrainReply).timing is TimingControl.SEQUENCE


def changed(
    model: Model,
    mode: Mode = Mode.STANDARD,
    waveform: Waveform = Waveform.BIPHASIC,
    ipi_tenths_ms: int = 200,
    ba_hundredths: int = 100,
) -> SetSettings:
    return SetSettings(
        model, mode, Direction.REVERSE, waveform, BurstIndex.TWO, ipi_tenths_ms, ba_hundredths
    )


@pytest.mark.parametrize(
    ("name", "wanted", "taken"),
    [
        ("x100", changed(Model.X100), True),
        ("x100", changed(Model.R30), False),
        ("x100", changed(Model.X100, waveform=Waveform.MONOPHASIC), True),
        ("x100", changed(Model.X100, waveform=Waveform.BIPHASIC_BURST), True),
        ("x100", changed(Model.X100, Mode.TWIN), False),
        ("x100-option", changed(Model.X100_OPTION, Mode.TWIN), True),
        ("x100-option", changed(Model.X100_OPTION, Mode.TWIN, Waveform.BIPHASIC_BURST), False),
        ("r30", changed(Model.R30, waveform=Waveform.MONOPHASIC), False),
        ("r30", changed(Model.R30, waveform=Waveform.BIPHASIC_BURST), False),
        ("r30-burst", changed(Model.R30, waveform=Waveform.BIPHASIC_BURST), True),
        ("r30-option", changed(Model.R30_OPTION, Mode.DUAL, ba_hundredths=4000), True),
        ("r30-option-mono", changed(Model.R30_OPTION_MONO, waveform=Waveform.MONOPHASIC), True),
        ("mst", changed(Model.MST, Mode.POWER), False),
    ],
)
def test_settings_that_the_model_does_not_have_are_not_taken(
    name: str, wanted: SetSettings, taken: bool
) -> None:
    bench = Bench(options=options(variant=VARIANTS[name]))
    bench.say(wanted)
    assert bench.messages(4 * S) == []
    reply = bench.ask(GetSettings(), Settings)
    as_read = (reply.mode, reply.direction, reply.waveform, reply.burst, reply.ipi_tenths_ms)
    as_wanted = (wanted.mode, wanted.direction, wanted.waveform, wanted.burst, wanted.ipi_tenths_ms)
    assert (as_read == as_wanted) is taken
    assert reply.caps.model == VARIANTS[name].model


def test_a_change_of_waveform_takes_time_and_the_unit_cannot_be_armed_meanwhile() -> None:
    bench = Bench()
    bench.say(IBURST)
    bench.hear(100 * MS)
    assert bench.ask(GetSettings(), Settings).waveform is Waveform.BIPHASIC
    bench.say(SetEnabled(True), changed(Model.X100))
    answers = of_kind(bench.hear(S), Amplitude)
    assert [answer.info.enabled for answer in answers] == [False, False]
    bench.hear(3 * S)
    reply = bench.ask(GetSettings(), Settings)
    assert (reply.waveform, reply.direction) == (Waveform.BIPHASIC_BURST, Direction.NORMAL)


def test_a_change_of_waveform_disarms_and_says_so() -> None:
    bench = Bench()
    bench.prepare(TEN_PULSES)
    bench.say(IBURST)
    assert [message.body[0] for message in bench.messages(S)] == [1, 3, 1]
    assert not bench.device.state().status.info.enabled


def test_a_rate_that_the_burst_waveform_does_not_have_does_not_start() -> None:
    bench = Bench()
    bench.prepare(SetTrain(300, 10, 1, 10), settings=None)
    bench.say(IBURST)
    bench.hear(4 * S)
    bench.say(SetEnabled(True))
    bench.hear(S)
    bench.say(StartTrain())
    bench.hear(3 * S)
    assert bench.device.fired == ()


def test_a_burst_longer_than_its_period_does_not_start() -> None:
    slow = SetSettings(
        Model.X100,
        Mode.STANDARD,
        Direction.NORMAL,
        Waveform.BIPHASIC_BURST,
        BurstIndex.FIVE,
        1000,
    )
    bench = Bench()
    bench.prepare(SetTrain(50, 10, 1, 10), settings=slow)
    bench.say(StartTrain())
    bench.hear(5 * S)
    assert bench.device.fired == ()


def test_an_x100_gives_biphasic_bursts_at_20_hz_and_full_power() -> None:
    """The capability that rehearsals lean on; no pulse is lost to charging."""
    fast = SetSettings(
        Model.X100,
        Mode.STANDARD,
        Direction.NORMAL,
        Waveform.BIPHASIC_BURST,
        BurstIndex.FIVE,
        100,
    )
    bench = Bench()
    bench.prepare(SetTrain(200, 20, 1, 10), settings=fast, intensity_pct_mso=100)
    bench.say(StartTrain())
    bench.hear(3 * S)
    assert len(bench.device.fired) == 100


def test_a_unit_too_slow_for_its_bursts_loses_pulses_in_silence() -> None:
    """Five pulses at full power need 56 ms to recharge in an 80 Hz unit; 20 Hz leaves 50."""
    fast = SetSettings(
        Model.R30,
        Mode.STANDARD,
        Direction.NORMAL,
        Waveform.BIPHASIC_BURST,
        BurstIndex.FIVE,
        50,
    )
    bench = Bench(options=options(variant=VARIANTS["r30-burst"]))
    bench.prepare(SetTrain(200, 20, 1, 10), settings=fast, intensity_pct_mso=100)
    bench.say(StartTrain())
    reports = of_kind(bench.hear(3 * S), StimulusReport)
    assert len(reports) == len(bench.device.fired) == 50


def paired(mode: Mode, ba_hundredths: int) -> SetSettings:
    return SetSettings(
        Model.X100_OPTION,
        mode,
        Direction.NORMAL,
        Waveform.BIPHASIC,
        BurstIndex.TWO,
        29,
        ba_hundredths,
    )


@pytest.mark.parametrize(
    ("settings_", "a_pct", "b_pct"),
    [
        (paired(Mode.TWIN, 150), 40, 60),
        (paired(Mode.TWIN, 500), 40, 100),
        (paired(Mode.DUAL, 7000), 40, 70),
    ],
)
def test_a_pair_is_two_pulses_and_one_or_two_reports_at_random(
    settings_: SetSettings, a_pct: int, b_pct: int
) -> None:
    bench = Bench(options=options(variant=VARIANTS["x100-option"]))
    bench.prepare(SetTrain(50, 50, 1, 10), settings=settings_, intensity_pct_mso=a_pct)
    bench.say(StartTrain())
    reports = of_kind(bench.hear(12 * S), StimulusReport)
    pulses = bench.device.fired
    assert len(pulses) == 100
    assert [p.intensity_pct_mso for p in pulses[:4]] == [a_pct, b_pct, a_pct, b_pct]
    assert bench.times_ns[:3] == [0, 2_900_000, 200 * MS]
    assert 50 < len(reports) < 100
    both = [report for report in reports if report.b_us]
    assert [(r.a_us, r.b_us) for r in both] == [
        (a.a_us, b.a_us) for a, b in zip(pulses[::2], pulses[1::2], strict=True)
    ]


def test_amplitude_b_can_be_set_in_dual_mode_only() -> None:
    bench = Bench(options=options(variant=VARIANTS["x100-option"]))
    bench.say(SetAmplitude(50, 30))
    bench.hear(S)
    assert bench.ask(GetStatus(), Status).b_pct_mso == 0
    bench.say(paired(Mode.DUAL, 7000))
    bench.hear(4 * S)
    bench.say(SetAmplitude(50, 30))
    bench.hear(S)
    assert bench.ask(GetStatus(), Status).b_pct_mso == 30


@pytest.mark.parametrize("name", ["x100-option", "r30-option", "r30-option-mono"])
def test_pairs_have_lower_rates_than_single_pulses(name: str) -> None:
    variant = VARIANTS[name]
    pairs = changed(variant.model, Mode.TWIN)
    mono = changed(variant.model, Mode.TWIN, Waveform.MONOPHASIC)
    assert variant.highest_rate_hz(pairs) == (50 if name.startswith("x100") else 5)
    assert variant.highest_rate_hz(mono) == 5
    assert not variant.takes_rate(5, pairs, TimingControl.SEQUENCE)


@pytest.mark.parametrize(
    ("delays", "timing", "taken"),
    [
        (Delays(), TimingControl.SEQUENCE, True),
        (Delays(99, -1000, 12_000), TimingControl.SEQUENCE, True),
        (Delays(0, -1, 0), TimingControl.EXTERNAL_TRIGGER, False),
        (Delays(0, 1000, 0), TimingControl.EXTERNAL_TRIGGER, True),
        (Delays(0, 1001, 0), TimingControl.SEQUENCE, False),
        (Delays(0, -1001, 0), TimingControl.SEQUENCE, False),
        (Delays(105, 0, 0), TimingControl.SEQUENCE, False),
        (Delays(110, 0, 0), TimingControl.SEQUENCE, True),
        (Delays(1010, 0, 0), TimingControl.SEQUENCE, False),
        (Delays(1100, 0, 0), TimingControl.SEQUENCE, True),
        (Delays(65_000, 0, 0), TimingControl.SEQUENCE, True),
        (Delays(65_100, 0, 0), TimingControl.SEQUENCE, False),
        (Delays(0, 0, 12_001), TimingControl.SEQUENCE, False),
        (Delays(0, -5, 0), TimingControl.SEQUENCE | TimingControl.EXTENDED_RATE, True),
    ],
)
def test_delays_have_their_ranges(delays: Delays, timing: TimingControl, taken: bool) -> None:
    assert takes_delays(delays, timing) is taken


@pytest.mark.parametrize("command", [SetDelays, SetDelays10])
def test_delays_are_taken_in_silence_and_read_back(
    command: type[SetDelays | SetDelays10],
) -> None:
    bench = Bench()
    bench.say(command(Delays(100, -15, 20)), command(Delays(100, 5000, 20)))
    assert bench.messages(S) == []
    assert bench.ask(GetDelays(), DelaysReply).delays == Delays(100, -15, 20)


def test_a_charge_delay_keeps_the_next_pulse_away() -> None:
    bench = Bench()
    bench.say(SetDelays(Delays(0, 0, 150)))
    bench.run_train(TEN_PULSES)
    assert bench.times_ns == [k * 200 * MS for k in range(5)]


def test_every_action_at_the_panel_fires_as_its_own_source() -> None:
    bench = Bench()
    panel = bench.device.panel
    panel.press_enable(enabled=True)
    panel.turn_knob(50)
    bench.hear(S)
    for act in (panel.press_trigger, panel.press_foot_switch, panel.trigger_input):
        act()
        bench.hear(S)
    sources = [pulse.source for pulse in bench.device.fired]
    assert sources == [Source.PANEL, Source.FOOT_SWITCH, Source.TTL]
    panel.show_page(Page.TIMING)
    panel.press_start()
    bench.hear(2 * S)
    assert bench.device.fired[-1].source is Source.PANEL
    assert len(of_kind(bench.heard, StimulusReport)) == len(bench.device.fired) == 4
    panel.press_enable(enabled=False)
    panel.press_trigger()
    bench.hear(S)
    assert len(bench.device.fired) == 4


def test_the_trigger_input_obeys_its_delay_and_the_timing_control() -> None:
    bench = Bench()
    bench.prepare(TEN_PULSES)
    bench.say(SetDelays(Delays(500, 0, 0)))
    bench.hear(S)
    before_ns = bench.device.now_ns()
    bench.device.panel.trigger_input()
    bench.hear(S)
    assert bench.device.fired[0].at_ns - before_ns == 51 * MS
    bench.say(SetTrain11(TimingControl.EXTERNAL_SEQUENCE_START, TEN_PULSES), StartTrain())
    bench.hear(3 * S)
    assert len(bench.device.fired) == 1
    bench.device.panel.trigger_input()
    bench.hear(3 * S)
    assert len(bench.device.fired) == 11


def test_the_knob_is_told_and_stays_between_0_and_100() -> None:
    bench = Bench()
    bench.device.panel.turn_knob(120)
    bench.device.panel.turn_knob(1)
    bench.device.panel.turn_knob(-130)
    assert [m.a_pct_mso for m in of_kind(bench.hear(S), Amplitude)] == [100, 0]


def test_pulling_the_coil_disarms_tells_and_keeps_it_disarmed() -> None:
    bench = Bench()
    bench.prepare(DASH)
    bench.say(StartTrain())
    bench.hear(950 * MS)
    bench.device.panel.unplug_coil()
    heard = bench.hear(5 * S)
    assert len(bench.device.fired) == 10
    assert of_kind(heard, CoilState)[0].coil_type == 0
    assert of_kind(heard, Notice)[0].id == 241
    bench.say(SetEnabled(True))
    assert not any(answer.info.enabled for answer in of_kind(bench.hear(S), Amplitude))
    bench.device.panel.plug_coil(COILS[60])
    bench.say(SetEnabled(True))
    bench.hear(S)
    status = bench.ask(GetStatus(), Status)
    assert (status.coil_type, status.info.enabled) == (60, True)


def test_an_open_interlock_keeps_the_unit_disarmed_until_it_is_closed_and_enabled_again() -> None:
    bench = Bench()
    bench.prepare(TEN_PULSES)
    bench.device.panel.open_interlock()
    assert not bench.ask(GetStatus(), Status).info.enabled
    bench.say(SetEnabled(True))
    bench.hear(S)
    assert not bench.ask(GetStatus(), Status).info.enabled
    bench.device.panel.close_interlock()
    assert not bench.ask(GetStatus(), Status).info.enabled
    bench.say(SetEnabled(True))
    bench.hear(S)
    assert bench.ask(GetStatus(), Status).info.enabled


def test_a_cooled_coil_without_its_cooler_says_90_degrees() -> None:
    bench = Bench(options=options(coil=COILS[60].without_cooler()))
    assert bench.ask(GetStatus(), Status).temperature_c == 90


def test_a_unit_without_a_coil_says_coil_type_0() -> None:
    bench = Bench(options=options(coil=None))
    status = bench.ask(GetStatus(), Status)
    assert (status.coil_type, status.temperature_c) == (0, 0)


def test_the_coil_heats_in_use_is_told_about_and_stops_the_train_at_41_degrees() -> None:
    hot = Coil(72, "C-B60", heating_c=0.5)
    bench = Bench(options=options(coil=hot))
    bench.prepare(SetTrain(100, 1000, 1, 10), intensity_pct_mso=80)
    bench.say(StartTrain())
    heard = bench.hear(8 * S)
    temperatures = [state.temperature_c for state in of_kind(heard, CoilState)]
    hottest = temperatures.index(41)
    assert temperatures[:hottest] == sorted(temperatures[:hottest])
    assert max(temperatures) == 41
    assert 50 < len(bench.device.fired) < 70
    assert of_kind(heard, PageState)[-1].running is False
    assert of_kind(heard, Amplitude)[-1].info.enabled is False
    bench.say(SetEnabled(True))
    assert not any(answer.info.enabled for answer in of_kind(bench.hear(S), Amplitude))
    bench.hear(1000 * S)
    cooled = bench.ask(GetStatus(), Status)
    assert 22 <= cooled.temperature_c < 35
    bench.say(SetEnabled(True))
    bench.hear(S)
    assert bench.ask(GetStatus(), Status).info.enabled


@pytest.mark.parametrize(
    ("train", "trains", "period_s"),
    [(DASH, 75, 30), (DASH, 75, 15), (SetTrain(180, 36, 1, 10), 55, 22), (TEN_PULSES, 300, 2)],
)
@pytest.mark.parametrize("coil", [72, 60])
def test_ordinary_sessions_stay_below_the_warning_temperature(
    train: SetTrain, trains: int, period_s: int, coil: int
) -> None:
    """hf10-standard, hf10-dash, h1-18hz and some more at 54 %MSO on the coils for rehearsals."""
    bench = Bench(options=options(coil=COILS[coil]))
    bench.prepare(train)
    for _ in range(trains):
        bench.say(StartTrain())
        bench.hear(period_s * S)
    assert len(bench.device.fired) == trains * train.pulses
    assert not bench.device._unit.physics.warm


def test_the_same_seed_gives_the_same_session_to_the_byte() -> None:
    first, second, other = (Bench(options=options(seed=seed)) for seed in (5, 5, 6))
    for bench in (first, second, other):
        bench.run_train(TEN_PULSES)
    assert first.heard == second.heard != other.heard


def test_events_are_handled_at_their_exact_time_however_time_is_cut() -> None:
    """The real and the virtual clock must see the same device."""
    coarse, fine = Bench(), Bench()
    for bench in (coarse, fine):
        bench.prepare(TEN_PULSES)
        bench.say(StartTrain())
    coarse.device.advance(2 * S)
    for _ in range(2000):
        fine.device.advance(MS)
    assert coarse.device.fired == fine.device.fired
    assert coarse.device.take_output() == fine.device.take_output()


def test_the_next_event_is_never_overslept() -> None:
    bench = Bench()
    bench.prepare(TEN_PULSES)
    bench.say(StartTrain())
    device = bench.device
    for _ in range(60):
        ahead_ns = device.next_event_in_ns()
        assert ahead_ns is not None
        before = len(device.fired)
        device.advance(max(0, ahead_ns - 1))
        assert ahead_ns == 0 or len(device.fired) == before
        device.advance(1)
        device.take_output()
    assert len(device.fired) == 10


def test_every_pulse_is_in_the_log_before_its_report_leaves(tmp_path: Path) -> None:
    log = PulseLog(tmp_path / "pulses.jsonl")
    bench = Bench(pulse_log=log)
    bench.prepare(TEN_PULSES)
    bench.say(StartTrain())
    end_ns = bench.clock.now_ns() + 2 * S
    reports = 0
    while bench.clock.now_ns() < end_ns:
        bench.decoder.feed(bench.link.read(end_ns))
        reports += len(of_kind(bench._frames(), StimulusReport))
        assert len(read_pulse_log(log.path)) >= reports
    log.close()
    assert [line.pulse for line in read_pulse_log(log.path)] == list(bench.device.fired)


def test_a_serial_number_must_fit_its_three_bytes() -> None:
    with pytest.raises(ValueError, match="16777215"):
        Options(serial=1 << 24)
