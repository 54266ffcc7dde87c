"""A state folder of its own for every test, and databases to write into."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.records.recording import new_database
from tms_console.records.database import Database
from tms_console.records.heads import STATE_VARIABLE


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tests patch in a `monkeypatch.context()`: `undo()` would reveal the user's own folder."""
    folder = tmp_path / "state"
    monkeypatch.setenv(STATE_VARIABLE, str(folder))
    return folder


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return new_database(tmp_path)
