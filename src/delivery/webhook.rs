//! HTTP POST of JSON. Blocking, on a thread of its own.

use std::io::Read;
use std::time::Duration;

use super::destination::WebhookUrl;
use super::{SendError, retry};
use crate::db::deliveries::Delivery;
use crate::error::Disposition;
use crate::limits::RECEIPT_BYTES_MAX;

/// Sends one delivery and reads the answer. The receipt is the status line's number and the first
/// bytes of the body.
///
/// A connection serves one delivery: a kept one may be closed by the other side just as it is used,
/// which reads like a failure. No proxy of the environment is used; the alert goes to the host that the
/// settings name.
///
/// # Errors
/// [`SendError::Refused`], [`SendError::NotNow`] or [`SendError::NoAnswer`].
pub(super) fn send(
    url: &WebhookUrl,
    delivery: &Delivery,
    timeout: Duration,
    now_unix_ms: i64,
) -> Result<String, SendError> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .proxy(None)
        .user_agent(concat!("parotidd/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent();
    let mut answer = agent
        .post(url.expose())
        .header("Content-Type", "application/json")
        .header("Idempotency-Key", &delivery.idempotency_key)
        .send(delivery.payload.as_bytes())
        .map_err(|error| SendError::NoAnswer(Box::new(error)))?;
    let status = answer.status().as_u16();
    match retry::judge_status(status) {
        Ok(()) => {}
        Err(Disposition::Retry) => {
            let header = answer.headers().get("Retry-After").and_then(|value| value.to_str().ok());
            let retry_after = header.and_then(|text| retry::retry_after(text, now_unix_ms));
            return Err(SendError::NotNow { status, retry_after });
        }
        Err(Disposition::Reject | Disposition::Fatal) => return Err(SendError::Refused { status }),
    }
    let mut body = Vec::new();
    let bytes_max = u64::try_from(RECEIPT_BYTES_MAX).expect("a few KiB");
    // The status alone is the receipt; a body that breaks off takes nothing back.
    let _ = answer.body_mut().as_reader().take(bytes_max).read_to_end(&mut body);
    Ok(format!("{status}\n{}", String::from_utf8_lossy(&body)).trim_end().to_owned())
}
