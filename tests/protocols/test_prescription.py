"""The content that authorises stimuli: canonical form, digest, and the way back."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any, cast

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from protocols.canonical import ContentError, JsonValue
from protocols.dose import NotDeliverable
from protocols.pattern import BlockPattern, Burst, Convention, Interval, Ramp, Train
from protocols.prescription import FixedBlock, SessionContent, rehearsal_content
from protocols.protocol import load_library
from protocols.schedule import ScheduleTooLong
from protocols.terms import Side, ThresholdKind
from tests.protocols.strategies import contents

PATTERN = BlockPattern(
    Train(10, Fraction(5), Burst(3, Fraction(50))),
    20,
    Interval(Fraction(8), Convention.NOMINAL),
    Ramp(4, Fraction(4, 5)),
)
BLOCK = FixedBlock(
    label="left iTBS",
    target="left DLPFC",
    side=Side.LEFT,
    coil="figure-8",
    threshold_kind=ThresholdKind.RESTING_HAND,
    threshold_pct_mso=45,
    pct_mt=Fraction(120),
    intensity_pct_mso=54,
    lowest_pct_mso=27,
    highest_pct_mso=56,
    pattern=PATTERN,
)
CONTENT = SessionContent(
    "itbs-600", "iTBS", (BLOCK, replace(BLOCK, changeover_s=Fraction(60))), pre_step="cues"
)


def leaves(value: JsonValue, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for k, item in enumerate(value) for leaf in leaves(item, (*path, k))]
    return [path]


def with_value(values: JsonValue, path: tuple[str | int, ...], new: JsonValue) -> JsonValue:
    changed = json.loads(json.dumps(values))
    inner: Any = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return cast("JsonValue", changed)


LEAVES = leaves(CONTENT.canonical())


@given(contents())
def test_a_content_comes_back_from_its_canonical_form(content: SessionContent) -> None:
    """It travels over the pipe to the delivery process, which must run exactly what was signed."""
    sent = json.loads(rfc8785.dumps(cast("dict[str, str]", content.canonical())))
    received = SessionContent.from_canonical(sent)
    assert received == content
    assert received.digest() == content.digest()


@given(contents(), contents())
def test_different_contents_have_different_digests(a: SessionContent, b: SessionContent) -> None:
    assert (a == b) == (a.digest() == b.digest())


@given(contents())
def test_the_canonical_form_holds_only_what_rfc_8785_can_hash_exactly(
    content: SessionContent,
) -> None:
    def check(value: object) -> None:
        match value:
            case dict():
                for item in value.values():
                    check(item)
            case list():
                for item in value:
                    check(item)
            case int():
                assert abs(value) < 2**53
            case _:
                assert value is None or isinstance(value, str)

    check(content.canonical())
    assert next(iter(content.canonical())) == "tag"


@pytest.mark.parametrize("path", LEAVES, ids=str)
def test_a_changed_field_changes_the_digest_or_is_no_content(path: tuple[str | int, ...]) -> None:
    """Approval is bound to every single field; none may be left out of the digest."""
    values = CONTENT.canonical()
    value: Any = values
    for key in path:
        value = value[key]
    changed: JsonValue = value + 1 if isinstance(value, int) else f"{value}x"
    if isinstance(value, str) and "/" in value:
        changed = f"{int(value.split('/')[0]) + 1}/{value.split('/')[1]}"
    other = {Side.LEFT: "right", "nominal": "cycle", "resting hand": "active hand"}
    changed = other.get(value, changed) if isinstance(value, str) else changed
    sent = with_value(values, path, changed)
    try:
        received = SessionContent.from_canonical(sent)
    except ContentError:
        return
    assert received.canonical() == sent
    assert received.digest() != CONTENT.digest()


def test_the_digest_does_not_depend_on_the_order_of_fields() -> None:
    def turned(value: JsonValue) -> JsonValue:
        if isinstance(value, dict):
            return {key: turned(item) for key, item in reversed(value.items())}
        return [turned(item) for item in value] if isinstance(value, list) else value

    assert SessionContent.from_canonical(turned(CONTENT.canonical())).digest() == CONTENT.digest()


def test_the_tag_keeps_a_rehearsal_apart_from_any_other_authority() -> None:
    assert CONTENT.digest("tms-rehearsal-1") != CONTENT.digest("tms-prescription-1")
    with pytest.raises(ContentError, match="tag"):
        SessionContent.from_canonical(CONTENT.canonical("tms-prescription-1"))


def test_the_digest_of_a_known_content_never_changes() -> None:
    """A record of years ago must still be verifiable: a new form needs a new tag."""
    assert CONTENT.digest() == "141c8e0a64ba18d1080f4a66e19f132e469cac88ea18ead7f8c04ecd20c1f677"


@pytest.mark.parametrize("path", LEAVES, ids=str)
@pytest.mark.parametrize("junk", [True, 1.5, [], {}, "", "\ud800", -1, 2**60, None], ids=repr)
def test_junk_in_any_field_is_a_content_error_or_a_content(
    path: tuple[str | int, ...], junk: Any
) -> None:
    sent = with_value(CONTENT.canonical(), path, junk)
    try:
        received = SessionContent.from_canonical(sent)
    except ContentError:
        return
    assert received.canonical() == sent


@pytest.mark.parametrize("path", LEAVES, ids=str)
def test_a_missing_field_is_named(path: tuple[str | int, ...]) -> None:
    sent = json.loads(json.dumps(CONTENT.canonical()))
    inner = sent
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    with pytest.raises(ContentError, match=f"{path[-1]} is missing"):
        SessionContent.from_canonical(sent)


def test_a_field_that_nobody_knows_is_refused_wherever_it_stands() -> None:
    """An unknown field might be a limit that this version would silently ignore."""
    for path in ((), ("blocks", 0), ("blocks", 0, "interval")):
        sent = with_value(CONTENT.canonical(), (*path, "surprise"), 1)
        with pytest.raises(ContentError, match="surprise is not a field"):
            SessionContent.from_canonical(sent)


@pytest.mark.parametrize("values", [None, 3, "text", [], [[]], True])
def test_values_that_are_no_object_are_refused(values: JsonValue) -> None:
    with pytest.raises(ContentError, match="is an object"):
        SessionContent.from_canonical(values)


@pytest.mark.parametrize("blocks", [None, "x", {}, 3])
def test_blocks_that_are_no_list_are_refused(blocks: JsonValue) -> None:
    with pytest.raises(ContentError, match="blocks is a list"):
        SessionContent.from_canonical({**CONTENT.canonical(), "blocks": blocks})


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_json_is_refused_as_content_and_nothing_else(values: Any) -> None:
    with pytest.raises(ContentError):
        SessionContent.from_canonical(values)
    with pytest.raises(ContentError):
        SessionContent.from_canonical({"tag": "tms-rehearsal-1", "blocks": values})


def test_a_ratio_has_one_text_only() -> None:
    """Two texts for one number would be two digests for one dose."""
    with pytest.raises(ContentError, match=r"write '120/1'"):
        SessionContent.from_canonical(
            with_value(CONTENT.canonical(), ("blocks", 0, "pct_mt"), "240/2")
        )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"intensity_pct_mso": 55}, "54 %MSO"),
        ({"lowest_pct_mso": 55}, "bounds"),
        ({"highest_pct_mso": 101}, "bounds"),
        ({"lowest_pct_mso": 0}, "bounds"),
        ({"changeover_s": Fraction(-1)}, "at least 0 s"),
        ({"coil": " "}, "coil is a text"),
        ({"label": "\ud800"}, "half a character"),
        ({"changeover_s": Fraction(1, 10**15)}, "15 digits"),
        ({"threshold_pct_mso": 0}, "threshold"),
    ],
)
def test_a_block_that_contradicts_itself_cannot_exist(changes: dict[str, Any], says: str) -> None:
    """The intensity is always the rounded product: nobody can sign 120 % and deliver 130."""
    with pytest.raises(ValueError, match=says):
        replace(BLOCK, **changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"blocks": ()}, "at least one block"),
        ({"blocks": (BLOCK, BLOCK)}, r"blocks\[2\].changeover_s is 0"),
        ({"blocks": (replace(BLOCK, changeover_s=Fraction(1)),)}, r"blocks\[1\].changeover_s"),
        ({"most_sessions_a_day": 0}, "most_sessions_a_day is 0"),
        ({"least_minutes_between": -1}, "least_minutes_between"),
        ({"longest_pause_s": -1}, "longest_pause_s"),
        ({"latest_host_pulse_us": 0}, "latest_host_pulse_us"),
        ({"title": ""}, "title is a text"),
        ({"pre_step": ""}, "pre_step is a text"),
    ],
)
def test_a_session_that_contradicts_itself_cannot_exist(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ContentError, match=says):
        replace(CONTENT, **changes)


def test_a_session_of_too_many_pulses_cannot_exist() -> None:
    huge = replace(BLOCK, pattern=BlockPattern(Train(10**7, Fraction(1))))
    with pytest.raises(ScheduleTooLong, match="at most"):
        replace(CONTENT, blocks=(huge,))


def test_a_ramp_that_starts_at_nothing_cannot_be_prescribed() -> None:
    ramp = replace(PATTERN, ramp=Ramp(2, Fraction(1, 200)))
    with pytest.raises(NotDeliverable, match="rounds to nothing"):
        replace(BLOCK, pattern=ramp)


def test_the_trains_of_a_ramp_have_their_own_intensities() -> None:
    assert [BLOCK.intensity_of_train(k) for k in range(1, 6)] == [43, 47, 50, 54, 54]
    assert BLOCK.effective_pct_mt == 120


def test_a_rehearsal_takes_the_defaults_and_may_be_halved_but_not_raised() -> None:
    content = rehearsal_content(load_library()["hf10-dash"], 45)
    (block,) = content.blocks
    assert (block.intensity_pct_mso, block.lowest_pct_mso, block.highest_pct_mso) == (54, 27, 54)
    assert block.pattern.interval == Interval(Fraction(11), Convention.NOMINAL)
    assert (content.longest_pause_s, content.latest_host_pulse_us) == (600, 2000)
    assert content.schedule().pulses == content.pulses == 3000
    odd = rehearsal_content(load_library()["lf1-right"], 50)  # 110 % -> 55, half 27.5
    assert odd.blocks[0].lowest_pct_mso == 28


def test_a_rehearsal_at_a_threshold_out_of_reach_is_refused() -> None:
    with pytest.raises(NotDeliverable, match="119 %MT"):
        rehearsal_content(load_library()["itbs-600"], 84)


def test_a_rehearsal_on_a_device_with_coarse_steps_keeps_the_step() -> None:
    content = rehearsal_content(load_library()["itbs-600"], 45, device_step=5)
    assert content.blocks[0].intensity_pct_mso == 55
    assert SessionContent.from_canonical(content.canonical()) == content


def test_an_accelerated_course_allows_its_pulses_a_day() -> None:
    content = rehearsal_content(load_library()["itbs-1800-snt"], 45)
    assert content.most_pulses_a_day == 18_000
    assert (content.most_sessions_a_day, content.least_minutes_between) == (10, 50)
