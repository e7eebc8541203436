//! Logging in: the one way from a name and a password to a session.

use std::net::IpAddr;

use super::passwords::{self, user_name};
use crate::console::Console;
use crate::console::problem::Problem;
use crate::db::audit::{self, AuditKind, NewAuditEvent};
use crate::db::users::{self, Changed, Role};

/// What everyone is told who does not get in: whether the name or the password is wrong is nobody's business.
const WRONG: &str = "Name or password is wrong.";
const LOCKED: &str = "This name is locked after too many wrong passwords. Try again in a quarter of an hour, or ask \
                      whoever looks after the appliance.";
const TOO_OFTEN: &str = "Too many log-ins from this machine. Wait a minute.";

/// Opens a session; answers with its token.
pub(in crate::console) async fn log_in(
    console: &Console,
    from: IpAddr,
    name: &str,
    password: String,
) -> Result<String, Problem> {
    if !console.limiter.may_try(from) {
        return Err(Problem::TooMany(TOO_OFTEN));
    }
    let wrong = || Problem::Unclear(WRONG.to_owned());
    let name = user_name(name).unwrap_or_default();
    let found = console.db.call(users::find(name.clone())).await?;
    let now = console.clock.unix_ms();
    if found.as_ref().is_some_and(|(user, _)| user.is_locked(now)) {
        return Err(Problem::TooMany(LOCKED));
    }
    let hash = found.as_ref().map(|(_, hash)| hash.clone());
    let is_right =
        hashing(console, move || passwords::is_right(&password, hash.as_deref())).await?;
    let Some((user, _)) = found.filter(|_| is_right) else {
        tracing::warn!(%from, "a log-in failed");
        let is_locked = console.db.call(users::login_failed(name, now)).await?;
        return Err(if is_locked { Problem::TooMany(LOCKED) } else { wrong() });
    };
    console.db.call(users::logged_in(user.name.clone(), now)).await?;
    open(console, user.name, user.role)
}

/// Makes the first account with the code on the display, and opens its session.
pub(in crate::console) async fn set_up(
    console: &Console,
    from: IpAddr,
    code: &str,
    name: &str,
    password: String,
) -> Result<String, Problem> {
    use super::set_up::Tried;
    if !console.limiter.may_try(from) {
        return Err(Problem::TooMany(TOO_OFTEN));
    }
    let tried = console.set_up.try_code(code);
    console.show_set_up();
    match tried {
        Tried::Right => {}
        Tried::Wrong => {
            let text = "This is not the code on the display.";
            return Err(Problem::Unclear(text.to_owned()));
        }
        Tried::WrongAndChanged => {
            let text = "This is not the code; the display shows another one now.";
            return Err(Problem::Unclear(text.to_owned()));
        }
        Tried::NotWaiting => {
            let text = "The appliance is set up already. Log in.";
            return Err(Problem::Conflict(text.to_owned()));
        }
    }
    let name = user_name(name).ok_or_else(bad_name)?;
    let hash = hash(console, name.clone(), password).await?;
    let now = console.clock.unix_ms();
    match console.db.call(users::set_up(name.clone(), hash, now)).await? {
        Changed::Done => {}
        _ => return Err(Problem::Conflict("There is an account already. Log in.".to_owned())),
    }
    console.set_up.done();
    console.show_set_up();
    open(console, name, Role::Engineer)
}

/// Whether the first account is still to be made. One may have been added on the command line.
pub(in crate::console) async fn is_to_be_set_up(console: &Console) -> Result<bool, Problem> {
    if console.set_up.shown().is_none() {
        return Ok(false);
    }
    let is_new = console.db.call(users::list()).await?.is_empty();
    if !is_new {
        console.set_up.done();
        console.show_set_up();
    }
    Ok(is_new)
}

/// Ends a session.
pub(in crate::console) async fn log_out(
    console: &Console,
    user: &super::CurrentUser,
) -> Result<(), Problem> {
    console.sessions.close(&user.token);
    let event = NewAuditEvent {
        at_unix_ms: console.clock.unix_ms(),
        kind: AuditKind::LoggedOut,
        result: None,
        actor: user.name().to_owned(),
        detail: String::new(),
    };
    Ok(console.db.call(audit::record(event)).await?)
}

/// The hash of a new password.
pub(in crate::console) async fn hash(
    console: &Console,
    name: String,
    password: String,
) -> Result<String, Problem> {
    let hashed = hashing(console, move || passwords::hash(&name, &password)).await?;
    hashed.map_err(|error| match error {
        passwords::PasswordError::Hash(error) => Problem::Broken(error),
        other => Problem::Unclear(format!("This will not do: {other}.")),
    })
}

/// What is said of a name that is none.
pub(in crate::console) fn bad_name() -> Problem {
    let text = "A name has up to 32 letters, digits, dots, hyphens or underscores.";
    Problem::Unclear(text.to_owned())
}

fn open(console: &Console, name: String, role: Role) -> Result<String, Problem> {
    console.sessions.open(name, role).map_err(|error| Problem::Broken(error.to_string()))
}

/// Apart from the tasks that serve, and no more than some at once.
async fn hashing<T: Send + 'static>(
    console: &Console,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let _permit = console.hashing.acquire().await.map_err(|_| Problem::TooMany(TOO_OFTEN))?;
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::Broken(error.to_string()))
}
