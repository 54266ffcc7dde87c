"""The Magstim drivers: keep-alive, honest evidence, the secret, and what is never sent."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import registry
from drivers.errors import (
    DeliveryUncertain,
    LinkFault,
    NotConnected,
    PulseRefused,
    SettingsRefused,
)
from drivers.interface import (
    DeviceNotice,
    Direction,
    Frame,
    NoticeKind,
    Stimulator,
    TrainEnded,
    TrainRunning,
    TrainSettings,
    TrainTiming,
)
from drivers.magstim.dialect import Command
from drivers.magstim.driver import BAUD_RATE, COIL
from drivers.magstim.emulator import MagstimEmulator
from drivers.magstim.options import MADE_UP_CODE, VARIANTS, Options
from drivers.magstim.rapid import RapidStimulator
from drivers.magstim.requests import FIRE, UnlockCode
from drivers.magstim.tables import MAX_FREQUENCY_HZ, Mains, RapidModel
from drivers.probing import ProbeReport, probe
from drivers.registry import driver_entry
from drivers.serial_link import SerialLink
from drivers.simulator.faults import FaultName, parse_fault
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from drivers.simulator.memory_link import MemoryLink
from drivers.simulator.proof import control_address, prove_simulated
from protocols.pattern import Burst, Train
from tests.drivers.conformance import FOREVER_NS, MS, S, SlicedClock
from tests.drivers.magstim_bench import options
from tms_console.clock import RealClock

DEVICE, HOST = TrainTiming.DEVICE, TrainTiming.HOST
TRAIN = TrainSettings(Train(40, Fraction(10)), 54, DEVICE)
PULSE = TrainSettings(Train(1, Fraction(1)), 60, HOST)
PAIR = TrainSettings(Train(1, Fraction(2), Burst(2, Fraction(1000, 3))), 45, DEVICE)
ANY = ("rapid2", "rapid2-v5", "rapid2-v7", "rapid2-v10", "bistim2", "magstim200")
RAPIDS = ANY[:4]


class Desk:
    """A driver and its emulator under the virtual clock, with everything that was written when."""

    def __init__(self, variant: str, *faults: str, options: Options | None = None) -> None:
        self.variant = variant
        self.clock = SlicedClock()
        plan = [parse_fault(word) for word in faults]
        self.device = MagstimEmulator(options or VARIANTS[variant], plan)
        self.link = MemoryLink(self.device, self.clock)
        self.frames: list[Frame] = []

    def open(self) -> Stimulator:
        name = registry.driver_of_emulator(self.variant)
        entry = registry.driver_entry(name)
        return entry.open(self.link, self.clock, self.frames.append, lambda: False)

    def ready(self, settings: TrainSettings) -> Stimulator:
        stimulator = self.open()
        assert stimulator.configure(settings) == settings
        stimulator.arm()
        return stimulator

    def events(self, stimulator: Stimulator, for_ns: int) -> list[object]:
        end_ns, found = self.clock.now_ns() + for_ns, list[object]()
        while self.clock.now_ns() < end_ns:
            found += stimulator.poll(end_ns)
        return found

    def sent_times(self, since_ns: int) -> list[int]:
        sent = [one for one in self.frames if one.direction is Direction.SENT]
        return [one.at_ns for one in sent if one.at_ns >= since_ns]


# Keep-alive -----------------------------------------------------------------------------------


def test_a_train_of_a_unit_that_was_armed_elsewhere_is_noted_as_somebody_elses() -> None:
    desk = Desk("rapid2")
    with desk.open() as stimulator:
        stimulator.configure(TRAIN)
        desk.device._unit.arm()
        assert desk.events(stimulator, 2 * S) == []
        desk.device.panel.press_foot_switch()
        noted = desk.events(stimulator, 3 * S)
        assert [(one.kind, one.pulses) for one in noted if isinstance(one, DeviceNotice)] == [
            (NoticeKind.UNCOMMANDED, 1)
        ]


@pytest.mark.parametrize("variant", ANY)
def test_an_armed_unit_hears_something_at_least_every_six_tenths_of_a_second(variant: str) -> None:
    """Advised are 0.5 s; after 1 s it disarms (1.5).  The minute is that of its idle disarm."""
    desk = Desk(variant)
    with desk.ready(PULSE) as stimulator:
        begun_ns = desk.clock.now_ns()
        assert desk.events(stimulator, 50 * S) == []
        times = desk.sent_times(begun_ns)
        assert max(b - a for a, b in pairwise(times)) < 600 * MS
        assert stimulator.status().armed


@given(st.lists(st.integers(1, 700), min_size=5, max_size=60))
def test_no_rhythm_of_short_polls_starves_the_watchdog(pauses_ms: list[int]) -> None:
    """The engine polls for 3 ms, for a second, until 10 ms before a pulse; whatever it does."""
    desk = Desk("rapid2")
    with desk.ready(PULSE) as stimulator:
        begun_ns = desk.clock.now_ns()
        for pause_ms in pauses_ms:
            stimulator.poll(desk.clock.now_ns() + pause_ms * MS)
        times = [begun_ns, *desk.sent_times(begun_ns), desk.clock.now_ns()]
        assert max(b - a for a, b in pairwise(times)) < 700 * MS
        assert desk.device.state().armed


@pytest.mark.parametrize("slice_ms", [3, 20, 79])
def test_polls_too_short_for_a_query_do_not_starve_it_either(slice_ms: int) -> None:
    """While rows are written the engine polls for 3 ms at a time."""
    desk = Desk("rapid2")
    with desk.ready(PULSE) as stimulator:
        end_ns = desk.clock.now_ns() + 5 * S
        while desk.clock.now_ns() < end_ns:
            stimulator.poll(desk.clock.now_ns() + slice_ms * MS)
        assert desk.device.state().armed


@pytest.mark.parametrize("ahead_ms", [50, 300, 430, 480, 700, 5000, 30_000])
def test_waiting_for_a_due_time_keeps_the_unit_and_the_time(ahead_ms: int) -> None:
    desk = Desk("rapid2")
    with desk.ready(PULSE) as stimulator:
        begun_ns = desk.clock.now_ns()
        due_ns = begun_ns + ahead_ms * MS
        receipt = stimulator.fire(due_ns + 2 * MS, due_ns)
        assert receipt is not None
        assert receipt.commanded_ns == due_ns
        times = [begun_ns, *desk.sent_times(begun_ns)]
        assert max(b - a for a, b in pairwise(times)) < 600 * MS
        assert len(desk.device.fired) == 1


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (lambda device: device._unit.set_power(60), "changed from 54 to 60 %MSO"),
        (lambda device: device.panel.press_foot_switch(), "a train that was not started here"),
        (lambda device: device.panel.press_stop(), "the unit was disarmed"),
    ],
    ids=["power", "foot switch", "stop button"],
)
def test_what_is_noticed_while_the_driver_waits_for_the_time_keeps_the_command_back(
    happens: Callable[[MagstimEmulator], None], words: str
) -> None:
    desk = Desk("rapid2")
    with desk.ready(TRAIN) as stimulator:
        begun_ns = desk.clock.now_ns()
        desk.device._unit.agenda.at(begun_ns + S, lambda: happens(desk.device))
        due_ns = begun_ns + 9 * S
        with pytest.raises(PulseRefused, match=words):
            stimulator.start_train(due_ns + 100 * MS, due_ns)
        assert FIRE.frame not in [frame.data for frame in desk.frames]


def test_a_host_that_was_frozen_for_two_seconds_is_told_that_it_lost_the_unit() -> None:
    desk = Desk("rapid2-v7")
    with desk.ready(PULSE) as stimulator:
        desk.clock.rest_until(desk.clock.now_ns() + 2 * S)
        notices = [one for one in desk.events(stimulator, S) if isinstance(one, DeviceNotice)]
        assert [one.kind for one in notices] == [NoticeKind.DISARMED]
        assert "remote control" in notices[0].sentence
        with pytest.raises(PulseRefused):
            stimulator.fire(FOREVER_NS)
        assert desk.device.fired == ()


def test_a_locked_unit_that_was_lost_is_gone() -> None:
    """It is silent until it is unlocked again, which opening it does."""
    desk = Desk("rapid2")
    stimulator = desk.ready(PULSE)
    desk.clock.rest_until(desk.clock.now_ns() + 2 * S)
    with pytest.raises(NotConnected, match="not answered"):
        desk.events(stimulator, 3 * S)
    stimulator.close()


# Evidence -------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", RAPIDS)
def test_a_train_is_seen_to_start_and_to_end(variant: str) -> None:
    desk = Desk(variant)
    with desk.ready(TRAIN) as stimulator:
        receipt = stimulator.start_train(FOREVER_NS)
        assert receipt is not None
        (ended,) = (e for e in desk.events(stimulator, 6 * S) if isinstance(e, TrainEnded))
        assert 0 <= ended.at_ns - receipt.commanded_ns - 4 * S < 150 * MS
        assert len(desk.device.fired) == 40
        assert stimulator.stimulus_count() is None


def test_a_train_that_ends_early_is_seen_to_end_early() -> None:
    desk = Desk("rapid2", "coil_hot@7")
    with desk.ready(TRAIN) as stimulator:
        receipt = stimulator.start_train(FOREVER_NS)
        assert receipt is not None
        events = desk.events(stimulator, 5 * S)
        ended = next(one for one in events if isinstance(one, TrainEnded))
        assert ended.at_ns - receipt.commanded_ns < 1200 * MS
        kinds = [one.kind for one in events if isinstance(one, DeviceNotice)]
        assert kinds == [NoticeKind.DISARMED]


def test_a_late_answer_is_not_taken_for_a_train_that_runs_now() -> None:
    """Answers carry no number: one that comes behind the next query still shows the state before.

    The unit is stopped between the two queries.
    """
    desk = Desk("rapid2")
    with desk.ready(TRAIN) as stimulator:
        stimulator.start_train(FOREVER_NS)
        seen = [one for one in desk.events(stimulator, S) if isinstance(one, TrainRunning)]
        desk.device._frame_faults.append(FaultName.LATE_REPLY)
        stop_ns = seen[-1].at_ns + 425 * MS  # the next query is at 400
        desk.device._unit.agenda.at(stop_ns, desk.device.panel.press_stop)
        later = [one for one in desk.events(stimulator, S) if isinstance(one, TrainRunning)]
        assert later, "the late answer was not taken at all"
        assert max(one.at_ns for one in later) < stop_ns


@pytest.mark.parametrize("variant", ANY)
def test_a_single_pulse_is_acknowledged_and_no_more_is_claimed(variant: str) -> None:
    desk = Desk(variant)
    with desk.ready(PULSE) as stimulator:
        receipt = stimulator.fire(FOREVER_NS)
        assert receipt is not None
        assert (receipt.reported, receipt.realised_a_us) == (False, None)
        assert [one.intensity_pct_mso for one in desk.device.fired] == [60]


@pytest.mark.parametrize("fault", ["swallow_reply@1", "corrupt_reply@1", "hang@1", "unplug@1"])
def test_a_start_whose_answer_is_lost_is_uncertain_and_not_repeated(fault: str) -> None:
    desk = Desk("rapid2", fault)
    stimulator = desk.ready(PULSE)
    with pytest.raises(DeliveryUncertain):
        stimulator.fire(FOREVER_NS)
    stimulator.close()
    assert len(desk.device.fired) == 1


def test_a_pair_is_one_command_and_reads_back() -> None:
    desk = Desk("bistim2")
    with desk.ready(PAIR) as stimulator:
        with pytest.raises(PulseRefused, match="pairs"):
            stimulator.fire(FOREVER_NS)
        assert stimulator.start_train(FOREVER_NS) is not None
        desk.events(stimulator, S)
        first, second = desk.device.fired
        assert second.at_ns - first.at_ns == 3 * MS
        assert {first.intensity_pct_mso, second.intensity_pct_mso} == {45}


@pytest.mark.parametrize("armed", [False, True])
def test_pairs_of_a_unit_that_was_left_in_high_resolution_are_as_far_apart_as_asked(
    armed: bool,
) -> None:
    """Its resolution is not changed while it is armed (1.6), and its interval reads back alike."""
    desk = Desk("bistim2")
    desk.device._unit.high_resolution = True
    if armed:
        desk.device._unit.arm()
    with desk.ready(PAIR) as stimulator:
        assert stimulator.start_train(FOREVER_NS) is not None
        desk.events(stimulator, S)
        first, second = desk.device.fired
        assert second.at_ns - first.at_ns == 3 * MS


def test_a_unit_that_stays_in_high_resolution_is_not_used() -> None:
    desk = Desk("bistim2")
    desk.device._unit.high_resolution = True
    desk.device._unit.disarm = lambda: None  # type: ignore[method-assign]
    desk.device._unit.arm()
    with pytest.raises(LinkFault, match="high resolution"):
        desk.open()


# What is refused ------------------------------------------------------------------------------


def test_a_train_too_soon_for_the_supply_is_refused_and_nothing_is_sent() -> None:
    desk = Desk("super-rapid2-plus")
    settings = TrainSettings(Train(40, Fraction(20)), 80, DEVICE)
    with desk.ready(settings) as stimulator:
        first = stimulator.start_train(FOREVER_NS)
        assert first is not None
        desk.events(stimulator, 5 * S)
        with pytest.raises(PulseRefused, match=r"shortest wait is \d\.\d\d s more"):
            stimulator.start_train(FOREVER_NS)
        assert len(desk.device.fired) == 40
        due_ns = first.commanded_ns + 2 * S + 4150 * MS
        assert stimulator.start_train(due_ns + 2 * MS, due_ns) is not None
        desk.events(stimulator, 3 * S)
        assert len(desk.device.fired) == 80
        assert desk.device.damage == ()


def test_a_single_pulse_too_soon_after_a_heavy_train_is_refused_and_nothing_is_sent() -> None:
    desk = Desk("super-rapid2-plus")
    with desk.ready(TrainSettings(Train(40, Fraction(20)), 80, DEVICE)) as stimulator:
        first = stimulator.start_train(FOREVER_NS)
        assert first is not None
        desk.events(stimulator, 3 * S)
        stimulator.configure(PULSE)
        stimulator.arm()
        with pytest.raises(PulseRefused, match=r"a pulse so soon .* shortest wait is \d\.\d\d s"):
            stimulator.fire(FOREVER_NS)
        assert len(desk.device.fired) == 40
        due_ns = first.commanded_ns + 2 * S + 4150 * MS
        assert stimulator.fire(due_ns + 2 * MS, due_ns) is not None
        assert len(desk.device.fired) == 41


def test_single_pulses_that_would_be_lost_are_not_asked_for() -> None:
    desk = Desk("rapid2")
    with desk.ready(PULSE) as stimulator:
        assert stimulator.fire(FOREVER_NS) is not None
        desk.events(stimulator, 200 * MS)
        with pytest.raises(PulseRefused, match=r"0\.6 s"):
            stimulator.fire(FOREVER_NS)
        assert len(desk.device.fired) == 1


@pytest.mark.parametrize(("settings", "call"), [(TRAIN, "fire"), (PULSE, "start_train")])
def test_the_wrong_command_for_the_units_mode_is_not_sent(
    settings: TrainSettings, call: str
) -> None:
    """One trigger is one pulse or a whole train, as the unit is set."""
    desk = Desk("rapid2")
    with desk.ready(settings) as stimulator:
        with pytest.raises(PulseRefused, match="nothing was sent"):
            getattr(stimulator, call)(FOREVER_NS)
        assert desk.device.fired == ()


def test_settings_that_the_unit_changes_by_itself_are_found_out() -> None:
    desk = Desk("magstim200", "wrong_intensity@0")
    with desk.open() as stimulator, pytest.raises(SettingsRefused, match="reads back"):
        stimulator.configure(PULSE)
    desk = Desk("rapid2", "wrong_intensity@0")
    with desk.open() as stimulator, pytest.raises(SettingsRefused, match="reads back 44 %MSO"):
        stimulator.configure(TRAIN)


@pytest.mark.parametrize("variant", ANY)
def test_a_knob_that_somebody_turns_in_a_session_is_noticed_once(variant: str) -> None:
    desk = Desk(variant, "panel_change:5@1")
    with desk.ready(PULSE) as stimulator:
        assert stimulator.fire(FOREVER_NS) is not None
        notices = [one for one in desk.events(stimulator, 3 * S) if isinstance(one, DeviceNotice)]
        assert [one.kind for one in notices] == [NoticeKind.INTENSITY]
        assert "from 60 to 65 %MSO" in notices[0].sentence
        assert stimulator.configure(PULSE) == PULSE
        assert desk.events(stimulator, S) == []


@pytest.mark.parametrize(
    ("variant", "settings", "what", "value", "words"),
    [
        ("rapid2", TRAIN, "pulses", 60, "is set to 60 pulses at 10 Hz in 4 s now"),
        ("rapid2-v7", TRAIN, "frequency_tenths", 120, "is set to 40 pulses at 12 Hz in 4 s now"),
        ("rapid2", PULSE, "duration_tenths", 10, "was set to single pulses and is set to"),
        ("bistim2", PAIR, "interval", 30, "is set to power B 45 %MSO and an interval of 30 ms now"),
        ("bistim2", PAIR, "power_b_pct", 70, "is set to power B 70 %MSO"),
    ],
)
def test_what_somebody_sets_besides_the_power_is_noticed_once_before_it_is_given(
    variant: str, settings: TrainSettings, what: str, value: int, words: str
) -> None:
    desk = Desk(variant)
    with desk.ready(settings) as stimulator:
        assert hasattr(desk.device._unit, what)
        setattr(desk.device._unit, what, value)
        notices = [one for one in desk.events(stimulator, 3 * S) if isinstance(one, DeviceNotice)]
        assert [one.kind for one in notices] == [NoticeKind.SETTINGS]
        assert words in notices[0].sentence
        assert stimulator.configure(settings) == settings
        assert desk.events(stimulator, S) == []
        assert desk.device.fired == ()


@pytest.mark.parametrize("fault", ["coil_hot@0", "coil_removed@0", "interlock_open@0"])
def test_a_unit_that_does_not_arm_says_what_it_can_of_the_reason(fault: str) -> None:
    desk = Desk("rapid2", fault)
    with desk.open() as stimulator:
        stimulator.configure(TRAIN)
        with pytest.raises(PulseRefused, match="stays disarmed"):
            stimulator.arm()
        status = stimulator.status()
        assert (status.coil == "") == (fault == "coil_removed@0")
        assert not status.armed


@pytest.mark.parametrize("variant", ANY)
def test_a_session_can_go_back_and_forth_between_pulses_and_trains(variant: str) -> None:
    desk = Desk(variant)
    settings = (TRAIN, PULSE) if variant in RAPIDS else (PULSE,)
    with desk.open() as stimulator:
        for wanted in settings * 3:
            assert stimulator.configure(wanted) == wanted
        assert desk.device.fired == ()
    sent = [one.data[:1] for one in desk.frames if one.direction is Direction.SENT]
    assert Command.IGNORE_INTERLOCK.encode() not in sent


# Opening --------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [True, False])
def test_a_locked_unit_is_opened_whether_or_not_it_tells_its_version_first(told: bool) -> None:
    desk = Desk("rapid2", options=options("rapid2-v10", silent_while_locked=not told))
    with desk.open() as stimulator:
        assert stimulator.capabilities.identity.firmware == "10.1"


def opened_with(desk: Desk, code: UnlockCode | None) -> RapidStimulator:
    return RapidStimulator(
        desk.link,
        desk.clock,
        model=RapidModel.RAPID,
        mains=Mains.V240,
        code=code,
        frame_log=desk.frames.append,
        stop_requested=lambda: False,
    )


def test_a_wrong_or_missing_code_is_one_of_the_reasons_given() -> None:
    with pytest.raises(LinkFault, match="unlock code is wrong"):
        opened_with(Desk("rapid2"), UnlockCode("ffff-ffffffff-ff"))
    with pytest.raises(LinkFault, match="none is stored"):
        opened_with(Desk("rapid2"), None)
    opened_with(Desk("rapid2-v7"), None).close()


def test_the_unlock_code_is_in_no_frame_and_in_no_error() -> None:
    """Not even the checksum behind it."""
    secret = MADE_UP_CODE.secret
    desk = Desk("rapid2")
    with desk.ready(TRAIN):
        pass
    wrong = Desk("rapid2", options=options(code=UnlockCode("ffff-ffffffff-ff")))
    with pytest.raises(LinkFault) as caught:
        wrong.open()
    shown = b"".join(one.data for one in (*desk.frames, *wrong.frames))
    assert secret not in shown
    assert secret[:4] not in shown
    assert shown.count(b"Q" + b"*" * 17) == 2
    assert secret.decode() not in str(caught.value) + repr(caught.value)
    sent = sum(len(one.data) for one in desk.frames if one.direction is Direction.SENT)
    assert sent == desk.link.bytes_written


@pytest.mark.parametrize("variant", ["magstim200", "bistim2"])
def test_a_unit_of_another_family_is_not_taken_for_a_rapid(variant: str) -> None:
    desk = Desk(variant)
    with pytest.raises(LinkFault, match="no Rapid"):
        opened_with(desk, MADE_UP_CODE)


def test_a_200_is_not_taken_for_a_bistim() -> None:
    desk = Desk("magstim200")
    with pytest.raises(LinkFault):
        registry.driver_entry("bistim2").open(
            desk.link, desk.clock, desk.frames.append, lambda: False
        )


@pytest.mark.parametrize("variant", ANY)
def test_closing_returns_control_to_the_front_at_once(variant: str) -> None:
    """A probe must not leave a unit under remote control until its watchdog ends it."""
    desk = Desk(variant)
    with desk.ready(PULSE):
        assert desk.device.state().remote
    state = desk.device.state()
    assert (state.remote, state.armed) == (False, False)


# Behind a pseudo-terminal ---------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["rapid2", "magstim200"])
def test_an_emulated_unit_behind_a_terminal_is_proved_simulated(
    variant: str, tmp_path: Path
) -> None:
    clock = RealClock()
    with hosted_in_thread(Host(MagstimEmulator(VARIANTS[variant]), PtyPort(tmp_path / "p"))) as one:
        link = SerialLink(one.port.name, BAUD_RATE, clock)
        entry = registry.driver_entry(variant)
        with entry.open(link, clock, lambda _: None, lambda: False) as stimulator:
            proof = prove_simulated(
                control_address(one.port.name), link, lambda: stimulator.identify().serial
            )
    assert "two nonces returned" in proof.text


PROBED = {
    "rapid2": (registry.LOWEST_RAPID, "Magstim Rapid² or Horizon, software 9.0; model and mains"),
    "super-rapid2-plus": (
        registry.LOWEST_RAPID,
        "the lowest limits count (Magstim Rapid² (115 V))",
    ),
    "bistim2": ("bistim2", "Magstim BiStim², which does not tell its serial number."),
    "magstim200": ("magstim200", "Magstim 200², which does not tell its serial number."),
}


@pytest.mark.parametrize("variant", PROBED)
def test_a_port_is_probed_and_disarmed_without_knowing_what_is_there(
    variant: str, tmp_path: Path
) -> None:
    clock = RealClock()
    device = MagstimEmulator(VARIANTS[variant])
    with hosted_in_thread(Host(device, PtyPort(tmp_path / "p"))) as host:
        found = probe(host.port.name, clock)
        driver, words = PROBED[variant]
        assert (found.driver, found.coil, found.ready) == (driver, COIL, True)
        assert words in found.verdict
        done = registry.try_disarm_whatever(host.port.name, clock)
        assert done.confirmed, done.sentence
    assert device.fired == ()


def probed(monkeypatch: pytest.MonkeyPatch, device: MagstimEmulator) -> ProbeReport:
    """Probe a port that leads to this unit, under the virtual clock."""
    clock = SlicedClock()
    monkeypatch.setattr(registry, "open_port", lambda *_: MemoryLink(device, clock))
    return probe("anywhere", clock)


def test_a_probe_says_that_a_unit_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    other = UnlockCode("9f9f-9f9f9f9f-9f")
    report = probed(
        monkeypatch, MagstimEmulator(options("rapid2", code=other, silent_while_locked=False))
    )
    assert report.identity is None
    assert "the unit answers and is locked: its unlock code is wrong" in report.verdict
    silent = probed(monkeypatch, MagstimEmulator(options("rapid2", code=other)))
    assert silent.verdict.startswith("No stimulator answers")
    assert "silent too until its unlock code is right" in silent.verdict


def test_a_probe_says_that_the_coil_is_missing_and_which_error_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = probed(monkeypatch, MagstimEmulator(options("rapid2", coil=None)))
    assert (report.driver, report.ready) == (registry.LOWEST_RAPID, False)
    assert report.verdict.endswith("No coil is connected.")
    device = MagstimEmulator(VARIANTS["rapid2"])
    device._unit.error = 7
    report = probed(monkeypatch, device)
    assert not report.ready
    assert "The stimulator reports error E07" in report.verdict


def test_nobodys_limits_are_lower_than_those_of_a_rapid_whose_label_nobody_read() -> None:
    lowest = MAX_FREQUENCY_HZ[RapidModel.RAPID, Mains.V115]
    for columns in MAX_FREQUENCY_HZ.values():
        assert all(low <= one for low, one in zip(lowest, columns, strict=True))
    assert driver_entry(registry.LOWEST_RAPID).title == "Magstim Rapid² (115 V)"
    probing = [name for name, entry in registry.DRIVERS.items() if entry.probed]
    assert probing == ["magpro", registry.LOWEST_RAPID, "bistim2", "magstim200"]


def test_after_the_cable_was_out_the_same_port_is_opened_again() -> None:
    desk = Desk("rapid2")
    stimulator = desk.ready(PULSE)
    desk.device.unplug()
    with pytest.raises(NotConnected):
        desk.events(stimulator, 3 * S)
    stimulator.close()
    desk.device.unplugged = False
    desk.link = MemoryLink(desk.device, desk.clock)
    with desk.ready(PULSE) as again:
        assert again.status().armed
