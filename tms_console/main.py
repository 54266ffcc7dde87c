"""The composition root of sessions: what is built and joined for each way of running one.

The window's own is `opening`.  Nothing here decides whether something may be delivered.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import cast

from pydantic import JsonValue

from protocols.prescription import Prescription, SessionContent
from tms_console import __version__
from tms_console.clock import RealClock
from tms_console.delivery import pipe
from tms_console.delivery.client import BEAT_EVERY_S, DeliveryClient, disarm_after_death
from tms_console.delivery.controls import Controls
from tms_console.delivery.order import Challenge, EmulatorOrder, PortOrder, SessionOrder
from tms_console.delivery.process import over_message
from tms_console.delivery.recovery import IN_MEMORY, Recovery, recover
from tms_console.delivery.session import run_session
from tms_console.delivery.snapshot import Snapshot
from tms_console.delivery.surroundings import Surroundings
from tms_console.records.clinical import AddRecord
from tms_console.records.operations import new_uid

LOOK_EVERY_S = BEAT_EVERY_S / 4
"""How often it is looked whether somebody interrupted the program; each look is a beat too."""

REHEARSAL_USER = "rehearsal"
"""The built-in user that rehearsals are run by."""


def rehearsal_order(
    content: SessionContent,
    database: Path,
    device: EmulatorOrder | PortOrder,
    resumes_uid: str | None = None,
) -> SessionOrder:
    """Return the order to rehearse a content; its authority is the content itself."""
    return SessionOrder(
        kind="rehearsal",
        content=cast("JsonValue", content.canonical()),
        digest=content.digest(),
        authority_uid=new_uid(),
        database=str(database),
        device=device,
        actor=REHEARSAL_USER,
        resumes_uid=resumes_uid,
    )


def recover_database(database: Path) -> Recovery | None:
    """Disarm and settle what a dead program left on this database, None if there is no file.

    Raises:
        RecordsError: The database cannot be opened or written.
    """
    return recover(database, RealClock()) if database.exists() else None


def run_here(order: SessionOrder, publish: Callable[[Snapshot], None]) -> pipe.Over:
    """Run an order in this process and thread; Ctrl-C stops the session, not the program."""
    controls = Controls()
    around = Surroundings(controls=controls, publish=publish, software_version=__version__)
    with _interrupts(controls.stop):
        return over_message(run_session(order, around))


@dataclass(slots=True)
class _Heard:
    """What the delivering process said, for the thread that waits for it."""

    challenge: Challenge | None = None
    over: pipe.Over | None = None
    newest: Snapshot | None = None
    died: int | None = None
    stopped: str = ""


def run_in_own_process(order: SessionOrder, publish: Callable[[Snapshot], None]) -> pipe.Over:
    """Run an order in a delivering process, with this thread as the window that watches over it.

    If the process dies, its port is disarmed at once by another one, and the result says so.
    """
    return _watch_over(lambda _challenge: order, publish)


def run_treatment(
    order_of: Callable[[Challenge], SessionOrder], publish: Callable[[Snapshot], None]
) -> pipe.Over:
    """Run a treatment in a delivering process, with this thread as the window that watches over it.

    Args:
        order_of: Gets the process's challenge and returns the order that answers it, with a start
            order signed by the technician (`start_orders.order_start`); what it raises passes.
        publish: Gets a snapshot now and then.
    """
    return _watch_over(order_of, publish)


def treatment_order(
    prescription: Prescription,
    database: Path,
    device: EmulatorOrder | PortOrder,
    start_order: AddRecord,
    resumes_uid: str | None = None,
) -> SessionOrder:
    """Return the order to deliver a session of a prescription; the process reads what it says."""
    return SessionOrder(
        kind="treatment",
        digest=prescription.digest(),
        authority_uid=prescription.uid,
        database=str(database),
        device=device,
        actor=start_order.actor,
        resumes_uid=resumes_uid,
        start_order=start_order,
    )


def _watch_over(
    order_of: Callable[[Challenge], SessionOrder], publish: Callable[[Snapshot], None]
) -> pipe.Over:
    """Start the process, give it its order, and beat until that has ended."""
    heard, challenged, ended = _Heard(), threading.Event(), threading.Event()

    def hear(message: pipe.Message) -> None:
        match message:
            case pipe.Over():
                heard.over = message
                ended.set()
            case pipe.Stands(snapshot):
                heard.newest = snapshot
            case pipe.Challenged(challenge):
                heard.challenge = challenge
                challenged.set()
            case pipe.Ready() | pipe.Began() | pipe.NotTaken() | pipe.Unrecorded():
                pass

    def die(status: int) -> None:
        heard.died = status
        challenged.set()
        ended.set()

    def interrupt(reason: str) -> None:
        heard.stopped = reason  # and nothing else: a lock may be held by what was interrupted

    with DeliveryClient(hear, die) as client, _interrupts(interrupt):
        challenged.wait()
        if heard.challenge is None:
            words = f"The delivering process could not start (status {heard.died}); nothing began."
            return pipe.Over("", None, words, (), saved=True, lost=0)
        order = order_of(heard.challenge)
        if heard.stopped:
            return pipe.Over("", None, heard.stopped, (), saved=True, lost=0)
        client.send(pipe.Start(order))
        _beat_to_the_end(client, heard, ended, publish)
    return _after_death(order, heard.died) if heard.over is None else heard.over


def _beat_to_the_end(
    client: DeliveryClient,
    heard: _Heard,
    ended: threading.Event,
    publish: Callable[[Snapshot], None],
) -> None:
    told_to_stop = False
    while not ended.wait(LOOK_EVERY_S):
        client.beat()
        if heard.stopped and not told_to_stop:
            told_to_stop = client.send(pipe.Stop(heard.stopped))
        if heard.newest is not None:
            publish(heard.newest)
    if heard.newest is not None:
        publish(heard.newest)


def _after_death(order: SessionOrder, status: int | None) -> pipe.Over:
    """The delivering process died: disarm, settle the record, and say it loudly."""
    words = [f"The delivering process died (status {status}) in the middle of the session."]
    if isinstance(order.device, PortOrder):
        words.append(disarm_after_death(order.device.driver, order.device.port))
        words.append("If in doubt, press the stimulator's own stop button.")
    recovery = recover_database(Path(order.database))
    if recovery is not None and recovery.report is not None:
        words += [session.sentence for session in recovery.report.sessions]
    uid = ""
    if recovery is not None and recovery.report is not None and recovery.report.sessions:
        uid = recovery.report.sessions[-1].uid
    return pipe.Over(uid, None, " ".join(words), (), saved=True, lost=0)


@contextmanager
def _interrupts(stop: Callable[[str], object]) -> Iterator[None]:
    """Let Ctrl-C and a termination signal stop the session instead of the program."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        stop(f"stopped at the keyboard ({signal.Signals(number).name})")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Throttle:
    """Passes on a snapshot now and then, and every one whose state is new."""

    def __init__(self, show: Callable[[Snapshot], None], every_s: float) -> None:
        self._show = show
        self._every_s = every_s
        self._next_s = 0.0
        self._state = ""

    def __call__(self, snapshot: Snapshot) -> None:
        """Take a snapshot."""
        now_s = time.monotonic()
        if now_s >= self._next_s or snapshot.state in _FINAL:
            self._next_s = now_s + self._every_s
            self._show(snapshot)


_FINAL = frozenset({"completed", "stopped", "interrupted", "failed"})

__all__ = [
    "IN_MEMORY",
    "REHEARSAL_USER",
    "Throttle",
    "recover_database",
    "rehearsal_order",
    "run_here",
    "run_in_own_process",
    "run_treatment",
    "treatment_order",
]
