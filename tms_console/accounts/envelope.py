"""What keeps the lines of `<database>.unsaved` private and unforgeable: AES-256-GCM, console's key.

They are read into the record at the next start, so whoever could write one could put anything on
record; and they hold what the encrypted database is to hide.
"""

from __future__ import annotations

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tms_console.accounts.anchor import read_anchor
from tms_console.accounts.keys import NONCE_BYTES, PrivateKey
from tms_console.records.database import Database, Purpose

INFO = b"tms-unsaved-1"
KEY_BYTES = 32


class ConsoleEnvelope:
    """Seals lines with a key that only this console can derive."""

    def __init__(self, console_key: PrivateKey) -> None:
        hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=INFO)
        self._cipher = AESGCM(hkdf.derive(console_key.secret_seed()))

    def close(self, line: bytes, session_uid: str) -> bytes:
        """Return a line as it is written; it opens in the file of this session alone."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, line, session_uid.encode()))

    def open(self, line: bytes, session_uid: str) -> bytes:
        """Return a line as it was.

        Raises:
            ValueError: This console did not write it for this session.
        """
        try:
            sealed = base64.b64decode(line, validate=True)
            return self._cipher.decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], session_uid.encode()
            )
        except (InvalidTag, binascii.Error, ValueError):
            raise ValueError("this console did not write it") from None


def envelope_of(database: Database) -> ConsoleEnvelope | None:
    """Return what seals the unsaved lines of a database: None for rehearsals, which are no secret.

    None also where this console keeps no anchor for it: nothing beside it is then read in.

    Raises:
        NotTrusted: What is kept is damaged.
    """
    if database.purpose is Purpose.REHEARSAL:
        return None
    anchor = read_anchor(database.uid)
    return None if anchor is None else ConsoleEnvelope(anchor.key)
