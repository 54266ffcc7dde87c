"""Treatments through the two processes: a real delivering process, on a port that counts as real.

The emulated stimulator is reached by its terminal's own name, beside which there is no control
socket: nothing proves that it is simulated.
"""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from drivers.magpro.codec import FrameDecoder
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread
from tests.accounts.people import password_of
from tests.accounts.tampering import copy_of, put_in_place, tampering
from tests.delivery.refusing import found, refusals
from tests.delivery.sessions import rows
from tests.delivery.test_process import PATIENCE_S, Window, window
from tests.delivery.test_treatment_attacks import (
    approval_by,
    block,
    forged_approval,
    ordered_by,
    taken_over,
)
from tests.delivery.treatments import Ready, ago, make_ready, make_unrelated
from tms_console import main
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.roles import Role
from tms_console.accounts.users import deactivate
from tms_console.clinic.adverse_events import (
    AdverseEvent,
    What,
    adverse_event_record,
    holds,
    record_adverse_event,
)
from tms_console.clinic.entries import Made
from tms_console.clock import RealClock
from tms_console.delivery import pipe
from tms_console.delivery.client import DeliveryClient, disarm_after_death
from tms_console.delivery.order import Challenge, EmulatorOrder, PortOrder, SessionOrder
from tms_console.delivery.recovery import recover
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.connections import key_of
from tms_console.records.database import Purpose, create_database
from tms_console.records.operations import EventKind, SessionState
from tms_console.records.values import new_uid


class Listened(MagProEmulator):
    """A MagPro that keeps what it was told."""

    def __init__(self) -> None:
        super().__init__(Options(mode_change_ns=100_000_000))
        self.told = FrameDecoder()
        self.bodies: list[bytes] = []

    def receive(self, data: bytes) -> None:
        self.told.feed(data)
        self.bodies += iter(self.told.next_frame, None)
        super().receive(data)

    @property
    def dangerous(self) -> list[bytes]:
        """What stimulates or makes able to (stimulators.md 2.2)."""
        return [one for one in self.bodies if one[0] in {3, 4} or one[:2] == b"\x02\x01"]

    @property
    def armed(self) -> bool:
        return self.state().status.info.enabled


@contextmanager
def a_real_one(tmp_path: Path) -> Iterator[tuple[Listened, PortOrder]]:
    device = Listened()
    with hosted_in_thread(Host(device, PtyPort(tmp_path / "magpro"))):
        terminal = str((tmp_path / "magpro").readlink())
        yield device, PortOrder(driver="magpro", port=terminal)


def challenged(seen: Window) -> Challenge:
    said = seen.until(lambda one: isinstance(one, pipe.Challenged))
    assert isinstance(said, pipe.Challenged)
    return said.challenge


def over_and_next(seen: Window) -> tuple[pipe.Over, Challenge]:
    """Wait for the end of an order; the next challenge comes just before it."""
    challenge = challenged(seen)
    return seen.over(), challenge


# Attacks on the running process ---------------------------------------------------------------

Attack = Callable[[Ready, Challenge, PortOrder], SessionOrder]


def honest(ready: Ready, challenge: Challenge, device: PortOrder) -> SessionOrder:
    return ready.order(ready.start_order(challenge), device)


def on_the_file(edit: Callable[[Ready], None]) -> Attack:
    """The order is right, and then the file is attacked."""

    def attack(ready: Ready, challenge: Challenge, device: PortOrder) -> SessionOrder:
        order = honest(ready, challenge, device)
        edit(ready)
        return order

    return attack


def intensity(ready: Ready) -> None:
    with tampering(ready.station.database.path) as hand:
        block(intensity_pct_mso=80)(ready, hand)


def rewritten(ready: Ready) -> None:
    with tampering(ready.station.database.path) as hand:
        for kind, uid in block(intensity_pct_mso=80)(ready, hand):
            hand.enter_as_it_is(kind, uid)
        hand.rehash()
        hand.remember()


def approved_by_hand(ready: Ready) -> None:
    ready.withdraw(ready.made)
    with tampering(ready.station.database.path) as hand:
        forged_approval(ready, hand, ready.made, PrivateKey.new())
        hand.remember()


def older_copy(ready: Ready) -> None:
    older = copy_of(ready.station.database.path)
    ready.withdraw(ready.made)
    copy_of(ready.station.database.path)
    put_in_place(ready.station.database.path, older)


def signer_deactivated(ready: Ready) -> None:
    deactivate(ready.station, ready.clinic.administrator, ready.physician.user_uid, "left")


def key_taken_over(ready: Ready) -> None:
    ready.station.write(approval_by(ready, taken_over(ready)))


def on_hold(ready: Ready) -> None:
    event = AdverseEvent(ready.patient_uid, What.SEIZURE, 4, ago(minutes=1))
    record_adverse_event(ready.station, ready.technician, event)


def by_qa(ready: Ready, challenge: Challenge, device: PortOrder) -> SessionOrder:
    return ready.order(ordered_by(ready, ready.clinic.people[Role.QA], challenge), device)


def for_another_nonce(ready: Ready, challenge: Challenge, device: PortOrder) -> SessionOrder:
    return ready.order(ready.start_order(replace(challenge, nonce="0" * 64)), device)


def another_digest(ready: Ready, challenge: Challenge, device: PortOrder) -> SessionOrder:
    return replace(honest(ready, challenge, device), digest="0" * 64)


def in_a_rehearsal_database(ready: Ready, challenge: Challenge, device: PortOrder) -> SessionOrder:
    path = ready.station.database.path.with_name("rehearsals.db")
    create_database(path, Purpose.REHEARSAL)
    return replace(honest(ready, challenge, device), database=str(path))


def as_a_rehearsal(ready: Ready, _challenge: Challenge, device: PortOrder) -> SessionOrder:
    path = ready.station.database.path.with_name("r.db")
    return main.rehearsal_order(ready.made.session, path, device)


ATTACKS: dict[str, tuple[Attack, str]] = {
    "changed intensity": (on_the_file(intensity), "is not what was entered"),
    "changed intensity, chain and head": (on_the_file(rewritten), "is not what was written"),
    "approval by hand": (on_the_file(approved_by_hand), "was withdrawn by"),
    "older copy": (on_the_file(older_copy), "an older copy was put back"),
    "signer deactivated": (on_the_file(signer_deactivated), "is not active any more"),
    "password reset": (on_the_file(key_taken_over), "was withdrawn by"),
    "on hold": (on_the_file(on_hold), "The patient is on hold"),
    "ordered by QA": (by_qa, "orders no session"),
    "another nonce": (for_another_nonce, "not an answer to this program's question"),
    "another digest": (another_digest, "another prescription or version"),
    "rehearsal database": (in_a_rehearsal_database, "this is a rehearsal database"),
    "rehearsal": (as_a_rehearsal, "not proved simulated"),
}


def test_the_running_process_arms_nothing_for_an_attacker(tmp_path: Path) -> None:
    """One process, which is asked for one session after another that must not be given."""
    with a_real_one(tmp_path) as (device, port), window() as seen:
        challenge = challenged(seen)
        for number, (name, (attack, words)) in enumerate(ATTACKS.items()):
            folder = tmp_path / f"{number}"
            folder.mkdir()
            ready = make_ready(folder, short=True, trains=1)
            seen.client.send(pipe.Start(attack(ready, challenge, port)))
            over, challenge = over_and_next(seen)
            assert over.state is None, name
            assert words in over.reason, name
            assert device.dangerous == [], name
        demo = make_unrelated(tmp_path / "demo", Purpose.DEMO)
        seen.client.send(pipe.Start(honest(demo, challenge, port)))
        assert "A demonstration never uses a real stimulator" in seen.over().reason
    assert device.dangerous == []
    assert device.fired == ()
    assert not device.armed


# A whole treatment, and what passes over the pipe ---------------------------------------------


@dataclass
class Bytes:
    """Everything that went over the pipe, both ways."""

    sent: bytearray = field(default_factory=bytearray)
    heard: bytearray = field(default_factory=bytearray)


@contextmanager
def overheard() -> Iterator[Bytes]:
    passed = Bytes()
    write, feed = DeliveryClient._write, pipe.PipeDecoder.feed

    def told(self: DeliveryClient, descriptor: int, data: bytes) -> bytes:
        passed.sent += data
        return write(self, descriptor, data)

    def hear(self: pipe.PipeDecoder[pipe.Message], data: bytes) -> None:
        passed.heard += data
        feed(self, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DeliveryClient, "_write", told)
        patch.setattr(pipe.PipeDecoder, "feed", hear)
        yield passed


def secrets_of(ready: Ready) -> dict[str, bytes]:
    """Everything that must never leave the process that knows it."""
    clinic = ready.clinic
    everyone = [*clinic.people.values(), ready.second]
    logins = [one.enrolment.login for one in everyone]
    words = {f"password of {login}": password_of(login) for login in logins}
    words |= {f"recovery code of {name}": code for name, code in clinic.codes.items()}
    words |= {f"recovery of {name}": code.replace("-", "") for name, code in clinic.codes.items()}
    seeds = {f"key of {one.enrolment.login}": one.key().secret_seed() for one in everyone}
    seeds["the console's key"] = ready.station.anchor.key.secret_seed()
    seeds["the database's key"] = key_of(ready.station.database.path).raw()
    return {name: text.encode() for name, text in words.items()} | seeds


def require_no_secret(data: bytes, ready: Ready) -> None:
    for name, secret in secrets_of(ready).items():
        assert len(secret) >= 16, name
        for form in (secret, secret.hex().encode(), b64encode(secret).rstrip(b"="), secret[::-1]):
            assert form.lower() not in data.lower(), name


def test_a_whole_treatment_through_two_processes_shows_no_secret_on_the_pipe(
    tmp_path: Path,
) -> None:
    """And it makes the same record as in one: order, row, end, seal, everything bound."""
    ready = make_ready(tmp_path, short=True, trains=1)
    with a_real_one(tmp_path) as (device, port), overheard() as passed:
        snapshots: list[object] = []
        over = main.run_treatment(partial(_order, ready, port), snapshots.append)
        assert over.state is SessionState.COMPLETED, over.reason
        assert [one.intensity_pct_mso for one in device.fired] == [54] * 6
        assert not device.armed
    assert snapshots
    assert ready.made.digest().encode() in passed.sent
    assert over.session_uid.encode() in passed.heard
    require_no_secret(bytes(passed.sent), ready)
    require_no_secret(bytes(passed.heard), ready)
    assert found(ready.station.database.path) == {}
    with ready.trusting() as trusted:
        session = trusted.sessions[over.session_uid]
        assert session.ended is not None
        assert trusted.sealed_seq == trusted.head.seq - 1


def _order(ready: Ready, port: PortOrder | EmulatorOrder, challenge: Challenge) -> SessionOrder:
    return main.treatment_order(
        ready.made, ready.station.database.path, port, ready.start_order(challenge)
    )


def test_who_cannot_sign_the_order_starts_nothing(tmp_path: Path) -> None:
    ready = make_ready(tmp_path, short=True, trains=1)

    def refuse(_challenge: Challenge) -> SessionOrder:
        raise PermissionError("the screen is locked")

    with pytest.raises(PermissionError, match="the screen is locked"):
        main.run_treatment(refuse, lambda _: None)
    assert rows(ready.station.database.path, "SELECT count(*) FROM session") == [(0,)]


def test_a_process_that_cannot_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", "raise SystemExit(7)"]
    monkeypatch.setattr("tms_console.delivery.client.delivery_command", lambda _first: command)

    def never(_challenge: Challenge) -> SessionOrder:
        raise AssertionError("nobody asked for an order")

    over = main.run_treatment(never, lambda _: None)
    assert over.state is None
    assert "could not start (status 7); nothing began" in over.reason


def test_an_interrupt_before_the_start_starts_nothing(tmp_path: Path) -> None:
    ready = make_ready(tmp_path, short=True, trains=1)

    def press(challenge: Challenge) -> SessionOrder:
        os.kill(os.getpid(), signal.SIGINT)
        return _order(ready, EmulatorOrder(name="magpro", virtual=True), challenge)

    over = main.run_treatment(press, lambda _: None)
    assert (over.state, over.reason) == (None, "stopped at the keyboard (SIGINT)")
    assert rows(ready.station.database.path, "SELECT count(*) FROM session") == [(0,)]


# While it runs --------------------------------------------------------------------------------


def event_of(
    ready: Ready, what: What, severity: int, *, patient: str = "", session: str | None = None
) -> pipe.PutAdverseEvent:
    event = AdverseEvent(
        patient or ready.patient_uid, what, severity, ago(seconds=1), session_uid=session
    )
    made = Made.now(ready.station, ready.technician)
    return pipe.PutAdverseEvent(adverse_event_record(event, made))


def unrecorded(seen: Window) -> pipe.ToRecord:
    said = seen.until(lambda one: isinstance(one, pipe.Unrecorded))
    assert isinstance(said, pipe.Unrecorded)
    return said.remark


def test_events_over_the_pipe_are_records_and_a_grave_one_ends_the_session(
    tmp_path: Path,
) -> None:
    """The window sends them to who writes the session; what is none of its comes back."""
    ready = make_ready(tmp_path, short=True)
    path = ready.station.database.path
    with a_real_one(tmp_path) as (device, port), window() as seen:
        early = event_of(ready, What.HEADACHE, 1)
        challenge = challenged(seen)
        seen.client.send(early)
        assert unrecorded(seen) == early
        seen.client.send(pipe.Start(honest(ready, challenge, port)))
        seen.delivered(1)
        mild = event_of(ready, What.HEADACHE, 1, session=challenge.session_uid)
        strangers = event_of(ready, What.SEIZURE, 4, patient=new_uid())
        of_another = event_of(ready, What.SEIZURE, 4, session=new_uid())
        for one in (mild, strangers, of_another, mild):
            seen.client.send(one)
        assert [unrecorded(seen) for _ in range(3)] == [strangers, of_another, mild]
        grave = event_of(ready, What.SYNCOPE, 2)
        seen.client.send(grave)
        over, following = over_and_next(seen)
        assert (over.state, over.saved) == (SessionState.STOPPED, True)
        assert over.reason == "the patient is on hold: syncope (severity 2, moderate)"
        assert len([one for one in device.bodies if one[0] == 4]) == 1
        assert not device.armed
        seen.client.send(early)
        assert unrecorded(seen) == early
        seen.client.send(pipe.PutOnRecord(EventKind.NOTE, "too late", "somebody"))
        assert isinstance(unrecorded(seen), pipe.PutOnRecord)
        seen.client.send(pipe.Start(honest(ready, following, port)))
        again = seen.over()
        assert "The patient is on hold" in again.reason
    with ready.trusting() as trusted:
        assert [one.grave.uid for one in holds(trusted, ready.patient_uid)] == [grave.record.uid]
    events = "SELECT detail FROM session_event WHERE kind = 'adverse_event' ORDER BY id"
    said = [row[0] for row in rows(path, events)]
    assert [one.rpartition(" ")[2] for one in said] == [mild.record.uid, grave.record.uid]
    assert found(path) == {}


def test_a_signer_deactivated_between_two_trains_ends_the_session_in_the_process(
    tmp_path: Path,
) -> None:
    ready = make_ready(tmp_path, short=True)
    with a_real_one(tmp_path) as (device, port), window() as seen:
        order = honest(ready, challenged(seen), port)
        seen.client.send(pipe.Start(order))
        seen.delivered(6)
        signer_deactivated(ready)
        over = seen.over()
        assert over.state is SessionState.FAILED
        assert over.reason.startswith("before train 2: ")
        assert "is not active any more" in over.reason
        assert len(device.fired) == 6
        assert not device.armed
    assert found(ready.station.database.path) == {}


def test_a_process_killed_in_a_treatment_leaves_a_record_to_believe_and_no_order_to_use_again(
    tmp_path: Path,
) -> None:
    ready = make_ready(tmp_path, short=True)
    path = ready.station.database.path
    with a_real_one(tmp_path) as (device, port):
        with window() as seen:
            challenge = challenged(seen)
            start_order = ready.start_order(challenge)
            seen.client.send(pipe.Start(ready.order(start_order, port)))
            seen.delivered(1)
            os.kill(seen.client.pid, signal.SIGKILL)
            assert seen.deaths.get(timeout=PATIENCE_S) == -signal.SIGKILL
            assert "is disarmed" in disarm_after_death("magpro", port.port)
            assert not device.armed
            fired = device.pulses_fired
        with ready.trusting() as trusted:
            assert trusted.sessions[challenge.session_uid].ended is None
        recovery = recover(path, RealClock())
        assert recovery.report is not None
        (session,) = recovery.report.sessions
        assert session.state == "interrupted"
        assert session.delivered <= fired <= session.delivered + session.unknown
        with ready.trusting() as trusted:
            assert trusted.sessions[challenge.session_uid].ended is not None
        assert found(path) == {}
        replayed = ready.treat(start_order, challenge=challenge)
        assert "is on record already: it was used before" in replayed.result.reason
        assert replayed.commands == []
        assert refusals(path) == [replayed.result.reason]


# What the system is asked to keep ---------------------------------------------------------------


def limits_of(pid: int) -> str:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in lines if line.startswith("Max core file size"))


@pytest.mark.skipif(sys.platform != "linux", reason="limits are read from /proc")
def test_every_process_that_we_start_dumps_nothing_and_makes_private_files(
    tmp_path: Path,
) -> None:
    """Under a umask that shows everything to everybody, and a limit that allows any dump."""
    allowed = resource.getrlimit(resource.RLIMIT_CORE)
    before = os.umask(0o000)
    try:
        with window() as seen:
            ready = seen.until(lambda one: isinstance(one, pipe.Ready))
            assert isinstance(ready, pipe.Ready)
            assert limits_of(seen.client.pid).split()[4:6] == ["0", "0"]
            assert "Umask:\t0077" in Path(f"/proc/{seen.client.pid}/status").read_text()
            order = main.rehearsal_order(
                make_ready(tmp_path, short=True, trains=1).made.session,
                tmp_path / "r.db",
                EmulatorOrder(name="magpro", virtual=True, pulse_log=str(tmp_path / "pulses")),
            )
            seen.client.send(pipe.Start(order))
            assert seen.over().state is SessionState.COMPLETED
        command = [sys.executable, "-m", "tms_console.cli", "rehearse", "lf1-right", "--fast"]
        options = ["--threshold", "45", "--database", str(tmp_path / "c.db"), "--json"]
        subprocess.run([*command, *options], check=True, capture_output=True, timeout=PATIENCE_S)
    finally:
        os.umask(before)
    made = [one for one in tmp_path.iterdir() if one.name[:2] in {"r.", "c.", "pu"}]
    assert len(made) >= 3
    modes = {one.name: oct(stat.S_IMODE(one.stat().st_mode)) for one in made}
    assert set(modes.values()) == {"0o600"}, modes
    assert resource.getrlimit(resource.RLIMIT_CORE) == allowed, "nothing is asked for this process"


def test_an_adverse_event_on_the_pipe_is_an_adverse_event(tmp_path: Path) -> None:
    ready = make_ready(tmp_path, short=True)
    with ready.trusting() as trusted:
        patient = trusted.records(RecordKind.PATIENT)[0]
    record = AddRecord(
        kind=patient.kind,
        uid=patient.uid,
        at=patient.at,
        actor=patient.actor,
        content=patient.content,
    )
    with pytest.raises(ValueError, match="is no adverse event"):
        pipe.PutAdverseEvent(record)
