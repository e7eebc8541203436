-- The tables as all migrations together leave them; a test compares the two.
-- Change: add migrations/NNNN_what.sql, then bring this file up to date.

-- One row an instance that was answered Success.
CREATE TABLE instances (
    -- Grows with arrival and is kept by a re-send: a job names its instances by the largest of these.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sop_instance_uid TEXT NOT NULL UNIQUE,
    sop_class_uid TEXT NOT NULL,
    series_instance_uid TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    calling_ae_title TEXT NOT NULL,
    path TEXT NOT NULL,
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    received_unix_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX instances_by_series ON instances (series_instance_uid, id);
-- What came on a day.
CREATE INDEX instances_by_time ON instances (received_unix_ms);

-- What a sender named as belonging together: a performed procedure step, or a request for storage commitment.
CREATE TABLE sender_lists (
    -- Grows with arrival: the oldest lists are forgotten first.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL CHECK (source IN ('procedure_step', 'commitment')),
    -- SOP Instance UID of the step, Transaction UID of the request.
    uid TEXT NOT NULL,
    -- Performed Procedure Step Status; a request for commitment is completed when it comes.
    status TEXT NOT NULL CHECK (status IN ('IN PROGRESS', 'COMPLETED', 'DISCONTINUED')),
    calling_ae_title TEXT NOT NULL,
    n_instances INTEGER NOT NULL CHECK (n_instances >= 0),
    created_unix_ms INTEGER NOT NULL,
    changed_unix_ms INTEGER NOT NULL,
    UNIQUE (source, uid)
) STRICT;

-- One row an instance of a list, of the kinds of object that are received.
CREATE TABLE listed_instances (
    list_id INTEGER NOT NULL REFERENCES sender_lists (id) ON DELETE CASCADE,
    sop_instance_uid TEXT NOT NULL,
    -- A request for commitment does not say.
    series_instance_uid TEXT,
    PRIMARY KEY (list_id, sop_instance_uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX listed_by_instance ON listed_instances (sop_instance_uid);
CREATE INDEX listed_by_series ON listed_instances (series_instance_uid)
    WHERE series_instance_uid IS NOT NULL;

-- One screening run of one set of instances by one set of models.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    series_instance_uid TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    model_key TEXT NOT NULL,
    -- SHA-256 of the sorted SOP Instance UIDs.
    fingerprint TEXT NOT NULL,
    instance_id_max INTEGER NOT NULL,
    n_instances INTEGER NOT NULL CHECK (n_instances > 0),
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'superseded')),
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    error TEXT,
    queued_unix_ms INTEGER NOT NULL,
    finished_unix_ms INTEGER,
    -- By what the series was known to be complete.
    complete_by TEXT NOT NULL DEFAULT 'quiet' CHECK (complete_by IN
        ('procedure_step', 'commitment', 'count', 'geometry', 'quiet', 'crowded')),
    -- Instances that a sender had named and that had not come when the job was made.
    n_missing INTEGER NOT NULL DEFAULT 0 CHECK (n_missing >= 0),
    UNIQUE (series_instance_uid, model_key, fingerprint)
) STRICT;
CREATE INDEX jobs_open ON jobs (id) WHERE state IN ('queued', 'running');

-- One row an answer; never changed once written.
CREATE TABLE results (
    id INTEGER PRIMARY KEY,
    -- The same for the same series, instances and models, on every machine.
    result_key TEXT NOT NULL UNIQUE,
    job_id INTEGER NOT NULL UNIQUE REFERENCES jobs (id),
    series_instance_uid TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('flagged', 'not_flagged', 'not_assessable')),
    reason TEXT,
    -- The flagged sides, 'right', 'left', 'right,left' or ''.
    sides TEXT NOT NULL,
    score REAL NOT NULL,
    report TEXT NOT NULL CHECK (json_valid(report)),
    created_unix_ms INTEGER NOT NULL,
    -- The answer for the same series that this one replaces.
    supersedes INTEGER UNIQUE REFERENCES results (id),
    CHECK ((decision = 'not_assessable') = (reason IS NOT NULL))
) STRICT;
CREATE INDEX results_by_series ON results (series_instance_uid, id);

-- One row for each thing to send: the outbox.
CREATE TABLE "deliveries" (
    id INTEGER PRIMARY KEY,
    result_id INTEGER NOT NULL REFERENCES results (id),
    destination TEXT NOT NULL,
    -- A digest lists several results and belongs to its first; a reminder is about a report that differs.
    kind TEXT NOT NULL CHECK (kind IN ('result', 'digest', 'reminder')),
    idempotency_key TEXT NOT NULL UNIQUE,
    payload TEXT NOT NULL,
    -- The earlier delivery that this one corrects; it goes first.
    follows INTEGER REFERENCES deliveries (id),
    -- 'cancelled': acknowledged or withdrawn before its time came.
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'dead', 'cancelled')),
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    created_unix_ms INTEGER NOT NULL,
    -- Not before this time; the same as created where it goes at once.
    not_before_unix_ms INTEGER NOT NULL,
    next_attempt_unix_ms INTEGER NOT NULL,
    finished_unix_ms INTEGER,
    last_error TEXT,
    receipt TEXT,
    UNIQUE (result_id, destination, kind),
    CHECK ((state = 'sent') = (receipt IS NOT NULL)),
    CHECK ((state = 'waiting') = (finished_unix_ms IS NULL))
) STRICT;
CREATE INDEX deliveries_waiting ON deliveries (destination, next_attempt_unix_ms)
    WHERE state = 'waiting';
CREATE INDEX deliveries_by_state ON deliveries (state);

-- Entries of the modality worklist, as they were answered.
CREATE TABLE worklist_entries (
    id INTEGER PRIMARY KEY,
    -- SHA-256 of what names the procedure step.
    entry_key TEXT NOT NULL UNIQUE,
    study_instance_uid TEXT,
    accession_number TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    entry TEXT NOT NULL CHECK (json_valid(entry)),
    -- Whether the newest whole answer had it.
    is_listed INTEGER NOT NULL CHECK (is_listed IN (0, 1)),
    seen_unix_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX worklist_entries_by_study ON worklist_entries (study_instance_uid);
CREATE INDEX worklist_entries_by_accession ON worklist_entries (accession_number);
CREATE INDEX worklist_entries_by_patient ON worklist_entries (patient_id);
CREATE INDEX worklist_entries_by_time ON worklist_entries (seen_unix_ms);

-- The order of each study that was screened, or why it has none.
CREATE TABLE study_orders (
    study_instance_uid TEXT PRIMARY KEY,
    order_match TEXT NOT NULL CHECK (json_valid(order_match)),
    -- Its reason code; NULL where it has an order.
    unmatched TEXT,
    matched_unix_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX study_orders_by_time ON study_orders (matched_unix_ms);

-- How the queries go: one row.
CREATE TABLE worklist_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    succeeded_unix_ms INTEGER,
    failed_unix_ms INTEGER,
    last_error TEXT
) STRICT;

-- One row each time that a person should look at a series.
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    series_instance_uid TEXT NOT NULL,
    -- The answer that opened it.
    result_id INTEGER NOT NULL UNIQUE REFERENCES results (id),
    state TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'withdrawn')),
    -- When the digest goes out that holds it; NULL where it was pushed by itself.
    digest_unix_ms INTEGER,
    opened_unix_ms INTEGER NOT NULL,
    closed_unix_ms INTEGER,
    -- Who acknowledged it, and how: 'command_line', 'link', 'hl7', 'report', 'button'.
    acknowledged_by TEXT,
    acknowledged_via TEXT,
    CHECK ((state = 'open') = (closed_unix_ms IS NULL)),
    CHECK ((state = 'acknowledged') = (acknowledged_via IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX alerts_open ON alerts (series_instance_uid) WHERE state = 'open';
CREATE INDEX alerts_by_time ON alerts (opened_unix_ms);

-- What was done about alerts, by whom; rows are only added.
CREATE TABLE audit_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_unix_ms INTEGER NOT NULL,
    event TEXT NOT NULL,
    result_id INTEGER REFERENCES results (id),
    -- A destination, a person or a system.
    actor TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_events_by_result ON audit_events (result_id);

-- What a person says about a finding; the newest of a result and side counts.
CREATE TABLE feedback (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    result_id INTEGER NOT NULL REFERENCES results (id),
    side TEXT NOT NULL CHECK (side IN ('right', 'left')),
    verdict TEXT NOT NULL CHECK (verdict IN
        ('accepted', 'rejected', 'wrong_outline', 'missed', 'confirmed_negative')),
    given_by TEXT NOT NULL,
    given_via TEXT NOT NULL,
    note TEXT NOT NULL,
    at_unix_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX feedback_by_result ON feedback (result_id, side, id);

-- Radiologists' reports, as far as they concern the parotid glands; the newest of a study counts.
CREATE TABLE radiology_reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- SHA-256 of sender and message control id: a message that is sent again is the same row.
    message_key TEXT NOT NULL UNIQUE,
    study_instance_uid TEXT NOT NULL,
    -- 'preliminary', 'final' or 'corrected'.
    status TEXT NOT NULL CHECK (status IN ('preliminary', 'final', 'corrected')),
    -- 'none', or the side that a mass is mentioned on.
    mention TEXT NOT NULL CHECK (mention IN ('none', 'right', 'left', 'both', 'unspecified')),
    -- The sentences that mention it, JSON.
    sentences TEXT NOT NULL CHECK (json_valid(sentences)),
    received_unix_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX radiology_reports_by_study ON radiology_reports (study_instance_uid, id);

-- People who may use the console.
CREATE TABLE users (
    -- Lower case: a name is typed on many keyboards.
    name TEXT PRIMARY KEY CHECK (name = lower(name) AND length(name) > 0),
    role TEXT NOT NULL CHECK (role IN ('technologist', 'radiologist', 'engineer')),
    -- Argon2id, in the PHC string format.
    password_hash TEXT NOT NULL,
    created_unix_ms INTEGER NOT NULL,
    -- Wrong passwords one after the other.
    n_failed INTEGER NOT NULL DEFAULT 0 CHECK (n_failed >= 0),
    -- Nobody logs in before this time.
    locked_until_unix_ms INTEGER
) STRICT, WITHOUT ROWID;

-- Series whose images were removed: what of them is gone. A part of such a series is not screened as if it were all.
CREATE TABLE removed_images (
    series_instance_uid TEXT PRIMARY KEY,
    -- The first 8 bytes of the SHA-256 of each SOP Instance UID that is gone, one after the other.
    names BLOB NOT NULL CHECK (length(names) % 8 = 0),
    removed_unix_ms INTEGER NOT NULL,
    -- Whether files may still be there: rows go first, and the power may go before the files do.
    is_clearing INTEGER NOT NULL CHECK (is_clearing IN (0, 1)),
    -- Largest id of instances that came since and are not screened for want of the others.
    late_id_max INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX removed_images_clearing ON removed_images (series_instance_uid) WHERE is_clearing = 1;
-- What was answered on a day, and what is old.
CREATE INDEX results_by_time ON results (created_unix_ms);
