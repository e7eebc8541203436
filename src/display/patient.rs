//! What of a patient the display shows.

use serde::{Deserialize, Serialize};

use crate::dicom::attributes::PatientStudy;
use crate::phi::Phi;

/// What says whose images arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatientShown {
    /// Nothing.
    #[default]
    None,
    /// The name's first letters.
    Initials,
    /// The accession number.
    Accession,
}

/// What of a patient the settings let the display show.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown {
    /// Whose series is screened.
    pub patient: PatientShown,
    /// A picture of a mass.
    pub key_slice: bool,
}

impl PatientShown {
    /// What is shown of a patient; nothing where the header has nothing.
    #[must_use]
    pub fn label(self, study: &PatientStudy) -> Option<Phi<String>> {
        let text = match self {
            Self::None => return None,
            Self::Initials => initials(study.patient_name.expose()),
            Self::Accession => study.accession_number.expose().clone(),
        };
        (!text.is_empty()).then(|| Phi::new(text))
    }
}

/// `DOE^JANE^MARY` as `D. J.`: family and given name, of the first group of letters.
fn initials(name: &str) -> String {
    let first = name.split('=').next().unwrap_or_default();
    let parts = first.split('^').take(2).filter_map(|part| part.trim().chars().next());
    let letters: Vec<_> = parts.map(|letter| format!("{}.", letter.to_uppercase())).collect();
    letters.join("\u{a0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_of_family_and_given_name() {
        let check = |name, expected| assert_eq!(initials(name), expected);
        check("DOE^JANE^MARY", "D.\u{a0}J.");
        check("doe", "D.");
        check("Müller^Ä=x^y", "M.\u{a0}Ä.");
        check("", "");
        check("^^", "");
    }

    #[test]
    fn only_what_the_settings_let_is_shown() {
        let study = PatientStudy {
            patient_name: Phi::new("DOE^JANE".into()),
            accession_number: Phi::new("A-17".into()),
            ..PatientStudy::default()
        };
        let shown = |it: PatientShown| it.label(&study).map(|label| label.expose().clone());
        assert_eq!(shown(PatientShown::None), None);
        assert_eq!(shown(PatientShown::Initials).as_deref(), Some("D.\u{a0}J."));
        assert_eq!(shown(PatientShown::Accession).as_deref(), Some("A-17"));
        assert_eq!(PatientShown::Accession.label(&PatientStudy::default()), None);
    }
}
