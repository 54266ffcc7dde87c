"""The delivering process and its window against what an adversary thought of: real pipes."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from protocols.prescription import rehearsal_content
from protocols.protocol import load_library
from tests.delivery.sessions import Rehearsal, plain
from tms_console import main
from tms_console.clock import RealClock
from tms_console.delivery import client as client_module
from tms_console.delivery import pipe
from tms_console.delivery.client import DeliveryClient
from tms_console.delivery.order import EmulatorOrder
from tms_console.delivery.process import DeliveryProcess, Outbox
from tms_console.delivery.recovery import recover
from tms_console.delivery.snapshot import Snapshot
from tms_console.records.database import Purpose, create_database, open_database
from tms_console.records.left_behind import UnsavedHeader, unsaved_path
from tms_console.records.operations import EventKind, SessionState, new_uid
from tms_console.records.queries import list_sessions

PATIENCE_S = 20.0


# A window and its process in this one --------------------------------------------------------


@dataclass
class Served:
    """A delivering process served by a thread, and what it said."""

    process: DeliveryProcess
    commands_fd: int
    messages_fd: int
    ended: list[BaseException | None] = field(default_factory=list)
    _decoder: pipe.PipeDecoder[pipe.Message] = field(
        default_factory=lambda: pipe.PipeDecoder(pipe.MESSAGES)
    )

    def send(self, command: pipe.Command) -> None:
        os.write(self.commands_fd, pipe.encode(pipe.COMMANDS, command))

    def until(
        self, kind: type[pipe.Message], meanwhile: Callable[[], None] = lambda: None
    ) -> pipe.Message:
        """Read until a message of this kind comes; do something ten times a second meanwhile."""
        os.set_blocking(self.messages_fd, False)
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            while (message := self._decoder.next_value()) is not None:
                if isinstance(message, kind):
                    return message
            meanwhile()
            threading.Event().wait(0.1)
            try:
                self._decoder.feed(os.read(self.messages_fd, 65_536))
            except BlockingIOError:
                continue
        raise AssertionError(f"no {kind.__name__} came")


@contextmanager
def served(*, silent_after_s: float) -> Iterator[Served]:
    commands, messages = os.pipe(), os.pipe()
    process = DeliveryProcess(
        commands[0], messages[1], software_version="test", host_silent_after_s=silent_after_s
    )
    one = Served(process, commands[1], messages[0])

    def serve() -> None:
        try:
            process.serve()
        except RuntimeError as error:
            one.ended.append(error)
        else:
            one.ended.append(None)

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        yield one
    finally:
        os.close(commands[1])
        serving.join(PATIENCE_S)
        for descriptor in (commands[0], *messages):
            os.close(descriptor)
    assert not serving.is_alive()


def tens(tmp_path: Path) -> pipe.Start:
    """A session in real time that begins at once."""
    content = rehearsal_content(load_library()["hf10-dash"], 45)
    return pipe.Start(
        main.rehearsal_order(content, tmp_path / "r.db", EmulatorOrder(name="magpro"))
    )


def test_notes_do_not_stand_for_a_window_that_does_not_beat(tmp_path: Path) -> None:
    """Notes come from a worker thread: they go on while the window itself hangs."""
    note = pipe.PutOnRecord(EventKind.NOTE, "from a worker", "J. Meyer")
    with served(silent_after_s=1.5) as it:
        it.send(tens(tmp_path))
        it.until(pipe.Began, lambda: it.send(pipe.Beat()))
        over = it.until(pipe.Over, lambda: it.send(note))
    assert isinstance(over, pipe.Over)
    assert over.state is SessionState.INTERRUPTED
    assert "did not answer" in over.reason
    assert it.ended == [None]


def test_a_bug_in_taking_commands_ends_session_and_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the control thread gone nobody could stop the session any more."""
    with served(silent_after_s=PATIENCE_S) as it:
        real = it.process._obey

        def obey(command: pipe.Command) -> None:
            if command == pipe.Pause("coil slipped"):
                raise RuntimeError("a bug in the control thread")
            real(command)

        monkeypatch.setattr(it.process, "_obey", obey)
        it.send(tens(tmp_path))
        it.until(pipe.Began)
        it.send(pipe.Pause("coil slipped"))
        over = it.until(pipe.Over)
        assert isinstance(over, pipe.Over)
        assert over.state is SessionState.INTERRUPTED
        assert "cannot hear its window" in over.reason
    assert isinstance(it.ended[0], RuntimeError)
    (line,) = list_sessions(open_database(tmp_path / "r.db"))
    assert (line.state, line.end_reason) == ("interrupted", over.reason)


# Messages ------------------------------------------------------------------------------------


def snapshot(number: int) -> Snapshot:
    return Snapshot("delivering", "", number, 0, 0, number, 0, 0, 1, 1, 1, 60, 0, None, 0)


OVER = pipe.Over("uid", SessionState.COMPLETED, "complete", (), True, 0)


@contextmanager
def outbox() -> Iterator[tuple[Outbox, list[pipe.Message]]]:
    """An outbox, and what came out of its pipe once it is closed."""
    end, start = os.pipe()
    box = Outbox(start)
    said: list[pipe.Message] = []
    data: list[bytes] = []

    def read() -> None:
        while some := os.read(end, 65_536):
            data.append(some)

    reading = threading.Thread(target=read)
    reading.start()
    try:
        yield box, said
    finally:
        box.close()
        os.close(start)
        reading.join()
        os.close(end)
    decoder = pipe.PipeDecoder(pipe.MESSAGES)
    decoder.feed(b"".join(data))
    while (message := decoder.next_value()) is not None:
        said.append(message)


def test_the_end_never_overtakes_a_snapshot_that_is_being_made_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A window that hears of the end first would show the session as running for ever."""
    real, in_hand, over_said = pipe.encode, threading.Event(), threading.Event()

    def encode(codec: object, message: object) -> bytes:
        if isinstance(message, pipe.Stands) and threading.current_thread().name == "messages":
            in_hand.set()
            over_said.wait(0.2)
        return real(codec, message)  # type: ignore[arg-type]

    with outbox() as (box, said):
        monkeypatch.setattr(pipe, "encode", encode)
        box.show(snapshot(1))
        assert in_hand.wait(PATIENCE_S)
        box.say(OVER)
        over_said.set()
        box.show(snapshot(2))
    monkeypatch.undo()
    assert said == [pipe.Stands(snapshot(1)), OVER, pipe.Stands(snapshot(2))]


def test_the_newest_snapshot_always_arrives_and_in_order() -> None:
    with outbox() as (box, said):
        for session in range(20):
            for number in range(50):
                box.show(snapshot(session * 50 + number))
            box.say(OVER)
    overs = [at for at, one in enumerate(said) if isinstance(one, pipe.Over)]
    assert len(overs) == 20
    for session, at in enumerate(overs):
        assert said[at - 1] == pipe.Stands(snapshot(session * 50 + 49))
    numbers = [one.snapshot.at_ns for one in said if isinstance(one, pipe.Stands)]
    assert numbers == sorted(set(numbers))


# The window's end ----------------------------------------------------------------------------


def test_a_bug_in_whoever_listens_does_not_hide_the_death_of_the_process(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """That thread alone notices the death, after which the port must be disarmed."""
    heard, deaths = threading.Event(), queue.SimpleQueue[int]()

    def broken(_message: pipe.Message) -> None:
        heard.set()
        raise RuntimeError("a bug in a callback")

    with DeliveryClient(broken, deaths.put) as client:
        assert heard.wait(PATIENCE_S)
        os.kill(client.pid, signal.SIGKILL)
        assert deaths.get(timeout=PATIENCE_S) == -signal.SIGKILL
    assert "was not understood" in caplog.text


def test_a_broken_message_closes_the_connection(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be understood cannot be watched over: the session there ends with the pipe."""
    program = (
        "import sys; sys.stdout.buffer.write(b'\\xff' * 64); sys.stdout.flush(); "
        "sys.stdin.buffer.read(); sys.exit(3)"
    )
    command = [sys.executable, "-c", program]
    monkeypatch.setattr(client_module, "delivery_command", lambda _first: command)
    deaths = queue.SimpleQueue[int]()
    with DeliveryClient(lambda _: None, deaths.put) as client:
        assert deaths.get(timeout=PATIENCE_S) == 3
        assert client.beat() is False
    assert [one.levelno for one in caplog.records] == [logging.ERROR]


def test_sending_to_a_process_that_hangs_says_so_within_a_second() -> None:
    """The window's own thread beats: it must not hang with the process it watches."""
    ready = threading.Event()
    with DeliveryClient(lambda _: ready.set(), lambda _: None) as client:
        assert ready.wait(PATIENCE_S)
        os.kill(client.pid, signal.SIGSTOP)
        try:
            deadline_s = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline_s:
                begun_s = time.monotonic()
                if not client.beat():
                    break
            took_s = time.monotonic() - begun_s
            stop = client.send(pipe.Stop("enough"))
        finally:
            os.kill(client.pid, signal.SIGCONT)
    assert took_s < 1.0
    assert stop is False


# The next start ------------------------------------------------------------------------------


@contextmanager
def armed_emulator(port: Path) -> Iterator[MagProEmulator]:
    """An emulated stimulator on a pseudo-terminal, armed as a dead session leaves it."""
    device = MagProEmulator(Options(mode_change_ns=100_000_000))
    with hosted_in_thread(Host(device, PtyPort(port))) as host:
        armed = threading.Event()

        def arm() -> None:
            device.panel.press_enable(enabled=True)
            armed.set()

        host.do(arm)
        assert armed.wait(PATIENCE_S)
        assert device.state().status.info.enabled
        yield device


def leave_behind(path: Path, port: Path) -> None:
    """Leave what a session that died leaves first: which port it drove."""
    database = create_database(path, Purpose.REHEARSAL)
    header = UnsavedHeader(
        session_uid=new_uid(),
        database_uid=database.uid,
        console_uid=database.console_uid,
        origin_wall="2026-11-22T12:00:00.000000Z",
        port=str(port),
        driver="magpro",
    )
    unsaved_path(path).write_bytes(json.dumps(asdict(header)).encode() + b"\n")


def test_the_next_session_first_disarms_the_port_that_a_dead_one_drove(tmp_path: Path) -> None:
    """It may be another stimulator than the one that is used now: it is armed all the same."""
    leave_behind(tmp_path / "r.db", tmp_path / "magpro")
    with armed_emulator(tmp_path / "magpro") as device:
        done = Rehearsal(content=plain(1, 3), database=tmp_path / "r.db").run()
        assert not device.state().status.info.enabled
    assert done.state == "completed"
    assert any("is disarmed" in one for one in done.result.found)
    again = Rehearsal(content=plain(1, 3), database=tmp_path / "r.db").run()
    assert (again.state, again.result.found) == ("completed", ())


def test_a_disarm_that_failed_is_tried_again_until_it_is_confirmed(tmp_path: Path) -> None:
    """Its cable may have been out: what is not confirmed stays on the list."""
    database, port = tmp_path / "r.db", tmp_path / "magpro"
    note = tmp_path / "r.db.armed"
    leave_behind(database, port)
    for _ in range(2):
        found = recover(database, RealClock()).sentences
        assert "could not be disarmed" in found[0]
        assert "tried again at the next start" in found[0]
        assert json.loads(note.read_text()) == ["magpro", str(port)]
        assert note.stat().st_mode & 0o777 == 0o600
    with armed_emulator(port) as device:
        assert "is disarmed" in recover(database, RealClock()).sentences[0]
        assert not device.state().status.info.enabled
    assert not note.exists()
    assert recover(database, RealClock()).sentences == ()
