//! How a destination is reached: one variant a kind, with the kind's own settings.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::DestinationError;
use crate::delivery::email::EmailSettings;
use crate::delivery::fhir::FhirSettings;
use crate::delivery::hl7::Hl7Settings;
use crate::delivery::pacs::PacsSettings;
use crate::delivery::webhook::WebhookSettings;

/// How a destination is reached.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// HTTP POST of JSON.
    Webhook(WebhookSettings),
    /// C-STORE of the result's objects.
    Pacs(PacsSettings),
    /// ORU^R01 over MLLP.
    Hl7(Hl7Settings),
    /// Mail to people.
    Email(EmailSettings),
    /// A transaction for a FHIR R4 server.
    Fhir(FhirSettings),
}

impl Kind {
    /// From a kind's name and its settings. One that the kind does not have is an error, and not silently without effect.
    pub(super) fn parse(
        name: &str,
        kind: &str,
        settings: toml::Table,
    ) -> Result<Self, DestinationError> {
        let parsed = match kind {
            "webhook" => read(settings).map(Self::Webhook),
            "pacs" => read(settings).map(Self::Pacs),
            "hl7" => read(settings).map(Self::Hl7),
            "email" => read(settings).map(Self::Email),
            "fhir" => read(settings).map(Self::Fhir),
            _ => {
                return Err(DestinationError::Kind { name: name.into(), kind: kind.into() });
            }
        };
        parsed.map_err(|error| DestinationError::Settings {
            name: name.into(),
            kind: kind.into(),
            why: error.message().to_owned(),
        })
    }

    /// Its name in the settings.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Pacs(_) => "pacs",
            Self::Hl7(_) => "hl7",
            Self::Email(_) => "email",
            Self::Fhir(_) => "fhir",
        }
    }

    /// Whether it tells people, who are told of news alone. A system keeps every result.
    #[must_use]
    pub fn is_push(&self) -> bool {
        match self {
            Self::Webhook(_) | Self::Email(_) => true,
            Self::Pacs(_) | Self::Hl7(_) | Self::Fhir(_) => false,
        }
    }

    /// Its settings as they stand in the file.
    pub(super) fn settings(&self) -> toml::Table {
        match self {
            Self::Webhook(settings) => written(settings),
            Self::Pacs(settings) => written(settings),
            Self::Hl7(settings) => written(settings),
            Self::Email(settings) => written(settings),
            Self::Fhir(settings) => written(settings),
        }
    }
}

fn read<T: DeserializeOwned>(settings: toml::Table) -> Result<T, toml::de::Error> {
    toml::Value::Table(settings).try_into()
}

fn written(settings: &impl Serialize) -> toml::Table {
    toml::Table::try_from(settings).expect("settings came from a table")
}
