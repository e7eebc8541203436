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

-- By what the series was known to be complete.
ALTER TABLE jobs ADD COLUMN complete_by TEXT NOT NULL DEFAULT 'quiet' CHECK (complete_by IN
    ('procedure_step', 'commitment', 'count', 'geometry', 'quiet', 'crowded'));
-- Instances that a sender had named and that had not come when the job was made.
ALTER TABLE jobs ADD COLUMN n_missing INTEGER NOT NULL DEFAULT 0 CHECK (n_missing >= 0);
