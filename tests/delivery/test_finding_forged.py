"""A threshold that says the console found it is what its series gives, or it is found out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protocols.threshold import Settings
from tests.delivery.finding import search, whole
from tests.delivery.test_treatment_gate import gathered, refused
from tests.delivery.treatments import Ready, make_ready, shortened
from tms_console.cli import app
from tms_console.clinic import series
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.measurement import Measurement
from tms_console.clinic.prescriptions import propose
from tms_console.clinic.series import measurement_of, read_series, record_series
from tms_console.clinic.series_check import thresholds_found_otherwise
from tms_console.clinic.thresholds import (
    as_reference,
    correct_threshold,
    record_found,
    record_threshold,
    threshold,
    thresholds_of,
)
from tms_console.records import storing
from tms_console.records.database import open_database


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path, short=True)


def found(ready: Ready) -> Measurement:
    """Return what an accepted search gives, not on record yet."""
    acts, _ = whole(43, Settings(highest_pct_mso=90))
    uid = search(ready, acts).result.session_uid
    with ready.trusting() as trusted:
        return measurement_of(read_series(trusted, ready.station.database, uid))


def rests_on(ready: Ready, uid: str) -> None:
    """Sign a prescription that rests on a threshold."""
    with ready.trusting() as trusted:
        reference = as_reference(threshold(trusted, uid))
    ready.made = shortened(ready.prescription(threshold=reference), 1)
    propose(ready.station, ready.technician, ready.made)
    ready.approve(ready.made)


def test_what_the_series_gives_is_believed_at_the_gate_and_by_verify(ready: Ready) -> None:
    measured = found(ready)
    rests_on(ready, record_series(ready.station, ready.technician, str(measured.session_uid)))
    assert "threshold" not in refused(gathered(ready))
    assert thresholds_found_otherwise(ready.station.database.path) == ()


@pytest.mark.parametrize(
    "forge",
    [
        lambda one: replace(one, value_pct_mso=one.value_pct_mso - 3),
        lambda one: replace(one, found=replace(one.found, low="1.0")),
        lambda one: replace(one, stimuli=one.stimuli[:-1]),
    ],
    ids=["value", "interval", "stimuli"],
)
def test_a_threshold_that_its_series_does_not_give_treats_nobody(
    ready: Ready, forge: object
) -> None:
    made = forge(found(ready))  # type: ignore[operator]
    uid = record_found(ready.station, ready.technician, made, ready.technician.user_uid)
    rests_on(ready, uid)
    assert "is not what was found" in refused(gathered(ready))["threshold"].sentence
    (one,) = thresholds_found_otherwise(ready.station.database.path)
    assert one.row == f"threshold {uid}"


def test_verify_on_the_command_line_names_it(ready: Ready) -> None:
    made = replace(found(ready), value_pct_mso=30)
    uid = record_found(ready.station, ready.technician, made, ready.technician.user_uid)
    path = str(ready.station.database.path)
    answer = CliRunner().invoke(app, ["records", "verify", path, "--json"])
    assert answer.exit_code == 1
    assert [one["row"] for one in json.loads(answer.stdout)["findings"]] == [f"threshold {uid}"]


def test_nobody_enters_or_corrects_to_a_value_that_the_console_found(ready: Ready) -> None:
    measured = found(ready)
    with pytest.raises(ClinicRefused, match="never entered"):
        record_threshold(ready.station, ready.technician, measured)
    with pytest.raises(ClinicRefused, match="never entered"):
        correct_threshold(
            ready.station, ready.technician, ready.threshold_uid, measured, "it looks better"
        )


def test_two_windows_at_one_moment_record_a_series_once(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other window writes between this one's look at the record and its own transaction."""
    uid = str(found(ready).session_uid)
    other = replace(ready.station, database=open_database(ready.station.database.path))
    recorded = list[str]()
    as_it_is = series.measurement_of

    def meanwhile(one: series.Series) -> Measurement:
        if not recorded:
            recorded.append("")
            recorded[0] = record_series(other, ready.physician, uid)
        return as_it_is(one)

    monkeypatch.setattr(series, "measurement_of", meanwhile)
    with pytest.raises(ClinicRefused, match="on record already"):
        record_series(ready.station, ready.technician, uid)
    with ready.trusting() as trusted:
        kept = [
            one.uid
            for one in thresholds_of(trusted, ready.patient_uid, all_records=True)
            if one.measured.session_uid == uid
        ]
    assert kept == recorded


def test_a_second_threshold_of_one_series_is_named_by_verify(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a program without the check inside the transaction may have written it."""
    measured = found(ready)
    record_found(ready.station, ready.technician, measured, ready.technician.user_uid)
    monkeypatch.setattr(storing, "_require_first_of_series", lambda *_: None)
    second = record_found(ready.station, ready.technician, measured, ready.technician.user_uid)
    (one,) = thresholds_found_otherwise(ready.station.database.path)
    assert (one.row, "same series" in one.sentence) == (f"threshold {second}", True)


def test_who_looked_for_it_measured_it_whoever_records_it(ready: Ready) -> None:
    uid = record_series(ready.station, ready.physician, str(found(ready).session_uid))
    with ready.trusting() as trusted:
        one = threshold(trusted, uid)
    assert one.operator_uid == ready.technician.user_uid
