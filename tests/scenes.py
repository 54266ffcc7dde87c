"""What `tests.screenshots` takes pictures of: every page by role, forms, and whole sessions.

The sessions run on the simulated stimulator, in the delivering process, as in the program.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget

from protocols.finding_log import Placed
from protocols.threshold import Answer
from tests.accounts.people import make_clinic
from tests.delivery.treatments import A_GOOD_DAY, EARS, EXTRA, NO_SCREENING, RIGHT_PERSON
from tms_console.accounts.login import log_in
from tms_console.accounts.roles import Role
from tms_console.accounts.station import open_station
from tms_console.clinic.forms import Filling, fill_in
from tms_console.clinic.patients import patients
from tms_console.delivery.order import EmulatorOrder
from tms_console.demonstration import PEOPLE
from tms_console.demonstration_people import PHYSICIAN, QA, TECHNICIAN, Staff
from tms_console.screens.today import today_screen
from tms_console.ui.app import Window, application
from tms_console.ui.bridge import Bridge, ChosenDevice
from tms_console.ui.pages.approvals import ApprovalsPage
from tms_console.ui.pages.device import DevicePage
from tms_console.ui.pages.patients import PatientsPage
from tms_console.ui.pages.qa import QaPage
from tms_console.ui.pages.records import AUDIT, CHECKS, RecordsPage
from tms_console.ui.pages.threshold import ThresholdPage
from tms_console.ui.pages.today import DayRow
from tms_console.ui.pages.treat import TreatPage
from tms_console.ui.theme import THEMES

if TYPE_CHECKING:
    from tests.screenshots import Look

PATIENCE_MS = 60_000
STEP_MS = 50
SETTLED_MS = 120
CHECKS_OF_TODAY = {"daily": A_GOOD_DAY, "ears": EARS, "identity": RIGHT_PERSON, "extra": EXTRA}
MAGPRO = EmulatorOrder(name="magpro")
FAST = EmulatorOrder(name="magpro", virtual=True, seed=5)


@dataclass
class Studio:
    """A window, and where its pictures go."""

    window: Window
    look: Look
    only: tuple[str, ...]
    out: Path
    people: dict[str, str]

    @property
    def bridge(self) -> Bridge:
        return self.window.bridge

    def wants(self, name: str) -> bool:
        """Return whether some picture of these names is wanted."""
        return not self.only or any(
            one.startswith(name) or name.startswith(one) for one in self.only
        )

    def save(self, name: str) -> None:
        """Take a picture."""
        if not self.only or name.startswith(self.only):
            self.settle()
            self.window.shell.grab().save(str(self.out / f"{name}-{self.look}.png"))

    def wait(self, true: Callable[[], bool], what: str = "") -> None:
        """Wait for something."""
        waited_ms = 0
        while not true():
            QTest.qWait(1)  # it holds the interpreter, and what is waited for may be a thread
            time.sleep(STEP_MS / 1000)
            waited_ms += STEP_MS
            if waited_ms > PATIENCE_MS:
                raise TimeoutError(what or "it did not happen")

    def settle(self) -> None:
        """Wait until nothing is read or written, and what came of it is shown."""
        QTest.qWait(SETTLED_MS)
        if self.bridge.link.running:  # it is read again and again
            QTest.qWait(10 * SETTLED_MS)
        else:
            self.wait(lambda: not self.bridge.worker._waiting)
        QTest.qWait(SETTLED_MS)

    def log_in(self, who: Staff) -> None:
        self.bridge.set_login(log_in(self.bridge.station, who.login, who.password))
        self.settle()

    def page(self, name: str) -> QWidget:
        """Go to a page."""
        self.bridge.go(name)
        self.settle()
        return self.window.shell._pages[name]

    @property
    def treat(self) -> TreatPage:
        page = self.window.shell._pages["treat"]
        assert isinstance(page, TreatPage)
        return page

    def choose(self, name: str) -> None:
        """Choose a patient by the beginning of the name."""
        self.bridge.set_patient(next(uid for who, uid in self.people.items() if name in who))


def take(database: Path, look: Look, only: tuple[str, ...], out: Path) -> None:
    """Take the pictures of one look."""
    application()
    out.mkdir(parents=True, exist_ok=True)
    station = open_station(database)
    with station.trusting() as trusted:
        people = {one.details.name: one.patient_uid for one in patients(trusted)}
    device = ChosenDevice(MAGPRO, "MagPro X100", simulated=True)
    with _window(Bridge(station, device, PEOPLE), look) as window:
        studio = Studio(window, look, only, out, people)
        for scene in (_login, _pages, _patients, _records, _approvals, _forms, _device, _qa):
            if studio.wants(scene.__name__.strip("_")) or scene is _pages:
                scene(studio)
        if studio.wants("treat") or studio.wants("running"):
            _sessions(studio)
        if studio.wants("threshold"):
            _threshold(studio)
    if not only or any(one.startswith("empty") for one in only):
        _empty(database.parent.parent / "empty", look, only, out)


@contextlib.contextmanager
def _window(bridge: Bridge, look: Look):  # type: ignore[no-untyped-def]
    window = Window(bridge)
    window.shell.resize(look.width, look.height)
    bridge.set_theme(THEMES[look.theme])
    window.shell.show()
    try:
        yield window
    finally:
        window.close()


def _login(studio: Studio) -> None:
    studio.save("login")
    studio.window.shell._login_page._fill("meyer", "not the password")
    studio.window.shell._login_page._submit()
    studio.save("login-refused")


def _pages(studio: Studio) -> None:
    """Take every page of three roles, with a patient whose name is common."""
    for who in (TECHNICIAN, PHYSICIAN, QA):
        studio.log_in(who)
        studio.choose("Rivera")
        shell = studio.window.shell
        shown = [name for name, one in shell._rail_buttons.items() if not one.isHidden()]
        for name in shown:
            if studio.wants(f"{name}-{who.role}"):
                studio.page(name)
                studio.save(f"{name}-{who.role}")
        studio.bridge.set_login(None)
    studio.save("login-after")


def _patients(studio: Studio) -> None:
    studio.log_in(TECHNICIAN)
    studio.choose("Okafor")
    page = studio.page("patients")
    assert isinstance(page, PatientsPage)
    studio.save("patients-long-name")
    studio.choose("Rivera")
    studio.settle()
    for title in ("Sessions", "Thresholds", "Positioning", "Forms", "Adverse events", "Changes"):
        next(one for one in page.sheet.group.buttons() if one.accessibleName() == title).click()
        studio.save(f"patients-{title.lower().replace(' ', '-')}")
    page.search.setText("zz")
    QTest.qWait(300)
    studio.save("patients-none-found")
    page.search.setText("")
    page.ask_new()
    page.form.name.setText("Rivera, Ana M.")
    page.form.birth_date.setText("1981-03-14")
    studio.save("patients-form")
    page.form.save.click()
    studio.save("patients-form-twin")
    page.show_sheet()


def _records(studio: Studio) -> None:
    studio.log_in(TECHNICIAN)
    page = studio.page("records")
    assert isinstance(page, RecordsPage)
    page.table.selectRow(1)
    studio.save("records-session")
    numbers, *others = [one for one in page.detail.findChildren(QPushButton) if one.isCheckable()]
    for tab in others:
        tab.click()
        studio.save(f"records-{tab.text().lower()}")
    numbers.click()
    page.search.setText("nobody of this name")
    QTest.qWait(300)
    studio.save("records-none-found")
    page.search.setText("")
    QTest.qWait(300)
    page.show_tab(AUDIT)
    studio.save("records-audit")
    studio.log_in(QA)
    studio.page("records")
    page.show_tab(CHECKS)
    page.checks.start_check()
    QTest.qWait(100)
    studio.save("records-checking")
    studio.wait(lambda: not page.checks.progress.isVisible())
    page.checks.start_backup()
    studio.wait(lambda: not page.checks.progress.isVisible())
    studio.save("records-check")
    page.show_failure("The record ends at audit row 6261, and this console wrote row 6267.")
    studio.save("records-failure")


def _approvals(studio: Studio) -> None:
    studio.log_in(PHYSICIAN)
    page = studio.page("approvals")
    assert isinstance(page, ApprovalsPage)
    for number, made in enumerate(page._group.buttons()[:2]):
        made.click()
        studio.save(f"approvals-waiting-{number}")
    page._show_list(held=True)
    for number, made in enumerate(page._group.buttons()[:2]):
        made.click()
        studio.save(f"approvals-in-force-{number}")
    studio.choose("Okafor")
    page.open_prescribing()
    studio.settle()
    form = page.prescribe
    form.protocol.setCurrentIndex(2)
    form._chosen()
    QTest.qWait(600)
    studio.save("approvals-prescribing")
    page.open_policy()
    studio.save("approvals-policy")


def _forms(studio: Studio) -> None:
    """Take what is filled in on the Treat page."""
    studio.log_in(TECHNICIAN)
    studio.choose("Okafor")
    studio.page("treat")
    studio.save("forms-screening-due")
    for name, who, what in (
        ("forms-screening", "Okafor", "screening"),
        ("forms-daily", "Rivera", "daily"),
        ("forms-threshold", "Byrne", "threshold"),
    ):
        studio.choose(who)
        studio.page("treat")
        studio.treat.open_item(what)
        studio.save(name)
        studio.treat.leave_form()
        studio.settle()
    studio.choose("Nov")
    studio.page("treat")
    studio.save("forms-nothing-to-give")


def _device(studio: Studio) -> None:
    studio.log_in(TECHNICIAN)
    page = studio.page("device")
    assert isinstance(page, DevicePage)
    page.look_button.click()
    studio.wait(lambda: bool(page.screen_now.temperatures))
    QTest.qWait(2500)
    studio.save("device-connected")
    page.look_button.click()
    page.path.setText("/dev/ttyUSB-not-there")
    page.path.returnPressed.emit()
    page._group.buttons()[-1].click()
    page.look_button.click()
    QTest.qWait(1500)
    studio.save("device-failed")


def _qa(studio: Studio) -> None:
    studio.log_in(QA)
    page = studio.page("qa")
    assert isinstance(page, QaPage)
    page.fault.setCurrentIndex(page.fault.findData("drop_pulse"))
    page._add_fault()
    studio.save("qa-fault")
    page.run_button.click()
    studio.wait(lambda: page.result is not None)
    studio.save("qa-run")


# A search for a threshold


def _threshold(studio: Studio) -> None:
    """Look for a threshold: list, second step, hotspot, method, result, and an aborted one."""
    studio.log_in(TECHNICIAN)
    studio.bridge.set_device(ChosenDevice(FAST, "MagPro X100", simulated=True))
    studio.choose("Rivera")
    page = studio.page("threshold")
    assert isinstance(page, ThresholdPage)
    studio.save("threshold-due")
    _search(studio, page, aborted=True)
    studio.save("threshold-aborted")
    page.put_aside()
    studio.settle()
    studio.save("threshold-ready")
    _search(studio, page, aborted=False)
    studio.save("threshold-found")
    page.put_aside()
    studio.settle()
    studio.bridge.set_device(ChosenDevice(MAGPRO, "MagPro X100", simulated=True))


def _search(studio: Studio, page: ThresholdPage, *, aborted: bool) -> None:
    """Search the hotspot, then let the simulated patient answer to the end, or stop."""
    login, running = studio.bridge.login, page.running
    assert login is not None
    for form_id in ("identity", "ears", "screening"):
        answers = NO_SCREENING if form_id == "screening" else CHECKS_OF_TODAY[form_id]
        filling = Filling(form_id, answers)
        fill_in(studio.bridge.station, login, studio.bridge.patient_uid, filling)
    studio.page("threshold")
    before = page.before
    studio.wait(lambda: before.screen_now is not None and before.screen_now.ready)
    before.method.setCurrentIndex(0)
    page.before.method.activated.emit(0)
    page.prepare()
    studio.wait(page.before.start_button.isVisible)
    if not aborted:
        studio.save("threshold-who")
    page.before.name_tick.click()
    page.before.birth_tick.click()
    studio.wait(lambda: studio.bridge.link.challenge is not None)
    page.start()
    studio.wait(lambda: studio.bridge.link.running)
    places = (Placed(0, 0), Placed(1, 0), Placed(1, 1), Placed(0, 1), Placed(-1, 0), Placed(0, 0))
    for number, place in enumerate(places):
        studio.wait(lambda: running.screen_now is not None and running.screen_now.can_move)
        running.place(place)
        if number < 2:
            running.move_intensity(5)
        _stimulus(studio, page)
        if number == 3 and not aborted:
            studio.save("threshold-answer")
        running.answer(running.seen or Answer.UNCLEAR)
        if aborted and number == 1:
            studio.bridge.link.stop("Esc was pressed")
            studio.wait(lambda: not studio.bridge.link.running)
            studio.settle()
            return
    studio.save("threshold-hotspot")
    running.begin_method()
    while running.standing is None or not running.standing.finished:
        studio.wait(lambda: running.standing is not None)
        if running.standing is not None and running.standing.finished:
            break
        _stimulus(studio, page)
        running.answer(running.seen or Answer.UNCLEAR)
        if len(running.log.series) == 6:
            studio.wait(lambda: running.standing is not None)
            studio.save("threshold-running")
    studio.wait(lambda: running.screen_now is not None and running.screen_now.value is not None)
    studio.save("threshold-finished")
    running.accept()
    studio.wait(lambda: not studio.bridge.link.running)
    studio.settle()


def _stimulus(studio: Studio, page: ThresholdPage) -> None:
    running = page.running
    studio.wait(lambda: running.screen_now is not None and running.screen_now.can_stimulate)
    running.stimulate()
    studio.wait(lambda: running.seen is not None and running.log.waits_for_answer)


# Sessions


def _sessions(studio: Studio) -> None:
    studio.log_in(TECHNICIAN)
    for what in (_stopped, _seizure, _failed, _interrupted):
        name = f"treat{what.__name__.replace('_', '-')}"
        if studio.wants(name) or (what is _stopped and studio.wants("running")):
            what(studio)


def _prepare(studio: Studio, name: str) -> None:
    """Fill in what is asked today of a patient, and take the first of the two steps."""
    studio.choose(name)
    login = studio.bridge.login
    assert login is not None
    for form_id, answers in CHECKS_OF_TODAY.items():
        filling = Filling(form_id, answers)
        fill_in(studio.bridge.station, login, studio.bridge.patient_uid, filling)
    studio.page("treat")


def _whoever_is_ready(studio: Studio, *names: str) -> str:
    """Return the first of these who is due now; that depends on the time of day."""
    station = studio.bridge.station
    with station.trusting() as trusted:
        day = today_screen(trusted, station.wall(), running_patient="", physician=False)
    ready = {one.name for one in day.rows if one.status == "ready"}
    for name in names:
        if any(one.startswith(name) for one in ready):
            return name
    raise LookupError(f"nobody of {names} is due now; ready are {ready}")


def _start(studio: Studio, name: str) -> None:
    before, link = studio.treat.before, studio.bridge.link
    before.prepare_button.click()
    studio.wait(before.start_button.isVisible, "prepared")
    before.name_tick.click()
    before.birth_tick.click()
    studio.save(f"{name}-prepared")
    studio.wait(lambda: link.challenge is not None, "the delivering process")
    before.start_button.click()
    studio.wait(lambda: link.running and bool(link.view.session_uid), "the session")


def _until(studio: Studio, state: str, delivered: int = 0) -> None:
    def there() -> bool:
        snapshot = studio.bridge.link.view.snapshot
        return (
            snapshot is not None
            and snapshot.state in (state or snapshot.state)
            and snapshot.delivered >= delivered
        )

    studio.wait(there, state)


def _over(studio: Studio, name: str) -> None:
    studio.wait(lambda: not studio.bridge.link.running, "the end")
    studio.settle()
    studio.wait(lambda: studio.treat.stack.currentWidget() is studio.treat.after, "after")
    studio.save(name)


def _stopped(studio: Studio) -> None:
    treat, bridge = studio.treat, studio.bridge
    _prepare(studio, "Rivera")
    studio.save("treat-stopped-ready")
    _start(studio, "treat-stopped")
    _until(studio, "delivering", 65)
    studio.save("treat-stopped-during")
    treat.during.less.click()
    taps = {one.text(): one for one in treat.during.findChildren(QPushButton)}
    taps["Headache"].click()
    taps["8"].click()
    _until(studio, "resting")
    studio.save("treat-stopped-resting")
    bridge.link.pause("F8 was pressed")
    _until(studio, "paused")
    QTest.qWait(500)
    studio.save("treat-stopped-paused")
    studio.page("today")
    rows = studio.window.shell._pages["today"]
    studio.wait(lambda: any("running" in one.accessibleName() for one in rows.findChildren(DayRow)))
    studio.save("running-today")
    studio.page("records")
    studio.save("running-records")
    studio.window.shell._lock()
    studio.save("running-locked")
    login = bridge.login
    assert login is not None
    studio.log_in(TECHNICIAN)
    studio.page("treat")
    treat.during.stop_button.pressed.emit()
    _over(studio, "treat-stopped-after")
    treat.after.resume_button.click()
    studio.settle()
    studio.save("treat-stopped-resuming")
    device = bridge.device
    bridge.set_device(replace(device, order=EmulatorOrder(name="magpro", virtual=True)))
    _start(studio, "treat-stopped-again")
    _over(studio, "treat-stopped-completed")
    bridge.set_device(device)


def _seizure(studio: Studio) -> None:
    treat = studio.treat
    _prepare(studio, "Weber")
    _start(studio, "treat-seizure")
    _until(studio, "resting", 30)
    treat.session.begin_seizure()
    studio.wait(lambda: not studio.bridge.link.running, "the end")
    QTest.qWait(1200)
    studio.save("treat-seizure-card")
    treat.settling.leave_seizure()
    _over(studio, "treat-seizure-after")
    treat.put_aside()
    studio.settle()
    studio.save("treat-seizure-hold")


def _failed(studio: Studio) -> None:
    device = studio.bridge.device
    order = EmulatorOrder(name="magpro", faults=("coil_removed@30",))
    studio.bridge.set_device(replace(device, order=order))
    studio.choose("Okafor")  # due at any time of day, once screened
    login = studio.bridge.login
    assert login is not None
    screened = Filling("screening", NO_SCREENING)
    fill_in(studio.bridge.station, login, studio.bridge.patient_uid, screened)
    _prepare(studio, "Okafor")
    _start(studio, "treat-failed")
    _over(studio, "treat-failed-after")
    studio.bridge.set_device(device)


def _interrupted(studio: Studio) -> None:
    link = studio.bridge.link
    _prepare(studio, _whoever_is_ready(studio, "Díaz", "Holt", "Sato", "Byrne"))
    _start(studio, "treat-interrupted")
    _until(studio, "", 4)
    studio.save("treat-interrupted-during")
    client = link._client
    assert client is not None
    os.kill(client.pid, signal.SIGKILL)
    _over(studio, "treat-interrupted-after")
    studio.window.shell.message.hide()


def _empty(folder: Path, look: Look, only: tuple[str, ...], out: Path) -> None:
    """Take a clinic in which nothing has happened."""
    folder.mkdir()
    clinic = make_clinic(folder, Role.TECHNICIAN, Role.PHYSICIAN)
    device = ChosenDevice(MAGPRO, "MagPro X100", simulated=True)
    with _window(Bridge(clinic.station, device), look) as window:
        studio = Studio(window, look, only, out, {})
        studio.save("empty-login")
        for role in (Role.TECHNICIAN, Role.PHYSICIAN):
            studio.bridge.set_login(clinic.people[role])
            for name in ("today", "patients", "treat", "approvals", "records"):
                if not window.shell._rail_buttons[name].isHidden():
                    studio.page(name)
                    studio.save(f"empty-{name}-{role}")
            studio.bridge.set_login(None)
