"""The conversation with one Magstim: one request, one reply, and nothing unasked.

What is said and when is the driver's business; what the bytes mean is in `replies`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from drivers.errors import LinkFault, NotConnected, ProtocolError, StopRequested
from drivers.interface import (
    Clock,
    DeviceEvent,
    DeviceNotice,
    Direction,
    Frame,
    FrameLog,
    NoticeKind,
)
from drivers.link import Link, WriteTimes
from drivers.magstim.codec import ReplyDecoder
from drivers.magstim.dialect import Dialect
from drivers.magstim.replies import Answer, Reply, Unrecognised, Version
from drivers.magstim.requests import DISARM, Request

MILLISECOND = 1_000_000
STOP_SLICE_NS = 5 * MILLISECOND
"""No wait is longer without asking whether a stop was requested (house-style.md)."""
LAST_LOOK_NS = 2_500_000
"""So long before a command is due the wait becomes an exact one; a stop is looked for after it."""
LATEST_ANSWER_NS = 500 * MILLISECOND
"""An answer that is later than that after its request has been taken in before the next."""
EVENTS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long the driver waits for what, in nanoseconds.

    Attributes:
        reply_ns: For a reply; the longest takes 25 ms on the line.
        queries: How often a query is sent before its reply counts as lost.
        ready_ns: From arming to ready (up to 1 s; stimulators.md 1.5).
        wait_over_ns: For the lock-out after a train (0.5 s at least; 1.8).
        keep_alive_ns: Without anything said for so long a query is sent (0.5 s are advised; 1.5).
        hush_ns: A line that was silent for so long holds nothing of earlier talk.
        gone_ns: Without a reply for so long the unit has disarmed itself and is gone.
    """

    reply_ns: int = 140 * MILLISECOND
    queries: int = 3
    ready_ns: int = 1_500 * MILLISECOND
    wait_over_ns: int = 1_500 * MILLISECOND
    keep_alive_ns: int = 400 * MILLISECOND
    hush_ns: int = 150 * MILLISECOND
    gone_ns: int = 1_100 * MILLISECOND


DEFAULT_DEADLINES = Deadlines()


class Exchange:
    """Requests and replies on one link, in the thread that owns it.

    Attributes:
        events: What the driver found out and `poll` has not told yet.
        fed_ns: When a request was last written that got a normal answer: the watchdog's view.
        asked_ns: No later than the unit took the state that its last answer shows.  Answers carry
            no number, so after one that was given up it is the time of that request.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - as every driver, and the dialect
        self,
        link: Link,
        clock: Clock,
        frame_log: FrameLog,
        stop_requested: Callable[[], bool],
        deadlines: Deadlines,
        dialect: Dialect,
    ) -> None:
        self.link = link
        self._clock = clock
        self._log = frame_log
        self._stop_requested = stop_requested
        self._deadlines = deadlines
        self._decoder = ReplyDecoder(dialect)
        self.events: deque[DeviceEvent] = deque(maxlen=EVENTS_KEPT)
        self.fed_ns = self.asked_ns = clock.now_ns()
        self._given_up_ns: int | None = None
        self._answers_open = 0
        """How many answers that were given up may still come."""

    @property
    def dialect(self) -> Dialect:
        """What the unit understands."""
        return self._decoder.dialect

    @dialect.setter
    def dialect(self, dialect: Dialect) -> None:
        self._decoder.dialect = dialect

    def send(self, request: Request) -> WriteTimes:
        """Write a request once, after taking in whatever is left of earlier ones.

        Raises:
            NotConnected: The port did not take it.
        """
        self.drain()
        return self._write(request)

    def _write(self, request: Request) -> WriteTimes:
        self._decoder.awaited = {request.command}
        self._decoder.code_was_sent = self._decoder.code_was_sent or request.secret
        times = self.link.write(request.frame)
        self._log(Frame(times.before_ns, Direction.SENT, request.shown))
        return times

    def drain(self) -> None:
        """Take in late bytes, which belong to no request that is still open."""
        now_ns = self._clock.now_ns()
        self._decoder.feed(self.link.read(now_ns))
        late = self._decoder.clear()
        if late:
            self._answers_open = max(0, self._answers_open - 1)  # here, or spoilt by half of it
            self._log(Frame(now_ns, Direction.RECEIVED, late))
            words = f"{len(late)} bytes came too late to be an answer"
            self.events.append(DeviceNotice(now_ns, NoticeKind.LINK, words))

    def reply(self, sent_ns: int, *, heed_stop: bool = True) -> Reply | None:
        """Return the reply to the request that was written last, None if none came in time.

        Raises:
            NotConnected: The device is gone.
            StopRequested: A stop was asked for; disarm has been written.
        """
        deadline_ns = sent_ns + self._deadlines.reply_ns
        while True:
            taken = self._next()
            if taken is not None:
                if isinstance(taken, Answer):
                    self.fed_ns = sent_ns
                    self.asked_ns = self._oldest_open(sent_ns)
                return taken
            now_ns = self._clock.now_ns()
            if now_ns >= deadline_ns:
                self._given_up_ns = self._oldest_open(sent_ns)
                self._answers_open += 1
                self._give_up(now_ns)
                return None
            if heed_stop:
                self.stop_if_requested()
            until_ns = deadline_ns
            if not self._clock.virtual:
                until_ns = min(until_ns, now_ns + STOP_SLICE_NS)
            self._decoder.feed(self.link.read(until_ns))

    def _oldest_open(self, sent_ns: int) -> int:
        """Return when the oldest request was sent that this moment's answer can belong to."""
        given_up_ns = self._given_up_ns
        if given_up_ns is None or sent_ns - given_up_ns > LATEST_ANSWER_NS:
            self._answers_open = 0
        if given_up_ns is None or not self._answers_open:
            return sent_ns
        return given_up_ns

    def _next(self) -> Reply | None:
        while True:
            try:
                taken = self._decoder.next_reply()
            except ProtocolError as error:
                self._complain(error.raw, str(error))
                continue
            if taken is None:
                return None
            raw, reply = taken
            self._log(Frame(self._clock.now_ns(), Direction.RECEIVED, raw))
            return reply

    def _give_up(self, now_ns: int) -> None:
        left = self._decoder.clear()
        if left:
            self._complain(left, "a reply was never finished")
        self._decoder.awaited = ()
        self.events.append(DeviceNotice(now_ns, NoticeKind.LINK, "a request got no answer"))

    def _complain(self, raw: bytes, sentence: str) -> None:
        now_ns = self._clock.now_ns()
        if raw:
            self._log(Frame(now_ns, Direction.RECEIVED, raw))
        self.events.append(DeviceNotice(now_ns, NoticeKind.LINK, sentence))

    def say(self, request: Request) -> Reply | None:
        """Send a request once and return its reply, None if none came.

        Raises:
            NotConnected: The device is gone.
            StopRequested: A stop was asked for; disarm has been written.
        """
        self.stop_if_requested()
        return self.reply(self.send(request).before_ns)

    def ask(self, query: Request, *, queries: int | None = None, heed_stop: bool = True) -> Answer:
        """Send a query, again if its answer does not come, and return the answer.

        Raises:
            LinkFault: No normal answer came.
            NotConnected: The device is gone.
            StopRequested: A stop was asked for; disarm has been written.
        """
        attempts = self._deadlines.queries if queries is None else queries
        reply: Reply | None = None
        for _ in range(attempts):
            if heed_stop:
                self.stop_if_requested()
            reply = self.reply(self.send(query).before_ns, heed_stop=heed_stop)
            if isinstance(reply, Answer):
                return reply
        raise LinkFault(f"{self.link.name}: {query} got {_words(reply)}")

    def version(self, query: Request) -> Version | None:
        """Ask for the version; None if the unit is silent.

        Raises:
            LinkFault: Something answers that is no Rapid².
            NotConnected: The device is gone.
            StopRequested: A stop was asked for; disarm has been written.
        """
        for _ in range(self._deadlines.queries):
            reply = self.say(query)
            if isinstance(reply, Version):
                return reply
            if reply is not None:
                raise LinkFault(f"{self.link.name}: what answers is no Rapid²: {_words(reply)}")
        return None

    def write_when_due(
        self,
        request: Request,
        not_after_ns: int,
        due_ns: int | None,
        keep_alive: Callable[[int], None],
    ) -> WriteTimes | None:
        """Write a stimulating command once when it is due; None if it is too late by then.

        Args:
            request: The command.
            not_after_ns: Latest time.
            due_ns: When, or None for at once.
            keep_alive: Called while there is time, with the time by which it must be done.

        Raises:
            NotConnected: The port did not take it.
            StopRequested: A stop was asked for; disarm has been written.
        """
        self.drain()
        if due_ns is not None:
            while (now_ns := self._clock.now_ns()) < due_ns - LAST_LOOK_NS:
                self.stop_if_requested()
                keep_alive(due_ns - LAST_LOOK_NS)
                self._clock.rest_until(min(now_ns + STOP_SLICE_NS, due_ns - LAST_LOOK_NS))
            self.stop_if_requested()
            self._clock.wait_until(due_ns)
        self.stop_if_requested()
        if self._clock.now_ns() > not_after_ns:
            return None
        return self._write(request)

    def wait(self, until_ns: int) -> None:
        """Wait one slice at most, or until then.

        Raises:
            StopRequested: A stop was asked for; disarm has been written.
            NotConnected: The device is gone.
        """
        self.stop_if_requested()
        now_ns = self._clock.now_ns()
        if not self._clock.virtual:
            until_ns = min(until_ns, now_ns + STOP_SLICE_NS)
        data = self.link.read(until_ns)
        if data:
            self._decoder.feed(data)
            self.drain()

    def hush(self) -> None:
        """Take in what still comes of earlier talk on this line, until it is silent.

        The unit gives up an unfinished request meanwhile.

        Raises:
            StopRequested: A stop was asked for; disarm has been written.
            NotConnected: The device is gone.
        """
        begun_ns = quiet_since_ns = self._clock.now_ns()
        while (now_ns := self._clock.now_ns()) < quiet_since_ns + self._deadlines.hush_ns:
            if now_ns > begun_ns + self._deadlines.gone_ns:
                return
            heard = len(self.events)
            self.wait(quiet_since_ns + self._deadlines.hush_ns)
            if len(self.events) > heard:
                quiet_since_ns = self._clock.now_ns()

    def stop_if_requested(self) -> None:
        """Do nothing, unless a stop was asked for.

        Raises:
            StopRequested: It was; disarm has been written.
        """
        if self._stop_requested():
            self._stop()

    def _stop(self) -> NoReturn:
        """Write disarm without waiting for anything, then say that a stop was asked for."""
        try:
            self._write(DISARM)
        except NotConnected as error:
            raise StopRequested(f"stopped; disarm could not be written: {error}") from error
        raise StopRequested(f"{self.link.name}: stopped; disarm has been written")


def _words(reply: Reply | None) -> str:
    if reply is None:
        return "no answer"
    if isinstance(reply, Unrecognised):
        return "the answer that there is no such command"
    return f"the answer {type(reply).__name__}"
