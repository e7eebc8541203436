//! The database as it is at one moment, as a file of its own.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{DbError, beside, open};

/// Writes a copy beside a running daemon, which goes on writing meanwhile. The new file holds what was committed, and is
/// checked and packed on the way; syncing it is the caller's.
///
/// # Errors
/// [`DbError::Open`], [`DbError::Foreign`], [`DbError::Newer`] or [`DbError::Older`] for the database; [`DbError::Run`]
/// where it is damaged, or the copy cannot be written.
pub fn write(database: &Path, to: &Path) -> Result<(), DbError> {
    let connection = beside::reading(database)?;
    // Not SQLite's online backup: that begins anew whenever another process writes, and a busy daemon always does.
    connection
        .execute("VACUUM INTO ?1", [to.to_string_lossy()])
        .map_err(|source| DbError::Run { doing: "copy the database", source })?;
    Ok(())
}

/// Reads a copy whole, and says whether this program can use it.
///
/// # Errors
/// [`DbError::Damaged`]; [`DbError::Open`], [`DbError::Foreign`] or [`DbError::Newer`].
pub fn check(copy: &Path) -> Result<(), DbError> {
    let problem = |source| DbError::Open { path: copy.into(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(copy, flags).map_err(problem)?;
    match open::check_version(&connection, copy) {
        // It is brought to this version when it is opened.
        Ok(()) | Err(DbError::Older { .. }) => {}
        Err(error) => return Err(error),
    }
    let found: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(problem)?;
    if found == "ok" { Ok(()) } else { Err(DbError::Damaged { path: copy.into(), found }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::instances::{self, tests::instance};

    #[test]
    fn a_copy_is_of_one_moment_and_damage_in_it_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let [path, copy] = ["parotidd.db", "copy.db"].map(|name| folder.path().join(name));
        let opened = open::open(&path).unwrap();
        for n in 1..=200 {
            opened.db.call_blocking(instances::record(instance(1, n))).unwrap();
        }
        write(&path, &copy).unwrap();
        opened.db.call_blocking(instances::record(instance(1, 201))).unwrap();
        check(&copy).unwrap();
        let count = |path: &Path| beside::run(path, instances::count()).unwrap();
        assert_eq!((count(&copy), count(&path)), (200, 201));
        assert!(write(&path, &copy).is_err(), "a copy is never written over");
        let mut bytes = std::fs::read(&copy).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 4096].fill(0xa5);
        std::fs::write(&copy, bytes).unwrap();
        check(&copy).unwrap_err();
    }
}
