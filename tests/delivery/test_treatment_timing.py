"""The gate's look before every train costs no train its time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.delivery.sessions import Rehearsal, require_honest
from tests.delivery.treatments import Ready, make_ready, run_as_real
from tms_console.accounts.station import Station
from tms_console.delivery.gate import CheckResult
from tms_console.delivery.treatment import TreatmentAuthority

S = 1_000_000_000
PERIOD_NS = 4 * S + 240_000_000
"""From one train to the next: two bursts, 240 ms from first to last pulse, then 4 s."""


def with_slow_looks(ready: Ready, look_s: float, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    """Run a session in which every look at the record takes so long, by its own clock."""
    run = ready.session()
    true = TreatmentAuthority.again

    def again(self: TreatmentAuthority) -> tuple[CheckResult, ...]:
        run.be_away(round(look_s * S))
        return true(self)

    monkeypatch.setattr(TreatmentAuthority, "again", again)
    return run_as_real(run)


def starts(done: Rehearsal) -> list[int]:
    return [one.at_ns for one in done.commands]


@pytest.mark.parametrize("look_s", [0.0, 0.5, 0.9])
def test_a_look_of_up_to_a_second_makes_no_train_late(
    tmp_path: Path, look_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """25,000 records take 0.13 s; the checks have their own time before each train."""
    done = with_slow_looks(make_ready(tmp_path, short=True), look_s, monkeypatch)
    assert done.state == "completed"
    first, second, third = starts(done)
    assert [second - first, third - second] == [PERIOD_NS, PERIOD_NS]
    assert not any("later than planned" in one for one in done.events("timing"))


def test_a_look_slower_than_that_shortens_no_rest_and_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every train waits until the gate has answered; the record says by how much."""
    done = with_slow_looks(make_ready(tmp_path, short=True), 3.0, monkeypatch)
    assert done.state == "completed"
    first, second, third = starts(done)
    assert second - first > PERIOD_NS
    assert third - second > PERIOD_NS
    late = [one for one in done.events("timing") if "the checks took longer" in one]
    assert len(late) == 3
    require_honest(done)


def test_the_whole_record_is_looked_at_only_if_somebody_wrote_what_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    true: Callable[[Station], object] = Station.trusting

    def counted(self: Station) -> object:
        looks.append(1)
        return true(self)

    run = make_ready(tmp_path, short=True).session()
    monkeypatch.setattr(Station, "trusting", counted)
    done = run_as_real(run)
    assert done.state == "completed"
    assert len(looks) == 2, "before the session, and before its first train"
