//! A result as a transaction Bundle (FHIR R4 section 3.1.0.11.2).
//!
//! ```text
//!  POST, if none exists   Patient   Device   ImagingStudy
//!  PUT by identifier      Observation (series)   Observation (right)   Observation (left)
//!                         DiagnosticReport --result--> the three; --imagingStudy-->; --basedOn--> order, by its number
//! ```
//! The identifiers of what is PUT come from the series: sent again after a lost answer, or by a later answer about more
//! slices, it is the same report. Its status stays `preliminary`: R4 has `amended` for a report that was `final`, and
//! this one never is. Earlier answers are the server's earlier versions of it. No `meta` and no extensions.

use serde_json::{Value, json};

use super::observations::{self, Context, presence};
use super::patient::{Subject, date};
use super::terms::{
    DICOM_UID, IDENTIFIER_TYPE, URI, coding, compact, identifier_query, local, string, urn,
};
use super::{FhirSettings, SystemUri};
use crate::clock::rfc3339;
use crate::delivery::case::Case;
use crate::delivery::words;
use crate::dicom::codes::CT_UNSPECIFIED;
use crate::screening::report::{ModelIdentity, NOT_FOR_DIAGNOSTIC_USE};
use crate::units::Side;

/// The Bundle's JSON.
pub(in crate::delivery) fn bundle(case: &Case<'_>, settings: &FhirSettings) -> String {
    let maker = Maker { case, settings };
    compact(json!({"resourceType": "Bundle", "type": "transaction", "entry": maker.entries()}))
        .to_string()
}

struct Maker<'a> {
    case: &'a Case<'a>,
    settings: &'a FhirSettings,
}

impl Maker<'_> {
    fn entries(&self) -> Vec<Value> {
        let system = self.settings.patient_system.as_ref().map(SystemUri::as_str);
        let subject = Subject::of(self.case.patient, system);
        let mut entries = Vec::new();
        let subject = match subject {
            Subject::Resource { query, patient } => {
                entries.push(self.create("patient", patient, &query));
                Some(self.reference("patient"))
            }
            Subject::Logical(reference) => Some(reference),
            Subject::Nobody => None,
        };
        let device = self.device();
        let query = query_of(&device);
        entries.push(self.create("device", device, &query));
        let study = self.study(subject.as_ref());
        let query = query_of(&study);
        entries.push(self.create("study", study, &query));
        let context = Context {
            subject: subject.clone(),
            device: self.reference("device"),
            study: self.reference("study"),
            effective: date(self.case.patient.study_date.expose()),
            issued: rfc3339(self.case.created_unix_ms),
        };
        let report = self.case.report;
        let series = observations::of_series(report, self.lasting("series"), &context);
        entries.push(self.update("series", series));
        for side in Side::BOTH {
            let name = side.as_str();
            let gland = observations::of_gland(side, report, self.lasting(name), &context);
            entries.push(self.update(name, gland));
        }
        entries.push(self.update("report", self.report(&context)));
        entries
    }

    fn report(&self, context: &Context) -> Value {
        let report = self.case.report;
        let mut conclusion = vec![words::answer(report)];
        conclusion.extend(words::largest(report).map(|size| format!("Largest mass: {size}.")));
        conclusion.extend(report.warnings.iter().map(|it| it.sentence().to_owned()));
        conclusion.push(format!(
            "Result of a computer program ({}), {NOT_FOR_DIAGNOSTIC_USE}. The images are to be read as always.",
            words::versions(report)
        ));
        let reason =
            report.reason.map(|it| json!({"coding": [local(it.code(), Some(it.sentence()))]}));
        let results = ["series", "right", "left"].map(|name| self.reference(name));
        json!({
            "resourceType": "DiagnosticReport",
            "identifier": [self.lasting("report")],
            "basedOn": [self.order()],
            "status": "preliminary",
            "category": [{"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v2-0074",
                "code": "RAD",
                "display": "Radiology",
            }]}],
            "code": {
                "coding": [
                    coding(CT_UNSPECIFIED),
                    local("parotid-screening", Some("Screening of the parotid glands for a mass")),
                ],
                "text": "Parotid screening, AI result, not for diagnostic use",
            },
            "subject": context.subject,
            "effectiveDateTime": context.effective,
            "issued": context.issued,
            "result": results,
            "imagingStudy": [context.study],
            "conclusion": conclusion.join(" "),
            "conclusionCode": [
                {
                    "coding": [
                        local(report.decision.as_str(), None),
                        coding(presence(report.decision)),
                    ],
                    "text": words::answer(report),
                },
                reason,
            ],
        })
    }

    /// The order by its accession number: the RIS has the resource, not we.
    fn order(&self) -> Option<Value> {
        let number = string(self.case.accession_number())?;
        let kind = json!({"coding": [{"system": IDENTIFIER_TYPE, "code": "ACSN"}]});
        let system = self.settings.accession_system.as_ref().map(SystemUri::as_str);
        Some(json!({
            "type": "ServiceRequest",
            "identifier": {"type": kind, "system": system, "value": number},
        }))
    }

    /// For a server that does not have it from the PACS. Whether its images are there is not known to us.
    fn study(&self, subject: Option<&Value>) -> Value {
        let report = self.case.report;
        let uid = format!("urn:oid:{}", report.study_instance_uid);
        let modality =
            json!({"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"});
        json!({
            "resourceType": "ImagingStudy",
            "identifier": [{"system": DICOM_UID, "value": uid}],
            "status": "unknown",
            // R4 wants one.
            "subject": subject.cloned().unwrap_or_else(|| json!({"display": "not named by the images"})),
            "started": date(self.case.patient.study_date.expose()),
            "series": [{"uid": report.series_instance_uid, "modality": modality}],
        })
    }

    /// This program with its models: another version is another device.
    fn device(&self) -> Value {
        let report = self.case.report;
        let models = &report.models;
        let (software, rule) = (&report.software_version, &models.decision.version);
        let networks = [("localizer", &models.localizer), ("segmenter", &models.segmenter)];
        let [localizer, segmenter] = networks.map(|(_, it)| it.sha256.as_str());
        let identity = urn(&["device", software, localizer, segmenter, rule]);
        let version = |kind: &str, value: &str| json!({"type": {"text": kind}, "value": value});
        let network = |kind: &str, it: &ModelIdentity| {
            version(kind, format!("{} {}", it.name, it.version).trim())
        };
        let hash = |kind: &str, it: &ModelIdentity| {
            json!({
                "type": {"text": format!("SHA-256 of the {kind}")},
                "valueCode": [{"text": it.sha256}],
            })
        };
        json!({
            "resourceType": "Device",
            "identifier": [{"system": URI, "value": identity}],
            "status": "active",
            "deviceName": [{"name": "parotidd", "type": "model-name"}],
            "type": {"text": "Software that screens CT for masses of the parotid glands"},
            "version": [
                version("software", software),
                network("localizer", &models.localizer),
                network("segmenter", &models.segmenter),
                version("decision rule", rule),
            ],
            "property": networks.map(|(kind, it)| hash(kind, it)),
        })
    }

    /// The identifier of what later answers about the series update.
    fn lasting(&self, what: &str) -> Value {
        let value = urn(&["series", &self.case.report.series_instance_uid, what]);
        json!({"system": URI, "value": value})
    }

    /// The name of an entry within this Bundle; in other Bundles it is another.
    fn full_url(&self, what: &str) -> String {
        urn(&["entry", self.case.id, what])
    }

    fn reference(&self, what: &str) -> Value {
        json!({"reference": self.full_url(what)})
    }

    /// What is made only where the search finds nothing; never an update.
    fn create(&self, what: &str, resource: Value, query: &str) -> Value {
        let kind = resource["resourceType"].clone();
        json!({
            "fullUrl": self.full_url(what),
            "resource": resource,
            "request": {"method": "POST", "url": kind, "ifNoneExist": query},
        })
    }

    /// What takes the place of its earlier version.
    fn update(&self, what: &str, resource: Value) -> Value {
        let kind = resource["resourceType"].as_str().unwrap_or_default();
        let url = format!("{kind}?{}", query_of(&resource));
        json!({
            "fullUrl": self.full_url(what),
            "resource": resource,
            "request": {"method": "PUT", "url": url},
        })
    }
}

/// The search for a resource by its first identifier.
fn query_of(resource: &Value) -> String {
    let part = |key| resource["identifier"][0][key].as_str().unwrap_or_default();
    identifier_query(part("system"), part("value"))
}
