//! What a FHIR server made of a transaction. Of what it says only codes are kept: its texts may quote the Bundle.

use std::time::Duration;

use serde::Deserialize;

use crate::delivery::{SendError, retry};
use crate::error::Disposition;
use crate::limits::FHIR_ISSUES_MAX;

/// A Bundle that was sent, as far as its answer is held against it.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    entry: Vec<SentEntry>,
}

#[derive(Debug, Deserialize)]
struct SentEntry {
    request: Request,
}

#[derive(Debug, Deserialize)]
struct Request {
    url: String,
}

#[derive(Debug, Deserialize)]
struct Answered {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    entry: Vec<AnsweredEntry>,
}

#[derive(Debug, Deserialize)]
struct AnsweredEntry {
    response: Response,
}

#[derive(Debug, Deserialize)]
struct Response {
    /// `201 Created`, or the number alone.
    status: String,
}

#[derive(Debug, Deserialize)]
struct OperationOutcome {
    #[serde(default)]
    issue: Vec<Issue>,
}

#[derive(Debug, Deserialize)]
struct Issue {
    #[serde(default)]
    severity: String,
    #[serde(default)]
    code: String,
}

/// The receipt: a line an entry with its status.
///
/// A conflict (409), a search that finds several (412) and an answer that is no Bundle pass when a person or time has
/// mended them; the transaction is all or nothing, and sent again it changes nothing.
///
/// # Errors
/// Why there is none.
pub(super) fn judge(
    sent: &Sent,
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
) -> Result<String, SendError> {
    let later = |answer| Err(SendError::NotNow { answer, retry_after });
    if let Err(disposition) = judge_status(status) {
        let answer = format!("status {status}{}", issues(body));
        return if disposition == Disposition::Retry {
            later(answer)
        } else {
            Err(SendError::Refused(answer))
        };
    }
    let Some(statuses) = statuses(body).filter(|them| them.len() == sent.entry.len()) else {
        return later(format!("status {status}, but no answer to each entry of the transaction"));
    };
    let kinds = sent.entry.iter().map(|it| it.request.url.split('?').next().unwrap_or_default());
    let lines: Vec<_> =
        kinds.zip(&statuses).map(|(kind, status)| format!("{kind} {status}")).collect();
    let judged: Vec<_> = statuses.iter().filter_map(|status| judge_status(*status).err()).collect();
    if judged.is_empty() {
        Ok(format!("{status}\n{}", lines.join("\n")))
    } else if judged.contains(&Disposition::Retry) {
        later(lines.join(", "))
    } else {
        Err(SendError::Refused(lines.join(", ")))
    }
}

fn judge_status(status: u16) -> Result<(), Disposition> {
    match status {
        409 | 412 => Err(Disposition::Retry),
        status => retry::judge_status(status),
    }
}

/// Those of all entries; `None` where it is no answer to a transaction.
fn statuses(body: &[u8]) -> Option<Vec<u16>> {
    let answered: Answered = serde_json::from_slice(body).ok()?;
    let number = |it: &AnsweredEntry| it.response.status.get(..3)?.parse().ok();
    let statuses = answered.entry.iter().map(number).collect();
    if answered.kind == "transaction-response" { statuses } else { None }
}

/// Severity and code of the issues of an OperationOutcome, `: error/invalid, ...`.
fn issues(body: &[u8]) -> String {
    let outcome = serde_json::from_slice(body).unwrap_or(OperationOutcome { issue: Vec::new() });
    let is_code = |text: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b == b'-';
        (1..=32).contains(&text.len()) && text.bytes().all(plain)
    };
    let codes = outcome.issue.iter().filter(|it| is_code(&it.severity) && is_code(&it.code));
    let codes = codes.map(|it| format!("{}/{}", it.severity, it.code));
    let codes: Vec<_> = codes.take(FHIR_ISSUES_MAX).collect();
    if codes.is_empty() { String::new() } else { format!(": {}", codes.join(", ")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `Ok` with the receipt, or whether it is tried again, with the text.
    fn judged(status: u16, body: &str) -> Result<String, (bool, String)> {
        let sent =
            r#"{"entry":[{"request":{"url":"Device"}},{"request":{"url":"Observation?a=b"}}]}"#;
        let sent = serde_json::from_str(sent).unwrap();
        judge(&sent, status, None, body.as_bytes()).map_err(|error| match error {
            SendError::NotNow { answer, .. } => (true, answer),
            error => (false, error.to_string()),
        })
    }

    fn response(statuses: &[&str]) -> String {
        let entry: Vec<_> = statuses
            .iter()
            .map(|status| serde_json::json!({"response": {"status": status, "location": "x/1"}}))
            .collect();
        serde_json::json!({"resourceType": "Bundle", "type": "transaction-response", "entry": entry})
            .to_string()
    }

    #[test]
    fn every_entry_must_have_been_taken() {
        let receipt = judged(200, &response(&["200 OK", "201"])).unwrap();
        assert_eq!(receipt, "200\nDevice 200\nObservation 201");
        let check = |body: &str, is_retried: bool, says: &str| {
            let (retried, text) = judged(200, body).unwrap_err();
            assert_eq!(retried, is_retried, "{text}");
            assert!(text.contains(says), "{text}");
        };
        check(&response(&["200", "503"]), true, "Device 200, Observation 503");
        check(&response(&["409 Conflict", "400"]), true, "Device 409");
        check(&response(&["200", "422"]), false, "Observation 422");
        check(&response(&["200"]), true, "each entry");
        check(&response(&["200", "fine"]), true, "each entry");
        check(&response(&["200", "é2"]), true, "each entry");
        check(r#"{"resourceType":"Bundle","type":"searchset","entry":[]}"#, true, "each entry");
        check("<html>log in</html>", true, "each entry");
        check("", true, "each entry");
    }

    #[test]
    fn refusals_hold_codes_and_no_texts() {
        let outcome = r#"{"resourceType":"OperationOutcome","issue":[
            {"severity":"error","code":"processing","diagnostics":"Doe^Jane is unknown"},
            {"severity":"error","code":"Doe Jane"},{"code":"invalid"},
            {"severity":"fatal","code":"invalid","details":{"text":"Doe"}}]}"#;
        let check = |status: u16, is_retried: bool| {
            let (retried, text) = judged(status, outcome).unwrap_err();
            assert_eq!(retried, is_retried, "{text}");
            assert!(text.ends_with(&format!("status {status}: error/processing, fatal/invalid")));
        };
        for status in [400, 404, 410, 422] {
            check(status, false);
        }
        for status in [401, 403, 409, 412, 429, 500, 503] {
            check(status, true);
        }
        assert_eq!(
            judged(400, "Doe").unwrap_err().1,
            "the destination refused the delivery: status 400"
        );
    }

    proptest! {
        #[test]
        fn any_answer_is_judged(status: u16, body: Vec<u8>, text in "[{}\":a-z,\\[\\]0-9]*") {
            let sent = Sent { entry: Vec::new() };
            for body in [body.as_slice(), text.as_bytes()] {
                let judged = judge(&sent, status, None, body);
                prop_assert!(judged.is_err() || (200..300).contains(&status));
            }
        }
    }
}
