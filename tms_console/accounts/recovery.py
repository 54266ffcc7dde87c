"""The one-time recovery code: 128 random bits on paper, which confirm a person's own new key.

It makes codes, tells typing errors and gives the code's key; what the key may confirm, and that
it is used once, is for enrolments.
"""

from __future__ import annotations

import re
import secrets

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tms_console.accounts.errors import AccountsRefused
from tms_console.accounts.keys import SEED_BYTES, PrivateKey

SECRET_BITS = 128
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""32 characters without I, L, O (read as 1, 1, 0) and U."""

SECRET_CHARACTERS = 26
CHECK_CHARACTERS = 2
CODE_CHARACTERS = SECRET_CHARACTERS + CHECK_CHARACTERS
GROUP = 4
"""A code is seven groups of four: `XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX`."""

RECOVERY_INFO = b"tms-recovery-key-1"

_BITS = 5
_FIELD = 0b100101
"""x^5 + x^2 + 1, primitive: its powers give every non-zero element of the field of 32."""

_READ_AS = str.maketrans("ILO", "110")


class RecoveryCodeMistyped(AccountsRefused):
    """A text is no recovery code; the message says what is wrong and never holds the code."""


def new_recovery_code() -> str:
    """Return a new code, in groups; it is shown once and never stored."""
    return code_of(secrets.token_bytes(SECRET_BITS // 8))


def code_of(secret: bytes) -> str:
    """Return the code that stands for 16 secret bytes."""
    number = int.from_bytes(secret, "big") << (SECRET_CHARACTERS * _BITS - SECRET_BITS)
    values = [
        number >> (_BITS * place) & (len(ALPHABET) - 1)
        for place in reversed(range(SECRET_CHARACTERS))
    ]
    text = "".join(ALPHABET[value] for value in (*values, *_check_values(values)))
    return "-".join(text[start : start + GROUP] for start in range(0, CODE_CHARACTERS, GROUP))


def secret_of(code: str) -> bytes:
    """Return the 16 secret bytes of a code, however its letters, spaces and hyphens were typed.

    Any one or two wrong characters, and any two exchanged ones, are noticed.

    Raises:
        RecoveryCodeMistyped: The text is no code; the sentence says why.
    """
    text = re.sub(r"[\s-]", "", code).upper().translate(_READ_AS)
    strange = next((place for place, one in enumerate(text, 1) if one not in ALPHABET), None)
    if strange is not None:
        raise RecoveryCodeMistyped(
            f"Character {strange} of this recovery code is none that codes are made of; they have "
            "the letters A to Z without I, L, O and U, and digits."
        )
    if len(text) != CODE_CHARACTERS:
        raise RecoveryCodeMistyped(
            f"This recovery code has {len(text)} characters; a whole one has {CODE_CHARACTERS}, in "
            f"{CODE_CHARACTERS // GROUP} groups of {GROUP}."
        )
    values = [ALPHABET.index(one) for one in text]
    spare = SECRET_CHARACTERS * _BITS - SECRET_BITS
    number = 0
    for value in values[:SECRET_CHARACTERS]:
        number = number << _BITS | value
    if any(_syndromes(values)) or number & ((1 << spare) - 1):
        raise RecoveryCodeMistyped(
            "This recovery code was mistyped somewhere; compare it with the paper, group by group."
        )
    return (number >> spare).to_bytes(SECRET_BITS // 8, "big")


def recovery_key(code: str, user_uid: str) -> PrivateKey:
    """Return the key that a code gives one user; its public half stands in the enrolment.

    128 random bits cannot be guessed, so that no slow derivation is needed.

    Raises:
        RecoveryCodeMistyped: The text is no code.
    """
    info = RECOVERY_INFO + b"\0" + user_uid.encode("utf-8")
    hkdf = HKDF(algorithm=SHA256(), length=SEED_BYTES, salt=None, info=info)
    return PrivateKey(hkdf.derive(secret_of(code)))


def _times_x(value: int) -> int:
    """Return a field element times x."""
    value <<= 1
    return value ^ _FIELD if value & len(ALPHABET) else value


def _syndromes(values: list[int]) -> tuple[int, int]:
    """Return the code's polynomial at 1 and at x; both are 0 for a right code (Reed-Solomon)."""
    at_1 = at_x = 0
    for value in values:
        at_1 ^= value
        at_x = _times_x(at_x) ^ value
    return at_1, at_x


def _check_values(values: list[int]) -> tuple[int, int]:
    """Return the two values that make both syndromes 0."""
    return next(
        (first, second)
        for first in range(len(ALPHABET))
        for second in range(len(ALPHABET))
        if not any(_syndromes([*values, first, second]))
    )
