"""The recovery code survives a human hand: every way it is typed, every way it is mistyped."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tms_console.accounts.recovery import (
    ALPHABET,
    RecoveryCodeMistyped,
    code_of,
    new_recovery_code,
    recovery_key,
    secret_of,
)

USER = "0198a000-0000-7000-8000-000000000001"
SECRETS = st.binary(min_size=16, max_size=16)
PLACES = st.integers(0, 27)
CHARACTERS = st.sampled_from(ALPHABET)


def plain(code: str) -> list[str]:
    """Return a code's characters without its hyphens."""
    return list(code.replace("-", ""))


def test_a_code_is_seven_groups_of_four_unambiguous_characters() -> None:
    code = new_recovery_code()
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}", code)
    assert len(set(ALPHABET)) == 32
    assert not set("ILOU") & set(ALPHABET)


def test_new_codes_are_all_different_and_use_all_128_bits() -> None:
    secrets = [secret_of(new_recovery_code()) for _ in range(200)]
    assert len(set(secrets)) == 200
    seen = 0
    missing = 0
    for secret in secrets:
        seen |= int.from_bytes(secret, "big")
        missing |= ~int.from_bytes(secret, "big")
    assert seen == missing & (2**128 - 1) == 2**128 - 1


@given(SECRETS)
def test_a_code_gives_its_secret_back(secret: bytes) -> None:
    assert secret_of(code_of(secret)) == secret


@given(SECRETS, st.sampled_from(["", " ", "-", " - ", "\t", "\n", "\u00a0"]), st.booleans())
def test_a_code_is_read_however_it_was_typed(secret: bytes, between: str, small: bool) -> None:
    text = between.join(plain(code_of(secret)))
    assert secret_of(text.lower() if small else text) == secret


@given(SECRETS)
def test_letters_taken_for_digits_are_read_as_the_digits(secret: bytes) -> None:
    code = code_of(secret)
    assert secret_of(code.replace("1", "I").replace("0", "O")) == secret
    assert secret_of(code.replace("1", "l").replace("0", "o")) == secret


@given(SECRETS, PLACES, CHARACTERS, PLACES, CHARACTERS)
def test_any_one_or_two_wrong_characters_are_noticed(
    secret: bytes, first: int, one: str, second: int, other: str
) -> None:
    typed = plain(code_of(secret))
    right = list(typed)
    typed[first], typed[second] = one, other
    assume(typed != right)
    with pytest.raises(RecoveryCodeMistyped, match="mistyped"):
        secret_of("".join(typed))


@given(SECRETS, PLACES, PLACES)
def test_any_two_exchanged_characters_are_noticed(secret: bytes, first: int, second: int) -> None:
    typed = plain(code_of(secret))
    right = list(typed)
    typed[first], typed[second] = typed[second], typed[first]
    assume(typed != right)
    with pytest.raises(RecoveryCodeMistyped, match="mistyped"):
        secret_of("".join(typed))


def test_the_two_spare_bits_are_no_second_spelling_of_a_code() -> None:
    """One secret has one code: what is typed differently is mistyped."""
    typed = plain(code_of(bytes(16)))
    accepted = 0
    for value in ALPHABET:
        for check in ALPHABET:
            for last in ALPHABET:
                typed[25:] = [value, check, last]
                try:
                    secret_of("".join(typed))
                except RecoveryCodeMistyped:
                    continue
                accepted += 1
    assert accepted == 8  # of 32 values at place 26 those with both spare bits 0


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "0 characters"),
        ("VN5S-48GN", "8 characters"),
        ("0" * 29, "29 characters"),
        ("0" * 27 + "U", "Character 28"),
        ("ab*d" * 7, "Character 3"),
        ("0000-0000-0000-0000-000\u0663", "Character 20"),
    ],
)
def test_a_typing_error_is_told_where_it_can_be(typed: str, told: str) -> None:
    with pytest.raises(RecoveryCodeMistyped, match=told):
        secret_of(typed)


@given(st.text(alphabet=ALPHABET + "ILOU*- ", min_size=5, max_size=60))
def test_any_text_is_a_code_or_told_and_the_sentence_never_holds_it(typed: str) -> None:
    try:
        told = "" if secret_of(typed) else "no secret"
    except RecoveryCodeMistyped as error:
        told = str(error)
    typed = typed.strip()
    assert not [size for size in range(5, len(typed) + 1) if typed[:size] in told]


def test_a_code_gives_one_user_one_key_and_another_user_another() -> None:
    code = new_recovery_code()
    assert recovery_key(code, USER).public_hex == recovery_key(code.lower(), USER).public_hex
    assert recovery_key(code, USER).public_hex != recovery_key(code, USER + "2").public_hex
    assert recovery_key(code, USER).public_hex != recovery_key(new_recovery_code(), USER).public_hex
    with pytest.raises(RecoveryCodeMistyped):
        recovery_key(code[:-1], USER)


def test_a_code_on_paper_today_gives_its_key_with_every_later_version() -> None:
    """A pinned code: it lies in somebody's drawer for years."""
    code = code_of(bytes(range(16)))
    assert code == "000G-40R4-0M30-E209-185G-R38E-1WHQ"
    assert (
        recovery_key(code, USER).public_hex
        == "a6f866e3ce1b55d608b0bd2739237cbf3aa9ceeb718f3885ed8cee6437fa2dda"
    )
