"""The delivering process: commands in, a session in a thread of its own, messages out.

It alone opens the stimulator's port.  It ends a session whose window goes silent or goes away, and
none of the threads that time, drive or write ever waits for the pipe.
"""

from __future__ import annotations

import contextlib
import gc
import os
import secrets
import select
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict
from types import FrameType
from typing import cast

from protocols.canonical import ContentError, JsonValue
from protocols.finding_log import entry_of
from tms_console.delivery import pipe
from tms_console.delivery.controls import Controls, Remark, Report
from tms_console.delivery.gate import CheckResult
from tms_console.delivery.order import Challenge
from tms_console.delivery.probing import DisarmPort, LeaveAlone, ListPorts, LookAt, Prober
from tms_console.delivery.reported import Reporting
from tms_console.delivery.session import run_session
from tms_console.delivery.snapshot import Snapshot
from tms_console.delivery.surroundings import SessionResult, Surroundings
from tms_console.records.values import new_uid

HOST_SILENT_AFTER_S = 2.0
"""A window that does not beat for so long is gone (architecture.md, "Two processes")."""

LOOK_EVERY_S = 0.1
"""How often the control thread looks whether the window still beats."""

ALIVE_EVERY_S = 0.5
"""How often the control thread says that it takes commands."""

LAST_WORDS_S = 1.0
"""How long the end of the process waits for the window to read its last messages."""

MOST_WAITING = 256
"""Messages that wait for a window that does not read; snapshots replace each other."""

RunSession = Callable[[pipe.Start, Surroundings], SessionResult]


_ALIVE = pipe.encode(pipe.MESSAGES, pipe.Alive())


class Outbox:
    """Messages on their way to the window, sent by a thread of their own."""

    def __init__(self, descriptor: int) -> None:
        """Start sending to an open descriptor, which is made non-blocking."""
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._newest: deque[Snapshot] = deque(maxlen=1)
        self._alive = False
        self._ordering = threading.Lock()
        self._something = threading.Event()
        self._closing = False
        self._give_up_at_s = float("inf")
        self._thread = threading.Thread(target=self._run, name="messages")
        self._thread.start()

    def show(self, snapshot: Snapshot) -> None:
        """Send this snapshot in place of any that was not sent yet."""
        self._newest.append(snapshot)
        self._something.set()

    def show_alive(self) -> None:
        """Say that commands are taken, once however often this is called before it is sent."""
        self._alive = True
        self._something.set()

    def say(self, message: pipe.Message) -> None:
        """Send a message; the oldest is dropped if too many wait (the record has it all)."""
        self._queue_newest()  # what was shown before comes before
        with self._ordering:
            self._waiting.append(pipe.encode(pipe.MESSAGES, message))
        self._something.set()

    def close(self) -> None:
        """Send what waits, for a moment at most, and end the thread."""
        self._give_up_at_s = time.monotonic() + LAST_WORDS_S
        self._closing = True
        self._something.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._something.wait()
            self._something.clear()
            while self._send_next():
                pass
            if self._closing and not self._waiting and not self._newest:
                return

    def _send_next(self) -> bool:
        """Send one message; return False if there is none, or nobody reads any more."""
        self._queue_newest()
        if self._alive:
            self._alive = False
            if not self._send(_ALIVE):
                return False
        try:
            data = self._waiting.popleft()
        except IndexError:
            return False
        if not self._send(data):
            self._waiting.clear()
            self._newest.clear()
            return False
        return True

    def _queue_newest(self) -> None:
        """Queue it whole: between taking it and queueing it nothing may slip in (no I/O here)."""
        with self._ordering, contextlib.suppress(IndexError):
            newest = self._newest.pop()
            self._waiting.append(pipe.encode(pipe.MESSAGES, pipe.Stands(newest)))

    def _send(self, data: bytes) -> bool:
        view = memoryview(data)
        while view:
            if time.monotonic() > self._give_up_at_s:
                return False
            if not select.select([], [self._descriptor], [], LOOK_EVERY_S)[1]:
                continue
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                continue
            except OSError:
                return False  # nobody reads any more
        return True


class DeliveryProcess:
    """Serves one window over a pair of pipes until it goes away."""

    def __init__(
        self,
        commands_fd: int,
        messages_fd: int,
        *,
        software_version: str,
        disarmed: str = "",
        host_silent_after_s: float = HOST_SILENT_AFTER_S,
    ) -> None:
        self._commands_fd = commands_fd
        self._software_version = software_version
        self._silent_after_s = host_silent_after_s
        self._decoder = pipe.PipeDecoder(pipe.COMMANDS)
        self._outbox = Outbox(messages_fd)
        self._prober = Prober(self._outbox.say)
        self._controls: Controls | None = None
        self._challenge: Challenge | None = None
        self._reporting: Reporting | None = None
        self._session: threading.Thread | None = None
        self._heard_at_s = self._said_alive_at_s = time.monotonic()
        self._ended_by_signal = False
        self._outbox.say(pipe.Ready(os.getpid(), software_version, disarmed))
        self._challenge = self._challenge_anew()

    def serve(self) -> None:
        """Take commands until the window's end of the pipe is closed; then end what runs."""
        try:
            while self._take_commands() and not self._ended_by_signal:
                self._look_after_host()
            self._lose_host("the window closed its connection")
        finally:
            self._lose_host("the delivering process cannot hear its window any more")
            if self._session is not None:
                self._session.join()
            self._prober.release()
            self._outbox.close()

    def end_by_signal(self, number: int, frame: FrameType | None) -> None:
        """Stop what runs and end: for the process's signal handlers."""
        del frame
        if self._controls is not None:
            self._controls.stop(f"the delivering process got {signal.Signals(number).name}")
        self._ended_by_signal = True

    def _take_commands(self) -> bool:
        """Take what has come within a moment; return False at the end of the pipe."""
        if not select.select([self._commands_fd], [], [], LOOK_EVERY_S)[0]:
            return True
        data = os.read(self._commands_fd, 65_536)
        if not data:
            return False
        self._decoder.feed(data)
        try:
            while (command := self._decoder.next_value()) is not None:
                self._obey(command)
        except (pipe.PipeBroken, ContentError) as error:
            self._lose_host(f"the window sent something that is no command: {error}")
            return False
        return True

    def _look_after_host(self) -> None:
        """Say that this thread lives, and end the session of a window that does not."""
        if time.monotonic() - self._said_alive_at_s > ALIVE_EVERY_S:
            self._said_alive_at_s = time.monotonic()
            self._outbox.show_alive()
        silent_s = time.monotonic() - self._heard_at_s
        if silent_s > self._silent_after_s and self._running:
            self._lose_host(f"the window did not answer for {silent_s:.1f} s")

    @property
    def _running(self) -> bool:
        return self._session is not None and self._session.is_alive()

    def _lose_host(self, sentence: str) -> None:
        if self._controls is not None and not self._controls.halted:
            self._controls.lose_host(sentence)

    def _obey(self, command: pipe.Command) -> None:
        controls = self._controls
        match command:
            case pipe.Beat():
                self._heard_at_s = time.monotonic()  # nothing else is the window's own thread
            case ListPorts() | LookAt() | LeaveAlone() | DisarmPort():
                (self._prober.refuse if self._running else self._prober.obey)(command)
            case pipe.Start():
                self._heard_at_s = time.monotonic()
                self._start(command)
            case pipe.PutOnRecord() | pipe.PutAdverseEvent():
                if not self._take_remark(command):
                    self._outbox.say(pipe.Unrecorded(command))
            case _ if controls is None:
                return  # there is nothing yet that it could concern
            case pipe.Stop(reason):
                controls.stop(reason)
            case pipe.Pause(reason):
                controls.pause(reason)
            case pipe.Resume():
                controls.resume()
            case pipe.SetIntensity(intensity, block):
                controls.set_intensity(intensity, block)
            case pipe.GiveStimulus(stimulus, intensity):
                controls.give_one(stimulus, intensity)
            case pipe.SayInFinding(entry, actor):
                controls.say(entry_of(cast("JsonValue", entry)), actor)

    def _take_remark(self, command: pipe.ToRecord) -> bool:
        """Hand a remark to the session; return False if none is open that can take it."""
        if self._controls is None or self._reporting is None:
            return False
        if isinstance(command, pipe.PutOnRecord):
            return self._controls.remark(command.kind, command.detail, command.actor)
        event = self._reporting.event(command.record)
        return event is not None and self._controls.report(command.record, event)

    def _start(self, command: pipe.Start) -> None:
        if self._running:
            reason = "a session is running already; it goes on"
            self._outbox.say(pipe.Over("", None, reason, (), True, 0))
            return
        self._controls = controls = Controls()
        challenge, self._challenge = self._challenge, None
        session_uid = "" if challenge is None else challenge.session_uid
        self._reporting = Reporting.of(command.order.start_order, session_uid)
        around = Surroundings(
            challenge=challenge,
            controls=controls,
            publish=self._outbox.show,
            software_version=self._software_version,
            not_taken=lambda one: self._outbox.say(pipe.NotTaken(**asdict(one))),
            began=lambda uid, checks: self._outbox.say(pipe.Began(uid, gate_answers(checks))),
        )
        self._session = threading.Thread(target=self._run, args=(command, around), name="session")
        self._session.start()

    def _challenge_anew(self) -> Challenge:
        """Make the challenge that the next start order must answer, and tell the window."""
        challenge = new_challenge()
        self._outbox.say(pipe.Challenged(challenge))
        return challenge

    def _run(self, command: pipe.Start, around: Surroundings) -> None:
        self._prober.release()  # one thread owns the port, and it is this one now
        try:
            result = run_session(command.order, around)
        except BaseException as error:
            reason = f"the delivering program failed: {type(error).__name__}: {error}"
            self._outbox.say(pipe.Over("", None, reason, (), False, 0))
            raise
        finally:
            self._challenge = self._challenge_anew()
            self._give_back(around.controls)
        self._outbox.say(over_message(result))

    def _give_back(self, controls: Controls) -> None:
        """Say which remarks came too late for the session; from here on it takes none."""
        for order in controls.take_last():
            match order:
                case Remark(kind, detail, actor):
                    left = pipe.PutOnRecord(kind, detail, actor)  # type: ignore[arg-type]
                    self._outbox.say(pipe.Unrecorded(left))
                case Report(record):
                    self._outbox.say(pipe.Unrecorded(pipe.PutAdverseEvent(record)))
                case _:
                    pass


def new_challenge() -> Challenge:
    """Return a challenge that nobody can know before."""
    return Challenge(session_uid=new_uid(), nonce=secrets.token_hex(32))


def over_message(result: SessionResult) -> pipe.Over:
    """Return a session's result as it goes over the pipe."""
    return pipe.Over(
        session_uid=result.session_uid,
        state=result.state,
        reason=result.reason,
        checks=gate_answers(result.checks),
        saved=result.saved,
        lost=result.lost,
        planned_pulses=result.planned_pulses,
        planned_ns=result.planned_ns,
        found=result.found,
    )


def gate_answers(checks: Sequence[CheckResult]) -> tuple[pipe.GateAnswer, ...]:
    """Return the gate's answers as they go over the pipe."""
    return tuple(
        pipe.GateAnswer(**asdict(check) | {"answer": check.answer.value}) for check in checks
    )


def deliver_for_a_window(software_version: str, disarmed: str) -> None:
    """Be the delivering process on this process's standard streams.

    Args:
        software_version: For the record.
        disarmed: What came of the port that was disarmed before this module was even imported,
            because another delivering process died; "" if there was none.
    """
    commands_fd, messages_fd = os.dup(0), os.dup(1)
    os.dup2(2, 1)  # whatever prints by mistake must not get into the messages
    process = DeliveryProcess(
        commands_fd, messages_fd, software_version=software_version, disarmed=disarmed
    )
    signal.signal(signal.SIGTERM, process.end_by_signal)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the window, which says Stop
    process.serve()
    gc.freeze()  # else the interpreter goes through everything as it ends: 0.3 s for the window
