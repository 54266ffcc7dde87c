"""Kill sessions with SIGKILL at random instants and look at what is left (`make crash-test N=200`).

Most run under the virtual clock and die at a random event; some run in real time against an
emulator in a process of its own, which goes on with its train as a MagPro would.  What must hold is
in `examine` and `settle`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, cast

from pydantic import JsonValue

from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.simulator.device import FiredPulse
from drivers.simulator.hosting import Host, PtyPort
from drivers.simulator.proof import control_address
from drivers.simulator.pulse_log import PulseLog, read_pulse_log
from protocols.prescription import SessionContent
from tests.delivery.sessions import Rehearsal, bursts, plain, rows, slow
from tms_console.clock import RealClock
from tms_console.delivery.controls import Controls
from tms_console.delivery.order import PortOrder, SessionOrder
from tms_console.delivery.recovery import recover
from tms_console.delivery.session import run_session
from tms_console.delivery.surroundings import Surroundings
from tms_console.records import reconcile as reconciling
from tms_console.records.database import open_database
from tms_console.records.heads import STATE_VARIABLE
from tms_console.records.operations import Operation, new_uid
from tms_console.records.reconcile import reconcile
from tms_console.records.transactions import CommitHooks
from tms_console.records.unsaved import read_unsaved
from tms_console.records.verify import verify
from tms_console.records.writer import WriterOptions

LEAST_REAL = 20
AT_ONCE = 2
"""Trials at a time: this machine's cores, as the suite assumes."""

CONTENTS: tuple[Callable[[], SessionContent], ...] = (
    lambda: bursts(3, 5),
    lambda: plain(3, 8),
    lambda: slow(15),
)
REAL_CONTENTS: tuple[Callable[[], SessionContent], ...] = (
    lambda: plain(2, 15),
    lambda: slow(6),
)
REAL_SESSION_S = 11.0
"""How long those last, from the start of the process to the last write."""

EVENTS = ("link write", "link read", "before COMMIT", "after COMMIT", "pulse fired")
ANY_MOMENT = "any moment"
DISK_FULL = "disk full, then link read"
REAL_TIME = "real time"


class Violation(Exception):
    """The record lost or invented something."""


def die() -> NoReturn:
    """Die as by a power cut of this process: no handler, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit(1)


@dataclass(slots=True)
class Reaper:
    """Kills its own process at the n-th event of a kind; counts them all."""

    kind: str = ""
    at: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def __call__(self, kind: str) -> None:
        self.seen[kind] += 1
        if kind == self.kind and self.seen[kind] == self.at:
            die()


class ReapedLog(PulseLog):
    """A pulse log whose process may die once a pulse is in it, before its report leaves."""

    def __init__(self, path: Path, reaper: Reaper) -> None:
        super().__init__(path)
        self._reaper = reaper

    def write(self, pulse: FiredPulse) -> None:
        super().write(pulse)
        self._reaper("pulse fired")


@dataclass(frozen=True, slots=True)
class Scene:
    """What one session was, and where it left its traces."""

    content: int
    seed: int
    group: int
    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "r.db"

    @property
    def log(self) -> Path:
        return self.folder / "pulses"

    def play(self, reaper: Reaper, full_at: int = 0) -> None:
        """Run the session; the reaper may end it, and the disk may be full at the n-th commit."""
        commits = 0

        def before(_operations: Sequence[Operation]) -> None:
            nonlocal commits
            commits += 1
            reaper("before COMMIT")
            if commits == full_at:
                raise OSError(28, "No space left on device")

        Rehearsal(
            content=CONTENTS[self.content](),
            database=self.database,
            options=Options(seed=self.seed),
            touched=lambda how: reaper(f"link {how}"),
            pulse_log=ReapedLog(self.log, reaper),
            writer_options=WriterOptions(
                hooks=CommitHooks(before, lambda _: reaper("after COMMIT")), inline_group=self.group
            ),
        ).run()


# What must hold ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """What the record and the emulator's log say at one moment."""

    outcomes: dict[int, str]
    states: list[str]
    fired: frozenset[int]


def require(holds: bool, words: str) -> None:
    if not holds:
        raise Violation(words)


def examine(database: Path, log: Path) -> Seen:
    """Check that the database is whole and that every pulse that was fired is on record.

    Raises:
        Violation: It is not.
    """
    fired = frozenset(one.pulse.number for one in (read_pulse_log(log) if log.exists() else ()))
    if not database.exists():
        require(not fired, "pulses were fired and there is no database")
        return Seen({}, [], fired)
    integrity = rows(database, "PRAGMA integrity_check")
    require(integrity == [("ok",)], f"integrity_check: {integrity}")
    findings = verify(database).findings
    require(not findings, f"records verify: {findings[:3]}")
    outcomes = {int(number): str(word) for number, word in rows(database, _OUTCOMES)}
    states = [str(row[0]) for row in rows(database, "SELECT state FROM session")]
    for number in sorted(fired):
        word = outcomes.get(number, "missing")
        require(word in {"delivered", "commanded", "unknown"}, f"fired pulse {number} is {word}")
    for number, word in outcomes.items():
        if word in {"delivered", "unplanned"}:
            require(number in fired, f"pulse {number} is {word} and was never fired")
    return Seen(outcomes, states, fired)


_OUTCOMES = "SELECT number, outcome FROM pulse ORDER BY number"


def saved_beside(database: Path) -> bool:
    """True if the session's writer put operations beside the database."""
    beside = read_unsaved(database)
    return beside is not None and bool(beside.operations)


def settle(database: Path, log: Path, before: Seen, beside: bool) -> Seen:
    """Do what the next start does, twice, and check that it is honest.

    Args:
        database: What is left.
        log: What the emulator fired.
        before: What was on record when the session had died.
        beside: More of the session lay beside the database then.

    Raises:
        Violation: It is not.
    """
    if not database.exists():
        return before
    report = reconcile(open_database(database))
    require(report is not None, "the session lock is still taken")
    again = reconcile(open_database(database))
    require(again is not None and again.found_nothing, f"not settled at once: {again}")
    after = examine(database, log)
    require("running" not in after.states, f"sessions are {after.states}")
    require("commanded" not in after.outcomes.values(), "a pulse is still commanded")
    for number, was in before.outcomes.items():
        now = after.outcomes.get(number)
        if was != "commanded":
            require(now == was, f"pulse {number} was {was} and is now {now}")
        elif not beside:
            require(now == "unknown", f"pulse {number} was only commanded and is now {now}")
    if before.states == ["running"] and not beside:
        require(after.states == ["interrupted"], f"a killed session is {after.states}")
    require(not verify(database).running, "verify finds a session running")
    return after


# Trials --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one trial."""

    trial: int
    where: str
    killed: bool
    fired: int
    commanded: int
    unknown: int
    reconcile_killed: int
    violation: str = ""


def in_child(act: Callable[[], None]) -> int:
    """Run something in a forked child that ends without unwinding anything of the parent's."""
    child = os.fork()
    if child:
        return child
    code = 3
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)  # what a failing disk makes the writer log
            act()
        code = 0
    finally:
        os._exit(code)


def ended_by_kill(child: int) -> bool:
    """Wait for a child; True if it was killed.

    Raises:
        Violation: It failed in another way.
    """
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    require(killed or status == 0, f"the session's process ended with status {status}")
    return killed


def kill_after(child: int, seconds: float) -> None:
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def virtual_trial(number: int, rng: random.Random, counts: Sequence[Counter[str]]) -> Told:
    """One session under the virtual clock that dies at a random event."""
    with tempfile.TemporaryDirectory(prefix="crash-") as name:
        folder = Path(name)
        os.environ[STATE_VARIABLE] = str(folder / "state")
        scene = Scene(
            rng.randrange(len(CONTENTS)), rng.randrange(1000), rng.choice((1, 8, 64)), folder
        )
        kind = rng.choice((*EVENTS, *EVENTS, ANY_MOMENT, DISK_FULL))
        count = counts[scene.content]
        full_at = 0
        if kind == ANY_MOMENT:
            child = in_child(lambda: scene.play(Reaper()))
            kill_after(child, rng.uniform(0, count["milliseconds"] / 1000))
        else:
            event = "link read" if kind == DISK_FULL else kind
            reaper = Reaper(event, rng.randint(1, max(1, count[event])))
            full_at = rng.randint(2, max(2, count["before COMMIT"])) if kind == DISK_FULL else 0
            child = in_child(lambda: scene.play(reaper, full_at))
        killed = ended_by_kill(child)
        return judge(Told(number, kind, killed, 0, 0, 0, 0), scene.database, scene.log, rng)


def judge(told: Told, database: Path, log: Path, rng: random.Random) -> Told:
    """Check what is left, kill some reconciliations too, and check again."""
    before = examine(database, log)
    beside = database.exists() and saved_beside(database)
    died = 0
    if database.exists():
        for _ in range(rng.choice((0, 0, 1, 3))):
            died += killed_in_reconcile(database, rng)
            middle = examine(database, log)
            for pulse, was in before.outcomes.items():
                if was != "commanded":
                    require(middle.outcomes[pulse] == was, f"pulse {pulse} was {was}")
    after = settle(database, log, before, beside)
    words = Counter(before.outcomes.values())
    return Told(
        told.trial,
        told.where,
        told.killed,
        len(before.fired),
        words["commanded"],
        Counter(after.outcomes.values())["unknown"],
        died,
    )


def killed_in_reconcile(database: Path, rng: random.Random) -> bool:
    """Let a process die while it reconciles; True if it got that far."""
    place = rng.choice(("audit row", "before the head is kept", "before the file is put away"))
    reaper = Reaper("audit row", rng.randint(1, 4) if place == "audit row" else 0)

    def wall() -> str:
        reaper("audit row")
        return str(_real_now())

    def act() -> None:
        if place == "before the head is kept":
            vars(reconciling)["keep_outside"] = lambda *_: die()
        if place == "before the file is put away":
            vars(reconciling)["_put_away"] = lambda *_: die()
        reconcile(open_database(database), wall=wall)

    return ended_by_kill(in_child(act))


def _real_now() -> str:
    from tms_console.records.canonical import utc_now_text  # noqa: PLC0415

    return utc_now_text()


def emulate(port: Path, log: Path, seed: int) -> None:
    """Be a MagPro in this process until SIGTERM."""
    device = MagProEmulator(Options(seed=seed), (), PulseLog(log, time.perf_counter_ns))
    with Host(device, PtyPort(port)) as host:
        signal.signal(signal.SIGTERM, lambda *_: host.stop())
        host.serve()


def deliver(content: SessionContent, port: Path, database: Path) -> None:
    """Run a session on that port in real time."""
    order = SessionOrder(
        kind="rehearsal",
        content=cast("JsonValue", content.canonical()),
        digest=content.digest(),
        authority_uid=new_uid(),
        database=str(database),
        device=PortOrder(driver="magpro", port=str(port)),
        actor="rehearsal",
    )
    result = run_session(order, Surroundings(Controls(), lambda _: None, "0.1.0"))
    if result.state is None:
        raise RuntimeError(result.reason)


def real_trial(number: int, rng: random.Random) -> Told:
    """One session in real time; its emulator is a process of its own and outlives it."""
    with tempfile.TemporaryDirectory(prefix="crash-") as name:
        folder = Path(name)
        os.environ[STATE_VARIABLE] = str(folder / "state")
        port, log, database = folder / "magpro", folder / "pulses", folder / "r.db"
        content = rng.choice(REAL_CONTENTS)()
        emulator = in_child(lambda: emulate(port, log, rng.randrange(1000)))
        try:
            control = control_address(str(port))
            while not (port.exists() and Path(str(control)).exists()):
                time.sleep(0.01)
            child = in_child(lambda: deliver(content, port, database))
            kill_after(child, rng.uniform(0.5, REAL_SESSION_S))
            killed = ended_by_kill(child)
            told = Told(number, REAL_TIME, killed, 0, 0, 0, 0)
            if rng.random() < 0.5:
                disarm_and_watch(database, log)
            else:
                time.sleep(2.0)  # it goes on to the end of its train
            return judge(told, database, log, rng)
        finally:
            os.kill(emulator, signal.SIGTERM)
            os.waitpid(emulator, 0)


def disarm_and_watch(database: Path, log: Path) -> None:
    """Do what the next start does first, and see that nothing fires from then on."""
    if not database.exists():
        return
    recovery = recover(database, RealClock())
    fired = log.read_bytes() if log.exists() else b""
    time.sleep(0.5)
    require(not log.exists() or log.read_bytes() == fired, f"fired after {recovery.disarmed!r}")


# The harness ---------------------------------------------------------------------------------


def counted() -> list[Counter[str]]:
    """Run each content once to its end and count its events."""
    counts = []
    for content in range(len(CONTENTS)):
        with tempfile.TemporaryDirectory(prefix="crash-") as name:
            os.environ[STATE_VARIABLE] = str(Path(name) / "state")
            reaper = Reaper()
            begun = time.perf_counter()
            Scene(content, 0, 8, Path(name)).play(reaper)
            reaper.seen["milliseconds"] = round((time.perf_counter() - begun) * 1000)
            counts.append(reaper.seen)
    return counts


def trial(number: int, seed: int, real: bool, counts: Sequence[Counter[str]]) -> Told:
    """Run one trial; whatever goes wrong in it is a violation."""
    rng = random.Random(f"{seed}/{number}")
    try:
        return real_trial(number, rng) if real else virtual_trial(number, rng, counts)
    except Exception as error:  # noqa: BLE001 - the harness's top
        where = REAL_TIME if real else "virtual"
        return Told(number, where, False, 0, 0, 0, 0, f"{type(error).__name__}: {error}")


def run_trials(numbers: Sequence[int], seed: int, real: int) -> Iterator[Told]:
    """Run trials two at a time, each in a process of its own; the first `real` in real time."""
    counts = counted()
    waiting = list(numbers)
    running: dict[int, int] = {}
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            number = waiting.pop(0)
            told, tell = os.pipe()
            child = os.fork()
            if not child:
                os.close(told)
                outcome = trial(number, seed, number < real, counts)
                os.write(tell, json.dumps([getattr(outcome, n) for n in Told.__slots__]).encode())
                os._exit(0)
            os.close(tell)
            running[told] = child
        for ready in select.select(list(running), [], [])[0]:
            with os.fdopen(ready, "rb") as end:
                text = end.read()
            os.waitpid(running.pop(ready), 0)
            yield Told(*json.loads(text)) if text else Told(-1, "?", False, 0, 0, 0, 0, "it died")


def summary(told: Sequence[Told]) -> list[str]:
    """Return the table of what was killed where."""
    lines = [f"{'killed at':28}{'trials':>7}{'killed':>7}{'fired':>7}{'open':>7}{'unknown':>8}"]
    for where in sorted({one.where for one in told}):
        mine = [one for one in told if one.where == where]
        lines.append(
            f"{where:28}{len(mine):7}{sum(one.killed for one in mine):7}"
            f"{sum(one.fired for one in mine):7}{sum(one.commanded for one in mine):7}"
            f"{sum(one.unknown for one in mine):8}"
        )
    died = sum(one.reconcile_killed for one in told)
    lines.append(f"killed while reconciling as well: {died}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the harness; 0 if nothing was lost or invented."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("number", type=int, metavar="N", help="how many sessions to kill")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--real-time", type=int, default=None, metavar="K")
    parser.add_argument("--only", type=int, default=None, help="repeat this trial alone")
    asked = parser.parse_args(arguments)
    tenth = asked.number // 10
    real = max(LEAST_REAL, tenth) if asked.real_time is None else asked.real_time
    real = min(real, asked.number)
    numbers = range(asked.number) if asked.only is None else [asked.only]
    begun, told = time.monotonic(), []
    for one in run_trials(numbers, asked.seed, real):
        told.append(one)
        if sys.stderr.isatty():
            left_s = (time.monotonic() - begun) / len(told) * (len(numbers) - len(told))
            sys.stderr.write(f"\r{len(told)}/{len(numbers)}, about {left_s:.0f} s left ")
    bad = [one for one in told if one.violation]
    lines = summary(told)
    for one in bad:
        repeat = f"--seed {asked.seed} --real-time {real} --only {one.trial}"
        lines.append(f"VIOLATION in trial {one.trial} ({one.where}): {one.violation}")
        lines.append(f"  repeat: python -m tests.crash {asked.number} {repeat}")
    lines.append(
        f"{len(told)} sessions, {sum(one.killed for one in told)} killed, {len(bad)} violations, "
        f"seed {asked.seed}, {time.monotonic() - begun:.0f} s"
    )
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
