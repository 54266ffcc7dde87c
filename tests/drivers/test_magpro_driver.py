"""The MagPro driver against scripted exchanges `(sent, reply)`: the very bytes, on a fake link.

Frames are the worked ones of stimulators.md 2.2 and 2.3 where there are any; an X100 speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import pytest

from drivers.errors import (
    DeliveryUncertain,
    LinkFault,
    NotConnected,
    PulseRefused,
    SettingsRefused,
    StopRequested,
)
from drivers.interface import (
    DeviceNotice,
    Direction,
    Frame,
    NoticeKind,
    PulseReport,
    Stimulator,
    TrainEnded,
    TrainSettings,
    TrainTiming,
)
from drivers.link import WriteTimes
from drivers.magpro.codec import encode_frame
from drivers.magpro.driver import DISARM_FRAME, MagProStimulator
from drivers.magpro.replies import POWER_ON
from protocols.pattern import Burst, Train
from tests.drivers.conformance import FOREVER_NS, MS, SlicedClock

STATUS, STATUS_2, SETTINGS = "FE 01 00 00 FF", "FE 01 05 3F FF", "FE 02 09 00 B2 FF"
TRAIN, COUNT = "FE 02 0B 00 23 FF", "FE 02 0C 00 4D FF"
ENABLE, DISABLE = "FE 02 02 01 CF FF", "FE 02 02 00 91 FF"
TRIGGER, START = "FE 03 03 01 00 20 FF", "FE 01 04 61 FF"
AMPLITUDE_50, TIMING = "FE 02 01 32 C6 FF", "FE 03 07 02 00 EB FF"
TRAIN_10_HZ = encode_frame(bytes.fromhex("06 0064 0028 0001 000A")).hex(" ").upper()
BIPHASIC = "FE 0B 09 01 01 00 00 01 02 00 C8 00 64 87 FF"
THETA = "FE 0B 09 01 01 00 00 03 02 00 C8 00 64 E9 FF"

AT_50 = "FE 04 01 32 00 34 C1 FF"
DIDT_75 = "FE 04 02 4B 00 34 28 FF"
COIL_22 = "FE 04 03 16 48 34 21 FF"
RUNNING = "FE 04 08 02 01 34 48 FF"
ENABLED_STATUS = "FE 09 00 34 00 04 D2 16 48 32 00 71 FF"


def frame(body: str) -> str:
    return encode_frame(bytes.fromhex(body)).hex(" ").upper()


def status_2(info: str = "24", pct: str = "32", page: str = "02", running: str = "00") -> str:
    return frame(f"05 {info} 0004D2 16 48 {pct} 00 {pct} 00 64 64 {page} {running}")


IS_STATUS = frame("00 24 0004D2 16 48 32 00")
IS_BIPHASIC = frame("09 00 41 00 00 01 02 50 00 50")
IS_THETA = frame("09 00 41 00 00 03 02 50 00 50")
IS_TWIN = frame("09 00 41 02 00 01 02 50 00 50")
IS_TRAIN = frame("0B 00 00 0064 0028 0001 000A 00")
COUNTS_7 = frame("0C 00 00000000000000 0007 02")
TEN_HZ = TrainSettings(Train(40, Fraction(10)), 50, TrainTiming.DEVICE)
HOST_50 = TrainSettings(Train(1, Fraction(1)), 50, TrainTiming.HOST)

Script = Sequence[tuple[str, str]]
OPENING: Script = [(STATUS, IS_STATUS), (SETTINGS, IS_BIPHASIC), (COUNT, COUNTS_7)]


@dataclass
class ScriptedLink:
    """Expects exactly these frames, in this order; answers each after 30 ms, or is unplugged."""

    clock: SlicedClock
    script: list[tuple[str, str]]
    name: str = "scripted"
    bytes_written: int = 0
    closed: int = 0
    broken: bool = False
    _due: list[tuple[int, bytes]] = field(default_factory=list)

    def say(self, *frames: str, in_ms: int = 30) -> None:
        at_ns = self.clock.now_ns() + in_ms * MS
        self._due.append((at_ns, b"".join(bytes.fromhex(one) for one in frames)))

    def write(self, data: bytes) -> WriteTimes:
        if self.broken:
            raise NotConnected("scripted: unplugged")
        self.bytes_written += len(data)
        expected, reply = self.script.pop(0) if self.script else ("nothing", "")
        assert data.hex(" ").upper() == expected
        if reply == "unplug":
            self.broken = True
        elif reply:
            self.say(reply)
        now_ns = self.clock.now_ns()
        return WriteTimes(now_ns, now_ns)

    def read(self, until_ns: int) -> bytes:
        if self.broken:
            raise NotConnected("scripted: unplugged")
        first_ns = self._due[0][0] if self._due else FOREVER_NS
        self.clock.wait_until(min(first_ns, max(until_ns, self.clock.now_ns())))
        if self._due and self.clock.now_ns() >= first_ns:
            return self._due.pop(0)[1]
        return b""

    def close(self) -> None:
        self.closed += 1


class Bench:
    """A driver on a scripted link."""

    def __init__(self, opening: Script = OPENING) -> None:
        self.clock = SlicedClock()
        self.link = ScriptedLink(self.clock, list(opening))
        self.frames: list[Frame] = []
        self.stop: Callable[[], bool] = lambda: False
        self.driver = MagProStimulator(
            self.link,
            self.clock,
            frame_log=self.frames.append,
            stop_requested=self.stop_requested,
        )

    def stop_requested(self) -> bool:
        return self.stop()

    def expect(self, *script: tuple[str, str]) -> None:
        assert self.link.script == [], "not everything was sent"
        self.link.script = list(script)

    def heard(self, *said: str) -> list[object]:
        """What `poll` makes of frames that come unasked."""
        for number, one in enumerate(said):
            self.link.say(one, in_ms=number)
        events: list[object] = []
        end_ns = self.clock.now_ns() + 200 * MS
        while self.clock.now_ns() < end_ns:
            events += self.driver.poll(end_ns)
        return events


@pytest.fixture
def bench() -> Bench:
    return Bench()


# Opening -------------------------------------------------------------------------------------


def test_opening_asks_three_questions_and_changes_nothing(bench: Bench) -> None:
    can: Stimulator = bench.driver
    found = can.capabilities
    assert (found.identity.model, found.identity.serial, found.coil) == (
        "MagPro X100", "1234", "C-B60",
    )  # fmt: skip
    assert found.has_stimulus_counter
    bench.expect((STATUS, IS_STATUS))
    assert can.identify() == found.identity
    bench.expect((COUNT, COUNTS_7))
    assert can.stimulus_count() == 7


def test_a_unit_without_a_counter_is_asked_three_times_and_then_never_again() -> None:
    """The counter is undocumented: some units do not answer."""
    without = Bench([*OPENING[:2], *[(COUNT, "")] * 3, (STATUS, IS_STATUS)])
    assert not without.driver.capabilities.has_stimulus_counter
    assert without.driver.stimulus_count() is None


def test_a_unit_that_falls_silent_at_the_counter_is_not_opened() -> None:
    """Not to answer one question is usual; to answer none is a fault."""
    with pytest.raises(LinkFault, match="no answer to GetStatus after 3 tries of 250 ms"):
        Bench([*OPENING[:2], *[(COUNT, "")] * 3, *[(STATUS, "")] * 3])


def test_identify_asks_once_only(bench: Bench) -> None:
    """The proof of being simulated counts every byte."""
    bench.expect((STATUS, ""))
    with pytest.raises(LinkFault):
        bench.driver.identify()


# Settings ------------------------------------------------------------------------------------


def test_what_stands_already_is_only_read_back(bench: Bench) -> None:
    bench.expect(
        (SETTINGS, IS_BIPHASIC), (STATUS_2, status_2()), (TRAIN, IS_TRAIN), (STATUS_2, status_2()),
        (SETTINGS, IS_BIPHASIC), (STATUS_2, status_2()), (TRAIN, IS_TRAIN),
    )  # fmt: skip
    assert bench.driver.configure(TEN_HZ) == TEN_HZ
    bench.expect()


def test_everything_that_differs_is_set_with_the_worked_frames(bench: Bench) -> None:
    bench.expect(
        (SETTINGS, IS_THETA), (BIPHASIC, ""), (SETTINGS, IS_BIPHASIC),
        (STATUS_2, status_2(page="01")), (TIMING, frame("08 02 00 24")), (STATUS_2, status_2()),
        (TRAIN, frame("0B 00 00 000A 0001 0001 000A 00")), (TRAIN_10_HZ, ""), (TRAIN, IS_TRAIN),
        (STATUS_2, status_2(pct="28")), (AMPLITUDE_50, AT_50),
        (SETTINGS, IS_BIPHASIC), (STATUS_2, status_2()), (TRAIN, IS_TRAIN),
    )  # fmt: skip
    assert bench.driver.configure(TEN_HZ) == TEN_HZ
    bench.expect()


def test_theta_burst_is_set_with_the_worked_frame_after_a_disarm(bench: Bench) -> None:
    """A change of waveform while enabled would discharge in the middle of something."""
    theta = TrainSettings(Train(10, Fraction(5), Burst(3, Fraction(50))), 50, TrainTiming.HOST)
    bench.heard(AT_50)  # says that it is enabled
    bench.expect(
        (SETTINGS, IS_BIPHASIC), (DISABLE, frame("01 32 00 24")), (THETA, ""), (SETTINGS, IS_THETA),
        (STATUS_2, status_2()), (SETTINGS, IS_THETA), (STATUS_2, status_2()),
    )  # fmt: skip
    assert bench.driver.configure(theta) == theta
    bench.expect()


def test_another_timing_control_is_set_back_to_the_hosts_sequence(bench: Bench) -> None:
    """With external triggering a start command would do nothing, and a TTL pulse would."""
    external = frame("0B 00 01 0064 0028 0001 000A 00")
    bench.expect(
        (SETTINGS, IS_BIPHASIC), (STATUS_2, status_2()), (TRAIN, external),
        (frame("0B 01 00 0064 0028 0001 000A 00"), ""), (TRAIN, IS_TRAIN), (STATUS_2, status_2()),
        (SETTINGS, IS_BIPHASIC), (STATUS_2, status_2()), (TRAIN, IS_TRAIN),
    )  # fmt: skip
    assert bench.driver.configure(TEN_HZ) == TEN_HZ


REFUSALS: dict[str, tuple[TrainSettings, Script, str]] = {
    "page": (
        TEN_HZ,
        [
            (SETTINGS, IS_BIPHASIC),
            (STATUS_2, status_2(page="01")),
            (TIMING, ""),
            (STATUS_2, status_2(page="01")),
        ],
        "stays on page 1",
    ),
    "train": (
        TEN_HZ,
        [
            (SETTINGS, IS_BIPHASIC),
            (STATUS_2, status_2()),
            (TRAIN, frame("0B 00 00 000A 0001 0001 000A 00")),
            (TRAIN_10_HZ, ""),
            (TRAIN, frame("0B 00 00 0064 0029 0001 000A 00")),
        ],
        "did not take the train",
    ),
    "waveform": (
        HOST_50,
        [
            (SETTINGS, IS_THETA),
            (BIPHASIC, ""),
            *[(SETTINGS, IS_THETA)] * 46,
        ],
        "did not take mode, waveform or burst",
    ),
    "amplitude": (
        HOST_50,
        [
            (SETTINGS, IS_BIPHASIC),
            (STATUS_2, status_2(pct="28")),
            (AMPLITUDE_50, ""),
            (SETTINGS, IS_BIPHASIC),
            (STATUS_2, status_2(pct="28")),
        ],
        "set 1 at 1 Hz, 50 %MSO, the unit reads back 1 at 1 Hz, 40 %MSO",
    ),
    "mode at the read-back": (
        HOST_50,
        [
            (SETTINGS, IS_BIPHASIC),
            (STATUS_2, status_2()),
            (SETTINGS, IS_TWIN),
            (STATUS_2, status_2()),
        ],
        "reads back Settings",
    ),
    "trains at the read-back": (
        TEN_HZ,
        [
            (SETTINGS, IS_BIPHASIC),
            (STATUS_2, status_2()),
            (TRAIN, IS_TRAIN),
            (STATUS_2, status_2()),
            (SETTINGS, IS_BIPHASIC),
            (STATUS_2, status_2()),
            (TRAIN, frame("0B 00 00 0064 0028 0002 000A 00")),
        ],
        "reads back TrainReply",
    ),
    "timing at the read-back": (
        TEN_HZ,
        [
            (SETTINGS, IS_BIPHASIC),
            (STATUS_2, status_2()),
            (TRAIN, IS_TRAIN),
            (STATUS_2, status_2()),
            (SETTINGS, IS_BIPHASIC),
            (STATUS_2, status_2()),
            (TRAIN, frame("0B 00 02 0064 0028 0001 000A 00")),
        ],
        "reads back TrainReply",
    ),
    "page at the read-back": (
        TEN_HZ,
        [
            (SETTINGS, IS_BIPHASIC),
            (STATUS_2, status_2()),
            (TRAIN, IS_TRAIN),
            (STATUS_2, status_2()),
            (SETTINGS, IS_BIPHASIC),
            (STATUS_2, status_2(page="08")),
            (TRAIN, IS_TRAIN),
        ],
        "is on page 8",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_the_unit_does_not_take_is_refused_and_nothing_is_armed(name: str) -> None:
    bench, (wanted, script, words) = Bench(), REFUSALS[name]
    bench.expect(*script)
    with pytest.raises(SettingsRefused, match=words):
        bench.driver.configure(wanted)
    sent = [one.data.hex(" ").upper() for one in bench.frames]
    assert ENABLE not in sent


# Arming and firing ---------------------------------------------------------------------------


def armed() -> Bench:
    bench = Bench()
    bench.expect((ENABLE, f"{AT_50} {COIL_22} {AT_50}"))
    bench.driver.arm()
    bench.heard()
    return bench


def test_arming_waits_for_the_units_word() -> None:
    bench = armed()
    bench.expect()
    assert bench.clock.now_ns() > 0


def test_a_unit_that_says_nothing_is_asked_and_believed(bench: Bench) -> None:
    bench.expect((ENABLE, ""), (STATUS_2, status_2(info="34")))
    bench.driver.arm()
    bench.expect((ENABLE, ""), (STATUS_2, status_2()))
    with pytest.raises(PulseRefused, match="stays disabled"):
        bench.driver.arm()


def test_arming_does_not_rest_on_an_old_word(bench: Bench) -> None:
    """A unit that lost power in between was enabled, and is not."""
    bench.heard(AT_50, frame("F0"))
    bench.expect((ENABLE, frame("01 00 00 24")), (STATUS_2, status_2()))
    with pytest.raises(PulseRefused):
        bench.driver.arm()


def test_disarm_is_repeated_until_the_unit_says_so(bench: Bench) -> None:
    assert DISARM_FRAME.hex(" ").upper() == DISABLE
    bench.expect((DISABLE, ""), (DISABLE, AT_50), (DISABLE, frame("01 32 00 24")))
    bench.driver.disarm()
    bench.expect(*[(DISABLE, "")] * 3)
    with pytest.raises(LinkFault, match="disarm was sent 3 times"):
        bench.driver.disarm()


def test_a_pulse_is_triggered_with_the_longest_form_and_its_report_is_the_receipt() -> None:
    bench = armed()
    bench.expect((TRIGGER, f"{COIL_22} {DIDT_75}"))
    before_ns = bench.clock.now_ns()
    receipt = bench.driver.fire(FOREVER_NS)
    assert receipt is not None
    assert (receipt.commanded_ns, receipt.observed_ns) == (before_ns, before_ns + 30 * MS)
    assert (receipt.reported, receipt.realised_a_us) == (True, 75)
    assert not [one for one in bench.heard() if isinstance(one, PulseReport)]


def test_an_older_report_is_no_answer_to_a_trigger() -> None:
    """A foot switch just before: its report must not stand in for the pulse that was commanded."""
    bench = armed()
    bench.link.say(DIDT_75, in_ms=0)
    bench.driver._talk.receive(bench.clock.now_ns() + MS)
    bench.clock.wait_until(bench.clock.now_ns() + MS)
    bench.expect((TRIGGER, ""))
    with pytest.raises(DeliveryUncertain, match="reported nothing within 500 ms") as caught:
        bench.driver.fire(FOREVER_NS)
    assert caught.value.commanded_ns == bench.frames[-1].at_ns
    assert [one for one in bench.driver.poll(0) if isinstance(one, PulseReport)]


@pytest.mark.parametrize(
    ("reply", "accepted_in_ms"), [(RUNNING, 30), (DIDT_75, 30), (f"{DIDT_75} {RUNNING}", 30)]
)
def test_a_start_is_accepted_by_the_first_sign_of_the_train(
    reply: str, accepted_in_ms: int
) -> None:
    bench = armed()
    bench.expect((START, reply))
    receipt = bench.driver.start_train(FOREVER_NS)
    assert receipt is not None
    assert receipt.accepted_ns - receipt.commanded_ns == accepted_in_ms * MS


def test_a_start_without_a_sign_is_asked_about_and_never_repeated() -> None:
    bench = armed()
    bench.expect((START, ""), (STATUS_2, status_2(info="34", running="01")))
    assert bench.driver.start_train(FOREVER_NS) is not None
    bench.expect((START, ""), (STATUS_2, status_2(info="34")))
    with pytest.raises(DeliveryUncertain, match="says that no train runs"):
        bench.driver.start_train(FOREVER_NS)
    bench.expect((START, ""), *[(STATUS_2, "")] * 3)
    with pytest.raises(DeliveryUncertain, match="no answer to GetStatus2"):
        bench.driver.start_train(FOREVER_NS)


@pytest.mark.parametrize(("command", "sent"), [("fire", TRIGGER), ("start_train", START)])
def test_a_stop_or_an_unplugged_cable_after_the_command_is_doubt(command: str, sent: str) -> None:
    bench = armed()
    begun_ns = bench.clock.now_ns()
    bench.stop = lambda: bench.clock.now_ns() > begun_ns + 20 * MS
    bench.expect((sent, ""), (DISABLE, ""))
    with pytest.raises(DeliveryUncertain, match="stopped before the unit answered"):
        getattr(bench.driver, command)(FOREVER_NS)
    assert bench.clock.now_ns() <= begun_ns + 26 * MS
    bench.stop = lambda: False
    bench.expect((sent, "unplug"))
    with pytest.raises(DeliveryUncertain, match="unplugged"):
        getattr(bench.driver, command)(FOREVER_NS)


def test_a_command_that_the_port_did_not_take_is_not_connected() -> None:
    bench = armed()
    bench.link.broken = True
    with pytest.raises(NotConnected):
        bench.driver.fire(FOREVER_NS)


# What it says unasked ------------------------------------------------------------------------


def test_frames_that_land_inside_a_reply_are_kept_as_events(bench: Bench) -> None:
    bench.expect((STATUS_2, f"{DIDT_75} {status_2()} {DIDT_75}"))
    assert bench.driver.status().intensity_pct_mso == 50
    assert [type(one) for one in bench.driver.poll(0)] == [PulseReport, PulseReport]


def test_a_reply_that_comes_in_pieces_is_one_reply(bench: Bench) -> None:
    whole = bytes.fromhex(status_2())
    bench.expect((STATUS_2, ""))
    for number in range(len(whole)):
        bench.link.say(whole[number : number + 1].hex(), in_ms=10 + number)
    assert bench.driver.status().coil == "C-B60"


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ([frame("01 37 00 24")], NoticeKind.INTENSITY, "changed from 50 to 55 %MSO"),
        ([AT_50, frame("01 32 00 24")], NoticeKind.DISARMED, "the unit was disarmed"),
        ([frame("03 16 51 24")], NoticeKind.COIL, "the coil changed from C-B60 to MC-125"),
        ([frame("03 16 00 24")], NoticeKind.COIL, "the coil changed from C-B60 to none"),
        ([COIL_22], NoticeKind.TEMPERATURE, "the coil is at 22 °C"),
        ([frame("08 08 00 24")], NoticeKind.SETTINGS, "the unit shows page 8"),
        ([frame("F0")], NoticeKind.OTHER, "F0, whose meaning is unknown"),
        ([frame("63 01")], NoticeKind.OTHER, "63 01, whose meaning is unknown"),
        (["FE 04 02 4B 00 34 29 FF"], NoticeKind.LINK, "its checksum is 29"),
        (["41 42 43"], NoticeKind.LINK, "3 bytes outside any frame"),
        (["FE 20 00"], NoticeKind.LINK, "a frame was never finished"),
    ],
)
def test_what_happens_on_the_unit_becomes_a_notice(
    bench: Bench, said: list[str], kind: NoticeKind, words: str
) -> None:
    notices = [one for one in bench.heard(*said) if isinstance(one, DeviceNotice)]
    assert (kind, True) in [(one.kind, words in one.sentence) for one in notices]
    received = b"".join(one.data for one in bench.frames if one.direction is Direction.RECEIVED)
    assert bytes.fromhex(said[-1])[:2] in received


def test_a_temperature_notice_shows_how_the_unit_stands(bench: Bench) -> None:
    (notice,) = bench.heard(COIL_22)
    assert isinstance(notice, DeviceNotice)
    status = notice.status
    assert status is not None
    assert (status.armed, status.coil, status.coil_temperature_c) == (True, "C-B60", 22)
    assert status.intensity_pct_mso == 50


def test_the_end_of_a_train_is_told_once(bench: Bench) -> None:
    ended = frame("08 02 00 34")
    kinds = [type(one) for one in bench.heard(RUNNING, DIDT_75, ended, ended)]
    assert kinds == [PulseReport, TrainEnded]


def test_a_false_start_byte_does_not_hold_up_what_follows_for_long(bench: Bench) -> None:
    """Noise can announce 255 bytes; after 60 ms of silence it is given up."""
    bench.link.say("FE FF", in_ms=0)
    bench.link.say(DIDT_75, in_ms=20)
    events = bench.heard()
    assert [one for one in events if isinstance(one, PulseReport)]


def test_a_cooled_coil_without_its_cooler_is_a_problem(bench: Bench) -> None:
    bench.expect((STATUS_2, frame("05 24 0004D2 5A 3C 32 00 32 00 64 64 02 00")))
    status = bench.driver.status()
    assert (status.coil_temperature_c, status.coil) == (90, "Cool-B65")
    assert status.problem == "No cooler is connected to the coil (it reports 90 °C)."


def test_a_poll_with_nothing_to_say_ends_at_its_time(bench: Bench) -> None:
    until_ns = bench.clock.now_ns() + 77 * MS
    assert bench.driver.poll(until_ns) == ()
    assert bench.clock.now_ns() == until_ns


def test_a_stop_during_the_settling_time_is_obeyed_at_once(bench: Bench) -> None:
    bench.expect((SETTINGS, IS_THETA), (BIPHASIC, ""), (DISABLE, ""))
    begun_ns = bench.clock.now_ns()
    bench.stop = lambda: bench.clock.now_ns() > begun_ns + 100 * MS
    with pytest.raises(StopRequested, match="disarm has been written"):
        bench.driver.configure(HOST_50)
    assert bench.clock.now_ns() <= begun_ns + 106 * MS


def test_the_worked_status_frame_is_understood(bench: Bench) -> None:
    assert frame("00 34 0004D2 16 48 32 00") == ENABLED_STATUS
    bench.expect((STATUS, ENABLED_STATUS))
    assert bench.driver.identify().serial == "1234"
    assert POWER_ON == 0xF0
