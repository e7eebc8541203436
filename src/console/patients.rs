//! Whose series it is: read from its images when a person looks, and remembered for a while. In memory alone.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::db::history::SeriesHistory;
use crate::dicom::attributes::PatientStudy;
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
            name: Phi::new(readable_name(study.patient_name.expose())),
            id: study.patient_id,
            birth_date: Phi::new(readable_date(study.birth_date.expose())),
            sex: study.sex,
            accession_number: study.accession_number,
            study_date: Phi::new(readable_date(study.study_date.expose())),
        }
    }
}

/// `DOE^JANE^^DR=..` as `DOE, JANE` (PS3.5 section 6.2.1: family and given name of the first group that has any).
fn readable_name(name: &str) -> String {
    let group = name.split('=').find(|it| !it.trim_matches(['^', ' ']).is_empty()).unwrap_or("");
    let mut parts = group.split('^').map(str::trim);
    let family = parts.next().unwrap_or_default();
    let given: Vec<_> = parts.take(2).filter(|it| !it.is_empty()).collect();
    match (family.is_empty(), given.is_empty()) {
        (_, true) => family.to_owned(),
        (true, false) => given.join(" "),
        (false, false) => format!("{family}, {}", given.join(" ")),
    }
}

/// `20260131` as `2026-01-31`; anything else as it is.
fn readable_date(date: &str) -> String {
    match (date.get(..4), date.get(4..6), date.get(6..8)) {
        (Some(year), Some(month), Some(day)) if date.len() == 8 => format!("{year}-{month}-{day}"),
        _ => date.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_dates_are_written_for_people() {
        let check = |name, readable| assert_eq!(readable_name(name), readable);
        check("DOE^JANE^^DR", "DOE, JANE");
        check("DOE", "DOE");
        check("^JANE MARY", "JANE MARY");
        check("=山田^太郎", "山田, 太郎");
        check("Yamada^Tarou=山田^太郎", "Yamada, Tarou");
        check("", "");
        assert_eq!(readable_date("20260131"), "2026-01-31");
        assert_eq!(readable_date("2026"), "2026");
        assert_eq!(readable_date(""), "");
    }
}
