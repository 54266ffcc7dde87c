"""The unlock code's file: private, well formed, and never repeated by a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers import registry
from drivers.errors import LinkFault, NotConnected
from drivers.interface import Frame
from drivers.magstim.emulator import MagstimEmulator
from drivers.magstim.options import MADE_UP_CODE
from drivers.magstim.requests import UnlockCode
from drivers.magstim.unlock import VARIABLE, read_code, stored_code
from drivers.simulator.memory_link import MemoryLink
from tests.drivers.magstim_bench import options
from tms_console.clock import VirtualClock

OTHER = "0f1e-2d3c4b5a-69"  # made up


def stored(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_private_file_with_a_code_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert stored_code() == MADE_UP_CODE
    monkeypatch.setenv(VARIABLE, str(stored(tmp_path / "code", f" {OTHER}\n")))
    assert stored_code() == UnlockCode(OTHER)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(NotConnected, match="others may read it") as caught:
        read_code(stored(tmp_path / "code", OTHER, mode))
    assert OTHER not in str(caught.value)


@pytest.mark.parametrize("text", ["", OTHER + "c", OTHER[:-1], "0f1e2d3c4b5a69"])
def test_a_file_without_a_code_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotConnected, match="unlock code is") as caught:
        read_code(stored(tmp_path / "code", text))
    assert "0f1e" not in str(caught.value)


def test_a_file_that_is_not_there_is_said_not_to_be(tmp_path: Path) -> None:
    with pytest.raises(NotConnected, match="cannot be read"):
        read_code(tmp_path / "none")


def test_the_registry_opens_a_unit_with_the_stored_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = registry.driver_entry("rapid2")
    frames: list[Frame] = []

    def link() -> tuple[MemoryLink, VirtualClock]:
        clock = VirtualClock()
        return MemoryLink(MagstimEmulator(options(code=UnlockCode(OTHER))), clock), clock

    with pytest.raises(LinkFault, match="unlock code is wrong"):
        entry.open(*link(), frames.append, lambda: False)
    monkeypatch.setenv(VARIABLE, str(stored(tmp_path / "code", OTHER)))
    entry.open(*link(), frames.append, lambda: False).close()
    assert OTHER[:4].encode() not in b"".join(one.data for one in frames)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    unopened, clock = link()
    with pytest.raises(NotConnected, match="cannot be read"):
        entry.open(unopened, clock, frames.append, lambda: False)
    with pytest.raises(NotConnected, match="closed"):
        unopened.read(0)
