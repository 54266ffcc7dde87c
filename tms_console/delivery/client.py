"""The window's end of the delivering process: starts it, talks to it, and acts when it dies.

No Qt: the window and the command line both use it.  Whoever uses it must call `beat` from the
thread whose life it stands for.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tms_console.delivery import pipe

LOGGER = logging.getLogger(__name__)

BEAT_EVERY_S = 0.2
"""How often the window says that it is alive (architecture.md, "Two processes")."""

TAKES_WITHIN_S = 0.5
"""A process that takes no command for so long hangs."""

ENDS_WITHIN_S = 10.0
"""How long the process may take to end a session after its window is gone."""


def delivery_command(disarm_first: tuple[str, str] | None = None) -> list[str]:
    """Return the command that starts the delivering process: this very program again."""
    program = [sys.executable]
    if not getattr(sys, "frozen", False):
        # -P: never a package that happens to lie in the folder this is started from
        program += ["-P", "-m", "tms_console.cli"]
    options = [] if disarm_first is None else ["--disarm-first", *disarm_first]
    return [*program, "_deliver", *options]


class DeliveryClient:
    """One delivering process and the thread that reads its messages."""

    def __init__(
        self,
        heard: Callable[[pipe.Message], None],
        died: Callable[[int], None],
        *,
        disarm_first: tuple[str, str] | None = None,
    ) -> None:
        """Start the process.

        Args:
            heard: Gets each message, in the reading thread.
            died: Gets the exit status if the process ends before `close`, in that thread.
            disarm_first: Driver and port to disarm before anything else.
        """
        self._heard = heard
        self._died = died
        self._closing = False
        self._heard_at_s = time.monotonic()
        self._writing = threading.Lock()
        self._process = subprocess.Popen(
            delivery_command(disarm_first), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)
        self._reader = threading.Thread(target=self._read, name="delivery-messages")
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def silent_s(self) -> float:
        """For how long the process has said nothing; it says that it lives twice a second."""
        return time.monotonic() - self._heard_at_s

    def kill(self) -> None:
        """End a process that does not answer; `died` is told, as of any death."""
        self._process.kill()

    def send(self, command: pipe.Command) -> bool:
        """Send a command; return False if the process is gone, or does not listen any more."""
        stream = self._process.stdin
        if stream is None:
            return False
        data = pipe.encode(pipe.COMMANDS, command)
        try:
            with self._writing:
                left = self._write(stream.fileno(), data)
        except (OSError, ValueError):
            return False
        if 0 < len(left) < len(data):
            self._hang_up()  # half a command is none, and nothing after it would be understood
        return not left

    def _write(self, descriptor: int, data: bytes) -> bytes:
        """Write what the process takes in time; return what it did not take."""
        until_s = time.monotonic() + TAKES_WITHIN_S
        while data and (left_s := until_s - time.monotonic()) > 0:
            if select.select([], [descriptor], [], left_s)[1]:
                data = data[os.write(descriptor, data) :]
        return data

    def beat(self) -> bool:
        """Say that the calling thread is alive; return False if the process is gone."""
        return self.send(pipe.Beat())

    def close(self) -> int:
        """Close the connection, which ends any session, and wait; returns the exit status."""
        self._closing = True
        self._hang_up()
        try:
            status = self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return status

    def _read(self) -> None:
        try:
            self._read_messages()
        except pipe.PipeBroken:
            LOGGER.exception("the delivering process said something that is no message")
            self._hang_up()  # which ends the session there
        finally:
            if not self._closing:
                self._died(self._process.wait())

    def _read_messages(self) -> None:
        decoder = pipe.PipeDecoder(pipe.MESSAGES)
        stream = self._process.stdout
        while stream is not None and (data := os.read(stream.fileno(), 65_536)):
            self._heard_at_s = time.monotonic()  # not the window's thread: that may be late itself
            decoder.feed(data)
            while (message := decoder.next_value()) is not None:
                try:
                    self._heard(message)
                except Exception:  # this thread alone notices the death of the process
                    LOGGER.exception("a message of the delivering process was not understood")

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError), self._writing:
            if self._process.stdin is not None:
                self._process.stdin.close()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


def disarm_after_death(driver: str, port: str, timeout_s: float = 10.0) -> str:
    """Start a new delivering process whose first act is to disarm the port; return what came of it.

    For the case that the delivering process died in the middle of a session.
    """
    said: list[str] = []
    answered = threading.Event()

    def heard(message: pipe.Message) -> None:
        if isinstance(message, pipe.Ready):
            said.append(message.disarmed)
            answered.set()

    def died(status: int) -> None:
        said.append(f"{port} could not be disarmed: the program ended with status {status}.")
        answered.set()

    with DeliveryClient(heard, died, disarm_first=(driver, port)):
        answered.wait(timeout_s)
    return said[0] if said else f"{port} did not answer; press the stimulator's own stop button."
