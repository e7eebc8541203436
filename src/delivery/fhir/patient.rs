//! The patient as the images have them. The hospital's own record of a patient is never written over: with the system of
//! its Patient IDs a Patient is made only where the server has none, and without it none is made.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::terms::{IDENTIFIER_TYPE, identifier_query, string};
use crate::dicom::attributes::PatientStudy;

/// How resources name their patient.
#[derive(Debug)]
pub(super) enum Subject {
    /// By a Patient that the server has, or makes of this: the search for it, and the resource.
    Resource {
        /// Finds the one that is there.
        query: String,
        /// What is made where none is.
        patient: Value,
    },
    /// By what is known, without a resource.
    Logical(Value),
    /// The images name nobody.
    Nobody,
}

impl Subject {
    /// `system` is that of the Patient IDs, where the settings have it.
    pub(super) fn of(patient: &PatientStudy, system: Option<&str>) -> Self {
        let id = string(patient.patient_id.expose());
        let names = names(patient.patient_name.expose());
        let display = names.first().and_then(|name| name["text"].as_str());
        match (id, system) {
            (Some(id), Some(system)) => Self::Resource {
                query: identifier_query(system, &id),
                patient: json!({
                    "resourceType": "Patient",
                    "identifier": [identifier(&id, Some(system))],
                    "name": names,
                    "gender": gender(patient.sex.expose()),
                    "birthDate": date(patient.birth_date.expose()),
                }),
            },
            (Some(id), None) => Self::Logical(json!({
                "type": "Patient",
                "identifier": identifier(&id, None),
                "display": display,
            })),
            (None, _) if display.is_some() => {
                Self::Logical(json!({"type": "Patient", "display": display}))
            }
            (None, _) => Self::Nobody,
        }
    }
}

fn identifier(id: &str, system: Option<&str>) -> Value {
    let kind = json!({"coding": [{"system": IDENTIFIER_TYPE, "code": "PI"}]});
    json!({"type": kind, "system": system, "value": id})
}

/// A DICOM date as FHIR writes it; none where it is no day.
pub(super) fn date(text: &str) -> Option<String> {
    let is_date = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    let day = is_date.then(|| Date::strptime("%Y%m%d", text).ok())??;
    (day.year() > 0).then(|| day.to_string())
}

/// CS to the codes of `administrative-gender`.
fn gender(sex: &str) -> Option<&'static str> {
    match sex {
        "F" => Some("female"),
        "M" => Some("male"),
        "O" => Some("other"),
        _ => None,
    }
}

/// A HumanName for each group of a PN (PS3.5 section 6.2.1.2): alphabetic, ideographic, phonetic.
fn names(text: &str) -> Vec<Value> {
    text.split('=').filter_map(name).collect()
}

fn name(group: &str) -> Option<Value> {
    let mut parts = group.split('^').map(string);
    let mut next = || parts.next().flatten();
    let (family, given, middle, prefix, suffix) = (next(), next(), next(), next(), next());
    let in_order = [&prefix, &given, &middle, &family, &suffix];
    let text = in_order.into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then(|| {
        json!({
            "text": text, "family": family, "given": [given, middle], "prefix": [prefix],
            "suffix": [suffix],
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::terms::compact;
    use super::*;
    use crate::phi::Phi;

    fn patient(name: &str, id: &str, birth_date: &str, sex: &str) -> PatientStudy {
        let phi = |text: &str| Phi::new(text.to_owned());
        PatientStudy {
            patient_name: phi(name),
            patient_id: phi(id),
            birth_date: phi(birth_date),
            sex: phi(sex),
            ..PatientStudy::default()
        }
    }

    #[test]
    fn a_patient_is_made_of_what_the_images_have() {
        let known = patient("Yamada^Tarou^^Dr.=山田^太郎=やまだ^たろう", "P 1", "19500401", "M");
        let Subject::Resource { query, patient } = Subject::of(&known, Some("urn:mrn")) else {
            panic!("a system makes a resource");
        };
        assert_eq!(query, "identifier=urn:mrn%7CP%201");
        let patient = compact(patient);
        assert_eq!(patient["birthDate"], "1950-04-01");
        assert_eq!(patient["gender"], "male");
        assert_eq!(
            patient["name"][0],
            json!({
                "text": "Dr. Tarou Yamada", "family": "Yamada", "given": ["Tarou"], "prefix": ["Dr."]
            })
        );
        assert_eq!(
            patient["name"][1],
            json!({
                "text": "太郎 山田", "family": "山田", "given": ["太郎"]
            })
        );
        assert_eq!(patient["name"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn without_a_system_or_an_id_no_patient_is_made() {
        let Subject::Logical(known) = Subject::of(&patient("Doe^Jane", "1", "", ""), None) else {
            panic!("no system, no resource");
        };
        assert_eq!(known["identifier"]["value"], "1");
        assert_eq!(known["display"], "Jane Doe");
        let named = Subject::of(&patient("Doe", "", "", ""), Some("urn:mrn"));
        assert!(matches!(named, Subject::Logical(it) if it["display"] == "Doe"));
        assert!(matches!(Subject::of(&patient("^^=", " ", "", ""), None), Subject::Nobody));
    }

    #[test]
    fn what_is_no_day_or_sex_is_left_out() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(date(text).as_deref(), expected, "{text}");
        };
        check("20240229", Some("2024-02-29"));
        for text in ["", "20230229", "2024", "1950.04.01", "00000101", "195004011", "١٩٥٠"] {
            check(text, None);
        }
        assert_eq!(["F", "O", "", "X"].map(gender), [Some("female"), Some("other"), None, None]);
    }

    proptest! {
        #[test]
        fn any_text_is_a_patient_or_nobody(name: String, id: String, day: String, sex: String) {
            let known = patient(&name, &id, &day, &sex);
            if let Subject::Resource { query, patient } = Subject::of(&known, Some("urn:mrn")) {
                prop_assert!(query.bytes().all(|b| b.is_ascii_graphic()), "{}", query);
                prop_assert_eq!(&compact(patient)["resourceType"], "Patient");
            }
        }
    }
}
