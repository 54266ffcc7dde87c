"""The witness's reader against its emulator: edges in time, and every doubt in words."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from drivers.errors import LinkFault, NotConnected, StopRequested
from drivers.interface import DeviceNotice, Frame, NoticeKind
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.serial_link import SerialLink
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from drivers.simulator.memory_link import MemoryLink
from drivers.simulator.proof import NotProved, control_address, prove_simulated
from drivers.witness.emulator import Wired, WitnessEmulator, WitnessOptions
from drivers.witness.lines import BAUD_RATE, Identity, encode_line
from drivers.witness.reader import Edge, Witness
from tms_console.clock import RealClock, VirtualClock

MS = 1_000_000
S = 1_000_000_000


class Bench:
    """A witness on an emulator, under the virtual clock."""

    def __init__(self, options: WitnessOptions | None = None) -> None:
        self.clock = VirtualClock(5 * S)
        self.emulator = WitnessEmulator(options)
        self.frames: list[Frame] = []
        self.link = MemoryLink(self.emulator, self.clock)
        self.witness = Witness(self.link, self.clock, self.frames.append, lambda: False)

    def now(self) -> int:
        """The emulator's time."""
        return self.emulator.now_ns()

    def edges(self, *away_ns: int) -> list[int]:
        """Edges at these times from now, as the witness tells them after 3 s, from now too."""
        here_ns = self.clock.now_ns()
        for ns in away_ns:
            self.emulator.edge(self.now() + ns)
        events = self.until(here_ns + 3 * S)
        return [event.at_ns - here_ns for event in events if isinstance(event, Edge)]

    def until(self, end_ns: int) -> list[Edge | DeviceNotice]:
        events: list[Edge | DeviceNotice] = []
        while self.clock.now_ns() < end_ns:
            events += self.witness.read(min(end_ns, self.clock.now_ns() + 2 * MS))
        return events

    def doubts(self, seconds: float = 3) -> list[str]:
        events = self.until(self.clock.now_ns() + round(seconds * S))
        notices = [event for event in events if isinstance(event, DeviceNotice)]
        return [one.sentence for one in notices if one.kind is NoticeKind.WITNESS]


def test_edges_have_the_times_that_they_came() -> None:
    away = [200 * MS, 220 * MS, 240 * MS, 400 * MS, 2000 * MS]
    got = Bench().edges(*away)
    assert len(got) == len(away)
    assert all(0 <= seen - due < 3 * MS for seen, due in zip(got, away, strict=True))
    spacing = [b - a for a, b in pairwise(got)]
    assert spacing == pytest.approx([20 * MS, 20 * MS, 160 * MS, 1600 * MS], abs=200_000)


def test_the_counter_wraps_without_a_word() -> None:
    bench = Bench(WitnessOptions(counter_us=(1 << 32) - 2_000_000))
    assert len(bench.edges(1000 * MS, 1300 * MS)) == 2
    assert not bench.doubts()
    assert len(bench.edges(500 * MS)) == 1


def test_a_bounce_is_no_second_edge() -> None:
    assert len(Bench().edges(100 * MS, 100 * MS + 400_000, 101 * MS)) == 2


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda e: setattr(e, "lose", 1), "1 edges of the pulse witness were lost"),
        (lambda e: setattr(e, "spoil", 1), "1 edges of the pulse witness were lost"),
        (lambda e: e.restart(), "started anew"),
        (lambda e: setattr(e, "silent", True), "silent"),
    ],
)
def test_what_goes_wrong_is_said_once(spoil: Callable[[WitnessEmulator], None], words: str) -> None:
    bench = Bench()
    bench.until(bench.clock.now_ns() + 2 * S)
    spoil(bench.emulator)
    bench.emulator.edge(bench.now() + 10 * MS)
    doubts = bench.doubts()
    assert words in doubts[0]
    assert len(doubts) == len(set(doubts)) <= 2


def test_a_broken_line_is_on_record_and_ends_nothing() -> None:
    bench = Bench()
    bench.emulator._transmitter.send(bench.now(), b"E 9 9*00\n")
    events = bench.until(bench.clock.now_ns() + S)
    assert [e.kind for e in events if isinstance(e, DeviceNotice)] == [NoticeKind.LINK]
    assert any(b"E 9 9*00" in frame.data for frame in bench.frames)


def test_a_port_with_something_else_on_it_is_no_witness() -> None:
    clock = VirtualClock()
    link = MemoryLink(MagProEmulator(Options()), clock)
    with pytest.raises(LinkFault, match="no pulse witness answers"):
        Witness(link, clock, lambda _: None, lambda: False)
    with pytest.raises(NotConnected, match="closed"):
        link.read(0)


def test_another_protocol_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, emulator = VirtualClock(), WitnessEmulator()
    other = encode_line(Identity("tms-witness-9", "X"))
    monkeypatch.setattr(emulator, "_say_identity", lambda: emulator._say(lambda: other))
    emulator._transmitter.cut(0)
    emulator._agenda.advance(2 * MS)
    emulator._transmitter.cut(emulator.now_ns())
    with pytest.raises(LinkFault, match="speaks tms-witness-9"):
        Witness(MemoryLink(emulator, clock), clock, lambda _: None, lambda: False)


def test_a_witness_that_cannot_be_asked_any_more_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()

    def gone(_data: bytes) -> None:
        raise NotConnected("port 2: cannot write: Input/output error")

    monkeypatch.setattr(bench.link, "write", gone)
    with pytest.raises(NotConnected, match="the pulse witness is gone: port 2: cannot write"):
        bench.until(bench.clock.now_ns() + 2 * S)


def test_a_stop_ends_the_opening() -> None:
    clock, emulator = VirtualClock(), WitnessEmulator()
    emulator.silent = True
    asked = iter([False] * 20)
    with pytest.raises(StopRequested):
        Witness(MemoryLink(emulator, clock), clock, lambda _: None, lambda: next(asked, True))
    assert clock.now_ns() < 200 * MS


def test_two_wired_devices_live_in_one_time() -> None:
    stimulator, eyes = MagProEmulator(Options()), WitnessEmulator()
    wired = Wired(stimulator, eyes)
    wired.stimulator_end.advance(70 * MS)
    assert eyes.now_ns() == 70 * MS
    wired.witness_end.advance(100 * MS)
    assert stimulator.now_ns() == 100 * MS
    wired.stimulator_end.advance(30 * MS)
    assert stimulator.now_ns() == eyes.now_ns() == 100 * MS


def test_behind_a_pseudo_terminal_it_answers_and_proves_itself(tmp_path: Path) -> None:
    wired = Wired(MagProEmulator(Options()), WitnessEmulator())
    port, eyes = tmp_path / "magpro", tmp_path / "witness"
    host = Host(wired.stimulator_end, PtyPort(port))
    host.add(wired.witness_end, PtyPort(eyes))
    with hosted_in_thread(host):
        clock = RealClock()
        link = SerialLink(str(eyes), BAUD_RATE, clock)
        with Witness(link, clock, lambda _: None, lambda: False) as witness:
            proof = prove_simulated(control_address(str(eyes)), link, witness.identify)
            assert "SIM-W1" in proof.text
            with pytest.raises(NotProved):
                prove_simulated(control_address(str(port)), link, witness.identify)
