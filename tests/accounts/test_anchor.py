"""What this console keeps outside its databases: kept once, for its owner alone, and checked."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import KeyringError

from tms_console.accounts.anchor import (
    SERVICE,
    THE_CLINIC,
    Anchor,
    anchor_path,
    keep_anchor,
    new_anchor,
    read_anchor,
    require_anchor,
    the_clinic,
)
from tms_console.accounts.errors import AccountsRefused, NotTrusted
from tms_console.accounts.keys import PrivateKey
from tms_console.records.database import Database, Purpose
from tms_console.records.private_files import CONFIG_VARIABLE
from tms_console.records.values import new_uid

FIRST = PrivateKey.new().public_hex


class Ring(KeyringBackend):
    """A keyring in memory, which can fail."""

    priority = 1.0

    def __init__(self, *, fails: bool = False, forgets: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.fails, self.forgets = fails, forgets

    def get_password(self, service: str, username: str) -> str | None:
        if self.fails:
            raise KeyringError("the keyring is locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if not self.forgets:
            self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


def some_database(uid: str = "", console_uid: str = "") -> Database:
    return Database(Path("x"), uid or new_uid(), console_uid or new_uid(), Purpose.CLINIC)


@pytest.fixture
def anchor() -> Anchor:
    return new_anchor(some_database(), FIRST)


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ring:
    """A machine with a keyring, and no folder named."""
    ring = Ring()
    monkeypatch.delenv(CONFIG_VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(keyring, "get_keyring", lambda: ring)
    return ring


def test_an_anchor_is_read_as_it_was_kept(anchor: Anchor) -> None:
    assert read_anchor(anchor.public.database_uid) is None
    keep_anchor(anchor)
    found = require_anchor(anchor.public.database_uid)

    assert found.public == anchor.public
    assert found.key.secret_seed() == anchor.key.secret_seed()
    assert anchor.signed(b"x", found.sign(b"x"))
    assert not anchor.signed(b"y", found.sign(b"x"))


def test_the_file_is_for_its_owner_alone_and_holds_no_public_secret(anchor: Anchor) -> None:
    keep_anchor(anchor)
    path = anchor_path(anchor.public.database_uid)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert anchor.key.secret_seed().hex() not in repr(anchor)


def test_an_anchor_is_never_replaced(anchor: Anchor) -> None:
    """A second console key for one database would vouch for what the first never saw."""
    keep_anchor(anchor)
    other = new_anchor(some_database(anchor.public.database_uid, anchor.public.console_uid), FIRST)

    with pytest.raises(AccountsRefused, match="already keeps an anchor"):
        keep_anchor(other)
    assert require_anchor(anchor.public.database_uid).public == anchor.public


def test_a_database_without_an_anchor_is_foreign() -> None:
    with pytest.raises(NotTrusted, match="not made by this console") as refusal:
        require_anchor(new_uid())

    assert refusal.value.code == "foreign"


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o666])
def test_an_anchor_that_others_can_read_is_refused(anchor: Anchor, mode: int) -> None:
    keep_anchor(anchor)
    anchor_path(anchor.public.database_uid).chmod(mode)

    with pytest.raises(NotTrusted) as refusal:
        read_anchor(anchor.public.database_uid)
    assert refusal.value.code == "anchor"


@pytest.mark.parametrize(
    "changed",
    [
        None,
        [],
        {"console_key": None},
        {"console_key": "xyz"},
        {"console_key": "00"},
        {"console_key": ...},
        {"database_uid": "another"},
        {"first_administrator_key": "00" * 32},
        {"first_administrator_key": ...},
    ],
    ids=str,
)
def test_something_kept_that_is_no_anchor_of_this_database_is_refused(
    anchor: Anchor, changed: Any
) -> None:
    keep_anchor(anchor)
    path = anchor_path(anchor.public.database_uid)
    values = json.loads(path.read_text())
    if isinstance(changed, dict):
        values |= changed
        values = {name: value for name, value in values.items() if value is not ...}
    else:
        values = changed
    path.write_text(json.dumps(values))

    with pytest.raises(NotTrusted) as refusal:
        read_anchor(anchor.public.database_uid)
    assert refusal.value.code == "anchor"
    assert anchor.key.secret_seed().hex() not in str(refusal.value)


@pytest.mark.parametrize("spoiled", [b"", b"\xff\xfe", b"{"])
def test_a_damaged_anchor_is_refused(anchor: Anchor, spoiled: bytes) -> None:
    keep_anchor(anchor)
    anchor_path(anchor.public.database_uid).write_bytes(spoiled)

    with pytest.raises(NotTrusted) as refusal:
        read_anchor(anchor.public.database_uid)
    assert refusal.value.code == "anchor"


def test_an_anchor_that_cannot_be_written_is_said(
    anchor: Anchor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "file"))

    with pytest.raises((AccountsRefused, NotTrusted), match=r"cannot be (kept|read)"):
        keep_anchor(anchor)


def test_a_folder_that_cannot_be_written_is_said(
    anchor: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tms_console.accounts.anchor.write_private", full)

    with pytest.raises(AccountsRefused, match="the anchor cannot be kept: No space left"):
        keep_anchor(anchor)


def test_a_keyring_keeps_it_where_there_is_one(anchor: Anchor, ring: Ring) -> None:
    keep_anchor(anchor)

    assert list(ring.kept) == [(SERVICE, anchor.public.database_uid), (SERVICE, THE_CLINIC)]
    assert the_clinic() == anchor.public.database_uid
    assert require_anchor(anchor.public.database_uid).public == anchor.public
    assert not anchor_path(anchor.public.database_uid).exists()


def test_a_file_serves_where_the_keyring_came_later(
    anchor: Anchor, ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(keyring, "get_keyring", fail.Keyring)
        keep_anchor(anchor)

    assert ring.kept == {}
    assert require_anchor(anchor.public.database_uid).public == anchor.public


def test_a_keyring_that_does_not_answer_is_no_missing_anchor(anchor: Anchor, ring: Ring) -> None:
    """Else a locked keyring would make the database look foreign."""
    keep_anchor(anchor)
    ring.fails = True

    with pytest.raises(NotTrusted, match="does not answer: the keyring is locked") as refusal:
        read_anchor(anchor.public.database_uid)
    assert refusal.value.code == "anchor"


@pytest.mark.parametrize("how", ["refuses", "forgets"])
def test_a_keyring_that_did_not_keep_it_is_said(
    anchor: Anchor, ring: Ring, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def refuse(*_: object) -> None:
        raise KeyringError("the keyring is full")

    if how == "refuses":
        monkeypatch.setattr(ring, "set_password", refuse)
    ring.forgets = True

    with pytest.raises(AccountsRefused, match=r"does not keep|was not kept"):
        keep_anchor(anchor)


def test_the_clinic_is_the_first_one_and_stays_it(anchor: Anchor) -> None:
    """Anybody at the keyboard can start another and be its administrator; it arms nothing."""
    demonstration = Database(Path("x"), new_uid(), new_uid(), Purpose.DEMO)
    keep_anchor(new_anchor(demonstration, FIRST))
    assert the_clinic() is None
    keep_anchor(anchor)
    keep_anchor(new_anchor(some_database(), FIRST))

    assert the_clinic() == anchor.public.database_uid
    assert require_anchor(demonstration.uid).public.purpose == "demo"
