"""Passwords, keys and codes are nowhere but where they belong, through a whole life of a user.

Everything that was said, written or kept is searched: in clear, in hexadecimal and in base64.
"""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.accounts.people import Clinic, first_password, make_clinic, password_of
from tests.accounts.sessions import deliver, prescribe, say
from tests.records.recording import header_of
from tms_console.accounts.clock_corrections import correct_clock
from tms_console.accounts.errors import AccountsError
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.login import Login, log_in, sign, unlock
from tms_console.accounts.own_key import change_password, confirm_key, confirm_own_key
from tms_console.accounts.recovery import secret_of
from tms_console.accounts.restores import record_restore
from tms_console.accounts.roles import Role
from tms_console.accounts.signatures import Meaning, ToSign
from tms_console.accounts.users import deactivate, list_users, reset_password
from tms_console.records.backup import copy_verified
from tms_console.records.clinical import SetCredential
from tms_console.records.connections import key_of, raw_connection
from tms_console.records.heads import STATE_VARIABLE, state_folder
from tms_console.records.private_files import CONFIG_VARIABLE, configuration_folder
from tms_console.records.restore import put_back
from tms_console.records.unsaved import UnsavedFile

CHANGED = "seven green kettles 81"
WRONG = "a guess that is wrong 55"


class Secrets:
    """What must not be found, in every spelling, by what it is."""

    def __init__(self) -> None:
        self.spellings: dict[str, set[bytes]] = {}

    def add(self, name: str, secret: str | bytes) -> None:
        """Add a secret: text, or bytes as they are."""
        raw = secret.encode() if isinstance(secret, str) else secret
        self.spellings.setdefault(name, set()).update(
            {
                raw,
                raw.hex().encode(),
                raw.hex().upper().encode(),
                base64.b64encode(raw).rstrip(b"="),
                repr(raw).encode(),
            }
        )

    def add_code(self, name: str, code: str) -> None:
        """Add a recovery code, also as people may type it, and the bytes that it stands for."""
        for spelling in (code, code.replace("-", ""), code.lower()):
            self.add(name, spelling)
        self.add(name, secret_of(code))

    def found_in(self, content: bytes, where: str) -> list[str]:
        """Return which of them are in some bytes."""
        return [
            f"{name} in {where}"
            for name, spellings in self.spellings.items()
            if any(spelling in content for spelling in spellings)
        ]


@contextlib.contextmanager
def watched_keys(secrets: Secrets) -> Iterator[None]:
    """Note the seed of every private key that is made or opened."""
    made = PrivateKey.__init__

    def note(self: PrivateKey, seed: bytes) -> None:
        made(self, seed)
        secrets.add("a private key", seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PrivateKey, "__init__", note)
        yield


def live(clinic: Clinic, secrets: Secrets, said: list[str]) -> None:
    """Let people do everything that takes a password, rightly and wrongly."""
    station = clinic.station
    for name in ("administrator", "physician", "technician", "qa", "other"):
        secrets.add("a password", password_of(name))
        secrets.add("a first password", first_password(name))
    secrets.add("a password", CHANGED)
    secrets.add("a wrong password", WRONG)

    def refused(login: str, password: str) -> None:
        with pytest.raises(AccountsError) as caught:
            log_in(station, login, password)
        said.append(repr(caught.value) + str(caught.value) + repr(caught.value.__cause__))

    other = clinic.add("other", Role.PHYSICIAN)
    made = prescribe(clinic)
    deliver(clinic, made)
    for name in ("physician", "nobody", WRONG):
        refused(name, WRONG)
    technician = log_in(station, "technician", password_of("technician"))
    change_password(station, technician, password_of("technician"), CHANGED)
    technician.lock()
    with pytest.raises(AccountsError):
        unlock(station, technician, WRONG)
    unlock(station, technician, CHANGED)
    code = clinic.codes["physician"]
    reset_password(
        station,
        clinic.administrator,
        clinic.people[Role.PHYSICIAN].user_uid,
        first_password("physician"),
    )
    physician = clinic.settle("physician")
    with pytest.raises(AccountsError) as caught:
        confirm_own_key(station, physician, clinic.codes["physician"])
    said.append(str(caught.value))
    confirm_own_key(station, physician, code)
    secrets.add_code("a recovery code", code)
    reset_password(station, clinic.administrator, other.user_uid, first_password("other"))
    again = clinic.settle("other")
    confirm_key(station, physician, again.enrolment.uid, password_of("physician"))
    clinic.people[Role.PHYSICIAN] = physician
    say(clinic, Meaning.WITHDRAW_PRESCRIPTION, made.prescription, made.patient)
    with pytest.raises(AccountsError) as caught:
        sign(station, physician, ToSign(Meaning.STILL_IN_FORCE, "x", "y", None), WRONG)
    said.append(str(caught.value))
    said += [repr(login) for login in (physician, again, technician, clinic.administrator)]
    said += [repr(station), repr(list_users(station))]
    for name in clinic.codes:
        secrets.add_code("a recovery code", clinic.codes[name])
    restore(clinic, said)
    deactivate(station, administrator(clinic), again.user_uid, "left")
    clinic.wall.set("2020-01-01T00:00:00.000000Z")
    correct_clock(station, administrator(clinic), "battery", password_of("administrator"))


def administrator(clinic: Clinic) -> Login:
    return log_in(clinic.station, "administrator", password_of("administrator"))


def restore(clinic: Clinic, said: list[str]) -> None:
    """Put an older copy back and record it."""
    copy = clinic.path.with_name("backup.db")
    copy_verified(clinic.path, copy)
    for _ in range(3):
        administrator(clinic)
    put_back(copy, clinic.path)
    record = record_restore(
        clinic.station, administrator(clinic), "fire", password_of("administrator")
    )
    said.append(repr(record))


def everything_in(path: Path) -> bytes:
    """Return the decrypted content of a database, each value as text and as bytes."""
    connection = raw_connection(path)
    try:
        tables = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        rows = [
            row for (name,) in tables for row in connection.execute(f"SELECT * FROM {name}")
        ]  # our own schema's names
        return repr(rows).encode("utf-8", "surrogateescape")
    finally:
        connection.close()


@dataclass(frozen=True)
class Lived:
    """A clinic in which people did everything, and all that was heard of it."""

    clinic: Clinic
    secrets: Secrets
    said: str
    log: str
    printed: str


@contextlib.contextmanager
def listening(log: io.StringIO) -> Iterator[None]:
    """Take down everything that is logged, from every library."""
    handler, root = logging.StreamHandler(log), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@pytest.fixture(scope="module")
def a_life(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lived, dict[str, str]]:
    secrets = Secrets()
    said: list[str] = []
    log, printed = io.StringIO(), io.StringIO()
    folders = {
        STATE_VARIABLE: str(tmp_path_factory.mktemp("state")),
        CONFIG_VARIABLE: str(tmp_path_factory.mktemp("config")),
    }
    umask = os.umask(0)  # the laxest there is: private files do not rely on it
    with pytest.MonkeyPatch.context() as patch:
        for name, folder in folders.items():
            patch.setenv(name, folder)
        try:
            with (
                watched_keys(secrets),
                listening(log),
                contextlib.redirect_stdout(printed),
                contextlib.redirect_stderr(printed),
            ):
                clinic = make_clinic(tmp_path_factory.mktemp("clinic"))
                live(clinic, secrets, said)
        finally:
            os.umask(umask)
    lived = Lived(clinic, secrets, "\n".join(said), log.getvalue(), printed.getvalue())
    return lived, folders


@pytest.fixture
def lived(a_life: tuple[Lived, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Lived:
    for name, folder in a_life[1].items():
        monkeypatch.setenv(name, folder)
    return a_life[0]


def test_no_secret_is_said_written_or_kept_anywhere_else(lived: Lived) -> None:
    """The console's own key is in the anchor and the database's in its key file; nothing else."""
    clinic, secrets, folder = lived.clinic, lived.secrets, lived.clinic.path.parent
    secrets.add("the database's key", key_of(clinic.path).raw())
    found: list[str] = []
    databases = [clinic.path, *folder.glob("clinic.db.replaced-*"), folder / "backup.db"]

    assert "is not as this console left it" in lived.log  # the log was heard
    found += secrets.found_in(lived.said.encode(), "what was said")
    found += secrets.found_in(lived.log.encode(), "the log")
    found += secrets.found_in(lived.printed.encode(), "what was printed")
    for path in databases:
        found += secrets.found_in(everything_in(path), f"the content of {path.name}")
    for path in (*folder.rglob("*"), *state_folder().rglob("*")):
        if path.is_file():
            found += secrets.found_in(path.read_bytes(), f"the file {path.name}")

    assert len(secrets.spellings) == 6
    assert found == []


def test_the_configuration_holds_the_two_keys_it_is_for_and_nothing_else(
    lived: Lived,
) -> None:
    clinic, secrets = lived.clinic, lived.secrets
    own = clinic.station.anchor.key.secret_seed().hex().encode()
    key = key_of(clinic.path).text().encode()
    files = [path for path in configuration_folder().rglob("*") if path.is_file()]
    contents = [path.read_bytes() for path in files]

    assert sum(own in content for content in contents) == 1
    assert sum(key in content for content in contents) == 1
    for path, content in zip(files, contents, strict=True):
        assert secrets.found_in(content.replace(own, b"").replace(key, b""), path.name) == []


def test_every_file_is_its_owners_alone(lived: Lived) -> None:
    places = (lived.clinic.path.parent, state_folder(), configuration_folder())

    modes = {
        path.name: oct(stat.S_IMODE(path.stat().st_mode))
        for place in places
        for path in place.rglob("*")
        if path.is_file()
    }

    assert len(modes) >= 6
    assert set(modes.values()) == {"0o600"}


def test_a_credential_shows_nothing_and_what_is_left_unsaved_holds_no_secret(
    lived: Lived, tmp_path: Path
) -> None:
    """A credential in an unsaved file is what the table would hold: sealed, and a verifier."""
    clinic, secrets = lived.clinic, lived.secrets
    with clinic.station.database.reading() as connection:
        row = connection.exec_driver_sql("SELECT * FROM credential").mappings().first()
    assert row is not None
    values = dict(row) | {"must_change": bool(row["must_change"])}
    credential = SetCredential(**values, actor="console")

    assert repr(credential) == f"SetCredential(user_uid={row['user_uid']!r})"
    database = clinic.station.database
    unsaved = UnsavedFile.create(tmp_path / "x", header_of(database, database.uid))
    path = tmp_path / "x.unsaved"
    try:
        unsaved.append([credential])
    finally:
        unsaved.keep()
    assert secrets.found_in(path.read_bytes(), "the unsaved file") == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_secret_that_is_there_would_be_found(tmp_path: Path) -> None:
    """The search itself: else it could be blind and the tests above content."""
    secrets = Secrets()
    secrets.add("a password", "quiet harbour")
    secrets.add("a key", bytes(range(32)))

    assert secrets.found_in(b"... quiet harbour ...", "x") == ["a password in x"]
    assert secrets.found_in(bytes(range(32)).hex().encode(), "x") == ["a key in x"]
    assert secrets.found_in(base64.b64encode(bytes(range(32))), "x") == ["a key in x"]
    assert secrets.found_in(b"nothing", "x") == []
    assert tmp_path.exists()
