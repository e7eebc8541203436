//! A result for a FHIR R4 server: a transaction Bundle, posted to the base.

mod answer;
mod bundle;
mod observations;
mod patient;
mod terms;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use self::answer::{Sent, judge};
pub(super) use self::bundle::bundle;
use super::http::{Http, HttpUrl};
use super::{Attempt, DestinationError, SendError, Sender};
use crate::db::deliveries::Delivery;
use crate::limits::FHIR_ANSWER_BYTES_MAX;

/// What a FHIR server needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FhirSettings {
    /// Its base.
    pub url: HttpUrl,
    /// A file whose one line is shown as bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token_file: Option<PathBuf>,
    /// Certificates of authorities (PEM) that are trusted in place of the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<PathBuf>,
    /// The system (a URI) of the Patient IDs in images. Without it no Patient is looked for, and none is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_system: Option<SystemUri>,
    /// The system (a URI) of accession numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accession_system: Option<SystemUri>,
}

/// A URI that says whose identifiers they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SystemUri(String);

/// It is no URI.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is no URI; name one as \"urn:oid:1.2.3\" or \"https://hospital.example/patient-id\""
)]
pub struct NoUri(String);

impl SystemUri {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SystemUri {
    type Error = NoUri;

    fn try_from(text: String) -> Result<Self, NoUri> {
        let is_plain = text.chars().all(|c| c.is_ascii_graphic());
        let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
        let is_scheme = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if is_plain && is_scheme && !scheme.is_empty() { Ok(Self(text)) } else { Err(NoUri(text)) }
    }
}

impl From<SystemUri> for String {
    fn from(uri: SystemUri) -> Self {
        uri.0
    }
}

/// The way to one FHIR server.
#[derive(Debug)]
pub(super) struct Fhir(Http);

impl Fhir {
    pub(super) fn open(name: &str, settings: &FhirSettings) -> Result<Self, DestinationError> {
        let FhirSettings { url, bearer_token_file, authorities, .. } = settings;
        let http = Http::open(name, url, bearer_token_file.as_deref(), authorities.as_deref())?;
        if !url.is_private() {
            tracing::warn!(destination = name, "patients are named to it in the clear; use https");
        }
        Ok(Self(http))
    }
}

impl Sender for Fhir {
    fn send(&self, delivery: &Delivery, attempt: Attempt) -> Result<String, SendError> {
        const JSON: &str = "application/fhir+json";
        let sent: Sent = serde_json::from_str(&delivery.payload)
            .map_err(|error| SendError::Payload(error.into()))?;
        // Entries without their resources are enough.
        let headers = [("Content-Type", JSON), ("Accept", JSON), ("Prefer", "return=minimal")];
        let mut answer = self.0.post(&headers, delivery.payload.as_bytes(), attempt)?;
        let body = answer.body(FHIR_ANSWER_BYTES_MAX);
        judge(&sent, answer.status(), answer.retry_after(), &body)
    }
}
