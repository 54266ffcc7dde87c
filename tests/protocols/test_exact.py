"""Rounding and text forms of exact ratios."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.exact import clock_text, decimal_text, parse_ratio, ratio_text, round_half_up


@given(st.fractions())
def test_rounding_half_up_is_the_floor_of_half_more(value: Fraction) -> None:
    assert round_half_up(value) == (value + Fraction(1, 2)).__floor__()


@given(st.fractions(0, 10**6, max_denominator=10**6))
def test_a_ratio_survives_its_text(value: Fraction) -> None:
    assert parse_ratio(ratio_text(value)) == value


@pytest.mark.parametrize("text", ["", "1.5", "-1", "1/", "/2", "1/0", "1e9", " 1", "9" * 16, "٣"])
def test_text_that_is_no_ratio_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"ratio|zero"):
        parse_ratio(text)


def test_decimals_are_half_up_and_without_idle_zeros() -> None:
    assert decimal_text(Fraction(2, 3)) == "0.67"
    assert decimal_text(Fraction(5, 2), 0) == "3"
    assert decimal_text(Fraction(-1, 2)) == "-0.5"
    assert decimal_text(Fraction(-1, 1000)) == "0"
    assert decimal_text(Fraction(100)) == "100"


def test_clock_times_carry_into_the_minute() -> None:
    assert clock_text(Fraction("59.96")) == "1:00"
    assert clock_text(Fraction("2216.5")) == "36:56.5"
    assert clock_text(Fraction(5), 0) == "0:05"
