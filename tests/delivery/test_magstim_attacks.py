"""Attempts at making a Magstim session tell a secret, trust a stranger, or give too much."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import pytest

from drivers import registry
from drivers.errors import LinkFault, StimulatorError
from drivers.magstim.emulator import MagstimEmulator
from drivers.magstim.options import MADE_UP_CODE, VARIANTS
from drivers.magstim.requests import FIRE, UnlockCode
from drivers.magstim.unlock import VARIABLE
from drivers.simulator.memory_link import MemoryLink
from protocols.pattern import Train
from tests.delivery.magstim_sessions import MagstimRehearsal, require_honest
from tests.delivery.sessions import content
from tests.drivers.conformance import SlicedClock
from tests.drivers.magstim_bench import options
from tests.drivers.test_magstim_driver import Desk
from tms_console.delivery.client import DeliveryClient

SECRET = MADE_UP_CODE.secret.decode()
LONG_PIECE = SECRET.split("-")[1]
"""Eight digits: four of them stand in one of the record's digests often enough to be found."""
PARTS = (SECRET, SECRET.upper(), LONG_PIECE, LONG_PIECE.upper(), SECRET.replace("-", ""))


@pytest.mark.parametrize("fault", ["", "hang@3", "restart@3", "corrupt_reply@0"])
def test_the_unlock_code_is_in_nothing_that_a_session_leaves(
    tmp_path: Path,
    fault: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    done = MagstimRehearsal(
        content=content(Train(10, Fraction(10)), 2),
        database=tmp_path / "r.db",
        faults=[fault] if fault else [],
    ).run()
    assert any(SECRET.encode() in data for _, data in done.sent), "it was never said"
    left = [caplog.text, repr(done.result), *capsys.readouterr()]
    left += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    assert len(left) > 4
    assert not [part for part in PARTS for text in left if part in text]


def test_a_wrong_cable_that_echoes_the_code_leaves_it_in_no_frame_and_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Everything that is sent comes back, the code among it."""
    desk = Desk("rapid2")
    real = desk.link.write

    def echo(data: bytes) -> object:
        times = real(data)
        desk.device._transmitter.send(desk.device.now_ns(), data)
        return times

    monkeypatch.setattr(desk.link, "write", echo)
    told = ""
    try:
        desk.open().close()
    except StimulatorError as error:
        told = f"{error} {error!r} {error.__cause__!r}"
    told += repr(desk.frames)
    assert not [part for part in PARTS if part in told]


def calls_itself(version: str) -> Desk:
    """Return a unit that talks as software 9 does, and calls itself something else."""
    desk = Desk("rapid2", options=options("rapid2", silent_while_locked=False))
    told = desk.device.options

    class Said:
        def __getattr__(self, name: str) -> object:
            return version if name == "version" else getattr(told, name)

    desk.device._unit.options = Said()  # type: ignore[assignment]
    return desk


@pytest.mark.parametrize("version", ["11.0", "127.3b", "9", "10.1.2.3"])
def test_software_10_and_above_is_one_dialect_as_far_as_anybody_knows(version: str) -> None:
    with calls_itself(version).open() as stimulator:
        assert stimulator.capabilities.identity.firmware == version


def test_software_of_which_nothing_is_known_is_refused_and_no_bug() -> None:
    with pytest.raises(LinkFault, match=r"calls its software 0\.9, of which nothing is known"):
        calls_itself("0.9").open()


def test_a_code_file_that_others_can_read_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "code"
    path.write_text("1a2b-3c4d5e6f-70")
    path.chmod(0o644)
    monkeypatch.setenv(VARIABLE, str(path))
    clock = SlicedClock()
    link = MemoryLink(MagstimEmulator(VARIANTS["rapid2"]), clock)
    with pytest.raises(StimulatorError, match="make it private") as caught:
        registry.driver_entry("rapid2").open(link, clock, lambda _: None, lambda: False)
    assert SECRET not in str(caught.value)


def test_a_code_with_its_checksum_pasted_along_is_explained_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="17 characters") as caught:
        UnlockCode(SECRET + "c")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("pulse", [0, 1, 10])
@pytest.mark.parametrize("name", ["swallow_reply", "corrupt_reply", "late_reply"])
def test_a_spoilt_answer_never_makes_a_pulse_that_was_not_given(
    tmp_path: Path, name: str, pulse: int
) -> None:
    done = MagstimRehearsal(
        content=content(Train(10, Fraction(10)), 2),
        database=tmp_path / "r.db",
        faults=[f"{name}@{pulse}"],
    ).run()
    if not pulse:  # the answer to the unlock code: nothing begins
        assert (done.state, done.emulator.fired) == ("none", ())
        return
    assert done.state in {"completed", "failed"}
    assert len(done.frames_sent(FIRE.frame)) <= 2
    require_honest(done)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
def test_the_unlock_code_is_in_nothing_that_the_delivering_process_was_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody's `ps` shows a command line, and children inherit an environment."""
    secret = tmp_path / "code"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    monkeypatch.setenv(VARIABLE, str(secret))
    client = DeliveryClient(lambda _: None, lambda _: None)
    try:
        started_with = Path(f"/proc/{client.pid}")
        told = (started_with / "cmdline").read_bytes() + (started_with / "environ").read_bytes()
    finally:
        client.close()
    assert VARIABLE.encode() in told, "it finds the file by its name"
    assert not [part for part in PARTS if part.encode() in told]


@pytest.mark.parametrize("variant", ["magstim200", "bistim2"])
@pytest.mark.parametrize(
    "rate", [Fraction(1, 3), Fraction(1, 4), Fraction(10, 41), Fraction(6, 25)]
)
def test_pulses_as_fast_as_the_gate_lets_pass_are_all_given(
    tmp_path: Path, variant: str, rate: Fraction
) -> None:
    """The unit recharges from its pulse, which comes some milliseconds after its command."""
    train = content(Train(4, rate), bounds=(30, 79))
    done = MagstimRehearsal(content=train, database=tmp_path / "r.db", variant=variant).run()
    if done.state == "none":
        assert "s between single pulses" in done.result.reason
        assert done.emulator.fired == ()
        return
    assert done.state == "completed", done.result.reason
    assert len(done.emulator.fired) == 4
