"""The escrow copy of a key: it opens with its passphrase, and says why when it does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tms_console.records.connections import keep_key, key_of
from tms_console.records.database import Purpose, create_database, open_database
from tms_console.records.encryption import DatabaseKey, forget_keys
from tms_console.records.errors import DatabaseUnusable
from tms_console.records.escrow import (
    DEFAULT_COST,
    LEAST_LENGTH,
    Cost,
    EscrowUnusable,
    make_escrow,
    recover_key,
)
from tms_console.records.private_files import configuration_folder
from tms_console.records.verify import verify

CHEAP = Cost(time_cost=1, memory_kib=64, parallelism=1)
WORDS = "Fünf Boxkämpfer jagen Viktor"
KEY = DatabaseKey(bytes(range(32)))


def test_a_clinic_that_lost_its_keyring_opens_its_database_again(tmp_path: Path) -> None:
    """The machine died, the disk was saved: without the escrow copy the record is lost."""
    clinic = create_database(tmp_path / "clinic.db", Purpose.CLINIC)
    escrow = make_escrow(key_of(clinic.path), WORDS, cost=CHEAP)
    shutil.rmtree(configuration_folder())
    forget_keys()
    with pytest.raises(DatabaseUnusable, match="recover-key"):
        open_database(clinic.path)

    keep_key(clinic.path, recover_key(escrow, WORDS))

    forget_keys()
    assert open_database(clinic.path) == clinic
    assert verify(clinic.path).findings == ()


def test_an_escrow_copy_with_the_real_cost_gives_its_key_back() -> None:
    escrow = make_escrow(KEY, WORDS)

    stated = json.loads(escrow)
    assert (stated["time_cost"], stated["memory_kib"], stated["parallelism"]) == (3, 65536, 4)
    assert recover_key(escrow, WORDS) == KEY


def test_the_cost_is_the_default_of_the_library() -> None:
    from argon2 import (  # noqa: PLC0415 - only here
        DEFAULT_MEMORY_COST,
        DEFAULT_PARALLELISM,
        DEFAULT_TIME_COST,
    )

    assert Cost(DEFAULT_TIME_COST, DEFAULT_MEMORY_COST, DEFAULT_PARALLELISM) == DEFAULT_COST


def test_two_copies_of_one_key_have_nothing_in_common_and_neither_shows_it() -> None:
    one, other = (json.loads(make_escrow(KEY, WORDS, cost=CHEAP)) for _ in range(2))

    for name in ("salt", "nonce", "sealed_key", "sha256"):
        assert one[name] != other[name]
    assert KEY.text() not in str(one)
    assert WORDS not in str(one)


def test_a_wrong_passphrase_is_called_one() -> None:
    escrow = make_escrow(KEY, WORDS, cost=CHEAP)

    with pytest.raises(EscrowUnusable, match="the passphrase is wrong") as refused:
        recover_key(escrow, "five boxing wizards jump")
    assert "boxing" not in str(refused.value)


def test_a_passphrase_may_be_typed_composed_or_decomposed() -> None:
    """A Mac types ü as two characters where Windows types one."""
    escrow = make_escrow(KEY, "Fünf Boxkämpfer jagen", cost=CHEAP)

    assert recover_key(escrow, "Fu\u0308nf Boxka\u0308mpfer jagen") == KEY


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(EscrowUnusable, match="at least 15 characters, and this has 14"):
        make_escrow(KEY, "x" * (LEAST_LENGTH - 1), cost=CHEAP)


ESCROW = make_escrow(KEY, WORDS, cost=CHEAP)


@given(st.data())
def test_any_changed_byte_is_called_damage_and_never_gives_a_key(data: st.DataObject) -> None:
    """White space between members may change: it says nothing."""
    place = data.draw(st.integers(0, len(ESCROW) - 1))
    spoiled = bytearray(ESCROW)
    spoiled[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != ESCROW[place]))

    try:
        same = json.loads(spoiled) == json.loads(ESCROW)
    except ValueError:
        same = False
    if same:
        assert recover_key(bytes(spoiled), WORDS) == KEY
    else:
        with pytest.raises(EscrowUnusable, match=r"damaged|not an escrow copy|of the kind"):
            recover_key(bytes(spoiled), WORDS)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"7", b'{"a": 1}', ESCROW[:90]])
def test_what_is_no_escrow_copy_is_told(content: bytes) -> None:
    with pytest.raises(EscrowUnusable, match="not an escrow copy"):
        recover_key(content, WORDS)


def test_a_later_kind_of_copy_is_told_by_name() -> None:
    later = json.loads(ESCROW) | {"tag": "tms-key-escrow-2"}

    with pytest.raises(EscrowUnusable, match="of the kind 'tms-key-escrow-2'"):
        recover_key(json.dumps(later).encode(), WORDS)


def _altered(**changed: object) -> bytes:
    """Return a copy that somebody altered on purpose, checksum and all."""
    from tms_console.records.canonical import digest  # noqa: PLC0415 - only here

    content = json.loads(ESCROW) | changed
    content = {name: value for name, value in content.items() if value is not None}
    del content["sha256"]
    return json.dumps(content | {"sha256": digest(content)}).encode()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"memory_kib": 2**40}, "memory_kib is 1099511627776; it must be between"),
        ({"time_cost": 0}, "time_cost is 0"),
        ({"parallelism": "4"}, "parallelism is '4'"),
        ({"parallelism": 60}, "does not say what one says"),
        ({"kdf": "none"}, "none and AES-256-GCM are not what seals it"),
        ({"salt": "xyz"}, "does not say what one says"),
        ({"salt": "00"}, "does not say what one says"),
        ({"nonce": None}, "does not say what one says: 'nonce'"),
        ({"time_cost": 2}, "the passphrase is wrong, or this escrow copy was altered"),
        ({"sealed_key": "00" * 48}, "the passphrase is wrong, or this escrow copy was altered"),
        ({"sealed_key": ""}, "altered|does not say"),
        ({"note": "a"}, "the passphrase is wrong, or this escrow copy was altered"),
    ],
)
def test_a_copy_altered_on_purpose_gives_no_key_and_costs_no_memory(
    changed: dict[str, object], words: str
) -> None:
    """Every member is authenticated, and none can make this machine compute for a year."""
    with pytest.raises(EscrowUnusable, match=words):
        recover_key(_altered(**changed), WORDS)
