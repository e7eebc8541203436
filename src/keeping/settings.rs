//! `[retention]`: how long images and results stay.

use serde::{Deserialize, Serialize};

use crate::limits::RETENTION_DAYS_MAX;

/// How long images and results stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSettings {
    /// Days that received images stay; 0 for as long as there is room.
    pub images_days: u32,
    /// Days that results stay; 0 for good.
    pub results_days: u32,
    /// Share of the disk that is kept free: below it the oldest images go before their time.
    pub free_share_min: f64,
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// Too many days.
    #[error("`retention.{key}` is {days}; it must be 0 to {RETENTION_DAYS_MAX} days")]
    Days {
        /// Which setting.
        key: &'static str,
        /// What it is.
        days: u32,
    },
    /// Results that go before their images.
    #[error(
        "`retention.results_days` is less than `retention.images_days`; results stay as long as their images, or longer"
    )]
    ResultsFirst,
    /// No share.
    #[error(
        "`retention.free_share_min` is {share}; it must be 0.0 to 0.9, the share of the disk that is kept free"
    )]
    Share {
        /// What it is.
        share: f64,
    },
}

impl Default for RetentionSettings {
    /// The archive has the images; a month is for questions about an answer. Ten years is how long findings are kept.
    fn default() -> Self {
        Self { images_days: 30, results_days: 3650, free_share_min: 0.1 }
    }
}

impl RetentionSettings {
    /// Says what is wrong.
    ///
    /// # Errors
    /// A setting that makes no sense.
    pub fn check(&self) -> Result<(), RetentionError> {
        let days = [("images_days", self.images_days), ("results_days", self.results_days)];
        if let Some((key, days)) = days.into_iter().find(|(_, days)| *days > RETENTION_DAYS_MAX) {
            return Err(RetentionError::Days { key, days });
        }
        if self.results_days > 0 && self.results_days < self.images_days {
            return Err(RetentionError::ResultsFirst);
        }
        if !(0.0..=0.9).contains(&self.free_share_min) {
            return Err(RetentionError::Share { share: self.free_share_min });
        }
        Ok(())
    }
}
