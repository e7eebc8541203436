//! What a person asks with a USB stick, and what the box answers on it.
//!
//! ```text
//!  FOLDER/parotidd/parotidd.toml --+                    +--> /etc/parotidd/parotidd.toml, the old one beside it
//!                  code.txt -------+--> asked --allowed?+--> /run/parotidd-update/request, for the updater
//!                  update/ --------+     (bytes alone)  +--> parotidd/results-<time>/, signed
//!                  export, support +                    +--> parotidd/support-<time>.tar.gz
//!                                                       +--> parotidd/answer.txt, in plain words
//! ```
//! Everything is read before anything is written: a stick that is pulled out leaves settings that are the old or the new
//! ones, and on the stick at most a name that ends in `.part` and is removed the next time. Links and what is no plain file
//! are refused.

mod answer;
pub mod asked;
pub mod code;
pub mod mount;
pub mod taking;
mod writing;

use std::path::{Path, PathBuf};

use self::answer::{Answer, Paragraph};
use self::asked::Asked;
use self::code::{Codes, Judged};
pub use self::mount::Mount;
use self::taking::{Current, Proposal, TakeError};
pub use self::writing::StickError;
use crate::appliance::redact::Change;

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
}

/// What the box can do for a stick beside settings. Each says in a sentence what it did, or why it did not.
pub trait Hands {
    /// Writes the signed results into a folder that is not there yet.
    fn export(&self, folder: &Path) -> Result<String, String>;
    /// Writes the support bundle.
    fn support(&self, file: &Path) -> Result<String, String>;
    /// Writes down in the audit trail that settings were taken over.
    fn settings_taken(&self, n_changes: usize) -> Result<(), String>;
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
    let proposal = asked.settings.as_deref();
    let proposal =
        proposal.map(|bytes| Proposal::read(&here.places.settings, bytes, here.now_unix_ms));
    let changes = match &proposal {
        Some(Ok(proposal)) => proposal.changes(here.current),
        _ => Vec::new(),
    };
    let allowed = settle_code(here, &asked, !changes.is_empty(), &mut answer);
    if let Some(proposal) = proposal {
        answer.add(settle_settings(hands, proposal, &changes, allowed));
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
            Allowed::No => Paragraph::needs_code("The signed results"),
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

/// A new box takes what it gets; so does one that cannot work. Another one wants the code that its display shows, once.
fn settle_code(here: Here<'_>, asked: &Asked, is_change: bool, answer: &mut Answer) -> Allowed {
    if here.is_new || matches!(here.current, Current::Unusable) {
        return Allowed::Yes;
    }
    if !is_change && !asked.wants_export {
        return Allowed::No;
    }
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
    hands: &dyn Hands,
    proposal: Result<Proposal, TakeError>,
    changes: &[Change],
    allowed: Allowed,
) -> Paragraph {
    let proposal = match proposal {
        Ok(_) if changes.is_empty() => return Paragraph::settings_same(),
        Ok(_) if allowed == Allowed::No => return Paragraph::settings_wait(changes),
        Ok(proposal) => proposal,
        Err(error) => return Paragraph::settings_refused(&error.in_words()),
    };
    match proposal.take() {
        Ok(()) => {
            let noted = hands.settings_taken(changes.len());
            Paragraph::settings_taken(changes, noted.err())
        }
        Err(error) => Paragraph::settings_refused(&error.in_words()),
    }
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
    let path = &here.places.update_request;
    let folder = here.places.stick.join(FOLDER).join("update");
    let text = format!("{}\n", folder.display());
    let asked = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    match asked.and_then(|()| super::put::replace(path, text.as_bytes(), 0o644)) {
        Ok(()) => Paragraph::update_asked(),
        Err(error) => Paragraph::refused(&format!("The updater could not be told: {error}.")),
    }
}
