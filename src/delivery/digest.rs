//! Alerts of a day that go out together.

use crate::screening::report::ScreeningReport;

/// Alerts that go out together, because the day's budget was used up.
#[derive(Debug, Clone)]
pub(super) struct Digest<'a> {
    /// The same in every attempt.
    pub(super) id: &'a str,
    /// When it goes out, milliseconds since 1970 UTC.
    pub(super) due_unix_ms: i64,
    /// The budget.
    pub(super) per_day_max: u32,
    /// Oldest first.
    pub(super) entries: Vec<DigestEntry<'a>>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct DigestEntry<'a> {
    /// The answer.
    pub(super) report: &'a ScreeningReport,
    /// When it was made, milliseconds since 1970 UTC.
    pub(super) created_unix_ms: i64,
    /// Where to say that it was seen.
    pub(super) acknowledge_url: Option<String>,
}
