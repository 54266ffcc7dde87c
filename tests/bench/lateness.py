"""How late the engine commands: train starts and host-timed pulses, in real sessions in real time.

Beside every round runs a bare loop of the same priority; what it is late by is the machine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from protocols.prescription import SessionContent
from tests.bench.bare_loop import bare_loop
from tests.bench.delivering import (
    TRAIN_PERIOD_S,
    Delivery,
    NoSession,
    delivery,
    slow_pulses,
    theta_trains,
)
from tests.bench.figures import Finding, Goal, Line, NotMeasured, Series
from tests.bench.machine import busy_core
from tests.bench.stamping_emulator import stamping_emulator
from tms_console.delivery import pipe
from tms_console.delivery.order import EmulatorOrder, PortOrder
from tms_console.records.database import open_database
from tms_console.records.queries import session_pulses

GROUP = "Lateness of commands (commanded - planned)"

GOAL_REALTIME = Goal("p99", 20.0, above_floor=True)
GOAL_ORDINARY = Goal("p99", 200.0, above_floor=True)
"""Issue 2: 0.02 ms with real-time priority, 0.2 ms without, above the machine's own noise."""

SECOND_NS = 1_000_000_000

HERE = "same process"
PORT = "pseudo-terminal"


@dataclass(frozen=True, slots=True)
class Round:
    """Sessions that run side by side under the same conditions.

    Attributes:
        realtime: They may have real-time priority.
        busy: Another Python process burns a core.
        seconds: How long each session stimulates.
    """

    realtime: bool
    busy: bool
    seconds: int

    @property
    def words(self) -> str:
        """The conditions."""
        priority = "real-time" if self.realtime else "ordinary"
        return f"{priority}, {'one core busy' if self.busy else 'idle'}"


@dataclass(frozen=True, slots=True)
class _Running:
    what: str
    database: Path
    delivery: Delivery


def measure_lateness(round_: Round, folder: Path) -> Iterator[Finding]:
    """Run one round and yield its lines."""
    try:
        measured, floor = _run(round_, folder)
    except (NoSession, TimeoutError, OSError) as error:
        yield NotMeasured(GROUP, f"{round_.words}: {error}")
        return
    goal = GOAL_REALTIME if round_.realtime else GOAL_ORDINARY
    for what, (series, granted) in measured.items():
        yield Line(
            group=GROUP,
            what=f"{what}; {round_.words}",
            unit="µs",
            series=series,
            goal=goal,
            floor=floor,
            note=f"on record: {granted}",
        )


def _run(round_: Round, folder: Path) -> tuple[dict[str, tuple[Series, str]], Series]:
    contents = {
        "train starts": theta_trains(round_.seconds // TRAIN_PERIOD_S),
        "1 Hz pulses": slow_pulses(round_.seconds),
    }
    periods_ns = (TRAIN_PERIOD_S * SECOND_NS, SECOND_NS)
    with ExitStack() as stack:
        running = [
            _begin(
                stack, round_, folder / f"{number}-{int(round_.realtime)}{int(round_.busy)}", *one
            )
            for number, one in enumerate(product(contents.items(), (HERE, PORT)))
        ]
        for one in running:
            one.delivery.snapshot_in("resting", "checking")
        stack.enter_context(busy_core(round_.busy))
        loop = stack.enter_context(bare_loop(periods_ns, realtime=round_.realtime))
        overs = [one.delivery.over(round_.seconds + 30) for one in running]
        loop.end()
    measured = {
        one.what: _read(one.database, over) for one, over in zip(running, overs, strict=True)
    }
    return measured, Series.of(loop.lateness_us)


def _begin(
    stack: ExitStack, round_: Round, place: Path, content: tuple[str, SessionContent], where: str
) -> _Running:
    """Start one session; its database and its port are named after a place."""
    device: EmulatorOrder | PortOrder = EmulatorOrder(name="magpro")
    if where == PORT:
        emulator = stack.enter_context(stamping_emulator(place))
        device = PortOrder(driver="magpro", port=emulator.port)
    deliverer = stack.enter_context(delivery(realtime=round_.realtime))
    database = place.with_suffix(".db")
    deliverer.start(content[1], database, device)
    return _Running(f"{content[0]}, {where}", database, deliverer)


def _read(path: Path, over: pipe.Over) -> tuple[Series, str]:
    """Return the lateness of every command on record, and the priority the record states.

    Raises:
        NoSession: The session did not run to its end.
    """
    if over.reason != "complete":
        raise NoSession(over.reason)
    database = open_database(path)
    pulses = session_pulses(database, over.session_uid)
    commands: dict[tuple[int, int], float] = {}
    for train, planned, commanded in zip(
        pulses.train.tolist(), pulses.planned_ns.tolist(), pulses.commanded_ns.tolist(), strict=True
    ):
        commands.setdefault((train, commanded), (commanded - planned) / 1e3)
    return Series.of(commands.values()), _priority(path, over.session_uid)


def _priority(path: Path, uid: str) -> str:
    from sqlcipher3 import dbapi2  # noqa: PLC0415 - the record is read as any SQLite tool would

    connection = dbapi2.connect(str(path))
    try:
        row = connection.execute("SELECT realtime_priority FROM session WHERE uid = ?", (uid,))
        return str(row.fetchone()[0])
    finally:
        connection.close()
