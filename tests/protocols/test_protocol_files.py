"""Protocol files: the shipped library, and every way a file can be wrong."""

from __future__ import annotations

import os
import string
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.file_format import MOST_BYTES, parse_protocol
from protocols.pattern import Convention
from protocols.protocol import (
    ChoiceError,
    Mistake,
    Protocol,
    ProtocolFileError,
    load_folder,
    load_library,
    load_protocol,
)
from protocols.terms import Mark, RegulatoryStatus, Side, ThresholdKind

LIBRARY = files("protocols.library")
NAMES = sorted(f.name for f in LIBRARY.iterdir() if f.name.endswith(".toml"))
DASH = (LIBRARY / "hf10-dash.toml").read_text(encoding="utf-8")
ITBS = (LIBRARY / "itbs-600.toml").read_text(encoding="utf-8")
TWO_BLOCKS = (LIBRARY / "bilateral-seq.toml").read_text(encoding="utf-8")


def mistakes(text: str) -> tuple[Mistake, ...]:
    with pytest.raises(ProtocolFileError) as error:
        parse_protocol(text.encode(), "x.toml")
    return error.value.mistakes


def only_mistake(text: str) -> Mistake:
    (mistake,) = mistakes(text)
    return mistake


# the library


@pytest.mark.parametrize(
    ("protocol_id", "pulses", "trains", "duration_s"),
    [
        ("hf10-standard", 3000, 75, Fraction("2223.9")),
        ("hf10-dash", 3000, 75, Fraction("1113.9")),
        ("itbs-600", 600, 20, Fraction("191.84")),
        ("itbs-1800-snt", 1800, 60, Fraction("591.84")),
        ("lf1-right", 360, 1, Fraction(359)),
        ("bilateral-seq", 2100, 51, Fraction("2278.9")),
        ("ctbs-600", 600, 1, Fraction("39.84")),
        ("bilateral-tbs", 1200, 21, Fraction("291.68")),
        ("h1-18hz", 1980, 55, Fraction(21419, 18)),  # 1189.9444... s
        ("ocd-20hz", 2000, 50, Fraction("1079.95")),
        ("smoking-h4", 1800, 60, Fraction("1064.9")),
        ("hf10-5s", 3000, 60, Fraction("1774.9")),
    ],
)
def test_a_shipped_protocol_has_its_published_pulses_trains_and_duration(
    protocol_id: str, pulses: int, trains: int, duration_s: Fraction
) -> None:
    schedule = load_library()[protocol_id].fix().schedule()
    assert schedule.pulses == pulses
    assert len(schedule.trains) == trains
    assert schedule.duration_s == duration_s


def test_the_library_holds_the_twelve_protocols() -> None:
    assert len(load_library()) == 12
    assert all(id_ == protocol.id for id_, protocol in load_library().items())


@pytest.mark.parametrize(
    ("protocol_id", "pct_mt", "kind", "coils", "side"),
    [
        ("hf10-standard", "120", ThresholdKind.RESTING_HAND, ("figure-8",), Side.LEFT),
        ("hf10-dash", "120", ThresholdKind.RESTING_HAND, ("figure-8",), Side.LEFT),
        ("itbs-600", "120", ThresholdKind.RESTING_HAND, ("figure-8",), Side.LEFT),
        ("itbs-1800-snt", "90", ThresholdKind.RESTING_HAND, ("figure-8",), Side.LEFT),
        ("lf1-right", "110-120", ThresholdKind.RESTING_HAND, ("figure-8",), Side.RIGHT),
        ("bilateral-seq", "120", ThresholdKind.RESTING_HAND, ("figure-8",), Side.RIGHT),
        ("ctbs-600", "80", ThresholdKind.ACTIVE_HAND, ("figure-8",), Side.RIGHT),
        ("bilateral-tbs", "120", ThresholdKind.RESTING_HAND, ("figure-8",), Side.RIGHT),
        ("h1-18hz", "120", ThresholdKind.RESTING_HAND, ("H1",), Side.LEFT),
        ("ocd-20hz", "100", ThresholdKind.RESTING_LEG, ("H7", "D-B80"), Side.MIDLINE),
        ("smoking-h4", "120", ThresholdKind.RESTING_HAND, ("H4",), Side.BILATERAL),
        ("hf10-5s", "110", ThresholdKind.RESTING_HAND, ("figure-8",), Side.LEFT),
    ],
)
def test_a_shipped_protocol_states_its_dose_threshold_coil_and_side(
    protocol_id: str, pct_mt: str, kind: ThresholdKind, coils: tuple[str, ...], side: Side
) -> None:
    block = load_library()[protocol_id].blocks[0]
    assert (str(block.pct_mt), block.threshold_kind) == (pct_mt, kind)
    assert (block.coils, block.side) == (coils, side)


@pytest.mark.parametrize(
    ("protocol_id", "sessions"),
    [
        ("hf10-standard", "36"),
        ("hf10-dash", "36"),
        ("itbs-600", "20-30"),
        ("itbs-1800-snt", "50"),
        ("lf1-right", "10-30"),
        ("bilateral-tbs", "30"),
        ("h1-18hz", "44"),
        ("ocd-20hz", "29"),
        ("smoking-h4", "18"),
        ("hf10-5s", "30"),
    ],
)
def test_a_shipped_course_has_its_published_number_of_sessions(
    protocol_id: str, sessions: str
) -> None:
    course = load_library()[protocol_id].course
    assert course is not None
    assert str(course.total_sessions) == sessions


def test_courses_that_the_sources_do_not_state_are_not_invented() -> None:
    assert load_library()["ctbs-600"].course is None
    course = load_library()["bilateral-seq"].course
    assert course is not None
    assert course.total_sessions is None
    assert str(course.weeks) == "3-6"


def test_numbers_that_are_only_recalled_carry_that_mark() -> None:
    library = load_library()
    assert library["itbs-600"].blocks[0].marks["pct_mt"] is Mark.RECALLED
    assert library["smoking-h4"].blocks[0].marks["interval"] is Mark.RECALLED
    assert library["lf1-right"].blocks[0].marks["pulses_per_train"] is Mark.RECALLED
    assert library["bilateral-seq"].blocks[1].marks["changeover_s"] is Mark.OURS
    assert library["hf10-standard"].blocks[0].marks["pct_mt"] is Mark.READ
    course = library["hf10-standard"].course
    assert course is not None
    assert [phase.mark for phase in course.phases[1:]] == [Mark.RECALLED] * 3


def test_protocols_with_a_provocation_state_it_as_mandatory() -> None:
    with_pre_step = {p.id for p in load_library().values() if p.pre_step is not None}
    assert with_pre_step == {"ocd-20hz", "smoking-h4"}
    assert load_library()["ocd-20hz"].fix().pre_step == "symptom provocation"


def test_the_standing_of_a_protocol_is_stated_with_its_reference() -> None:
    library = load_library()
    assert library["h1-18hz"].regulatory.status is RegulatoryStatus.CLEARED
    assert library["lf1-right"].regulatory.status is RegulatoryStatus.OFF_LABEL
    assert library["bilateral-seq"].regulatory.status is RegulatoryStatus.RESEARCH
    assert all(p.regulatory.reference for p in library.values())


def test_a_rehearsal_of_snt_leaves_the_depth_adjustment_out() -> None:
    block = load_library()["itbs-1800-snt"].blocks[0]
    assert block.depth_adjustment is not None
    assert block.depth_adjustment.cap_pct_mt == 120
    assert load_library()["itbs-1800-snt"].fix().blocks[0].pct_mt == 90


def test_no_shipped_file_types_a_total_a_duration_or_a_float() -> None:
    for name in NAMES:
        text = (LIBRARY / name).read_text(encoding="utf-8")
        assert not any(word in text for word in ("duration", "duty", "total"))


# choices


def test_a_range_is_fixed_by_a_choice_within_it() -> None:
    fixed = load_library()["hf10-dash"].fix({"blocks[1].interval.seconds": 25})
    assert fixed.schedule().duration_s == 74 * 29 + Fraction("3.9")
    lf1 = load_library()["lf1-right"].fix(
        {"blocks[1].pulses_per_train": 1800, "blocks[1].pct_mt": Fraction("112.5")}
    )
    assert lf1.schedule().pulses == 1800
    assert lf1.blocks[0].pct_mt == Fraction("112.5")
    assert load_library()["ocd-20hz"].fix({"blocks[1].coil": "D-B80"}).blocks[0].coil == "D-B80"


@pytest.mark.parametrize(
    ("protocol_id", "field", "value", "says"),
    [
        ("hf10-dash", "blocks[1].interval.seconds", 26, "allowed: 11-25"),
        ("hf10-dash", "blocks[1].interval.seconds", "12", "allowed: 11-25"),
        ("hf10-dash", "blocks[1].trains", 10, "leaves no choice of"),
        ("itbs-600", "blocks[1].pct_mt", 100, "it leaves: nothing"),
        ("lf1-right", "blocks[1].pulses_per_train", Fraction(721, 2), "a whole number"),
        ("lf1-right", "blocks[1].pulses_per_train", 1801, "allowed: 360-1800"),
        ("ocd-20hz", "blocks[1].coil", "figure-8", "allowed: H7, D-B80"),
        ("ocd-20hz", "blocks[1].coil", 7, "allowed: H7, D-B80"),
    ],
)
def test_a_choice_the_protocol_does_not_leave_is_refused(
    protocol_id: str, field: str, value: Fraction | int | str, says: str
) -> None:
    with pytest.raises(ChoiceError, match=says):
        load_library()[protocol_id].fix({field: value})


# mistakes


def test_every_mistake_of_a_file_is_listed_at_once_with_line_field_and_what_is_allowed() -> None:
    text = (
        TWO_BLOCKS.replace('side = "right"', 'side = "rigth"')
        .replace("trains = 50", "trains = 1")
        .replace('rate_hz = "10"', "rate_hz = 10.5")
        .replace('target = "left', 'targte = "left')
        .replace('status = "research"', 'status = "approved"')
    )
    found = {mistake.field: mistake for mistake in mistakes(text)}
    rows = text.splitlines()
    assert found["blocks[1].side"].allowed == "'left', 'right', 'midline' or 'bilateral'"
    assert found["blocks[2].targte"].allowed == "did you mean 'target'?"
    assert found["blocks[2].target"].wrong == "is missing"
    assert found["blocks[2].rate_hz"].allowed == '"21/2", an exact number as text'
    assert "cleared" in found["regulatory.status"].allowed
    assert "one train has no interval" in found["blocks[2].interval"].wrong
    for field in ("blocks[1].side", "blocks[2].targte", "blocks[2].rate_hz", "regulatory.status"):
        line = found[field].line
        assert line is not None
        assert field.split(".")[-1] in rows[line - 1]
    lines = [mistake.line or 0 for mistake in mistakes(text)]
    assert lines == sorted(lines)


def test_a_mistake_reads_as_one_line_with_file_line_field_and_words() -> None:
    mistake = only_mistake(ITBS.replace("trains = 20", "trains = -1"))
    line = ITBS.splitlines().index("trains = 20") + 1
    assert (
        str(mistake) == f"x.toml, line {line}: blocks[1].trains: -1 cannot be; allowed: at least 1"
    )


@pytest.mark.parametrize(
    ("old", "new", "field", "wrong", "allowed"),
    [
        ('pct_mt = "120"', "pct_mt = 120.0", "pct_mt", "is a float", '"120"'),
        ('pct_mt = "120"', "pct_mt = nan", "pct_mt", "nan is a float", "exact number"),
        ('pct_mt = "120"', "pct_mt = -inf", "pct_mt", "-inf is a float", "exact number"),
        ('pct_mt = "120"', "pct_mt = true", "pct_mt", "True is not a number", "exact number"),
        ('pct_mt = "120"', 'pct_mt = "1.2"', "pct_mt", "'1.2' is not an exact", "5/2"),
        ('pct_mt = "120"', 'pct_mt = "1e999999999"', "pct_mt", "not an exact", "5/2"),
        ('pct_mt = "120"', 'pct_mt = "1/0"', "pct_mt", "not an exact", "5/2"),
        ('pct_mt = "120"', "pct_mt = " + "9" * 40, "pct_mt", "of this size", "5/2"),
        ('pct_mt = "120"', 'pct_mt = "251"', "pct_mt", "251 % of the", "at most 250"),
        ('pct_mt = "120"', "pct_mt = 0", "pct_mt", "0 % of the", "above 0"),
        ('rate_hz = "5"', 'rate_hz = "1001"', "rate_hz", "1001 Hz", "at most 1000 Hz"),
        ("trains = 20", "trains = 99999999999999999999", "trains", "cannot be", "at most 2000"),
        ("trains = 20", "trains = 20.0", "trains", "20.0 cannot stand", "whole number"),
        ("trains = 20", 'trains = "20"', "trains", "'20' cannot stand", "whole number"),
        ("trains = 20", "trains = 1979-05-27", "trains", "cannot stand", "whole number"),
        ('coils = ["figure-8"]', "coils = []", "coils", "cannot stand", "at least one"),
        ('coils = ["figure-8"]', 'coils = "figure-8"', "coils", "cannot stand", "a list"),
        ('target = "left', 'target = "  " # ', "target", "cannot stand", "not empty"),
        ('label = "left iTBS"', "label = 3", "label", "cannot stand", "text in quotes"),
        ('convention = "nominal"', 'convention = "ncycle"', "interval.convention", "words", "gap"),
        ('threshold = "resting hand"', 'threshold = "rMT"', "threshold", "words", "active leg"),
        ("[blocks.burst]\npulses = 3", "[blocks.burst]\npulses = 1", "burst.pulses", "1", "2"),
        ('pct_mt = "recalled"', 'pct_mt = "checked"', "marks.pct_mt", "words", "recalled"),
        ('trains = "read"\n', "", "marks.trains", "is missing", "recalled"),
        (
            'trains = "read"',
            'trains = "read"\ntrians = "read"',
            "marks.trians",
            "nothing",
            "trains",
        ),
        ("bursts_per_train = 10\n", "", "bursts_per_train", "is missing with a burst", "whole"),
        (
            "bursts_per_train = 10",
            "bursts_per_train = 10\npulses_per_train = 10",
            "pulses_per_train",
            "cannot stand with a burst",
            "bursts_per_train",
        ),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(
    old: str, new: str, field: str, wrong: str, allowed: str
) -> None:
    assert old in ITBS
    found = {m.field: m for m in mistakes(ITBS.replace(old, new, 1))}
    mistake = found[f"blocks[1].{field}"]
    assert wrong in mistake.wrong
    assert allowed in mistake.allowed


@pytest.mark.parametrize(
    ("new", "field", "wrong"),
    [
        ('{ lowest = "11", highest = "25", default = "26" }', "", "default 26 lies outside"),
        ('{ lowest = "25", highest = "11", default = "11" }', "", "lowest 25 is not below"),
        ('{ lowest = "11", highest = "25" }', ".default", "is missing"),
        ('{ lowest = 11.0, highest = "25", default = "11" }', ".lowest", "is a float"),
        ('{ lowest = "1", highest = "2", default = "1", step = 1 }', ".step", "unknown key"),
    ],
)
def test_a_wrong_range_is_told_at_its_own_field(new: str, field: str, wrong: str) -> None:
    old = '{ lowest = "11", highest = "25", default = "11" }'
    mistake = only_mistake(DASH.replace(old, new))
    assert mistake.field == f"blocks[1].interval.seconds{field}"
    assert wrong in mistake.wrong
    assert mistake.line == DASH.splitlines().index(f"seconds = {old}") + 1


@pytest.mark.parametrize(
    ("text", "field", "wrong"),
    [
        (ITBS.replace('name = "', 'nmae = "', 1), "nmae", "unknown key"),
        (ITBS.replace('id = "itbs-600"', 'id = "iTBS 600"'), "id", "cannot stand"),
        (ITBS.replace("[course]", "[corse]"), "corse", "unknown key"),
        (ITBS.replace("[course]", "[course]\ndays = 3"), "course.sessions_a_day", "beside days"),
        (ITBS.replace("[course]", "[course]\ndays = 3"), "course.sessions", "never typed"),
        (DASH.replace("[course]", "[course]\nsessions = 36"), "course.sessions", "never typed"),
        (DASH.replace("[course]", "[course]\nsessions_a_day = 2"), "course.minutes_between", "is"),
        (TWO_BLOCKS.replace('changeover_s = "60"\n', ""), "blocks[2].changeover_s", "is missing"),
        (
            ITBS.replace("trains = 20", 'trains = 20\nchangeover_s = "6"'),
            "blocks[1].changeover_s",
            "nothing comes before",
        ),
        (
            DASH.replace("trains = 75", "trains = { lowest = 1, highest = 75, default = 75 }"),
            "blocks[1].trains.lowest",
            "no interval",
        ),
        (
            ITBS.replace('seconds = "8"\nconvention = "nominal"', "").replace(
                "[blocks.interval]", ""
            ),
            "blocks[1].interval",
            "is missing between several trains",
        ),
        (ITBS.replace("[[blocks]]", "[blocks]"), "blocks", "cannot stand"),
        ("[[blocks]]\nmarks = 3\n", "blocks[1].marks", "cannot stand"),
        ("blocks = 3\n", "blocks", "cannot stand"),
        ("blocks = [1]\ncourse = 1\n", "blocks[1]", "cannot stand"),
    ],
)
def test_keys_that_do_not_belong_together_are_told(text: str, field: str, wrong: str) -> None:
    found = {m.field: m for m in mistakes(text)}
    assert wrong in found[field].wrong


def test_a_burst_longer_than_its_period_is_told_at_its_block() -> None:
    text = ITBS.replace('rate_hz = "5"', 'rate_hz = "25"')
    mistake = only_mistake(text)
    assert mistake.field == "blocks[1]"
    assert "burst must end" in mistake.wrong
    assert mistake.line == text.splitlines().index("[[blocks]]") + 1


def test_a_ramp_longer_than_its_block_is_told_and_a_right_one_is_read() -> None:
    ramp = '[blocks.ramp]\ntrains = {}\nstart = "4/5"\n\n[blocks.marks]\nramp = "ours"\n'
    long = ITBS.replace("[blocks.marks]\n", ramp.format(21))
    assert "ramp of 21 trains is longer" in only_mistake(long).wrong
    protocol = parse_protocol(ITBS.replace("[blocks.marks]\n", ramp.format(20)).encode(), "x")
    assert protocol.blocks[0].ramp is not None
    assert protocol.fix().blocks[0].pattern.ramp == protocol.blocks[0].ramp


def test_a_session_of_too_many_pulses_is_told() -> None:
    text = DASH.replace("pulses_per_train = 40", "pulses_per_train = 10000").replace(
        "trains = 75", "trains = 2000"
    )
    assert "a session of 20000000 pulses" in only_mistake(text).wrong


def test_operational_limits_can_be_stated() -> None:
    text = ITBS + "\n[delivery]\nlongest_pause_s = 60\nlatest_host_pulse_us = 500\n"
    fixed = parse_protocol(text.encode(), "x.toml").fix()
    assert (fixed.longest_pause_s, fixed.latest_host_pulse_us) == (60, 500)


@pytest.mark.parametrize(
    ("raw", "line", "wrong"),
    [
        (b"", 1, "is empty"),
        (b" \n\n", 1, "is empty"),
        (b'id = "a"\n\xff', 2, "0xff is not UTF-8"),
        (b"id = \n", 1, "is not TOML"),
        (b'id = "a"\nid = "b"\n', 2, "is not TOML"),
        (b'a = "\n', 1, "is not TOML"),
        (b'a = """\n\n', 3, "is not TOML"),
        (b"a = " + b"9" * 5000, 1, "is not TOML"),
        (b"a = " + b"[" * 5000, 1, "nested too deeply"),
        (b"#" * (MOST_BYTES + 1), None, "too large"),
        (b"\xef\xbb\xbfid = 1", 1, "is not TOML"),
    ],
)
def test_bytes_that_are_no_toml_are_told_with_their_line(
    raw: bytes, line: int | None, wrong: str
) -> None:
    with pytest.raises(ProtocolFileError) as error:
        parse_protocol(raw, "x.toml")
    (mistake,) = error.value.mistakes
    assert mistake.line == line
    assert wrong in mistake.wrong


# whole files and folders


def test_a_file_on_disk_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(ITBS)
    assert load_protocol(file).id == "itbs-600"


def test_what_is_no_readable_file_is_told(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # opening it would hang
    for path, wrong in (
        (tmp_path, "is a folder"),
        (tmp_path / "none.toml", "no such file"),
        (pipe, "no such file"),
        (Path("a\0b"), "no such file"),
    ):
        with pytest.raises(ProtocolFileError) as error:
            load_protocol(path)
        assert wrong in error.value.mistakes[0].wrong


def test_a_file_that_cannot_be_opened_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.toml"
    file.write_text(ITBS)

    def refuse(*_args: object, **_more: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ProtocolFileError, match="cannot be read: Permission denied"):
        load_protocol(file)


def test_a_folder_reports_the_mistakes_of_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "itbs-600.toml").write_text(ITBS)
    (tmp_path / "other.toml").write_text(ITBS)
    (tmp_path / "hf10.toml").write_text(DASH)
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "note.txt").write_text("not a protocol")
    with pytest.raises(ProtocolFileError) as error:
        load_folder(tmp_path)
    told = {m.file: m.wrong for m in error.value.mistakes}
    assert told == {
        "empty.toml": "is empty",
        "hf10.toml": "'hf10-dash' is not the file's name",
        "other.toml": "'itbs-600' is another protocol's id",
    }


# fuzzing


def read_or_refuse(raw: bytes) -> Protocol | None:
    """Anything but a protocol or our own error fails the test."""
    try:
        protocol = parse_protocol(raw, "fuzz.toml")
    except ProtocolFileError as error:
        lines = raw.count(b"\n") + 1
        for mistake in error.mistakes:
            assert mistake.wrong
            assert mistake.line is None or 1 <= mistake.line <= lines
        return None
    protocol.fix().schedule()
    return protocol


@given(st.sampled_from(NAMES), st.data())
def test_a_library_file_with_mutated_bytes_is_read_or_refused(
    name: str, data: st.DataObject
) -> None:
    raw = bytearray((LIBRARY / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        length = data.draw(st.integers(0, 12))
        raw[at : at + length] = data.draw(st.binary(max_size=6))
    read_or_refuse(bytes(raw))


_NUMBERS = ("0", "-1", "1.5", "nan", "inf", "9" * 30, "true", "1979-05-27")
_TEXTS = ('""', '"5/2"', '"x"', '"\\u0000"')
_NESTED = ("[]", "{}", "[[1]]", "{ lowest = 1, highest = 3, default = 2 }", "{ a = { b = 1 } }")
_VALUES = st.sampled_from(_NUMBERS + _TEXTS + _NESTED)


@given(st.sampled_from(NAMES), st.data())
def test_a_library_file_with_other_values_is_read_or_refused(
    name: str, data: st.DataObject
) -> None:
    rows = (LIBRARY / name).read_text(encoding="utf-8").splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(rows) - 1))
        key, equals, _value = rows[at].partition(" = ")
        if equals:
            rows[at] = f"{key} = {data.draw(_VALUES)}"
        else:
            del rows[at]
    read_or_refuse("\n".join(rows).encode())


@given(st.text(string.printable, max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert read_or_refuse(text.encode()) is None


def test_a_period_follows_from_the_printed_interval_and_its_meaning() -> None:
    gap = parse_protocol(ITBS.replace('"nominal"', '"gap"').encode(), "x.toml")
    assert gap.blocks[0].convention is Convention.GAP
    assert gap.fix().blocks[0].pattern.period_s == Fraction("9.84")
