//! Whether the database beside a running daemon is sound and can be written: for the self-test.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{DbError, beside, open};

/// Reads the whole database once and compares its version with the program's. Changes nothing.
///
/// # Errors
/// As [`super::summary::read`], and [`DbError::Damaged`].
pub fn check(path: &Path) -> Result<(), DbError> {
    let connection = beside::reading(path)?;
    match open::check(&connection) {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(DbError::Damaged { path: path.into(), found }),
        Err(source) if open::is_damage(&source) => {
            Err(DbError::Damaged { path: path.into(), found: source.to_string() })
        }
        Err(source) => Err(DbError::Run { doing: "read the whole database", source }),
    }
}

/// Puts a delivery into the outbox and takes it back: no other connection sees it, nothing of it stays.
///
/// # Errors
/// [`DbError::Open`] where there is no such file, [`DbError::Run`] where it cannot be written now.
pub fn try_outbox(path: &Path) -> Result<(), DbError> {
    let connection = beside::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    put_and_take_back(&connection)
        .map_err(|source| DbError::Run { doing: "write the outbox", source })
}

fn put_and_take_back(connection: &Connection) -> Result<(), rusqlite::Error> {
    // There may be no result yet that it could belong to.
    connection.pragma_update(None, "foreign_keys", false)?;
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT INTO deliveries (result_id, destination, kind, idempotency_key, payload, state, created_unix_ms,
            not_before_unix_ms, next_attempt_unix_ms)
         VALUES (-1, 'self-test', 'result', 'self-test', '{}', 'waiting', 0, 0, 0)",
        [],
    )?;
    transaction.rollback()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::deliveries;

    #[test]
    fn a_sound_database_is_examined_and_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parotidd.db");
        assert!(matches!(check(&path).unwrap_err(), DbError::Open { .. }));
        let opened = open::open(&path).unwrap();
        check(&path).unwrap();
        try_outbox(&path).unwrap();
        assert_eq!(opened.db.call_blocking(deliveries::counts()).unwrap().n_waiting, 0);
    }

    #[test]
    fn damage_and_other_versions_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parotidd.db");
        let open::Opened { db, thread, .. } = open::open(&path).unwrap();
        drop(db);
        thread.join().unwrap();
        let connect = || Connection::open(&path).unwrap();
        let version = |row: &rusqlite::Row<'_>| row.get(0);
        let newest: i64 = connect().query_row("PRAGMA user_version", [], version).unwrap();
        connect().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(check(&path).unwrap_err(), DbError::Newer { .. }));
        assert!(matches!(try_outbox(&path).unwrap_err(), DbError::Newer { .. }));
        connect().pragma_update(None, "user_version", newest).unwrap();
        check(&path).unwrap();

        let mut bytes = std::fs::read(&path).unwrap();
        let n = bytes.len();
        bytes[n - 4096..].fill(0xa5);
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(check(&path).unwrap_err(), DbError::Damaged { .. }));
    }
}
