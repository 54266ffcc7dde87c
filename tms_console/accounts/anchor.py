"""The anchor: what this console keeps outside its database, so that no file can vouch for itself.

The console's own key, and the first administrator's public key.  The newest head of the chain is
kept by `records.heads`.  A keyring entry, or a 0600 file where there is no keyring.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tms_console.accounts.errors import AccountsRefused, NotTrusted
from tms_console.accounts.keys import PrivateKey, is_public_key, verify_signature
from tms_console.records.database import Database, Purpose
from tms_console.records.private_files import (
    CONFIG_VARIABLE,
    configuration_folder,
    permissions_fault,
    private_folder,
    write_private,
)

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "tms-console anchor"
"""The name of our entries in the system's keyring; their user name is the database's uid."""

THE_CLINIC = "the-clinic"
"""The name under which is kept which database is this console's clinic."""


@dataclass(frozen=True, slots=True)
class PublicAnchor:
    """The part of an anchor that a verifier elsewhere can be given.

    Attributes:
        database_uid: Which database it is for.
        console_uid: Whose chain.
        console_public_key: The console's key, public half.
        first_administrator_key: The key that every enrolment must lead to.
        purpose: What the database was made for; the file's own word for it is not believed.
    """

    database_uid: str
    console_uid: str
    console_public_key: str
    first_administrator_key: str
    purpose: str = Purpose.CLINIC.value


@dataclass(frozen=True, slots=True)
class Anchor:
    """What this console keeps of one database.

    Attributes:
        public: What a verifier needs.
        key: The console's own key; it signs seals.
    """

    public: PublicAnchor
    key: PrivateKey

    def sign(self, data: bytes) -> str:
        """Return the console's signature, 128 hexadecimal digits."""
        return self.key.sign(data)

    def signed(self, data: bytes, signature: str) -> bool:
        """Return True if the console's key signed the bytes."""
        return verify_signature(self.public.console_public_key, data, signature)


def new_anchor(
    database: Database, first_administrator_key: str, key: PrivateKey | None = None
) -> Anchor:
    """Return the anchor of a new database, with a new key; nothing is kept yet."""
    key = PrivateKey.new() if key is None else key
    public = PublicAnchor(
        database.uid,
        database.console_uid,
        key.public_hex,
        first_administrator_key,
        database.purpose.value,
    )
    return Anchor(public, key)


def keep_anchor(anchor: Anchor) -> None:
    """Keep an anchor outside the database; it is never replaced.

    Raises:
        AccountsRefused: It cannot be kept, or there is one for this database.
    """
    uid = anchor.public.database_uid
    text = json.dumps(
        {
            "database_uid": uid,
            "console_uid": anchor.public.console_uid,
            "console_key": anchor.key.secret_seed().hex(),
            "first_administrator_key": anchor.public.first_administrator_key,
            "purpose": anchor.public.purpose,
        }
    )
    if read_anchor(uid) is not None:
        raise AccountsRefused("This console already keeps an anchor for this database.")
    _keep(uid, text)
    if read_anchor(uid) is None:
        raise AccountsRefused("The anchor was not kept: it cannot be read back.")
    if anchor.public.purpose == Purpose.CLINIC.value and the_clinic() is None:
        _keep(THE_CLINIC, uid)


def the_clinic() -> str | None:
    """Return the uid of the one database that may arm real stimulators: this console's first.

    Anybody at the keyboard can start another clinic and be its administrator; that one arms none.

    Raises:
        NotTrusted: It cannot be read.
    """
    text = _text(THE_CLINIC)
    return None if text is None else text.strip()


def _keep(name: str, text: str) -> None:
    backend = _keyring()
    if backend is None:
        _write(anchor_path(name), text)
        return
    from keyring.errors import KeyringError  # noqa: PLC0415 - takes 0.1 s

    try:
        backend.set_password(SERVICE, name, text)
    except (KeyringError, OSError) as error:
        raise AccountsRefused(f"The system's keyring does not keep the anchor: {error}") from error


def read_anchor(database_uid: str) -> Anchor | None:
    """Return the anchor kept for a database, None if this console has none.

    Raises:
        NotTrusted: Something is kept that is no anchor, or that others can read.
    """
    text = _text(database_uid)
    if text is None:
        return None
    try:
        values = json.loads(text)
        key = PrivateKey(bytes.fromhex(values["console_key"]))
        public = PublicAnchor(
            str(values["database_uid"]),
            str(values["console_uid"]),
            key.public_hex,
            str(values["first_administrator_key"]),
            Purpose(values.get("purpose", Purpose.CLINIC.value)).value,
        )
    except (ValueError, KeyError, TypeError):
        raise NotTrusted(
            "anchor", "What this console keeps of the database is damaged and is no anchor."
        ) from None
    if public.database_uid != database_uid or not is_public_key(public.first_administrator_key):
        raise NotTrusted("anchor", "What this console keeps is the anchor of another database.")
    return Anchor(public, key)


def require_anchor(database_uid: str) -> Anchor:
    """Return the anchor kept for a database.

    Raises:
        NotTrusted: This console has none, so the database is another's.
    """
    anchor = read_anchor(database_uid)
    if anchor is None:
        raise NotTrusted(
            "foreign",
            "This database was not made by this console: no anchor is kept for it here. It arms no "
            "real stimulator.",
        )
    return anchor


def anchor_path(database_uid: str) -> Path:
    """Return the file of an anchor, where there is no keyring."""
    return configuration_folder() / "anchors" / f"{database_uid}.anchor"


def _write(path: Path, text: str) -> None:
    try:
        private_folder(path.parent)
        write_private(path, text.encode() + b"\n")
    except OSError as error:
        raise AccountsRefused(f"{path}: the anchor cannot be kept: {error.strerror}") from error


def _text(database_uid: str) -> str | None:
    backend = _keyring()
    if backend is not None:
        from keyring.errors import KeyringError  # noqa: PLC0415 - takes 0.1 s

        try:
            kept = backend.get_password(SERVICE, database_uid)
        except (KeyringError, OSError) as error:
            raise NotTrusted("anchor", f"The system's keyring does not answer: {error}") from error
        if kept is not None:
            return kept
    path = anchor_path(database_uid)
    try:
        fault = permissions_fault(path)
        if fault is not None:
            raise NotTrusted("anchor", fault)
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise NotTrusted("anchor", f"{path}: the anchor cannot be read: {error}") from error


def _keyring() -> KeyringBackend | None:
    """Return the system's keyring, None where there is none or a folder was named instead."""
    if CONFIG_VARIABLE in os.environ:
        return None
    import keyring  # noqa: PLC0415 - takes 0.1 s
    from keyring.backends import fail  # noqa: PLC0415

    backend = keyring.get_keyring()
    return None if isinstance(backend, fail.Keyring) else backend
