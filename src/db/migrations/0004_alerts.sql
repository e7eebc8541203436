-- The outbox again: what goes out later (escalation, a digest), what is taken back, and more than results.
CREATE TABLE deliveries_new (
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
INSERT INTO deliveries_new
    SELECT id, result_id, destination, 'result', idempotency_key, payload, follows, state, attempts,
        created_unix_ms, created_unix_ms, next_attempt_unix_ms, finished_unix_ms, last_error, receipt
    FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_new RENAME TO deliveries;
CREATE INDEX deliveries_waiting ON deliveries (destination, next_attempt_unix_ms)
    WHERE state = 'waiting';
CREATE INDEX deliveries_by_state ON deliveries (state);

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
