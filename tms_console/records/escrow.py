"""The escrow copy of a database's key: sealed under an administrator's passphrase, kept elsewhere.

It knows neither databases nor where keys are kept; bringing a key back into use is `connections`'.

The file is JSON.  A SHA-256 over all other members tells a damaged file from a wrong passphrase; it
has no key, so somebody who alters the file on purpose and corrects it makes it look like a wrong
passphrase, and gets nothing opened either way (AES-GCM).
"""

from __future__ import annotations

import json
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from tms_console.records.canonical import Json, canonical_text, digest
from tms_console.records.encryption import KEY_BYTES, DatabaseKey
from tms_console.records.errors import RecordsError

TAG = "tms-key-escrow-1"

LEAST_LENGTH = 15
"""Characters of a passphrase that alone protects a copy which may be tried without limit: NIST SP
800-63B-4 (3.1.1.2) asks for 15 where a password is the only factor."""

SALT_BYTES = 16
"""RFC 9106, 3.1: recommended for password hashing."""

NONCE_BYTES = 12
"""NIST SP 800-38D: the length for which GCM is meant."""

MOST_MEMORY_KIB = 4 * 2**20
MOST_TIME_COST = 100
MOST_PARALLELISM = 64
"""More than anybody sets; a file that asks for more is damaged, not to be obeyed."""


class EscrowUnusable(RecordsError):
    """The escrow copy does not give its key; the sentence says whether file or passphrase fails."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess at the passphrase costs (argon2id).

    The numbers are argon2-cffi's defaults: RFC 9106, 4, second recommended option.
    """

    time_cost: int = 3
    memory_kib: int = 65_536
    parallelism: int = 4


DEFAULT_COST = Cost()


def make_escrow(key: DatabaseKey, passphrase: str, *, cost: Cost = DEFAULT_COST) -> bytes:
    """Return the content of an escrow file.

    Raises:
        EscrowUnusable: The passphrase is too short.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - start-up

    if len(passphrase) < LEAST_LENGTH:
        raise EscrowUnusable(
            f"the passphrase of an escrow copy has at least {LEAST_LENGTH} characters, and this "
            f"has {len(passphrase)}: whoever finds the copy may try for ever"
        )
    header: dict[str, Json] = {
        "tag": TAG,
        "kdf": "argon2id",
        "time_cost": cost.time_cost,
        "memory_kib": cost.memory_kib,
        "parallelism": cost.parallelism,
        "salt": secrets.token_hex(SALT_BYTES),
        "cipher": "AES-256-GCM",
        "nonce": secrets.token_hex(NONCE_BYTES),
    }
    sealed = AESGCM(_sealing_key(passphrase, header)).encrypt(
        bytes.fromhex(str(header["nonce"])), key.raw(), canonical_text(header).encode()
    )
    content = header | {"sealed_key": sealed.hex()}
    return json.dumps(content | {"sha256": digest(content)}, indent=2).encode() + b"\n"


def recover_key(escrow: bytes, passphrase: str) -> DatabaseKey:
    """Return the key that an escrow file holds.

    Raises:
        EscrowUnusable: The file is damaged or no escrow copy, or the passphrase is wrong; the
            sentence says which, as far as it can be told.
    """
    from argon2.exceptions import HashingError  # noqa: PLC0415 - start-up time
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    content = _undamaged(escrow)
    header = {name: value for name, value in content.items() if name != "sealed_key"}
    try:
        nonce = bytes.fromhex(str(content["nonce"]))
        sealed = bytes.fromhex(str(content["sealed_key"]))
        sealing_key = _sealing_key(passphrase, header)
        raw = AESGCM(sealing_key).decrypt(nonce, sealed, canonical_text(header).encode())
        return DatabaseKey(raw)
    except InvalidTag:
        raise EscrowUnusable(
            "the passphrase is wrong, or this escrow copy was altered on purpose; the file itself "
            "is not damaged"
        ) from None
    except (KeyError, ValueError, TypeError, HashingError) as error:
        raise EscrowUnusable(f"this escrow copy does not say what one says: {error}") from None


def _undamaged(escrow: bytes) -> Mapping[str, Json]:
    """Return what an escrow file says, without its checksum."""
    try:
        content = json.loads(escrow)
    except ValueError:
        raise EscrowUnusable(
            "this is not an escrow copy of a key, or it is damaged: it is not JSON"
        ) from None
    if not isinstance(content, dict) or "tag" not in content:
        raise EscrowUnusable("this is not an escrow copy of a key")
    if content["tag"] != TAG:
        raise EscrowUnusable(
            f"this escrow copy is of the kind {content['tag']!r}, and this program reads {TAG!r}"
        )
    stated = content.pop("sha256", None)
    try:
        whole = digest(cast("Json", content)) == stated
    except ValueError:
        whole = False
    if not whole:
        raise EscrowUnusable(
            "this escrow copy is damaged: its content is not what it was when it was made; use "
            "another copy of it"
        )
    return content


def _sealing_key(passphrase: str, header: Mapping[str, Json]) -> bytes:
    """Derive the key that seals.

    Raises:
        ValueError: The header asks for what nobody sets.
    """
    from argon2.low_level import Type, hash_secret_raw  # noqa: PLC0415 - start-up time

    if (header["kdf"], header["cipher"]) != ("argon2id", "AES-256-GCM"):
        raise ValueError(f"{header['kdf']} and {header['cipher']} are not what seals it")
    return hash_secret_raw(
        secret=unicodedata.normalize("NFKC", passphrase).encode(),  # typed alike on any system
        salt=bytes.fromhex(str(header["salt"])),
        time_cost=_bounded(header, "time_cost", MOST_TIME_COST),
        memory_cost=_bounded(header, "memory_kib", MOST_MEMORY_KIB),
        parallelism=_bounded(header, "parallelism", MOST_PARALLELISM),
        hash_len=KEY_BYTES,
        type=Type.ID,
    )


def _bounded(header: Mapping[str, Json], name: str, most: int) -> int:
    value = header[name]
    if not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{name} is {value!r}; it must be between 1 and {most}")
    return value
