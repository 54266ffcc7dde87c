"""Opening the window from the command line, and the one sentence where that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tms_console import opening
from tms_console.cli import app
from tms_console.commands import users
from tms_console.records.errors import DatabaseUnusable
from tms_console.ui import display
from tms_console.ui.display import why_no_window

HERE = {"DISPLAY": ":0"}


def there(_name: str) -> object:
    return "there"


def test_a_missing_library_is_named_with_the_package_that_has_it() -> None:
    """Qt itself would only abort."""

    def load(_name: str) -> object:
        raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")

    assert why_no_window(HERE, "linux", load) == (
        "The system library libEGL is missing: install the package libegl1."
    )


def test_qt_that_is_not_installed_is_said_as_such() -> None:
    def load(_name: str) -> object:
        raise ImportError("No module named 'PySide6'")

    assert why_no_window(HERE, "linux", load) == ("Qt cannot be loaded: No module named 'PySide6'.")


def test_no_display_is_said_before_qt_aborts() -> None:
    assert "no display" in why_no_window({}, "linux", there)


def test_missing_libraries_of_the_x11_plugin_are_all_named_at_once() -> None:
    told = why_no_window(HERE, "linux", there, lambda _name: None)
    assert told.endswith(
        "libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-image0 libxcb-render-util0."
    )


@pytest.mark.parametrize(
    ("environment", "platform"),
    [
        (HERE, "linux"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux"),
        ({"QT_QPA_PLATFORM": "offscreen"}, "linux"),
        ({}, "win32"),
        ({}, "darwin"),
    ],
)
def test_where_a_window_can_be_nothing_is_said(environment: dict[str, str], platform: str) -> None:
    assert why_no_window(environment, platform, there, lambda name: name) == ""


def test_without_a_display_the_program_says_why_and_what_still_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(display, "why_no_window", lambda: "There is no display here.")
    answer = CliRunner().invoke(app, ["--demo"])
    assert answer.exit_code == 1
    assert "There is no display here. Everything but the window works" in answer.stderr


def test_without_a_clinic_the_program_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(display, "why_no_window", lambda: "")
    monkeypatch.setattr(users, "default_database", lambda: tmp_path / "clinic.db")
    answer = CliRunner().invoke(app, [])
    assert answer.exit_code == 1
    assert "There is no clinic on this computer yet" in answer.stderr


def test_the_window_opens_on_the_clinics_database_and_its_status_is_the_programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "clinic.db"
    path.touch()
    opened: list[Path] = []

    def open_window(database: Path) -> int:
        opened.append(database)
        return 3

    monkeypatch.setattr(display, "why_no_window", lambda: "")
    monkeypatch.setattr(users, "default_database", lambda: path)
    monkeypatch.setattr(opening, "open_window", open_window)
    assert CliRunner().invoke(app, []).exit_code == 3
    assert opened == [path]


def test_a_database_that_cannot_be_used_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise DatabaseUnusable("the disk is full")

    monkeypatch.setattr(display, "why_no_window", lambda: "")
    monkeypatch.setattr(opening, "open_demonstration", fail)
    answer = CliRunner().invoke(app, ["--demo"])
    assert answer.exit_code == 1
    assert answer.stderr == "tms-console: The window cannot be opened: the disk is full\n"


def test_the_demonstration_goes_with_no_other_command() -> None:
    answer = CliRunner().invoke(app, ["--demo", "devices"])
    assert answer.exit_code == 2
