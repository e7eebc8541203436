//! What a person asks with a USB stick, and what the box answers on it.
//!
//! ```text
//!  FOLDER/parotidd/parotidd.toml --+                    +--> /etc/parotidd/parotidd.toml, the old one beside it
//!                  files/ ---------+                    |    with the files that they name
//!                  code.txt -------+--> asked --allowed?+--> /run/parotidd-update/request, for the updater
//!                  update/ --------+     (bytes alone)  +--> parotidd/results-<time>/, signed
//!                  service --------+                    +--> /run/parotidd-stick/service, for service mode
//!                  export, backup -+                    +--> parotidd/backup-<time>/
//!                  support --------+                    +--> parotidd/support-<time>.tar.gz
//!                                                       +--> parotidd/answer.txt, in plain words
//! ```
//! Everything is read before anything is written: a stick that is pulled out leaves settings that are the old or the new
//! ones, and on the stick at most a name that ends in `.part` and is removed the next time. Links and what is no plain file
//! are refused.

mod answer;
pub mod asked;
pub mod code;
pub mod files;
pub mod mount;
pub mod taking;
mod writing;

use std::path::{Path, PathBuf};

use self::answer::{Answer, Paragraph};
use self::asked::Asked;
use self::code::{Codes, Judged};
pub use self::mount::Mount;
use self::taking::{Current, Proposal};
pub use self::writing::StickError;
use crate::appliance::redact::Change;

/// There while somebody has a root shell on the consoles: parotidd-service-mode.service.
pub const SERVICE_MODE: &str = "/run/parotidd-service-mode";

/// The folder on a stick that is about us.
pub const FOLDER: &str = "parotidd";

/// Where the box keeps what a stick is about.
#[derive(Debug, Clone)]
pub struct Places {
    /// The stick, mounted.
    pub stick: PathBuf,
    /// The settings in force.
    pub settings: PathBuf,
    /// Where the code waits that the display shows.
    pub codes: PathBuf,
    /// A file that the updater waits for.
    pub update_request: PathBuf,
    /// A file that service mode waits for.
    pub service_request: PathBuf,
}

/// What the box can do for a stick beside settings. Each says in a sentence what it did, or why it did not.
pub trait Hands {
    /// Writes the signed results into a folder that is not there yet.
    fn export(&self, folder: &Path) -> Result<String, String>;
    /// Writes a backup into a folder that is not there yet.
    fn back_up(&self, folder: &Path) -> Result<String, String>;
    /// Writes the support bundle.
    fn support(&self, file: &Path) -> Result<String, String>;
    /// Writes down in the audit trail that settings were taken over.
    fn settings_taken(&self, n_changes: usize) -> Result<(), String>;
    /// Writes down in the audit trail that service mode was asked for, and may begin.
    fn service_begins(&self) -> Result<(), String>;
}

/// The box as a stick finds it.
#[derive(Debug, Clone, Copy)]
pub struct Here<'a> {
    /// Its files.
    pub places: &'a Places,
    /// Its settings.
    pub current: &'a Current,
    /// Whether nobody has an account yet: then whoever stands here sets it up.
    pub is_new: bool,
    /// Milliseconds since 1970 UTC.
    pub now_unix_ms: i64,
}

/// Reads what is asked, does it and writes the answer; says the same. `None` where the stick is not about us: then nothing
/// is written.
///
/// # Errors
/// When the stick cannot be written; what is not on it was done all the same.
pub fn serve(
    here: Here<'_>,
    hands: &dyn Hands,
    mount: Mount,
) -> Result<Option<String>, StickError> {
    let stick = &here.places.stick;
    let folder = stick.join(FOLDER);
    let Some(asked) = Asked::read(&folder) else { return Ok(None) };
    let mut answer = Answer::new(here.now_unix_ms);
    for problem in &asked.problems {
        answer.add(Paragraph::refused(problem));
    }
    let proposal = asked.settings.as_deref().map(|bytes| propose(here, bytes, &asked));
    let changes = match &proposal {
        Some(Ok(proposal)) => proposal.changes(here.current),
        _ => Vec::new(),
    };
    let Permission { allowed, by_code } =
        settle_code(here, &asked, !changes.is_empty(), &mut answer);
    if let Some(proposal) = proposal {
        answer.add(settle_settings(here, hands, proposal, &changes, allowed));
    }
    if asked.wants_service {
        answer.add(match by_code {
            Allowed::Yes => begin_service(here, hands),
            Allowed::No => Paragraph::service_waits(),
        });
    }
    if asked.wants_update {
        answer.add(ask_updater(here));
    }
    // From here on the stick is written, and as late as can be.
    let mounted = mount.writable(stick)?;
    writing::remove_parts(&folder)?;
    if asked.wants_export {
        answer.add(match allowed {
            Allowed::Yes => writing::export(&folder, here.now_unix_ms, hands),
            Allowed::No => Paragraph::needs_code("The signed results are"),
        });
    }
    if asked.wants_backup {
        answer.add(match allowed {
            Allowed::Yes => writing::backup(&folder, here.now_unix_ms, hands),
            Allowed::No => Paragraph::needs_code("The backup is"),
        });
    }
    if asked.wants_support {
        answer.add(writing::support(&folder, here.now_unix_ms, hands));
    }
    if asked.is_nothing() {
        answer.add(Paragraph::nothing_asked());
    }
    let text = answer.text();
    writing::answer(&folder, &text)?;
    mounted.done()?;
    Ok(Some(text))
}

/// Whether a person who may do so has asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    Yes,
    No,
}

/// What this stick may.
#[derive(Debug, Clone, Copy)]
struct Permission {
    /// Settings, results and backup.
    allowed: Allowed,
    /// What wants the code on any box.
    by_code: Allowed,
}

/// Settings off a stick, or in words why they cannot be.
fn propose(here: Here<'_>, bytes: &[u8], asked: &Asked) -> Result<Proposal, String> {
    let settings = &here.places.settings;
    let proposal = Proposal::read(settings, bytes, asked.files.as_ref()?, here.now_unix_ms);
    proposal.map_err(|error| error.in_words(settings))
}

/// A new box takes what it gets; so does one that cannot work. Another one wants the code that its display shows, once. A
/// root shell always wants it.
fn settle_code(here: Here<'_>, asked: &Asked, is_change: bool, answer: &mut Answer) -> Permission {
    let is_open = here.is_new || matches!(here.current, Current::Unusable);
    let wants_files = asked.wants_export || asked.wants_backup;
    let wants_code = asked.wants_service || !is_open && (is_change || wants_files);
    let by_code = if wants_code { judge(here, asked, answer) } else { Allowed::No };
    Permission { allowed: if is_open { Allowed::Yes } else { by_code }, by_code }
}

fn judge(here: Here<'_>, asked: &Asked, answer: &mut Answer) -> Allowed {
    let codes = Codes::new(&here.places.codes, &here.places.settings);
    match codes.judge(asked.code.as_deref(), here.now_unix_ms) {
        Ok(Judged::Right) => Allowed::Yes,
        Ok(Judged::Missing) => Allowed::No,
        Ok(Judged::Wrong) => {
            let why = "The code in parotidd/code.txt is not the one that the display shows now.";
            answer.add(Paragraph::refused(why));
            Allowed::No
        }
        Err(error) => {
            answer.add(Paragraph::refused(&format!("There is no code: {error}.")));
            Allowed::No
        }
    }
}

fn settle_settings(
    here: Here<'_>,
    hands: &dyn Hands,
    proposal: Result<Proposal, String>,
    changes: &[Change],
    allowed: Allowed,
) -> Paragraph {
    let proposal = match proposal {
        Ok(_) if changes.is_empty() => return Paragraph::settings_same(),
        Ok(_) if allowed == Allowed::No => return Paragraph::settings_wait(changes),
        Ok(proposal) => proposal,
        Err(why) => return Paragraph::settings_refused(&why),
    };
    match proposal.take(here.current) {
        Ok(()) => {
            let noted = hands.settings_taken(changes.len());
            Paragraph::settings_taken(changes, noted.err())
        }
        Err(error) => Paragraph::settings_refused(&error.in_words(&here.places.settings)),
    }
}

/// Leaves word for the service manager, which is told when this has ended. The trail may be what has to be mended.
fn begin_service(here: Here<'_>, hands: &dyn Hands) -> Paragraph {
    let noted = hands.service_begins();
    match leave_word(&here.places.service_request, "") {
        Ok(()) => Paragraph::service_started(noted.err()),
        Err(error) => Paragraph::refused(&format!("Service mode could not begin: {error}.")),
    }
}

fn leave_word(path: &Path, text: &str) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    super::put::replace(path, text.as_bytes(), 0o644)
}

/// The updater has privileges and a key of its own: it is only told that there may be something.
fn ask_updater(here: Here<'_>) -> Paragraph {
    let may = match here.current {
        Current::Usable { update_by_stick, .. } => *update_by_stick,
        Current::Unusable => true,
    };
    if !may {
        return Paragraph::update_refused();
    }
    let folder = here.places.stick.join(FOLDER).join("update");
    let text = format!("{}\n", folder.display());
    match leave_word(&here.places.update_request, &text) {
        Ok(()) => Paragraph::update_asked(),
        Err(error) => Paragraph::refused(&format!("The updater could not be told: {error}.")),
    }
}
