"""QA compares what the design demands with what a real run brought, and saves it with a digest."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.simulator.faults import FaultName
from protocols.protocol import load_library
from tms_console.delivery.controls import Controls
from tms_console.delivery.order import EmulatorOrder
from tms_console.delivery.pipe import Over
from tms_console.delivery.process import over_message
from tms_console.delivery.session import run_session
from tms_console.delivery.surroundings import Surroundings
from tms_console.screens.qa import (
    UNSEEN,
    PlannedRun,
    QaRefused,
    QaRequest,
    QaResult,
    options,
    plan,
    result_of,
)
from tms_console.screens.qa_report import report_is_whole, report_text, report_values, save_report

ITBS = QaRequest("itbs-600", 45, "magpro", seed=3)


def planned(folder: Path, request: QaRequest = ITBS) -> PlannedRun:
    return plan(request, folder / "rehearsals.db", folder)


def run(folder: Path, request: QaRequest = ITBS) -> QaResult:
    made = planned(folder, request)
    around = Surroundings(controls=Controls(), publish=lambda _: None, software_version="test")
    return result_of(made, over_message(run_session(made.order, around)))


def test_everything_that_can_be_chosen_can_be_planned(tmp_path: Path) -> None:
    offered = options()
    assert {key for key, _ in offered.faults} == set(FaultName)
    for device, _ in offered.devices:
        made = planned(tmp_path, replace(ITBS, device=device))
        assert isinstance(made.order.device, EmulatorOrder)
        assert made.order.kind == "rehearsal"
    assert [key for key, _ in offered.protocols] == list(load_library())


def test_a_run_without_faults_delivers_everything_and_the_device_agrees(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.passed, result.checks
    assert result.fired == 600
    assert result.verification is not None
    assert result.verification.sound
    assert result.lateness_us is not None


@pytest.mark.parametrize("name", list(FaultName))
@pytest.mark.parametrize("protocol_id", ["itbs-600", "hf10-dash"])
def test_every_named_fault_comes_out_as_the_design_says(
    tmp_path: Path, name: FaultName, protocol_id: str
) -> None:
    """The expectations are rules: nothing lost, nothing invented, and the right end."""
    request = replace(ITBS, protocol_id=protocol_id, faults=(f"{name}@20",))
    result = run(tmp_path, request)
    wrong = [one for one in result.checks if not one.agrees]
    assert result.passed, wrong


ON_RAPID = replace(ITBS, protocol_id="hf10-dash", device="super-rapid2")


@pytest.mark.parametrize("name", [FaultName.COIL_HOT, FaultName.HANG, FaultName.PANEL_CHANGE])
def test_a_device_that_reports_nothing_comes_out_as_the_design_says(
    tmp_path: Path, name: FaultName
) -> None:
    assert name not in UNSEEN
    result = run(tmp_path, replace(ON_RAPID, faults=(f"{name}@20",)))
    assert result.passed, [one for one in result.checks if not one.agrees]
    assert not dict(result.evidence).get("reported")


def test_what_shows_nowhere_is_not_compared(tmp_path: Path) -> None:
    with pytest.raises(QaRefused, match="reports no pulse: what drop pulse does cannot be"):
        planned(tmp_path, replace(ON_RAPID, faults=("drop_pulse@20",)))


def test_a_fault_after_the_last_pulse_changes_nothing(tmp_path: Path) -> None:
    made = planned(tmp_path, replace(ITBS, faults=("hang@601",)))
    assert made.expected.state == "completed"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"protocol_id": "none"}, "no protocol"),
        ({"device": "toaster"}, "no device"),
        ({"faults": ("explode@3",)}, "no fault"),
        ({"faults": ("hang@0",)}, "before the first pulse"),
        ({"threshold_pct_mso": 99}, "%MSO"),
    ],
)
def test_what_cannot_be_run_is_refused_in_a_sentence(
    tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    with pytest.raises(QaRefused, match=sentence):
        planned(tmp_path, replace(ITBS, **change))  # type: ignore[arg-type]


def test_a_run_that_never_began_does_not_pass(tmp_path: Path) -> None:
    over = Over("", None, "the disk is full", (), True, 0)
    result = result_of(planned(tmp_path), over)
    assert not result.passed
    assert "the disk is full" in result.checks[0].seen
    assert report_values(result, "Q. Somebody", "2026-11-20T09:00:00Z")["verified"] is None


def test_a_pulse_that_the_record_does_not_have_fails_the_run(tmp_path: Path) -> None:
    """The one thing that QA is for: the device fired, and the record says nothing of it."""
    made = planned(tmp_path)
    around = Surroundings(controls=Controls(), publish=lambda _: None, software_version="test")
    over = over_message(run_session(made.order, around))
    lines = made.pulse_log.read_text("ascii").splitlines()
    made.pulse_log.write_text("\n".join([*lines, lines[-1], ""]), "ascii")
    result = result_of(made, over)
    assert [one.what for one in result.checks if not one.agrees] == ["The device's own log"]
    unsaved = result_of(made, replace(over, saved=False))
    assert "Everything saved" in [one.what for one in unsaved.checks if not one.agrees]


def test_a_damaged_record_fails_the_run(tmp_path: Path) -> None:
    made = planned(tmp_path)
    around = Surroundings(controls=Controls(), publish=lambda _: None, software_version="test")
    over = over_message(run_session(made.order, around))
    import sqlite3  # noqa: PLC0415 - for this test alone

    with sqlite3.connect(tmp_path / "rehearsals.db") as connection:
        for trigger in ("pulse", "train", "session", "audit"):
            names = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?",
                (trigger,),
            ).fetchall()
            for (name,) in names:
                connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE pulse SET intensity_pct_mso = 99 WHERE number = 5")
    connection.close()
    result = result_of(made, over)
    assert "Record verified" in [one.what for one in result.checks if not one.agrees]


def test_a_single_pulse_that_was_dropped_was_not_given(tmp_path: Path) -> None:
    """The stimulator's counter says so of one pulse; of a train's it cannot say which."""
    one_by_one = replace(ITBS, protocol_id="lf1-right", faults=("drop_pulse@20",))
    result = run(tmp_path, one_by_one)
    assert result.passed, result.checks
    assert result.run.expected.delivered == 19
    (tmp_path / "second").mkdir()
    assert run(tmp_path / "second", replace(one_by_one, faults=("hang@20",))).passed


def test_a_report_has_versions_seed_and_a_digest_that_finds_every_change(tmp_path: Path) -> None:
    result = run(tmp_path, replace(ITBS, faults=("drop_pulse@20",)))
    saved = save_report(tmp_path, result, "Q. Somebody", "2026-11-20T09:00:00Z")
    text = saved.json_path.read_text("utf-8")
    values = json.loads(text)
    assert values["seed"] == 3
    assert values["faults"] == ["drop_pulse@20"]
    assert values["versions"]["tms_console"]
    assert values["simulated"] is True
    assert values["digest"] == saved.digest
    assert report_is_whole(text)
    assert not report_is_whole(text.replace("Q. Somebody", "Z. Somebody"))
    assert not report_is_whole("[]")
    words = saved.text_path.read_text("utf-8")
    assert words.startswith("SIMULATED")
    assert saved.digest in words
    assert "drop_pulse@20" in words
    assert stat.S_IMODE(saved.json_path.stat().st_mode) == 0o600


def test_a_saved_report_is_never_overwritten(tmp_path: Path) -> None:
    result = run(tmp_path)
    save_report(tmp_path, result, "Q. Somebody", "2026-11-20T09:00:00Z")
    with pytest.raises(FileExistsError):
        save_report(tmp_path, result, "Q. Somebody", "2026-11-20T09:00:00Z")


def test_a_report_says_in_words_that_something_differs(tmp_path: Path) -> None:
    result = run(tmp_path)
    bad = replace(result, checks=(replace(result.checks[0], agrees=False), *result.checks[1:]))
    words = report_text(report_values(bad, "Q. Somebody", "2026-11-20T09:00:00Z"))
    assert "DIFFERS" in words
