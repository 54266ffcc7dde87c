"""Looks that read only what is new: they say what a whole look says, but for old rows edited."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.accounts.tampering import Hand, copy_of, put_in_place, tampering
from tests.accounts.test_trust import EDITS, RECOMPUTED, Attack, refused
from tests.accounts.worlds import Template, World, add_patient, make_template
from tms_console.accounts.errors import NotTrusted
from tms_console.accounts.station import Station, open_station
from tms_console.accounts.trust import Trusted
from tms_console.accounts.users import deactivate
from tms_console.records.clinical import RecordKind

UNSEEN_UNTIL_ALL_IS_READ = {
    "role changed",
    "public key replaced",
    "signature moved",
    "records exchanged",
    "signature moved to another patient",
    "digest swapped",
    "prescription changed",
    "policy changed",
    "event changed",
    "end of an enrolment removed",
    "actor changed",
    "time changed",
    "signature changed",
    "audit row edited before the seal, with its own hash",
    "audit row of a record renamed before the seal",
    "an entry of the registry removed before the seal",
    "a link in the middle of the newest rows removed",
}
"""Edits of what was read before: it goes on with what it read, which is what was written."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return make_template(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(template: Template, tmp_path: Path) -> World:
    return template.copy(tmp_path)


def all_of(trusted: Trusted) -> object:
    """Return everything that can be asked of a state, for comparison."""
    signatures = trusted.records(RecordKind.SIGNATURE)
    return (
        trusted.head,
        trusted.newest_at,
        trusted.sealed_seq,
        trusted.demonstration,
        trusted.sessions,
        list(trusted.sessions),
        {kind: trusted.records(kind) for kind in RecordKind},
        [trusted.signature(one) for one in signatures],
        [trusted.records(RecordKind.PATIENT, patient_uid=one) for one in _patients(trusted)],
        [trusted.book.enrolments_of(one.uid) for one in trusted.records(RecordKind.USER)],
        trusted.book.rejected,
    )


def _patients(trusted: Trusted) -> list[str]:
    return [str(one.values["patient_uid"]) for one in trusted.records(RecordKind.PATIENT)]


def same(following: Station, whole: Station) -> bool:
    """Return whether both looks say the same."""
    with whole.trusting() as trusted:
        wanted = all_of(trusted)
    with following.trusting() as trusted:
        return all_of(trusted) == wanted


def looks(station: Station) -> int:
    assert station.followed is not None
    return station.followed.whole_looks


def add(world: World, name: str) -> str:
    return add_patient(world, name, f"9{name}")


def sealed_between(world: World) -> None:
    add(world, "b")
    world.station.seal("a test")
    add(world, "c")


def test_what_is_new_is_read_and_nothing_else(world: World) -> None:
    """Records, signatures, seals, a user's end and a login: each followed look is the whole one."""
    station = world.station.following()
    acts: list[Callable[[], object]] = [
        lambda: None,
        lambda: add(world, "a"),
        lambda: world.station.seal("a test"),
        lambda: sealed_between(world),
        lambda: world.approve("physician", RecordKind.PRESCRIPTION, "unapproved"),
        lambda: deactivate(
            world.station,
            world.logins["administrator"],
            world.logins["technician"].user_uid,
            "left the clinic",
        ),
    ]
    for act in acts:
        act()
        assert same(station, world.station)
    assert looks(station) == 1


def test_what_was_worked_out_is_worked_out_again_after_a_new_record(world: World) -> None:
    station = world.station.following()

    def number(trusted: Trusted) -> int:
        return trusted.worked_out("n", lambda: len(trusted.records(RecordKind.PATIENT)))

    with station.trusting() as trusted:
        before = number(trusted)
    add(world, "a")
    with station.trusting() as trusted:
        assert number(trusted) == before + 1


@pytest.mark.parametrize("attack", EDITS, ids=lambda one: one.name)
def test_an_edit_between_two_looks(world: World, attack: Attack) -> None:
    """What the followed look cannot notice, the gate's whole look and the next whole one do."""
    station = world.station.following()
    assert refused(station) == "trusted"
    with tampering(world.path) as hand:
        attack.act(world, hand)

    seen = "trusted" if attack.name in UNSEEN_UNTIL_ALL_IS_READ else attack.code
    assert refused(station) == seen
    assert refused(world.station) == attack.code
    assert station.followed is not None
    station.followed.forget()
    assert refused(station) == attack.code


def test_nobody_signs_on_a_record_that_was_edited_since_it_was_read(world: World) -> None:
    """A followed look goes on with what it read; a signature asks for all of it again."""
    attack = next(one for one in EDITS if one.name == "prescription changed")
    station = world.station.following()
    assert refused(station) == "trusted"
    with tampering(world.path) as hand:
        attack.act(world, hand)
    assert refused(station) == "trusted"
    world.station = station
    signatures = "SELECT count(*) FROM signature"
    with tampering(world.path) as hand:
        before = hand.rows(signatures)
    with pytest.raises(NotTrusted):
        world.approve("physician", RecordKind.PRESCRIPTION, "unapproved")
    with tampering(world.path) as hand:
        assert hand.rows(signatures) == before


@pytest.mark.parametrize("attack", RECOMPUTED, ids=lambda one: one.name)
@pytest.mark.parametrize("remembering", [False, True])
def test_a_chain_recomputed_between_two_looks_is_refused_at_once(
    world: World, attack: Attack, remembering: bool
) -> None:
    station = world.station.following()
    assert refused(station) == "trusted"
    with tampering(world.path) as hand:
        attack.act(world, hand)
        for kind in RecordKind:
            for (uid,) in hand.rows(f"SELECT uid FROM {kind}"):
                hand.enter_as_it_is(kind, uid)
        hand.rehash()
        if remembering:
            hand.remember()

    assert refused(station) == "rewritten"


def changed(hand: Hand, uid: str) -> None:
    hand.edit(RecordKind.PATIENT, uid, record_number="1")


def deleted(hand: Hand, uid: str) -> None:
    hand.delete_record(RecordKind.PATIENT, uid)


@pytest.mark.parametrize("attack", [changed, deleted])
def test_what_came_since_is_compared_with_its_entry(
    world: World, attack: Callable[[Hand, str], None]
) -> None:
    station = world.station.following()
    assert refused(station) == "trusted"
    uid = add(world, "a")
    with tampering(world.path) as hand:
        attack(hand, uid)

    assert refused(station) == attack.__name__


def test_an_older_copy_put_in_place_is_refused_and_the_newer_one_believed_again(
    world: World,
) -> None:
    station, older = world.station.following(), copy_of(world.path)
    add(world, "a")
    assert refused(station) == "trusted"
    newer = copy_of(world.path)
    put_in_place(world.path, older)
    assert refused(station) == "cut"
    put_in_place(world.path, newer)
    assert same(station, world.station)


def test_a_seal_over_other_rows_than_were_followed_is_refused(world: World) -> None:
    """The console's own seal, made over a registry from which a row was taken out before."""
    station = world.station.following()
    assert refused(station) == "trusted"
    with tampering(world.path) as hand:
        hand.execute("DELETE FROM audit WHERE subject = ?", f"enrolment:{world.enrolment('gone')}")
    add(world, "a")
    world.station.seal("a test")  # it signs the fold of its newest seal and the new rows
    assert refused(station) == "trusted"
    assert refused(world.station) == "rewritten"


def test_a_look_inside_a_look_reads_all_of_it_and_leaves_the_outer_one_as_it_was(
    world: World,
) -> None:
    station = world.station.following()
    with station.trusting() as outer:
        seq = outer.head.seq
        add(world, "a")
        with station.trusting() as inner:
            assert inner.head.seq == seq + 1
        assert outer.head.seq == seq
        assert outer.records(RecordKind.PATIENT)
    assert same(station, world.station)


def test_a_state_that_was_left_reads_nothing_more(world: World) -> None:
    station = world.station.following()
    with station.trusting() as trusted:
        pass
    with pytest.raises(RuntimeError, match="was left"):
        trusted.records(RecordKind.PATIENT)


def test_after_a_refusal_inside_a_look_all_is_read_again(world: World) -> None:
    station = world.station.following()
    with pytest.raises(NotTrusted), station.trusting():
        raise NotTrusted("binding", "somebody's session cannot be told")
    assert same(station, world.station)
    assert looks(station) == 2


def test_an_ordinary_refusal_inside_a_look_costs_no_whole_look(world: World) -> None:
    station = world.station.following()
    with pytest.raises(LookupError), station.trusting():
        raise LookupError
    assert same(station, world.station)
    assert looks(station) == 1


def test_a_station_follows_only_if_it_is_asked_to(world: World) -> None:
    """The delivering process opens its own, so the gate reads all of it at every start."""
    assert world.station.followed is None
    assert open_station(world.path).followed is None
    assert world.station.following().followed is not None
