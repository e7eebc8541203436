//! Where results go: the `[[destination]]` tables of the settings, checked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ureq::http::Uri;

use crate::limits::{DESTINATION_NAME_BYTES_MAX, DESTINATIONS_MAX};
use crate::screening::report::Decision;

/// A `[[destination]]` that cannot be used; the text says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// The name is a key in the database and a word in the log.
    #[error(
        "destination name {0:?}: use 1 to 64 letters, digits, `-`, `_` or `.`, for example \"ward\""
    )]
    Name(String),
    /// Two destinations have one name.
    #[error(
        "two destinations are named {0:?}; the name says which receipts belong to which, so give \
             each its own"
    )]
    NameTwice(String),
    /// More destinations than can be served.
    #[error("{0} destinations are configured; {DESTINATIONS_MAX} is the most")]
    TooMany(usize),
    /// A kind that a later version will have.
    #[error(
        "destination {name:?}: kind {kind:?} is not supported in this version; use \"webhook\""
    )]
    KindNotYet {
        /// The destination.
        name: String,
        /// The kind.
        kind: String,
    },
    /// No kind at all.
    #[error("destination {name:?}: there is no kind {kind:?}; use \"webhook\"")]
    Kind {
        /// The destination.
        name: String,
        /// The kind.
        kind: String,
    },
    /// A webhook without a URL.
    #[error("destination {0:?}: a webhook needs `url`, for example \"https://ward.example/alert\"")]
    NoUrl(String),
    /// The URL cannot be posted to.
    #[error(
        "destination {0:?}: `url` must start with http:// or https:// and name a host, without user \
         or password"
    )]
    Url(String),
    /// A decision that does not exist.
    #[error(
        "destination {name:?}: `on` has {decision:?}; use \"flagged\", \"not_assessable\" or \
         \"not_flagged\""
    )]
    On {
        /// The destination.
        name: String,
        /// What stands there.
        decision: String,
    },
    /// Nothing would ever be sent.
    #[error(
        "destination {0:?}: `on` is empty, so nothing would be sent; leave it out for \
             [\"flagged\"], or remove the destination"
    )]
    OnNothing(String),
}

/// One place that is told about results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Destination {
    /// Its name: unique, stable, never shown to the destination.
    pub name: String,
    /// The decisions that it is told first; a correction of what it was told is sent always.
    pub on: Vec<Decision>,
    /// How it is reached.
    pub kind: Kind,
}

/// How a destination is reached.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// HTTP POST of JSON.
    Webhook {
        /// Where to.
        url: WebhookUrl,
    },
}

/// An `http` or `https` URL. It may hold a secret in its path or query, so it prints as scheme and
/// host alone.
#[derive(Clone, PartialEq)]
pub struct WebhookUrl(Uri);

impl WebhookUrl {
    /// The whole of it, to connect to.
    pub(super) fn expose(&self) -> &Uri {
        &self.0
    }
}

impl FromStr for WebhookUrl {
    type Err = ();

    /// # Errors
    /// Where it is no absolute `http` or `https` URL, or names a user.
    fn from_str(text: &str) -> Result<Self, ()> {
        let uri: Uri = text.parse().map_err(|_| ())?;
        let http = matches!(uri.scheme_str(), Some("http" | "https"));
        let host = uri.host().is_some_and(|host| !host.is_empty());
        let user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        if http && host && !user { Ok(Self(uri)) } else { Err(()) }
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host) = (self.0.scheme_str(), self.0.host());
        write!(f, "{}://{}/..", scheme.unwrap_or_default(), host.unwrap_or_default())
    }
}

/// A destination as it stands in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default = "on_flagged")]
    on: Vec<String>,
}

/// A push is for what someone should look at now; the rest is in the database.
fn on_flagged() -> Vec<String> {
    vec![Decision::Flagged.as_str().into()]
}

impl TryFrom<Written> for Destination {
    type Error = DestinationError;

    fn try_from(written: Written) -> Result<Self, DestinationError> {
        let Written { name, kind, url, on } = written;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if !(1..=DESTINATION_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(DestinationError::Name(name));
        }
        let kind = match kind.as_str() {
            "webhook" => {
                let url = url.ok_or_else(|| DestinationError::NoUrl(name.clone()))?;
                let url = url.parse().map_err(|()| DestinationError::Url(name.clone()))?;
                Kind::Webhook { url }
            }
            "pacs" | "hl7" | "fhir" | "email" => {
                return Err(DestinationError::KindNotYet { name, kind });
            }
            _ => return Err(DestinationError::Kind { name, kind }),
        };
        let mut decisions = Vec::new();
        for text in on {
            let known = [Decision::Flagged, Decision::NotFlagged, Decision::NotAssessable];
            let Some(decision) = known.into_iter().find(|it| it.as_str() == text) else {
                return Err(DestinationError::On { name, decision: text });
            };
            if !decisions.contains(&decision) {
                decisions.push(decision);
            }
        }
        if decisions.is_empty() {
            return Err(DestinationError::OnNothing(name));
        }
        Ok(Self { name, on: decisions, kind })
    }
}

impl From<Destination> for Written {
    fn from(destination: Destination) -> Self {
        let Kind::Webhook { url } = destination.kind;
        Self {
            name: destination.name,
            kind: "webhook".into(),
            url: Some(url.0.to_string()),
            on: destination.on.iter().map(|decision| decision.as_str().into()).collect(),
        }
    }
}

/// Checks what no single destination can know.
///
/// # Errors
/// [`DestinationError::NameTwice`] or [`DestinationError::TooMany`].
pub fn check_all(destinations: &[Destination]) -> Result<(), DestinationError> {
    if destinations.len() > DESTINATIONS_MAX {
        return Err(DestinationError::TooMany(destinations.len()));
    }
    for (n, destination) in destinations.iter().enumerate() {
        if destinations[..n].iter().any(|earlier| earlier.name == destination.name) {
            return Err(DestinationError::NameTwice(destination.name.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Destination, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_webhook_tells_what_is_flagged_by_default() {
        let ward = parse("name='ward'\nkind='webhook'\nurl='http://127.0.0.1:9000/alert?key=s'");
        let ward = ward.unwrap();
        assert_eq!(ward.on, [Decision::Flagged]);
        assert!(!format!("{ward:?}").contains("key"), "{ward:?}");
        let again = toml::to_string(&ward).unwrap();
        assert_eq!(parse(&again).unwrap(), ward);
        let twice = check_all(&[ward.clone(), ward]).unwrap_err();
        assert!(twice.to_string().contains("\"ward\""));
    }

    #[test]
    fn mistakes_are_told_so_that_a_person_can_act() {
        let check = |text: &str, expected: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("name='a b'\nkind='webhook'\nurl='http://h/'", "1 to 64 letters");
        check("name='w'\nkind='pacs'", "not supported in this version");
        check("name='w'\nkind='hl7'", "not supported in this version");
        check("name='w'\nkind='fhir'", "not supported in this version");
        check("name='w'\nkind='email'", "not supported in this version");
        check("name='w'\nkind='fax'", "there is no kind \"fax\"");
        check("name='w'\nkind='webhook'", "needs `url`");
        check("name='w'\nkind='webhook'\nurl='ftp://h/'", "http:// or https://");
        check("name='w'\nkind='webhook'\nurl='/alert'", "http:// or https://");
        check("name='w'\nkind='webhook'\nurl='http://u:p@h/'", "without user");
        check("name='w'\nkind='webhook'\nurl='http://h/'\non=['all']", "`on` has \"all\"");
        check("name='w'\nkind='webhook'\nurl='http://h/'\non=[]", "`on` is empty");
        check("name='w'\nkind='webhook'\nurl='http://h/'\nretries=3", "unknown field `retries`");
    }
}
