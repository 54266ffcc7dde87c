"""A search for a threshold on a Magstim: whose word the coil is, and what nobody reviewed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drivers.simulator.proof import Proof
from protocols.finding_content import Aim, FindingContent, Seen
from protocols.finding_log import Placed
from protocols.policy import LONGEST_INTERVAL_S, FinderRole, ThresholdFinding
from protocols.terms import Side, ThresholdKind
from protocols.threshold import Answer
from tests.delivery import finding
from tests.delivery.finding import Operator, answer, give, ordered, say, set_to
from tests.delivery.magstim_sessions import MagstimRehearsal
from tests.delivery.sessions import bursts, pulses_on_record, rows
from tests.delivery.test_magstim_treatments import require_nothing, reviewed
from tests.delivery.treatments import Ready, make_ready
from tms_console.delivery import finding_runner
from tms_console.delivery.asked_of_device import why_no_unit
from tms_console.delivery.order import EmulatorOrder


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path, short=True)


def search(ready: Ready, variant: str, faults: tuple[str, ...] = ()) -> MagstimRehearsal:
    """Two stimuli on a Magstim that cannot prove that it is simulated, then STOP."""
    acts = [set_to(50), say(Placed(0, 0)), give, answer(Answer.STILL), set_to(55), give]
    made = ordered(ready, [*acts, answer(Answer.MOVED)])
    order = made.order(None)  # type: ignore[arg-type]
    device = EmulatorOrder(name=variant, virtual=True, faults=faults)
    operator = made.publish
    assert isinstance(operator, Operator)
    run = MagstimRehearsal(
        content=bursts(),
        database=made.database,
        variant=variant,
        order=lambda _: replace(order, device=device),
        challenge=made.challenge,
        controls=made.controls,
        publish=operator,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding_runner, "PERSON_S", 0.0005)
        patch.setattr(finding, "LEAD_NS", 1_750_000_000)  # setting and arming take it longer
        patch.setattr(Proof, "built_here", lambda _device: None)
        return run.run()


def test_a_real_magstim_that_nobody_reviewed_looks_for_no_threshold(ready: Ready) -> None:
    done = search(ready, "super-rapid2")
    require_nothing(done)
    assert "has not been reviewed" in done.result.reason


def test_a_search_takes_the_technicians_word_for_the_coil(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewed(monkeypatch)
    done = search(ready, "super-rapid2")
    assert done.state == "stopped", done.result.reason
    who = ready.technician.enrolment.name
    uid = done.result.session_uid
    coil = rows(done.database, "SELECT coil FROM session WHERE uid = ?", uid)
    assert coil == [(f"figure-8 (stated by {who}, not read)",)]
    given = pulses_on_record(done.database, uid)
    assert [(one.intensity_pct_mso, one.evidence) for one in given] == [
        (50, "acknowledged"),
        (55, "acknowledged"),
    ]
    assert [one.intensity_pct_mso for one in done.emulator.fired] == [50, 55]


@pytest.mark.parametrize("amount", ["+15", "-1"])
def test_an_intensity_that_changes_with_a_stimulus_is_read_back_after_it(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, amount: str
) -> None:
    """A Magstim reports no di/dt: only its own numbers can show it."""
    reviewed(monkeypatch)
    done = search(ready, "super-rapid2", (f"wrong_intensity:{amount}@1",))
    assert done.state == "failed"
    assert len(done.emulator.fired) == 1
    assert "50 to" in done.result.reason or "was set to 50 %MSO" in done.result.reason


def test_a_unit_that_charges_longer_than_the_policys_interval_is_refused_before(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewed(monkeypatch)
    done = search(ready, "magstim200")
    require_nothing(done)
    assert "after up to 90 %MSO it needs 4.1 s" in done.result.reason


def test_a_policy_that_asks_for_a_minute_between_stimuli_is_kept_by_a_magstim() -> None:
    """A unit would disarm itself in such a rest; a search has it disarmed until the next order."""
    bounds = ThresholdFinding(60, LONGEST_INTERVAL_S, 20, (FinderRole.TECHNICIAN,))
    aim = Aim(ThresholdKind.RESTING_HAND, "right APB", Side.LEFT, "figure-8", Seen.EMG)
    for driver in ("rapid2", "bistim2", "magstim200"):
        assert why_no_unit(driver, FindingContent(aim, bounds)) == ""
