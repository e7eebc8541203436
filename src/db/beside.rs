//! Operations beside a running daemon, from a process of its own: what a person types.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::thread::Operation;
use super::{DbError, open};
use crate::limits::DB_BUSY;

/// A database of this program's version, to be read alone.
pub(super) fn reading(path: &Path) -> Result<Connection, DbError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Runs one operation in a transaction of its own; the answer means that it is on disk.
///
/// # Errors
/// [`DbError::Open`] where there is no such file or it cannot be written; [`DbError::Foreign`],
/// [`DbError::Newer`] or [`DbError::Older`] where it is not one of this program's version; [`DbError::Run`].
pub fn run<T: 'static>(path: &Path, operation: Operation<T>) -> Result<T, DbError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let doing = operation.doing();
    let run = || {
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
        let answer = operation.run(&transaction)?;
        transaction.commit()?;
        Ok(answer)
    };
    run().map_err(|source| DbError::Run { doing, source })
}

pub(super) fn connect(path: &Path, access: OpenFlags) -> Result<Connection, DbError> {
    let opened = || -> Result<Connection, rusqlite::Error> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(DB_BUSY)?;
        Ok(connection)
    };
    let connection = opened().map_err(|source| DbError::Open { path: path.into(), source })?;
    open::check_version(&connection, path)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::audit::{self, AuditKind, NewAuditEvent};

    #[test]
    fn a_command_writes_while_the_daemon_works() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parotidd.db");
        let event = |n: i64| NewAuditEvent {
            at_unix_ms: n,
            kind: AuditKind::Exported,
            result: None,
            actor: "test".into(),
            detail: String::new(),
        };
        assert!(matches!(run(&path, audit::since(0)).unwrap_err(), DbError::Open { .. }));
        let opened = open::open(&path).unwrap();
        let busy = std::thread::spawn({
            let db = opened.db.clone();
            move || (0..50).for_each(|n| db.call_blocking(audit::record(event(n))).unwrap())
        });
        (50..100).for_each(|n| run(&path, audit::record(event(n))).unwrap());
        busy.join().unwrap();
        assert_eq!(opened.db.call_blocking(audit::since(0)).unwrap().len(), 100);
    }
}
