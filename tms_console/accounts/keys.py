"""Ed25519 keys: signing, sealing the private half under a password, and judging a signature.

What is signed and by whom it may be is for statements and enrolments; a private half leaves this
module only sealed, or as the seed that the anchor and nobody else asks for.
"""

from __future__ import annotations

import re
import secrets
from typing import NoReturn

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tms_console.accounts.errors import AccountsError

SEED_BYTES = 32
NONCE_BYTES = 12
"""AES-GCM's own size (NIST SP 800-38D, 5.2.1.1); random, and each sealing key seals few times."""

_PUBLIC_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SIGNATURE_HEX = re.compile(r"[0-9a-f]{128}", re.ASCII)
_SEALED_HEX = re.compile(r"01[0-9a-f]{120}", re.ASCII)
_SEAL_VERSION = b"\x01"
_SEAL_TAG = b"tms-sealed-key-1"

_PRIME = 2**255 - 19
_ORDER_8_Y = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_WEAK_Y = frozenset({0, 1, _PRIME - 1, _PRIME, _PRIME + 1, _ORDER_8_Y, _PRIME - _ORDER_8_Y})
"""The y of every point of order 1, 2, 4 or 8 (a test computes them): under such a public key one
signature fits many contents, so a person could deny what was signed."""


class KeySealBroken(AccountsError):
    """A sealed private key does not open: wrong password, wrong user, or changed on disk."""


class PrivateKey:
    """An Ed25519 private key that signs; it never shows itself and is never copied."""

    __slots__ = ("_key", "public_hex")

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_hex = self._key.public_key().public_bytes_raw().hex()
        """The public half, 64 hex digits."""

    @classmethod
    def new(cls) -> PrivateKey:
        """Return a new random key."""
        return cls(secrets.token_bytes(SEED_BYTES))

    def sign(self, data: bytes) -> str:
        """Return the signature over these bytes, 128 hex digits."""
        return self._key.sign(data).hex()

    def secret_seed(self) -> bytes:
        """Return the private half, 32 bytes: for sealing, and for the anchor's keyring or file."""
        return self._key.private_bytes_raw()

    def __repr__(self) -> str:
        """Show the public half only."""
        return f"PrivateKey(public_hex={self.public_hex!r})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied or pickled."""
        raise TypeError("a private key is neither copied nor pickled")


def seal_key(private: PrivateKey, sealing_key: bytes, user_uid: str) -> str:
    """Return a private key encrypted for one user (AES-256-GCM), in hex digits.

    The seal binds the user and the public key: moved to another user's row it does not open.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    bound = _bound(user_uid, private.public_hex)
    sealed = AESGCM(sealing_key).encrypt(nonce, private.secret_seed(), bound)
    return (_SEAL_VERSION + nonce + sealed).hex()


def unseal_key(sealed_hex: str, sealing_key: bytes, user_uid: str, public_hex: str) -> PrivateKey:
    """Return the private key of this user and this public key.

    Raises:
        KeySealBroken: It does not open with this sealing key for this user and public key.
    """
    sentence = f"the sealed key of user {user_uid} does not open: it was changed, or is another's"
    if _SEALED_HEX.fullmatch(sealed_hex) is None:
        raise KeySealBroken(sentence)
    sealed = bytes.fromhex(sealed_hex)[len(_SEAL_VERSION) :]
    bound = _bound(user_uid, public_hex)
    try:
        seed = AESGCM(sealing_key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
    except InvalidTag as error:
        raise KeySealBroken(sentence) from error
    private = PrivateKey(seed)
    if private.public_hex != public_hex:
        raise KeySealBroken(sentence)
    return private


def is_public_key(public_hex: str) -> bool:
    """Return whether a text is a public key that can be relied on: 64 hex digits, not a weak point.

    Anything is taken, since the text may come from a file that somebody edited.
    """
    if not isinstance(public_hex, str) or _PUBLIC_HEX.fullmatch(public_hex) is None:
        return False
    y = int.from_bytes(bytes.fromhex(public_hex), "little") & ((1 << 255) - 1)
    return y < _PRIME and y not in _WEAK_Y


def verify_signature(public_hex: str, data: bytes, signature_hex: str) -> bool:
    """Return whether this is the key's signature over exactly these bytes; never raises.

    One signature has one spelling (lower-case hex); whatever is malformed is answered False.
    """
    if not is_public_key(public_hex) or not isinstance(signature_hex, str):
        return False
    if _SIGNATURE_HEX.fullmatch(signature_hex) is None or not isinstance(data, bytes):
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_hex))
        key.verify(bytes.fromhex(signature_hex), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _bound(user_uid: str, public_hex: str) -> bytes:
    return b"\0".join((_SEAL_TAG, user_uid.encode("utf-8"), public_hex.encode("utf-8")))
