"""The device page with the real delivering process: connect, watch, test pulse, disarm."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from drivers.magstim.emulator import MagstimEmulator
from drivers.magstim.options import VARIANTS
from drivers.registry import LOWEST_RAPID, open_port
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from tests.clinic.prescribing import make_practice
from tests.ui.decisions import OFFSCREEN, PATIENCE_MS, page_of, unnamed
from tms_console.accounts.roles import Role
from tms_console.clock import RealClock
from tms_console.delivery.order import EmulatorOrder, PortOrder
from tms_console.delivery.probing import LeftAlone, Port, PortsFound
from tms_console.records.database import open_database
from tms_console.records.queries import list_sessions
from tms_console.screens.device import rehearsal_database
from tms_console.ui.link import SessionView
from tms_console.ui.pages.device import DevicePage
from tms_console.ui.theme import LIGHT

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)


def test_a_stimulator_is_connected_watched_tested_and_let_go(qtbot: QtBot, tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    with page_of(practice, practice.technician, DevicePage, process=True) as page:
        assert not unnamed(page)
        page.look_button.click()
        qtbot.waitUntil(lambda: bool(page.screen_now.temperatures), timeout=PATIENCE_MS)
        assert page.look_button.text() == "Disconnect"
        assert page.state.text() == "Disarmed"
        assert page.trend.accessibleName().endswith("°C")
        page.bridge.set_theme(LIGHT)
        page.grab()
        page.test_button.click()
        qtbot.waitUntil(lambda: "One pulse given" in page.test_told.text(), timeout=PATIENCE_MS)
        assert not page.screen_now.looking  # the session got the stimulator
        database = rehearsal_database(practice.station.database.path)
        (line,) = list_sessions(open_database(database))
        assert (line.kind, line.simulated, line.delivered) == ("rehearsal", True, 1)
        assert list_sessions(practice.station.database) == ()
        page.look_button.click()
        qtbot.waitUntil(lambda: page.screen_now.seen is not None, timeout=PATIENCE_MS)
        page.look_button.click()
        qtbot.waitUntil(lambda: not page.screen_now.looking, timeout=PATIENCE_MS)


@pytest.mark.usefixtures("qtbot")
def test_a_session_is_given_with_the_witness_that_was_asked_for(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    with page_of(practice, practice.technician, DevicePage) as page:
        assert not page.witness_port.isVisibleTo(page)
        page._group.buttons()[0].click()
        page._use()
        assert page.use_button.text() == "In use for sessions"
        page.witness_emulated.setChecked(True)
        assert page.use_button.text() == "Use for sessions"
        page.use_button.click()
        assert page.bridge.device.order == EmulatorOrder(name="magpro", witness=True)
        assert page.bridge.device.name.endswith(" with a pulse witness")
        assert page.use_button.text() == "In use for sessions"
        page.path.setText("/dev/stimulator")
        page.path.returnPressed.emit()
        page._group.buttons()[-1].click()
        page.drivers.setCurrentIndex(page.drivers.findData("magpro"))
        page.drivers.activated.emit(page.drivers.currentIndex())
        page.witness_port.setText(" /dev/witness ")
        page.use_button.click()
        assert isinstance(page.bridge.device.order, PortOrder)
        assert page.bridge.device.order.witness == "/dev/witness"
        page.bridge.link._show(SessionView(running=True))
        assert not page.witness_port.isEnabled()


def test_a_port_counts_as_real_has_no_test_pulse_and_can_be_disarmed(
    qtbot: QtBot, tmp_path: Path
) -> None:
    """Nothing on this page can stimulate on a real stimulator."""
    practice = make_practice(tmp_path)
    with page_of(practice, practice.technician, DevicePage, process=True) as page:
        page.path.setText("/dev/nothing-here")
        page.path.returnPressed.emit()
        page._group.buttons()[-1].click()
        assert not page.use_button.isEnabled()  # nobody knows yet who is there
        page.drivers.setCurrentIndex(page.drivers.findData("magpro"))
        page.drivers.activated.emit(page.drivers.currentIndex())
        assert not page.test_card.isVisible()
        page._test()
        assert not page.bridge.link.running
        page.look_button.click()
        qtbot.waitUntil(lambda: bool(page.screen_now.ended), timeout=PATIENCE_MS)
        assert not page.screen_now.steps[0].passed
        page.disarm_button.click()
        qtbot.waitUntil(lambda: page.screen_now.disarm is not None, timeout=PATIENCE_MS)
        assert "own stop button" in page.disarm_told.text()
        page.use_button.click()
        assert page.bridge.device.order == PortOrder(driver="magpro", port="/dev/nothing-here")
        assert not page.bridge.device.simulated
        page.search_button.click()
        qtbot.waitUntil(lambda: page.screen_now.ports is not None, timeout=PATIENCE_MS)


@pytest.mark.usefixtures("qtbot")
def test_qa_chooses_no_device_and_a_dead_process_is_told(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    qa = practice.clinic.people[Role.QA]
    with page_of(practice, qa, DevicePage) as page:
        assert not page.use_button.isEnabled()
        told: list[str] = []
        page.bridge.problem.connect(told.append)
        page.look_button.click()
        assert "does not answer" in told[0]
        assert not page.screen_now.looking
        page._hear(PortsFound(()))
        assert "no serial port" in page.ports_told.text()
        page._hear(PortsFound((Port("/dev/a", "adapter"),)))
        assert page.ports_told.text() == "1 found."
        page._hear(LeftAlone("It went away."))
        assert page.state.text() == "It went away."


def test_who_is_on_a_port_is_found_out_and_the_label_is_chosen_by_a_person(
    qtbot: QtBot, tmp_path: Path
) -> None:
    practice = make_practice(tmp_path)
    host = Host(MagstimEmulator(VARIANTS["super-rapid2"]), PtyPort(tmp_path / "port"))
    with (
        hosted_in_thread(host),
        page_of(practice, practice.technician, DevicePage, process=True) as page,
    ):
        page.path.setText(str(tmp_path / "port"))
        page.path.returnPressed.emit()
        page._group.buttons()[-1].click()
        page.look_button.click()
        qtbot.waitUntil(lambda: page.screen_now.seen is not None, timeout=PATIENCE_MS)
        first = page.screen_now.steps[0]
        assert (first.name, first.passed) == ("Find out who answers", True)
        assert "the lowest limits count" in first.sentence
        assert page.drivers.currentData() == LOWEST_RAPID
        assert "has not been reviewed" in page.driver_told.text()
        page.drivers.setCurrentIndex(page.drivers.findData("super-rapid2"))
        page.drivers.activated.emit(page.drivers.currentIndex())
        qtbot.waitUntil(lambda: not page.screen_now.looking, timeout=PATIENCE_MS)
        page.use_button.click()
        order = page.bridge.device.order
        assert order == PortOrder(driver="super-rapid2", port=str(tmp_path / "port"))


@pytest.mark.parametrize("driver", ["", "bistim2"])
def test_a_port_that_is_taken_pulled_out_and_put_back_is_told_and_connected_again(
    qtbot: QtBot, tmp_path: Path, driver: str
) -> None:
    """Nothing is started anew for it, neither the program nor its delivering process."""
    practice, port = make_practice(tmp_path), tmp_path / "port"

    def hosted() -> Host:
        return Host(MagstimEmulator(VARIANTS["bistim2"]), PtyPort(port))

    with page_of(practice, practice.technician, DevicePage, process=True) as page:

        def connect() -> None:
            page.look_button.click()
            assert page.screen_now.looking

        def ended() -> str:
            qtbot.waitUntil(lambda: not page.screen_now.looking, timeout=PATIENCE_MS)
            qtbot.waitUntil(lambda: page.look_button.text() == "Connect", timeout=PATIENCE_MS)
            return page.state.text()

        with hosted_in_thread(hosted()):
            page.path.setText(str(port))
            page.path.returnPressed.emit()
            page._group.buttons()[-1].click()
            page.drivers.setCurrentIndex(page.drivers.findData(driver))
            page.drivers.activated.emit(page.drivers.currentIndex())
            client = page.bridge.link._client
            assert client is not None
            pid = client.pid
            with contextlib.closing(open_port(str(port), 9600, RealClock())):
                connect()  # another console holds it
                told = f"{ended()} {page.screen_now.steps[0].sentence}"
            assert "another program" in told
            assert not page.screen_now.steps[0].passed
            connect()
            qtbot.waitUntil(lambda: page.screen_now.seen is not None, timeout=PATIENCE_MS)
        assert ended().startswith("The connection was lost")
        connect()
        assert "could not be opened" in ended() or "no such port" in page.state.text()
        with hosted_in_thread(hosted()):
            connect()
            qtbot.waitUntil(lambda: page.screen_now.seen is not None, timeout=PATIENCE_MS)
            assert page.screen_now.found is not None
            assert page.screen_now.found.model == "Magstim BiStim²"
            page.look_button.click()
            assert ended() == "Not looked at"
        assert page.bridge.link._client is client
        assert client.pid == pid


@pytest.mark.usefixtures("qtbot")
def test_the_stimulator_of_a_running_session_is_not_exchanged(tmp_path: Path) -> None:
    """The frame names it: it must be the one that stimulates."""
    practice = make_practice(tmp_path)
    with page_of(practice, practice.technician, DevicePage, process=True) as page:
        before = page.bridge.device
        page.bridge.link._show(SessionView(running=True))
        page._group.buttons()[1].click()
        page._use()
        assert page.bridge.device is before
        page.bridge.link._show(SessionView())
        page._use()
        assert page.bridge.device is not before
