//! Every word the display can show, read from `strings.toml`: one table a language.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

const FILE: &str = include_str!("strings.toml");

static TEXTS: LazyLock<BTreeMap<Language, Texts>> =
    LazyLock::new(|| toml::from_str(FILE).expect("`strings.toml` is read whole by a test"));

/// A language of the display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
}

impl Language {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::En];

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
        }

        impl Texts {
            /// Every name with its words, for tests and translators.
            #[must_use]
            pub fn all(&self) -> Vec<(&'static str, &str)> {
                vec![$((stringify!($name), self.$name.as_str()),)+]
            }
        }
    };
}

texts! {
    not_for_diagnostic_use versions versions_loading
    starting starting_lead starting_detail
    ready ready_lead last_result last_result_none
    receiving receiving_lead
    analysing analysing_detail stage_loading stage_localizing stage_segmenting stage_deciding
    step_loading step_localizing step_segmenting step_deciding
    flagged flagged_right flagged_left flagged_both volume volume_largest flagged_detail
    not_flagged not_flagged_lead not_flagged_detail
    not_assessable not_assessable_detail
    undelivered undelivered_down undelivered_dead undelivered_detail_down undelivered_detail_dead
    stopping stopping_lead stopping_detail stopped stopped_lead stopped_detail
    fault fault_detail
    figure_screened figure_queue figure_deliveries figure_images figure_connections figure_refused
    notice_flagged notice_down notice_dead
    outcome_flagged outcome_not_flagged outcome_not_assessable
    side_right side_left side_both mark_right mark_left
    age_now age_minutes age_hours age_days
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
    fn every_language_has_every_text() {
        for language in Language::ALL {
            for (name, text) in language.texts().all() {
                assert!(!text.trim().is_empty(), "{language:?} {name}");
            }
        }
        assert_eq!(TEXTS.len(), Language::ALL.len());
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
