"""`tms-console threshold simulate`: arguments, output, exit status."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from tms_console.cli import app

PROMISED = {
    "simulated", "method", "spread", "subjects", "seed", "wrong", "prior", "stimuli",
    "stop_half_width_pct", "not_found", "error_median_pct", "error_p95_pct", "error_p99_pct",
    "bias_pct", "stimuli_mean", "stimuli_p95", "coverage_pct", "half_width_pct",
    "threshold_mean_pct_mso", "threshold_sd_pct_mso", "threshold_p5_pct_mso",
    "threshold_p50_pct_mso", "threshold_p95_pct_mso",
}  # fmt: skip


def simulate(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["threshold", "simulate", "--processes", "1", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_its_json_has_what_the_help_promises() -> None:
    words = ["--spread", "wide", "--subjects", "20", "--stimuli", "9", "--prior", "last"]
    code, output, _ = simulate(*words, "--seed", "5", "--wrong", "0.1", "--json")
    said = json.loads(output)
    assert code == 0
    assert set(said) == PROMISED
    asked = ("method", "spread", "subjects", "seed", "wrong", "prior", "stimuli", "simulated")
    assert [said[name] for name in asked] == ["bayes", "wide", 20, 5, 0.1, "last", 9, True]
    assert (said["stop_half_width_pct"], said["stimuli_mean"]) == (None, 9.0)
    help_text = CliRunner().invoke(app, ["threshold", "simulate", "--help"]).stdout
    assert all(name in help_text for name in PROMISED)


def test_the_same_seed_says_the_same_and_another_one_does_not() -> None:
    first, again, other = (
        simulate("--subjects", "20", "--stimuli", "5", "--seed", seed, "--json")[1]
        for seed in ("1", "1", "2")
    )
    assert first == again != other


def test_the_stop_rule_is_in_percent() -> None:
    said = json.loads(simulate("--subjects", "20", "--stop", "9.5", "--json")[1])
    assert (said["stop_half_width_pct"], said["stimuli"]) == (9.5, None)
    assert 8.0 < said["half_width_pct"] <= 9.51


def test_a_person_reads_a_table_marked_simulated() -> None:
    code, output, _ = simulate("--method", "samt", "--subjects", "20")
    assert code == 0
    assert "SIMULATED" in output
    assert "Stochastic approximation, 20 virtual subjects, narrow spread" in output
    assert "truth in the 95 % interval" in output


def test_nothing_found_is_a_refusal_for_people_and_machines() -> None:
    code, output, errors = simulate("--subjects", "3", "--stimuli", "1", "--json")
    assert code == 1
    assert json.loads(output) == {"refused": "no acceptable threshold was found for anybody"}
    assert "no acceptable threshold" in errors


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--method", "guess"), "mills-nithi"),
        (("--spread", "huge"), "narrow, wide"),
        (("--stimuli", "5", "--stop", "5"), "exclude"),
        (("--wrong", "0.6"), "0.5"),
        (("--subjects", "0"), "equal to 1"),
    ],
)
def test_wrong_usage_is_named(words: tuple[str, ...], named: str) -> None:
    code, _, errors = simulate(*words)
    assert code == 2
    assert named in " ".join(errors.replace("│", " ").split())
