-- Who may do what, and everything clinical around the sessions: schema 2.
--
-- Every table of records has one shape: `content` is RFC 8785 JSON that begins with a tag and holds the
-- row's own uid; the columns after it are computed from it, so that any SQLite tool can read and
-- search them and none of them can disagree with what was signed.  `signature` is Ed25519 in
-- hexadecimal over the bytes of `content`.  `seq` is the row's place in the audit chain, which alone
-- orders records; times are what people's computers said.
-- Nothing is changed or deleted: a correction is a new row that names the old one in `supersedes`.
-- The insert triggers refuse every key that is taken, because INSERT OR REPLACE deletes without
-- asking the delete triggers when recursive_triggers is off.

-- One person's account.  It never ends and its login is never used again.
CREATE TABLE user (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    login TEXT NOT NULL AS (content ->> '$.login') UNIQUE
        CHECK (login = lower(login) AND length(login) BETWEEN 2 AND 64),
    name TEXT NOT NULL AS (content ->> '$.name') CHECK (length(name) >= 1),
    CHECK (content ->> '$.tag' = 'tms-user-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE TRIGGER user_insert BEFORE INSERT ON user
BEGIN
    SELECT RAISE(ABORT, 'user: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM user WHERE id = NEW.id
            OR uid = NEW.uid
            OR seq = NEW.seq
            OR login = NEW.content ->> '$.login');
END;
CREATE TRIGGER user_update BEFORE UPDATE ON user
BEGIN
    SELECT RAISE(ABORT, 'user: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER user_delete BEFORE DELETE ON user
BEGIN
    SELECT RAISE(ABORT, 'user: nothing is ever deleted');
END;

-- Whose key this is and what they may do; signed by the enrolment that signer_uid names.
CREATE TABLE enrolment (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    signature TEXT NOT NULL CHECK (length(signature) = 128),
    user_uid TEXT NOT NULL AS (content ->> '$.user_uid') REFERENCES user (uid),
    role TEXT NOT NULL AS (content ->> '$.role')
        CHECK (role IN ('technician', 'physician', 'qa', 'administrator')),
    grade TEXT NOT NULL AS (content ->> '$.grade') CHECK (grade IN ('provisional', 'full')),
    public_key TEXT NOT NULL AS (content ->> '$.public_key') UNIQUE
        CHECK (length(public_key) = 64),
    signer_uid TEXT NOT NULL AS (content ->> '$.signer_uid') CHECK (length(signer_uid) = 36),
    after_reset INTEGER NOT NULL AS (content ->> '$.after_reset') CHECK (after_reset IN (0, 1)),
    CHECK (content ->> '$.tag' = 'tms-enrolment-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE INDEX enrolment_user_uid ON enrolment (user_uid);
CREATE TRIGGER enrolment_insert BEFORE INSERT ON enrolment
BEGIN
    SELECT RAISE(ABORT, 'enrolment: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM enrolment WHERE id = NEW.id
            OR uid = NEW.uid
            OR seq = NEW.seq
            OR public_key = NEW.content ->> '$.public_key');
END;
CREATE TRIGGER enrolment_update BEFORE UPDATE ON enrolment
BEGIN
    SELECT RAISE(ABORT, 'enrolment: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER enrolment_delete BEFORE DELETE ON enrolment
BEGIN
    SELECT RAISE(ABORT, 'enrolment: nothing is ever deleted');
END;

-- From here on the enrolment signs nothing.
CREATE TABLE enrolment_end (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    signature TEXT NOT NULL CHECK (length(signature) = 128),
    enrolment_uid TEXT NOT NULL AS (content ->> '$.enrolment_uid') UNIQUE REFERENCES enrolment (uid),
    why TEXT NOT NULL AS (content ->> '$.why') CHECK (length(why) >= 1),
    signer_uid TEXT NOT NULL AS (content ->> '$.signer_uid') REFERENCES enrolment (uid),
    CHECK (content ->> '$.tag' = 'tms-enrolment_end-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE TRIGGER enrolment_end_insert BEFORE INSERT ON enrolment_end
BEGIN
    SELECT RAISE(ABORT, 'enrolment_end: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM enrolment_end WHERE id = NEW.id
            OR uid = NEW.uid
            OR seq = NEW.seq
            OR enrolment_uid = NEW.content ->> '$.enrolment_uid');
END;
CREATE TRIGGER enrolment_end_update BEFORE UPDATE ON enrolment_end
BEGIN
    SELECT RAISE(ABORT, 'enrolment_end: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER enrolment_end_delete BEFORE DELETE ON enrolment_end
BEGIN
    SELECT RAISE(ABORT, 'enrolment_end: nothing is ever deleted');
END;

-- A key made after a password reset may approve; NULL signer_uid: by the recovery code.
CREATE TABLE key_confirmation (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    signature TEXT NOT NULL CHECK (length(signature) = 128),
    enrolment_uid TEXT NOT NULL AS (content ->> '$.enrolment_uid') UNIQUE REFERENCES enrolment (uid),
    signer_uid TEXT AS (content ->> '$.signer_uid') REFERENCES enrolment (uid),
    CHECK (content ->> '$.tag' = 'tms-key_confirmation-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE TRIGGER key_confirmation_insert BEFORE INSERT ON key_confirmation
BEGIN
    SELECT RAISE(ABORT, 'key_confirmation: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM key_confirmation WHERE id = NEW.id
            OR uid = NEW.uid
            OR seq = NEW.seq
            OR enrolment_uid = NEW.content ->> '$.enrolment_uid');
END;
CREATE TRIGGER key_confirmation_update BEFORE UPDATE ON key_confirmation
BEGIN
    SELECT RAISE(ABORT, 'key_confirmation: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER key_confirmation_delete BEFORE DELETE ON key_confirmation
BEGIN
    SELECT RAISE(ABORT, 'key_confirmation: nothing is ever deleted');
END;

-- A person's signature on the digest of something, with its meaning.
CREATE TABLE signature (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    signature TEXT NOT NULL CHECK (length(signature) = 128),
    meaning TEXT NOT NULL AS (content ->> '$.meaning') CHECK (length(meaning) >= 1),
    subject_kind TEXT NOT NULL AS (content ->> '$.subject_kind') CHECK (length(subject_kind) >= 1),
    subject_uid TEXT NOT NULL AS (content ->> '$.subject_uid') CHECK (length(subject_uid) = 36),
    subject_digest TEXT NOT NULL AS (content ->> '$.subject_digest')
        CHECK (length(subject_digest) = 64),
    patient_uid TEXT AS (content ->> '$.patient_uid') REFERENCES patient (uid),
    enrolment_uid TEXT NOT NULL AS (content ->> '$.enrolment_uid') REFERENCES enrolment (uid),
    CHECK (content ->> '$.tag' = 'tms-signature-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE INDEX signature_subject_uid ON signature (subject_uid);
CREATE INDEX signature_patient_uid ON signature (patient_uid);
CREATE INDEX signature_enrolment_uid ON signature (enrolment_uid);
CREATE TRIGGER signature_insert BEFORE INSERT ON signature
BEGIN
    SELECT RAISE(ABORT, 'signature: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM signature WHERE id = NEW.id OR uid = NEW.uid OR seq = NEW.seq);
END;
CREATE TRIGGER signature_update BEFORE UPDATE ON signature
BEGIN
    SELECT RAISE(ABORT, 'signature: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER signature_delete BEFORE DELETE ON signature
BEGIN
    SELECT RAISE(ABORT, 'signature: nothing is ever deleted');
END;

-- A technician orders exactly one session.
CREATE TABLE start_order (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    signature TEXT NOT NULL CHECK (length(signature) = 128),
    authority_uid TEXT NOT NULL AS (content ->> '$.authority_uid')
        CHECK (length(authority_uid) = 36),
    authority_digest TEXT NOT NULL AS (content ->> '$.authority_digest')
        CHECK (length(authority_digest) = 64),
    patient_uid TEXT NOT NULL AS (content ->> '$.patient_uid') REFERENCES patient (uid),
    threshold_uid TEXT AS (content ->> '$.threshold_uid') REFERENCES threshold (uid),
    session_uid TEXT NOT NULL AS (content ->> '$.session_uid') UNIQUE
        CHECK (length(session_uid) = 36),
    nonce TEXT NOT NULL AS (content ->> '$.nonce') UNIQUE CHECK (length(nonce) = 64),
    enrolment_uid TEXT NOT NULL AS (content ->> '$.enrolment_uid') REFERENCES enrolment (uid),
    CHECK (content ->> '$.tag' = 'tms-start_order-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE INDEX start_order_authority_uid ON start_order (authority_uid);
CREATE INDEX start_order_patient_uid ON start_order (patient_uid);
CREATE INDEX start_order_enrolment_uid ON start_order (enrolment_uid);
CREATE TRIGGER start_order_insert BEFORE INSERT ON start_order
BEGIN
    SELECT RAISE(ABORT, 'start_order: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM start_order WHERE id = NEW.id
            OR uid = NEW.uid
            OR seq = NEW.seq
            OR session_uid = NEW.content ->> '$.session_uid'
            OR nonce = NEW.content ->> '$.nonce');
END;
CREATE TRIGGER start_order_update BEFORE UPDATE ON start_order
BEGIN
    SELECT RAISE(ABORT, 'start_order: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER start_order_delete BEFORE DELETE ON start_order
BEGIN
    SELECT RAISE(ABORT, 'start_order: nothing is ever deleted');
END;

-- An administrator put an older copy of this file back.
CREATE TABLE restore (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    signature TEXT NOT NULL CHECK (length(signature) = 128),
    enrolment_uid TEXT NOT NULL AS (content ->> '$.enrolment_uid') REFERENCES enrolment (uid),
    present_seq INTEGER NOT NULL AS (content ->> '$.present_seq') CHECK (present_seq >= 0),
    missing_from_seq INTEGER AS (content ->> '$.missing_from_seq') CHECK (missing_from_seq >= 1),
    CHECK (content ->> '$.tag' = 'tms-restore-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE INDEX restore_enrolment_uid ON restore (enrolment_uid);
CREATE TRIGGER restore_insert BEFORE INSERT ON restore
BEGIN
    SELECT RAISE(ABORT, 'restore: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM restore WHERE id = NEW.id OR uid = NEW.uid OR seq = NEW.seq);
END;
CREATE TRIGGER restore_update BEFORE UPDATE ON restore
BEGIN
    SELECT RAISE(ABORT, 'restore: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER restore_delete BEFORE DELETE ON restore
BEGIN
    SELECT RAISE(ABORT, 'restore: nothing is ever deleted');
END;

-- An administrator says that the clock is right although the record is ahead of it.
CREATE TABLE clock_correction (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    signature TEXT NOT NULL CHECK (length(signature) = 128),
    enrolment_uid TEXT NOT NULL AS (content ->> '$.enrolment_uid') REFERENCES enrolment (uid),
    newest_at TEXT NOT NULL AS (content ->> '$.newest_at'),
    reason TEXT NOT NULL AS (content ->> '$.reason') CHECK (length(reason) >= 1),
    CHECK (content ->> '$.tag' = 'tms-clock_correction-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE INDEX clock_correction_enrolment_uid ON clock_correction (enrolment_uid);
CREATE TRIGGER clock_correction_insert BEFORE INSERT ON clock_correction
BEGIN
    SELECT RAISE(ABORT, 'clock_correction: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM clock_correction WHERE id = NEW.id OR uid = NEW.uid OR seq = NEW.seq);
END;
CREATE TRIGGER clock_correction_update BEFORE UPDATE ON clock_correction
BEGIN
    SELECT RAISE(ABORT, 'clock_correction: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER clock_correction_delete BEFORE DELETE ON clock_correction
BEGIN
    SELECT RAISE(ABORT, 'clock_correction: nothing is ever deleted');
END;

-- The console's own signature on the head of its chain and on the registry up to there.
CREATE TABLE seal (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    signature TEXT NOT NULL CHECK (length(signature) = 128),
    sealed_seq INTEGER NOT NULL AS (content ->> '$.sealed_seq') UNIQUE CHECK (sealed_seq >= 1),
    sealed_hash TEXT NOT NULL AS (content ->> '$.sealed_hash') CHECK (length(sealed_hash) = 64),
    why TEXT NOT NULL AS (content ->> '$.why') CHECK (length(why) >= 1),
    CHECK (content ->> '$.tag' = 'tms-seal-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE TRIGGER seal_insert BEFORE INSERT ON seal
BEGIN
    SELECT RAISE(ABORT, 'seal: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM seal WHERE id = NEW.id
            OR uid = NEW.uid
            OR seq = NEW.seq
            OR sealed_seq = NEW.content ->> '$.sealed_seq');
END;
CREATE TRIGGER seal_update BEFORE UPDATE ON seal
BEGIN
    SELECT RAISE(ABORT, 'seal: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER seal_delete BEFORE DELETE ON seal
BEGIN
    SELECT RAISE(ABORT, 'seal: nothing is ever deleted');
END;

-- One version of what is known of a patient; patient_uid is the uid of the first.
CREATE TABLE patient (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    patient_uid TEXT NOT NULL AS (content ->> '$.patient_uid') REFERENCES patient (uid),
    version INTEGER NOT NULL AS (content ->> '$.version') CHECK (version >= 1),
    supersedes TEXT AS (content ->> '$.supersedes') UNIQUE REFERENCES patient (uid),
    record_number TEXT NOT NULL AS (content ->> '$.record_number')
        CHECK (length(record_number) >= 1),
    name TEXT NOT NULL AS (content ->> '$.name') CHECK (length(name) >= 1),
    birth_date TEXT NOT NULL AS (content ->> '$.birth_date') CHECK (birth_date GLOB '????-??-??'),
    CHECK (content ->> '$.tag' = 'tms-patient-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE INDEX patient_patient_uid ON patient (patient_uid);
CREATE TRIGGER patient_insert BEFORE INSERT ON patient
BEGIN
    SELECT RAISE(ABORT, 'patient: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM patient WHERE id = NEW.id
            OR uid = NEW.uid
            OR seq = NEW.seq
            OR supersedes = NEW.content ->> '$.supersedes');
END;
CREATE TRIGGER patient_update BEFORE UPDATE ON patient
BEGIN
    SELECT RAISE(ABORT, 'patient: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER patient_delete BEFORE DELETE ON patient
BEGIN
    SELECT RAISE(ABORT, 'patient: nothing is ever deleted');
END;

-- A measured motor threshold; a correction names the one it replaces.
CREATE TABLE threshold (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    patient_uid TEXT NOT NULL AS (content ->> '$.patient_uid') REFERENCES patient (uid),
    threshold_kind TEXT NOT NULL AS (content ->> '$.threshold_kind')
        CHECK (threshold_kind IN ('resting hand', 'active hand', 'resting leg', 'active leg')),
    muscle TEXT NOT NULL AS (content ->> '$.muscle') CHECK (length(muscle) >= 1),
    side TEXT NOT NULL AS (content ->> '$.side') CHECK (side IN ('left', 'right')),
    coil TEXT NOT NULL AS (content ->> '$.coil') CHECK (length(coil) >= 1),
    method TEXT NOT NULL AS (content ->> '$.method') CHECK (length(method) >= 1),
    value_pct_mso INTEGER NOT NULL AS (content ->> '$.value_pct_mso')
        CHECK (value_pct_mso BETWEEN 1 AND 100),
    measured_at TEXT NOT NULL AS (content ->> '$.measured_at')
        CHECK (measured_at GLOB '????-??-??T??:??:??*Z'),
    supersedes TEXT AS (content ->> '$.supersedes') UNIQUE REFERENCES threshold (uid),
    CHECK (content ->> '$.tag' = 'tms-threshold-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE INDEX threshold_patient_uid ON threshold (patient_uid);
CREATE TRIGGER threshold_insert BEFORE INSERT ON threshold
BEGIN
    SELECT RAISE(ABORT, 'threshold: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM threshold WHERE id = NEW.id
            OR uid = NEW.uid
            OR seq = NEW.seq
            OR supersedes = NEW.content ->> '$.supersedes');
END;
CREATE TRIGGER threshold_update BEFORE UPDATE ON threshold
BEGIN
    SELECT RAISE(ABORT, 'threshold: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER threshold_delete BEFORE DELETE ON threshold
BEGIN
    SELECT RAISE(ABORT, 'threshold: nothing is ever deleted');
END;

-- Where the coil goes and how that was found.
CREATE TABLE positioning (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    patient_uid TEXT NOT NULL AS (content ->> '$.patient_uid') REFERENCES patient (uid),
    method TEXT NOT NULL AS (content ->> '$.method') CHECK (length(method) >= 1),
    supersedes TEXT AS (content ->> '$.supersedes') UNIQUE REFERENCES positioning (uid),
    CHECK (content ->> '$.tag' = 'tms-positioning-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE INDEX positioning_patient_uid ON positioning (patient_uid);
CREATE TRIGGER positioning_insert BEFORE INSERT ON positioning
BEGIN
    SELECT RAISE(ABORT, 'positioning: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM positioning WHERE id = NEW.id
            OR uid = NEW.uid
            OR seq = NEW.seq
            OR supersedes = NEW.content ->> '$.supersedes');
END;
CREATE TRIGGER positioning_update BEFORE UPDATE ON positioning
BEGIN
    SELECT RAISE(ABORT, 'positioning: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER positioning_delete BEFORE DELETE ON positioning
BEGIN
    SELECT RAISE(ABORT, 'positioning: nothing is ever deleted');
END;

-- One proposed version of a prescription; prescription_uid is the uid of the first.
CREATE TABLE prescription (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    prescription_uid TEXT NOT NULL AS (content ->> '$.prescription_uid') REFERENCES prescription (uid),
    version INTEGER NOT NULL AS (content ->> '$.version') CHECK (version >= 1),
    patient_uid TEXT NOT NULL AS (content ->> '$.patient_uid') REFERENCES patient (uid),
    supersedes TEXT AS (content ->> '$.supersedes') UNIQUE REFERENCES prescription (uid),
    protocol_id TEXT NOT NULL AS (content ->> '$.session.protocol_id')
        CHECK (length(protocol_id) >= 1),
    CHECK (content ->> '$.tag' = 'tms-prescription-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE INDEX prescription_prescription_uid ON prescription (prescription_uid);
CREATE INDEX prescription_patient_uid ON prescription (patient_uid);
CREATE TRIGGER prescription_insert BEFORE INSERT ON prescription
BEGIN
    SELECT RAISE(ABORT, 'prescription: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM prescription WHERE id = NEW.id
            OR uid = NEW.uid
            OR seq = NEW.seq
            OR supersedes = NEW.content ->> '$.supersedes');
END;
CREATE TRIGGER prescription_update BEFORE UPDATE ON prescription
BEGIN
    SELECT RAISE(ABORT, 'prescription: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER prescription_delete BEFORE DELETE ON prescription
BEGIN
    SELECT RAISE(ABORT, 'prescription: nothing is ever deleted');
END;

-- One proposed version of the clinic's policy.
CREATE TABLE policy (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    version INTEGER NOT NULL AS (content ->> '$.version') UNIQUE CHECK (version >= 1),
    supersedes TEXT AS (content ->> '$.supersedes') UNIQUE REFERENCES policy (uid),
    CHECK (content ->> '$.tag' = 'tms-policy-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE TRIGGER policy_insert BEFORE INSERT ON policy
BEGIN
    SELECT RAISE(ABORT, 'policy: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM policy WHERE id = NEW.id
            OR uid = NEW.uid
            OR seq = NEW.seq
            OR version = NEW.content ->> '$.version'
            OR supersedes = NEW.content ->> '$.supersedes');
END;
CREATE TRIGGER policy_update BEFORE UPDATE ON policy
BEGIN
    SELECT RAISE(ABORT, 'policy: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER policy_delete BEFORE DELETE ON policy
BEGIN
    SELECT RAISE(ABORT, 'policy: nothing is ever deleted');
END;

-- A form as it was filled in.
CREATE TABLE form_answers (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    form_id TEXT NOT NULL AS (content ->> '$.form_id') CHECK (length(form_id) >= 1),
    form_version INTEGER NOT NULL AS (content ->> '$.form_version') CHECK (form_version >= 1),
    patient_uid TEXT NOT NULL AS (content ->> '$.patient_uid') REFERENCES patient (uid),
    answered_at TEXT NOT NULL AS (content ->> '$.answered_at')
        CHECK (answered_at GLOB '????-??-??T??:??:??*Z'),
    supersedes TEXT AS (content ->> '$.supersedes') UNIQUE REFERENCES form_answers (uid),
    CHECK (content ->> '$.tag' = 'tms-form_answers-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE INDEX form_answers_patient_uid ON form_answers (patient_uid);
CREATE TRIGGER form_answers_insert BEFORE INSERT ON form_answers
BEGIN
    SELECT RAISE(ABORT, 'form_answers: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM form_answers WHERE id = NEW.id
            OR uid = NEW.uid
            OR seq = NEW.seq
            OR supersedes = NEW.content ->> '$.supersedes');
END;
CREATE TRIGGER form_answers_update BEFORE UPDATE ON form_answers
BEGIN
    SELECT RAISE(ABORT, 'form_answers: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER form_answers_delete BEFORE DELETE ON form_answers
BEGIN
    SELECT RAISE(ABORT, 'form_answers: nothing is ever deleted');
END;

-- What a patient suffered, structured; a correction names the one it replaces.
CREATE TABLE adverse_event (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    patient_uid TEXT NOT NULL AS (content ->> '$.patient_uid') REFERENCES patient (uid),
    session_uid TEXT AS (content ->> '$.session_uid') CHECK (length(session_uid) = 36),
    what TEXT NOT NULL AS (content ->> '$.what') CHECK (length(what) >= 1),
    severity INTEGER NOT NULL AS (content ->> '$.severity') CHECK (severity BETWEEN 0 AND 4),
    supersedes TEXT AS (content ->> '$.supersedes') UNIQUE REFERENCES adverse_event (uid),
    CHECK (content ->> '$.tag' = 'tms-adverse_event-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE INDEX adverse_event_patient_uid ON adverse_event (patient_uid);
CREATE INDEX adverse_event_session_uid ON adverse_event (session_uid);
CREATE TRIGGER adverse_event_insert BEFORE INSERT ON adverse_event
BEGIN
    SELECT RAISE(ABORT, 'adverse_event: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM adverse_event WHERE id = NEW.id
            OR uid = NEW.uid
            OR seq = NEW.seq
            OR supersedes = NEW.content ->> '$.supersedes');
END;
CREATE TRIGGER adverse_event_update BEFORE UPDATE ON adverse_event
BEGIN
    SELECT RAISE(ABORT, 'adverse_event: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER adverse_event_delete BEFORE DELETE ON adverse_event
BEGIN
    SELECT RAISE(ABORT, 'adverse_event: nothing is ever deleted');
END;

-- A photograph; sha256 is that of the bytes.
CREATE TABLE attachment (
    id INTEGER PRIMARY KEY NOT NULL,
    uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 36),
    seq INTEGER NOT NULL UNIQUE CHECK (seq >= 2),
    at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??*Z'),
    actor TEXT NOT NULL CHECK (length(actor) >= 1),
    content TEXT NOT NULL CHECK (json_valid(content)),
    data BLOB NOT NULL,
    media_type TEXT NOT NULL AS (content ->> '$.media_type') CHECK (length(media_type) >= 3),
    sha256 TEXT NOT NULL AS (content ->> '$.sha256') CHECK (length(sha256) = 64),
    CHECK (content ->> '$.tag' = 'tms-attachment-1' AND content ->> '$.uid' = uid)
) STRICT;

CREATE TRIGGER attachment_insert BEFORE INSERT ON attachment
BEGIN
    SELECT RAISE(ABORT, 'attachment: this is already on record, or has a successor')
        WHERE EXISTS (SELECT 1 FROM attachment WHERE id = NEW.id OR uid = NEW.uid OR seq = NEW.seq);
END;
CREATE TRIGGER attachment_update BEFORE UPDATE ON attachment
BEGIN
    SELECT RAISE(ABORT, 'attachment: a record is never changed; add one that supersedes it');
END;
CREATE TRIGGER attachment_delete BEFORE DELETE ON attachment
BEGIN
    SELECT RAISE(ABORT, 'attachment: nothing is ever deleted');
END;

-- A person's password verifier and private key, sealed under the password.  The only row here that
-- changes, and it must: a reset destroys the old sealed key.  Every change is in the audit chain by
-- the digest of the row.
CREATE TABLE credential (
    user_uid TEXT PRIMARY KEY NOT NULL REFERENCES user (uid),
    parameters TEXT NOT NULL CHECK (json_valid(parameters)),
    salt TEXT NOT NULL CHECK (length(salt) >= 32),
    verifier TEXT NOT NULL CHECK (length(verifier) = 64),
    sealed_key TEXT NOT NULL,
    public_key TEXT NOT NULL CHECK (length(public_key) = 64),
    must_change INTEGER NOT NULL CHECK (must_change IN (0, 1)),
    set_at TEXT NOT NULL CHECK (set_at GLOB '????-??-??T??:??:??*Z')
) STRICT, WITHOUT ROWID;

CREATE TRIGGER credential_delete BEFORE DELETE ON credential
BEGIN
    SELECT RAISE(ABORT, 'credential: a user is deactivated, never deleted');
END;

-- A session names its technician and its threshold by local keys; the chain has their uids.
CREATE TRIGGER session_people BEFORE INSERT ON session
BEGIN
    SELECT RAISE(ABORT, 'session: there is no such technician')
        WHERE NEW.technician_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM user WHERE id = NEW.technician_id);
    SELECT RAISE(ABORT, 'session: there is no such threshold')
        WHERE NEW.threshold_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM threshold WHERE id = NEW.threshold_id);
END;

-- What the gate reads of the chain without reading the rows of every train.  It holds whole rows: in
-- the table each lies on a page of its own among those of the trains, and must be decrypted with it.
CREATE INDEX audit_registry
    ON audit (console_uid, seq, at, actor, action, subject, detail, previous_hash, hash)
    WHERE action IN ('record.add', 'credential.set', 'session.begin', 'session.end');
CREATE INDEX audit_login ON audit (subject, seq)
    WHERE action IN ('login.ok', 'login.failed');
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_upkeep ON audit (action, console_uid, seq)
    WHERE action IN ('database.backup', 'database.integrity');
CREATE INDEX session_authority ON session (authority_uid);
