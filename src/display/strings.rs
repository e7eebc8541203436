//! Every word the display can show, read from `strings.toml`: one table a language.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::reason::Reason;

const FILE: &str = include_str!("strings.toml");

static TEXTS: LazyLock<BTreeMap<Language, Texts>> =
    LazyLock::new(|| toml::from_str(FILE).expect("`strings.toml` is read whole by a test"));

/// A language of the display.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
}

impl Language {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::En, Self::De, Self::Fr, Self::Es];

    /// Its code of two letters (ISO 639-1), as the settings have it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Fr => "fr",
            Self::Es => "es",
        }
    }

    /// Its words.
    #[must_use]
    pub fn texts(self) -> &'static Texts {
        TEXTS.get(&self).expect("every language has a table; held by a test")
    }
}

macro_rules! texts {
    ($($name:ident)+) => {
        /// One language's words. A name says where they stand; a word in braces is filled by [`fill`].
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(missing_docs, reason = "the names are the places; the file shows the words")]
        pub struct Texts {
            $(pub $name: String,)+
            /// Sentences of the reason codes.
            pub reasons: HashMap<Reason, String>,
        }

        impl Texts {
            /// Every name with its words, for tests and translators.
            #[must_use]
            pub fn all(&self) -> Vec<(&'static str, &str)> {
                let reason = |&reason: &Reason| (reason.code(), self.reason(reason));
                let mut all = vec![$((stringify!($name), self.$name.as_str()),)+];
                all.extend(Reason::ALL.iter().map(reason));
                all
            }
        }
    };
}

impl Texts {
    /// The sentence of a reason.
    #[must_use]
    pub fn reason(&self, reason: Reason) -> &str {
        // A test holds that there is one.
        self.reasons.get(&reason).map_or(reason.sentence(), String::as_str)
    }
}

texts! {
    not_for_diagnostic_use versions versions_loading decimal_mark
    starting starting_lead starting_detail
    ready ready_lead last_result last_result_none
    receiving receiving_lead receiving_patient progress
    analysing analysing_detail stage_loading stage_localizing stage_segmenting stage_deciding
    step_loading step_localizing step_segmenting step_deciding left_soon left_seconds left_minutes
    flagged flagged_right flagged_left flagged_both volume volume_largest flagged_detail
    acknowledged acknowledged_detail
    not_flagged not_flagged_lead not_flagged_detail
    not_assessable not_assessable_detail
    alert alerts alert_lead alerts_lead alert_measure alert_detail
    undelivered undelivered_down undelivered_dead undelivered_detail_down undelivered_detail_dead
    disk_low disk_low_lead disk_low_detail disk_full_detail
    clock_bad clock_unsynchronized clock_wrong clock_detail
    updating updating_lead updating_detail updating_meanwhile percent
    update_undone update_refused update_lead self_test self_test_detail
    hot hot_lead celsius hot_detail
    setup setup_detail stick stick_lead stick_detail
    stopping stopping_lead stopping_detail stopped stopped_lead stopped_detail
    fault fault_detail
    figure_screened figure_queue figure_disk figure_deliveries figure_images figure_connections
    figure_refused gigabytes
    link_destinations link_destinations_none link_worklist link_worklist_down
    notice_flagged notice_alert notice_alerts notice_down notice_dead notice_disk notice_clock
    notice_hot notice_stick notice_update notice_self_test notice_service
    outcome_flagged outcome_not_flagged outcome_not_assessable side_right side_left side_both
    mark_right mark_left
    age_now age_minutes age_hours age_days wait_now wait_minutes wait_hours wait_days
}

/// `template` with every `{name}` replaced by its value.
#[must_use]
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_text_with_the_same_braces() {
        let braces = |text: &str| -> Vec<String> {
            let mut found: Vec<_> = text
                .split('{')
                .skip(1)
                .map(|rest| rest.split('}').next().unwrap_or_default().to_owned())
                .collect();
            found.sort();
            found
        };
        assert_eq!(TEXTS.len(), Language::ALL.len());
        let english = Language::En.texts().all();
        for language in Language::ALL {
            for ((name, text), (_, original)) in language.texts().all().iter().zip(&english) {
                assert!(!text.trim().is_empty(), "{language:?} {name}");
                assert_eq!(braces(text), braces(original), "{language:?} {name}");
                assert_eq!(text.trim(), *text, "{language:?} {name}");
            }
        }
    }

    #[test]
    fn every_reason_is_a_sentence_and_english_ones_are_the_programs() {
        for language in Language::ALL {
            let texts = language.texts();
            assert_eq!(texts.reasons.len(), Reason::ALL.len(), "{language:?}");
            for (reason, sentence) in &texts.reasons {
                assert!(sentence.ends_with('.'), "{language:?} {reason}");
            }
        }
        for &reason in Reason::ALL {
            assert_eq!(Language::En.texts().reason(reason), reason.sentence());
        }
    }

    #[test]
    fn a_language_is_named_by_its_code() {
        for &language in Language::ALL {
            assert_eq!(serde_json::to_value(language).unwrap(), language.code());
        }
    }

    #[test]
    fn braces_are_filled() {
        let check = |template, values: &[(&str, &str)], text| {
            assert_eq!(fill(template, values), text);
        };
        check("{n} min ago", &[("n", "5")], "5 min ago");
        check("{a}/{b}", &[("a", "1"), ("b", "2")], "1/2");
        check("plain", &[("n", "5")], "plain");
    }
}
