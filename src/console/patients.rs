//! Whose series it is: read from its images when a person looks, and remembered for a while. In memory alone.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::db::history::SeriesHistory;
use crate::dicom::attributes::PatientStudy;
use crate::dicom::for_people;
use crate::limits::PATIENTS_REMEMBERED_MAX;
use crate::phi::Phi;

/// A patient as people read them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Patient {
    pub(super) name: Phi<String>,
    pub(super) id: Phi<String>,
    pub(super) birth_date: Phi<String>,
    pub(super) sex: Phi<String>,
    pub(super) accession_number: Phi<String>,
    pub(super) study_date: Phi<String>,
}

impl Patient {
    fn new(study: PatientStudy) -> Self {
        Self {
            name: Phi::new(for_people::name(study.patient_name.expose())),
            id: study.patient_id,
            birth_date: Phi::new(for_people::date(study.birth_date.expose())),
            sex: study.sex,
            accession_number: study.accession_number,
            study_date: Phi::new(for_people::date(study.study_date.expose())),
        }
    }
}

/// Patients by the file that says who they are.
#[derive(Debug)]
pub(super) struct Patients {
    spool: PathBuf,
    known: Mutex<HashMap<String, Arc<Patient>>>,
}

impl Patients {
    /// None known yet.
    pub(super) fn new(spool: PathBuf) -> Self {
        Self { spool, known: Mutex::default() }
    }

    /// Those of some series, in their order. A file that cannot be read is nobody's. Blocks.
    pub(super) fn of(&self, series: &[SeriesHistory]) -> Vec<Arc<Patient>> {
        series.iter().map(|it| self.find(&it.path)).collect()
    }

    fn find(&self, path: &str) -> Arc<Patient> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(patient) = known.get(path) {
            return Arc::clone(patient);
        }
        let read = PatientStudy::read(&self.spool.join(path));
        let patient = Arc::new(read.map(Patient::new).unwrap_or_default());
        if known.len() >= PATIENTS_REMEMBERED_MAX {
            known.clear();
        }
        known.insert(path.to_owned(), Arc::clone(&patient));
        patient
    }
}
