//! What an e-mail destination needs, checked.

use std::path::PathBuf;
use std::str::FromStr;

use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};

use crate::delivery::http::is_loopback;
use crate::dicom::scu::PeerAddress;
use crate::limits::MAIL_RECIPIENTS_MAX;

/// What an e-mail destination needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct EmailSettings {
    /// Host and port of the mail server.
    pub server: PeerAddress,
    /// How the connection is protected.
    pub security: Security,
    /// Who the mail is from.
    pub from: MailAddress,
    /// Who gets it.
    pub to: Vec<MailAddress>,
    /// Whom the server knows us as; it needs a password.
    pub username: Option<String>,
    /// A file whose one line is the password.
    pub password_file: Option<PathBuf>,
    /// Certificates of authorities (PEM) that are trusted beside the public ones.
    pub authorities: Option<PathBuf>,
    /// Whether mail may go to another machine in the clear.
    pub allow_plain: bool,
    /// Whether it has accession number and Patient ID.
    pub patient_data: bool,
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS after the command STARTTLS (RFC 3207), and nothing without it.
    #[default]
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// In the clear.
    None,
}

/// The settings as they stand in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    server: PeerAddress,
    #[serde(default)]
    security: Security,
    from: MailAddress,
    to: Vec<MailAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authorities: Option<PathBuf>,
    #[serde(default)]
    allow_plain: bool,
    #[serde(default)]
    patient_data: bool,
}

/// Settings that do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailSettingsError {
    /// Nobody, or a distribution list's worth.
    #[error(
        "`to` must name 1 to {MAIL_RECIPIENTS_MAX} addresses; a mailing list has one of its own"
    )]
    Recipients,
    /// One without the other.
    #[error("`username` and `password_file` belong together; name both, or neither")]
    Credentials,
    /// Anyone on the way could read the mail.
    #[error(
        "`security = \"none\"` sends mail in the clear; use \"starttls\" or \"tls\", or set `allow_plain = true` if \
         the network up to the server is trusted"
    )]
    Plain,
    /// Anyone on the way could read the password.
    #[error(
        "`security = \"none\"` would show the password to the network; use \"starttls\" or \"tls\""
    )]
    PlainPassword,
    /// Anyone on the way could read about the patient.
    #[error("`patient_data` needs TLS; use `security = \"starttls\"` or \"tls\"")]
    PlainPatientData,
}

impl TryFrom<Written> for EmailSettings {
    type Error = EmailSettingsError;

    fn try_from(it: Written) -> Result<Self, EmailSettingsError> {
        let is_plain = it.security == Security::None;
        let leaves = is_plain && !is_loopback(it.server.host());
        if !(1..=MAIL_RECIPIENTS_MAX).contains(&it.to.len()) {
            return Err(EmailSettingsError::Recipients);
        }
        if it.username.is_some() != it.password_file.is_some() {
            return Err(EmailSettingsError::Credentials);
        }
        if is_plain && it.patient_data {
            return Err(EmailSettingsError::PlainPatientData);
        }
        if leaves && !it.allow_plain {
            return Err(EmailSettingsError::Plain);
        }
        if leaves && it.username.is_some() {
            return Err(EmailSettingsError::PlainPassword);
        }
        Ok(Self {
            server: it.server,
            security: it.security,
            from: it.from,
            to: it.to,
            username: it.username,
            password_file: it.password_file,
            authorities: it.authorities,
            allow_plain: it.allow_plain,
            patient_data: it.patient_data,
        })
    }
}

impl From<EmailSettings> for Written {
    fn from(it: EmailSettings) -> Self {
        Self {
            server: it.server,
            security: it.security,
            from: it.from,
            to: it.to,
            username: it.username,
            password_file: it.password_file,
            authorities: it.authorities,
            allow_plain: it.allow_plain,
            patient_data: it.patient_data,
        }
    }
}

/// An address, with a name or without: `Ward 3 <ward3@hospital.example>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(Mailbox);

/// It is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no mail address in ASCII; write it as \"ward3@hospital.example\" or \"Ward 3 <ward3@hospital.example>\""
)]
pub struct NoMailAddress(String);

impl MailAddress {
    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.0
    }
}

impl FromStr for MailAddress {
    type Err = NoMailAddress;

    fn from_str(text: &str) -> Result<Self, NoMailAddress> {
        let mailbox: Option<Mailbox> = text.parse().ok();
        // Few servers take others (RFC 6531), and one that does not would never get the mail.
        let ascii = mailbox.filter(|it| {
            let address: &str = it.email.as_ref();
            address.is_ascii() && !text.contains(char::is_control)
        });
        ascii.map(Self).ok_or_else(|| NoMailAddress(text.to_owned()))
    }
}

impl TryFrom<String> for MailAddress {
    type Error = NoMailAddress;

    fn try_from(text: String) -> Result<Self, NoMailAddress> {
        text.parse()
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_mail_stays_on_the_machine_unless_somebody_says_otherwise() {
        let parse = |more: &str| -> Result<EmailSettings, String> {
            let text = format!("from = 'CT <ct@a.example>'\nto = ['b@a.example']\n{more}");
            let parsed: Result<EmailSettings, _> = toml::from_str(&text);
            parsed.map_err(|error| error.message().to_owned())
        };
        let (here, there) = ("server = '127.0.0.1:25'\n", "server = 'mail.example:587'\n");
        let none = "security = 'none'\n";
        let login = "username = 'u'\npassword_file = 'p'\n";
        let good = parse(there).unwrap();
        assert_eq!((good.security, good.patient_data), (Security::StartTls, false));
        let text = toml::to_string(&good).unwrap();
        assert_eq!(toml::from_str::<EmailSettings>(&text).unwrap(), good);
        assert!(parse(&format!("{there}{login}security = 'tls'\npatient_data = true")).is_ok());
        assert!(parse(&format!("{here}{none}{login}")).is_ok());
        assert!(parse(&format!("server = '[::1]:25'\n{none}")).is_ok());
        assert!(parse(&format!("{there}{none}allow_plain = true")).is_ok());
        let check = |more: String, says: &str| {
            let error = parse(&more).unwrap_err();
            assert!(error.contains(says), "{error}");
        };
        check(format!("{there}{none}"), "allow_plain = true");
        check(format!("{there}{none}{login}allow_plain = true"), "the password");
        check(format!("{here}{none}patient_data = true"), "`patient_data` needs TLS");
        check(format!("{there}username = 'u'"), "belong together");
        check(format!("{there}security = 'ssl'"), "starttls");
        check(format!("{there}subject = 'x'"), "unknown field");
        check("server = 'mail.example'".into(), "host and port");
    }

    #[test]
    fn addresses_are_checked() {
        for good in ["a@b.example", "Ward 3 <ward@b.example>", "Büro <a@b.example>"] {
            let address: MailAddress = good.parse().unwrap();
            assert_eq!(String::from(address.clone()).parse(), Ok(address));
        }
        for bad in ["", "ward", "a@", "bär@b.example", "a@b.example\n", "a@b.example, c@b.example"]
        {
            assert!(bad.parse::<MailAddress>().is_err(), "{bad}");
        }
    }
}
