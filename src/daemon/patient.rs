//! Whose images arrive, as the settings let the display show it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::spawn_blocking;

use crate::dicom::attributes::PatientStudy;
use crate::dicom::received::ReceivedInstance;
use crate::dicom::uid::StudyInstanceUid;
use crate::display::patient::PatientShown;
use crate::status_writer::StatusWriter;

/// Reads one header a study, and none where nothing is to be shown.
#[derive(Debug)]
pub(super) struct PatientLabel {
    shown: PatientShown,
    spool: PathBuf,
    status: Arc<StatusWriter>,
    last: Mutex<Option<StudyInstanceUid>>,
}

impl PatientLabel {
    pub(super) fn new(shown: PatientShown, spool: &Path, status: Arc<StatusWriter>) -> Self {
        Self { shown, spool: spool.to_owned(), status, last: Mutex::default() }
    }

    /// Takes note of what has arrived.
    pub(super) fn offer(&self, instances: &[ReceivedInstance]) {
        let Some(newest) = instances.last().filter(|_| self.shown != PatientShown::None) else {
            return;
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_cleared = || self.status.watch().borrow().patients.arriving.is_none();
        if last.as_ref() == Some(&newest.study) && !is_cleared() {
            return;
        }
        *last = Some(newest.study.clone());
        let path = self.spool.join(&newest.path);
        let (shown, status) = (self.shown, Arc::clone(&self.status));
        // Not waited for: it is only shown.
        spawn_blocking(move || {
            let label = PatientStudy::read(&path).ok().and_then(|it| shown.label(&it));
            status.modify(|status| status.patients.arriving = label);
        });
    }
}
