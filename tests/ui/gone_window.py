"""A window in a process of its own that begins a session and is then killed, for a test."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QTimer

from tests.accounts.people import password_of
from tms_console.accounts.login import log_in
from tms_console.accounts.station import open_station
from tms_console.delivery.order import PortOrder
from tms_console.ui.app import Window, application
from tms_console.ui.bridge import Bridge, ChosenDevice
from tms_console.ui.pages.treat import TreatPage


def main(database: str, patient_uid: str, port: str) -> None:
    """Press what a technician presses, say when pulses are given, and go on until killed."""
    qt = application()
    station = open_station(Path(database))
    device = ChosenDevice(PortOrder(driver="magpro", port=port), "MagPro", simulated=True)
    window = Window(Bridge(station, device))
    bridge, page = window.bridge, window.shell._pages["treat"]
    assert isinstance(page, TreatPage)
    window.shell.show()
    bridge.set_login(log_in(station, "technician", password_of("technician")))
    bridge.set_patient(patient_uid)
    bridge.go("treat")

    def press() -> None:
        before, snapshot = page.before, bridge.link.view.snapshot
        if bridge.link.running:
            if snapshot is not None and snapshot.delivered:
                print("given", flush=True)  # noqa: T201 - what the test waits for
        elif before.start_button.isVisible() and bridge.link.challenge is not None:
            before.name_tick.setChecked(True)
            before.birth_tick.setChecked(True)
            before.start_button.click()
        elif before.isVisible() and before.prepare_button.isEnabled():
            before.prepare_button.click()

    timer = QTimer()
    timer.timeout.connect(press)
    timer.start(200)
    qt.exec()


if __name__ == "__main__":
    main(*sys.argv[1:])
