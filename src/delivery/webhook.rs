//! HTTP POST of an alert as JSON.

use serde::{Deserialize, Serialize};

use super::http::{HttpUrl, post};
use super::{Attempt, SendError, Sender};
use crate::db::deliveries::Delivery;

/// What a webhook needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where to.
    pub url: HttpUrl,
}

/// The way to one webhook.
#[derive(Debug)]
pub(super) struct Webhook {
    url: HttpUrl,
}

impl Webhook {
    pub(super) fn new(settings: &WebhookSettings) -> Self {
        Self { url: settings.url.clone() }
    }
}

impl Sender for Webhook {
    fn send(&self, delivery: &Delivery, attempt: Attempt) -> Result<String, SendError> {
        let headers = [
            ("Content-Type", "application/json"),
            ("Idempotency-Key", delivery.idempotency_key.as_str()),
        ];
        post(&self.url, &headers, delivery.payload.as_bytes(), attempt)
    }
}
