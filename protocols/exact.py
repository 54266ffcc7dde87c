"""Exact ratios: rounding half up, and their forms as text.

Floats stay out; whatever is shown with decimals is rounded here once, from the exact value.
"""

from __future__ import annotations

import re
from fractions import Fraction

_RATIO = re.compile(r"([0-9]{1,15})(?:/([0-9]{1,15}))?")  # 15 digits stay below 2^53


def round_half_up(value: Fraction) -> int:
    """Return the nearest integer, the higher one of two equally near (`round` takes the even)."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def ratio_text(value: Fraction) -> str:
    """Return the one exact text of a ratio, in lowest terms: `18/1`, `5/2`."""
    return f"{value.numerator}/{value.denominator}"


def parse_ratio(text: str) -> Fraction:
    """Return the ratio that a text such as `18` or `5/2` states exactly.

    Raises:
        ValueError: It is not a whole number or a ratio of two, of at most 15 digits each.
    """
    match = _RATIO.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a whole number or a ratio such as 5/2")
    numerator, denominator = match.groups(default="1")
    if int(denominator) == 0:
        raise ValueError(f"{text!r} divides by zero")
    return Fraction(int(numerator), int(denominator))


def decimal_text(value: Fraction, places: int = 2) -> str:
    """Return the value with at most so many decimals, half up, without idle zeros: `121.05`."""
    scaled = round_half_up(abs(value) * 10**places)
    whole, part = divmod(scaled, 10**places)
    decimals = f"{part:0{places}d}".rstrip("0") if places else ""
    sign = "-" if value < 0 and scaled else ""
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


def clock_text(seconds: Fraction, places: int = 1) -> str:
    """Return a duration as minutes and seconds, half up: `36:56.5`, `3:12`."""
    minutes, rest = divmod(round_half_up(seconds * 10**places), 60 * 10**places)
    whole, part = divmod(rest, 10**places)
    decimals = f"{part:0{places}d}".rstrip("0") if places else ""
    return f"{minutes}:{whole:02d}" + (f".{decimals}" if decimals else "")
