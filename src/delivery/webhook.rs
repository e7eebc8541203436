//! HTTP POST of an alert as JSON, signed where there are secrets.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::http::{Http, HttpUrl};
use super::signature::SigningSecrets;
use super::{Attempt, DestinationError, SendError, Sender};
use crate::db::deliveries::Delivery;
use crate::limits::RECEIPT_BYTES_MAX;

/// What a webhook needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where to.
    pub url: HttpUrl,
    /// A file with one or more lines `whsec_...`: each request is signed with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// A file whose one line is shown as bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token_file: Option<PathBuf>,
    /// Certificates of authorities (PEM) that are trusted in place of the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<PathBuf>,
}

/// The way to one webhook.
#[derive(Debug)]
pub(super) struct Webhook {
    http: Http,
    secrets: Option<SigningSecrets>,
}

impl Webhook {
    pub(super) fn open(name: &str, settings: &WebhookSettings) -> Result<Self, DestinationError> {
        let WebhookSettings { url, secret_file, bearer_token_file, authorities } = settings;
        let http = Http::open(name, url, bearer_token_file.as_deref(), authorities.as_deref())?;
        let secrets = secret_file.as_deref().map(|path| SigningSecrets::open(name, path));
        Ok(Self { http, secrets: secrets.transpose()? })
    }
}

impl Sender for Webhook {
    /// The receipt is the status and the first bytes of the body.
    fn send(&self, delivery: &Delivery, attempt: Attempt) -> Result<String, SendError> {
        let (id, body) = (delivery.idempotency_key.as_str(), delivery.payload.as_bytes());
        let mut headers = vec![("Content-Type", "application/json"), ("Idempotency-Key", id)];
        let signed = self.secrets.as_ref().map(|it| it.sign(id, attempt.now_unix_ms, body));
        if let Some(signed) = &signed {
            headers.extend(signed.headers());
        }
        let mut answer = self.http.post(&headers, body, attempt)?;
        answer.judge()?;
        let body = answer.body(RECEIPT_BYTES_MAX);
        Ok(format!("{}\n{}", answer.status(), String::from_utf8_lossy(&body)).trim_end().to_owned())
    }
}
