//! How the console is made: its certificate, what it shows of the site, and whether it waits for its first account.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use super::DaemonError;
use super::parts::{Parts, connector};
use crate::config::Config;
use crate::console::{Console, ConsoleCertificate, ConsoleOptions, EchoPeer, Protection, Site};
use crate::db::users;
use crate::delivery::{Kind, Waker};
use crate::dicom::scu::{PeerAddress, ScuOptions};
use crate::dicom::tls::Tls;
use crate::dicom::uid::AeTitle;
use crate::limits::ECHO_TIME;

/// The card of the networks inside the program.
const MODEL_CARD: &str = include_str!("../../models/README.md");
/// Its name in a folder of other networks.
const MODEL_CARD_FILE: &str = "README.md";

impl Parts {
    /// The console, where the settings have it listen.
    pub(super) async fn console(
        &self,
        outbox: Waker,
        tls: Option<&Tls>,
    ) -> Result<Option<Arc<Console>>, DaemonError> {
        let settings = &self.config.console;
        if settings.listen.is_empty() {
            return Ok(None);
        }
        let certificate = certificate(&self.config)?;
        if let Some(it) = &certificate {
            tracing::info!(sha256 = it.fingerprint, "the console's certificate");
        }
        let site = Site {
            data_dir: self.config.data_dir.clone(),
            settings: toml::to_string_pretty(&self.config).map_err(DaemonError::Settings)?,
            time_zone: self.rules.policy.zone.clone(),
            rules: Arc::clone(&self.rules),
            models: self.screener.identities(),
            model_card: model_card(self.config.models_dir.as_deref()),
            has_worklist: self.config.worklist.is_some(),
            host_name: host_name().unwrap_or_default(),
            address: settings.link_base().ok().flatten().unwrap_or_default(),
            fingerprint: certificate.as_ref().map(|it| it.fingerprint.clone()),
            has_metrics: settings.metrics,
        };
        let console = Console::new(ConsoleOptions {
            db: self.db.clone(),
            clock: Arc::clone(&self.clock),
            links: self.rules.policy.links.clone(),
            status: Arc::clone(&self.status),
            outbox,
            peers: peers(&self.config, tls)?,
            site,
            spool: self.spool.folder().to_owned(),
            results: self.config.results(),
            certificate,
            is_new: self.db.call(users::list()).await?.is_empty(),
        });
        console.map(Some).map_err(DaemonError::Random)
    }
}

fn certificate(config: &Config) -> Result<Option<ConsoleCertificate>, DaemonError> {
    let made = match config.console.protection() {
        Protection::Plain => return Ok(None),
        Protection::Site(files) => ConsoleCertificate::load(&files),
        Protection::Own => ConsoleCertificate::own(&config.data_dir, names(config)),
    };
    made.map(Some).map_err(DaemonError::Certificate)
}

fn host_name() -> Option<String> {
    nix::unistd::gethostname().ok().and_then(|it| it.into_string().ok())
}

/// Everyone whom the settings have us speak with over DICOM.
fn peers(config: &Config, tls: Option<&Tls>) -> Result<Vec<EchoPeer>, DaemonError> {
    let peer = |name: String, role, address: &PeerAddress, ae: &AeTitle, is_tls| {
        let tls = connector(tls, is_tls, address)?;
        let options = ScuOptions {
            timeout: ECHO_TIME,
            tls,
            ..ScuOptions::new(config.dicom.ae_title.clone(), ae.clone())
        };
        Ok::<_, DaemonError>(EchoPeer { name, role, address: address.clone(), options })
    };
    let mut found = Vec::new();
    for (n, it) in config.dicom.peers.iter().enumerate() {
        found.push(peer(format!("peer-{n}"), "scanner", &it.address, &it.ae_title, it.tls)?);
    }
    for (n, it) in config.destinations.iter().enumerate() {
        if let Kind::Pacs(pacs) = &it.kind {
            let name = format!("destination-{n}");
            found.push(peer(name, "archive", &pacs.address, &pacs.ae_title, pacs.tls)?);
        }
    }
    if let Some(it) = &config.worklist {
        let name = "worklist".to_owned();
        found.push(peer(name, "worklist", &it.address, &it.called_ae_title, it.tls)?);
    }
    Ok(found)
}

/// What this machine is called by those who open the console.
fn names(config: &Config) -> Vec<String> {
    let base = config.console.base_url.as_deref().and_then(host_of).map(str::to_owned);
    let listens = config.console.listen.iter().map(|it| it.ip());
    let addresses = listens.filter(|it| !it.is_unspecified()).map(|it| it.to_string());
    let mut names: Vec<String> = ["localhost".to_owned()]
        .into_iter()
        .chain(host_name())
        .chain(base)
        .chain(addresses)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// `box.example` of `https://box.example:8443/a`.
fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split('/').next()?;
    if let Some(v6) = authority.strip_prefix('[') {
        return v6.split_once(']').map(|it| it.0).filter(|it| it.parse::<IpAddr>().is_ok());
    }
    authority.split(':').next().filter(|it| !it.is_empty())
}

fn model_card(models_dir: Option<&Path>) -> String {
    match models_dir {
        None => MODEL_CARD.to_owned(),
        Some(folder) => {
            std::fs::read_to_string(folder.join(MODEL_CARD_FILE)).unwrap_or_else(|_| {
                "These networks have no card: their folder has no README.md.".to_owned()
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_for_what_the_console_is_called() {
        let check = |url, host: Option<&str>| assert_eq!(host_of(url), host);
        check("https://box.example:8443/a", Some("box.example"));
        check("https://box.example", Some("box.example"));
        check("https://[::1]:8443", Some("::1"));
        check("box", None);
    }
}
