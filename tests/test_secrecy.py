"""The system is asked to dump nothing and to make files private; each in a process of its own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tms_console import secrecy

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="core dumps are told by Linux's wait")
on_posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")

ALLOW_DUMPS = """
import resource
most = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (most, most))
"""
FORBID = "from tms_console.secrecy import forbid_core_dumps\nsaid = forbid_core_dumps()\n"
SHOW = "import sys; sys.stdout.write(said)\n"
CRASH = "import os; os.abort()"


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder of its own, where a core file would appear."""
    root = str(Path(secrecy.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )


def dumped_core(program: str, folder: Path) -> bool:
    """Run a program that aborts; return whether the system says that it wrote a core dump."""
    root = str(Path(secrecy.__file__).parents[1])
    child = os.posix_spawn(
        "/bin/sh",
        ["sh", "-c", 'cd "$0" && exec "$1" -c "$2"', str(folder), sys.executable, program],
        {**os.environ, "PYTHONPATH": root},
    )
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the program did not crash"
    return os.WCOREDUMP(status)


@on_linux
def test_a_crash_leaves_no_core_dump(tmp_path: Path) -> None:
    """A dump would hold the password and the private key of whoever is logged in."""
    assert not dumped_core(ALLOW_DUMPS + FORBID + CRASH, tmp_path)
    assert not list(tmp_path.iterdir())


@on_linux
def test_each_of_the_two_ways_is_enough_by_itself(tmp_path: Path) -> None:
    """The limit is not asked by every handler, the attribute is lost by an exec."""
    if not dumped_core(ALLOW_DUMPS + CRASH, tmp_path):
        pytest.skip("this machine dumps nothing anyway")
    load = "from tms_console import secrecy\n"
    assert not dumped_core(ALLOW_DUMPS + load + "secrecy._limit_core_size()\n" + CRASH, tmp_path)
    assert not dumped_core(ALLOW_DUMPS + load + "secrecy._forbid_dumping()\n" + CRASH, tmp_path)


@on_linux
def test_what_was_achieved_is_told_in_words(tmp_path: Path) -> None:
    answer = run(FORBID + SHOW, tmp_path)
    assert answer.stdout == "core dumps limited to 0 bytes; dumping forbidden"
    assert answer.stderr == ""


@on_linux
def test_the_limit_can_be_asked_for_twice_and_not_lifted_again(tmp_path: Path) -> None:
    again = "import resource\nassert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)\n"
    assert run(FORBID + FORBID + again, tmp_path).returncode == 0


@on_posix
def test_new_files_and_folders_are_for_their_user_only(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\nfrom tms_console.secrecy import private_files\n"
        "said = private_files()\nPath('file').write_text('x')\nPath('folder').mkdir()\n"
    )
    answer = run("import os; os.umask(0)\n" + program + SHOW, tmp_path)
    assert answer.stdout == "new files are private (umask 077)"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o700


class NoPrctl:
    """A C library without prctl."""


class Refusing:
    """A C library whose system refuses."""

    def prctl(self, *arguments: int) -> int:
        """Refuse."""
        assert arguments == (secrecy.PR_SET_DUMPABLE, 0, 0, 0, 0)
        return -1


def test_a_system_that_refuses_is_told_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program must start on every system; the record says what protects it there."""
    import ctypes  # noqa: PLC0415 - replaced here

    resource = pytest.importorskip("resource")

    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Refusing())
    monkeypatch.setattr(ctypes, "get_errno", lambda: 22)
    assert secrecy.forbid_core_dumps() == (
        "core dumps not limited (not allowed to raise maximum limit); "
        "dumping not forbidden (Invalid argument)"
    )
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: NoPrctl())
    assert secrecy.forbid_core_dumps().endswith("dumping not forbidden (no prctl)")


def test_other_systems_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "resource", None)
    assert secrecy.forbid_core_dumps() == (
        "no limit of core dumps on this system; "
        "dumping not forbidden (not asked for on this system)"
    )
    monkeypatch.setattr(os, "umask", lambda mode: mode)
    monkeypatch.setattr(os, "name", "nt")
    said = secrecy.private_files()
    monkeypatch.undo()
    assert said == "new files have the permissions of their folder (Windows)"
