"""The delivering process as a window sees it: real processes, real pipes, short sessions."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from protocols.prescription import SessionContent, rehearsal_content
from protocols.protocol import load_library
from tms_console import main
from tms_console.clock import RealClock
from tms_console.delivery import pipe
from tms_console.delivery.client import DeliveryClient, delivery_command, disarm_after_death
from tms_console.delivery.order import EmulatorOrder, PortOrder
from tms_console.delivery.process import DeliveryProcess
from tms_console.delivery.recovery import recover
from tms_console.records.database import open_database
from tms_console.records.operations import EventKind, SessionState
from tms_console.records.queries import list_sessions
from tms_console.records.verify import verify

PATIENCE_S = 20.0


def itbs() -> SessionContent:
    return rehearsal_content(load_library()["itbs-600"], 45)


def tens() -> SessionContent:
    """10 Hz: the simulated stimulator begins at once, without a change of its waveform."""
    return rehearsal_content(load_library()["hf10-dash"], 45)


@dataclass
class Window:
    """What a window would keep of the delivering process."""

    client: DeliveryClient
    messages: queue.SimpleQueue[pipe.Message]
    deaths: queue.SimpleQueue[int]
    states: list[str] = field(default_factory=list)

    def until(self, wanted: Callable[[pipe.Message], bool], *, beat: bool = True) -> pipe.Message:
        """Beat and read until a message is the wanted one."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            if beat:
                self.client.beat()
            try:
                message = self.messages.get(timeout=0.1)
            except queue.Empty:
                continue
            if isinstance(message, pipe.Stands):
                self.states.append(message.snapshot.state)
            if wanted(message):
                return message
        raise AssertionError(f"nothing like that was said; states were {self.states[-5:]}")

    def over(self, *, beat: bool = True) -> pipe.Over:
        """Wait for the end of the order."""
        message = self.until(lambda one: isinstance(one, pipe.Over), beat=beat)
        assert isinstance(message, pipe.Over)
        return message

    def delivered(self, pulses: int) -> pipe.Message:
        """Wait until so many pulses are delivered."""
        return self.until(
            lambda one: isinstance(one, pipe.Stands) and one.snapshot.delivered >= pulses
        )


@contextmanager
def window() -> Iterator[Window]:
    messages: queue.SimpleQueue[pipe.Message] = queue.SimpleQueue()
    deaths: queue.SimpleQueue[int] = queue.SimpleQueue()
    with DeliveryClient(messages.put, deaths.put) as client:
        yield Window(client, messages, deaths)


@contextmanager
def emulator_on_a_port(tmp_path: Path) -> Iterator[tuple[MagProEmulator, Path]]:
    device = MagProEmulator(Options(mode_change_ns=100_000_000))
    path = tmp_path / "magpro"
    with hosted_in_thread(Host(device, PtyPort(path))):
        yield device, path


def start(content: SessionContent, tmp_path: Path, device: EmulatorOrder | PortOrder) -> pipe.Start:
    return pipe.Start(main.rehearsal_order(content, tmp_path / "r.db", device))


def test_a_fast_session_runs_in_the_process_and_is_on_record(tmp_path: Path) -> None:
    with window() as seen:
        ready = seen.until(lambda one: isinstance(one, pipe.Ready))
        assert isinstance(ready, pipe.Ready)
        assert ready.pid == seen.client.pid
        seen.client.send(start(itbs(), tmp_path, EmulatorOrder(name="magpro", virtual=True)))
        began = seen.until(lambda one: isinstance(one, pipe.Began))
        over = seen.over()
    assert isinstance(began, pipe.Began)
    assert {one.code for one in began.checks} >= {"digest", "simulated", "disk", "approval"}
    assert over.session_uid == began.session_uid
    assert (over.state, over.reason, over.saved) == (SessionState.COMPLETED, "complete", True)
    (line,) = list_sessions(open_database(tmp_path / "r.db"))
    assert (line.delivered, line.state, line.simulated) == (600, "completed", True)


def test_stop_pause_resume_intensity_and_notes_reach_a_session_in_real_time(tmp_path: Path) -> None:
    with window() as seen, emulator_on_a_port(tmp_path) as (device, path):
        seen.client.send(start(itbs(), tmp_path, PortOrder(driver="magpro", port=str(path))))
        seen.delivered(1)
        seen.client.send(pipe.SetIntensity(50, 1))
        seen.client.send(pipe.PutOnRecord(EventKind.ADVERSE_EVENT, "scalp discomfort", "J. Meyer"))
        seen.client.send(pipe.Pause("coil slipped"))
        paused = seen.until(
            lambda one: isinstance(one, pipe.Stands) and one.snapshot.state == "paused"
        )
        assert isinstance(paused, pipe.Stands)
        assert paused.snapshot.reason == "coil slipped"
        assert paused.snapshot.delivered == 30
        assert not device.state().status.info.enabled
        seen.client.send(pipe.Resume())
        seen.until(lambda one: isinstance(one, pipe.Stands) and one.snapshot.state == "resting")
        seen.client.send(pipe.Stop("patient asked to stop"))
        over = seen.over()
    assert (over.state, over.reason) == (SessionState.STOPPED, "patient asked to stop")
    assert device.pulses_fired == 30
    assert not device.state().status.info.enabled
    assert verify(tmp_path / "r.db").sound


def test_a_window_that_stops_beating_ends_the_session_within_two_seconds(tmp_path: Path) -> None:
    """A frozen window watches over nobody: its session must not go on without it."""
    with window() as seen, emulator_on_a_port(tmp_path) as (device, path):
        seen.client.send(start(tens(), tmp_path, PortOrder(driver="magpro", port=str(path))))
        seen.delivered(1)
        over = seen.over(beat=False)
        assert not device.state().status.info.enabled
    assert over.state is SessionState.INTERRUPTED
    assert "did not answer" in over.reason


def test_a_window_that_goes_away_ends_the_session_at_once(tmp_path: Path) -> None:
    with emulator_on_a_port(tmp_path) as (device, path):
        with window() as seen:
            seen.client.send(start(tens(), tmp_path, PortOrder(driver="magpro", port=str(path))))
            seen.delivered(1)
        assert not device.state().status.info.enabled
    (line,) = list_sessions(open_database(tmp_path / "r.db"))
    assert line.state == "interrupted"
    assert line.end_reason == "the window closed its connection"


def test_a_killed_process_is_noticed_and_its_port_disarmed_by_a_new_one(tmp_path: Path) -> None:
    """A MagPro has no watchdog: whoever notices the death must write disarm, before anything."""
    with window() as seen, emulator_on_a_port(tmp_path) as (device, path):
        seen.client.send(start(tens(), tmp_path, PortOrder(driver="magpro", port=str(path))))
        seen.delivered(1)
        os.kill(seen.client.pid, signal.SIGKILL)
        assert seen.deaths.get(timeout=PATIENCE_S) == -signal.SIGKILL
        sentence = disarm_after_death("magpro", str(path))
        assert "is disarmed" in sentence
        assert not device.state().status.info.enabled
        fired = device.pulses_fired
    recovery = recover(tmp_path / "r.db", RealClock())
    assert recovery.report is not None
    (session,) = recovery.report.sessions
    assert session.state == "interrupted"
    assert session.delivered <= fired <= session.delivered + session.unknown
    assert verify(tmp_path / "r.db").sound


def test_the_next_start_disarms_the_port_that_a_dead_session_left(tmp_path: Path) -> None:
    """Without a window the next program on the database does what the window would have done."""
    with emulator_on_a_port(tmp_path) as (device, path):
        with window() as seen:
            seen.client.send(start(tens(), tmp_path, PortOrder(driver="magpro", port=str(path))))
            seen.delivered(1)
            os.kill(seen.client.pid, signal.SIGKILL)
            seen.deaths.get(timeout=PATIENCE_S)
        assert device.state().status.info.enabled
        recovery = recover(tmp_path / "r.db", RealClock())
        assert not device.state().status.info.enabled
    assert "is disarmed" in recovery.disarmed
    assert len(recovery.sentences) == 2
    assert recover(tmp_path / "r.db", RealClock()).sentences == ()


def test_a_live_session_is_not_recovered_by_somebody_else(tmp_path: Path) -> None:
    with window() as seen, emulator_on_a_port(tmp_path) as (device, path):
        seen.client.send(start(tens(), tmp_path, PortOrder(driver="magpro", port=str(path))))
        seen.delivered(1)
        recovery = recover(tmp_path / "r.db", RealClock())
        assert (recovery.disarmed, recovery.report) == ("", None)
        assert device.state().status.info.enabled
        seen.client.send(pipe.Stop("enough"))
        assert seen.over().state is SessionState.STOPPED


def test_a_second_start_is_refused_and_the_first_session_goes_on(tmp_path: Path) -> None:
    with window() as seen, emulator_on_a_port(tmp_path) as (_, path):
        order = start(tens(), tmp_path, PortOrder(driver="magpro", port=str(path)))
        seen.client.send(order)
        seen.delivered(1)
        seen.client.send(order)
        refusal = seen.over()
        assert (refusal.session_uid, refusal.state) == ("", None)
        assert "running already" in refusal.reason
        seen.client.send(pipe.Stop("enough"))
        assert seen.over().state is SessionState.STOPPED


def test_a_termination_signal_stops_the_session_and_the_process_ends_cleanly(
    tmp_path: Path,
) -> None:
    with window() as seen, emulator_on_a_port(tmp_path) as (device, path):
        seen.client.send(start(tens(), tmp_path, PortOrder(driver="magpro", port=str(path))))
        seen.delivered(1)
        os.kill(seen.client.pid, signal.SIGTERM)
        over = seen.over()
        assert over.state is SessionState.STOPPED
        assert "SIGTERM" in over.reason
        assert seen.deaths.get(timeout=PATIENCE_S) == 0
        assert not device.state().status.info.enabled


def test_a_window_that_never_reads_holds_nothing_up(tmp_path: Path) -> None:
    """Threads that time, drive or write must not wait for the pipe: the record has everything."""
    commands, messages = os.pipe(), os.pipe()
    process = DeliveryProcess(
        commands[0], messages[1], software_version="test", host_silent_after_s=PATIENCE_S
    )
    serving = threading.Thread(target=process.serve)
    serving.start()
    try:
        order = start(
            rehearsal_content(load_library()["lf1-right"], 45),
            tmp_path,
            EmulatorOrder(name="magpro", virtual=True),
        )
        os.write(commands[1], pipe.encode(pipe.COMMANDS, order))
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s and not _finished(tmp_path / "r.db"):
            os.write(commands[1], pipe.encode(pipe.COMMANDS, pipe.Beat()))
            threading.Event().wait(0.1)
        assert _finished(tmp_path / "r.db")
    finally:
        os.close(commands[1])
        serving.join(PATIENCE_S)
        for descriptor in (commands[0], *messages):
            os.close(descriptor)
    assert not serving.is_alive()


def _finished(path: Path) -> bool:
    return path.exists() and any(
        one.state == "completed" for one in list_sessions(open_database(path))
    )


def test_a_remark_without_a_session_goes_back_to_the_window() -> None:
    """An adverse event that comes a moment too late must not vanish."""
    remark = pipe.PutOnRecord(EventKind.ADVERSE_EVENT, "headache", "J. Meyer")
    with window() as seen:
        seen.client.send(remark)
        back = seen.until(lambda one: isinstance(one, pipe.Unrecorded))
    assert back == pipe.Unrecorded(remark)


def test_packages_in_the_working_folder_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder named `drivers` where the program is started must not replace what drives."""
    for package in ("drivers", "tms_console"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('foreign')")
    monkeypatch.chdir(tmp_path)
    with window() as seen:
        assert isinstance(seen.until(lambda one: isinstance(one, pipe.Ready)), pipe.Ready)


def test_garbage_on_the_pipe_ends_the_process_without_a_session() -> None:
    done = subprocess.run(
        delivery_command(), input=b"\xff" * 64, capture_output=True, timeout=PATIENCE_S, check=False
    )
    decoder = pipe.PipeDecoder(pipe.MESSAGES)
    decoder.feed(done.stdout)
    assert isinstance(decoder.next_value(), pipe.Ready)
    assert isinstance(decoder.next_value(), pipe.Challenged)
    assert decoder.next_value() is None
    assert done.returncode == 0


def test_no_qt_module_is_loaded_in_the_delivering_process(tmp_path: Path) -> None:
    """A window's toolkit has no business beside the thread that times pulses."""
    order = pipe.encode(
        pipe.COMMANDS, start(itbs(), tmp_path, EmulatorOrder(name="magpro", virtual=True))
    )
    program = (
        "import sys, threading, time\n"
        "from tms_console.delivery import process\n"
        "real = process.run_session\n"
        "def run(order, around):\n"
        "    result = real(order, around)\n"
        "    tops = {name.split('.')[0] for name in sys.modules}\n"
        "    bad = sorted(tops & {'PySide6', 'shiboken6', 'pyqtgraph'})\n"
        "    sys.stderr.write('loaded ' + repr(bad))\n"
        "    return result\n"
        "process.run_session = run\n"
        "process.deliver_for_a_window('test', '')\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert child.stdin is not None
    child.stdin.write(order)
    child.stdin.flush()
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s and not _finished(tmp_path / "r.db"):
        threading.Event().wait(0.1)
    _, errors = child.communicate(timeout=PATIENCE_S)
    assert errors.decode().endswith("loaded []")


def test_an_order_that_cannot_be_opened_is_answered_with_the_reason(tmp_path: Path) -> None:
    with window() as seen:
        order = start(tens(), tmp_path, PortOrder(driver="magpro", port=str(tmp_path / "none")))
        seen.client.send(order)
        over = seen.over()
    assert (over.session_uid, over.state) == ("", None)
    assert "no such port" in over.reason


@pytest.mark.parametrize("content", [None, {"tag": "tms-rehearsal-1"}, "hello", 7])
def test_a_content_that_is_none_is_answered_with_the_reason(
    tmp_path: Path, content: object
) -> None:
    order = start(itbs(), tmp_path, EmulatorOrder(name="magpro", virtual=True)).order
    values = {
        "kind": "rehearsal",
        "content": content,
        "digest": order.digest,
        "authority_uid": order.authority_uid,
        "database": order.database,
        "device": order.device,
        "actor": order.actor,
    }
    over = main.run_here(type(order)(**values), lambda _: None)  # type: ignore[arg-type]
    assert over.session_uid == ""
    assert "cannot be delivered" in over.reason


def test_a_process_that_dies_under_the_command_line_is_said_and_settled(tmp_path: Path) -> None:
    """`rehearse` watches over a process of its own; that one's death must not be a traceback."""
    killed = threading.Event()

    def kill_it(snapshot: object) -> None:
        if getattr(snapshot, "delivered", 0) and not killed.is_set():
            killed.set()
            children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
            for pid in " ".join(one.read_text() for one in children).split():
                os.kill(int(pid), signal.SIGKILL)

    with emulator_on_a_port(tmp_path) as (device, path):
        order = start(tens(), tmp_path, PortOrder(driver="magpro", port=str(path))).order
        over = main.run_in_own_process(order, kill_it)
        assert not device.state().status.info.enabled
    assert killed.is_set()
    assert "died" in over.reason
    assert "is disarmed" in over.reason
    assert over.session_uid
