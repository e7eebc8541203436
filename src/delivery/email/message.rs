//! A mail as a row holds it, and as it goes over the wire. The same row is the same mail, byte by byte, for as long as
//! sender and recipients stay.

use std::time::{Duration, UNIX_EPOCH};

use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{SinglePart, header};
use serde::{Deserialize, Serialize};

use super::settings::EmailSettings;
use super::text::{self, Text};
use crate::delivery::case::Case;
use crate::delivery::digest::Digest;
use crate::delivery::reminder::Reminder;
use crate::phi::Phi;

/// Version of the payload.
const SCHEMA: &str = "parotidd.mail/1";

/// One mail.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Mail {
    schema: String,
    /// `<id@domain>`, the same however often it is sent.
    message_id: String,
    /// Of the mail that it corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_reply_to: Option<String>,
    /// Its date.
    created_unix_ms: i64,
    subject: Phi<String>,
    body: Phi<String>,
}

impl Mail {
    /// About one result.
    pub(super) fn of_case(case: &Case<'_>, settings: &EmailSettings) -> Self {
        let in_reply_to = case.supersedes.map(|id| message_id(id, settings));
        let text = text::of_case(case, settings.patient_data);
        let mail = Self::new(case.id, case.created_unix_ms, text, settings);
        Self { in_reply_to, ..mail }
    }

    /// Several alerts in one.
    pub(super) fn of_digest(digest: &Digest<'_>, settings: &EmailSettings) -> Self {
        Self::new(digest.id, digest.due_unix_ms, text::of_digest(digest), settings)
    }

    /// About an answer and a report that do not agree.
    pub(super) fn of_reminder(
        reminder: &Reminder<'_>,
        id: &str,
        acknowledge_url: Option<&str>,
        settings: &EmailSettings,
    ) -> Self {
        let text = text::of_reminder(reminder, id, acknowledge_url, settings.patient_data);
        Self::new(id, reminder.now_unix_ms, text, settings)
    }

    fn new(id: &str, created_unix_ms: i64, text: Text, settings: &EmailSettings) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            message_id: message_id(id, settings),
            in_reply_to: None,
            created_unix_ms,
            subject: Phi::new(text.subject),
            body: Phi::new(text.body),
        }
    }

    /// As RFC 5322 has it. `Auto-Submitted` (RFC 3834) keeps vacation notices away.
    pub(super) fn message(
        &self,
        settings: &EmailSettings,
    ) -> Result<Message, lettre::error::Error> {
        let created = Duration::from_millis(u64::try_from(self.created_unix_ms).unwrap_or(0));
        let mut builder = Message::builder()
            .from(settings.from.mailbox().clone())
            .date(UNIX_EPOCH + created)
            .message_id(Some(self.message_id.clone()))
            .subject(self.subject.expose())
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        for address in &settings.to {
            builder = builder.to(address.mailbox().clone());
        }
        if let Some(id) = &self.in_reply_to {
            builder = builder.in_reply_to(id.clone()).references(id.clone());
        }
        let body = SinglePart::builder()
            .header(ContentType::TEXT_PLAIN)
            .header(header::ContentDisposition::inline())
            .body(self.body.expose().clone());
        builder.singlepart(body)
    }
}

fn message_id(id: &str, settings: &EmailSettings) -> String {
    format!("<{id}@{}>", settings.from.mailbox().email.domain())
}
