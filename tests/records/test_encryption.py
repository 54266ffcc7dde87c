"""Keys: what is encrypted, where keys are kept, and that nothing shows them."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import shutil
import stat
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked
from sqlcipher3 import dbapi2

from tests.records.recording import begin_session, rows, wall_clock
from tms_console.records import encryption
from tms_console.records.connections import (
    Access,
    file_id,
    keep_key,
    key_of,
    raw_connection,
    reading,
)
from tms_console.records.database import (
    Database,
    Purpose,
    check_integrity,
    create_database,
    inspect_database,
    open_database,
)
from tms_console.records.encryption import DatabaseKey, forget_keys, require_sqlcipher
from tms_console.records.errors import DatabaseUnusable
from tms_console.records.file_facts import facts_of
from tms_console.records.key_sources import (
    KEY_FILE_VARIABLE,
    KEY_VARIABLE,
    SERVICE,
    EnvironmentKey,
    KeyFile,
    KeyFolder,
    SystemKeyring,
    key_sources,
)
from tms_console.records.private_files import CONFIG_VARIABLE, configuration_folder
from tms_console.records.verify import verify

KEY = DatabaseKey(bytes(range(32)))
OTHER = DatabaseKey(bytes(32))


class Ring(KeyringBackend):
    """A keyring of this test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("the collection is locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise KeyringLocked("the collection is locked")
        self.kept[service, username] = password


@pytest.fixture(autouse=True)
def a_process_that_has_just_started() -> Iterator[None]:
    forget_keys()
    yield
    forget_keys()


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ring]:
    """A machine with a keyring, and a user's configuration folder that is the test's."""
    monkeypatch.delenv(CONFIG_VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    before, backend = keyring.get_keyring(), Ring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def clinic(tmp_path: Path) -> Database:
    return create_database(tmp_path / "clinic.db", Purpose.CLINIC, wall=wall_clock())


def key_folder() -> Path:
    return configuration_folder() / "keys"


def test_a_clinics_database_is_encrypted_and_the_others_are_plain(
    clinic: Database, tmp_path: Path
) -> None:
    """A stolen disk shows no names and diagnoses; QA reads rehearsals with any tool."""
    rehearsal = create_database(tmp_path / "r.db", Purpose.REHEARSAL)
    demo = create_database(tmp_path / "d.db", Purpose.DEMO)

    assert not clinic.path.read_bytes().startswith(b"SQLite")
    assert b"CREATE TABLE" not in clinic.path.read_bytes()
    assert rehearsal.path.read_bytes().startswith(b"SQLite format 3")
    assert demo.path.read_bytes().startswith(b"SQLite format 3")
    assert open_database(clinic.path) == clinic
    assert verify(clinic.path).findings == ()
    assert check_integrity(clinic) == ()
    keyless = dbapi2.connect(str(clinic.path))
    with pytest.raises(dbapi2.DatabaseError, match="not a database"):
        keyless.execute("SELECT * FROM audit")
    keyless.close()


def test_what_is_written_is_encrypted_in_the_wal_too(clinic: Database) -> None:
    """A session's rows are in the -wal for hours before they reach the file."""
    with clinic.connect_writer() as connection:
        with connection.begin():
            connection.exec_driver_sql("CREATE TABLE note (words)")
            connection.exec_driver_sql("INSERT INTO note VALUES ('Margarethe Musterfrau')")
        wal = clinic.path.with_name("clinic.db-wal").read_bytes()

    assert len(wal) > 4096
    assert b"Margarethe" not in wal
    assert b"Margarethe" not in clinic.path.read_bytes()
    assert rows(clinic.path, "SELECT words FROM note") == [("Margarethe Musterfrau",)]


def test_every_kind_of_access_finds_the_key_itself(clinic: Database) -> None:
    accesses: list[Access] = ["read", "inspect", "immutable"]
    for access in accesses:
        forget_keys()
        with reading(clinic.path, access) as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM audit").scalar() == 1
    forget_keys()
    with clinic.connect_writer() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA cipher_status").scalar() == "1"
        assert connection.exec_driver_sql("PRAGMA temp_store").scalar() == 2  # memory


def test_another_process_opens_the_same_file_by_itself(clinic: Database) -> None:
    """The delivering process is told a path, never a key."""
    code = (
        "import sys; from pathlib import Path\n"
        "from tms_console.records.database import open_database\n"
        "print(open_database(Path(sys.argv[1])).uid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(clinic.path)], capture_output=True, text=True, check=True
    )

    assert (done.stdout.strip(), done.stderr) == (clinic.uid, "")


def test_every_database_has_a_key_of_its_own_kept_under_the_files_id(
    clinic: Database, tmp_path: Path
) -> None:
    other = create_database(tmp_path / "other.db", Purpose.CLINIC)

    named = {path.stem for path in key_folder().glob("*.key")}
    assert named == {file_id(clinic.path), file_id(other.path)}
    assert key_of(clinic.path) != key_of(other.path)


def test_a_moved_and_a_copied_file_find_their_key(clinic: Database, tmp_path: Path) -> None:
    copied = tmp_path / "copy.db"
    shutil.copy(clinic.path, copied)
    moved = clinic.path.rename(tmp_path / "moved.db")
    forget_keys()

    assert open_database(copied).uid == open_database(moved).uid == clinic.uid


def test_without_its_key_a_file_is_refused_with_what_to_do(clinic: Database) -> None:
    shutil.rmtree(key_folder())
    forget_keys()

    with pytest.raises(DatabaseUnusable, match=r"key is not known on this machine.*recover-key"):
        open_database(clinic.path)
    with pytest.raises(DatabaseUnusable, match="recover-key"):
        verify(clinic.path)
    with pytest.raises(DatabaseUnusable, match="recover-key"):
        clinic.connect_writer()


def test_with_another_key_a_file_is_refused_and_nothing_is_written_on_standard_error(
    clinic: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """SQLCipher's own log writes there at each wrong key; a window has nobody to read it."""
    shutil.rmtree(key_folder())
    monkeypatch.setenv(KEY_VARIABLE, OTHER.text())
    forget_keys()

    with pytest.raises(DatabaseUnusable, match="another key than this machine knows"):
        open_database(clinic.path)
    assert capfd.readouterr().err == ""


def test_a_damaged_first_page_is_told_in_the_same_words_as_a_wrong_key(clinic: Database) -> None:
    """Both fail the same check; the sentence names both."""
    content = bytearray(clinic.path.read_bytes())
    content[100] ^= 1
    clinic.path.write_bytes(content)

    with pytest.raises(DatabaseUnusable, match="or its beginning is damaged"):
        open_database(clinic.path)


def test_a_damaged_page_is_found(clinic: Database) -> None:
    """SQLCipher authenticates every page: one changed bit is an error, never another value."""
    content = bytearray(clinic.path.read_bytes())
    content[-2000] ^= 1
    clinic.path.write_bytes(content)

    assert verify(clinic.path).findings != ()


def test_a_plain_file_that_says_it_is_a_clinics_is_refused(tmp_path: Path) -> None:
    """Somebody without the key cannot make a file that is taken for the clinic's."""
    plain = create_database(tmp_path / "p.db", Purpose.DEMO)
    with raw_connection(plain.path) as connection:
        connection.execute("DROP TRIGGER audit_update")
        connection.execute("UPDATE audit SET detail = replace(detail, 'demo', 'clinic')")
    connection.close()

    with pytest.raises(DatabaseUnusable, match="a clinic's database is encrypted"):
        open_database(plain.path)


def test_a_replaced_file_of_the_same_name_is_opened_with_its_own_key(
    clinic: Database, tmp_path: Path
) -> None:
    """Connections are made by path; the key must follow the file, not the path."""
    with clinic.reading():
        pass
    other = create_database(tmp_path / "other.db", Purpose.CLINIC)
    plain = create_database(tmp_path / "plain.db", Purpose.DEMO)

    other.path.replace(clinic.path)
    assert open_database(clinic.path).uid == other.uid
    plain.path.replace(clinic.path)
    assert open_database(clinic.path).uid == plain.uid


def test_a_key_is_not_asked_for_twice_in_one_process(clinic: Database) -> None:
    """A keyring may show a dialog; the gate reads before every train."""
    with clinic.reading():
        pass
    shutil.rmtree(key_folder())

    with clinic.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM audit").scalar() == 1


def test_a_remembered_key_that_no_longer_fits_is_asked_for_again(clinic: Database) -> None:
    named = file_id(clinic.path)
    assert named is not None
    encryption.remember(named, OTHER)

    assert open_database(clinic.path) == clinic


def test_the_key_is_kept_before_the_file_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose key was never kept is lost at the first restart."""
    seen: list[bool] = []
    store = KeyFolder.store

    def watched(self: KeyFolder, named: str, key: DatabaseKey) -> None:
        seen.append(any(path.stat().st_size for path in tmp_path.glob("a.db*")))
        store(self, named, key)

    monkeypatch.setattr(KeyFolder, "store", watched)
    create_database(tmp_path / "a.db", Purpose.CLINIC)

    assert seen == [False]


def test_without_a_place_for_the_key_no_file_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "file"))

    with pytest.raises(DatabaseUnusable, match="cannot be kept there"):
        create_database(tmp_path / "a.db", Purpose.CLINIC)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["file"]


def test_a_disk_that_fails_while_the_file_is_made_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise dbapi2.OperationalError("database or disk is full")

    monkeypatch.setattr("tms_console.records.database.begin_encrypted", full)

    with pytest.raises(DatabaseUnusable, match="cannot be made: database or disk is full"):
        create_database(tmp_path / "a.db", Purpose.CLINIC)
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


def test_files_and_keys_are_the_owners_alone_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = create_database(tmp_path / "a.db", Purpose.CLINIC)
        with made.connect_writer() as connection, connection.begin():
            connection.exec_driver_sql("CREATE TABLE extra (a)")
            beside = sorted(tmp_path.glob("a.db*"))
            modes = {stat.S_IMODE(path.stat().st_mode) for path in beside}
    finally:
        os.umask(before)

    assert [path.name for path in beside] == ["a.db", "a.db-shm", "a.db-wal"]
    assert modes == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in key_folder().iterdir()} == {0o600}
    assert stat.S_IMODE(key_folder().stat().st_mode) == 0o700


@pytest.mark.parametrize("variable", [KEY_VARIABLE, KEY_FILE_VARIABLE])
def test_a_server_gives_one_key_for_every_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    file = tmp_path / "the.key"
    file.write_text(KEY.text() + "\n")
    file.chmod(0o600)
    monkeypatch.setenv(variable, KEY.text() if variable == KEY_VARIABLE else str(file))

    made = create_database(tmp_path / "a.db", Purpose.CLINIC)
    forget_keys()

    assert open_database(made.path) == made
    assert key_of(made.path) == KEY
    assert not key_folder().exists()


def test_a_named_key_file_that_is_missing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "new" / "the.key"
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(file))

    first = create_database(tmp_path / "a.db", Purpose.CLINIC)
    second = create_database(tmp_path / "b.db", Purpose.CLINIC)

    assert key_of(first.path) == key_of(second.path)
    assert file.read_text().strip() == key_of(first.path).text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_key_file_that_others_can_read_is_refused(clinic: Database) -> None:
    (file,) = key_folder().iterdir()
    file.chmod(0o640)
    forget_keys()

    with pytest.raises(DatabaseUnusable, match=r"mode 0640.*chmod 600"):
        open_database(clinic.path)


@pytest.mark.parametrize("text", ["", "abc", "zz" * 32, KEY.text() + "00"])
def test_what_is_no_key_is_refused_without_being_repeated(
    clinic: Database, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    shutil.rmtree(key_folder())
    monkeypatch.setenv(KEY_VARIABLE, text)
    forget_keys()

    with pytest.raises(DatabaseUnusable, match=f"{KEY_VARIABLE}.*is no key") as refused:
        open_database(clinic.path)
    assert not text or text not in str(refused.value)


def test_a_wrong_key_in_the_environment_does_not_hide_the_right_one(
    clinic: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in (OTHER.text(), "not a key"):
        monkeypatch.setenv(KEY_VARIABLE, wrong)
        forget_keys()
        assert open_database(clinic.path) == clinic


def test_an_unreadable_key_file_is_named(clinic: Database) -> None:
    (file,) = key_folder().iterdir()
    file.unlink()
    file.mkdir(mode=0o700)
    forget_keys()

    with pytest.raises(DatabaseUnusable, match="cannot be read: Is a directory"):
        open_database(clinic.path)


def test_with_a_keyring_keys_are_kept_there_and_nowhere_else(ring: Ring, tmp_path: Path) -> None:
    made = create_database(tmp_path / "a.db", Purpose.CLINIC)
    forget_keys()

    assert open_database(made.path) == made
    assert list(ring.kept) == [(SERVICE, file_id(made.path))]
    assert not (tmp_path / "xdg").exists()


def test_a_keyring_that_is_locked_is_named_and_no_file_is_made(ring: Ring, tmp_path: Path) -> None:
    made = create_database(tmp_path / "a.db", Purpose.CLINIC)
    forget_keys()
    ring.locked = True

    with pytest.raises(DatabaseUnusable, match=r"does not serve: the collection is locked"):
        open_database(made.path)
    with pytest.raises(DatabaseUnusable, match="does not serve"):
        create_database(tmp_path / "b.db", Purpose.CLINIC)
    assert not (tmp_path / "b.db").exists()


def test_a_keyring_that_refuses_to_write_is_named(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(ring, "set_password", refuse)

    with pytest.raises(DatabaseUnusable, match="does not serve: no room"):
        SystemKeyring(ring).store("id", KEY)


def test_a_keyring_that_forgets_is_noticed_before_anything_is_encrypted() -> None:
    """`null` says yes and keeps nothing."""
    with pytest.raises(DatabaseUnusable, match="cannot be read back"):
        SystemKeyring(null.Keyring()).store("id", KEY)  # type: ignore[no-untyped-call]


def test_a_keyring_never_loses_a_key_to_another(ring: Ring) -> None:
    place = SystemKeyring(ring)
    place.store("id", KEY)
    place.store("id", KEY)

    with pytest.raises(DatabaseUnusable, match="holds another key"):
        place.store("id", OTHER)
    assert place.keys("id") == (KEY,)


@pytest.mark.usefixtures("ring")
def test_a_machine_without_a_keyring_keeps_keys_in_the_configuration_folder(
    tmp_path: Path,
) -> None:
    """A headless Linux has none (NoKeyringError)."""
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]

    made = create_database(tmp_path / "a.db", Purpose.CLINIC)

    kept = tmp_path / "xdg" / "tms-console" / "keys" / f"{file_id(made.path)}.key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [source.name for source in key_sources()] == [f"the folder {kept.parent}"]


def test_a_key_kept_before_there_was_a_keyring_is_still_found(ring: Ring, tmp_path: Path) -> None:
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    made = create_database(tmp_path / "a.db", Purpose.CLINIC)
    keyring.set_keyring(ring)
    forget_keys()

    assert open_database(made.path) == made


@pytest.mark.usefixtures("ring")
def test_the_sources_are_asked_in_one_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY.text())
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "k"))

    kinds = [type(source) for source in key_sources()]

    assert kinds == [EnvironmentKey, KeyFile, SystemKeyring, KeyFolder]
    assert key_sources()[0].name == f"the environment ({KEY_VARIABLE})"
    assert key_sources()[1].name.startswith("the key file")


def test_no_source_replaces_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost key is a lost record."""
    monkeypatch.setenv(KEY_VARIABLE, KEY.text())
    for place in (KeyFile(tmp_path / "k"), KeyFolder(tmp_path / "f"), EnvironmentKey()):
        place.store("id", KEY)
        place.store("id", KEY)
        with pytest.raises(DatabaseUnusable, match="another key"):
            place.store("id", OTHER)
        assert place.keys("id") == (KEY,)
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(DatabaseUnusable, match="is no key"):
        EnvironmentKey().given()


def test_a_key_shows_itself_nowhere(clinic: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a repr, a log of every statement, or the traceback of an error."""
    key = key_of(clinic.path)
    with caplog.at_level(logging.DEBUG), clinic.connect_writer() as connection:
        connection.exec_driver_sql("SELECT 1")
        logging.getLogger("sqlalchemy.engine").debug("%r", connection.engine)
    try:
        encryption.unlock(None, key)
    except AttributeError:
        told = traceback.format_exc()

    shown = [repr(key), str(key), f"{key}", repr([key]), caplog.text, told, repr(clinic)]
    assert not any(key.text()[:16] in one or repr(key.raw()) in one for one in shown)
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never written"):
            write(key)


def test_a_key_has_256_bits_and_is_random() -> None:
    assert DatabaseKey.new() != DatabaseKey.new()
    assert DatabaseKey.new() != "text"
    with pytest.raises(ValueError, match="32 bytes, and this has 31"):
        DatabaseKey(bytes(31))


@given(st.binary(min_size=32, max_size=32))
def test_a_key_comes_back_from_its_text(raw: bytes) -> None:
    key = DatabaseKey(raw)

    assert DatabaseKey.from_text(f" {key.text().upper()}\n") == key
    assert hash(DatabaseKey(raw)) == hash(key)


def test_a_library_that_cannot_encrypt_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain SQLite ignores `PRAGMA key`: patients would be written in clear."""

    class Plain:
        def execute(self, _: str) -> Plain:
            return self

        def fetchone(self) -> None:
            return None

        def close(self) -> None:
            """Do nothing."""

    require_sqlcipher.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(dbapi2, "connect", lambda *_, **__: Plain())
        with pytest.raises(DatabaseUnusable, match="without SQLCipher"):
            create_database(tmp_path / "a.db", Purpose.CLINIC)
    require_sqlcipher()


def test_a_key_that_was_brought_back_is_kept_only_if_it_opens_the_file(clinic: Database) -> None:
    key = key_of(clinic.path)
    shutil.rmtree(key_folder())
    forget_keys()

    with pytest.raises(DatabaseUnusable, match="belongs to another database"):
        keep_key(clinic.path, OTHER)
    assert not key_folder().exists()
    assert keep_key(clinic.path, key) == f"the folder {key_folder()}"
    forget_keys()
    assert open_database(clinic.path) == clinic


def test_only_an_encrypted_database_has_a_key(tmp_path: Path) -> None:
    plain = create_database(tmp_path / "p.db", Purpose.DEMO)

    with pytest.raises(DatabaseUnusable, match="not encrypted, and has no key"):
        key_of(plain.path)
    with pytest.raises(DatabaseUnusable, match="not encrypted, and needs no key"):
        keep_key(plain.path, KEY)
    with pytest.raises(DatabaseUnusable, match="no such database"):
        keep_key(tmp_path / "none.db", KEY)
    with pytest.raises(DatabaseUnusable, match="No such file"):
        key_of(tmp_path / "none.db")


def test_an_empty_file_is_not_taken_for_an_encrypted_one(tmp_path: Path) -> None:
    """SQLCipher makes up a salt for it."""
    empty = tmp_path / "empty.db"
    empty.touch()

    assert file_id(empty) is None
    with pytest.raises(DatabaseUnusable, match="another program"):
        inspect_database(empty)


LOCKS = Path("/proc/locks")


@pytest.mark.skipif(not LOCKS.exists(), reason="only Linux lists its locks")
def test_reading_the_id_leaves_the_locks_of_this_process_alone(clinic: Database) -> None:
    """Closing a descriptor of the file ends them, and another process could reset the WAL.

    So the id is read through SQLite (sqlite.org/howtocorrupt.html, 2.2).
    """

    def locked() -> bool:
        return any(
            line.split()[5].endswith(f":{clinic.path.stat().st_ino}")
            for line in LOCKS.read_text().splitlines()
        )

    held = raw_connection(clinic.path)
    try:
        held.execute("SELECT count(*) FROM audit").fetchone()
        assert locked()
        file_id(clinic.path)
        key_of(clinic.path)
        open_database(clinic.path)
        facts_of(clinic.path)
        assert locked()
    finally:
        held.close()
    assert not locked()


def test_a_session_is_recorded_in_an_encrypted_file_like_in_any_other(clinic: Database) -> None:
    from tests.records.recording import record, rich_session  # noqa: PLC0415 - only here
    from tms_console.records.operations import new_uid  # noqa: PLC0415

    uid = new_uid()
    record(clinic, uid, [begin_session(uid), *rich_session(uid)[1:]])

    assert verify(clinic.path).findings == ()
    assert rows(clinic.path, "SELECT state FROM session") == [("failed",)]
