//! Answers beside radiologists' reports: what was flagged and is not in the report, and the other way round.
//!
//! ```text
//!  RIS --ORU, MDM over MLLP--> RadiologyReport --study here?--> report_text --> row, with one reminder
//!                                                                        `--> the alert that it mentions is acknowledged
//! ```
//! Whoever was told by an alert and then wrote the mass into the report has acknowledged it. Texts are not kept but for the
//! sentences that mention a mass.

pub mod discrepancy;
mod settings;

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

pub use self::settings::ReportsSettings;
use crate::clock::Clock;
use crate::db::alerts::{self, Acknowledgement, AlertName, Channel};
use crate::db::deliveries::NewDelivery;
use crate::db::radiology::{self, NewRadiologyReport, ReportStatus, ReportedStudy};
use crate::db::results::ResultId;
use crate::db::{Db, DbError};
use crate::delivery::Waker;
use crate::delivery::reminder::{Reminder, remind};
use crate::delivery::routing::Rules;
use crate::error::Chain;
use crate::hl7::ack::Answer;
use crate::hl7::listener::Handler;
use crate::hl7::radiology_report::{RadiologyReport, ResultStatus};
use crate::hl7::read::Message;
use crate::report_text::{Mention, MentionedSide, ReportReader};

/// Takes radiologists' reports.
#[derive(Debug)]
pub struct Reviewer {
    /// Where answers, alerts and reports are.
    pub db: Db,
    /// For the time of a report.
    pub clock: Arc<dyn Clock>,
    /// Reads texts.
    pub reader: Arc<ReportReader>,
    /// Who is reminded.
    pub rules: Arc<Rules>,
    /// Tells the outbox of reminders.
    pub outbox: Waker,
}

impl Handler for Reviewer {
    async fn handle(&self, message: Message) -> Answer {
        let report = match RadiologyReport::read(&message) {
            Ok(report) => report,
            Err(why) => return why.answer(),
        };
        match self.take(&message, report).await {
            Ok(()) => Answer::Accepted,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "a radiologist's report could not be kept");
                Answer::TryAgain("the report could not be stored; send it again".to_owned())
            }
        }
    }
}

impl Reviewer {
    async fn take(&self, message: &Message, report: RadiologyReport) -> Result<(), DbError> {
        if self.finalized(&report).await? {
            return Ok(());
        }
        let numbers = report.accession_numbers.iter().map(|it| it.expose().clone()).collect();
        let find = radiology::studies(report.study_instance_uids.clone(), numbers);
        let studies = self.db.call(find).await?;
        if studies.is_empty() {
            tracing::debug!("a report about no study that was received here");
            return Ok(());
        }
        let mentions = self.read(&report).await;
        for study in studies {
            self.keep(message, &report, &mentions, study).await?;
        }
        Ok(())
    }

    /// Whether it is our own preliminary result, which carries the series as its filler order number (OBR-3), made final:
    /// then a person has seen it.
    async fn finalized(&self, report: &RadiologyReport) -> Result<bool, DbError> {
        for number in &report.accession_numbers {
            let name = AlertName::Series(number.expose().clone());
            if self.db.call(alerts::find(name.clone())).await?.is_empty() {
                continue;
            }
            if [ResultStatus::Final, ResultStatus::Corrected].contains(&report.status) {
                let at_unix_ms = self.clock.unix_ms();
                let by = Acknowledgement { by: signer(report), via: Channel::Hl7, at_unix_ms };
                self.db.call(alerts::acknowledge(name, by)).await?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// The sentences that count. What was taken back says nothing.
    async fn read(&self, report: &RadiologyReport) -> Vec<Mention> {
        if report.status == ResultStatus::Deleted {
            return Vec::new();
        }
        let (reader, text) = (Arc::clone(&self.reader), report.text.clone());
        // Some milliseconds for a long report: not on a thread that serves others.
        spawn_blocking(move || reader.read(text.expose())).await.unwrap_or_default()
    }

    async fn keep(
        &self,
        message: &Message,
        report: &RadiologyReport,
        mentions: &[Mention],
        study: String,
    ) -> Result<(), DbError> {
        let now = self.clock.unix_ms();
        let mention = mentions.iter().map(|it| it.side).reduce(MentionedSide::and);
        let kept = NewRadiologyReport {
            message_key: message_key(message, &study),
            study: study.clone(),
            status: match report.status {
                ResultStatus::Final => ReportStatus::Final,
                ResultStatus::Corrected => ReportStatus::Corrected,
                // A report that was taken back is none; another may come.
                ResultStatus::Preliminary | ResultStatus::Deleted => ReportStatus::Preliminary,
            },
            mention,
            sentences: mentions.iter().map(|it| it.sentence.clone()).collect(),
            received_unix_ms: now,
        };
        let rules = Arc::clone(&self.rules);
        let recorded =
            self.db.call(radiology::record(kept, move |it| reminders(&rules, it))).await?;
        tracing::info!(
            study,
            status = ?report.status,
            mentions_mass = mention.is_some(),
            n_reminders = recorded.unwrap_or(0),
            is_new = recorded.is_some(),
            "radiologist's report"
        );
        if recorded.is_some_and(|n| n > 0) {
            self.outbox.wake();
        }
        self.acknowledge(report, mention, study, now).await
    }

    /// Acknowledges the alerts that the report bears out.
    async fn acknowledge(
        &self,
        report: &RadiologyReport,
        mention: Option<MentionedSide>,
        study: String,
        at_unix_ms: i64,
    ) -> Result<(), DbError> {
        let by = signer(report);
        for alert in self.db.call(alerts::find(AlertName::Study(study))).await? {
            let mut sides = alert.report.flagged_sides().into_iter();
            if sides.any(|side| discrepancy::covers(mention, side)) {
                let by = Acknowledgement { by: by.clone(), via: Channel::Report, at_unix_ms };
                self.db.call(alerts::acknowledge(AlertName::Series(alert.series), by)).await?;
            }
        }
        Ok(())
    }
}

/// Who answers for a report.
fn signer(report: &RadiologyReport) -> String {
    let mut names = report.signed_by.iter().map(|it| it.name.expose());
    let named = names.find(|name| !name.is_empty());
    named.map_or("the radiologist's report".to_owned(), Clone::clone)
}

/// One reminder for each list that a signed report puts the study on, unless a person has judged the answer already.
fn reminders(rules: &Rules, study: &ReportedStudy) -> Vec<(ResultId, NewDelivery)> {
    if study.status == ReportStatus::Preliminary {
        return Vec::new();
    }
    let found = discrepancy::discrepancies(study).into_iter().filter(|it| !it.series.is_judged);
    let each = found.flat_map(|it| {
        let reminder = Reminder {
            result_key: &it.series.result_key,
            now_unix_ms: study.received_unix_ms,
            list: it.list.code(),
            sides: &it.sides,
            study: &study.study,
            series: &it.series.series,
            accession_number: study.accession_number.expose(),
        };
        let result = it.series.result;
        remind(rules, &reminder).into_iter().map(move |delivery| (result, delivery))
    });
    each.collect()
}

/// The same for a message that its sender sends again.
fn message_key(message: &Message, study: &str) -> String {
    let header = message.header();
    let mut hash = Sha256::new();
    let id = header.control_id.expose();
    for part in [&header.sending_application, &header.sending_facility, id, study] {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    format!("{:x}", hash.finalize())
}
