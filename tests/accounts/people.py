"""A small clinic with one person of each role, made in milliseconds: password hashing is cheap."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path

from tms_console.accounts.first_start import first_start
from tms_console.accounts.idle import LockTimer
from tms_console.accounts.login import Login, log_in
from tms_console.accounts.own_key import set_own_password
from tms_console.accounts.passwords import Parameters, argon2id
from tms_console.accounts.roles import Role
from tms_console.accounts.station import Hashing, Station
from tms_console.accounts.users import NewUser, add_user
from tms_console.records.canonical import utc_now_text

CHEAP = Parameters(time_cost=1, memory_kib=8, parallelism=1)
"""Only for tests of what is not the cost itself."""


class Wall:
    """A wall clock that tests set; it goes on by a microsecond with every look."""

    def __init__(self, at: str = "") -> None:
        self._fixed = at

    def __call__(self) -> str:
        return self._fixed or utc_now_text()

    def set(self, at: str) -> None:
        self._fixed = at


@dataclass
class Counting:
    """argon2id, counted."""

    calls: int = 0

    def __call__(self, secret: bytes, salt: bytes, parameters: Parameters) -> bytes:
        self.calls += 1
        return argon2id(secret, salt, parameters)


@dataclass
class Clinic:
    """A station and everybody's login and password."""

    station: Station
    administrator: Login
    wall: Wall
    argon2id: Counting
    people: dict[Role, Login] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.station.database.path

    def add(self, login: str, role: Role, name: str = "") -> Login:
        """Add somebody and let them set their own password."""
        name = name or f"{login.title()} Somebody"
        add_user(
            self.station, self.administrator, NewUser(login, name, role), first_password(login)
        )
        return self.settle(login)

    def settle(self, login: str) -> Login:
        """Let somebody with a first password set their own."""
        started = set_own_password(
            self.station, log_in(self.station, login, first_password(login)), password_of(login)
        )
        self.codes[login] = started.recovery_code
        return started.login


def as_new(login: Login) -> Login:
    """Return a copy of a login that was just made: a kept one locks after ten minutes of tests."""
    made = copy.copy(login)
    made.timer = LockTimer(made.now_ns())
    return made


def password_of(login: str) -> str:
    return f"quiet {login[::-1]} lantern 47"


def first_password(login: str) -> str:
    return f"paper {login[::-1]} bridge 12"


def make_clinic(folder: Path, *roles: Role, wall: Wall | None = None) -> Clinic:
    """Return a clinic with an administrator and one person of each role.

    The configuration and state folders are the test's own (tests/conftest.py).
    """
    wall, counting = wall or Wall(), Counting()
    station, started = first_start(
        folder / "clinic.db",
        ("administrator", "Ada Ministra"),
        password_of("administrator"),
        wall=wall,
        hashing=Hashing(counting, CHEAP),
    )
    clinic = Clinic(station, started.login, wall, counting)
    clinic.codes["administrator"] = started.recovery_code
    clinic.people[Role.ADMINISTRATOR] = started.login
    for role in roles or (Role.PHYSICIAN, Role.TECHNICIAN, Role.QA):
        clinic.people[role] = clinic.add(role.value, role)
    return clinic
