//! Series out of the database and the spool, and what people do about them: what pages and the API share.

use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use super::Console;
use super::access::CurrentUser;
use super::access::permission::Permission;
use super::problem::Problem;
use super::said::Verdicts;
use super::views::outbox::DeliveryView;
use super::views::review::{self, ReviewView};
use super::views::series::SeriesView;
use super::views::timeline::{TimelineEvent, timeline};
use crate::db::alerts::{self, Acknowledgement, AlertName, Channel};
use crate::db::audit::{self, AuditKind, NewAuditEvent};
use crate::db::feedback::{self, Feedback};
use crate::db::{history, outbox, radiology};
use crate::dicom::uid::SeriesInstanceUid;
use crate::screening::report::{ScreeningReport, Warning};

/// Everything about one series.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesDetail {
    /// The series.
    pub(super) series: SeriesView,
    /// Its newest answer, as `parotidd.report/1`.
    #[schema(value_type = Option<serde_json::Value>)]
    pub(super) report: Option<ScreeningReport>,
    /// What is unusual about the images, for people.
    pub(super) warnings: Vec<&'static str>,
    /// What people said about it.
    #[serde(skip)]
    pub(super) verdicts: Vec<Feedback>,
    /// What happened, oldest first.
    pub(super) timeline: Vec<TimelineEvent>,
    /// Who was told.
    pub(super) deliveries: Vec<DeliveryView>,
}

impl Console {
    /// The series of a day by the site's clock, and those whose alert is open; newest first.
    pub(super) async fn series_of(&self, day: Date) -> Result<Vec<SeriesView>, Problem> {
        let zone = &self.site.time_zone;
        let start = |day: Date| -> Result<i64, jiff::Error> {
            Ok(day.to_zoned_datetime(zone.clone())?.timestamp().as_millisecond())
        };
        let bounds = day
            .checked_add(1.day())
            .and_then(|next| Ok((start(day)?, start(next)?)))
            .map_err(|_| Problem::Unclear("There is no such day.".to_owned()))?;
        let found = self.db.call(history::between(bounds.0, bounds.1)).await?;
        self.views(found).await
    }

    async fn views(&self, found: Vec<history::SeriesHistory>) -> Result<Vec<SeriesView>, Problem> {
        let patients = Arc::clone(&self.patients);
        let views = spawn_blocking(move || {
            let patients = patients.of(&found);
            let view = |(it, patient): (_, &Arc<_>)| SeriesView::new(it, Some(&**patient));
            found.iter().zip(&patients).map(view).collect()
        });
        views.await.map_err(|error| Problem::Broken(error.to_string()))
    }

    /// Everything about one series.
    pub(super) async fn detail(&self, uid: SeriesInstanceUid) -> Result<SeriesDetail, Problem> {
        let found = self.db.call(history::of_series(uid.clone())).await?;
        let found = found.ok_or(Problem::NotFound("This series is not kept here."))?;
        let name = uid.to_string();
        let mut audit = self.db.call(audit::of_series(name.clone())).await?;
        audit.reverse();
        let verdicts = self.db.call(feedback::of_series(name.clone())).await?;
        let deliveries = self.db.call(outbox::of_series(name)).await?;
        let timeline = timeline(&found, &audit);
        let report = found.answer.as_ref().map(|it| it.report.clone());
        let warnings = report.as_ref().map(|it| it.warnings.clone()).unwrap_or_default();
        let series = self.views(vec![found]).await?.remove(0);
        Ok(SeriesDetail {
            series,
            report,
            warnings: warnings.into_iter().map(Warning::sentence).collect(),
            verdicts,
            timeline,
            deliveries: deliveries.into_iter().map(DeliveryView::new).collect(),
        })
    }

    /// Where answers and reports do not agree, and nobody has judged it.
    pub(super) async fn reviews(&self) -> Result<Vec<ReviewView>, Problem> {
        Ok(review::open(&self.db.call(radiology::signed()).await?))
    }

    /// A person says that they saw a series' alert.
    pub(super) async fn acknowledge(
        &self,
        user: &CurrentUser,
        uid: &SeriesInstanceUid,
    ) -> Result<(), Problem> {
        user.must(Permission::Acknowledge)?;
        let by = Acknowledgement {
            by: user.name().to_owned(),
            via: Channel::Console,
            at_unix_ms: self.clock.unix_ms(),
        };
        let name = AlertName::Series(uid.to_string());
        let closed = self.db.call(alerts::acknowledge(name, by)).await?;
        if closed.is_empty() {
            return Err(Problem::NotFound("This series has no alert."));
        }
        self.changed.notify();
        Ok(())
    }

    /// A person says what they think of an answer.
    pub(super) async fn keep_verdicts(
        &self,
        user: &CurrentUser,
        uid: &SeriesInstanceUid,
        verdicts: Verdicts,
    ) -> Result<(), Problem> {
        user.must(Permission::Judge)?;
        for (side, verdict) in verdicts.of {
            let feedback = Feedback {
                side,
                verdict,
                by: user.name().to_owned(),
                via: Channel::Console,
                note: verdicts.note.clone(),
                at_unix_ms: self.clock.unix_ms(),
            };
            match self.db.call(feedback::record(uid.to_string(), feedback)).await? {
                feedback::Kept::With(_) => {}
                _ => {
                    let text = "The answer has changed since. Load the page again.";
                    return Err(Problem::Conflict(text.to_owned()));
                }
            }
        }
        self.changed.notify();
        Ok(())
    }

    /// Writes down that a person looks at a series' images.
    pub(super) async fn opened(
        &self,
        user: &CurrentUser,
        uid: &SeriesInstanceUid,
    ) -> Result<(), Problem> {
        let answer = self.db.call(crate::db::results::latest_of_series(uid.clone())).await?;
        let event = NewAuditEvent {
            at_unix_ms: self.clock.unix_ms(),
            kind: AuditKind::SeriesOpened,
            actor: user.name().to_owned(),
            detail: if answer.is_some() { String::new() } else { uid.to_string() },
            result: answer.map(|it| it.id),
        };
        Ok(self.db.call(audit::record(event)).await?)
    }
}
