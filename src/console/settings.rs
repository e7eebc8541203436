//! The `[console]` section.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The `[console]` section.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleSettings {
    /// Addresses to listen on; off where there is none.
    pub listen: Vec<SocketAddr>,
    /// What links begin with, as those who get them reach it: `https://parotidd.clinic.example`. The first address of
    /// `listen` where it is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
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

impl ConsoleSettings {
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
            (None, Some(address)) => Ok(Some(format!("http://{address}"))),
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
            ConsoleSettings { listen, base_url: url.map(str::to_owned) }.link_base()
        };
        assert_eq!(base(&[], None), Ok(None));
        assert_eq!(base(&["127.0.0.1:8080"], None), Ok(Some("http://127.0.0.1:8080".into())));
        let url = "https://box.example/parotidd";
        assert_eq!(base(&["0.0.0.0:8080"], Some(url)), Ok(Some(url.into())));
        assert!(base(&["0.0.0.0:8080"], None).unwrap_err().to_string().contains("10.0.0.7"));
        assert_eq!(base(&[], Some(url)), Err(ConsoleSettingsError::NotListening));
        for wrong in ["ftp://h", "https://", "http://h/?a", "http://u@h/"] {
            assert!(base(&["127.0.0.1:1"], Some(wrong)).is_err(), "{wrong}");
        }
    }
}
