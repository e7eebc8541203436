//! The `[console]` section.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The `[console]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleSettings {
    /// Addresses to listen on; off where there is none.
    pub listen: Vec<SocketAddr>,
    /// What links begin with, as those who get them reach it: `https://parotidd.clinic.example`. The first address of
    /// `listen` where it is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The site's certificate; where it is `None` and anyone but this host is served, the appliance makes its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ConsoleTls>,
    /// Without TLS although others are served: a proxy that speaks it stands in front.
    pub plain_http: bool,
    /// Whether `/metrics` answers, to anyone who asks.
    pub metrics: bool,
}

/// The `[console.tls]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleTls {
    /// The certificate, and those between it and its authority; PEM.
    pub certificate: PathBuf,
    /// Its private key; PEM.
    pub key: PathBuf,
}

/// How connections are protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// They are not: the loopback alone, or a proxy in front.
    Plain,
    /// By the site's certificate.
    Site(ConsoleTls),
    /// By the appliance's own.
    Own,
}

/// A `[console]` section that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsoleSettingsError {
    /// Not an address of pages.
    #[error(
        "`console.base_url` is {0:?}; use \"https://parotidd.clinic.example\" or the like, without `?` or `#`"
    )]
    BaseUrl(String),
    /// Links that lead nowhere.
    #[error(
        "`console.base_url` is set, and `console.listen` is empty: no link would work; set both"
    )]
    NotListening,
    /// Every machine's address is nobody's.
    #[error(
        "`console.listen` has {0}, which says nothing about how others reach it; set `console.base_url`, for \
         example \"http://10.0.0.7:8080\""
    )]
    NoBaseUrl(SocketAddr),
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self { listen: Vec::new(), base_url: None, tls: None, plain_http: false, metrics: true }
    }
}

impl ConsoleSettings {
    /// How connections are protected.
    #[must_use]
    pub fn protection(&self) -> Protection {
        let is_here = self.listen.iter().all(|address| address.ip().is_loopback());
        match &self.tls {
            Some(tls) => Protection::Site(tls.clone()),
            None if is_here || self.plain_http => Protection::Plain,
            None => Protection::Own,
        }
    }

    /// What a person types who stands before the display: by the address that the machine has now where it listens on all
    /// of them. `None` where there are no pages.
    #[must_use]
    pub fn address_at(&self, machine: Option<IpAddr>) -> Option<String> {
        match (self.listen.first(), machine) {
            (Some(address), Some(ip)) if address.ip().is_unspecified() => {
                Some(format!("{}://{}", self.scheme(), SocketAddr::new(ip, address.port())))
            }
            _ => self.link_base().ok().flatten(),
        }
    }

    fn scheme(&self) -> &'static str {
        if self.protection() == Protection::Plain { "http" } else { "https" }
    }

    /// What links begin with; `None` where there are none.
    ///
    /// # Errors
    /// When there can be links, and they would not work.
    pub fn link_base(&self) -> Result<Option<String>, ConsoleSettingsError> {
        match (&self.base_url, self.listen.first()) {
            (Some(_), None) => Err(ConsoleSettingsError::NotListening),
            (Some(url), Some(_)) => {
                let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
                let is_plain = |text: &str| {
                    !text.is_empty()
                        && text.bytes().all(|b| b.is_ascii_graphic() && !b"?#@\"'<>".contains(&b))
                };
                match rest {
                    Some(rest) if is_plain(rest) => Ok(Some(url.clone())),
                    _ => Err(ConsoleSettingsError::BaseUrl(url.clone())),
                }
            }
            (None, Some(address)) if address.ip().is_unspecified() => {
                Err(ConsoleSettingsError::NoBaseUrl(*address))
            }
            (None, Some(address)) => Ok(Some(format!("{}://{address}", self.scheme()))),
            (None, None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_begin_with_what_others_reach() {
        let base = |listen: &[&str], url: Option<&str>| {
            let listen = listen.iter().map(|it| it.parse().unwrap()).collect();
            let base_url = url.map(str::to_owned);
            ConsoleSettings { listen, base_url, ..ConsoleSettings::default() }.link_base()
        };
        assert_eq!(base(&[], None), Ok(None));
        assert_eq!(base(&["127.0.0.1:8080"], None), Ok(Some("http://127.0.0.1:8080".into())));
        let url = "https://box.example/parotidd";
        assert_eq!(base(&["0.0.0.0:8080"], Some(url)), Ok(Some(url.into())));
        assert_eq!(base(&["10.0.0.7:8443"], None), Ok(Some("https://10.0.0.7:8443".into())));
        assert!(base(&["0.0.0.0:8080"], None).unwrap_err().to_string().contains("10.0.0.7"));
        assert_eq!(base(&[], Some(url)), Err(ConsoleSettingsError::NotListening));
        for wrong in ["ftp://h", "https://", "http://h/?a", "http://u@h/"] {
            assert!(base(&["127.0.0.1:1"], Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn who_stands_there_is_told_the_machines_own_address() {
        let at = |text: &str, ip: Option<&str>| {
            let settings: ConsoleSettings = toml::from_str(text).unwrap();
            settings.address_at(ip.map(|it| it.parse().unwrap()))
        };
        let all = "listen = ['0.0.0.0:8443']\nbase_url = 'https://box.example'";
        assert_eq!(at(all, Some("10.0.0.7")).unwrap(), "https://10.0.0.7:8443");
        assert_eq!(at(all, None).unwrap(), "https://box.example");
        let one = "listen = ['10.0.0.9:80']\nplain_http = true";
        assert_eq!(at(one, Some("10.0.0.7")).unwrap(), "http://10.0.0.9:80");
        assert_eq!(at("", Some("10.0.0.7")), None);
    }

    #[test]
    fn nobody_else_is_served_without_tls_unless_the_site_says_so() {
        let protection = |text: &str| toml::from_str::<ConsoleSettings>(text).unwrap().protection();
        assert_eq!(protection("listen = ['127.0.0.1:1', '[::1]:1']"), Protection::Plain);
        assert_eq!(protection("listen = ['127.0.0.1:1', '10.0.0.7:1']"), Protection::Own);
        assert_eq!(protection("listen = ['0.0.0.0:1']\nplain_http = true"), Protection::Plain);
        let tls = "listen = ['0.0.0.0:1']\n[tls]\ncertificate = 'c'\nkey = 'k'";
        assert!(matches!(protection(tls), Protection::Site(_)));
    }
}
