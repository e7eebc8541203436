//! People who may use the console: names, roles, hashes of passwords, and who is locked out.

use rusqlite::{Connection, OptionalExtension, Row};

use super::audit::{self, AuditKind, NewAuditEvent};
use super::row;
use super::thread::Operation;
use crate::limits::{LOCK_OUT, LOGIN_FAILURES_MAX, USERS_MAX};

/// What a person is here for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// At the scanner: sees series and images, acknowledges.
    Technologist,
    /// Reads: judges findings, too.
    Radiologist,
    /// Looks after the appliance: users, deliveries, settings; sees no patient.
    Engineer,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Technologist, Self::Radiologist, Self::Engineer];

    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Technologist => "technologist",
            Self::Radiologist => "radiologist",
            Self::Engineer => "engineer",
        }
    }
}

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Lower case.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Milliseconds since 1970 UTC.
    pub created_unix_ms: i64,
    /// Wrong passwords one after the other.
    pub n_failed: u32,
    /// Until when nobody logs in by this name, milliseconds since 1970 UTC.
    pub locked_until_unix_ms: Option<i64>,
}

impl User {
    /// Whether the name is locked at a time, milliseconds since 1970 UTC.
    #[must_use]
    pub fn is_locked(&self, now_unix_ms: i64) -> bool {
        self.locked_until_unix_ms.is_some_and(|until| now_unix_ms < until)
    }
}

/// A change of the accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChange {
    /// A new one.
    Add {
        /// Lower case.
        name: String,
        /// What they may do.
        role: Role,
        /// As [`User`]'s.
        password_hash: String,
    },
    /// Another password; a lock is opened.
    SetPassword {
        /// Whose.
        name: String,
        /// As [`User`]'s.
        password_hash: String,
    },
    /// A lock is opened.
    Unlock {
        /// Whose.
        name: String,
    },
    /// The account goes.
    Remove {
        /// Whose.
        name: String,
    },
}

impl UserChange {
    /// Whose account.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Add { name, .. }
            | Self::SetPassword { name, .. }
            | Self::Unlock { name }
            | Self::Remove { name } => name,
        }
    }

    /// For the audit trail.
    fn words(&self) -> String {
        match self {
            Self::Add { name, role, .. } => format!("{name} added as {}", role.code()),
            Self::SetPassword { name, .. } => format!("{name} has another password"),
            Self::Unlock { name } => format!("{name} unlocked"),
            Self::Remove { name } => format!("{name} removed"),
        }
    }
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is done.
    Done,
    /// There is such a name already.
    NameTaken,
    /// There is no such name.
    NoSuchUser,
    /// Nobody would be left who can add others.
    LastEngineer,
    /// There are [`USERS_MAX`] already.
    TooMany,
}

const COLUMNS: &str = "name, role, created_unix_ms, n_failed, locked_until_unix_ms";

fn read(row: &Row<'_>) -> Result<User, rusqlite::Error> {
    Ok(User {
        name: row.get(0)?,
        role: row::named(row, 1, &Role::ALL, Role::code)?,
        created_unix_ms: row.get(2)?,
        n_failed: row::count(row, 3)?,
        locked_until_unix_ms: row.get(4)?,
    })
}

/// Everyone, by name.
pub fn list() -> Operation<Vec<User>> {
    Operation::new("list the users", |connection| {
        connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM users ORDER BY name"))?
            .query_map([], read)?
            .collect()
    })
}

/// One person and the hash of their password.
pub fn find(name: String) -> Operation<Option<(User, String)>> {
    Operation::new("look up a user", move |connection| {
        connection
            .prepare_cached(&format!("SELECT {COLUMNS}, password_hash FROM users WHERE name = ?1"))?
            .query_row([&name], |row| Ok((read(row)?, row.get(5)?)))
            .optional()
    })
}

/// Changes the accounts, and writes down who did.
pub fn change(change: UserChange, by: String, now_unix_ms: i64) -> Operation<Changed> {
    Operation::new("change a user", move |connection| {
        let outcome = apply(connection, &change, now_unix_ms)?;
        if outcome == Changed::Done {
            write_event(connection, AuditKind::UserChanged, &by, change.words(), now_unix_ms)?;
        }
        Ok(outcome)
    })
}

/// Makes the first account; [`Changed::NameTaken`] where there is any.
pub fn set_up(name: String, password_hash: String, now_unix_ms: i64) -> Operation<Changed> {
    Operation::new("make the first user", move |connection| {
        if count(connection)? > 0 {
            return Ok(Changed::NameTaken);
        }
        let by = name.clone();
        let add = UserChange::Add { name, role: Role::Engineer, password_hash };
        let outcome = apply(connection, &add, now_unix_ms)?;
        write_event(connection, AuditKind::UserChanged, &by, add.words(), now_unix_ms)?;
        Ok(outcome)
    })
}

fn count(connection: &Connection) -> Result<usize, rusqlite::Error> {
    connection.query_row("SELECT count(*) FROM users", [], |row| row::count(row, 0))
}

fn apply(
    connection: &Connection,
    change: &UserChange,
    now_unix_ms: i64,
) -> Result<Changed, rusqlite::Error> {
    let one = |n: usize| if n == 1 { Changed::Done } else { Changed::NoSuchUser };
    match change {
        UserChange::Add { .. } if count(connection)? >= USERS_MAX => Ok(Changed::TooMany),
        UserChange::Add { name, role, password_hash } => {
            let n = connection
                .prepare_cached(
                    "INSERT INTO users (name, role, password_hash, created_unix_ms)
                     VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO NOTHING",
                )?
                .execute((name, role.code(), password_hash, now_unix_ms))?;
            Ok(if n == 1 { Changed::Done } else { Changed::NameTaken })
        }
        UserChange::SetPassword { name, password_hash } => connection
            .prepare_cached(
                "UPDATE users SET password_hash = ?2, n_failed = 0, locked_until_unix_ms = NULL
                 WHERE name = ?1",
            )?
            .execute((name, password_hash))
            .map(one),
        UserChange::Unlock { name } => unlock(connection, name).map(one),
        UserChange::Remove { name } => {
            let others = connection
                .prepare_cached("SELECT 1 FROM users WHERE role = 'engineer' AND name <> ?1")?
                .exists([name])?;
            if !others {
                return Ok(Changed::LastEngineer);
            }
            connection.prepare_cached("DELETE FROM users WHERE name = ?1")?.execute([name]).map(one)
        }
    }
}

fn unlock(connection: &Connection, name: &str) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached(
            "UPDATE users SET n_failed = 0, locked_until_unix_ms = NULL WHERE name = ?1",
        )?
        .execute([name])
}

/// A person logged in.
pub fn logged_in(name: String, now_unix_ms: i64) -> Operation<()> {
    Operation::new("write down a log-in", move |connection| {
        unlock(connection, &name)?;
        write_event(connection, AuditKind::LoggedIn, &name, String::new(), now_unix_ms)
    })
}

/// A password was wrong; at [`LOGIN_FAILURES_MAX`] of them the name is locked for [`LOCK_OUT`]. Answers whether it now
/// is.
pub fn login_failed(name: String, now_unix_ms: i64) -> Operation<bool> {
    Operation::new("write down a wrong password", move |connection| {
        let n_failed: Option<u32> = connection
            .prepare_cached(
                "UPDATE users SET n_failed = n_failed + 1 WHERE name = ?1 RETURNING n_failed",
            )?
            .query_row([&name], |row| row::count(row, 0))
            .optional()?;
        let Some(n_failed) = n_failed else { return Ok(false) };
        let detail = format!("wrong password {n_failed}");
        write_event(connection, AuditKind::LogInFailed, &name, detail, now_unix_ms)?;
        if n_failed < LOGIN_FAILURES_MAX {
            return Ok(false);
        }
        let lock_ms = i64::try_from(LOCK_OUT.as_millis()).expect("minutes");
        connection
            .prepare_cached(
                "UPDATE users SET n_failed = 0, locked_until_unix_ms = ?2 WHERE name = ?1",
            )?
            .execute((&name, now_unix_ms.saturating_add(lock_ms)))?;
        write_event(connection, AuditKind::LockedOut, &name, String::new(), now_unix_ms)?;
        Ok(true)
    })
}

fn write_event(
    connection: &Connection,
    kind: AuditKind,
    actor: &str,
    detail: String,
    at_unix_ms: i64,
) -> Result<(), rusqlite::Error> {
    let event = NewAuditEvent { at_unix_ms, kind, result: None, actor: actor.to_owned(), detail };
    audit::write(connection, &event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::open::in_memory;

    fn add(name: &str, role: Role) -> UserChange {
        UserChange::Add { name: name.into(), role, password_hash: format!("hash of {name}") }
    }

    #[test]
    fn accounts_come_and_go_but_for_the_last_engineer() {
        let connection = in_memory();
        let change = |it| change(it, "ada".into(), 5).run(&connection).unwrap();
        let set_up = |name: &str| set_up(name.into(), "h".into(), 1).run(&connection).unwrap();
        assert_eq!(set_up("ada"), Changed::Done);
        assert_eq!(set_up("eve"), Changed::NameTaken);
        assert_eq!(change(add("ada", Role::Radiologist)), Changed::NameTaken);
        assert_eq!(change(add("rö", Role::Radiologist)), Changed::Done);
        assert_eq!(change(UserChange::Remove { name: "ada".into() }), Changed::LastEngineer);
        assert_eq!(change(add("bob", Role::Engineer)), Changed::Done);
        assert_eq!(change(UserChange::Remove { name: "ada".into() }), Changed::Done);
        assert_eq!(change(UserChange::Remove { name: "ada".into() }), Changed::NoSuchUser);
        let names: Vec<_> =
            list().run(&connection).unwrap().into_iter().map(|it| (it.name, it.role)).collect();
        assert_eq!(names, [("bob".into(), Role::Engineer), ("rö".into(), Role::Radiologist)]);
        let audit = audit::since(0).run(&connection).unwrap();
        let said: Vec<_> = audit.iter().map(|it| it.event.detail.as_str()).collect();
        assert_eq!(said[0], "ada added as engineer");
        assert_eq!(said.len(), 4);
    }

    #[test]
    fn ten_wrong_passwords_lock_a_name_for_a_while() {
        let connection = in_memory();
        set_up("ada".into(), "h".into(), 0).run(&connection).unwrap();
        let fail = |now| login_failed("ada".into(), now).run(&connection).unwrap();
        let user = || find("ada".into()).run(&connection).unwrap().unwrap().0;
        for n in 1..LOGIN_FAILURES_MAX {
            assert!(!fail(0), "{n}");
        }
        // A right one in between forgives the others.
        logged_in("ada".into(), 0).run(&connection).unwrap();
        assert_eq!(user().n_failed, 0);
        for _ in 1..LOGIN_FAILURES_MAX {
            assert!(!fail(1000));
        }
        assert!(fail(1000));
        let lock_ms = i64::try_from(LOCK_OUT.as_millis()).unwrap();
        assert!(user().is_locked(1000) && user().is_locked(999 + lock_ms));
        assert!(!user().is_locked(1000 + lock_ms));
        let open = UserChange::Unlock { name: "ada".into() };
        assert_eq!(change(open, "bob".into(), 2000).run(&connection).unwrap(), Changed::Done);
        assert!(!user().is_locked(2000));
        assert!(!login_failed("nobody".into(), 0).run(&connection).unwrap());
    }
}
