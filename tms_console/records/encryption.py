"""The key of an encrypted database, and connections that prove it right before anything is read.

Where keys are kept is `key_sources`' affair, what is in a file `database`'s.

Which key fits which file is decided by the file: its first 16 bytes are SQLCipher's salt, random,
public, and the same in every copy, moved file and backup of ours (`backup` hands it on).  Keys are
kept under that name.  A plain SQLite file begins with other 16 bytes, which is how one is known.
The salt is read through SQLite, never by opening the file here: closing a descriptor of our own
would end the locks that SQLite holds on the file in this process.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from sqlcipher3 import dbapi2

from tms_console.records.errors import DatabaseUnusable

KEY_BYTES = 32
"""SQLCipher takes a raw key of 256 bits as it is, without deriving it (100 ms per connection)."""

FILE_ID_BYTES = 16
"""SQLCipher's salt at the beginning of a file."""

PLAIN = b"SQLite format 3\x00".hex()
"""How a file that is not encrypted begins (sqlite.org/fileformat.html, 1.2)."""

RawConnection: TypeAlias = Any
"""A connection of `sqlcipher3`, which has no types."""

_WRONG_KEY = "file is not a database"


class DatabaseKey:
    """The 32 random bytes that a database is encrypted with; nothing shows them by accident."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        """Take the bytes of a key.

        Raises:
            ValueError: There are not 32; the message does not repeat them.
        """
        if len(raw) != KEY_BYTES:
            raise ValueError(f"a database key has {KEY_BYTES} bytes, and this has {len(raw)}")
        self._raw = bytes(raw)

    @classmethod
    def new(cls) -> DatabaseKey:
        """Return a new random key."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def from_text(cls, text: str) -> DatabaseKey:
        """Return the key that 64 hexadecimal digits state.

        Raises:
            ValueError: They state none; the message does not repeat them.
        """
        try:
            return cls(bytes.fromhex(text.strip()))
        except ValueError:
            raise ValueError("a database key is 64 hexadecimal digits") from None

    def raw(self) -> bytes:
        """Return the bytes: for `escrow` alone."""
        return self._raw

    def text(self) -> str:
        """Return the key as 64 hexadecimal digits: for SQLCipher and for where keys are kept."""
        return self._raw.hex()

    def __repr__(self) -> str:
        """Return a text without the key."""
        return "DatabaseKey(hidden)"

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        return isinstance(other, DatabaseKey) and secrets.compare_digest(self._raw, other._raw)

    def __hash__(self) -> int:
        """Return a hash of this process alone."""
        return hash(self._raw)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied into anything.

        Raises:
            TypeError: Always.
        """
        raise TypeError("a database key is never written anywhere but where keys are kept")


Candidates: TypeAlias = Callable[[str], Iterable[DatabaseKey]]
"""Gives the keys that may fit the file of this id."""

Connect: TypeAlias = Callable[[], RawConnection]
"""Makes a connection to one file, on which nothing has been executed."""

_PROVED: dict[str, DatabaseKey] = {}
"""By file id, the key that opened such a file in this process, so that sources are asked once."""


def new_file_id() -> str:
    """Return the id of a file that is to be made: 32 hexadecimal digits."""
    return secrets.token_hex(FILE_ID_BYTES)


def unlock(connection: RawConnection, key: DatabaseKey, file_id: str = "") -> None:
    """Give a connection its key: the first statement on it.

    Args:
        connection: On which nothing has been executed.
        key: The key.
        file_id: For a file that is to be made, what it shall begin with.
    """
    connection.execute(f"PRAGMA key = \"x'{key.text()}{file_id}'\"")
    connection.execute("PRAGMA temp_store = MEMORY")  # nothing decrypted in temporary files


def file_id_of(path: Path, connect: Connect) -> str | None:
    """Return how an encrypted file is named among keys, None for a plain or empty file.

    Raises:
        OSError: There is no such file.
        dbapi2.Error: It cannot be opened.
        DatabaseUnusable: The library in use cannot encrypt.
    """
    if path.stat().st_size < FILE_ID_BYTES:
        return None  # SQLCipher would make a salt up
    require_sqlcipher()
    connection = connect()
    try:
        # Any key will do: nothing is decrypted, SQLCipher only reads the salt.
        connection.execute(f"PRAGMA key = \"x'{'00' * KEY_BYTES}'\"")
        begins: str = connection.execute("PRAGMA cipher_salt").fetchone()[0]
    finally:
        connection.close()
    return None if begins == PLAIN else begins


def open_with_key(path: Path, connect: Connect, candidates: Candidates) -> RawConnection:
    """Return a connection to a plain file, or to an encrypted one with the key that fits it.

    Raises:
        DatabaseUnusable: None of the known keys fits; the sentence says what to do.
        OSError: There is no such file.
        dbapi2.Error: It cannot be opened.
    """
    file_id = file_id_of(path, connect)
    if file_id is None:
        return connect()
    if file_id in _PROVED and (found := _try(connect, _PROVED[file_id])) is not None:
        return found
    tried: set[DatabaseKey] = set()
    for key in candidates(file_id):
        if key not in tried and (found := _try(connect, key)) is not None:
            _PROVED[file_id] = key
            return found
        tried.add(key)
    raise DatabaseUnusable(f"{path}: {_no_key(len(tried))}")


def remember(file_id: str, key: DatabaseKey) -> None:
    """Let this process use a key for the file of this id, before it asks where keys are kept."""
    _PROVED[file_id] = key


def forget_keys() -> None:
    """Ask again where keys are kept, as a process that has just started would."""
    _PROVED.clear()


def proved_key(file_id: str) -> DatabaseKey | None:
    """Return the key that opened the file of this id in this process, None if none did."""
    return _PROVED.get(file_id)


def fits(connect: Connect, key: DatabaseKey) -> bool:
    """Return True if a key opens the file.

    Raises:
        dbapi2.Error: It cannot be opened for another reason.
    """
    connection = _try(connect, key)
    if connection is None:
        return False
    connection.close()
    return True


def is_encrypted(connection: RawConnection) -> bool:
    """Return True if what this connection writes is encrypted."""
    answer = connection.execute("PRAGMA cipher_status").fetchone()
    return answer is not None and str(answer[0]) == "1"


@functools.cache
def require_sqlcipher() -> None:
    """Do nothing if the library in use can encrypt; and keep it from writing on standard error.

    Raises:
        DatabaseUnusable: It is an SQLite without SQLCipher: `PRAGMA key` would do nothing there.
    """
    connection = dbapi2.connect(":memory:")
    try:
        version = connection.execute("PRAGMA cipher_version").fetchone()
        connection.execute("PRAGMA cipher_log_level = NONE").fetchone()
    finally:
        connection.close()
    if version is None or not version[0]:
        raise DatabaseUnusable(
            f"SQLite {dbapi2.sqlite_version} is in use without SQLCipher, and a clinic's database "
            "is encrypted; install sqlcipher3 0.6.4 or later"
        )


def _try(connect: Connect, key: DatabaseKey) -> RawConnection | None:
    """Return a connection that has read with this key, None if the key is another file's."""
    connection = connect()
    try:
        unlock(connection, key)
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except dbapi2.DatabaseError as error:
        connection.close()
        if str(error) == _WRONG_KEY:
            return None
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _no_key(tried: int) -> str:
    known = (
        "its key is not known on this machine"
        if tried == 0
        else "it is encrypted with another key than this machine knows, or its beginning is damaged"
    )
    return (
        "this is not a database of TMS Console, or it is encrypted and cannot be opened: "
        f"{known}. An administrator can bring the key back from its escrow copy: "
        "tms-console records recover-key --escrow FILE DATABASE"
    )
