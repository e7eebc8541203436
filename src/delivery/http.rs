//! HTTP POST, as webhook and FHIR do it. Blocking, on a thread of its own.

use std::fmt;
use std::io::Read;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ureq::http::Uri;

use super::{Attempt, SendError, retry};
use crate::error::Disposition;
use crate::limits::RECEIPT_BYTES_MAX;

/// An `http` or `https` URL. It may hold a secret in its path or query, so it prints as scheme and
/// host alone.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpUrl(Uri);

/// It is no URL to post to.
#[derive(Debug, thiserror::Error)]
#[error("`url` must start with http:// or https:// and name a host, without user or password")]
pub struct NoUrl;

impl HttpUrl {
    /// The whole of it, to connect to.
    pub(super) fn expose(&self) -> &Uri {
        &self.0
    }
}

impl FromStr for HttpUrl {
    type Err = NoUrl;

    fn from_str(text: &str) -> Result<Self, NoUrl> {
        let uri: Uri = text.parse().map_err(|_| NoUrl)?;
        let http = matches!(uri.scheme_str(), Some("http" | "https"));
        let host = uri.host().is_some_and(|host| !host.is_empty());
        let user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        if http && host && !user { Ok(Self(uri)) } else { Err(NoUrl) }
    }
}

impl TryFrom<String> for HttpUrl {
    type Error = NoUrl;

    fn try_from(text: String) -> Result<Self, NoUrl> {
        text.parse()
    }
}

impl From<HttpUrl> for String {
    fn from(url: HttpUrl) -> Self {
        url.0.to_string()
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host) = (self.0.scheme_str(), self.0.host());
        write!(f, "{}://{}/..", scheme.unwrap_or_default(), host.unwrap_or_default())
    }
}

/// Posts a body and reads the answer. The receipt is the status line's number and the first bytes of the body.
///
/// A connection serves one delivery: a kept one may be closed by the other side just as it is used,
/// which reads like a failure. No proxy of the environment is used; what is sent goes to the host that the
/// settings name.
///
/// # Errors
/// [`SendError::Refused`], [`SendError::NotNow`] or [`SendError::NoAnswer`].
pub(super) fn post(
    url: &HttpUrl,
    headers: &[(&str, &str)],
    body: &[u8],
    attempt: Attempt,
) -> Result<String, SendError> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(attempt.timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .proxy(None)
        .user_agent(concat!("parotidd/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent();
    let mut request = agent.post(url.expose());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = request.send(body).map_err(|error| SendError::NoAnswer(Box::new(error)))?;
    let status = answer.status().as_u16();
    match retry::judge_status(status) {
        Ok(()) => {}
        Err(Disposition::Retry) => {
            let header = answer.headers().get("Retry-After").and_then(|value| value.to_str().ok());
            let retry_after = header.and_then(|text| retry::retry_after(text, attempt.now_unix_ms));
            return Err(SendError::NotNow { answer: format!("status {status}"), retry_after });
        }
        Err(Disposition::Reject | Disposition::Fatal) => {
            return Err(SendError::Refused(format!("status {status}")));
        }
    }
    let mut body = Vec::new();
    let bytes_max = u64::try_from(RECEIPT_BYTES_MAX).expect("a few KiB");
    // The status alone is the receipt; a body that breaks off takes nothing back.
    let _ = answer.body_mut().as_reader().take(bytes_max).read_to_end(&mut body);
    Ok(format!("{status}\n{}", String::from_utf8_lossy(&body)).trim_end().to_owned())
}
