"""One witness on one link: edges on the host's clock, and every doubt about them in words.

What the edges mean for a session is decided in `stimulator` and by the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from drivers.errors import LinkFault, NotConnected, StopRequested
from drivers.interface import Clock, DeviceNotice, Direction, Frame, FrameLog, NoticeKind
from drivers.link import Link
from drivers.witness.lines import (
    ASK_IDENTITY,
    ASK_TIME,
    COUNTER_MODULUS,
    PROTOCOL,
    AliveLine,
    Broken,
    EdgeLine,
    Identity,
    Line,
    LineDecoder,
)
from drivers.witness.timebase import TimeBase, Unwrapped

IDENTITY_NS = 2_500_000_000
"""How long a witness may take to say who it is: opening a port restarts some boards, which then
take up to two seconds."""
ASK_AGAIN_NS = 500_000_000
SYNCS = 12
SYNC_EVERY_NS = 50_000_000
"""Before it is used it is asked so often how late it is, and the quickest answer counts."""
SYNC_AGAIN_NS = 1_000_000_000
"""While it is used it is asked so often."""
SYNC_NS = 250_000_000
BACK_NS = 100_000_000
"""A line may tell of a time so long before that of the line before it."""
SILENT_NS = 2_000_000_000
"""Four of its lines missing: it is gone."""
STOP_SLICE_NS = 5_000_000
MOST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Edge:
    """A pulse on the trigger output.

    Attributes:
        at_ns: When, on the host's clock, as `timebase` tells it.
    """

    at_ns: int


WitnessEvent = Edge | DeviceNotice


def witness_is_heard(link: Link, clock: Clock, stop_requested: Callable[[], bool]) -> bool:
    """Return whether a witness speaks by itself on an open port; nothing is sent.

    Raises:
        NotConnected: The port is gone.
        StopRequested: A stop was asked for.
    """
    decoder, until_ns = LineDecoder(), clock.now_ns() + IDENTITY_NS
    while (now_ns := clock.now_ns()) < until_ns:
        if stop_requested():
            raise StopRequested(f"{link.name}: a stop was asked for")
        decoder.feed(link.read(min(until_ns, now_ns + STOP_SLICE_NS)))
        while (line := decoder.next_line()) is not None:
            if not isinstance(line, Broken):
                return True
    return False


class Witness:
    """A witness, used by one thread; opening gives one that answers and is in time, or raises.

    Args:
        link: Its open port; closed with it.
        clock: The session's.
        frame_log: Gets every line, and what was asked.
        stop_requested: Looked at at least every 5 ms while it is opened.

    Raises:
        LinkFault: Nothing on the port speaks this protocol.
        NotConnected: The port is gone.
        StopRequested: A stop was asked for.
    """

    def __init__(
        self, link: Link, clock: Clock, frame_log: FrameLog, stop_requested: Callable[[], bool]
    ) -> None:
        self._link = link
        self._clock = clock
        self._log = frame_log
        self._stop_requested = stop_requested
        self._decoder = LineDecoder()
        self._restart()
        self._events: list[WitnessEvent] = []
        self._said_silent = False
        self._identity: Identity | None = None
        self._opened = False
        try:
            self._open()
            self._opened = True
        except BaseException:
            link.close()
            raise

    def _restart(self) -> None:
        self._unwrapped = Unwrapped()
        self._base = TimeBase()
        self._edges: int | None = None
        self._newest_counter_ns = 0
        self._said_wild = False
        self._asked_ns: int | None = None
        self._synced_ns = self._clock.now_ns()
        self._newest_ns = self._heard_ns = self._clock.now_ns()

    @property
    def name(self) -> str:
        """What it is and where, for the record."""
        serial = "" if self._identity is None else self._identity.serial
        return f"pulse witness {serial} on {self._link.name}"

    @property
    def serial(self) -> str:
        """Its serial number."""
        return "" if self._identity is None else self._identity.serial

    @property
    def link(self) -> Link:
        """Its port, for the proof of simulation."""
        return self._link

    @property
    def drift(self) -> float:
        """How much slower than the host's its clock runs."""
        return self._base.drift

    def _open(self) -> None:
        give_up_ns = self._clock.now_ns() + IDENTITY_NS
        while self._identity is None:
            if self._clock.now_ns() >= give_up_ns:
                raise LinkFault(
                    f"{self._link.name}: no pulse witness answers ({PROTOCOL} at 115,200 baud). "
                    "Check its cable and power, or go on without a witness."
                )
            self._ask(ASK_IDENTITY)
            self._listen(self._clock.now_ns() + ASK_AGAIN_NS, lambda: self._identity is not None)
        if self._identity.protocol != PROTOCOL:
            raise LinkFault(
                f"{self._link.name}: the witness speaks {self._identity.protocol}, "
                f"this program {PROTOCOL}"
            )
        for _ in range(SYNCS):
            self._ask_time()
            self._listen(self._clock.now_ns() + SYNC_EVERY_NS, lambda: False)
        if self._edges is None:
            self._listen(self._clock.now_ns() + SYNC_NS, lambda: self._edges is not None)
        if self._edges is None:
            raise LinkFault(f"{self._link.name}: the witness says who it is, and not its time")
        self._events.clear()

    def identify(self) -> str:
        """Ask it once who it is and return its serial number.

        Raises:
            LinkFault: No answer, or another one than before.
            NotConnected: The port is gone.
            StopRequested: A stop was asked for.
        """
        before, self._identity = self._identity, None
        self._ask(ASK_IDENTITY)
        self._listen(self._clock.now_ns() + ASK_AGAIN_NS, lambda: self._identity is not None)
        said, self._identity = self._identity, before
        if before is None or said != before:
            raise LinkFault(f"{self._link.name}: another witness answers, or none: {said}")
        return before.serial

    def read(self, until_ns: int) -> Sequence[WitnessEvent]:
        """Return what it saw, waiting at most until then for a line.

        Raises:
            NotConnected: The port is gone.
        """
        if self._clock.now_ns() - self._synced_ns > SYNC_AGAIN_NS:
            self._ask_time()
        self._receive(until_ns)
        if self._clock.now_ns() - self._heard_ns > SILENT_NS and not self._said_silent:
            self._said_silent = True
            self._doubt("the pulse witness is silent: see its cable and power")
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """Release the port; any number of times."""
        self._link.close()

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # The line -----------------------------------------------------------------------------------

    def _ask(self, question: bytes) -> int:
        try:
            times = self._link.write(question)
        except NotConnected as error:
            raise NotConnected(f"the pulse witness is gone: {error}") from error
        self._log(Frame(times.before_ns, Direction.SENT, question))
        return times.before_ns

    def _ask_time(self) -> None:
        """Ask it for its time; with two questions open no answer would bound it from below."""
        again = self._asked_ns is not None
        self._synced_ns = self._ask(ASK_TIME)
        self._asked_ns = None if again else self._synced_ns

    def _listen(self, until_ns: int, enough: Callable[[], bool]) -> None:
        while not enough() and (now_ns := self._clock.now_ns()) < until_ns:
            if self._stop_requested():
                raise StopRequested(f"{self._link.name}: a stop was asked for")
            self._receive(min(until_ns, now_ns + STOP_SLICE_NS))

    def _receive(self, until_ns: int) -> None:
        try:
            data = self._link.read(until_ns)
        except NotConnected as error:
            raise NotConnected(f"the pulse witness is gone: {error}") from error
        arrived_ns = self._clock.now_ns()
        if data:
            self._log(Frame(arrived_ns, Direction.RECEIVED, data))
        self._decoder.feed(data)
        while (line := self._decoder.next_line()) is not None:
            self._take(line, arrived_ns)

    def _take(self, line: Line, arrived_ns: int) -> None:
        match line:
            case Broken(data):
                shown = data[:MOST_SHOWN].decode("ascii", "backslashreplace")
                words = f"the pulse witness sent what is no line of its protocol: {shown}"
                self._events.append(DeviceNotice(arrived_ns, NoticeKind.LINK, words))
                return
            case Identity():
                self._meet(line)
            case EdgeLine() | AliveLine():
                self._count(line, arrived_ns)
        self._heard_ns, self._said_silent = arrived_ns, False

    def _meet(self, identity: Identity) -> None:
        """It says who it is, because it was asked or because it has just started."""
        if self._opened and self._identity is not None:
            self._restart()
            who = "" if identity == self._identity else f" as {identity.serial}"
            self._doubt(f"the pulse witness started anew{who}; what it saw meanwhile is not known")
        self._identity = identity

    def _count(self, line: EdgeLine | AliveLine, arrived_ns: int) -> None:
        counter_ns = self._unwrapped.ns(line.us)
        edge = isinstance(line, EdgeLine)
        if self._edges is not None:
            missed = (line.count - self._edges - edge) % COUNTER_MODULUS
            if counter_ns < self._newest_counter_ns - BACK_NS or missed >= COUNTER_MODULUS // 2:
                self._restart()
                self._doubt("the pulse witness counts anew; what it saw meanwhile is not known")
                counter_ns = self._unwrapped.ns(line.us)
            elif missed:
                self._doubt(f"{missed} edges of the pulse witness were lost on its line")
        self._edges = line.count
        self._newest_counter_ns = max(counter_ns, self._newest_counter_ns)
        if isinstance(line, AliveLine):
            asked_ns = None
            if line.asked:
                asked_ns, self._asked_ns = self._asked_ns, None
            self._base.learn(counter_ns, arrived_ns, asked_ns)
            if not self._base.believable and not self._said_wild:
                self._said_wild = True
                self._doubt("the pulse witness's clock cannot be followed")
        elif self._base.learnt:
            at_ns = min(max(self._base.host_ns(counter_ns), self._newest_ns), arrived_ns)
            self._newest_ns = at_ns
            self._events.append(Edge(at_ns))
        else:
            self._doubt("the pulse witness saw a pulse before its time was known")

    def _doubt(self, words: str) -> None:
        self._events.append(DeviceNotice(self._clock.now_ns(), NoticeKind.WITNESS, words))
