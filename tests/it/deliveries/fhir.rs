//! Bundles for a FHIR server, read and kept by one on *fhir.resources*.

use parotidd::delivery::policy::AlertSettings;
use parotidd::delivery::routing::About;
use parotidd::dicom::attributes::PatientStudy;
use parotidd::reason::Reason;
use parotidd::screening::report::ScreeningReport;
use parotidd::units::Side;
use parotidd::worklist::matching::{MatchedBy, Order, OrderMatch};
use serde_json::{Value, json};

use super::{TIMEOUT, destination, flagged, mass, phi, rules, secret};
use crate::appliance::{Appliance, all_are, folder_with_db, report};
use crate::peers::Server;

const SYSTEMS: &str = "patient_system = 'urn:oid:1.2.3'\naccession_system = 'urn:oid:1.2.4'";

struct Hospital {
    appliance: Appliance,
    server: Server,
    n_screened: u32,
    _folder: tempfile::TempDir,
}

impl Hospital {
    /// `None` where the library is not installed.
    fn open(answers: &[&str], settings: &str) -> Option<Self> {
        let answers: Vec<_> = answers.iter().map(|it| (*it).to_owned()).collect();
        let server = Server::start("fhir.resources", "fhir_server.py", &answers)?;
        let (folder, path) = folder_with_db();
        let token = secret(folder.path(), "token", "t0ken");
        let settings = format!(
            "url = 'http://127.0.0.1:{}/fhir'\nbearer_token_file = {token:?}\n{settings}",
            server.port
        );
        let rules = rules(destination("fhir", &settings), folder.path(), AlertSettings::default());
        let appliance = Appliance::start_by(&path, rules, TIMEOUT);
        Some(Self { appliance, server, n_screened: 0, _folder: folder })
    }

    /// Screens the series, or more of it, and says what the server heard and has.
    async fn answer(&mut self, about: About, report: ScreeningReport) -> Value {
        self.appliance.about = about;
        self.n_screened += 1;
        self.appliance.receive(self.n_screened).await;
        self.appliance.commit(report).await;
        let n_screened = self.n_screened as usize;
        let is_done = |rows: &[_]| rows.len() == n_screened && all_are("sent")(rows);
        self.appliance.until(is_done).await;
        let said = self.server.line();
        assert_eq!(said["problems"], json!([]), "{}", said["bundle"]);
        said
    }
}

fn about(name: &str, id: &str) -> About {
    let patient = PatientStudy {
        patient_name: phi(name),
        patient_id: phi(id),
        birth_date: phi("19500401"),
        sex: phi("F"),
        study_date: phi("20260101"),
        ..PatientStudy::default()
    };
    About { patient, ..About::default() }
}

fn ordered(about: About) -> About {
    let order = Order { accession_number: phi("A|9"), ..Order::default() };
    let found = Some(OrderMatch::Matched { order, by: MatchedBy::StudyInstanceUid });
    About { found, ..about }
}

/// All resources of a type that the server has.
fn resources<'a>(said: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = said["resources"].as_array().unwrap().iter();
    all.map(|it| &it["resource"]).filter(|it| it["resourceType"] == kind).collect()
}

/// The answer's code of an Observation, by its place in the report.
fn presence(said: &Value, n: usize) -> Value {
    let observations = resources(said, "Observation");
    observations[n]["valueCodeableConcept"]["coding"][0]["code"].clone()
}

#[tokio::test]
async fn each_answer_is_a_bundle_that_others_read() {
    let Some(mut hospital) = Hospital::open(&[], SYSTEMS) else { return };
    let masses = [mass(Side::Right, 700), mass(Side::Left, 4620), mass(Side::Left, 900)];
    let jane = about("Doe^Jane^^Dr.", "P 1");
    let said = hospital.answer(ordered(jane), flagged(&masses)).await;
    assert_eq!(said["path"], "/fhir");
    assert_eq!(said["headers"]["content-type"], "application/fhir+json");
    assert_eq!(said["headers"]["authorization"], "Bearer t0ken");

    let reports = resources(&said, "DiagnosticReport");
    let [report] = reports.as_slice() else { panic!("{reports:?}") };
    assert_eq!(report["status"], "preliminary");
    assert_eq!(report["category"][0]["coding"][0]["code"], "RAD");
    assert_eq!(report["code"]["coding"][0]["code"], "25045-6");
    assert_eq!(report["issued"], "2026-01-01T00:00:00Z");
    assert_eq!(report["conclusionCode"][0]["coding"][0]["code"], "flagged");
    let order = &report["basedOn"][0];
    assert_eq!(
        (&order["type"], &order["identifier"]["value"]),
        (&json!("ServiceRequest"), &json!("A|9"))
    );
    let conclusion = report["conclusion"].as_str().unwrap();
    assert!(
        conclusion.starts_with("Flagged: possible masses in the right and left"),
        "{conclusion}"
    );
    assert!(conclusion.contains("4.6 cm3") && conclusion.contains("not for diagnostic use"));

    let observations = resources(&said, "Observation");
    assert_eq!(observations.len(), 3);
    let left = observations[2];
    let site = &left["bodySite"]["coding"];
    assert_eq!(
        (&site[0]["code"], &site[1]["code"]),
        (&json!("45289007"), &json!("45289007:272741003=7771000"))
    );
    let component = |n: usize| {
        let quantity = &left["component"][n]["valueQuantity"];
        (quantity["value"].as_f64().unwrap(), quantity["code"].as_str().unwrap())
    };
    let components = [0, 1, 2, 3].map(component);
    assert_eq!(components, [(4.62, "cm3"), (24.1, "mm"), (52.0, "[hnsf'U]"), (97.1, "%")]);
    assert_eq!(left["hasMember"], json!([{"reference": "#mass-2"}]));
    assert_eq!(left["contained"][0]["component"][0]["valueQuantity"]["value"], 0.9);
    assert_eq!(observations[1].get("contained"), None);

    let patients = resources(&said, "Patient");
    assert_eq!(patients[0]["name"][0]["family"], "Doe");
    assert_eq!(patients[0]["birthDate"], "1950-04-01");
    let studies = resources(&said, "ImagingStudy");
    assert_eq!(studies[0]["identifier"][0]["value"], "urn:oid:1.2");
    assert_eq!(studies[0]["series"][0]["uid"], "1.2.1");
    assert_eq!(resources(&said, "Device")[0]["version"][0]["value"], "0.1.0");
}

#[tokio::test]
async fn a_later_answer_takes_the_place_of_the_earlier_one() {
    let Some(mut hospital) = Hospital::open(&[], SYSTEMS) else { return };
    let yamada = || about("Yamada^Tarou=山田^太郎=やまだ^たろう", "山,1");
    let masses = [mass(Side::Left, 4620), mass(Side::Left, 900)];
    let said = hospital.answer(yamada(), flagged(&masses)).await;
    assert_eq!(resources(&said, "Patient")[0]["name"][1]["family"], "山田");
    assert_eq!(presence(&said, 0), "52101004");
    let n_resources = said["resources"].as_array().unwrap().len();

    let said = hospital.answer(yamada(), report("not_flagged")).await;
    assert_eq!([0, 1, 2].map(|n| presence(&said, n)), ["272519000"; 3].map(Value::from));
    let gland = resources(&said, "Observation")[2];
    assert_eq!((gland.get("component"), gland.get("contained")), (None, None));

    // The whole series is no volume, so that nothing is known of the glands either.
    let mut lost = report("not_assessable");
    (lost.reason, lost.glands) = (Some(Reason::MissingSlice), Vec::new());
    let said = hospital.answer(yamada(), lost).await;
    assert_eq!([0, 1, 2].map(|n| presence(&said, n)), ["373068000"; 3].map(Value::from));
    let note = &resources(&said, "Observation")[1]["note"][1]["text"];
    assert_eq!(note, "A slice is missing. (missing_slice)");
    let report = resources(&said, "DiagnosticReport")[0];
    assert_eq!(report["status"], "preliminary");
    assert_eq!(report["conclusionCode"][1]["coding"][0]["code"], "missing_slice");

    assert_eq!(said["resources"].as_array().unwrap().len(), n_resources);
    let versions = said["resources"].as_array().unwrap().iter().map(|it| {
        (it["resource"]["resourceType"].as_str().unwrap(), it["version"].as_u64().unwrap())
    });
    for (kind, version) in versions {
        let is_ours = ["Observation", "DiagnosticReport"].contains(&kind);
        assert_eq!(version, if is_ours { 3 } else { 1 }, "{kind}");
    }
}

#[tokio::test]
async fn without_a_patient_or_a_system_no_patient_is_made() {
    let Some(mut hospital) = Hospital::open(&[], "") else { return };
    let said = hospital.answer(About::default(), report("flagged")).await;
    assert!(resources(&said, "Patient").is_empty());
    assert_eq!(resources(&said, "DiagnosticReport")[0].get("subject"), None);
    assert_eq!(resources(&said, "DiagnosticReport")[0].get("basedOn"), None);
    let said = hospital.answer(about("Doe^Jane", "P1"), report("flagged")).await;
    assert!(resources(&said, "Patient").is_empty());
    let subject = &resources(&said, "DiagnosticReport")[0]["subject"];
    assert_eq!(
        (&subject["identifier"]["value"], &subject["display"]),
        (&json!("P1"), &json!("Jane Doe"))
    );
}

#[tokio::test]
async fn sent_again_it_changes_nothing() {
    let answers = ["503", "lost", "409", "page", "401"];
    let Some(mut hospital) = Hospital::open(&answers, SYSTEMS) else { return };
    let first = hospital.answer(about("Doe^Jane", "P1"), flagged(&[mass(Side::Left, 4620)])).await;
    assert_eq!(first["resources"], json!([]));
    let rows = hospital.appliance.rows().await;
    assert_eq!(rows[0].attempts, 6);
    let said: Vec<_> = answers.iter().map(|_| hospital.server.line()).collect();
    for later in &said {
        assert_eq!(later["bundle"], first["bundle"]);
    }
    let count = |said: &Value| said["resources"].as_array().unwrap().len();
    assert_eq!((count(&said[0]), count(&said[4])), (7, 7));
    let receipt = rows[0].receipt.as_deref().unwrap();
    let taken = "200\nPatient 200\nDevice 200\nImagingStudy 200\nObservation 200\nObservation 200\n\
                 Observation 200\nDiagnosticReport 200";
    assert_eq!(receipt, taken);
    hospital.appliance.stop().await;
}

#[tokio::test]
async fn a_refusal_is_kept_without_what_it_quotes() {
    let Some(hospital) = Hospital::open(&["422"], SYSTEMS) else { return };
    let mut appliance = hospital.appliance;
    appliance.about = about("Doe^Jane", "P1");
    appliance.screen(1, "flagged").await;
    let rows = appliance.until(all_are("dead")).await;
    let error = rows[0].last_error.as_deref().unwrap();
    assert_eq!(error, "the destination refused the delivery: status 422: error/conflict");
    appliance.stop().await;
}
