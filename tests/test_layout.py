"""What is shipped: the wheel's contents, whose packages are imported, and a Qt that keeps count."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib import resources
from pathlib import Path

import pytest

import drivers
import protocols
import tms_console
from tms_console.cli import foreign_packages

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("tms_console", "drivers", "protocols", "resources")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=50,
    )
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_every_module_and_every_data_file(wheel: zipfile.ZipFile) -> None:
    """A sub-package or a protocol left out of the wheel would only be missed in a clinic."""
    shipped = set(wheel.namelist())
    ours = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix in {".py", ".toml", ".sql", ".typed"}
    }
    assert len(ours) > 50
    assert ours - shipped == set()
    assert not {name for name in shipped if name.startswith("tests/")}


def test_the_packages_are_imported_from_our_own_tree() -> None:
    for package in (drivers, protocols, tms_console):
        assert Path(package.__file__ or "").resolve().parent.parent == ROOT
    assert foreign_packages() == []


def test_a_foreign_package_of_the_same_name_stops_the_program(tmp_path: Path) -> None:
    """Another distribution's `drivers` can replace ours; a console must not run with it."""
    (tmp_path / "drivers").mkdir()
    (tmp_path / "drivers" / "__init__.py").write_text("")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from tms_console.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--version"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 1
    assert "drivers" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_qt_module_is_loaded_for_the_version() -> None:
    program = (
        "import sys\nfrom tms_console.cli import app\n"
        "try:\n    app(['--version'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'PySide6', 'pyqtgraph', 'numpy', 'sqlmodel', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout.splitlines() == [f"tms-console {tms_console.__version__}", "[]"]


def test_resources_are_read_as_package_data() -> None:
    library = resources.files("protocols") / "library"
    assert len([one for one in library.iterdir() if one.name.endswith(".toml")]) == 12
    assert (resources.files("resources") / "__init__.py").is_file()


def test_the_command_is_installed_under_its_promised_name() -> None:
    command = Path(sysconfig.get_path("scripts")) / "tms-console"
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"tms-console {tms_console.__version__}\n"


def test_pyside_keeps_its_references_over_a_thousand_emissions() -> None:
    """PySide6 6.12.0 drops a reference to None and True at each emission and aborts the process."""
    pytest.importorskip("PySide6.QtGui", exc_type=ImportError)
    program = """
import os, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QApplication, QWidget

class Source(QObject):
    fired = Signal(object)

class Canvas(QWidget):
    def paintEvent(self, event):
        painter = QPainter(self)
        painter.drawLine(0, 0, 9, 9)
        painter.end()

app = QApplication([])
source, canvas, seen = Source(), Canvas(), []
source.fired.connect(seen.append)
canvas.show()
app.processEvents()
before = sys.getrefcount(None), sys.getrefcount(True)
for number in range(1000):
    source.fired.emit(None)
    source.fired.emit(True)
    canvas.repaint()
    seen.clear()
after = sys.getrefcount(None), sys.getrefcount(True)
print(max(abs(a - b) for a, b in zip(before, after)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 50


def test_no_machine_path_or_registry_address_is_in_the_shipped_files() -> None:
    """Both would tie the project to the machine that it was made on."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    wrong = ("index" + "-url", "extra" + "-index", "files." + "pythonhosted", str(ROOT) + "/")
    found = [
        (name, word)
        for name in listed
        if (ROOT / name).suffix in {".py", ".toml", ".txt", ".md", ".sql", ""}
        for word in wrong
        if word in (ROOT / name).read_text(encoding="utf-8", errors="replace")
    ]
    assert found == []
