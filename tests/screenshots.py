"""Makes a picture of every page in both themes and three sizes: `make screenshots`.

Into a folder that git ignores; the clinic is the demonstration's, made once for all of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tms_console.ui.app import Window

OUT = Path("out/screenshots")
SIZES = ((1280, 720, 1), (1440, 900, 1), (1280, 720, 2))
LOOK_FOR_MS = 15_000


def make(folder: Path) -> None:
    """Make the demonstration in a folder of its own, and every picture in one process a scale."""
    from tms_console.demonstration import make_demonstration  # noqa: PLC0415 - after the environment

    make_demonstration(folder / "demo.db")
    for width, height, scale in SIZES:
        environment = os.environ | {"QT_SCALE_FACTOR": str(scale)}
        subprocess.run(
            [sys.executable, "-m", "tests.screenshots", "--of", str(folder / "demo.db"),
             "--size", str(width), str(height), str(scale)],
            env=environment, check=True,
        )  # fmt: skip


def take(database: Path, size: tuple[int, int, int], only: tuple[str, ...]) -> None:
    """Take the pictures of one size: width and height in logical pixels, and scale."""
    width, height, _scale = size
    from tms_console.accounts.login import log_in  # noqa: PLC0415 - Qt after the environment
    from tms_console.accounts.station import open_station  # noqa: PLC0415
    from tms_console.clinic.patients import patients  # noqa: PLC0415
    from tms_console.delivery.order import EmulatorOrder  # noqa: PLC0415
    from tms_console.demonstration import PEOPLE  # noqa: PLC0415
    from tms_console.demonstration_people import PHYSICIAN, QA, TECHNICIAN  # noqa: PLC0415
    from tms_console.ui.app import Window, application  # noqa: PLC0415
    from tms_console.ui.bridge import Bridge, ChosenDevice  # noqa: PLC0415
    from tms_console.ui.theme import THEMES  # noqa: PLC0415

    application()
    station = open_station(database)
    device = ChosenDevice(EmulatorOrder(name="magpro"), "MagPro X100", simulated=True)
    window = Window(Bridge(station, device, PEOPLE))
    shell, bridge = window.shell, window.bridge
    shell.resize(width, height)
    shell.show()
    OUT.mkdir(parents=True, exist_ok=True)
    with station.trusting() as trusted:
        chosen = patients(trusted)[5].patient_uid
    bridge.set_patient(chosen)
    for name, tokens in THEMES.items():
        bridge.set_login(None)
        bridge.set_theme(tokens)
        _save(window, f"login-{name}", size, only)
        for who in (TECHNICIAN, PHYSICIAN, QA):
            bridge.set_login(log_in(station, who.login, who.password))
            for page in _pages(window, technician=who is TECHNICIAN):
                bridge.go(page)
                _settle(window)
                if page == "records":
                    _choose_a_session(window)
                _save(window, f"{page}-{who.role}-{name}", size, only)
    window.close()


def _pages(window: Window, *, technician: bool) -> list[str]:
    shown = [name for name, one in window.shell._rail_buttons.items() if not one.isHidden()]
    return shown if technician else [one for one in shown if one not in {"today", "patients"}]


def _save(window: Window, name: str, size: tuple[int, int, int], only: tuple[str, ...]) -> None:
    if only and not name.startswith(only):
        return
    _settle(window)
    width, height, scale = size
    window.shell.grab().save(str(OUT / f"{name}-{width}x{height}@{scale}.png"))


def _choose_a_session(window: Window) -> None:
    from tms_console.ui.pages.records import RecordsPage  # noqa: PLC0415 - Qt after the environment

    page = window.shell.stack.currentWidget()
    if isinstance(page, RecordsPage):
        page.table.selectRow(1)


def _settle(window: Window) -> None:
    from PySide6.QtTest import QTest  # noqa: PLC0415 - Qt after the environment

    worker, waited_ms = window.bridge.worker, 0
    QTest.qWait(150)
    while worker._waiting and waited_ms < LOOK_FOR_MS:
        QTest.qWait(50)
        waited_ms += 50
    QTest.qWait(150)


def main() -> None:
    """Make them all, or those of one size."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    asked = argparse.ArgumentParser()
    asked.add_argument("--of", type=Path)
    asked.add_argument("--size", type=int, nargs=3, default=SIZES[0])
    asked.add_argument("--only", nargs="*", default=())
    told = asked.parse_args()
    if told.of is not None:
        take(told.of, told.size, tuple(told.only))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMS_CONSOLE_CONFIG"] = f"{folder}/config"
        os.environ["TMS_CONSOLE_STATE"] = f"{folder}/state"
        make(Path(folder))


if __name__ == "__main__":
    main()
