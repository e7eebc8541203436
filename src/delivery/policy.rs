//! When a flagged series is pushed to people: the `[alerts]` section. Pure.
//!
//! Results go to systems always. People are pushed an alert only above the site's operating point, and only so many a
//! day: who is alerted too often stops looking. What is beyond the budget comes in one digest, which says so.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::links::Links;
use crate::db::results::Moment;
use crate::limits::ALERTS_PER_DAY_MAX;

/// Sensitivity and specificity of the study that this program implements, on a set of which half had a tumour.
pub const STUDY: Performance = Performance { sensitivity: 0.884, specificity: 0.919 };

/// The `[alerts]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertSettings {
    /// Lowest score, 0 to 1, at which a flagged series is pushed to people; below it only systems have it.
    pub score_min: f64,
    /// Most alerts that are pushed one by one in a day; without limit where it is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_day_max: Option<u32>,
    /// Time of day of the digest, `17:00`, by the site's clock.
    pub digest_at: String,
    /// The site's clock, `Europe/Berlin`; the machine's where it is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Share of patients with a parotid tumour among those who are scanned, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prevalence: Option<f64>,
    /// Measured at the site; the study's where it is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<f64>,
    /// Measured at the site; the study's where it is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub specificity: Option<f64>,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            score_min: 0.0,
            per_day_max: None,
            digest_at: "17:00".to_owned(),
            time_zone: None,
            prevalence: None,
            sensitivity: None,
            specificity: None,
        }
    }
}

/// An `[alerts]` section that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlertSettingsError {
    /// A number outside its range.
    #[error("`alerts.{key}` must be {range}")]
    OutOfRange {
        /// The setting.
        key: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// No time of day.
    #[error("`alerts.digest_at` is {0:?}; write it as \"17:00\"")]
    DigestAt(String),
    /// No time zone that the machine knows.
    #[error(
        "`alerts.time_zone` is {0:?}, which this machine does not know; use a name as \"Europe/Berlin\", or \
         leave it out for the machine's"
    )]
    TimeZone(String),
}

impl AlertSettings {
    /// What the settings come to.
    ///
    /// # Errors
    /// The first value that cannot be used.
    pub fn policy(&self, links: Option<Links>) -> Result<AlertPolicy, AlertSettingsError> {
        let share = |key, value: Option<f64>| match value {
            Some(value) if !(0.0..=1.0).contains(&value) => {
                Err(AlertSettingsError::OutOfRange { key, range: "0 to 1" })
            }
            _ => Ok(()),
        };
        share("score_min", Some(self.score_min))?;
        share("prevalence", self.prevalence)?;
        share("sensitivity", self.sensitivity)?;
        share("specificity", self.specificity)?;
        if self.per_day_max.is_some_and(|most| !(1..=ALERTS_PER_DAY_MAX).contains(&most)) {
            let (key, range) = ("per_day_max", "1 to 1000, or left out for no limit");
            return Err(AlertSettingsError::OutOfRange { key, range });
        }
        let digest_at = Time::strptime("%H:%M", &self.digest_at)
            .map_err(|_| AlertSettingsError::DigestAt(self.digest_at.clone()))?;
        let zone = match &self.time_zone {
            None => TimeZone::system(),
            Some(name) => {
                TimeZone::get(name).map_err(|_| AlertSettingsError::TimeZone(name.clone()))?
            }
        };
        let (score_min, per_day_max) = (self.score_min, self.per_day_max);
        Ok(AlertPolicy { score_min, per_day_max, digest_at, zone, links })
    }

    /// What to expect of the alerts, where the prevalence is known.
    #[must_use]
    pub fn expectation(&self) -> Option<Expectation> {
        let performance = Performance {
            sensitivity: self.sensitivity.unwrap_or(STUDY.sensitivity),
            specificity: self.specificity.unwrap_or(STUDY.specificity),
        };
        Some(performance.at(self.prevalence?))
    }
}

/// How often the answer is right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Performance {
    /// Share of the patients with a tumour that are flagged.
    pub sensitivity: f64,
    /// Share of the others that are not.
    pub specificity: f64,
}

/// What to expect of the alerts at a site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    /// Share of patients with a tumour.
    pub prevalence: f64,
    /// How often the answer is right.
    pub performance: Performance,
    /// Share of alerts that are about a tumour; 0 where there are no alerts.
    pub ppv: f64,
    /// True alerts in 10,000 patients.
    pub true_per_10000: f64,
    /// False alerts in 10,000 patients.
    pub false_per_10000: f64,
    /// The specificity at which nine of ten alerts would be true.
    pub specificity_for_ppv_90: f64,
}

impl Performance {
    /// By Bayes' theorem.
    #[must_use]
    pub fn at(self, prevalence: f64) -> Expectation {
        const PATIENTS: f64 = 10_000.0;
        let found = self.sensitivity * prevalence;
        let false_alarms = (1.0 - self.specificity) * (1.0 - prevalence);
        let alarms = found + false_alarms;
        let allowed = found / 9.0;
        Expectation {
            prevalence,
            performance: self,
            ppv: if alarms > 0.0 { found / alarms } else { 0.0 },
            true_per_10000: found * PATIENTS,
            false_per_10000: false_alarms * PATIENTS,
            specificity_for_ppv_90: if prevalence < 1.0 {
                (1.0 - allowed / (1.0 - prevalence)).max(0.0)
            } else {
                0.0
            },
        }
    }
}

/// When people are alerted.
#[derive(Debug, Clone)]
pub struct AlertPolicy {
    /// See [`AlertSettings::score_min`].
    pub score_min: f64,
    /// See [`AlertSettings::per_day_max`].
    pub per_day_max: Option<u32>,
    digest_at: Time,
    /// The site's clock.
    pub zone: TimeZone,
    /// How messages say where to acknowledge.
    pub links: Option<Links>,
}

impl AlertPolicy {
    /// The times that an answer is judged by.
    #[must_use]
    pub fn moment(&self, now_unix_ms: i64) -> Moment {
        let day = || {
            let now =
                Timestamp::from_millisecond(now_unix_ms).ok()?.to_zoned_datetime(self.zone.clone());
            let at = |date: jiff::civil::Date| {
                let at =
                    date.to_datetime(self.digest_at).to_zoned_datetime(self.zone.clone()).ok()?;
                Some(at.timestamp().as_millisecond())
            };
            let today = at(now.date())?;
            let digest =
                if today > now_unix_ms { today } else { at(now.date().tomorrow().ok()?)? };
            Some((now.start_of_day().ok()?.timestamp().as_millisecond(), digest))
        };
        // A clock beyond all calendars: an alert is pushed rather than lost.
        let (day_start_unix_ms, digest_unix_ms) = day().unwrap_or((now_unix_ms, now_unix_ms));
        Moment { now_unix_ms, day_start_unix_ms, digest_unix_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_alerts_are_false_where_the_disease_is_rare() {
        let check = |prevalence: f64, ppv: f64, specificity: f64| {
            let expected = STUDY.at(prevalence);
            assert!((expected.ppv - ppv).abs() < 0.001, "{expected:?}");
            assert!((expected.specificity_for_ppv_90 - specificity).abs() < 1e-5, "{expected:?}");
        };
        check(0.012, 0.117, 0.99881);
        check(0.0074, 0.075, 0.99927);
        check(0.0022, 0.024, 0.99978);
        check(0.54, 0.928, 0.8847);
        assert_eq!(STUDY.at(0.0).ppv, 0.0);
        assert_eq!(STUDY.at(1.0).ppv, 1.0);
    }

    #[test]
    fn a_day_is_the_sites_day() {
        let settings = AlertSettings {
            time_zone: Some("America/New_York".into()),
            ..AlertSettings::default()
        };
        let policy = settings.policy(None).unwrap();
        let unix_ms = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        let moment = policy.moment(unix_ms("2026-01-02T03:00:00Z"));
        assert_eq!(moment.day_start_unix_ms, unix_ms("2026-01-01T05:00:00Z"));
        assert_eq!(moment.digest_unix_ms, unix_ms("2026-01-02T22:00:00Z"));
        let moment = policy.moment(unix_ms("2026-01-02T22:00:00Z"));
        assert_eq!(moment.digest_unix_ms, unix_ms("2026-01-03T22:00:00Z"));
    }

    #[test]
    fn mistakes_say_what_to_write() {
        let check = |settings: AlertSettings, says: &str| {
            let error = settings.policy(None).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        let plain = AlertSettings::default;
        check(AlertSettings { score_min: 1.5, ..plain() }, "0 to 1");
        check(AlertSettings { per_day_max: Some(0), ..plain() }, "1 to 1000");
        check(AlertSettings { digest_at: "5pm".into(), ..plain() }, "17:00");
        check(AlertSettings { time_zone: Some("Mars".into()), ..plain() }, "Europe/Berlin");
        check(AlertSettings { prevalence: Some(74.0), ..plain() }, "prevalence");
    }
}
