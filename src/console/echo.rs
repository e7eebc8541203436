//! Whether other systems that we speak with over DICOM are there and know us (C-ECHO): asked when a person wants to know.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::Console;
use super::access::CurrentUser;
use super::access::permission::Permission;
use super::problem::Problem;
use crate::db::audit::{self, AuditKind, NewAuditEvent};
use crate::dicom::scu::echo::echo;
use crate::dicom::scu::{PeerAddress, ScuOptions};
use crate::error::Chain;

/// A system that can be asked.
#[derive(Debug, Clone)]
pub struct EchoPeer {
    /// What the settings have it for, as a part of an address: `peer-0`, `worklist`.
    pub name: String,
    /// The same for people.
    pub role: &'static str,
    /// Where it is.
    pub address: PeerAddress,
    /// Who asks whom, and how.
    pub options: ScuOptions,
}

/// What became of the newest question to a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Echoed {
    pub(super) at_unix_ms: i64,
    /// Why it did not answer; `None` where it did.
    pub(super) error: Option<String>,
}

/// The systems, and what they answered last.
#[derive(Debug)]
pub(super) struct Echoes {
    pub(super) peers: Vec<EchoPeer>,
    answers: Mutex<BTreeMap<String, Echoed>>,
    /// One at a time: a peer that does not answer holds a connection for a while.
    asking: Semaphore,
}

impl Echoes {
    pub(super) fn new(peers: Vec<EchoPeer>) -> Self {
        Self { peers, answers: Mutex::default(), asking: Semaphore::new(1) }
    }

    /// What a system answered last; `None` where nobody has asked since the start.
    pub(super) fn newest(&self, name: &str) -> Option<Echoed> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

impl Console {
    /// Asks a system of the settings, and no other: nobody looks around in the network from here.
    pub(super) async fn ask_peer(&self, user: &CurrentUser, name: &str) -> Result<(), Problem> {
        user.must(Permission::Administer)?;
        let peer = self.echoes.peers.iter().find(|it| it.name == name);
        let peer = peer.ok_or(Problem::NotFound("There is no such system in the settings."))?;
        let Ok(_one) = self.echoes.asking.try_acquire() else {
            return Err(Problem::TooMany("Another system is asked now. Try again in a moment."));
        };
        let asked = echo(peer.address.as_str(), &peer.options).await;
        let error = asked.err().map(|error| Chain(&error).to_string());
        let now = self.clock.unix_ms();
        let said = error.as_deref().unwrap_or("it answered");
        let event = NewAuditEvent {
            at_unix_ms: now,
            kind: AuditKind::PeerAsked,
            result: None,
            actor: user.name().to_owned(),
            detail: format!("{name} at {}: {said}", peer.address.as_str()),
        };
        self.db.call(audit::record(event)).await?;
        let mut answers = self.echoes.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(name.to_owned(), Echoed { at_unix_ms: now, error });
        Ok(())
    }
}
