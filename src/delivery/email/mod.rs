//! An alert as an e-mail to people.

mod message;
mod session;
mod settings;
mod text;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};

use self::message::Mail;
use self::session::Way;
pub use self::settings::{EmailSettings, EmailSettingsError, MailAddress, NoMailAddress, Security};
use super::case::Case;
use super::digest::Digest;
use super::reminder::Reminder;
use super::{Attempt, DestinationError, SendError, Sender, authorities, secrets};
use crate::db::deliveries::Delivery;

/// The payload of a mail about one result.
pub(super) fn mail(case: &Case<'_>, settings: &EmailSettings) -> String {
    text(&Mail::of_case(case, settings))
}

/// The payload of a mail about several.
pub(super) fn digest(digest: &Digest<'_>, settings: &EmailSettings) -> String {
    text(&Mail::of_digest(digest, settings))
}

/// The payload of a mail about an answer that a radiologist's report does not agree with.
pub(super) fn reminder(
    reminder: &Reminder<'_>,
    id: &str,
    acknowledge_url: Option<&str>,
    settings: &EmailSettings,
) -> String {
    text(&Mail::of_reminder(reminder, id, acknowledge_url, settings))
}

fn text(mail: &Mail) -> String {
    serde_json::to_string(mail).expect("texts and numbers always serialize")
}

/// The way to one mail server.
#[derive(Debug)]
pub(super) struct Email {
    settings: EmailSettings,
    way: Way,
}

impl Email {
    pub(super) fn open(name: &str, settings: &EmailSettings) -> Result<Self, DestinationError> {
        let tls = match settings.security {
            Security::None => Tls::None,
            Security::StartTls => Tls::Required(parameters(name, settings)?),
            Security::Tls => Tls::Wrapper(parameters(name, settings)?),
        };
        let credentials = credentials(name, settings)?;
        let way = Way { server: settings.server.clone(), tls, credentials };
        Ok(Self { settings: settings.clone(), way })
    }
}

fn credentials(
    name: &str,
    settings: &EmailSettings,
) -> Result<Option<Credentials>, DestinationError> {
    let (Some(username), Some(path)) = (&settings.username, &settings.password_file) else {
        return Ok(None);
    };
    let password = secrets::read(name, "the password", path)?;
    Ok(Some(Credentials::new(username.clone(), password.expose().to_owned())))
}

/// TLS 1.2 and later, for the server's own name.
fn parameters(name: &str, settings: &EmailSettings) -> Result<TlsParameters, DestinationError> {
    let setup = |error: lettre::transport::smtp::Error| DestinationError::Setup {
        name: name.to_owned(),
        source: error.to_string().into(),
    };
    let mut builder = TlsParameters::builder(settings.server.host().to_owned());
    if let Some(path) = &settings.authorities {
        for der in authorities::read(name, path)? {
            let certificate = Certificate::from_der(der.to_vec()).map_err(setup)?;
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(setup)
}

impl Sender for Email {
    fn send(&self, delivery: &Delivery, attempt: Attempt) -> Result<String, SendError> {
        let mail: Mail = serde_json::from_str(&delivery.payload)
            .map_err(|error| SendError::Payload(error.into()))?;
        let message = mail
            .message(&self.settings)
            .map_err(|_| SendError::Refused("no mail can be made of the delivery".to_owned()))?;
        let from = &self.settings.from.mailbox().email;
        let to: Vec<_> = self.settings.to.iter().map(|it| it.mailbox().email.clone()).collect();
        session::send(&self.way, from, &to, &message.formatted(), attempt.timeout)
    }
}
