"""Going on from a session that ended early: where it begins, and when it may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from protocols.prescription import SessionContent, rehearsal_content
from protocols.protocol import load_library
from tests.delivery.plans import MS
from tests.delivery.sessions import rows
from tms_console import main
from tms_console.delivery import pipe
from tms_console.delivery.order import EmulatorOrder
from tms_console.delivery.plan import Plan, plan_session, resumed_plan
from tms_console.delivery.resume import CannotResume, resumption
from tms_console.records.database import open_database
from tms_console.records.lineage import GivenPulse, NoSuchSession, PastSession, session_chain
from tms_console.records.queries import session_pulses
from tms_console.records.verify import verify

TODAY = datetime(2026, 11, 22, 13).astimezone()
NOON = datetime(2026, 11, 22, 12).astimezone().isoformat()


def content(protocol: str) -> SessionContent:
    return rehearsal_content(load_library()[protocol], 45)


def plan(protocol: str) -> Plan:
    return plan_session(content(protocol), waits_between_blocks=False, checking_s=1.0, arming_s=0.4)


def past(*given: tuple[int, int | None], **changed: object) -> PastSession:
    session = PastSession(
        uid="first",
        kind="rehearsal",
        state="stopped",
        started_at=NOON,
        authority_digest="digest",
        resumed_by=None,
        given=tuple(GivenPulse(number, train, planned=True) for number, train in given),
    )
    return replace(session, **changed)  # type: ignore[arg-type]


def rehearse(folder: Path, protocol: str, *faults: str, resumes: str | None = None) -> pipe.Over:
    device = EmulatorOrder(name="magpro", virtual=True, faults=faults)
    order = main.rehearsal_order(content(protocol), folder / "r.db", device, resumes)
    return main.run_here(order, lambda _: None)


def test_a_session_goes_on_with_the_first_train_that_nothing_was_given_of(tmp_path: Path) -> None:
    """A partly delivered train is not repeated: its patient had part of it already."""
    first = rehearse(tmp_path, "itbs-600", "coil_removed@100")
    second = rehearse(tmp_path, "itbs-600", resumes=first.session_uid)
    assert (first.state, second.state) == ("failed", "completed")
    assert (second.planned_pulses, second.planned_ns) == (480, 151_840_000_000)
    database = open_database(tmp_path / "r.db")
    pulses = session_pulses(database, second.session_uid)
    assert pulses.number.tolist() == list(range(121, 601))
    assert pulses.planned_ns[:4].tolist() == [0, 20_000_000, 40_000_000, 200_000_000]
    assert sorted(set(pulses.train.tolist())) == list(range(5, 21))
    (newest, oldest) = session_chain(database, second.session_uid)
    assert (newest.uid, oldest.uid) == (second.session_uid, first.session_uid)
    assert oldest.resumed_by == second.session_uid
    assert verify(tmp_path / "r.db").sound


def test_a_train_at_1_hz_goes_on_after_its_last_unknown_pulse(tmp_path: Path) -> None:
    first = rehearse(tmp_path, "lf1-right", "hang@100")
    second = rehearse(tmp_path, "lf1-right", resumes=first.session_uid)
    third = rehearse(tmp_path, "lf1-right", resumes=second.session_uid)
    database = open_database(tmp_path / "r.db")
    begun = session_pulses(database, first.session_uid)
    rest = session_pulses(database, second.session_uid)
    assert begun.outcome[-1] == "unknown"
    assert rest.number.tolist() == list(range(101, 361))
    assert int(rest.planned_ns[0]) == 0
    assert third.session_uid == ""
    assert "was completed" in third.reason


def test_one_long_train_cannot_be_resumed(tmp_path: Path) -> None:
    first = rehearse(tmp_path, "ctbs-600", "panel_change@50")
    again = rehearse(tmp_path, "ctbs-600", resumes=first.session_uid)
    assert again.session_uid == ""
    assert "never repeated" in again.reason


def test_a_session_is_resumed_once_and_unchanged(tmp_path: Path) -> None:
    first = rehearse(tmp_path, "itbs-600", "interlock_open@31")
    other = rehearse(tmp_path, "itbs-1800-snt", resumes=first.session_uid)
    second = rehearse(tmp_path, "itbs-600", "interlock_open@31", resumes=first.session_uid)
    again = rehearse(tmp_path, "itbs-600", resumes=first.session_uid)
    third = rehearse(tmp_path, "itbs-600", resumes=second.session_uid)
    assert "resume it unchanged" in other.reason
    assert "already goes on from it" in again.reason
    assert (third.state, third.planned_pulses) == ("completed", 600 - 60 - 60)
    chain = session_chain(open_database(tmp_path / "r.db"), third.session_uid)
    given = [pulse.number for one in chain for pulse in one.given]
    assert len(given) == len(set(given)) <= 600


def test_a_session_that_is_not_on_record_cannot_be_resumed(tmp_path: Path) -> None:
    rehearse(tmp_path, "ctbs-600")
    unknown = rehearse(tmp_path, "ctbs-600", resumes="01a204ac-54c5-73e5-8a90-9055e0f56987")
    assert unknown.session_uid == ""
    assert "there is no session" in unknown.reason
    with pytest.raises(NoSuchSession):
        session_chain(open_database(tmp_path / "r.db"), "nobody")


def test_the_trains_of_the_whole_chain_count() -> None:
    chain = (past((61, 3), uid="second"), past((1, 1), (31, 2)))
    point = resumption(chain, plan("itbs-600").shots, "digest", TODAY)
    assert (point.first_shot, point.given) == (3, 3)


def test_a_session_of_which_nothing_was_given_begins_anew() -> None:
    point = resumption((past(),), plan("itbs-600").shots, "digest", TODAY)
    assert (point.first_shot, point.given) == (0, 0)


UNIX_NS = round(TODAY.timestamp()) * 1_000_000_000
S = 1_000_000_000


@pytest.mark.parametrize(
    ("given_ago_s", "not_before_s"),
    [(3, 5.16), (8.16, 0), (600, -591.84), (-900, 8.16)],
    ids=["rests on", "just over", "long over", "a pulse of the future counts as now"],
)
def test_the_rest_after_the_last_pulse_is_kept_over_a_stop(
    given_ago_s: float, not_before_s: float
) -> None:
    """Theta burst of 1.84 s every 10 s: 8.16 s of rest; a fast rehearsal lies in the future."""
    last_ns = UNIX_NS - round(given_ago_s * 1e9)
    chain = (past((1, 1), (30, 1), last_given_unix_ns=last_ns),)
    point = resumption(chain, plan("itbs-600").shots, "digest", TODAY)
    assert point.first_shot == 1
    assert point.not_before_unix_ns - UNIX_NS == pytest.approx(not_before_s * 1e9, abs=MS)


def test_the_latest_pulse_of_the_whole_chain_counts_for_the_rest() -> None:
    chain = (
        past(uid="second", last_given_unix_ns=None),
        past((31, 2), last_given_unix_ns=UNIX_NS - 2 * S, uid="first"),
        past((1, 1), last_given_unix_ns=UNIX_NS - 60 * S, uid="zeroth"),
    )
    point = resumption(chain, plan("itbs-600").shots, "digest", TODAY)
    assert point.not_before_unix_ns - UNIX_NS == pytest.approx(6.16 * S, abs=MS)


def test_when_the_last_pulse_was_given_is_read_from_the_record(tmp_path: Path) -> None:
    first = rehearse(tmp_path, "itbs-600", "coil_removed@100")
    (session,) = session_chain(open_database(tmp_path / "r.db"), first.session_uid)
    pulses = session_pulses(open_database(tmp_path / "r.db"), first.session_uid)
    origin, observed_ns = rows(
        tmp_path / "r.db",
        "SELECT origin_wall, (SELECT max(observed_ns) FROM pulse) FROM session",
    )[0]
    origin_ns = round(datetime.fromisoformat(origin).timestamp() * 1e6) * 1_000
    assert pulses.number.size
    assert session.last_given_unix_ns == pytest.approx(origin_ns + observed_ns, abs=2_000)


@pytest.mark.parametrize(
    ("session", "digest", "today", "words"),
    [
        (past(state="running"), "digest", TODAY, "still running"),
        (past(state="completed"), "digest", TODAY, "completed"),
        (past(resumed_by="second"), "digest", TODAY, "second already goes on"),
        (past(), "another", TODAY, "unchanged"),
        (past(authority_digest=None), "digest", TODAY, "unchanged"),
        (past(), "digest", TODAY + timedelta(days=1), "same day"),
        (past((571, 20)), "digest", TODAY, "nothing is left"),
    ],
)
def test_why_a_session_may_not_be_resumed(
    session: PastSession, digest: str, today: datetime, words: str
) -> None:
    with pytest.raises(CannotResume, match=words):
        resumption((session,), plan("itbs-600").shots, digest, today)


def test_the_rest_of_a_plan_keeps_its_distances_and_numbers() -> None:
    whole = plan("bilateral-seq")
    rest = resumed_plan(whole, 300, 300)
    assert rest.shots[0].due_ns == 0
    assert rest.shots[0].opens_train
    assert not rest.shots[1].opens_train
    assert rest.shots[-1].last_due_ns == whole.shots[-1].last_due_ns - whole.shots[300].due_ns
    assert rest.pulses == whole.pulses - 300
    assert rest.numbered_to == whole.pulses
    assert [one.first_pulse for one in rest.shots[:2]] == [301, 302]
