//! The ways to all destinations, made once at the start: secrets are read, certificates checked.

use std::path::PathBuf;
use std::sync::Arc;

use super::email::Email;
use super::fhir::Fhir;
use super::hl7::Hl7;
use super::pacs::Pacs;
use super::webhook::Webhook;
use super::{Destination, DestinationError, Kind, Sender};
use crate::dicom::tls::Tls;
use crate::dicom::uid::AeTitle;

/// What destinations of all kinds are reached with.
#[derive(Debug)]
pub struct Means<'a> {
    /// Our own AE title.
    pub calling_ae: &'a AeTitle,
    /// The folder of all results' objects.
    pub results: PathBuf,
    /// Our certificate, where there is one.
    pub tls: Option<&'a Tls>,
}

/// The way to one destination.
#[derive(Debug, Clone)]
pub struct Channel {
    /// The destination's name.
    pub name: String,
    /// How it is sent to.
    pub(super) sender: Arc<dyn Sender>,
}

/// The ways to these destinations.
///
/// # Errors
/// When a file that one of them names cannot be used.
pub fn channels(
    destinations: &[Destination],
    means: &Means<'_>,
) -> Result<Vec<Channel>, DestinationError> {
    destinations.iter().map(|it| channel(it, means)).collect()
}

fn channel(destination: &Destination, means: &Means<'_>) -> Result<Channel, DestinationError> {
    let name = destination.name.clone();
    let sender: Arc<dyn Sender> = match &destination.kind {
        Kind::Webhook(settings) => Arc::new(Webhook::open(&name, settings)?),
        Kind::Hl7(settings) => Arc::new(Hl7::new(settings)),
        Kind::Email(settings) => Arc::new(Email::open(&name, settings)?),
        Kind::Fhir(settings) => Arc::new(Fhir::open(&name, settings)?),
        Kind::Pacs(settings) => {
            let tls = means.tls.filter(|_| settings.tls);
            let connector = tls.map(|tls| tls.connector(settings.address.host())).transpose();
            let connector = connector.map_err(|source| {
                let source = Box::new(source);
                DestinationError::Tls { name: name.clone(), source }
            })?;
            let (ae, results) = (means.calling_ae.clone(), means.results.clone());
            Arc::new(Pacs::new(settings, ae, results, connector))
        }
    };
    Ok(Channel { name, sender })
}
