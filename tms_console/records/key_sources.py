"""Where the keys of encrypted databases are kept: the environment, a file, the system's keyring.

One place decides which: `key_sources`.  What a key opens is `encryption`'s affair.  Keys are never
removed or replaced: an orphan is harmless, a lost key is a lost record.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tms_console.records.encryption import DatabaseKey
from tms_console.records.errors import DatabaseUnusable
from tms_console.records.private_files import (
    CONFIG_VARIABLE,
    configuration_folder,
    permissions_fault,
    private_folder,
    write_private,
)

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

KEY_VARIABLE = "TMS_CONSOLE_DATABASE_KEY"
"""Environment variable that holds the key of every database, as 64 hexadecimal digits."""

KEY_FILE_VARIABLE = "TMS_CONSOLE_DATABASE_KEY_FILE"
"""Environment variable that names a 0600 file with such a key."""

SERVICE = "tms-console database key"
"""The name of our entries in the system's keyring; their user name is the file's id."""


class KeyProvider(Protocol):
    """A place where keys are kept."""

    @property
    def name(self) -> str:
        """What it is, for a sentence."""

    def keys(self, file_id: str) -> tuple[DatabaseKey, ...]:
        """Return the keys kept here that may open the file of this id, the likeliest first.

        Raises:
            DatabaseUnusable: They cannot be read; the sentence says why and shows none.
        """

    def given(self) -> DatabaseKey | None:
        """Return the key that every new database gets here, None if each has its own.

        Raises:
            DatabaseUnusable: It cannot be read.
        """

    def store(self, file_id: str, key: DatabaseKey) -> None:
        """Keep a key, durably, before anything is encrypted with it.

        Raises:
            DatabaseUnusable: It is not known to be kept, or another one is in its place.
        """


@dataclass(frozen=True, slots=True)
class EnvironmentKey:
    """The key that the environment states, the same for every database."""

    name: str = f"the environment ({KEY_VARIABLE})"

    def keys(self, file_id: str) -> tuple[DatabaseKey, ...]:
        """Return the one key."""
        del file_id
        return (self.given(),)

    def given(self) -> DatabaseKey:
        """Return the one key.

        Raises:
            DatabaseUnusable: The environment states none.
        """
        return _key_of(os.environ.get(KEY_VARIABLE, ""), self.name)

    def store(self, file_id: str, key: DatabaseKey) -> None:
        """Do nothing if it is the key that the environment states.

        Raises:
            DatabaseUnusable: It is another; this process cannot change what it was given.
        """
        del file_id
        if key != self.given():
            raise DatabaseUnusable(
                f"{KEY_VARIABLE} holds another key than the one to be kept; unset it, or set it "
                "to the right key"
            )


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A 0600 file that somebody named, with one key for every database."""

    path: Path

    @property
    def name(self) -> str:
        """What it is, for a sentence."""
        return f"the key file {self.path}"

    def keys(self, file_id: str) -> tuple[DatabaseKey, ...]:
        """Return the one key, or () if there is no such file yet.

        Raises:
            DatabaseUnusable: Others can read it, or it holds no key.
        """
        del file_id
        key = self.given()
        return () if key is None else (key,)

    def given(self) -> DatabaseKey | None:
        """Return the one key, None if there is no such file yet.

        Raises:
            DatabaseUnusable: Others can read it, or it holds no key.
        """
        return _key_in(self.path)

    def store(self, file_id: str, key: DatabaseKey) -> None:
        """Make the file; if it is there it must hold this key.

        Raises:
            DatabaseUnusable: It holds another key or cannot be written.
        """
        del file_id
        _write_key(self.path, key)


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """A folder with one 0600 file for each database: for machines without a keyring."""

    folder: Path

    @property
    def name(self) -> str:
        """What it is, for a sentence."""
        return f"the folder {self.folder}"

    def keys(self, file_id: str) -> tuple[DatabaseKey, ...]:
        """Return the key of this file, or ().

        Raises:
            DatabaseUnusable: Others can read it, or it holds no key.
        """
        key = _key_in(self._path(file_id))
        return () if key is None else (key,)

    def given(self) -> None:
        """Return None: each database has its own key."""

    def store(self, file_id: str, key: DatabaseKey) -> None:
        """Make a file for this key.

        Raises:
            DatabaseUnusable: There is another key for this file, or it cannot be written.
        """
        _write_key(self._path(file_id), key)

    def _path(self, file_id: str) -> Path:
        return self.folder / f"{file_id}.key"


@dataclass(frozen=True, slots=True)
class SystemKeyring:
    """The keyring of the operating system, unlocked when its user logs in."""

    backend: KeyringBackend

    @property
    def name(self) -> str:
        """What it is, for a sentence."""
        return f"the system's keyring ({self.backend.name})"

    def keys(self, file_id: str) -> tuple[DatabaseKey, ...]:
        """Return the key of this file, or ().

        Raises:
            DatabaseUnusable: The keyring does not answer, or its entry is no key.
        """
        text = self._ask(file_id)
        return () if text is None else (_key_of(text, self.name),)

    def given(self) -> None:
        """Return None: each database has its own key."""

    def store(self, file_id: str, key: DatabaseKey) -> None:
        """Keep the key under the file's id, and read it back.

        Raises:
            DatabaseUnusable: Another is kept there, or it cannot be read back.
        """
        from keyring.errors import KeyringError  # noqa: PLC0415 - takes 0.1 s

        there = self.keys(file_id)
        if there not in ((), (key,)):
            raise DatabaseUnusable(f"{self.name} holds another key for this database")
        try:
            self.backend.set_password(SERVICE, file_id, key.text())
        except (KeyringError, OSError) as error:
            raise self._silent(error) from error
        if self.keys(file_id) != (key,):
            raise DatabaseUnusable(f"{self.name} did not keep the key: it cannot be read back")

    def _ask(self, file_id: str) -> str | None:
        from keyring.errors import KeyringError  # noqa: PLC0415 - takes 0.1 s

        try:
            return self.backend.get_password(SERVICE, file_id)
        except (KeyringError, OSError) as error:
            raise self._silent(error) from error

    def _silent(self, error: Exception) -> DatabaseUnusable:
        why = str(error).strip() or type(error).__name__
        return DatabaseUnusable(
            f"{self.name} does not serve: {why}; unlock it, or name a key file in "
            f"{KEY_FILE_VARIABLE}"
        )


def key_sources() -> tuple[KeyProvider, ...]:
    """Return where keys are looked for, in order; a new one is kept in the first.

    The environment comes before a key file, that before the keyring, and the configuration
    folder last.  With a configuration folder of its own (`TMS_CONSOLE_CONFIG`) a program leaves
    the keyring alone.
    """
    sources: list[KeyProvider] = []
    if KEY_VARIABLE in os.environ:
        sources.append(EnvironmentKey())
    if named := os.environ.get(KEY_FILE_VARIABLE):
        sources.append(KeyFile(Path(named)))
    if CONFIG_VARIABLE not in os.environ and (backend := _keyring()) is not None:
        sources.append(SystemKeyring(backend))
    sources.append(KeyFolder(configuration_folder() / "keys"))
    return tuple(sources)


def candidates(file_id: str) -> Iterator[DatabaseKey]:
    """Give every known key that may open the file of this id.

    Raises:
        DatabaseUnusable: A source failed, after all the keys of the others.
    """
    failed: DatabaseUnusable | None = None
    for source in key_sources():
        try:
            yield from source.keys(file_id)
        except DatabaseUnusable as error:
            failed = failed or error
    if failed is not None:
        raise failed


def _keyring() -> KeyringBackend | None:
    """Return the system's keyring, None where there is none (a headless Linux)."""
    import keyring  # noqa: PLC0415 - takes 0.1 s
    from keyring.backends import fail  # noqa: PLC0415

    backend = keyring.get_keyring()
    return None if isinstance(backend, fail.Keyring) else backend


def _key_of(text: str, where: str) -> DatabaseKey:
    try:
        return DatabaseKey.from_text(text)
    except ValueError as error:
        raise DatabaseUnusable(f"{where}: what is there is no key; {error}") from None


def _key_in(path: Path) -> DatabaseKey | None:
    try:
        fault = permissions_fault(path)
        if fault is not None:
            raise DatabaseUnusable(fault)
        text = path.read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DatabaseUnusable(
            f"{path}: the key of a database cannot be read: {error.strerror or error}"
        ) from error
    return _key_of(text, str(path))


def _write_key(path: Path, key: DatabaseKey) -> None:
    there = _key_in(path)
    if there == key:
        return
    if there is not None:
        raise DatabaseUnusable(f"{path}: there is another key already; it is not replaced")
    try:
        private_folder(path.parent)
        write_private(path, key.text().encode() + b"\n")
    except OSError as error:
        raise DatabaseUnusable(
            f"{path}: the key of a database cannot be kept there: {error.strerror or error}"
        ) from error
