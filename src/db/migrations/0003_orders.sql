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
