//! One result with everything that a message about it may say.

use crate::dicom::attributes::PatientStudy;
use crate::screening::report::ScreeningReport;
use crate::worklist::matching::{Order, OrderMatch};

/// One result for one destination. The same case gives the same message, byte by byte.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// Names the message for ever: 64 hex digits, other ones for each result and destination.
    pub id: &'a str,
    /// When the result was made, milliseconds since 1970 UTC.
    pub created_unix_ms: i64,
    /// The answer.
    pub report: &'a ScreeningReport,
    /// Patient and study, as the images have them.
    pub patient: &'a PatientStudy,
    /// What the worklist gave; `None` where there is no worklist.
    pub found: Option<&'a OrderMatch>,
    /// The id of the message to the same destination that this one replaces.
    pub supersedes: Option<&'a str>,
    /// Where a person, or the system that got it, says that it was seen.
    pub acknowledge_url: Option<&'a str>,
    /// Minutes for which nobody had acknowledged the alert when this goes out; 0 for the first who are told.
    pub unacknowledged_min: u32,
    /// When further alerts of the day go out together, as the last one that is pushed by itself says: RFC 3339.
    pub digest_follows: Option<&'a str>,
}

impl Case<'_> {
    /// The order, where the worklist has one.
    #[must_use]
    pub fn order(&self) -> Option<&Order> {
        self.found.and_then(OrderMatch::order)
    }

    /// Accession Number of the images or, where they have none, of the order; may be empty.
    #[must_use]
    pub fn accession_number(&self) -> &str {
        let of_order = || self.order().map_or("", |order| order.accession_number.expose());
        let of_images = self.report.accession_number.as_str();
        if of_images.is_empty() { of_order() } else { of_images }
    }
}
