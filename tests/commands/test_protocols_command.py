"""`protocols list`, `show` and `check`, as people and machines meet them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from protocols.pattern import BlockPattern, Burst, Convention, Interval, Train
from protocols.protocol import load_library
from protocols.schedule import schedule_session
from tests.protocols.strategies import patterns, ratios, trains
from tms_console.commands.drawing import ASCII, UNICODE, draw_burst, draw_session, draw_train
from tms_console.commands.protocols import app

ITBS = (files("protocols.library") / "itbs-600.toml").read_text(encoding="utf-8")
THETA = Train(10, Fraction(5), Burst(3, Fraction(50)))


def run(*arguments: str, columns: int = 80) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": str(columns)})


def from_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


# list


def test_the_list_fits_80_columns_and_names_every_protocol() -> None:
    result = run("list")
    assert result.exit_code == 0
    for protocol_id in load_library():
        assert protocol_id in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "360-1,800" in result.stdout
    assert "leg rMT" in result.stdout


def test_the_list_for_machines_has_the_computed_numbers() -> None:
    rows = {row["id"]: row for row in from_json("list")}
    assert len(rows) == 12
    assert rows["itbs-600"]["pulses"] == 600
    assert rows["itbs-600"]["duration_planned_s"] == 191.84
    assert rows["h1-18hz"]["duration_planned_s"] == pytest.approx(1189.9444, abs=1e-4)
    assert rows["lf1-right"]["pulses_highest"] == 1800
    assert rows["hf10-dash"]["open_choices"] == ["blocks[1].interval.seconds"]


# show


@pytest.mark.parametrize("protocol_id", list(load_library()))
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_every_protocol_is_shown_within_the_width_of_the_terminal(
    protocol_id: str, columns: int
) -> None:
    result = run("show", protocol_id, "--threshold", "45", columns=columns)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= min(columns, 100)
    assert all(line == line.rstrip() for line in lines)
    assert "%MSO, effectively" in re.sub(r"\s+", " ", result.stdout)


def test_show_tells_interval_period_printed_times_counts_duty_and_marks() -> None:
    text = re.sub(r"\s+", " ", run("show", "itbs-600", "--threshold", "45").stdout)
    for told in (
        "8 s as printed (nominal:",
        "a train every 10 s from onset to onset",
        "gap 3:08.8, nominal 3:12, cycle 3:20",
        "600 pulses in 20 trains, 3:11.84 (191.84 s) first to last pulse",
        "20 % of each period",
        "at 45 %MSO: 54 %MSO, effectively 120 %",
        "recalled: pct_mt",
        "FDA K173620, K201158",
        "covers theta burst (no data)",
        "to be checked by a person",
    ):
        assert told in text


def test_show_tells_of_ranges_provocation_depth_and_change_over() -> None:
    assert "11-25 s may be prescribed" in run("show", "hf10-dash").stdout
    lf1 = run("show", "lf1-right").stdout
    assert "360-1800 in the train may be prescribed" in lf1
    assert "110 % in a rehearsal" in lf1
    assert "symptom provocation (mandatory)" in run("show", "ocd-20hz").stdout
    assert "3 %MSO/mm" in run("show", "itbs-1800-snt").stdout
    assert "50 minutes between" in run("show", "itbs-1800-snt").stdout
    assert "60 s after the block before; the coil is moved" in run("show", "bilateral-seq").stdout
    assert "[recalled]" in run("show", "hf10-standard").stdout


def test_show_for_machines_has_exact_ratios_findings_and_the_dose() -> None:
    shown = from_json("show", "hf10-standard", "--threshold", "38")
    assert shown["intensity_pct_mso"] == [46]
    assert shown["effective_pct_mt"] == ["2300/19"]
    assert shown["blocks"][0]["rate_hz"] == "10/1"
    assert shown["blocks"][0]["printed_times_s"] == {
        "gap": 2216.5,
        "nominal": 2224.0,
        "cycle": 2250.0,
    }
    codes = {finding["code"]: finding for finding in shown["findings"]}
    assert codes["train-outside-chen"]["level"] == "caution"
    assert "recalled" in codes["train-outside-chen"]["checking"]
    without = from_json("show", "hf10-standard")
    assert without["intensity_pct_mso"] is None
    assert "rounded-up" not in {finding["code"] for finding in without["findings"]}


def test_a_threshold_at_which_the_dose_is_out_of_reach_is_a_refusal_that_says_what_could_be() -> (
    None
):
    result = run("show", "itbs-600", "--threshold", "84")
    assert result.exit_code == 1
    text = re.sub(r"\s+", " ", result.stdout)
    assert "100.8 %MSO" in text
    assert "The highest that could be prescribed is 119 %MT" in text
    assert from_json("show", "itbs-600", "--threshold", "84")["findings"][0]["level"] == "block"


def test_an_unknown_id_is_a_refusal_that_names_the_nearest() -> None:
    result = run("show", "itbs-60")
    assert result.exit_code == 1
    assert "Did you mean itbs-600?" in result.stderr
    assert "protocols list" in run("show", "zzz").stderr
    assert "itbs-600" in from_json("show", "itbs-60")["known"]


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("show", "itbs-600", "--threshold", "0"), ("list", "--nonsense"), ("check",)],
)
def test_wrong_usage_is_exit_status_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


# check


def test_a_right_file_is_summarised(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(ITBS)
    result = run("check", str(file))
    assert result.exit_code == 0
    assert result.stdout.startswith("mine.toml: no mistakes.")
    assert "THE SESSION" in result.stdout
    assert from_json("check", str(file))["usable"] is True


def test_a_wrong_file_has_every_mistake_printed_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        ITBS.replace('side = "left"', 'side = "lfet"').replace("trains = 20", "trian = 2")
    )
    result = run("check", str(file))
    assert result.exit_code == 1
    assert not result.stdout
    for told in ("blocks[1].side", "'lfet'", "blocks[1].trian", "blocks[1].trains", "3 mistakes"):
        assert told in result.stderr
    told = from_json("check", str(file))
    assert told["usable"] is False
    assert {m["field"] for m in told["mistakes"]} == {
        "blocks[1].side",
        "blocks[1].trian",
        "blocks[1].trains",
    }


def test_a_file_that_is_not_there_is_a_refusal(tmp_path: Path) -> None:
    result = run("check", str(tmp_path / "none.toml"))
    assert result.exit_code == 1
    assert "there is no such file" in result.stderr
    assert "1 mistake;" in result.stderr


def test_a_file_with_a_ramp_and_a_dose_above_200_percent_can_be_shown(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    ramp = '[blocks.ramp]\ntrains = 4\nstart = "4/5"\n\n[blocks.marks]\nramp = "ours"\n'
    text = ITBS.replace("[blocks.marks]\n", ramp).replace('pct_mt = "120"', 'pct_mt = "210"')
    file.write_text(text)
    result = run("check", str(file))
    assert result.exit_code == 0
    assert "from 80 % to 100 % over 4 trains" in result.stdout
    assert "override" in result.stdout


def test_a_file_that_lies_within_every_limit_is_told_without_findings(tmp_path: Path) -> None:
    text = (files("protocols.library") / "hf10-standard.toml").read_text(encoding="utf-8")
    file = tmp_path / "mild.toml"
    file.write_text(text.replace('pct_mt = "120"', 'pct_mt = "100"'))
    result = run("check", str(file))
    assert result.stdout.split("published limits")[1].strip() == "none"


# the drawings


def test_the_theta_burst_train_is_drawn_as_ten_groups_of_three() -> None:
    drawing = draw_train(THETA, 76)
    (marks,) = drawing.marks
    assert marks.split() == ["│││"] * 10
    assert "wider than to scale" in drawing.remark
    assert drawing.axis[1].split("  ")[0] == "0 s"


def test_one_burst_is_drawn_to_scale_in_milliseconds() -> None:
    drawing = draw_burst(THETA, 40)
    positions = [k for k, mark in enumerate(drawing.marks[0]) if mark == "│"]
    assert positions == [0, 12, 24]
    assert drawing.axis[1].split() == ["0", "ms", "20", "ms", "40", "ms"]


def test_a_long_train_is_drawn_in_part_and_says_so() -> None:
    drawing = draw_train(Train(360, Fraction(1)), 76)
    assert drawing.marks[0].endswith("…")
    assert drawing.remark == "the first 74 of 360 pulses"


def test_long_bursts_become_one_tick_and_say_so() -> None:
    drawing = draw_train(Train(3, Fraction(1), Burst(30, Fraction(50))), 40)
    assert drawing.marks[0].count("│") == 3
    assert "one tick stands for a whole burst" in drawing.remark


def test_the_session_strip_marks_every_train_at_equal_rests() -> None:
    pattern = BlockPattern(THETA, 20, Interval(Fraction(8), Convention.NOMINAL))
    drawing = draw_session(schedule_session([(pattern, Fraction(0))]), 76)
    assert drawing.marks == ("0:00 " + "··".join(["▌"] * 20),)
    assert "180 s" in drawing.axis[1]


def test_a_session_of_very_many_lines_is_drawn_coarser() -> None:
    quick = BlockPattern(Train(2, Fraction(10)), 200, Interval(Fraction(1, 10), Convention.GAP))
    schedule = schedule_session([(quick, Fraction(0)), (quick, Fraction(3600))])
    assert len(draw_session(schedule, 76).marks) == 24


def test_a_single_continuous_train_fills_the_strip() -> None:
    drawing = draw_session(
        schedule_session([(BlockPattern(Train(360, Fraction(1))), Fraction(0))]), 76
    )
    assert set(drawing.marks[0].removeprefix("0:00 ")) == {"█"}


def test_a_single_pulse_can_be_drawn() -> None:
    pulse = Train(1, Fraction(1))
    assert draw_train(pulse, 40).marks == ("│",)
    strip = draw_session(schedule_session([(BlockPattern(pulse), Fraction(0))]), 40)
    assert strip.marks == ("0:00 ▌",)


@given(trains(), st.integers(20, 120))
def test_a_drawn_train_fits_its_width(train: Train, width: int) -> None:
    for drawing in (draw_train(train, width), draw_train(train, width, ASCII)):
        assert len(drawing.marks[0]) <= width
        assert drawing.marks[0].strip()
    assert len(draw_burst(train, width).marks[0]) <= width


@given(st.lists(st.tuples(patterns(), ratios), min_size=1, max_size=3), st.integers(30, 120))
def test_a_drawn_session_fits_its_width_and_begins_with_a_train(
    drawn: list[tuple[BlockPattern, Fraction]], width: int
) -> None:
    blocks = [(p, s if k else Fraction(0)) for k, (p, s) in enumerate(drawn)]
    drawing = draw_session(schedule_session(blocks), width, UNICODE)
    assert len(drawing.marks) <= 26
    assert max(map(len, drawing.marks)) <= width
    assert drawing.marks[0].split(" ")[-1][0] in "▌█"


# as a program


def in_subprocess(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    program = "from tms_console.commands.protocols import app; app()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
        timeout=50,
    )


def test_piped_output_has_no_colour_codes_and_no_character_the_terminal_lacks() -> None:
    done = in_subprocess("show", "itbs-600", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout
    assert b"|||" in done.stdout
    assert done.stdout.isascii()


def test_no_color_is_honoured_where_colour_would_be_used() -> None:
    coloured = in_subprocess("list", FORCE_COLOR="1", TERM="xterm-256color")
    plain = in_subprocess("list", FORCE_COLOR="1", NO_COLOR="1", TERM="xterm-256color")
    assert b"\x1b[1;36m" in coloured.stdout
    assert b"36m" not in plain.stdout


def test_importing_the_commands_imports_nothing_heavy() -> None:
    """`tms-console --version` must start in 0.4 s."""
    program = (
        "import sys, tms_console.commands.protocols; "
        "print([m for m in ('numpy', 'pydantic', 'rfc8785', 'protocols') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
