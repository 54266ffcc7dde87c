"""Whatever is wrong: no command goes out.  With everything right it always completes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.accounts.tampering import tampering
from tests.delivery.refusing import require_harmless
from tests.delivery.sessions import require_honest
from tests.delivery.test_treatment_attacks import (
    approval_by,
    block,
    deactivated,
    forged_approval,
    policy_withdrawn,
    put_on_hold,
    restored_from_a_backup,
    taken_over,
    technician_deactivated,
    withdrawn,
)
from tests.delivery.treatments import A_GOOD_DAY, EARS, NO_SCREENING, Ready, ago, make_ready
from tms_console.accounts.errors import AccountsError
from tms_console.accounts.keys import PrivateKey
from tms_console.clinic.errors import ClinicRefused
from tms_console.delivery.process import new_challenge


def screening(ready: Ready) -> None:
    ready.fill_in("screening", {**NO_SCREENING, "cochlear_implant": True})


def daily(ready: Ready) -> None:
    ready.fill_in("daily", {**A_GOOD_DAY, "metal_removed": False})


def ears(ready: Ready) -> None:
    ready.fill_in("ears", {**EARS, "operator_protected": False})


def threshold(ready: Ready) -> None:
    ready.measure(60, ago(seconds=1))


def file(ready: Ready) -> None:
    with tampering(ready.station.database.path) as hand:
        block(intensity_pct_mso=80)(ready, hand)


def by_hand(ready: Ready) -> None:
    ready.withdraw(ready.made)
    with tampering(ready.station.database.path) as hand:
        forged_approval(ready, hand, ready.made, PrivateKey.new())
        hand.remember()


def stolen(ready: Ready) -> None:
    ready.station.write(approval_by(ready, taken_over(ready)))


def clock(ready: Ready) -> None:
    ready.clinic.wall.set(ago(hours=-1))
    ready.fill_in("ears", EARS)
    ready.clinic.wall.set("")


BEFORE: Mapping[str, Callable[[Ready], None]] = {
    one.__name__: one
    for one in (
        withdrawn,
        deactivated,
        technician_deactivated,
        policy_withdrawn,
        put_on_hold,
        restored_from_a_backup,
        screening,
        daily,
        ears,
        threshold,
        by_hand,
        stolen,
        clock,
        file,
    )
}
"""What breaks a fact that was right; some of it cannot be done after another, which is as well."""

ORDERS = ("right", "another digest", "another nonce", "replayed", "another number")


@settings(max_examples=25)
@given(st.sets(st.sampled_from(sorted(BEFORE)), max_size=4), st.sampled_from(ORDERS))
def test_no_combination_of_broken_facts_puts_a_command_on_the_wire(
    broken: set[str], ordered: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ready = make_ready(Path(folder), short=True, trains=1)
        challenge = new_challenge()
        start_order = ready.start_order(
            replace(challenge, nonce="0" * 64) if ordered == "another nonce" else challenge,
            session_number=2 if ordered == "another number" else 1,
        )
        if ordered == "replayed":
            ready.station.write(start_order)
        for name in sorted(broken):
            try:
                BEFORE[name](ready)
            except (AccountsError, ClinicRefused):
                assert len(broken) > 1, name
        done = ready.treat(
            start_order,
            challenge=challenge,
            change=lambda order: (
                replace(order, digest="0" * 64) if ordered == "another digest" else order
            ),
        )
        if broken or ordered != "right":
            require_harmless(done)
            assert done.result.state is None
            assert done.result.reason
        else:
            assert done.state == "completed", done.result.reason
            assert len(done.emulator.fired) == 6


@settings(max_examples=5)
@given(st.integers(1, 3), st.booleans())
def test_with_all_facts_right_it_always_completes(trains: int, measured_again: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ready = make_ready(Path(folder), short=True, trains=trains)
        if measured_again:
            ready.measure(45, ago(seconds=1))
        done = ready.treat()
        assert done.state == "completed", done.result.reason
        assert len(done.emulator.fired) == 6 * trains
        require_honest(done)
