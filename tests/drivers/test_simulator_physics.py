"""The physics and the small parts behind every emulator: charging, heat, line, pulse log."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.simulator.agenda import Agenda
from drivers.simulator.device import FiredPulse, Source
from drivers.simulator.line import Receiver, Transmitter
from drivers.simulator.physics import AMBIENT_C, LOWER_NS_PER_PCT, RAISE_NS_PER_PCT, Coil, Physics
from drivers.simulator.pulse_log import PulseLog, read_pulse_log

COIL = Coil(72, "C-B60", heating_c=1.0, cooling_s=100.0)
S = 1_000_000_000
CHARGE_NS = 10_000_000


def physics(coil: Coil | None = COIL, jitter: float = 0.0, seed: int = 0) -> Physics:
    return Physics(coil, CHARGE_NS, seed, jitter)


def test_heat_grows_with_the_square_of_the_intensity_and_decays_by_its_time_constant() -> None:
    warm = physics()
    for pct in (100, 50):
        warm.fire(pct)
    assert warm.temperature_c == pytest.approx(AMBIENT_C + 1.25)
    warm.advance(100 * S)
    assert warm.temperature_c == pytest.approx(AMBIENT_C + 1.25 / 2.718281828)


def test_cooling_does_not_depend_on_how_often_one_looks() -> None:
    looked, left = physics(), physics()
    for either in (looked, left):
        either.fire(100)
    for _ in range(50):
        looked.advance(S)
        assert looked.temperature_c > AMBIENT_C
    left.advance(50 * S)
    assert looked.temperature_c == pytest.approx(left.temperature_c)


def test_warning_at_38_and_stop_at_41_degrees() -> None:
    heated = physics()
    heated.heat_to(37.9)
    assert not heated.warm
    heated.heat_to(38.0)
    assert (heated.warm, heated.too_hot) == (True, False)
    heated.heat_to(41.0)
    assert heated.too_hot
    heated.heat_to(30.0)
    assert heated.temperature_c == 41.0


def test_another_coil_is_at_room_temperature() -> None:
    heated = physics()
    heated.heat_to(45.0)
    heated.plug(COIL)
    assert heated.temperature_c == AMBIENT_C
    heated.plug(None)
    heated.advance(S)
    assert heated.coil is None
    assert heated.temperature_c == AMBIENT_C


def test_charging_takes_time_up_and_down_and_is_lost_by_discharging() -> None:
    device = physics()
    assert not device.ready
    device.charge(0, 50)
    device.advance(50 * RAISE_NS_PER_PCT - 1)
    assert not device.ready
    device.advance(1)
    assert device.ready
    device.charge(50, 40)
    device.advance(10 * LOWER_NS_PER_PCT - 1)
    assert not device.ready
    device.advance(1)
    assert device.ready
    device.discharge()
    assert not device.ready


def test_a_pulse_is_paid_for_by_recharging_and_a_burst_by_as_often() -> None:
    device = physics()
    device.charge(0, 100)
    device.advance(S)
    device.fire(100)
    device.fire(100)
    device.fire(50)
    device.advance(CHARGE_NS * 9 // 4 - 1)
    assert not device.ready
    device.advance(1)
    assert device.ready


def test_a_pulse_needs_a_coil_and_heats_without_a_charged_capacitor_too() -> None:
    with pytest.raises(ValueError, match="without a coil"):
        physics(None).fire(50)
    device = physics()
    device.fire(100)
    assert not device.ready
    assert device.temperature_c > AMBIENT_C


def test_didt_follows_the_intensity_and_jitter_is_small_and_seeded() -> None:
    assert [physics().fire(pct) for pct in (0, 50, 100)] == [0, 75, 150]
    rough = [physics(jitter=0.1, seed=3) for _ in range(2)]
    series = [[one.fire(100) for _ in range(50)] for one in rough]
    assert series[0] == series[1]
    assert len(set(series[0])) > 5
    assert all(135 <= a_us <= 165 for a_us in series[0])


def test_appointments_are_kept_in_order_at_their_time_and_the_clock_is_told_first() -> None:
    steps: list[int] = []
    kept: list[tuple[str, int, int]] = []
    agenda = Agenda(steps.append)

    def note(name: str) -> None:
        kept.append((name, agenda.now_ns, sum(steps)))

    def first() -> None:
        note("first")
        agenda.at(10, lambda: note("third"))

    agenda.at(20, lambda: note("late"))
    agenda.at(10, first)
    agenda.at(10, lambda: note("second"))
    cancelled = agenda.at(5, lambda: note("never"))
    cancelled.cancel()
    assert agenda.next_due_ns() == 10
    agenda.advance(30)
    assert kept == [("first", 10, 10), ("second", 10, 10), ("third", 10, 10), ("late", 20, 20)]
    assert agenda.now_ns == sum(steps) == 30
    assert agenda.next_due_ns() is None
    agenda.at(1, lambda: note("overdue"))
    agenda.advance(0)
    assert kept[-1] == ("overdue", 30, 30)


def test_an_appointment_happens_once_and_a_cancelled_one_in_the_heap_never() -> None:
    kept: list[int] = []
    agenda = Agenda(lambda _: None)
    appointment = agenda.at(1, lambda: kept.append(1))
    other = agenda.at(2, lambda: kept.append(2))
    agenda.at(1, other.cancel)
    agenda.advance(5)
    appointment.keep()
    assert appointment.cancelled
    assert kept == [1]


def test_time_cannot_go_back() -> None:
    with pytest.raises(ValueError, match="cannot go back"):
        Agenda(lambda _: None).advance(-1)


def test_bytes_arrive_one_after_the_other() -> None:
    receiver = Receiver(100)
    assert receiver.arrivals(1000, b"ab") == [1100, 1200]
    assert receiver.arrivals(1050, b"c") == [1300]
    assert receiver.arrivals(5000, b"d") == [5100]


@given(
    st.lists(st.tuples(st.integers(0, 500), st.binary(min_size=1, max_size=9)), max_size=8),
    st.lists(st.integers(1, 700), max_size=30),
)
def test_bytes_leave_in_order_at_line_speed_however_they_are_taken(
    frames: list[tuple[int, bytes]], looks: list[int]
) -> None:
    now, line, taken = 0, Transmitter(10), b""
    sent = b""
    for after, frame in frames:
        now += after
        line.send(now, frame)
        sent += frame
    for after in looks:
        now += after
        taken += line.take(now)
        assert sent.startswith(taken)
    while (due := line.next_due_ns()) is not None:
        now = max(now, due)
        taken += line.take(now)
    assert taken == sent
    assert line.take(now + 1000) == b""


def test_a_stall_delays_the_next_frame_and_a_cut_forgets_what_has_not_left() -> None:
    line = Transmitter(10)
    line.stall(0, 100)
    line.send(0, b"abc")
    assert line.take(110) == b"a"
    assert line.next_due_ns() == 130
    line.send(110, b"def")
    line.cut(125)
    assert line.take(125) == b"b"
    assert line.take(1000) == b""
    line.cut(1000)
    assert line.next_due_ns() is None


PULSE = FiredPulse(1, 123, 54, 81, Source.TRAIN)


def test_the_pulse_log_is_private_appended_to_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "pulses.jsonl"
    for clock in (None, lambda: 77):
        log = PulseLog(path, clock)
        log.write(PULSE)
        log.close()
        log.close()
    assert path.stat().st_mode & 0o777 == 0o600
    lines = read_pulse_log(path)
    assert [(line.pulse, line.monotonic_ns) for line in lines] == [(PULSE, None), (PULSE, 77)]
    assert json.loads(path.read_text().splitlines()[0])["source"] == "train"


def test_each_pulse_is_one_write_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between two writes would leave half a pulse; a buffer would leave none."""
    writes: list[bytes] = []
    real = os.write
    log = PulseLog(tmp_path / "pulses.jsonl")

    def counted_write(descriptor: int, data: bytes) -> int:
        writes.append(data)
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", counted_write)
    log.write(PULSE)
    assert len(writes) == 1
    assert read_pulse_log(log.path)[0].pulse == PULSE
    log.close()


def test_a_pulse_that_was_not_written_whole_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = PulseLog(tmp_path / "pulses.jsonl")
    monkeypatch.setattr(os, "write", lambda _fd, data: len(data) - 1)
    with pytest.raises(OSError, match="only"):
        log.write(PULSE)
    log.close()


@pytest.mark.parametrize("line", ["{", '{"number": 1}', "[]", "7"])
def test_a_line_that_is_no_pulse_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "pulses.jsonl"
    log = PulseLog(path)
    log.write(PULSE)
    log.close()
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match=r"pulses\.jsonl, line 2: not a pulse"):
        read_pulse_log(path)
