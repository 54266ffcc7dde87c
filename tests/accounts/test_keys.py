"""Keys sign and never show themselves; seals open only for whom they were made."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from tms_console.accounts import keys
from tms_console.accounts.keys import (
    KeySealBroken,
    PrivateKey,
    is_public_key,
    seal_key,
    unseal_key,
    verify_signature,
)

SEALING = bytes(range(32))
USER = "0198a000-0000-7000-8000-000000000001"
KEY = PrivateKey(bytes(range(32, 64)))

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
Point = tuple[int, int]


def test_keys_and_signatures_are_those_of_rfc_8032() -> None:
    """RFC 8032, 7.1, test 2: another program must be able to check what was signed here."""
    key = PrivateKey(
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )
    assert key.public_hex == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert key.sign(b"\x72") == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert verify_signature(key.public_hex, b"\x72", key.sign(b"\x72"))


def test_new_keys_are_all_different() -> None:
    assert len({PrivateKey.new().public_hex for _ in range(20)}) == 20


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_signature_fits_its_own_bytes_and_key_only(signed: bytes, other: bytes) -> None:
    signature = KEY.sign(signed)
    assert verify_signature(KEY.public_hex, signed, signature)
    assert verify_signature(KEY.public_hex, other, signature) == (other == signed)
    assert not verify_signature(PrivateKey.new().public_hex, signed, signature)


@given(st.integers(0, 511), st.integers(0, 255))
def test_any_flipped_bit_of_signature_or_key_breaks_it(at: int, key_at: int) -> None:
    signature = bytearray.fromhex(KEY.sign(b"dose"))
    signature[at // 8] ^= 1 << at % 8
    assert not verify_signature(KEY.public_hex, b"dose", signature.hex())
    public = bytearray.fromhex(KEY.public_hex)
    public[key_at // 8] ^= 1 << key_at % 8
    assert not verify_signature(public.hex(), b"dose", KEY.sign(b"dose"))


GOOD = KEY.sign(b"dose")
SPELLINGS: list[Callable[[str], str]] = [
    str.upper,
    lambda text: " " + text,
    lambda text: text + "\n",
    lambda text: text[:2] + " " + text[2:],
    lambda text: text[:-1],
    lambda text: text + "0",
    lambda text: text[:-1] + "g",
    lambda text: text[:-1] + "\u0663",  # an Arabic digit is a digit too
    lambda text: "0x" + text[2:],
    lambda _: "",
]


@pytest.mark.parametrize("spell", SPELLINGS)
def test_every_other_spelling_is_answered_false(spell: Callable[[str], str]) -> None:
    """One signature has one spelling, so that a copy with other digits is no second signature."""
    assert not verify_signature(KEY.public_hex, b"dose", spell(GOOD))
    assert not verify_signature(spell(KEY.public_hex), b"dose", GOOD)
    assert not is_public_key(spell(KEY.public_hex))


@given(
    st.one_of(st.text(), st.none(), st.integers(), st.binary(), st.just(KEY.public_hex)),
    st.one_of(st.binary(), st.text(), st.none(), st.just(b"dose")),
    st.one_of(st.text(), st.none(), st.integers(), st.binary(), st.just(GOOD), st.just("f" * 128)),
)
def test_malformed_input_is_answered_false_and_never_raises(
    public: object, signed: object, signature: object
) -> None:
    """What is checked comes from a file that somebody may have edited."""
    answer = verify_signature(public, signed, signature)  # type: ignore[arg-type]
    assert answer == ((public, signed, signature) == (KEY.public_hex, b"dose", GOOD))


def test_a_key_that_the_library_does_not_take_is_answered_false(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which points it takes is the library's affair and may change with its version."""

    class Strict:
        @staticmethod
        def from_public_bytes(octets: bytes) -> Ed25519PublicKey:
            raise ValueError(f"{len(octets)} bytes are no point")

    monkeypatch.setattr(keys, "Ed25519PublicKey", Strict)
    assert not verify_signature(KEY.public_hex, b"dose", GOOD)


def test_a_signature_made_to_look_different_is_refused() -> None:
    """Adding the group's order to S gives other digits for the same claim (RFC 8032, 5.1.7)."""
    half, s = GOOD[:64], int.from_bytes(bytes.fromhex(GOOD[64:]), "little")
    moved = half + (s + ORDER).to_bytes(32, "little").hex()
    assert not verify_signature(KEY.public_hex, b"dose", moved)


def add(first: Point, second: Point) -> Point:
    """Return the sum of two points of edwards25519 (RFC 8032, 5.1.4)."""
    (x1, y1), (x2, y2) = first, second
    k = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + k, -1, PRIME) % PRIME
    return x, (y1 * y2 + x1 * x2) * pow(1 - k, -1, PRIME) % PRIME


def times(count: int, point: Point) -> Point:
    """Return a multiple of a point."""
    total = (0, 1)
    while count:
        if count & 1:
            total = add(total, point)
        point, count = add(point, point), count >> 1
    return total


def weak_points() -> set[Point]:
    """Return the eight points whose order divides eight: the order of the group times any point."""
    found: set[Point] = set()
    y = 2
    while len(found) < 8:
        y += 1
        square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
        x = pow(square, (PRIME + 3) // 8, PRIME)
        if (x * x - square) % PRIME:
            x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
        if (x * x - square) % PRIME == 0:
            found |= {times(ORDER, (x, y)), times(ORDER, (-x % PRIME, y))}
    return found


def spellings(point: Point) -> set[str]:
    """Return every 32 bytes that a library could read as this point."""
    _, y = point
    ys = [y, *([y + PRIME] if y + PRIME < 2**255 else [])]
    return {(y | sign << 255).to_bytes(32, "little").hex() for y in ys for sign in (0, 1)}


def test_weak_public_keys_are_refused_under_which_one_signature_fits_anything() -> None:
    """Whoever enrolled such a key could deny every signature, or lend it to anybody."""
    weak = {text for point in weak_points() for text in spellings(point)}
    assert len(weak) == 14
    assert not any(is_public_key(text) for text in weak)
    neutral = "01" + "00" * 31
    for_anything = neutral + "00" * 32  # R neutral, S = 0
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(neutral)).verify(  # the library takes it
        bytes.fromhex(for_anything), b"any dose at all"
    )
    assert not verify_signature(neutral, b"any dose at all", for_anything)


def test_a_public_key_has_one_spelling_also_as_a_number() -> None:
    """y + p is the same point with other digits: two enrolments would show two keys."""
    assert not is_public_key((3 + PRIME).to_bytes(32, "little").hex())
    assert is_public_key(KEY.public_hex)


# --- seals


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_sealed_key_opens_with_its_own_sealing_key(seed: bytes, sealing: bytes) -> None:
    key = PrivateKey(seed)
    sealed = seal_key(key, sealing, USER)
    assert unseal_key(sealed, sealing, USER, key.public_hex).secret_seed() == seed
    assert seed.hex() not in sealed


def test_two_seals_of_one_key_share_nothing() -> None:
    """The nonce is random: the same nonce twice under one key would break AES-GCM."""
    first, second = seal_key(KEY, SEALING, USER), seal_key(KEY, SEALING, USER)
    assert first[2:26] != second[2:26]
    assert first[26:] != second[26:]


@given(st.integers(0, 60), st.integers(1, 255))
def test_a_seal_with_any_changed_byte_does_not_open(at: int, change: int) -> None:
    sealed = bytearray.fromhex(seal_key(KEY, SEALING, USER))
    sealed[at] ^= change
    with pytest.raises(KeySealBroken, match=USER):
        unseal_key(sealed.hex(), SEALING, USER, KEY.public_hex)


@pytest.mark.parametrize("spell", SPELLINGS)
def test_a_seal_that_was_respelled_or_cut_does_not_open(spell: Callable[[str], str]) -> None:
    with pytest.raises(KeySealBroken):
        unseal_key(spell(SEALED), SEALING, USER, KEY.public_hex)


SEALED = (
    "01000102030405060708090a0b"
    "6723f438e1c0e43ca568bda09dc45642b3e7b507c44e694b005edfbe21543e8d"
    "b9e88c02cefe5e758c0719e4ba259bcc"
)


def test_a_key_sealed_by_this_version_opens_with_every_later_one() -> None:
    """A pinned seal: a change of its form would cost every person their key."""
    assert unseal_key(SEALED, SEALING, USER, KEY.public_hex).secret_seed() == KEY.secret_seed()


def test_a_seal_opens_for_no_other_password_user_or_public_key() -> None:
    """A seal moved to another user's row must not become that user's key."""
    other = PrivateKey.new()
    sealed = seal_key(KEY, SEALING, USER)
    for sealing, user, public in (
        (bytes(32), USER, KEY.public_hex),
        (SEALING, USER[:-1] + "2", KEY.public_hex),
        (SEALING, USER, other.public_hex),
        (SEALING, USER, ""),
    ):
        with pytest.raises(KeySealBroken):
            unseal_key(sealed, sealing, user, public)


def test_a_seal_whose_content_is_another_key_is_refused() -> None:
    """Whoever knows the sealing key could seal another key under the enrolled public one."""

    class Lying(PrivateKey):
        __slots__ = ()

    lying = Lying(bytes(32))
    lying.public_hex = KEY.public_hex
    with pytest.raises(KeySealBroken):
        unseal_key(seal_key(lying, SEALING, USER), SEALING, USER, KEY.public_hex)


# --- nothing shows


def test_a_private_key_shows_its_public_half_only(caplog: pytest.LogCaptureFixture) -> None:
    sealed = seal_key(KEY, SEALING, USER)
    shown = [repr(KEY), str(KEY), f"{KEY} {[KEY]}", str(dir(KEY))]
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("%s %r", KEY, KEY)
    shown.append(caplog.text)
    try:
        unseal_key(sealed, bytes(32), USER, KEY.public_hex)
    except KeySealBroken as error:
        shown.append("".join(traceback.format_exception(error)))
    seed = KEY.secret_seed()
    assert len(shown) == 6
    for form in (seed.hex(), repr(seed), str(list(seed)), SEALING.hex(), repr(SEALING)):
        assert not any(form in text for text in shown)
    assert KEY.public_hex in repr(KEY)


@pytest.mark.parametrize(
    "copying",
    [copy.copy, copy.deepcopy, *(lambda key, p=p: pickle.dumps(key, p) for p in range(6)), vars],
)
def test_a_private_key_is_neither_copied_nor_pickled(
    copying: Callable[[PrivateKey], object],
) -> None:
    """A pickle or a copy could end in a pipe, a queue or a file."""
    with pytest.raises(TypeError):
        copying(KEY)
