-- The record of sessions, schema 1.  These scripts alone create tables; tables.py only describes them.
--
-- Every `_ns` column is an offset in nanoseconds from the origin of the session (session.origin_wall).
-- Every integer that enters a digest stays below 2^53, the limit of RFC 8785 JSON.
-- Nothing here is ever deleted.  A session, train or pulse row is finalised once and then stays;
-- events, frames and audit rows are only ever added.  Triggers enforce it for any SQLite tool.
-- INSERT OR REPLACE deletes without asking the delete triggers when recursive_triggers is off, so
-- the insert triggers refuse every key that is taken.

CREATE TABLE session (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    console_uid TEXT NOT NULL CHECK (length(console_uid) = 36),
    kind TEXT NOT NULL CHECK (kind IN ('treatment', 'threshold', 'test', 'rehearsal')),
    -- What the session rests on: the uid and SHA-256 digest of the signed prescription or policy;
    -- only a rehearsal may go without.  No reference yet: those tables come with approvals.
    authority_uid TEXT CHECK (length(authority_uid) = 36),
    authority_digest TEXT CHECK (length(authority_digest) = 64),
    -- References to the threshold and the technician; NULL until their tables exist, and then
    -- entered in the audit chain by their uids, because local keys never leave the machine.
    threshold_id INTEGER,
    resumes_uid TEXT CHECK (length(resumes_uid) = 36) REFERENCES session (uid),
    technician_id INTEGER,
    device_model TEXT NOT NULL,
    device_serial TEXT NOT NULL,
    device_firmware TEXT NOT NULL,
    simulated INTEGER NOT NULL CHECK (simulated IN (0, 1)),
    simulated_proof TEXT,
    coil TEXT NOT NULL,
    software_version TEXT NOT NULL,
    realtime_priority TEXT NOT NULL,
    started_at TEXT NOT NULL CHECK (started_at GLOB '????-??-??T??:??:??*Z'),
    -- NULL while running, and for ever in an interrupted session: nobody saw when it ended.
    ended_at TEXT CHECK (ended_at GLOB '????-??-??T??:??:??*Z'),
    end_reason TEXT,
    origin_wall TEXT NOT NULL CHECK (origin_wall GLOB '????-??-??T??:??:??*Z'),
    state TEXT NOT NULL
        CHECK (state IN ('running', 'completed', 'stopped', 'interrupted', 'failed')),
    CHECK ((authority_uid IS NULL) = (authority_digest IS NULL)),
    CHECK (kind = 'rehearsal' OR authority_uid IS NOT NULL),
    CHECK (kind <> 'rehearsal' OR simulated = 1),
    CHECK ((simulated = 1) = (simulated_proof IS NOT NULL)),
    CHECK ((state = 'running') = (end_reason IS NULL)),
    CHECK (CASE state
        WHEN 'running' THEN ended_at IS NULL
        WHEN 'interrupted' THEN TRUE
        ELSE ended_at IS NOT NULL END)
) STRICT;

-- One session at a time: the row of a crashed one is reconciled before the next begins.
CREATE UNIQUE INDEX session_one_running ON session (state) WHERE state = 'running';

CREATE TABLE train (
    id INTEGER PRIMARY KEY NOT NULL,
    session_id INTEGER NOT NULL REFERENCES session (id),
    block INTEGER NOT NULL CHECK (block >= 1),
    number INTEGER NOT NULL CHECK (number >= 1),
    intensity_pct_mso INTEGER NOT NULL CHECK (intensity_pct_mso BETWEEN 0 AND 100),
    planned_start_ns INTEGER NOT NULL
        CHECK (planned_start_ns BETWEEN -9007199254740991 AND 9007199254740991),
    started_ns INTEGER CHECK (started_ns BETWEEN -9007199254740991 AND 9007199254740991),
    ended_ns INTEGER CHECK (ended_ns BETWEEN -9007199254740991 AND 9007199254740991),
    outcome TEXT NOT NULL CHECK (
        outcome IN ('running', 'completed', 'stopped', 'refused', 'failed', 'interrupted')),
    digest TEXT CHECK (length(digest) = 64),
    UNIQUE (session_id, number),
    CHECK ((outcome = 'running') = (digest IS NULL))
) STRICT;

CREATE UNIQUE INDEX train_one_running ON train (session_id) WHERE digest IS NULL;

CREATE TABLE pulse (
    session_id INTEGER NOT NULL REFERENCES session (id),
    number INTEGER NOT NULL CHECK (number >= 1),
    -- NULL only for an unplanned pulse outside any train.
    train_id INTEGER REFERENCES train (id),
    -- NULL only for an unplanned pulse of an intensity that nobody knows.
    intensity_pct_mso INTEGER CHECK (intensity_pct_mso BETWEEN 0 AND 100),
    planned_ns INTEGER CHECK (planned_ns BETWEEN -9007199254740991 AND 9007199254740991),
    commanded_ns INTEGER CHECK (commanded_ns BETWEEN -9007199254740991 AND 9007199254740991),
    observed_ns INTEGER CHECK (observed_ns BETWEEN -9007199254740991 AND 9007199254740991),
    realised_a_us INTEGER CHECK (realised_a_us BETWEEN 0 AND 65535),
    outcome TEXT NOT NULL CHECK (outcome IN (
        'commanded', 'delivered', 'not_delivered', 'refused', 'unknown', 'unplanned')),
    evidence TEXT NOT NULL CHECK (
        evidence IN ('none', 'acknowledged', 'reported', 'inferred', 'witnessed')),
    PRIMARY KEY (session_id, number),
    CHECK ((planned_ns IS NULL) = (outcome = 'unplanned')),
    CHECK (outcome = 'unplanned' OR (train_id IS NOT NULL AND intensity_pct_mso IS NOT NULL)),
    CHECK (outcome <> 'unplanned' OR commanded_ns IS NULL),
    CHECK ((observed_ns IS NULL) = (evidence IN ('none', 'inferred'))),
    CHECK (outcome NOT IN ('delivered', 'unplanned') OR evidence <> 'none'),
    CHECK (outcome NOT IN ('commanded', 'not_delivered', 'refused')
        OR (evidence = 'none' AND realised_a_us IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE session_event (
    id INTEGER PRIMARY KEY NOT NULL,
    session_id INTEGER NOT NULL REFERENCES session (id),
    at_ns INTEGER NOT NULL CHECK (at_ns BETWEEN -9007199254740991 AND 9007199254740991),
    kind TEXT NOT NULL CHECK (kind IN (
        'state', 'intensity', 'pause', 'resume', 'stop', 'gate', 'counter', 'device', 'fault',
        'timing', 'adverse_event', 'note', 'correction')),
    detail TEXT NOT NULL
) STRICT;

CREATE INDEX session_event_session ON session_event (session_id);

-- at_ns outside a session (session_id NULL) is Unix time, since there is no origin.
CREATE TABLE device_frame (
    session_id INTEGER REFERENCES session (id),
    at_ns INTEGER NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('sent', 'received')),
    bytes BLOB NOT NULL,
    CHECK (session_id IS NULL OR at_ns BETWEEN -9007199254740991 AND 9007199254740991)
) STRICT;

CREATE INDEX device_frame_session ON device_frame (session_id);

CREATE TABLE audit (
    seq INTEGER NOT NULL CHECK (seq BETWEEN 1 AND 9007199254740991),
    console_uid TEXT NOT NULL CHECK (length(console_uid) = 36),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous_hash TEXT NOT NULL UNIQUE CHECK (length(previous_hash) = 64),
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    PRIMARY KEY (console_uid, seq)
) STRICT, WITHOUT ROWID;

-- Sessions

CREATE TRIGGER session_insert BEFORE INSERT ON session
BEGIN
    SELECT RAISE(ABORT, 'session: a session begins as running')
        WHERE NEW.state <> 'running' OR NEW.ended_at IS NOT NULL;
    SELECT RAISE(ABORT, 'session: this session is already on record')
        WHERE EXISTS (SELECT 1 FROM session WHERE id = NEW.id OR uid = NEW.uid);
    SELECT RAISE(ABORT, 'session: another session is still running; reconcile it first')
        WHERE EXISTS (SELECT 1 FROM session WHERE state = 'running');
END;

CREATE TRIGGER session_update BEFORE UPDATE ON session
BEGIN
    SELECT RAISE(ABORT, 'session: a session that ended is immutable')
        WHERE OLD.state <> 'running';
    SELECT RAISE(ABORT, 'session: only state, ended_at and end_reason change, once, at the end')
        WHERE NEW.state = 'running'
        OR NEW.id IS NOT OLD.id OR NEW.uid IS NOT OLD.uid
        OR NEW.console_uid IS NOT OLD.console_uid OR NEW.kind IS NOT OLD.kind
        OR NEW.authority_uid IS NOT OLD.authority_uid
        OR NEW.authority_digest IS NOT OLD.authority_digest
        OR NEW.threshold_id IS NOT OLD.threshold_id OR NEW.resumes_uid IS NOT OLD.resumes_uid
        OR NEW.technician_id IS NOT OLD.technician_id
        OR NEW.device_model IS NOT OLD.device_model
        OR NEW.device_serial IS NOT OLD.device_serial
        OR NEW.device_firmware IS NOT OLD.device_firmware
        OR NEW.simulated IS NOT OLD.simulated
        OR NEW.simulated_proof IS NOT OLD.simulated_proof
        OR NEW.coil IS NOT OLD.coil OR NEW.software_version IS NOT OLD.software_version
        OR NEW.realtime_priority IS NOT OLD.realtime_priority
        OR NEW.started_at IS NOT OLD.started_at OR NEW.origin_wall IS NOT OLD.origin_wall;
    SELECT RAISE(ABORT, 'session: a session ends after its trains')
        WHERE EXISTS (SELECT 1 FROM train WHERE session_id = OLD.id AND digest IS NULL);
END;

CREATE TRIGGER session_delete BEFORE DELETE ON session
BEGIN
    SELECT RAISE(ABORT, 'session: nothing is ever deleted');
END;

-- Trains

CREATE TRIGGER train_insert BEFORE INSERT ON train
BEGIN
    SELECT RAISE(ABORT, 'train: a train begins as running, without times and digest')
        WHERE NEW.outcome <> 'running' OR NEW.digest IS NOT NULL
        OR NEW.started_ns IS NOT NULL OR NEW.ended_ns IS NOT NULL;
    SELECT RAISE(ABORT, 'train: its session is not running')
        WHERE NOT EXISTS (
            SELECT 1 FROM session WHERE id = NEW.session_id AND state = 'running');
    SELECT RAISE(ABORT, 'train: this train is already on record')
        WHERE EXISTS (SELECT 1 FROM train WHERE id = NEW.id
            OR (session_id = NEW.session_id AND number = NEW.number));
    SELECT RAISE(ABORT, 'train: another train of the session is still running')
        WHERE EXISTS (SELECT 1 FROM train WHERE session_id = NEW.session_id AND digest IS NULL);
END;

CREATE TRIGGER train_update BEFORE UPDATE ON train
BEGIN
    SELECT RAISE(ABORT, 'train: a train that has its digest is immutable')
        WHERE OLD.digest IS NOT NULL;
    SELECT RAISE(ABORT, 'train: only outcome, times and digest change, once, at the end')
        WHERE NEW.digest IS NULL
        OR NEW.id IS NOT OLD.id OR NEW.session_id IS NOT OLD.session_id
        OR NEW.block IS NOT OLD.block OR NEW.number IS NOT OLD.number
        OR NEW.intensity_pct_mso IS NOT OLD.intensity_pct_mso
        OR NEW.planned_start_ns IS NOT OLD.planned_start_ns;
    SELECT RAISE(ABORT, 'train: a pulse of this train is not finalised')
        WHERE EXISTS (SELECT 1 FROM pulse WHERE session_id = OLD.session_id
            AND train_id = OLD.id AND outcome = 'commanded');
END;

CREATE TRIGGER train_delete BEFORE DELETE ON train
BEGIN
    SELECT RAISE(ABORT, 'train: nothing is ever deleted');
END;

-- Pulses

CREATE TRIGGER pulse_insert BEFORE INSERT ON pulse
BEGIN
    SELECT RAISE(ABORT, 'pulse: a pulse begins as commanded, without times, or is unplanned')
        WHERE NEW.outcome <> 'unplanned'
        AND (NEW.outcome <> 'commanded' OR NEW.commanded_ns IS NOT NULL);
    -- A session cannot end before its trains: a running train stands for a running session.
    SELECT RAISE(ABORT, 'pulse: its session is not running')
        WHERE NEW.train_id IS NULL AND NOT EXISTS (
            SELECT 1 FROM session WHERE id = NEW.session_id AND state = 'running');
    SELECT RAISE(ABORT, 'pulse: its train is not a running train of its session')
        WHERE NEW.train_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM train
            WHERE id = NEW.train_id AND session_id = NEW.session_id AND digest IS NULL);
    SELECT RAISE(ABORT, 'pulse: this pulse is already on record')
        WHERE EXISTS (SELECT 1 FROM pulse
            WHERE session_id = NEW.session_id AND number = NEW.number);
END;

CREATE TRIGGER pulse_update BEFORE UPDATE ON pulse
BEGIN
    SELECT RAISE(ABORT, 'pulse: a finalised pulse is immutable')
        WHERE OLD.outcome <> 'commanded';
    SELECT RAISE(ABORT, 'pulse: what was planned never changes')
        WHERE NEW.session_id IS NOT OLD.session_id OR NEW.number IS NOT OLD.number
        OR NEW.train_id IS NOT OLD.train_id OR NEW.planned_ns IS NOT OLD.planned_ns
        OR NEW.intensity_pct_mso IS NOT OLD.intensity_pct_mso OR NEW.outcome = 'unplanned';
    SELECT RAISE(ABORT, 'pulse: commanded_ns is set once')
        WHERE NEW.commanded_ns IS NOT OLD.commanded_ns AND OLD.commanded_ns IS NOT NULL;
    SELECT RAISE(ABORT, 'pulse: a pulse that is still commanded only gets its commanded_ns')
        WHERE NEW.outcome = 'commanded' AND NEW.commanded_ns IS OLD.commanded_ns;
END;

CREATE TRIGGER pulse_delete BEFORE DELETE ON pulse
BEGIN
    SELECT RAISE(ABORT, 'pulse: nothing is ever deleted');
END;

-- Events and frames.  Notes, adverse events and corrections may follow after the end of a session.

CREATE TRIGGER session_event_insert BEFORE INSERT ON session_event
BEGIN
    SELECT RAISE(ABORT, 'session_event: its session is not running')
        WHERE NEW.kind NOT IN ('note', 'adverse_event', 'correction') AND NOT EXISTS (
            SELECT 1 FROM session WHERE id = NEW.session_id AND state = 'running');
    SELECT RAISE(ABORT, 'session_event: this event is already on record')
        WHERE EXISTS (SELECT 1 FROM session_event WHERE id = NEW.id);
END;

CREATE TRIGGER session_event_update BEFORE UPDATE ON session_event
BEGIN
    SELECT RAISE(ABORT, 'session_event: an event is never changed; add a correction');
END;

CREATE TRIGGER session_event_delete BEFORE DELETE ON session_event
BEGIN
    SELECT RAISE(ABORT, 'session_event: nothing is ever deleted');
END;

CREATE TRIGGER device_frame_insert BEFORE INSERT ON device_frame
BEGIN
    SELECT RAISE(ABORT, 'device_frame: its session is not running')
        WHERE NEW.session_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM session WHERE id = NEW.session_id AND state = 'running');
    SELECT RAISE(ABORT, 'device_frame: this frame is already on record')
        WHERE EXISTS (SELECT 1 FROM device_frame WHERE rowid = NEW.rowid);
END;

CREATE TRIGGER device_frame_update BEFORE UPDATE ON device_frame
BEGIN
    SELECT RAISE(ABORT, 'device_frame: a frame is never changed');
END;

CREATE TRIGGER device_frame_delete BEFORE DELETE ON device_frame
BEGIN
    SELECT RAISE(ABORT, 'device_frame: nothing is ever deleted');
END;

-- The audit chain: no gap, no fork, no change.

CREATE TRIGGER audit_insert BEFORE INSERT ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit: seq is the last one + 1')
        WHERE NEW.seq <> 1 + coalesce(
            (SELECT max(seq) FROM audit WHERE console_uid = NEW.console_uid), 0);
    SELECT RAISE(ABORT, 'audit: previous_hash is the hash of the row before')
        WHERE NEW.seq > 1 AND NEW.previous_hash IS NOT (SELECT hash FROM audit
            WHERE console_uid = NEW.console_uid AND seq = NEW.seq - 1);
    SELECT RAISE(ABORT, 'audit: this row already has a successor')
        WHERE EXISTS (SELECT 1 FROM audit WHERE previous_hash = NEW.previous_hash);
END;

CREATE TRIGGER audit_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit: a row is never changed');
END;

CREATE TRIGGER audit_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit: nothing is ever deleted');
END;
