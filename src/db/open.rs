//! Opening the file: settings, damage, schema version.
//!
//! ```text
//!  open --quick_check--> sound ------------------> application id, user_version --> migrations --> thread
//!            `--damaged--> set aside as <file>.corrupt-<n>, an empty one in its place ---^
//! ```
//! A damaged file is never repaired in place and never deleted: a person may want to look at it, and
//! the spool still has every instance.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

use super::{Db, DbError, DbThread, sibling};
use crate::limits::{DB_BUSY, DB_SET_ASIDE_MAX, DB_WAL_BYTES_MAX};

/// `PRdd` in ASCII: marks the file as ours (`PRAGMA application_id`).
const APPLICATION_ID: i64 = 0x5052_6464;

/// Migration n (from 1) brings `user_version` from n - 1 to n.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_lists.sql"),
    include_str!("migrations/0003_orders.sql"),
    include_str!("migrations/0004_alerts.sql"),
    include_str!("migrations/0005_console.sql"),
    include_str!("migrations/0006_retention.sql"),
];

/// A database that is ready.
#[derive(Debug)]
pub struct Opened {
    /// The way to it.
    pub db: Db,
    /// Its thread, for an orderly end.
    pub thread: DbThread,
    /// Where the damaged file went, when there was one. The new one is empty: the caller fills the
    /// instances again from the spool and tells the person.
    pub set_aside: Option<PathBuf>,
}

/// Opens or makes the database file and starts its thread. Blocks (it reads the whole file once).
///
/// # Errors
/// [`DbError::Open`], [`DbError::SetAside`], [`DbError::Foreign`], [`DbError::Newer`],
/// [`DbError::Migrate`] or [`DbError::Spawn`].
pub fn open(path: &Path) -> Result<Opened, DbError> {
    let (connection, set_aside) = match connect(path)? {
        Health::Sound(connection) => (connection, None),
        Health::Damaged(what) => {
            let aside = set_aside(path)
                .map_err(|source| DbError::SetAside { path: path.into(), source })?;
            tracing::error!(
                path = %path.display(), aside = %aside.display(), what,
                "the database is damaged; it was set aside and an empty one takes its place"
            );
            match connect(path)? {
                Health::Sound(connection) => (connection, Some(aside)),
                Health::Damaged(_) => {
                    let source = std::io::Error::other("a new file is damaged too");
                    return Err(DbError::SetAside { path: path.into(), source });
                }
            }
        }
    };
    let (db, thread) = Db::start(connection)?;
    Ok(Opened { db, thread, set_aside })
}

enum Health {
    Sound(Connection),
    Damaged(String),
}

/// Opens, checks and migrates; tells damage apart from every other failure.
fn connect(path: &Path) -> Result<Health, DbError> {
    let opened = Connection::open(path).and_then(|connection| {
        let found = check(&connection)?;
        Ok((connection, found))
    });
    let (connection, found) = match opened {
        Ok(opened) => opened,
        Err(source) if is_damage(&source) => return Ok(Health::Damaged(source.to_string())),
        Err(source) => return Err(DbError::Open { path: path.into(), source }),
    };
    if found != "ok" {
        return Ok(Health::Damaged(found));
    }
    own(&connection, path)?;
    configure(&connection).map_err(|source| DbError::Open { path: path.into(), source })?;
    migrate(&connection, path)?;
    Ok(Health::Sound(connection))
}

pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// `ok`, or the first thing that is wrong.
pub(super) fn check(connection: &Connection) -> Result<String, rusqlite::Error> {
    connection.busy_timeout(DB_BUSY)?;
    connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
}

/// Refuses another program's database, before anything in it is changed.
fn own(connection: &Connection, path: &Path) -> Result<(), DbError> {
    let read = || -> Result<(i64, i64), rusqlite::Error> {
        let id = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let tables =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((id, tables))
    };
    match read().map_err(|source| DbError::Open { path: path.into(), source })? {
        (APPLICATION_ID, _) | (0, 0) => Ok(()),
        _ => Err(DbError::Foreign { path: path.into() }),
    }
}

/// Refuses what is not a database of exactly this program's version; for those who only read.
pub(super) fn check_version(connection: &Connection, path: &Path) -> Result<(), DbError> {
    own(connection, path)?;
    let known = i64::try_from(MIGRATIONS.len()).expect("a handful");
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|source| DbError::Open { path: path.into(), source })?;
    match found.cmp(&known) {
        Ordering::Less => Err(DbError::Older { path: path.into(), found, known }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(DbError::Newer { path: path.into(), found, known }),
    }
}

/// The settings that live with the connection, not in the file.
fn configure(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL syncs the log at each commit: an answer survives a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "journal_size_limit", DB_WAL_BYTES_MAX)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Brings the tables to this program's version, each step in a transaction of its own.
fn migrate(connection: &Connection, path: &Path) -> Result<(), DbError> {
    let known = i64::try_from(MIGRATIONS.len()).expect("a handful");
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|source| DbError::Open { path: path.into(), source })?;
    if !(0..=known).contains(&found) {
        return Err(DbError::Newer { path: path.into(), found, known });
    }
    for (version, sql) in (1..).zip(MIGRATIONS).filter(|&(version, _)| version > found) {
        let step = || -> Result<(), rusqlite::Error> {
            // A table that is made anew is dropped in between, and rows that name its rows must outlive that; it
            // cannot be switched inside a transaction.
            connection.pragma_update(None, "foreign_keys", false)?;
            let transaction = connection.unchecked_transaction()?;
            transaction.execute_batch(sql)?;
            let loose: i64 = transaction.query_row(
                "SELECT count(*) FROM pragma_foreign_key_check",
                [],
                |row| row.get(0),
            )?;
            if loose > 0 {
                return Err(rusqlite::Error::StatementChangedRows(
                    usize::try_from(loose).unwrap_or(0),
                ));
            }
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", version)?;
            transaction.commit()?;
            connection.pragma_update(None, "foreign_keys", true)
        };
        step().map_err(|source| DbError::Migrate { version, source })?;
    }
    Ok(())
}

/// Moves the file and its log away, to the first free `<path>.corrupt-<n>`.
fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    let aside = (1..=DB_SET_ASIDE_MAX)
        .map(|n| sibling(path, &format!(".corrupt-{n}")))
        .find(|candidate| !candidate.exists())
        .ok_or_else(|| std::io::Error::other("too many damaged databases lie here; remove some"))?;
    std::fs::rename(path, &aside)?;
    for suffix in ["-wal", "-shm"] {
        match std::fs::rename(sibling(path, suffix), sibling(&aside, suffix)) {
            // A log that stayed would be replayed into the new file.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

/// A fresh database in memory, for tests of single operations.
#[cfg(test)]
pub(super) fn in_memory() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.pragma_update(None, "foreign_keys", true).unwrap();
    migrate(&connection, Path::new(":memory:")).unwrap();
    connection
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Operation;

    /// Every object's SQL as SQLite keeps it, without comments and white space.
    fn objects(connection: &Connection) -> Vec<(String, String)> {
        let plain = |sql: String| -> String {
            sql.lines()
                .map(|line| line.split("--").next().unwrap_or(line))
                .flat_map(str::split_whitespace)
                .collect::<Vec<_>>()
                .join(" ")
        };
        connection
            .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, plain(row.get(1)?))))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    #[test]
    fn schema_is_what_the_migrations_make() {
        let written = Connection::open_in_memory().unwrap();
        written.execute_batch(include_str!("schema.sql")).unwrap();
        assert_eq!(objects(&written), objects(&in_memory()));
        assert!(objects(&written).len() >= 8);
    }

    #[test]
    fn an_earlier_database_keeps_its_jobs() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        let insert =
            "INSERT INTO jobs (series_instance_uid, study_instance_uid, model_key, fingerprint,
            instance_id_max, n_instances, state, queued_unix_ms)
            VALUES ('1.2', '1', 'm', 'f', 1, 1, 'done', 0)";
        connection.execute_batch(insert).unwrap();
        migrate(&connection, Path::new(":memory:")).unwrap();
        let job: (String, i64) = connection
            .query_row("SELECT complete_by, n_missing FROM jobs", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(job, ("quiet".to_owned(), 0));
    }

    #[test]
    fn every_table_is_strict() {
        let loose: Vec<String> = in_memory()
            .prepare(
                "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
                      AND NOT strict AND name NOT LIKE 'sqlite%'",
            )
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(loose, Vec::<String>::new());
    }

    fn pragma(db: &Db, name: &'static str) -> String {
        db.call_blocking(Operation::new("read a pragma", move |connection| {
            connection.query_row(&format!("PRAGMA {name}"), [], |row| {
                row.get::<_, rusqlite::types::Value>(0).map(|value| format!("{value:?}"))
            })
        }))
        .unwrap()
    }

    /// The version that a database is brought to.
    fn newest() -> String {
        format!("Integer({})", MIGRATIONS.len())
    }

    #[test]
    fn settings_are_the_durable_ones() {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(&folder.path().join("parotidd.db")).unwrap();
        assert_eq!(opened.set_aside, None);
        let check = |name, expected: &str| assert_eq!(pragma(&opened.db, name), expected, "{name}");
        check("journal_mode", "Text(\"wal\")");
        check("synchronous", "Integer(2)");
        check("foreign_keys", "Integer(1)");
        check("application_id", "Integer(1347576932)");
        check("user_version", &newest());
        check("busy_timeout", "Integer(10000)");
    }

    #[test]
    fn a_newer_schema_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parotidd.db");
        drop(open(&path).unwrap().db);
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, DbError::Newer { found: 99, .. }), "{error:?}");
        assert!(error.to_string().contains("version 99"), "{error}");
    }

    #[test]
    fn another_programs_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parotidd.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
        assert!(matches!(open(&path).unwrap_err(), DbError::Foreign { .. }));
    }

    #[test]
    fn a_damaged_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parotidd.db");
        for n in 1..=2 {
            let opened = open(&path).unwrap();
            drop(opened.db);
            opened.thread.join().unwrap();
            // Overwrite a page in the middle: a table's root.
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[4096..8192].fill(0xa5);
            std::fs::write(&path, &bytes).unwrap();
            let opened = open(&path).unwrap();
            let aside = opened.set_aside.unwrap();
            assert_eq!(aside, folder.path().join(format!("parotidd.db.corrupt-{n}")));
            assert_eq!(std::fs::read(&aside).unwrap(), bytes);
            assert_eq!(pragma(&opened.db, "user_version"), newest());
            drop(opened.db);
            opened.thread.join().unwrap();
        }
    }

    #[test]
    fn a_file_that_is_no_database_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parotidd.db");
        std::fs::write(&path, "x".repeat(8192)).unwrap();
        assert!(open(&path).unwrap().set_aside.is_some());
    }
}
