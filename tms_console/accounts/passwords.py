"""What a password may be, and the two secrets that come of it: the verifier and the sealing key.

Both are separate HKDF derivations of one argon2id result, so that what is stored to check a
password says nothing about the key that opens the person's private key.  No table, no login.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import unicodedata
from dataclasses import asdict, dataclass, field
from typing import Protocol

import argon2
from argon2 import low_level
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tms_console.accounts.common_passwords import (
    FEW_CHARACTERS,
    is_common,
    is_pattern,
    repeated_part,
)
from tms_console.accounts.errors import AccountsRefused
from tms_console.records.canonical import canonical_text

FEWEST_CHARACTERS = 8
"""Counted after normalising (NIST SP 800-63B: at least 8)."""

MOST_CHARACTERS = 1024
"""Bounds the work only; people are told `LENGTH_RULE` (NIST SP 800-63B: 64 must be possible)."""

LENGTH_RULE = "a password has at least 8 characters; 64 and many more are welcome"

SALT_BYTES = argon2.DEFAULT_RANDOM_SALT_LENGTH
SECRET_BYTES = 32
"""Of the argon2id result and of each derivation: a 256-bit AES key."""

VERIFIER_INFO = b"tms-password-verifier-1"
SEALING_INFO = b"tms-sealing-key-1"

PROGRAM_WORDS = ("tms", "console", "transcranial", "magnetic", "stimulation", "stimulator")
SHORTEST_OWN_WORD = 3
"""Shorter parts of a login or name ("al") are found by chance in good passwords."""

MOST_TIME_COST = 16
MOST_MEMORY_KIB = 1024 * 1024
MOST_PARALLELISM = 16
"""Stored parameters beyond these are damage or malice: a log-in would take all time or memory."""

_ALGORITHM = {"algorithm": "argon2id", "version": low_level.ARGON2_VERSION}


class PasswordRefused(AccountsRefused):
    """A new password may not be used; the message says why and never holds the password."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The cost of one argon2id computation; stored beside its results, so that it can rise.

    Raises:
        ValueError: A number is outside of what argon2 takes or this program computes.
    """

    time_cost: int
    memory_kib: int
    parallelism: int

    def __post_init__(self) -> None:
        """Refuse numbers outside of the bounds."""
        for name, value, least, most in (
            ("time_cost", self.time_cost, 1, MOST_TIME_COST),
            ("parallelism", self.parallelism, 1, MOST_PARALLELISM),
            ("memory_kib", self.memory_kib, 8 * self.parallelism, MOST_MEMORY_KIB),
        ):
            if type(value) is not int or not least <= value <= most:
                raise ValueError(f"argon2id {name} is {value!r}; allowed are {least} to {most}")

    def text(self) -> str:
        """Return the parameters as they are stored, canonical JSON that names the algorithm."""
        return canonical_text(_ALGORITHM | asdict(self))

    @classmethod
    def read(cls, text: str) -> Parameters:
        """Return the parameters a stored text gives.

        Raises:
            ValueError: The text is none that `text` writes.
        """
        try:
            stored = json.loads(text)
            read = cls(stored["time_cost"], stored["memory_kib"], stored["parallelism"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(f"argon2id parameters cannot be read: {text[:100]!r}") from error
        if read.text() != text:
            raise ValueError(f"argon2id parameters are {text[:200]!r}, not {read.text()!r}")
        return read


CURRENT = Parameters(
    time_cost=argon2.DEFAULT_TIME_COST,
    memory_kib=argon2.DEFAULT_MEMORY_COST,
    parallelism=argon2.DEFAULT_PARALLELISM,
)
"""argon2-cffi's defaults, RFC 9106's second choice (64 MiB, t=3, p=4): 112 ms in pitfalls.md."""


class Argon2id(Protocol):
    """One argon2id computation; tests count it."""

    def __call__(self, secret: bytes, salt: bytes, parameters: Parameters) -> bytes:
        """Return `SECRET_BYTES` bytes."""
        ...


def argon2id(secret: bytes, salt: bytes, parameters: Parameters) -> bytes:
    """Return the raw argon2id result, `SECRET_BYTES` long."""
    return low_level.hash_secret_raw(
        secret,
        salt,
        time_cost=parameters.time_cost,
        memory_cost=parameters.memory_kib,
        parallelism=parameters.parallelism,
        hash_len=SECRET_BYTES,
        type=low_level.Type.ID,
    )


@dataclass(frozen=True, slots=True)
class Derived:
    """What one password gives: what is stored to check it, and what is never stored."""

    verifier: bytes = field(repr=False)
    sealing_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredPassword:
    """What the record keeps of a password."""

    salt: bytes = field(repr=False)
    parameters: Parameters
    verifier: bytes = field(repr=False)


def new_salt() -> bytes:
    """Return the random salt of one new password."""
    return secrets.token_bytes(SALT_BYTES)


def derive(
    password: str,
    salt: bytes,
    parameters: Parameters = CURRENT,
    *,
    argon2id: Argon2id = argon2id,
) -> Derived:
    """Return both secrets of a password, from exactly one argon2id computation.

    Any text is taken, also one that `check_new_password` refuses: a wrong password costs the same.
    """
    result = argon2id(_bytes_of(password), salt, parameters)
    return Derived(_expand(result, VERIFIER_INFO), _expand(result, SEALING_INFO))


def store_password(
    password: str, parameters: Parameters = CURRENT, *, argon2id: Argon2id = argon2id
) -> tuple[StoredPassword, Derived]:
    """Return what to store of a new password, under a new salt, and the secrets it gives now."""
    salt = new_salt()
    derived = derive(password, salt, parameters, argon2id=argon2id)
    return StoredPassword(salt, parameters, derived.verifier), derived


def check_password(
    password: str, stored: StoredPassword | None, *, argon2id: Argon2id = argon2id
) -> Derived | None:
    """Return the secrets of the right password, None for a wrong one or for nobody's (`None`).

    Every call makes exactly one argon2id computation, so that an unknown user costs as much as a
    known one.
    """
    against = stored or StoredPassword(new_salt(), CURRENT, secrets.token_bytes(SECRET_BYTES))
    derived = derive(password, against.salt, against.parameters, argon2id=argon2id)
    right = hmac.compare_digest(derived.verifier, against.verifier)
    return derived if right and stored is not None else None


def check_new_password(password: str, login: str, name: str) -> None:
    """Do nothing if a person with this login and printed name may choose this password.

    There is no rule about kinds of characters: length, and nothing that is tried first.

    Raises:
        PasswordRefused: It is too short or too long, cannot be typed alike everywhere, is common,
            is a pattern, or is little more than the login, the name or the program's name.
    """
    if len(password) > MOST_CHARACTERS or len(_normal(password)) > MOST_CHARACTERS:
        raise PasswordRefused(
            f"This password is longer than {MOST_CHARACTERS} characters; choose a shorter one."
        )
    normal = _normal(password)
    if len(normal) < FEWEST_CHARACTERS:
        raise PasswordRefused(f"This password is too short: {LENGTH_RULE}.")
    # control, surrogate, private and unassigned characters: a later Unicode may normalise the
    # last ones differently, and no two keyboards give the others (RFC 8265, 4.2)
    if any(unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn"} for character in normal):
        raise PasswordRefused(
            "This password contains a character that not every keyboard can give, for instance a "
            "tab; use letters, digits, signs and spaces."
        )
    _refuse_guessable(normal.casefold(), login, name)


def _refuse_guessable(folded: str, login: str, name: str) -> None:
    part = repeated_part(folded)
    if len(part) < len(folded) and len(part) < FEWEST_CHARACTERS:
        raise PasswordRefused("This password repeats one short part; choose a less regular one.")
    if is_pattern(folded):
        raise PasswordRefused(
            "This password is hardly more than repeated or successive characters, or a walk along "
            "the keyboard; choose a less regular one."
        )
    if is_common(folded) or is_common(part):
        raise PasswordRefused(
            "This password is among those that are tried first (a common password, word or name, "
            "alone or with a few characters more); choose another, for instance several words."
        )
    if _follows_from(folded, (login, name, *PROGRAM_WORDS)):
        raise PasswordRefused(
            "This password is little more than your login, your name or this program's name; "
            "choose one that nobody can guess from them."
        )


def _follows_from(folded: str, own: tuple[str, ...]) -> bool:
    """Return whether little is left of a password when a person's own words are taken out."""
    words: set[str] = set()
    for text in own:
        parts = re.findall(r"[^\W_]+", _normal(text).casefold())
        words.update((*parts, "".join(parts)))
    left = squeezed = "".join(character for character in folded if character.isalnum())
    for word in sorted(words, key=lambda word: (-len(word), word)):
        if len(word) >= SHORTEST_OWN_WORD:
            left = left.replace(word, "")
    return len(left) < len(squeezed) and len(left) <= FEW_CHARACTERS


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _bytes_of(password: str) -> bytes:
    """Return the normalised password in UTF-8; half a surrogate pair is no error, only wrong."""
    return _normal(password).encode("utf-8", "surrogatepass")


def _expand(result: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=info).derive(result)
