"""Clinics made once in a test run and copied for each test: making one takes a third of a second.

Every copy is the same database with the same keys: a test that needs two different clinics makes
them with `people.make_clinic`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.accounts.people import CHEAP, Clinic, Counting, Wall, make_clinic
from tms_console.accounts.idle import LockTimer, clock_ns
from tms_console.accounts.login import Login
from tms_console.accounts.passwords import Parameters
from tms_console.accounts.roles import Role
from tms_console.accounts.station import Hashing
from tms_console.records.heads import STATE_VARIABLE, state_folder
from tms_console.records.private_files import CONFIG_VARIABLE, configuration_folder


class CheapCounting(Counting):
    """argon2id, counted and cheap also for whom nothing is stored."""

    def __call__(self, secret: bytes, salt: bytes, parameters: Parameters) -> bytes:
        del parameters
        return super().__call__(secret, salt, CHEAP)


@dataclass(frozen=True)
class _Made:
    clinic: Clinic
    folder: Path


_MADE: dict[tuple[tuple[Role, ...], str], _Made] = {}


def ready_clinic(folder: Path, *roles: Role, at: str = "") -> Clinic:
    """Return a clinic as `make_clinic` does, with its keys and heads in this test's own folders.

    Args:
        folder: Where the database is to be.
        roles: One person of each; without any, one of each role there is.
        at: Wall time at which its clock stands; "" for a clock that goes.
    """
    made = _MADE.get((roles, at)) or _make(roles, at)
    for name, place in (("state", state_folder()), ("config", configuration_folder())):
        shutil.copytree(made.folder / name, place, dirs_exist_ok=True)
    shutil.copy(made.folder / "clinic.db", folder / "clinic.db")
    return _copy(made.clinic, folder / "clinic.db", Wall(at))


def _make(roles: tuple[Role, ...], at: str) -> _Made:
    place = Path(mkdtemp(prefix="ready-clinic-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE_VARIABLE, str(place / "state"))
        patch.setenv(CONFIG_VARIABLE, str(place / "config"))
        made = _Made(make_clinic(place, *roles, wall=Wall(at)), place)
    _MADE[roles, at] = made
    return made


def _copy(made: Clinic, path: Path, wall: Wall) -> Clinic:
    counting = CheapCounting()
    station = replace(
        made.station,
        database=replace(made.station.database, path=path),
        wall=wall,
        hashing=Hashing(counting, CHEAP),
    )
    people = {role: _again(login) for role, login in made.people.items()}
    return Clinic(station, people[Role.ADMINISTRATOR], wall, counting, people, dict(made.codes))


def _again(login: Login) -> Login:
    return Login(
        enrolment=login.enrolment,
        must_change=login.must_change,
        doubt="",
        timer=LockTimer(clock_ns()),
        now_ns=clock_ns,
        _key=login._key,  # not key(): the kept one locks after ten minutes
    )
