//! What happens behind a signed link.

use std::sync::Arc;

use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use serde::{Deserialize, Serialize};

use super::page;
use crate::clock::rfc3339;
use crate::console::Console;
use crate::console::problem::Problem;
use crate::console::said::{Said as SaidOfSides, Verdicts};
use crate::db::DbError;
use crate::db::alerts::{self, Acknowledgement, Alert, AlertName, Channel};
use crate::db::feedback::{self, Feedback};
use crate::error::Chain;
use crate::limits::PERSON_BYTES_MAX;

/// The parts of a link.
type Link = (String, String, String);

/// What a page or a system says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    /// Who saw it.
    by: String,
    right: String,
    left: String,
    note: String,
}

/// The answer to a system.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    schema: &'static str,
    state: &'a str,
    acknowledged_by: Option<&'a str>,
    acknowledged_at: Option<String>,
}

/// Why something is not done.
pub(in crate::console) enum Refusal {
    /// No link of ours, or of no alert.
    NoAlert,
    /// What was said makes no sense.
    Unclear(&'static str),
    /// The same of verdicts.
    Said(Problem),
    /// The database cannot do it now.
    Database(DbError),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::NoAlert => {
                let text = "There is nothing here. Open the link as it was sent.";
                (StatusCode::NOT_FOUND, text.to_owned())
            }
            Self::Unclear(text) => (StatusCode::UNPROCESSABLE_ENTITY, text.to_owned()),
            Self::Said(problem) => (StatusCode::UNPROCESSABLE_ENTITY, problem.sentence()),
            Self::Database(error) => {
                tracing::error!(error = %Chain(&error), "an alert could not be acknowledged");
                let text = "It could not be stored. Please try again; if it stays so, call whoever looks after the appliance.";
                (StatusCode::SERVICE_UNAVAILABLE, text.to_owned())
            }
        };
        page::page(status, "parotidd", &page::message(&text))
    }
}

/// Whoever asks for anything else.
pub(in crate::console) async fn nothing() -> Refusal {
    Refusal::NoAlert
}

/// Shows an alert. Changes nothing.
pub(in crate::console) async fn show(
    State(console): State<Arc<Console>>,
    Path(link): Path<Link>,
) -> Result<Response, Refusal> {
    let alert = console.find(&link).await?;
    let verdicts = console.verdicts(&alert).await?;
    Ok(page::alert(StatusCode::OK, &alert, &verdicts))
}

/// Acknowledges an alert, and keeps the verdicts.
pub(in crate::console) async fn take(
    State(console): State<Arc<Console>>,
    Path(link): Path<Link>,
    request: Request,
) -> Result<Response, Refusal> {
    // Before the body is read: strangers' bodies are none of our business.
    let alert = console.find(&link).await?;
    let is_json = is_json(request.headers());
    const WRONG: Refusal = Refusal::Unclear("This is no form of ours. Open the link again.");
    let said = if is_json {
        Json::<Said>::from_request(request, &()).await.map_err(|_| WRONG)?.0
    } else {
        Form::<Said>::from_request(request, &()).await.map_err(|_| WRONG)?.0
    };
    let alert = console.take(&alert, &link.1, said).await?;
    if is_json {
        return Ok(Json(Answer {
            schema: "parotidd.acknowledgement/1",
            state: &alert.state,
            acknowledged_by: alert.acknowledged_by.as_deref(),
            acknowledged_at: alert.closed_unix_ms.map(rfc3339),
        })
        .into_response());
    }
    let verdicts = console.verdicts(&alert).await?;
    Ok(page::alert(StatusCode::OK, &alert, &verdicts))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

impl Console {
    async fn find(&self, (result, destination, signature): &Link) -> Result<Alert, Refusal> {
        let links = self.links.as_ref().ok_or(Refusal::NoAlert)?;
        if !links.is_ours(result, destination, signature) {
            return Err(Refusal::NoAlert);
        }
        let found = self.db.call(alerts::find(AlertName::Key(result.clone()))).await;
        found.map_err(Refusal::Database)?.into_iter().next().ok_or(Refusal::NoAlert)
    }

    async fn verdicts(&self, alert: &Alert) -> Result<Vec<Feedback>, Refusal> {
        let look = feedback::of_series(alert.series.clone());
        self.db.call(look).await.map_err(Refusal::Database)
    }

    async fn take(&self, alert: &Alert, destination: &str, said: Said) -> Result<Alert, Refusal> {
        let by = said.by.trim();
        if by.is_empty() || by.len() > PERSON_BYTES_MAX || by.chars().any(char::is_control) {
            return Err(Refusal::Unclear("Please say who you are: a name of at most 128 bytes."));
        }
        let at_unix_ms = self.clock.unix_ms();
        let (via, by) = (Channel::Link, by.to_owned());
        let sides = SaidOfSides { right: said.right, left: said.left, note: said.note };
        let verdicts = Verdicts::of(&sides, &alert.report).map_err(Refusal::Said)?;
        for (side, verdict) in verdicts.of {
            let (by, note) = (by.clone(), verdicts.note.clone());
            let feedback = Feedback { side, verdict, by, via, note, at_unix_ms };
            let keep = feedback::record(alert.series.clone(), feedback);
            self.db.call(keep).await.map_err(Refusal::Database)?;
        }
        let series = AlertName::Series(alert.series.clone());
        let acknowledgement =
            Acknowledgement { by: format!("{by} ({destination})"), via, at_unix_ms };
        let closed = self.db.call(alerts::acknowledge(series, acknowledgement)).await;
        self.changed.notify();
        closed.map_err(Refusal::Database)?.into_iter().next().ok_or(Refusal::NoAlert)
    }
}
