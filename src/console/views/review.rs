//! Where answers and radiologists' reports do not agree.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::db::radiology::ReportedStudy;
use crate::review::discrepancy::discrepancies;
use crate::units::Side;

/// One of them, that nobody has judged yet.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::console) struct ReviewView {
    /// `flagged_not_in_report` or `in_report_not_flagged`.
    pub(in crate::console) list: &'static str,
    /// On which sides; none where the report does not say.
    #[schema(value_type = Vec<String>)]
    pub(in crate::console) sides: Vec<Side>,
    /// Series Instance UID.
    pub(in crate::console) series_instance_uid: String,
    /// Accession Number.
    pub(in crate::console) accession_number: String,
    /// When the report came, RFC 3339.
    pub(in crate::console) report_received_at: String,
    /// What the report says about a mass.
    pub(in crate::console) sentences: Vec<String>,
}

/// Of all studies with a signed report.
pub(in crate::console) fn open(studies: &[ReportedStudy]) -> Vec<ReviewView> {
    let mut found = Vec::new();
    for study in studies {
        let open = discrepancies(study).into_iter().filter(|it| !it.series.is_judged);
        found.extend(open.map(|it| ReviewView {
            list: it.list.code(),
            series_instance_uid: it.series.series.clone(),
            sides: it.sides,
            accession_number: study.accession_number.expose().clone(),
            report_received_at: rfc3339(study.received_unix_ms),
            sentences: study.sentences.iter().map(|it| it.expose().clone()).collect(),
        }));
    }
    found
}
