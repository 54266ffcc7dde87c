"""The window, offscreen and measured from within: `python -m tests.bench.in_window PART FILE N`.

Each part is a process of its own, so that Qt is in none of the bench's others; it prints one line
of JSON with what it measured.  What the numbers are to be is in `window`.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from tests.bench.delivering import slow_pulses, theta_trains
from tests.bench.stamping_emulator import StampedEmulator, stamping_emulator
from tms_console import main
from tms_console.accounts.login import log_in
from tms_console.accounts.station import open_station
from tms_console.clinic.forms import Filling, fill_in
from tms_console.clinic.patients import patients
from tms_console.delivery.order import EmulatorOrder, PortOrder
from tms_console.demonstration import PEOPLE
from tms_console.demonstration_answers import A_GOOD_DAY, EARS_PROTECTED, EXTRA_CHECK, RIGHT_PERSON
from tms_console.demonstration_people import PHYSICIAN, TECHNICIAN, Staff
from tms_console.screens.tables import Line, Table
from tms_console.screens.treat_live import Raster
from tms_console.ui.app import Window, application
from tms_console.ui.bridge import Bridge, ChosenDevice
from tms_console.ui.pages import page_classes
from tms_console.ui.pages.treat import TreatPage
from tms_console.ui.raster import RasterPlot
from tms_console.ui.tables import WordsView

PATIENCE_S = 120.0
TABLE_ROWS = 10_000
FRAME_MS, TABLE_EVERY_MS = 33, 400
NOISE_NS = 20_000_000
SESSION_S = 25
"""How long a session is looked at."""
MAGPRO = EmulatorOrder(name="magpro")


class Inside:
    """A window on a file, and what is asked of it."""

    def __init__(self, file: Path) -> None:
        self.qt = application()
        self.station = open_station(file)
        device = ChosenDevice(MAGPRO, "MagPro X100", simulated=True)
        self.bridge = Bridge(self.station, device, PEOPLE)
        self.busy = True
        self.bridge.worker.busy_changed.connect(self._note_busy)
        self.window = Window(self.bridge)
        self.window.shell.resize(1280, 720)
        self.window.shell.show()

    def _note_busy(self, busy: bool) -> None:
        self.busy = busy

    def wait(self, true: Callable[[], bool]) -> None:
        """Let the window go on until something is so."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not true():
            self.qt.processEvents()
            time.sleep(0.0005)
            if time.monotonic() > deadline_s:
                raise TimeoutError("the window did not get there")

    def idle(self) -> None:
        """Let it go on until nothing is read any more, and what came is painted."""
        self.wait(lambda: not self.busy)
        self.window.shell.repaint()

    def log_in(self, who: Staff) -> None:
        """Log in somebody of the demonstration."""
        self.bridge.set_login(log_in(self.bridge.station, who.login, who.password))
        self.idle()

    def close(self) -> None:
        """Take it down."""
        self.window.close()


def pages(file: Path, times: int) -> dict[str, object]:
    """Open every page again and again, every second time after somebody wrote something."""
    begun_s = time.monotonic()
    inside = Inside(file)
    inside.idle()
    whole_s = time.monotonic() - begun_s
    inside.log_in(PHYSICIAN)
    with inside.bridge.station.trusting() as trusted:
        somebody = patients(trusted)[-1].patient_uid
    inside.bridge.set_patient(somebody)
    took: dict[str, list[float]] = {}
    used: dict[str, list[float]] = {}
    noise: list[float] = []
    first: dict[str, float] = {}
    names = [page.name for page in page_classes()]
    for number in range(times + 1):
        for name in names:
            inside.idle()
            if number % 2:
                inside.station.seal("the bench wrote something")
            noise.append(_noise_ms())
            begun_ns, cpu_ns = time.perf_counter_ns(), time.process_time_ns()
            inside.bridge.go(name)
            inside.idle()
            ms = (time.perf_counter_ns() - begun_ns) / 1e6
            if number:
                took.setdefault(name, []).append(ms)
                used.setdefault(name, []).append((time.process_time_ns() - cpu_ns) / 1e6)
            else:
                first[name] = ms
    told = {
        "ms": took,
        "used_ms": used,
        "noise_ms": noise,
        "first_ms": first,
        "whole_s": whole_s,
        "rss_mb": _rss_mb("self"),
    }
    inside.close()
    return told


@dataclass
class _Slot:
    name: str
    ms: float


class Timed(QApplication):
    """An application that notes the processor time of every event it hands out."""

    def __init__(self) -> None:
        super().__init__([sys.argv[0]])
        self.slots: list[_Slot] = []
        self.noting = False
        self._depth = 0

    def notify(self, receiver: QObject, event: QEvent) -> bool:
        """Hand out an event."""
        if not self.noting or self._depth:
            return super().notify(receiver, event)
        self._depth += 1
        begun_ns = time.thread_time_ns()
        try:
            return super().notify(receiver, event)
        finally:
            took_ms = (time.thread_time_ns() - begun_ns) / 1e6
            self._depth -= 1
            owner = receiver.parent() if isinstance(receiver, QTimer) else receiver
            self.slots.append(_Slot(f"{type(owner).__name__} {event.type().name}", took_ms))


def slots(file: Path, _times: int) -> dict[str, object]:
    """Give most of a session of the demonstration and note what the window's thread did."""
    qt = Timed()
    inside = Inside(file)
    inside.idle()
    inside.log_in(TECHNICIAN)
    bridge, shell = inside.bridge, inside.window.shell
    with bridge.station.trusting() as trusted:
        uid = next(one.patient_uid for one in patients(trusted) if "Rivera" in one.details.name)
    bridge.set_patient(uid)
    login = bridge.login
    if login is None:
        raise RuntimeError("nobody is logged in")
    told = {"daily": A_GOOD_DAY, "ears": EARS_PROTECTED, "identity": RIGHT_PERSON}
    for form_id, answers in (told | {"extra": EXTRA_CHECK | {"earlier_sessions": "well"}}).items():
        fill_in(bridge.station, login, uid, Filling(form_id, answers))
    bridge.go("treat")
    inside.idle()
    page = next(one for one in shell.findChildren(TreatPage))
    before = page.before
    before.prepare_button.click()
    inside.wait(before.start_button.isVisible)
    before.name_tick.click()
    before.birth_tick.click()
    inside.wait(lambda: bridge.link.challenge is not None)
    qt.noting = True
    before.start_button.click()
    inside.wait(lambda: bool(bridge.link.view.session_uid))
    until_s = time.monotonic() + SESSION_S
    inside.wait(lambda: time.monotonic() > until_s or not bridge.link.running)
    bridge.link.stop("the bench has seen enough")
    inside.wait(lambda: not bridge.link.running)
    inside.idle()
    qt.noting = False
    snapshot = bridge.link.view.snapshot
    inside.close()
    dear: dict[str, list[float]] = {}
    for one in qt.slots:
        dear.setdefault(one.name, []).append(one.ms)
    by_cost = sorted(qt.slots, key=lambda one: one.ms, reverse=True)[:8]
    return {
        "ms": [one.ms for one in qt.slots],
        "worst": [f"{one.name} {one.ms:.1f}" for one in by_cost],
        "most": [
            f"{name}: {len(ms)} of {float(np.median(ms)):.1f} ms"
            for name, ms in sorted(dear.items(), key=lambda one: -sum(one[1]))[:4]
        ],
        "delivered": 0 if snapshot is None else snapshot.delivered,
    }


def memory(file: Path, times: int) -> dict[str, object]:
    """Rehearse a day of sessions under the virtual clock and note the memory after each."""
    inside = Inside(file)
    inside.idle()
    inside.log_in(TECHNICIAN)
    content, rehearsals = theta_trains(20, bursts=10, period_s=10), file.parent / "day.db"
    device = EmulatorOrder(name="magpro", virtual=True)
    window_mb, delivering_mb = [], []
    for _ in range(times):
        inside.bridge.link.begin(main.rehearsal_order(content, rehearsals, device))
        inside.wait(lambda: not inside.bridge.link.running)
        over = inside.bridge.link.view.over
        if over is None or over.reason != "complete":
            raise RuntimeError(f"a session did not end as planned: {over}")
        for page in ("today", "records"):
            inside.bridge.go(page)
            inside.idle()
        window_mb.append(_rss_mb("self"))
        delivering_mb.append(max(_rss_mb(pid) for pid in _children()))
    inside.close()
    return {"window_mb": window_mb, "delivering_mb": delivering_mb}


class _Load:
    """Plots at 30 Hz and a table of 10,000 rows that is read and shown again and again."""

    def __init__(self, inside: Inside) -> None:
        tokens = inside.bridge.tokens
        self._inside = inside
        self.raster, self.table = RasterPlot(tokens), WordsView("load", tokens)
        self.raster.resize(1000, 300)
        self.table.resize(900, 600)
        self.raster.show()
        self.table.show()
        self.shown = 0
        self._timers = [QTimer(), QTimer()]
        for timer, every_ms, do in zip(
            self._timers, (FRAME_MS, TABLE_EVERY_MS), (self._plot, self._read), strict=True
        ):
            timer.setInterval(every_ms)
            timer.timeout.connect(do)
            timer.start()

    def _plot(self) -> None:
        at = np.arange(-6.0, 0.0, 0.02) - time.monotonic() % 0.02
        self.raster.show_raster(Raster(at, at + 6.0, at, np.abs(np.sin(at))))

    def _read(self) -> None:
        def build() -> Table:
            lines = tuple(
                Line(str(n), (str(n), "54", f"{n / 50:.3f}", f"{n / 50:.3f}", "delivered"))
                for n in range(TABLE_ROWS)
            )
            return Table(("Pulse", "% MSO", "Planned", "Seen", "Outcome"), lines, (80,) * 5)

        def show(table: Table) -> None:
            self.table.show_table(table, self._inside.bridge.tokens)
            self.shown += 1

        self._inside.bridge.worker.run(self.table, build, show, self._failed)

    def _failed(self, error: Exception) -> None:
        raise error

    def close(self) -> None:
        """Stop it."""
        for timer in self._timers:
            timer.stop()
        self._inside.idle()
        for one in (self.raster, self.table):
            one.close()
            one.deleteLater()


def stops(file: Path, times: int) -> dict[str, object]:
    """Click Stop at random moments, from beside the window's thread, and time the disarm."""
    chance, took, noise = random.Random(0), [], []
    inside = Inside(file)
    inside.idle()
    with ExitStack() as stack:
        emulator = stack.enter_context(stamping_emulator(file.parent / "stop-window"))
        inside.log_in(TECHNICIAN)
        load = _Load(inside)
        for number in range(times):
            took.append(_stop(inside, emulator, file.parent, number, chance))
            noise.append(_noise_ms())
        load.close()
        inside.close()
    return {"ms": took, "tables": load.shown, "noise_ms": noise}


def _stop(
    inside: Inside, emulator: StampedEmulator, folder: Path, number: int, chance: random.Random
) -> float:
    content = slow_pulses(30) if number % 2 else theta_trains(6, bursts=6, period_s=4)
    device = PortOrder(driver="magpro", port=emulator.port)
    link, button = inside.bridge.link, inside.window.shell.stop_button
    link.begin(main.rehearsal_order(content, folder / "stops.db", device))
    inside.wait(lambda: link.view.snapshot is not None and link.view.snapshot.delivered > 0)
    inside.wait(button.isVisible)
    clicked: list[int] = []

    def click() -> None:
        clicked.append(time.perf_counter_ns())
        for kind, buttons in (
            (QEvent.Type.MouseButtonPress, Qt.MouseButton.LeftButton),
            (QEvent.Type.MouseButtonRelease, Qt.MouseButton.NoButton),
        ):
            at = QPointF(5, 5)
            one = QMouseEvent(
                kind, at, at, Qt.MouseButton.LeftButton, buttons, Qt.KeyboardModifier.NoModifier
            )
            QCoreApplication.postEvent(button, one)

    hand = threading.Timer(chance.uniform(0.05, 1.5), click)
    hand.start()
    inside.wait(lambda: not link.running)
    hand.join()
    over = link.view.over
    if over is None or "STOP" not in over.reason:
        raise RuntimeError(f"it was not stopped by the click: {over}")
    return (emulator.disarmed_after(clicked[0]) - clicked[0]) / 1e6


def _noise_ms() -> float:
    """Return how much longer 20 ms of work take than they need: what others take of the machine."""
    begun_ns, cpu_ns = time.perf_counter_ns(), time.thread_time_ns()
    while time.thread_time_ns() - cpu_ns < NOISE_NS:
        pass
    return (time.perf_counter_ns() - begun_ns - (time.thread_time_ns() - cpu_ns)) / 1e6


def _children() -> list[str]:
    found: list[str] = []
    for one in Path("/proc/self/task").iterdir():
        found += (one / "children").read_text().split()
    return found


def _rss_mb(process: str) -> float:
    pages_ = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages_ * os.sysconf("SC_PAGE_SIZE") / 1e6


PARTS = {one.__name__: one for one in (pages, slots, memory, stops)}

if __name__ == "__main__":
    json.dump(PARTS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3])), sys.stdout)
