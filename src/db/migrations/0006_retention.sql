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
