"""The witness's line protocol and its time base, by hand and at random."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.witness.lines import (
    COUNTER_MODULUS,
    MOST_LINE,
    AliveLine,
    Broken,
    EdgeLine,
    Identity,
    Line,
    LineDecoder,
    encode_line,
    parse_line,
)
from drivers.witness.timebase import TimeBase, Unwrapped, _corners

WORD = st.integers(0, COUNTER_MODULUS - 1)
LINES = st.one_of(
    st.builds(EdgeLine, WORD, WORD),
    st.builds(AliveLine, WORD, WORD, st.booleans()),
    st.builds(Identity, st.just("tms-witness-1"), st.sampled_from(["1", "SN-7", "a_B" * 10])),
)


def everything(decoder: LineDecoder) -> list[Line]:
    return list(iter(decoder.next_line, None))


def test_the_documented_lines_are_these_bytes() -> None:
    # E 17 123456 : 45^20^31^37^20^31^32^33^34^35^36 = 0x44 by hand
    assert encode_line(EdgeLine(17, 123_456)) == b"E 17 123456*44\n"
    assert encode_line(AliveLine(0, 0)) == b"A 0 0*41\n"
    assert encode_line(AliveLine(0, 0, asked=True)) == b"T 0 0*54\n"
    assert parse_line(b"W tms-witness-1 SN-1*6C") == Identity("tms-witness-1", "SN-1")


@given(lines=st.lists(LINES, max_size=8), cuts=st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_lines_survive_any_chopping(
    lines: list[Identity | EdgeLine | AliveLine], cuts: random.Random
) -> None:
    data, decoder, got = b"".join(map(encode_line, lines)), LineDecoder(), list[Line]()
    while data:
        size = cuts.randint(1, len(data))
        decoder.feed(data[:size])
        data = data[size:]
        got += everything(decoder)
    assert got == lines


@given(line=st.builds(EdgeLine, WORD, WORD), at=st.integers(0, 1000), bit=st.integers(0, 7))
def test_one_turned_bit_never_gives_another_edge(line: EdgeLine, at: int, bit: int) -> None:
    data = bytearray(encode_line(line)[:-1])
    data[at % len(data)] ^= 1 << bit
    decoder = LineDecoder()
    decoder.feed(b"\n" + bytes(data) + b"\n")
    assert all(isinstance(one, Broken) for one in everything(decoder))


@given(garbage=st.binary(max_size=400))
def test_garbage_ends_and_the_next_line_is_read(garbage: bytes) -> None:
    decoder = LineDecoder()
    decoder.feed(garbage + b"\n" + encode_line(EdgeLine(1, 2)))
    got = everything(decoder)
    assert got[-1] == EdgeLine(1, 2)
    assert all(len(one.data) <= MOST_LINE for one in got if isinstance(one, Broken))


def test_the_rest_of_a_line_that_began_before_is_no_fault() -> None:
    decoder = LineDecoder()
    decoder.feed(b"7 123456*55\n" + encode_line(AliveLine(3, 4)))
    assert everything(decoder) == [AliveLine(3, 4)]


@pytest.mark.parametrize(
    "line", [EdgeLine(-1, 0), EdgeLine(0, COUNTER_MODULUS), Identity("x y", "1")]
)
def test_what_cannot_be_said_is_refused(line: EdgeLine | Identity) -> None:
    with pytest.raises(ValueError, match=r"32 bits|cannot be called"):
        encode_line(line)


def test_a_counter_that_wraps_goes_on() -> None:
    unwrapped = Unwrapped()
    first = unwrapped.ns(COUNTER_MODULUS - 10)
    assert unwrapped.ns(5) - first == 15_000
    assert unwrapped.ns(COUNTER_MODULUS - 1) - first == 9_000  # a step back stays one
    assert unwrapped.ns(25) - first == 35_000


@pytest.mark.parametrize("drift", [-0.004, -1e-4, 0.0, 3e-5, 0.005])
def test_times_are_right_to_the_shortest_exchange(drift: float) -> None:
    """The counter runs off by `drift`, lines take 0.3 to 15 ms; 75 s of one line in 0.5 s."""
    rng, base, zero_ns = random.Random(7), TimeBase(), 12_345_678_901
    for tick in range(150):
        true_ns = zero_ns + tick * 500_000_000
        counter_ns = round((true_ns - zero_ns) * (1 + drift)) // 1000 * 1000
        arrived_ns = true_ns + rng.randint(300_000, 15_000_000)
        asked = tick % 2 == 0
        base.learn(
            counter_ns, arrived_ns, true_ns - rng.randint(200_000, 900_000) if asked else None
        )
        if tick > 20:
            seen_ns = base.host_ns(round((true_ns + 100_000_000 - zero_ns) * (1 + drift)))
            assert abs(seen_ns - true_ns - 100_000_000) < 3_000_000
    assert base.believable
    assert base.drift == pytest.approx(-drift, abs=1e-4)


@pytest.mark.parametrize("drift", [-0.006, -1e-4, 0.0, 5e-5, 0.006])
def test_of_a_minute_few_bounds_decide_and_none_of_those_is_forgotten(drift: float) -> None:
    """The search runs in the session's thread: over all two hundred it took 3 to 7 ms a line."""
    rng = random.Random(11)
    bounds = [(tick * 300_000_000, rng.randint(300_000, 15_000_000)) for tick in range(200)]
    rng.shuffle(bounds)
    corners = _corners(bounds)
    assert min(most - drift * at for at, most in corners) == min(
        most - drift * at for at, most in bounds
    )
    assert len(corners) < 25


def test_no_drift_is_claimed_that_the_lines_do_not_show() -> None:
    base = TimeBase()
    for tick in range(20):
        base.learn(tick * 10**9, tick * 10**9 + 2_000_000 + tick * 40_000, tick * 10**9 - 1_000_000)
    assert base.drift == 0.0
    assert base.host_ns(19 * 10**9) == 19 * 10**9 + 2_000_000


def test_a_counter_that_jumps_cannot_be_believed() -> None:
    base = TimeBase()
    for tick in range(6):
        jump_ns = 900_000_000 if tick > 3 else 0
        at_ns = tick * 10**9
        base.learn(at_ns + jump_ns, at_ns + 1_000_000, at_ns - 1_000_000)
    assert not base.believable


def test_a_time_base_without_a_line_tells_no_time() -> None:
    with pytest.raises(RuntimeError, match="no line"):
        TimeBase().host_ns(5)
