//! HTTP POST, as webhook and FHIR do it. Blocking, on a thread of its own.

use std::fmt;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::pki_types::CertificateDer;
use ureq::Body;
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{Attempt, DestinationError, SendError, authorities, retry, secrets};
use crate::error::Disposition;
use crate::secret_file::Secret;

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

    /// Whether nobody on the way can read what is sent: it is encrypted, or stays on this machine.
    pub(super) fn is_private(&self) -> bool {
        self.0.scheme_str() == Some("https") || self.0.host().is_some_and(is_loopback)
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

/// Whether a host, a name or an address, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    plain.eq_ignore_ascii_case("localhost")
        || plain.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The way to one URL, with what is shown there.
pub(super) struct Http {
    url: HttpUrl,
    /// The value of the header `Authorization`.
    authorization: Option<Secret>,
    roots: RootCerts,
}

// The type of the roots prints every byte of them.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Http({:?})", self.url)
    }
}

impl Http {
    /// Reads the files that a destination names: one with a bearer token (RFC 6750), one with the authorities that are
    /// trusted in place of the public ones.
    pub(super) fn open(
        name: &str,
        url: &HttpUrl,
        bearer_token_file: Option<&Path>,
        authorities: Option<&Path>,
    ) -> Result<Self, DestinationError> {
        let authorization =
            bearer_token_file.map(|path| secrets::bearer(name, path)).transpose()?;
        let roots = match authorities {
            None => RootCerts::WebPki,
            Some(path) => {
                let found = authorities::read(name, path)?;
                let certificate = |der: &CertificateDer<'_>| Certificate::from_der(der).to_owned();
                let found: Vec<_> = found.iter().map(certificate).collect();
                RootCerts::new_with_certs(&found)
            }
        };
        if authorization.is_some() && !url.is_private() {
            tracing::warn!(
                destination = name,
                "its bearer token goes over the network in the clear; use https"
            );
        }
        Ok(Self { url: url.clone(), authorization, roots })
    }

    /// Posts a body and waits for the head of the answer.
    ///
    /// A connection serves one delivery: a kept one may be closed by the other side just as it is used,
    /// which reads like a failure. No proxy of the environment is used; what is sent goes to the host that the
    /// settings name.
    ///
    /// # Errors
    /// [`SendError::NoAnswer`].
    pub(super) fn post(
        &self,
        headers: &[(&str, &str)],
        body: &[u8],
        attempt: Attempt,
    ) -> Result<Answer, SendError> {
        let tls = TlsConfig::builder().root_certs(self.roots.clone()).build();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(attempt.timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .proxy(None)
            .tls_config(tls)
            .user_agent(concat!("parotidd/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        let mut request = agent.post(self.url.expose());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization.expose());
        }
        let response = request.send(body).map_err(|error| SendError::NoAnswer(Box::new(error)))?;
        Ok(Answer { response, now_unix_ms: attempt.now_unix_ms })
    }
}

/// An answer whose body is not read yet.
#[derive(Debug)]
pub(super) struct Answer {
    response: Response<Body>,
    now_unix_ms: i64,
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// How long it asks to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let header = self.response.headers().get("Retry-After")?.to_str().ok()?;
        retry::retry_after(header, self.now_unix_ms)
    }

    /// What the status says of the delivery.
    ///
    /// # Errors
    /// [`SendError::Refused`] or [`SendError::NotNow`].
    pub(super) fn judge(&self) -> Result<(), SendError> {
        let says = || format!("status {}", self.status());
        match retry::judge_status(self.status()) {
            Ok(()) => Ok(()),
            Err(Disposition::Retry) => {
                Err(SendError::NotNow { answer: says(), retry_after: self.retry_after() })
            }
            Err(Disposition::Reject | Disposition::Fatal) => Err(SendError::Refused(says())),
        }
    }

    /// The first bytes of the body, as many as came.
    pub(super) fn body(&mut self, bytes_max: usize) -> Vec<u8> {
        let mut body = Vec::new();
        let bytes_max = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        // The status is the answer; a body that breaks off takes nothing back.
        let _ = self.response.body_mut().as_reader().take(bytes_max).read_to_end(&mut body);
        body
    }
}
