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
-- What came on a day.
CREATE INDEX instances_by_time ON instances (received_unix_ms);
