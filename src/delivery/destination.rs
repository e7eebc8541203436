//! Where results go: the `[[destination]]` tables of the settings, checked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ureq::http::Uri;

use crate::dicom::scu::PeerAddress;
use crate::dicom::uid::AeTitle;
use crate::limits::{DESTINATION_NAME_BYTES_MAX, DESTINATIONS_MAX};
use crate::screening::report::Decision;
use crate::worklist::matching::Order;

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
        "destination {name:?}: kind {kind:?} is not supported in this version; use \"webhook\" or \"pacs\""
    )]
    KindNotYet {
        /// The destination.
        name: String,
        /// The kind.
        kind: String,
    },
    /// No kind at all.
    #[error("destination {name:?}: there is no kind {kind:?}; use \"webhook\" or \"pacs\"")]
    Kind {
        /// The destination.
        name: String,
        /// The kind.
        kind: String,
    },
    /// A webhook without a URL.
    #[error("destination {0:?}: a webhook needs `url`, for example \"https://ward.example/alert\"")]
    NoUrl(String),
    /// A PACS without an address or a name.
    #[error(
        "destination {0:?}: a PACS needs `address` and `ae_title`, for example \"pacs.example:104\" and \
         \"PACS\""
    )]
    NoPeer(String),
    /// A setting of another kind.
    #[error("destination {name:?}: `{key}` is no setting of kind {kind:?}")]
    OtherKind {
        /// The destination.
        name: String,
        /// The setting.
        key: &'static str,
        /// The kind.
        kind: String,
    },
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
    /// A limit by order, and no orders.
    #[error(
        "destination {0:?} is limited by order, and there is no `[worklist]` to know orders from; add \
         it, or remove `referring_physicians`, `requested_procedures` and `stations`"
    )]
    NoWorklist(String),
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
    /// Whose orders it is told of.
    pub orders: OrderLimit,
    /// How it is reached.
    pub kind: Kind,
}

/// Limits a destination to some orders; each list that is empty limits nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderLimit {
    /// Referring Physician's Name, in any case, `SMITH^JANE` or any of its groups.
    pub referring_physicians: Vec<String>,
    /// Requested Procedure Description, in any case.
    pub requested_procedures: Vec<String>,
    /// Scheduled Station AE Title.
    pub stations: Vec<String>,
}

impl OrderLimit {
    /// Whether an order is one of them. A series without an order is: an alert that nobody hears of
    /// because the RIS was away is the worse mistake.
    #[must_use]
    pub fn includes(&self, order: Option<&Order>) -> bool {
        let Some(order) = order else { return true };
        let named = |wanted: &[String], values: &[&str]| {
            let plain = |text: &str| text.trim_matches(['^', ' ']).to_lowercase();
            let is_one = |value: &&str| wanted.iter().any(|it| plain(it) == plain(value));
            wanted.is_empty() || values.iter().any(is_one)
        };
        let physician = order.referring_physician.expose();
        let groups: Vec<_> = [physician.as_str()].into_iter().chain(physician.split('=')).collect();
        let stations: Vec<_> = order.stations.iter().map(String::as_str).collect();
        named(&self.referring_physicians, &groups)
            && named(&self.requested_procedures, &[order.requested_procedure_description.expose()])
            && named(&self.stations, &stations)
    }
}

/// How a destination is reached.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// HTTP POST of JSON.
    Webhook {
        /// Where to.
        url: WebhookUrl,
    },
    /// C-STORE of the result's objects.
    Pacs {
        /// Where it is.
        address: PeerAddress,
        /// Its name.
        ae_title: AeTitle,
        /// Whether it is spoken to over TLS.
        tls: bool,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<PeerAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ae_title: Option<AeTitle>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    referring_physicians: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    requested_procedures: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stations: Vec<String>,
}

impl Written {
    /// How it is reached; what is not of its kind is an error, and not silently without effect.
    fn kind(&self) -> Result<Kind, DestinationError> {
        let Self { name, kind, url, address, ae_title, tls, .. } = self;
        let of_webhook = [("url", url.is_some())];
        let of_pacs = [
            ("address", address.is_some()),
            ("ae_title", ae_title.is_some()),
            ("tls", tls.is_some()),
        ];
        let (parsed, others) = match kind.as_str() {
            "webhook" => {
                let url =
                    url.as_ref().ok_or_else(|| DestinationError::NoUrl(name.clone()))?.parse();
                let url = url.map_err(|()| DestinationError::Url(name.clone()))?;
                (Kind::Webhook { url }, &of_pacs[..])
            }
            "pacs" => {
                let (Some(address), Some(ae_title)) = (address.clone(), ae_title.clone()) else {
                    return Err(DestinationError::NoPeer(name.clone()));
                };
                let tls = tls.unwrap_or_default();
                (Kind::Pacs { address, ae_title, tls }, &of_webhook[..])
            }
            "hl7" | "fhir" | "email" => {
                let (name, kind) = (name.clone(), kind.clone());
                return Err(DestinationError::KindNotYet { name, kind });
            }
            _ => {
                let (name, kind) = (name.clone(), kind.clone());
                return Err(DestinationError::Kind { name, kind });
            }
        };
        match others.iter().find(|(_, is_set)| *is_set) {
            Some((key, _)) => {
                Err(DestinationError::OtherKind { name: name.clone(), key, kind: kind.clone() })
            }
            None => Ok(parsed),
        }
    }
}

/// A push is for what someone should look at now; an archive takes every result.
fn on_by_default(kind: &Kind) -> Vec<Decision> {
    match kind {
        Kind::Webhook { .. } => vec![Decision::Flagged],
        Kind::Pacs { .. } => {
            vec![Decision::Flagged, Decision::NotFlagged, Decision::NotAssessable]
        }
    }
}

impl TryFrom<Written> for Destination {
    type Error = DestinationError;

    fn try_from(written: Written) -> Result<Self, DestinationError> {
        let name = written.name.clone();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if !(1..=DESTINATION_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(DestinationError::Name(name));
        }
        let kind = written.kind()?;
        let orders = OrderLimit {
            referring_physicians: written.referring_physicians,
            requested_procedures: written.requested_procedures,
            stations: written.stations,
        };
        let Some(on) = written.on else {
            let on = on_by_default(&kind);
            return Ok(Self { name, on, orders, kind });
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
        Ok(Self { name, on: decisions, orders, kind })
    }
}

impl From<Destination> for Written {
    fn from(destination: Destination) -> Self {
        let (mut url, mut address, mut ae_title, mut tls) = (None, None, None, None);
        let kind = match destination.kind {
            Kind::Webhook { url: to } => {
                url = Some(to.0.to_string());
                "webhook"
            }
            Kind::Pacs { address: at, ae_title: title, tls: secure } => {
                (address, ae_title, tls) = (Some(at), Some(title), Some(secure));
                "pacs"
            }
        };
        Self {
            name: destination.name,
            kind: kind.into(),
            url,
            address,
            ae_title,
            tls,
            on: Some(destination.on.iter().map(|decision| decision.as_str().into()).collect()),
            referring_physicians: destination.orders.referring_physicians,
            requested_procedures: destination.orders.requested_procedures,
            stations: destination.orders.stations,
        }
    }
}

/// Checks what no single destination can know.
///
/// # Errors
/// [`DestinationError::NameTwice`], [`DestinationError::TooMany`], or [`DestinationError::NoWorklist`].
pub fn check_all(destinations: &[Destination], has_worklist: bool) -> Result<(), DestinationError> {
    if destinations.len() > DESTINATIONS_MAX {
        return Err(DestinationError::TooMany(destinations.len()));
    }
    for (n, destination) in destinations.iter().enumerate() {
        if destinations[..n].iter().any(|earlier| earlier.name == destination.name) {
            return Err(DestinationError::NameTwice(destination.name.clone()));
        }
        if !has_worklist && destination.orders != OrderLimit::default() {
            return Err(DestinationError::NoWorklist(destination.name.clone()));
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
        let twice = check_all(&[ward.clone(), ward], false).unwrap_err();
        assert!(twice.to_string().contains("\"ward\""));
    }

    #[test]
    fn a_pacs_gets_every_result_by_default() {
        let text = "name='archive'\nkind='pacs'\naddress='pacs.example:104'\nae_title='PACS'";
        let archive = parse(text).unwrap();
        assert_eq!(archive.on.len(), 3);
        assert!(matches!(archive.kind, Kind::Pacs { tls: false, .. }));
        assert_eq!(parse(&toml::to_string(&archive).unwrap()).unwrap(), archive);
    }

    #[test]
    fn a_destination_hears_of_its_orders_and_of_series_without_one() {
        let text = "name='w'\nkind='webhook'\nurl='http://h/'\nreferring_physicians=['smith^jane']\n\
                    stations=['CT1', 'CT2']\nrequested_procedures=['ct neck']";
        let limited = parse(text).unwrap();
        assert_eq!(parse(&toml::to_string(&limited).unwrap()).unwrap(), limited);
        assert!(check_all(std::slice::from_ref(&limited), true).is_ok());
        let phi = |text: &str| crate::phi::Phi::new(text.to_owned());
        let order = |physician: &str, procedure: &str, station: &str| Order {
            referring_physician: phi(physician),
            requested_procedure_description: phi(procedure),
            stations: vec![station.to_owned()],
            ..Order::default()
        };
        let check = |order: Order, expected: bool| {
            assert_eq!(limited.orders.includes(Some(&order)), expected, "{order:?}");
        };
        check(order("SMITH^JANE^^", "CT NECK", "CT2"), true);
        check(order("Smith^Jane=山田", "CT neck", "CT1"), true);
        check(order("Smith", "CT neck", "CT1"), false);
        check(order("Smith^Jane", "CT head", "CT1"), false);
        check(order("Smith^Jane", "CT neck", "CT3"), false);
        assert!(limited.orders.includes(None));
    }

    #[test]
    fn mistakes_are_told_so_that_a_person_can_act() {
        let check = |text: &str, expected: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("name='a b'\nkind='webhook'\nurl='http://h/'", "1 to 64 letters");
        check("name='w'\nkind='pacs'\naddress='pacs:104'", "needs `address` and `ae_title`");
        check("name='w'\nkind='pacs'\naddress='pacs'\nae_title='P'", "no address");
        let pacs = "name='w'\nkind='pacs'\naddress='pacs:104'\nae_title='P'\n";
        check(&format!("{pacs}url='http://h/'"), "`url` is no setting of kind \"pacs\"");
        check("name='w'\nkind='webhook'\nurl='http://h/'\ntls=true", "`tls` is no setting");
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
