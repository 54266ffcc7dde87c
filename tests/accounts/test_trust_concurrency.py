"""Honest files are never suspected: others write, programs die, readers stay."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.accounts.worlds import Template, World, add_patient, make_template
from tms_console.records.clinical import RecordKind
from tms_console.records.heads import kept_heads
from tms_console.records.verify import verify

LOOKS = 60
KILLS = 4


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return make_template(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(template: Template, tmp_path: Path) -> World:
    return template.copy(tmp_path)


@contextlib.contextmanager
def other_program(world: World, moment: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.accounts.dying_station", str(world.path), moment],
        stdout=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def patients(world: World) -> set[str]:
    with world.station.trusting() as trusted:
        for kind in RecordKind:
            trusted.records(kind)
        return {one.uid for one in trusted.records(RecordKind.PATIENT)}


def test_reading_while_another_program_writes_all_the_time_raises_no_alarm(world: World) -> None:
    """Head and file are two files: a reader must not take the one before for the other after."""
    seen = []
    with other_program(world, "never") as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(LOOKS):
            seen.append(len(patients(world)))

    assert seen == sorted(seen)
    assert seen[-1] > seen[0], "the other program wrote nothing meanwhile"


def test_writing_at_the_same_time_loses_nothing_and_raises_no_alarm(world: World) -> None:
    mine = set()
    with other_program(world, "never") as process:
        assert process.stdout is not None
        said = {process.stdout.readline().strip().decode()}
        for number in range(20):
            mine.add(add_patient(world, f"m{number}", f"M-{number}"))
            world.station.seal("mine")
        process.kill()
        said |= {line.decode() for line in process.stdout.read().split()}

    assert mine | said <= patients(world)
    assert verify(world.path).findings == ()


@pytest.mark.parametrize("what", ["write", "seal"])
@pytest.mark.parametrize("moment", ["before", "after", "settling"])
def test_a_program_that_dies_around_its_commit_leaves_a_file_that_is_trusted(
    world: World, what: str, moment: str
) -> None:
    """`before`: the head to come is kept, and the rows never were committed."""
    with other_program(world, f"{what} {moment}") as process:
        assert process.stdout is not None
        said = {line.decode() for line in process.stdout.read().split()}
    kept = kept_heads(world.station.database.uid)

    assert process.returncode == -9
    assert len(said) == 1, "it died in the second transaction"
    assert kept is not None
    assert kept.before is not None
    assert kept.before.seq < kept.after.seq
    found = patients(world)
    assert said <= found
    assert len(found) == 2 + (2 if what == "write" and moment != "before" else 1)
    assert verify(world.path).findings == ()
    add_patient(world, "next", "N-1")  # goes on from either of the two
    world.station.seal("after a crash")
    assert len(patients(world)) == len(found) + 1
    settled = kept_heads(world.station.database.uid)
    assert settled is not None
    assert settled.before == settled.after


def test_a_program_killed_at_any_moment_leaves_a_file_that_is_trusted(world: World) -> None:
    said: set[str] = set()
    for number in range(KILLS):
        with other_program(world, "never") as process:
            assert process.stdout is not None
            said.add(process.stdout.readline().strip().decode())
            deadline = time.perf_counter() + 0.013 * (number + 1)
            while time.perf_counter() < deadline:
                add_patient(world, f"k{number}", f"K-{number}")
            process.kill()
            said |= {line.decode() for line in process.stdout.read().split()}
        assert said <= patients(world)


def test_a_reader_sees_one_state_while_others_write(world: World) -> None:
    with world.station.trusting() as trusted:
        before = trusted.head
        add_patient(world, "meanwhile", "W-1")
        world.station.seal("meanwhile")
        assert len(trusted.records(RecordKind.PATIENT)) == 2
        with world.station.trusting() as newer:
            assert newer.head.seq == before.seq + 2
            assert newer.sealed_seq == before.seq + 1
            assert len(newer.records(RecordKind.PATIENT)) == 3
        assert trusted.head == before
