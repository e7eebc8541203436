//! Group commit of folders: many instances that wait at once share one sync.
//!
//! Whoever comes first syncs for all who have come by then; those who come while it is at it form
//! the next group, and the first of them to wake syncs for that one.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

/// A group's outcome, the same for each of its members.
type Outcome = Result<(), Arc<io::Error>>;

#[derive(Debug, Default)]
struct Group {
    outcome: OnceLock<Outcome>,
}

#[derive(Debug, Default)]
struct State {
    /// Folders of the group that is gathering.
    folders: BTreeSet<PathBuf>,
    gathering: Arc<Group>,
    is_syncing: bool,
}

/// Syncs folders, each sync on behalf of everyone who waits for it.
#[derive(Debug, Default)]
pub(crate) struct FolderSync {
    state: Mutex<State>,
    changed: Condvar,
}

impl FolderSync {
    /// Returns once every folder has been synced after this call began.
    pub(crate) fn sync(&self, folders: impl IntoIterator<Item = PathBuf>) -> Outcome {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.folders.extend(folders);
        let group = Arc::clone(&state.gathering);
        loop {
            if let Some(outcome) = group.outcome.get() {
                return outcome.clone();
            }
            if state.is_syncing {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // Nobody is syncing and our group has no outcome: so it is the one that gathers.
            let folders = std::mem::take(&mut state.folders);
            let taken = std::mem::take(&mut state.gathering);
            state.is_syncing = true;
            drop(state);
            let outcome = folders.into_iter().try_for_each(|folder| File::open(folder)?.sync_all());
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.is_syncing = false;
            taken.outcome.get_or_init(|| outcome.map_err(Arc::new));
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_gets_an_outcome_and_an_error_does_not_spread_to_the_next_group() {
        let dir = tempfile::tempdir().unwrap();
        let sync = FolderSync::default();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        sync.sync([dir.path().to_owned()]).unwrap();
                    }
                });
            }
        });
        let error = sync.sync([dir.path().join("missing")]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        sync.sync([dir.path().to_owned()]).unwrap();
    }
}
