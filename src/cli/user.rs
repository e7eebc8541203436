//! `parotidd user`: who may use the console, from the appliance itself.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};

use super::database;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::console;
use crate::db::beside;
use crate::db::users::{self, Changed, Role, UserChange};
use crate::limits::PASSWORD_BYTES_MAX;

/// Who may use the console: list, add, remove, unlock, another password
///
/// For an appliance without a display, and for whoever has locked themselves out. Works beside a running daemon; what is
/// done is in the audit trail. A password is asked for on a terminal, and is the first line of standard input elsewhere.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct UserArgs {
    #[command(subcommand)]
    action: Action,
    /// Settings (TOML) that name the data folder
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Everyone, their role, and who is locked
    List,
    /// Another one
    Add {
        /// Letters, digits, dots, hyphens, underscores
        name: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: RoleArg,
    },
    /// Another password; also opens a lock
    Password {
        /// Whose
        name: String,
    },
    /// Open the lock of too many wrong passwords
    Unlock {
        /// Whose
        name: String,
    },
    /// Remove an account
    Remove {
        /// Whose
        name: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArg {
    /// Sees series, acknowledges alerts
    Technologist,
    /// Judges findings, too
    Radiologist,
    /// Looks after the appliance, sees no patient
    Engineer,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Technologist => Self::Technologist,
            RoleArg::Radiologist => Self::Radiologist,
            RoleArg::Engineer => Self::Engineer,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When there is no database, or what is asked for cannot be done.
pub fn run(args: &UserArgs) -> Result<ExitCode> {
    let config = Config::load(args.config.as_deref())?;
    let path = database(&config)?;
    let now = SystemClock::new().unix_ms();
    let checked =
        |name: &str| console::user_name(name).context("a name has letters, digits, dots, hyphens");
    let change = match &args.action {
        Action::List => {
            let mut out = io::stdout().lock();
            for user in beside::run(&path, users::list())? {
                let locked = if user.is_locked(now) { "\tlocked" } else { "" };
                writeln!(out, "{}\t{}{locked}", user.name, user.role.code())
                    .context("could not write to standard output")?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        Action::Add { name, role } => {
            let name = checked(name)?;
            let password_hash = ask(&name)?;
            UserChange::Add { name, role: (*role).into(), password_hash }
        }
        Action::Password { name } => {
            let name = checked(name)?;
            let password_hash = ask(&name)?;
            UserChange::SetPassword { name, password_hash }
        }
        Action::Unlock { name } => UserChange::Unlock { name: checked(name)? },
        Action::Remove { name } => UserChange::Remove { name: checked(name)? },
    };
    let name = change.name().to_owned();
    match beside::run(&path, users::change(change, "command line".to_owned(), now))? {
        Changed::Done => Ok(ExitCode::SUCCESS),
        Changed::NameTaken => bail!("there is a user `{name}` already"),
        Changed::NoSuchUser => bail!("there is no user `{name}`; `parotidd user list` shows them"),
        Changed::LastEngineer => bail!("`{name}` is the last engineer: add another one first"),
        Changed::TooMany => bail!("there are too many accounts; remove one first"),
    }
}

/// The hash of a password that is typed, or read from a pipe.
fn ask(name: &str) -> Result<String> {
    let password = if io::stdin().is_terminal() {
        let first = rpassword::prompt_password(format!("Password of {name}: "))?;
        if rpassword::prompt_password("Again: ")? != first {
            bail!("the two are not the same");
        }
        first
    } else {
        let mut line = String::new();
        let most = u64::try_from(PASSWORD_BYTES_MAX).expect("hundreds") + 2;
        io::BufRead::read_line(&mut io::Read::take(io::stdin().lock(), most), &mut line)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    Ok(console::hash(name, &password)?)
}
