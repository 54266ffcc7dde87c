"""What somebody else does beside a search that runs forbids its next stimulus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from protocols.threshold import Answer
from tests.clinic.prescribing import secret
from tests.delivery.finding import answer, give, search, set_to
from tests.delivery.treatments import Ready, ago, make_ready
from tms_console.accounts.users import deactivate
from tms_console.clinic.adverse_event import AdverseEvent, What
from tms_console.clinic.adverse_events import record_adverse_event
from tms_console.clinic.policies import policy_in_force, withdraw_policy
from tms_console.clinic.verdicts import Decision


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path, short=True)


def seizure(ready: Ready) -> None:
    event = AdverseEvent(ready.patient_uid, What.SEIZURE, 4, ago(minutes=1))
    record_adverse_event(ready.station, ready.technician, event)


def signer_left(ready: Ready) -> None:
    deactivate(ready.station, ready.clinic.administrator, ready.physician.user_uid, "left")


def finder_left(ready: Ready) -> None:
    deactivate(ready.station, ready.clinic.administrator, ready.technician.user_uid, "left")


def withdrawn(ready: Ready) -> None:
    with ready.trusting() as trusted:
        held = policy_in_force(trusted, ready.station.wall())
    assert held is not None
    told = Decision(held.policy.uid, held.policy.digest(), comment="another is coming")
    withdraw_policy(ready.station, ready.physician, told, *secret(ready.physician))


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (seizure, "on hold"),
        (signer_left, "policy was withdrawn"),
        (finder_left, "was deactivated"),
        (withdrawn, "policy was withdrawn"),
    ],
    ids=["seizure", "signer", "finder", "policy"],
)
def test_the_next_stimulus_is_not_given(
    ready: Ready, happens: Callable[[Ready], None], why: str
) -> None:
    def beside(_controls: object, _snapshot: object) -> bool:
        happens(ready)
        return True

    run = search(ready, [set_to(50), give, answer(Answer.MOVED), beside, give])
    assert len(run.commands) == 1
    assert run.state == "failed"
    assert why in run.result.reason
