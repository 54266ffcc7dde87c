"""Attacks on the file, by somebody who has its key but neither a password nor the console's key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.accounts.people import make_clinic, password_of
from tests.accounts.tampering import AT, Forged, Hand, copy_of, put_in_place, tampering
from tests.accounts.worlds import (
    Template,
    World,
    add_patient,
    make_template,
    patient,
)
from tms_console.accounts import looking, vouching
from tms_console.accounts.anchor import require_anchor
from tms_console.accounts.errors import LoginRefused, NotTrusted
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.login import log_in
from tms_console.accounts.own_key import change_password
from tms_console.accounts.signatures import RULES, Meaning
from tms_console.accounts.station import Station
from tms_console.records import registry, seals
from tms_console.records.audit import row_hash
from tms_console.records.canonical import Json
from tms_console.records.clinical import RecordKind, StoredRecord
from tms_console.records.connections import raw_connection
from tms_console.records.database import Database, open_database
from tms_console.records.errors import NotAsLeft, WriteFailed
from tms_console.records.heads import ChainHead, KeptHeads, head_path, keep_head, kept_heads
from tms_console.records.values import new_uid
from tms_console.records.verify import verify

KIND = RecordKind


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return make_template(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(template: Template, tmp_path: Path) -> World:
    return template.copy(tmp_path)


def refused(station: Station) -> str:
    """Return the code with which everything that reads the database as trusted is refused."""
    try:
        with station.trusting() as trusted:
            for kind in RecordKind:  # the gate reads what it rests on; here all is read
                trusted.records(kind)
    except NotTrusted as error:
        return error.code
    return "trusted"


def said(path: Path) -> str:
    return "\n".join(f"{one.row}: {one.sentence}" for one in verify(path).findings)


def test_an_untouched_world_is_trusted_and_verified(world: World) -> None:
    with world.station.trusting() as trusted:
        for kind in RecordKind:
            trusted.records(kind)
        approvals = trusted.signatures(world.uids["prescription"])
        assert trusted.book.rejected == []

    assert [one.uid for one in approvals] == [world.uids["approval"]]
    assert verify(world.path).findings == ()


def test_what_the_attacker_can_do_unseen_is_seen_as_nothing_done(world: World) -> None:
    """Dropping the rules and putting them back leaves no trace: it is not what is caught below."""
    with tampering(world.path) as hand:
        hand.rehash()

    with world.station.trusting() as trusted:
        assert trusted.book.rejected == []
    assert verify(world.path).findings == ()


@dataclass(frozen=True)
class Attack:
    """Something done to the file, what it is refused with, and what verification names."""

    name: str
    act: Callable[[World, Hand], object]
    code: str
    named: str


def _gone(login: str) -> Callable[[World, Hand], str]:
    def find(world: World, hand: Hand) -> str:
        uid = world.logins[login].enrolment.uid
        return str(hand.rows("SELECT uid FROM enrolment_end WHERE enrolment_uid = ?", uid)[0][0])

    return find


def edit(kind: RecordKind, name: str, **members: Json) -> Callable[[World, Hand], None]:
    return lambda world, hand: hand.edit(kind, target(world, name), **members)


def target(world: World, name: str) -> str:
    return world.uids[name] if name in world.uids else world.enrolment(name)


def replaced_key(world: World, hand: Hand) -> None:
    """The physician's public key becomes the attacker's, and the approval is signed with it."""
    mine = PrivateKey.new()
    hand.edit(KIND.ENROLMENT, world.enrolment("physician"), public_key=mine.public_hex)
    hand.sign(KIND.SIGNATURE, world.uids["approval"], mine)


def moved(world: World, hand: Hand) -> None:
    """The approval is made to speak of another prescription."""
    hand.edit(KIND.SIGNATURE, world.uids["approval"], subject_uid=world.uids["unapproved"])


def exchanged_rows(world: World, hand: Hand) -> None:
    """Two prescriptions change their uids: the approved one is then another patient's."""
    first, other, spare = world.uids["prescription"], world.uids["others"], "x" * 36
    for new, old in ((spare, first), (first, other), (other, spare)):
        hand.execute("UPDATE prescription SET uid = ? WHERE uid = ?", new, old)


def inserted_without_entry(world: World, hand: Hand) -> None:
    hand.execute(
        "INSERT INTO signature (uid, seq, at, actor, content, signature) SELECT ?, 9999, at, "
        "actor, replace(content, uid, ?), signature FROM signature WHERE uid = ?",
        (uid := new_uid()),
        uid,
        world.uids["approval"],
    )
    world.uids["inserted"] = uid


def credential(world: World, hand: Hand, **columns: object) -> None:
    for name, value in columns.items():
        hand.execute(
            f"UPDATE credential SET {name} = ? WHERE user_uid = ?",
            value,
            world.logins["physician"].user_uid,
        )


def _edit_old_entry(world: World, hand: Hand) -> None:
    """One row whose own hash is right again, and nothing after it."""
    cursor = hand.connection.execute(
        "SELECT * FROM audit WHERE subject = ?", (f"policy:{world.uids['policy']}",)
    )
    names = [column[0] for column in cursor.description]
    row = dict(zip(names, cursor.fetchone(), strict=True)) | {"actor": "console"}
    hand.execute(
        "UPDATE audit SET actor = 'console', hash = ? WHERE seq = ?", row_hash(row), row["seq"]
    )


EDITS = [
    Attack("role changed", edit(KIND.ENROLMENT, "technician", role="physician"), "changed", "{e}"),
    Attack("public key replaced", replaced_key, "changed", "enrolment {physician}"),
    Attack("signature moved", moved, "changed", "signature {approval}"),
    Attack("records exchanged", exchanged_rows, "changed", "prescription {prescription}"),
    Attack(
        "signature moved to another patient",
        lambda w, h: h.edit(
            KIND.SIGNATURE,
            w.uids["approval"],
            subject_uid=w.uids["others"],
            patient_uid=w.uids["other"],
        ),
        "changed",
        "signature {approval}",
    ),
    Attack(
        "digest swapped",
        edit(KIND.SIGNATURE, "approval", subject_digest="0" * 64),
        "changed",
        "signature {approval}",
    ),
    Attack(
        "prescription changed",
        edit(KIND.PRESCRIPTION, "prescription", session={"protocol_id": "x"}),
        "changed",
        "prescription {prescription}",
    ),
    Attack("policy changed", edit(KIND.POLICY, "policy", most_pulses=9), "changed", "{policy}"),
    Attack(
        "event changed", edit(KIND.ADVERSE_EVENT, "seizure", severity=0), "changed", "{seizure}"
    ),
    Attack("row inserted", inserted_without_entry, "inserted", "signature {inserted}"),
    Attack(
        "end of an enrolment removed",
        lambda w, h: h.delete_record(KIND.ENROLMENT_END, _gone("gone")(w, h)),
        "deleted",
        "enrolment_end",
    ),
    Attack(
        "actor changed",
        lambda _, h: h.execute("UPDATE policy SET actor = 'console'"),
        "changed",
        "policy {policy}",
    ),
    Attack(
        "time changed",
        lambda _, h: h.execute("UPDATE policy SET at = '2020-01-01T00:00:00Z'"),
        "changed",
        "policy {policy}",
    ),
    Attack(
        "signature changed",
        lambda w, h: h.sign(KIND.SIGNATURE, w.uids["approval"], PrivateKey.new()),
        "changed",
        "signature {approval}",
    ),
    Attack(
        "verifier replaced",
        lambda w, h: credential(w, h, verifier="0" * 64),
        "changed",
        "credential of user {user}",
    ),
    Attack(
        "sealed key taken from another",
        lambda w, h: h.execute(
            "UPDATE credential SET sealed_key = (SELECT sealed_key FROM credential WHERE user_uid "
            "= ?) WHERE user_uid = ?",
            w.logins["technician"].user_uid,
            w.logins["physician"].user_uid,
        ),
        "changed",
        "credential of user {user}",
    ),
    Attack(
        "password no longer a first one",
        lambda w, h: credential(w, h, must_change=1),
        "changed",
        "credential of user {user}",
    ),
    Attack(
        "credential removed",
        lambda w, h: h.execute(
            "DELETE FROM credential WHERE user_uid = ?", w.logins["physician"].user_uid
        ),
        "deleted",
        "credential of user {user}",
    ),
    Attack(
        "credential for nobody",
        lambda _, h: h.execute(
            "INSERT INTO credential SELECT ?, parameters, salt, verifier, sealed_key, public_key, "
            "must_change, set_at FROM credential LIMIT 1",
            "00000000-0000-7000-8000-000000000000",
        ),
        "inserted",
        "credential of user 00000000",
    ),
    Attack(
        "all seals removed",
        lambda _, h: h.execute("DELETE FROM seal"),
        "unsealed",
        "it was entered",
    ),
    Attack(
        "newest seal removed, so that an older one is the newest",
        lambda _, h: h.execute("DELETE FROM seal WHERE seq = (SELECT max(seq) FROM seal)"),
        "seal",
        "it was entered and is not there",
    ),
    Attack(
        "seal forged",
        lambda _, h: h.execute(
            "UPDATE seal SET content = replace(content, 'an adverse', 'no adverse') "
            "WHERE seq = (SELECT max(seq) FROM seal)"
        ),
        "seal",
        "its content is not what was entered",
    ),
    Attack(
        "older seal moved to the newest place",
        lambda _, h: h.execute(
            "UPDATE seal SET seq = 9999 WHERE seq = (SELECT min(seq) FROM seal)"
        ),
        "seal",
        "seq is 9999",
    ),
    Attack(
        "audit row edited after the seal, its hash as it was",
        lambda _, h: h.execute(
            "UPDATE audit SET actor = 'x' WHERE seq = (SELECT max(seq) FROM audit)"
        ),
        "rewritten",
        "audit row {newest}: its content",
    ),
    Attack(
        "audit row edited before the seal, with its own hash",
        _edit_old_entry,
        "rewritten",
        "it does not follow from the row before it",
    ),
    Attack(
        "audit row of a record renamed before the seal",
        lambda w, h: h.execute(
            "UPDATE audit SET action = 'record.gone' WHERE subject = ?",
            f"enrolment:{w.enrolment('gone')}",
        ),
        "rewritten",
        "its content is not what its hash was made of",
    ),
    Attack(
        "an entry of the registry removed before the seal",
        lambda w, h: h.execute(
            "DELETE FROM audit WHERE subject = ?", f"enrolment:{w.enrolment('gone')}"
        ),
        "rewritten",
        "missing from the chain",
    ),
    Attack(
        "a link in the middle of the newest rows removed",
        lambda _, h: h.execute("DELETE FROM audit WHERE seq = (SELECT max(seq) - 1 FROM audit)"),
        "rewritten",
        "missing from the chain",
    ),
    Attack(
        "another action's trigger added",
        lambda _, h: h.execute(
            "CREATE TRIGGER swallow BEFORE INSERT ON signature BEGIN SELECT RAISE(IGNORE); END"
        ),
        "schema",
        "trigger swallow: it does not belong here",
    ),
]


@pytest.mark.parametrize("attack", EDITS, ids=lambda one: one.name)
def test_an_edit_is_refused_and_named(world: World, attack: Attack) -> None:
    """The simplest attacker: changes rows and leaves the audit chain, or most of it, alone."""
    before = len(verify(world.path).findings)
    with tampering(world.path) as hand:
        newest = hand.newest()
        attack.act(world, hand)

    assert refused(world.station) == attack.code
    names = {name.split()[-1]: uid for name, uid in world.uids.items()} | {
        "approval": world.uids["approval"],
        "physician": world.enrolment("physician"),
        "e": f"enrolment {world.enrolment('technician')}",
        "user": world.logins["physician"].user_uid,
        "newest": str(newest),
    }
    assert before == 0
    assert attack.named.format(**names) in said(world.path)


RECOMPUTED = [
    one
    for one in EDITS
    if one.code == "changed" and "credential" not in one.named and one.act is not exchanged_rows
]


@pytest.mark.parametrize("attack", RECOMPUTED, ids=lambda one: one.name)
@pytest.mark.parametrize("remembering", [False, True])
def test_an_edit_with_the_whole_chain_recomputed_is_refused(
    world: World, attack: Attack, remembering: bool
) -> None:
    """A skilled attacker; the second time one who also changes what this console remembers."""
    with tampering(world.path) as hand:
        attack.act(world, hand)
        for kind in RecordKind:
            for (uid,) in hand.rows(f"SELECT uid FROM {kind}"):
                hand.enter_as_it_is(kind, uid)
        hand.rehash()
        if remembering:
            hand.remember()

    assert refused(world.station) == "rewritten"
    if not remembering:
        assert "the chain was rewritten" in said(world.path)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (KIND.ADVERSE_EVENT, "seizure"),
        (KIND.POLICY, "policy"),
        (KIND.FORM_ANSWERS, "answers"),
        (KIND.ENROLMENT_END, "gone"),
    ],
)
@pytest.mark.parametrize("remembering", [False, True])
def test_a_record_deleted_with_its_audit_row_is_missed(
    world: World, kind: RecordKind, name: str, remembering: bool
) -> None:
    """Before the newest seal the registry is signed; after it only the kept head tells."""
    with tampering(world.path) as hand:
        uid = _gone("gone")(world, hand) if kind is KIND.ENROLMENT_END else world.uids[name]
        (seq,) = hand.rows(f"SELECT seq FROM {kind} WHERE uid = ?", uid)[0]
        sealed = hand.rows("SELECT max(sealed_seq) FROM seal")[0][0]
        hand.delete_record(kind, uid)
        hand.delete_entry(seq)
        if remembering:
            hand.remember()
    code = "rewritten" if remembering else "cut"

    if remembering and seq > sealed:
        with world.station.trusting() as trusted:  # the limit: nobody signed it, and both are open
            assert trusted.record(kind, uid) is None
    else:
        assert refused(world.station) == code
    assert remembering or "the chain was cut" in said(world.path)


def test_newest_rows_cut_off_are_missed_at_every_place(world: World) -> None:
    """One transaction as well as many: only a crash leaves two places where a chain may end."""
    kept = kept_heads(world.station.database.uid)
    assert kept is not None
    assert kept.before == kept.after
    whole = copy_of(world.path)
    codes = {}
    for above in range(kept.after.seq - 12, kept.after.seq):
        put_in_place(world.path, whole)
        with tampering(world.path) as hand:
            hand.cut(above)
        try:
            with world.station.trusting():
                codes[above] = "trusted"
        except NotTrusted as error:
            codes[above] = error.code

    assert set(codes.values()) == {"cut"}


def forged_patient(hand: Hand) -> Forged:
    uid = new_uid()
    return hand.forge(KIND.PATIENT, {"uid": uid, "patient_uid": uid} | patient("P-9"))


def test_rows_appended_after_the_kept_head_are_not_this_consoles(world: World) -> None:
    with tampering(world.path) as hand:
        forged = forged_patient(hand)

    assert refused(world.station) == "appended"
    assert f"audit row {forged.seq}" in said(world.path)


@pytest.mark.parametrize("write", ["a failed log-in", "a session's record", "a seal"])
def test_writing_into_a_tampered_file_does_not_make_it_believable(world: World, write: str) -> None:
    """The console goes on writing what happens; it must not vouch for what it went on from."""
    with tampering(world.path) as hand:
        forged_patient(hand)
    if write == "a failed log-in":
        with pytest.raises(LoginRefused):
            log_in(world.station, "physician", "not the password")
    elif write == "a session's record":
        add_patient(world, "new", "P-3")
    else:
        with pytest.raises(NotAsLeft):
            world.station.seal("anything")

    assert refused(world.station) == "appended"
    assert "not its own" in said(world.path)


def test_an_older_copy_put_back_is_refused_also_after_it_was_written_on(world: World) -> None:
    older = copy_of(world.path)
    for number in range(4):
        add_patient(world, f"p{number}", f"N-{number}")
    put_in_place(world.path, older)

    assert refused(world.station) == "cut"
    assert "the chain was cut" in said(world.path)
    for number in range(6):
        add_patient(world, f"q{number}", f"M-{number}")
    assert refused(world.station) == "rewritten"
    assert "the chain was rewritten" in said(world.path)


def test_an_older_credential_put_back_is_refused(world: World) -> None:
    """A password that was given up because somebody knew it must not open the key again."""
    technician = world.logins["technician"]
    name = technician.user_uid
    with tampering(world.path) as hand:
        old = hand.rows("SELECT * FROM credential WHERE user_uid = ?", name)[0]
    changed = "another quiet lantern 48"
    change_password(world.station, technician, password_of("technician"), changed)
    with tampering(world.path) as hand:
        hand.execute("DELETE FROM credential WHERE user_uid = ?", name)
        hand.execute(f"INSERT INTO credential VALUES ({', '.join('?' * len(old))})", *old)

    assert refused(world.station) == "changed"
    assert f"credential of user {name}: it is not what was entered" in said(world.path)


def test_a_consistent_foreign_file_is_refused(world: World, tmp_path: Path) -> None:
    """Another console's file, whole and right in itself, in the place of ours."""
    (tmp_path / "elsewhere").mkdir()
    other = make_clinic(tmp_path / "elsewhere")
    put_in_place(world.path, copy_of(other.path))

    assert refused(world.station) == "cut"  # opened before: this console's chain is gone
    opened = replace(world.station, database=open_database(world.path))
    assert refused(opened) == "foreign"


def test_a_foreign_file_that_says_it_is_ours_is_refused(world: World) -> None:
    """The uids are no secret: a new chain with our uids, sealed with a key of the attacker's."""
    mine = PrivateKey.new()
    with tampering(world.path) as hand:
        for kind in (KIND.SEAL, KIND.SIGNATURE, KIND.ENROLMENT_END, KIND.ENROLMENT, KIND.USER):
            for uid, seq in hand.rows(f"SELECT uid, seq FROM {kind} ORDER BY seq DESC"):
                hand.delete_record(kind, uid)
                hand.execute("DELETE FROM audit WHERE seq = ?", seq)
        hand.execute("DELETE FROM credential")
        hand.execute("DELETE FROM audit WHERE action = 'credential.set'")
        for number, (seq,) in enumerate(hand.rows("SELECT seq FROM audit ORDER BY seq"), 1):
            hand.execute("UPDATE audit SET seq = ? WHERE seq = ?", number, seq)
            for kind in RecordKind:
                hand.connection.execute(f"UPDATE {kind} SET seq = ? WHERE seq = ?", (number, seq))
        hand.rehash()
        hand.seal_as_it_is(mine)

    assert refused(world.station) == "cut"
    with tampering(world.path) as hand:
        hand.remember()
    assert refused(world.station) == "seal"


def test_nothing_is_trusted_without_a_remembered_head(world: World) -> None:
    uid = world.station.database.uid
    kept = kept_heads(uid)
    assert kept is not None
    head_path(uid).unlink()
    assert refused(world.station) == "unknown"
    add_patient(world, "new", "P-3")
    assert refused(world.station) == "unknown"  # writing does not bring it back
    keep_head(kept.after)
    assert refused(world.station) == "unknown"  # incomplete: not where the last write began
    head_path(uid).write_text("?")
    assert refused(world.station) == "unknown"
    add_patient(world, "newer", "P-4")  # no row is lost because of it


@pytest.mark.parametrize("rows_", ["all", "one"])
def test_a_chain_that_is_gone_or_another_consoles_is_refused(world: World, rows_: str) -> None:
    with tampering(world.path) as hand:
        if rows_ == "all":
            hand.execute("DELETE FROM audit")
        else:
            hand.execute("DELETE FROM audit WHERE seq > 1")

    assert refused(world.station) == "cut"


def test_another_databases_anchor_fits_nothing(world: World) -> None:
    anchor = replace(world.station.anchor.public, console_uid=new_uid())
    station = replace(world.station, anchor=replace(world.station.anchor, public=anchor))

    with world.station.database.reading() as connection, pytest.raises(NotTrusted) as refusal:
        looking.read_trusted(connection, station.database, anchor, None)

    assert refusal.value.code == "foreign"


def test_the_chain_must_end_where_the_links_end(world: World) -> None:
    """The head that was compared with what is remembered, and no other."""
    database, anchor = world.station.database, world.station.anchor.public
    with database.reading() as connection:
        head = vouching.read_head(connection, database.uid, database.console_uid)
        earlier = replace(head, seq=head.seq - 1)
        with pytest.raises(NotTrusted, match="is not where the record ends") as refusal:
            looking.read_trusted(connection, database, anchor, KeptHeads(earlier, earlier), earlier)

    assert refusal.value.code == "rewritten"


def test_a_seal_that_cannot_be_written_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "BUSY_MS", 1)
    connection = raw_connection(world.path)
    connection.isolation_level = None
    connection.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(WriteFailed, match="kept the database locked"):
            world.station.seal("anything")
    finally:
        connection.close()


def test_a_seal_gives_up_when_others_write_all_the_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It signs what it looked at, and never what somebody wrote between looking and signing."""
    real, looks = registry.newest_record, []

    def somebody_writes(*args: Any) -> StoredRecord | None:
        looks.append(args)
        found = real(*args)
        add_patient(world, f"w{len(looks)}", f"W-{len(looks)}")
        return found

    monkeypatch.setattr(seals, "newest_record", somebody_writes)
    monkeypatch.setattr(seals, "MOST_TRIES", 3)

    with pytest.raises(WriteFailed, match="others write all the time"):
        world.station.seal("anything")
    assert len(looks) == 3


def test_a_seal_of_another_database_is_none_of_ours(world: World) -> None:
    """The same console key over another database would vouch for another chain."""
    with tampering(world.path) as hand:
        real = hand.database_uid
        hand.database_uid = new_uid()
        hand.seal_as_it_is(world.station.anchor.key)
        hand.database_uid = real
        hand.remember()

    assert refused(world.station) == "seal"


@pytest.mark.parametrize(
    "members",
    [
        {"sealed_seq": "1"},
        {"sealed_seq": 10_000},
        {"registry_rows": None},
        {"registry_digest": "0" * 64},
        {"sealed_hash": "0" * 64},
    ],
    ids=str,
)
def test_a_seal_that_says_nonsense_vouches_for_nothing(
    world: World, members: dict[str, Json]
) -> None:
    """Even under the console's own key, as a fault of ours could make it."""
    with tampering(world.path) as hand:
        seal = hand.seal_as_it_is(world.station.anchor.key)
        hand.edit(KIND.SEAL, seal.uid, **members)
        hand.sign(KIND.SEAL, seal.uid, world.station.anchor.key)
        hand.enter_as_it_is(KIND.SEAL, seal.uid)
        hand.rehash()
        hand.remember()

    assert refused(world.station) in {"seal", "rewritten"}


def test_a_record_entered_twice_is_refused(world: World) -> None:
    """Else the later entry would replace the earlier one's digest."""
    with tampering(world.path) as hand:
        detail: dict[str, Json] = {"at": AT, "digest": "0" * 64}
        seq = hand.append("record.add", f"policy:{world.uids['policy']}", detail)
        hand.remember()

    assert refused(world.station) == "rewritten"
    assert f"audit row {seq}: 'policy:{world.uids['policy']}' was entered before" in said(
        world.path
    )


def test_the_console_signs_only_what_its_own_newest_seal_leads_to(world: World) -> None:
    """A seal row planted with a made-up registry must not become the start of a real one."""
    with tampering(world.path) as hand:
        planted = hand.forge(
            KIND.SEAL,
            {
                "database_uid": hand.database_uid,
                "console_uid": hand.console_uid,
                "sealed_seq": hand.newest() - 1,
                "sealed_hash": hand.rows("SELECT hash FROM audit ORDER BY seq DESC")[1][0],
                "registry_rows": 1,
                "registry_digest": "f" * 64,
                "why": "x",
                "at": AT,
            },
        )
        hand.execute("DELETE FROM audit WHERE seq = ?", planted.seq)
        used = {row[0] for row in hand.rows("SELECT seq FROM seal")}
        hand.execute(
            "UPDATE seal SET seq = ? WHERE uid = ?", min(set(range(3, 99)) - used), planted.uid
        )
    world.station.seal("anything")

    with tampering(world.path) as hand:
        hand.delete_record(KIND.SEAL, planted.uid)
    with world.station.trusting() as trusted:
        assert trusted.book.rejected == []


def test_a_seal_is_refused_when_the_newest_rows_do_not_hold_together(world: World) -> None:
    """Between reading and sealing somebody may edit a row; its hash would become sealed truth."""
    with tampering(world.path) as hand:
        newest = hand.rows("SELECT max(seq) - 1 FROM audit")[0][0]
        hand.execute("UPDATE audit SET actor = 'x' WHERE seq = ?", newest)

    with pytest.raises(NotAsLeft, match=f"audit row {newest}"):
        world.station.seal("anything")


@pytest.mark.parametrize("change", ["signature", "content", "database"])
def test_the_console_adds_no_seal_to_one_that_does_not_hold(world: World, change: str) -> None:
    with tampering(world.path) as hand:
        uid = hand.rows("SELECT uid FROM seal ORDER BY seq DESC LIMIT 1")[0][0]
        if change == "signature":
            hand.sign(KIND.SEAL, uid, PrivateKey.new())
        else:
            member = {"database": "database_uid", "content": "registry_rows"}[change]
            hand.edit(KIND.SEAL, uid, **{member: "x"})
            hand.sign(KIND.SEAL, uid, world.station.anchor.key)

    with pytest.raises(NotAsLeft, match="newest seal"):
        world.station.seal("anything")


def test_a_trigger_that_swallows_audit_rows_is_noticed_before_commit(world: World) -> None:
    """A withdrawal that SQLite ignores without an error would look as if it were on record."""
    before = kept_heads(world.station.database.uid)
    connection = raw_connection(world.path)
    connection.execute(
        "CREATE TRIGGER swallow BEFORE INSERT ON audit WHEN NEW.action = 'record.add' "
        "BEGIN SELECT RAISE(IGNORE); END"
    )
    connection.close()

    with pytest.raises(Exception, match=r"was not stored|row before"):
        add_patient(world, "new", "P-3")

    assert kept_heads(world.station.database.uid) == before


@pytest.mark.usefixtures("world")
def test_an_anchor_is_for_one_database() -> None:
    with pytest.raises(NotTrusted) as refusal:
        require_anchor(new_uid())

    assert refusal.value.code == "foreign"


# What got onto the chain through the console and still counts for nothing


def forged_signature(world: World, hand: Hand, login: str, key: PrivateKey | None) -> Forged:
    """Return an approval of the prescription nobody approved, as a row that looks right."""
    enrolment = world.logins[login].enrolment
    digest_, patient_uid = hand.rows(
        "SELECT (SELECT detail ->> '$.digest' FROM audit WHERE seq = prescription.seq), patient_uid"
        " FROM prescription WHERE uid = ?",
        world.uids["unapproved"],
    )[0]
    head = hand.rows("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")[0]
    meaning = Meaning.APPROVE_PRESCRIPTION
    return hand.forge(
        KIND.SIGNATURE,
        {
            "meaning": meaning.value,
            "subject_kind": RULES[meaning].subject,
            "subject_uid": world.uids["unapproved"],
            "subject_digest": digest_,
            "patient_uid": patient_uid,
            "enrolment_uid": enrolment.uid,
            "name": enrolment.name,
            "role": enrolment.role.value,
            "at": AT,
            "answers": [],
            "items": [],
            "comment": "",
            "head": {"seq": head[0], "hash": head[1]},
        },
        key,
    )


@pytest.mark.parametrize(
    ("login", "signer"),
    [
        ("physician", None),
        ("physician", "attacker"),
        ("physician", "technician"),
        ("technician", "technician"),
        ("administrator", "administrator"),
        ("gone", "gone"),
        ("second", "second"),
        ("second before", "second before"),
    ],
)
def test_an_approval_row_by_the_wrong_hand_does_not_hold(
    world: World, login: str, signer: str | None
) -> None:
    """Even on the chain: unsigned, by a role that may not, by an ended or unconfirmed key."""
    key = PrivateKey.new() if signer == "attacker" else None
    if signer in world.logins:
        key = world.logins[signer].key()
    with tampering(world.path) as hand:
        forged = forged_signature(world, hand, login, key)
        hand.remember()

    with world.station.trusting() as trusted:
        record = trusted.record(KIND.SIGNATURE, forged.uid)
        assert record is not None
        assert trusted.signature(record) is None
        assert [one.uid for one in trusted.signatures(world.uids["unapproved"])] == [
            world.uids["gone approval"]
        ]
        assert forged.uid not in {one.uid for one in trusted.signed(Meaning.APPROVE_PRESCRIPTION)}


def test_the_same_row_by_the_right_hand_holds(world: World) -> None:
    """What shows that the rows above fail for their signer alone."""
    with tampering(world.path) as hand:
        forged = forged_signature(world, hand, "physician", world.logins["physician"].key())
        hand.remember()

    with world.station.trusting() as trusted:
        assert forged.uid in {one.uid for one in trusted.signed(Meaning.APPROVE_PRESCRIPTION)}


@pytest.mark.parametrize("member", ["subject_kind", "subject_uid", "meaning", "head", "items"])
def test_a_signature_that_says_nonsense_is_no_signature(world: World, member: str) -> None:
    with tampering(world.path) as hand:
        forged = forged_signature(world, hand, "physician", world.logins["physician"].key())
        hand.edit(KIND.SIGNATURE, forged.uid, **{member: "x"})
        hand.sign(KIND.SIGNATURE, forged.uid, world.logins["physician"].key())
        hand.enter_as_it_is(KIND.SIGNATURE, forged.uid)
        hand.rehash()
        hand.execute("UPDATE audit SET seq = seq")
    # the chain since the seal is right again, and the head is remembered
    with tampering(world.path) as hand:
        hand.remember()

    with world.station.trusting() as trusted:
        assert forged.uid not in {
            one.uid
            for one in map(trusted.signature, trusted.records(KIND.SIGNATURE))
            if one is not None
        }


def test_a_session_is_signed_by_its_closing_entry(world: World) -> None:
    """A signature under a session that is not closed, or not on record, says nothing."""
    with tampering(world.path) as hand:
        forged = forged_signature(world, hand, "technician", world.logins["technician"].key())
        hand.edit(
            KIND.SIGNATURE,
            forged.uid,
            meaning=Meaning.DELIVERED.value,
            subject_kind="session",
            subject_uid=new_uid(),
        )
        hand.sign(KIND.SIGNATURE, forged.uid, world.logins["technician"].key())
        hand.enter_as_it_is(KIND.SIGNATURE, forged.uid)
        hand.rehash()
        hand.remember()

    with world.station.trusting() as trusted:
        record = trusted.record(KIND.SIGNATURE, forged.uid)
        assert record is not None
        assert trusted.signature(record) is None


# Reading


def test_records_are_found_by_members_and_told_apart_by_type(world: World) -> None:
    with world.station.trusting() as trusted:
        assert {one.uid for one in trusted.records(KIND.PATIENT, version=1)} == {
            world.uids["patient"],
            world.uids["other"],
        }
        assert trusted.records(KIND.PATIENT, version=True) == ()
        assert trusted.records(KIND.PATIENT, version=1, record_number="P-2") == (
            trusted.record(KIND.PATIENT, world.uids["other"]),
        )
        assert len(trusted.records(KIND.PRESCRIPTION, supersedes=None)) == 3
        assert trusted.records(KIND.PRESCRIPTION, session={"protocol_id": "x"}) == ()
        assert trusted.record(KIND.PATIENT, new_uid()) is None


def test_reading_again_gives_the_same_and_notices_what_changed_since(world: World) -> None:
    """The second reading hashes only what differs from the first; it must not believe it."""
    with world.station.trusting() as trusted:
        first = trusted.records(KIND.POLICY)
    add_patient(world, "new", "P-3")
    with world.station.trusting() as trusted:
        assert trusted.records(KIND.POLICY) == first
        assert len(trusted.records(KIND.PATIENT)) == 3
    with tampering(world.path) as hand:
        hand.edit(KIND.POLICY, world.uids["policy"], most_pulses=4000)
    assert refused(world.station) == "changed"
    with tampering(world.path) as hand:
        hand.edit(KIND.POLICY, world.uids["policy"], most_pulses=3000)
        hand.execute("UPDATE audit SET actor = 'x' WHERE seq = 2")
    assert refused(world.station) == "rewritten"


class Busy:
    """Heads that go on while somebody looks."""

    def __init__(self, uid: str, console: str) -> None:
        self._uid, self._console, self.looks = uid, console, 0

    def __call__(self, _uid: str) -> KeptHeads:
        self.looks += 1
        head = ChainHead(self._uid, self._console, 1000 + self.looks, "0" * 64)
        return KeptHeads(head, head)


def test_a_record_that_is_written_all_the_time_is_busy_and_not_tampered_with(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    database: Database = world.station.database
    busy = Busy(database.uid, database.console_uid)
    monkeypatch.setattr(looking, "remembered", busy)

    assert refused(world.station) == "busy"
    assert busy.looks == 2 * looking.MOST_TRIES


def test_one_write_between_the_two_looks_is_no_alarm(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, writes = vouching.remembered, iter(range(1))

    def remembered(uid: str) -> KeptHeads | None:
        kept = real(uid)
        for _ in writes:
            add_patient(world, "a", "P-3")
            add_patient(world, "b", "P-4")
        return kept

    monkeypatch.setattr(looking, "remembered", remembered)

    with world.station.trusting() as trusted:
        assert len(trusted.records(KIND.PATIENT)) == 4
