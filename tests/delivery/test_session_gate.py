"""What is refused before a session: nothing but queries and disarm goes out, and no session begins.

The ports here are real terminals of this machine, in real time; everything else is virtual.
"""

from __future__ import annotations

import os
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, cast

import pytest
from pydantic import JsonValue

from drivers.magpro.codec import FrameDecoder
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.magpro.variants import VARIANTS
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from drivers.simulator.proof import control_address
from protocols.dose import NotDeliverable
from protocols.pattern import Train
from protocols.prescription import SessionContent, rehearsal_content
from protocols.protocol import load_library
from tests.delivery.sessions import Rehearsal, bursts, content, plain, require_sound, rows
from tms_console.delivery.controls import Controls
from tms_console.delivery.order import EmulatorOrder, PortOrder, SessionOrder
from tms_console.delivery.session import run_session
from tms_console.delivery.surroundings import SessionResult, Surroundings
from tms_console.records.database import Purpose, create_database
from tms_console.records.operations import new_uid

QUERIES = frozenset({b"\x00", b"\x05", b"\x09\x00", b"\x0a\x00", b"\x0b\x00", b"\x0c\x00"})
"""Commands that ask and change nothing (stimulators.md 2.2)."""

DISARM = b"\x02\x00"


def changes(bodies: list[bytes]) -> list[bytes]:
    """The commands among these that are neither queries nor disarm."""
    asks = [one for one in bodies if one[:2] == DISARM or one[:1] in {b"\x00", b"\x05", b"\x0c"}]
    asks += [one for one in bodies if one[:2] in QUERIES]
    return [one for one in bodies if one not in asks]


def refusals(database: Path) -> list[str]:
    """What the audit trail says of refused starts."""
    query = "SELECT detail FROM audit WHERE action = 'gate.refused' ORDER BY seq"
    return [row[0] for row in rows(database, query)]


def require_nothing_began(database: Path) -> None:
    assert rows(database, "SELECT count(*) FROM session") == [(0,)]
    assert rows(database, "SELECT count(*) FROM pulse") == [(0,)]
    require_sound(database)


def require_refused(done: Rehearsal, *words: str) -> None:
    assert done.state == "none"
    for each in words:
        assert each in done.result.reason
    assert changes([one.body for one in done.wrote]) == []
    assert done.emulator.fired == ()
    audited = refusals(done.database)
    assert len(audited) == 1
    assert done.result.reason.split("\u00b0")[0] in audited[0]
    require_nothing_began(done.database)


# What is about to run ------------------------------------------------------------------------


def test_a_content_that_is_not_what_was_authorised_is_refused(tmp_path: Path) -> None:
    """One rest longer by a second: the digest tells."""
    other = content(Train(6, Fraction(10)), 2, gap_s=4)
    done = Rehearsal(
        content=plain(),
        database=tmp_path / "r.db",
        order=lambda order: replace(order, content=cast("JsonValue", other.canonical())),
    ).run()
    require_refused(done, "is not what was authorised", "Load it again")


def test_a_content_that_makes_no_sense_is_refused_before_the_port_is_opened(
    tmp_path: Path,
) -> None:
    done = Rehearsal(
        content=plain(),
        database=tmp_path / "r.db",
        order=lambda order: replace(order, content={"tag": "nonsense"}),
    ).run()
    assert done.state == "none"
    assert "the content cannot be delivered" in done.result.reason
    assert not done.passed


def test_a_model_that_cannot_burst_is_refused_before_arming(tmp_path: Path) -> None:
    done = Rehearsal(
        content=bursts(), database=tmp_path / "r.db", options=Options(variant=VARIANTS["r30"])
    ).run()
    require_refused(done, "MagPro R30", "burst")


def test_a_rate_that_the_model_does_not_have_is_refused_and_says_which_it_has(
    tmp_path: Path,
) -> None:
    made = content(Train(6, Fraction(35)))
    done = Rehearsal(
        content=made, database=tmp_path / "r.db", options=Options(variant=VARIANTS["r30"])
    ).run()
    require_refused(done, "35", "30")


def test_a_threshold_too_high_for_the_dose_says_what_could_be_prescribed() -> None:
    """120 % of 84 %MSO is 100.8 (clinical.md part 3): refused, never clipped to 100."""
    with pytest.raises(NotDeliverable) as refused:
        rehearsal_content(load_library()["itbs-600"], 84)
    assert "100.8 %MSO" in str(refused.value)
    assert "The highest that could be prescribed is 119 %MT" in str(refused.value)


def test_a_rest_too_short_for_the_checks_is_refused_and_says_what_would_do(
    tmp_path: Path,
) -> None:
    made = content(Train(6, Fraction(10)), 2, gap_s=1)
    done = Rehearsal(content=made, database=tmp_path / "r.db").run()
    require_refused(done, "the rest of 1 s", "could be prescribed")


# The place -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("coil_hot@0", ("The coil is at", "nothing is armed from 41")),
        ("coil_removed@0", ("No coil is connected", "Connect the coil")),
    ],
)
def test_a_stimulator_that_is_not_fit_is_refused(
    tmp_path: Path, fault: str, words: tuple[str, str]
) -> None:
    done = Rehearsal(content=plain(), database=tmp_path / "r.db", faults=[fault]).run()
    require_refused(done, *words)


def test_too_little_room_on_the_disk_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(60 * 1024 * 1024))
    done = Rehearsal(content=plain(), database=tmp_path / "r.db").run()
    require_refused(done, "60 MB are free", "Free at least 64 MB")


def test_a_clock_that_was_set_back_is_refused(tmp_path: Path) -> None:
    """The record would otherwise say that the session came before what it follows."""
    database = tmp_path / "r.db"
    create_database(database, Purpose.REHEARSAL, wall=lambda: "2199-01-01T00:00:00.000000Z")
    done = Rehearsal(content=plain(), database=database).run()
    require_refused(done, "behind the newest entry of the record", "Set the computer's clock")


@pytest.mark.parametrize("purpose", [Purpose.CLINIC, Purpose.DEMO])
def test_a_database_of_another_purpose_is_refused_and_not_touched(
    tmp_path: Path, purpose: Purpose
) -> None:
    database = tmp_path / "r.db"
    create_database(database, purpose)
    before = rows(database, "SELECT * FROM audit")
    done = Rehearsal(content=plain(), database=database).run()
    assert done.state == "none"
    assert f"this is a {purpose} database" in done.result.reason
    assert not done.passed
    assert rows(database, "SELECT * FROM audit") == before


def test_each_refusal_says_everything_that_is_wrong_at_once(tmp_path: Path) -> None:
    """Nobody should have to try three times to hear three reasons."""
    done = Rehearsal(
        content=bursts(),
        database=tmp_path / "r.db",
        faults=["coil_hot@0"],
        options=Options(variant=VARIANTS["r30"]),
    ).run()
    require_refused(done, "burst", "The coil is at")


@pytest.mark.parametrize(
    ("device", "words"),
    [
        (EmulatorOrder(name="magstorm", virtual=True), "there is no device 'magstorm'"),
        (EmulatorOrder(name="magpro", virtual=True, faults=("gremlins@1",)), "gremlins"),
        (PortOrder(driver="magstorm", port="/dev/null"), "there is no driver 'magstorm'"),
        (PortOrder(driver="magpro", port="/nowhere/at/all"), "/nowhere/at/all"),
    ],
)
def test_a_device_that_does_not_exist_is_refused_with_its_name(
    tmp_path: Path, device: EmulatorOrder | PortOrder, words: str
) -> None:
    result = run_on(device, tmp_path / "r.db")
    assert result.state is None
    assert words in result.reason
    require_nothing_began(tmp_path / "r.db")


# Real terminals ------------------------------------------------------------------------------


def run_on(device: EmulatorOrder | PortOrder, database: Path) -> SessionResult:
    made: SessionContent = plain()
    order = SessionOrder(
        kind="rehearsal",
        content=cast("JsonValue", made.canonical()),
        digest=made.digest(),
        authority_uid=new_uid(),
        database=str(database),
        device=device,
        actor="rehearsal",
    )
    return run_session(order, Surroundings(Controls(), lambda _: None, "0.1.0"))


class Listened(MagProEmulator):
    """A MagPro that keeps what it was told."""

    def __init__(self) -> None:
        super().__init__(Options(serial=1234))
        self.told = FrameDecoder()

    def receive(self, data: bytes) -> None:
        self.told.feed(data)
        super().receive(data)

    @property
    def bodies(self) -> list[bytes]:
        return list(iter(self.told.next_frame, None))


@contextmanager
def emulated(path: Path) -> Iterator[Listened]:
    device = Listened()
    with hosted_in_thread(Host(device, PtyPort(path))):
        yield device


def require_not_proved(result: SessionResult, database: Path, device: Listened) -> None:
    assert result.state is None
    assert "The stimulator is not proved simulated, so it counts as a real one." in result.reason
    bodies = device.bodies
    assert changes(bodies) == []
    assert bodies[-1][:2] == DISARM
    assert device.fired == ()
    assert len(refusals(database)) == 1
    require_nothing_began(database)


def test_a_foreign_terminal_that_answers_like_a_magpro_is_a_real_stimulator(
    tmp_path: Path,
) -> None:
    """Reached by its own name there is no control socket beside it."""
    database = tmp_path / "r.db"
    with emulated(tmp_path / "magpro") as device:
        terminal = str((tmp_path / "magpro").readlink())
        result = run_on(PortOrder(driver="magpro", port=terminal), database)
        require_not_proved(result, database, device)


def test_a_control_socket_that_belongs_to_another_port_proves_nothing(tmp_path: Path) -> None:
    """Somebody rehearses on one emulator's socket with a cable to something else."""
    database, port = tmp_path / "r.db", tmp_path / "port"
    with emulated(tmp_path / "one") as device, emulated(tmp_path / "other"):
        port.symlink_to((tmp_path / "one").readlink())
        other = control_address(str(tmp_path / "other"))
        Path(f"{port}.control").symlink_to(str(other))
        result = run_on(PortOrder(driver="magpro", port=str(port)), database)
        require_not_proved(result, database, device)


@contextmanager
def terminal(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """A pair of terminals with something of our own at the far end."""
    near, far = os.openpty()
    tty.setraw(near)
    tty.setraw(far)

    def serve() -> None:
        while (data := os.read(near, 4096)) != b"q":
            os.write(near, answer(data))

    server = threading.Thread(target=serve)
    server.start()
    try:
        yield os.ttyname(far)
    finally:
        os.write(far, b"q")
        server.join()
        os.close(near)
        os.close(far)


@pytest.mark.parametrize(
    "answer",
    [lambda _: b"", lambda data: data, lambda _: b"login: "],
    ids=["silent", "echo", "shell"],
)
def test_a_terminal_that_is_no_magpro_is_refused_in_words(
    tmp_path: Path, answer: Callable[[bytes], bytes]
) -> None:
    database = tmp_path / "r.db"
    with terminal(answer) as port:
        result = run_on(PortOrder(driver="magpro", port=port), database)
    assert result.state is None
    assert "no answer to GetStatus" in result.reason
    require_nothing_began(database)
