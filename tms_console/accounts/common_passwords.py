"""Whether a word is one that everybody tries first: common passwords, words, names, runs, repeats.

It knows nothing of the person choosing; what must not follow from a login or name is `passwords`'.
"""

from __future__ import annotations

import string
from functools import cache
from itertools import pairwise

FEW_CHARACTERS = 4
"""A guessable word stays guessable with up to this many characters around it: a year, "123!"."""

FEWEST_DIFFERENT = 4
"""Fewer different characters than this make a pattern whatever their order: "aabbaabb"."""

FEWEST_BREAKS = 3
"""Steps that neither repeat, count nor follow a keyboard row; fewer of them leave "abcd1234"."""

_KEYBOARD_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm")
_NEIGHBOURS = frozenset(
    pair
    for row in _KEYBOARD_ROWS
    for left, right in pairwise(row)
    for pair in (left + right, right + left)
)
_NO_LETTERS = string.digits + string.punctuation + string.whitespace
_SIGNS_FOR_LETTERS = tuple(
    str.maketrans({"@": "a", "4": "a", "3": "e", "0": "o", "$": "s", "5": "s", "7": "t", "1": one})
    for one in ("i", "l")
)


def is_common(word: str) -> bool:
    """Return whether a case-folded word is, or hardly differs from, one on the common lists.

    The lists are zxcvbn's: 30,000 leaked passwords, and words and names of English.  A word of
    any list counts as it is; a leaked password also with signs for letters ("p@ssw0rd") or up to
    `FEW_CHARACTERS` digits and signs around it ("monkey2024").
    """
    squeezed = "".join(character for character in word if character.isalnum())
    if word in _words() or squeezed in _words():
        return True
    core = word.strip(_NO_LETTERS)
    candidates = {word, squeezed}
    if core and len(word) - len(core) <= FEW_CHARACTERS:
        candidates.add(core)
    return any(
        candidate.translate(signs) in _passwords()
        for candidate in candidates
        for signs in ({}, *_SIGNS_FOR_LETTERS)
    )


def repeated_part(word: str) -> str:
    """Return the shortest part that a word repeats from beginning to end, or the word itself."""
    size = (word + word).find(word, 1)
    return word[:size]


def is_pattern(word: str) -> bool:
    """Return whether a word is hardly more than repeats, counting or walking along the keyboard."""
    if len(set(word)) < FEWEST_DIFFERENT:
        return True
    breaks = sum(
        abs(ord(left) - ord(right)) > 1 and left + right not in _NEIGHBOURS
        for left, right in pairwise(word)
    )
    return breaks < FEWEST_BREAKS


@cache
def _passwords() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - 0.8 MB, 30 ms

    return frozenset(FREQUENCY_LISTS["passwords"])


@cache
def _words() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - 0.8 MB, 30 ms

    return frozenset(word for words in FREQUENCY_LISTS.values() for word in words)
