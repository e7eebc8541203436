//! Whether a radiologist's report mentions a mass in a parotid gland, and on which side. Pure.
//!
//! ```text
//!  report -> sections that say what was found -> sentences -> clauses -> a gland and a mass, not taken back
//! ```
//! Rules are data (`english.toml`): regular expressions for glands, masses, negations and the like. They are for lists
//! that a person looks through, and decide nothing about a patient.

mod rules;
mod sections;

use serde::Serialize;

use self::rules::Rules;
use crate::phi::Phi;

/// Where a report says that a mass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MentionedSide {
    /// The patient's right gland.
    Right,
    /// The patient's left gland.
    Left,
    /// Both.
    Both,
    /// It does not say.
    Unspecified,
}

impl MentionedSide {
    /// Of two mentions together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unspecified, side) | (side, Self::Unspecified) => side,
            (one, another) if one == another => one,
            _ => Self::Both,
        }
    }
}

/// A sentence that mentions a mass, or may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// On which side.
    pub side: MentionedSide,
    /// The sentence.
    pub sentence: Phi<String>,
}

/// Reads reports in English.
#[derive(Debug)]
pub struct ReportReader(Rules);

impl ReportReader {
    /// With the rules inside the program.
    ///
    /// # Panics
    /// Never: a test reads them.
    #[must_use]
    pub fn english() -> Self {
        Self(Rules::parse(include_str!("english.toml")).expect("the rules inside are whole"))
    }

    /// The sentences of a report that mention a mass in a parotid gland, in their order. What was asked for, how it
    /// was examined and what was known before is no finding; without headers all of it is.
    #[must_use]
    pub fn read(&self, report: &str) -> Vec<Mention> {
        let found = sections::found(report, &self.0);
        let sentences = found.iter().flat_map(|paragraph| sections::sentences(paragraph));
        sentences
            .filter_map(|sentence| {
                let side = self.0.mention(sentence)?;
                Some(Mention { side, sentence: Phi::new(sentence.to_owned()) })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(mentions: &[Mention]) -> String {
        let side = mentions.iter().map(|it| it.side).reduce(MentionedSide::and);
        let side = side.map(|it| serde_json::to_value(it).unwrap());
        side.map_or("none".to_owned(), |side| side.as_str().unwrap().to_owned())
    }

    /// The labelled sentences of a file that are read otherwise.
    fn misread(file: &str) -> (Vec<String>, usize) {
        let reader = ReportReader::english();
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/report_text");
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let lines: Vec<_> = text.lines().skip(1).filter_map(|line| line.split_once('\t')).collect();
        let wrong = lines.iter().filter_map(|(label, sentence)| {
            let got = side(&reader.read(sentence));
            (got != *label).then(|| format!("{label}, not {got}: {sentence}"))
        });
        (wrong.collect(), lines.len())
    }

    #[test]
    fn sentences_that_the_rules_were_made_for() {
        let (wrong, n) = misread("sentences.tsv");
        assert!(n >= 150, "{n}");
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// By someone who knew neither the rules nor the other sentences. Read for the first time 84 of 100 were right, 92 as
    /// to whether there is a mass; then the rules were mended.
    #[test]
    fn sentences_by_another_hand() {
        let (wrong, n) = misread("second_hand.tsv");
        assert_eq!(n, 100);
        assert!(wrong.len() <= 4, "{wrong:#?}");
        assert!(!wrong.iter().any(|it| it.starts_with("none")), "{wrong:#?}");
    }

    /// Written likewise after that, and read once: 90 of 100 right, 92 as to whether there is a mass (5 mentions that are
    /// none, 3 missed). The rules were not mended for these, so that the figure says something.
    #[test]
    fn sentences_that_no_rule_was_mended_for() {
        let (wrong, n) = misread("third_hand.tsv");
        assert_eq!(n, 100);
        assert!(wrong.len() <= 10, "{wrong:#?}");
    }

    const REPORT: &str = "CT NECK WITH CONTRAST\n\
        CLINICAL HISTORY: Palpable left parotid mass.\n\
        TECHNIQUE: Axial images through the parotid glands.\n\
        COMPARISON: 2019, when a right parotid nodule was\n described.\n\
        FINDINGS: The aerodigestive tract is normal.\n\
        Parotid glands: The right gland is normal. In the left superficial lobe there\n\
        is a 2.3 cm enhancing mass of the parotid.\n\n\
        - No adenopathy.\n\
        IMPRESSION:\n\
        1. 2.3 cm left parotid mass, probably a pleomorphic adenoma.\n\
        2. No adenopathy.\n";

    #[test]
    fn a_report_is_read_where_it_says_what_was_found() {
        let mentions = ReportReader::english().read(REPORT);
        assert_eq!(
            mentions.len(),
            2,
            "{:?}",
            mentions.iter().map(|it| it.sentence.expose()).collect::<Vec<_>>()
        );
        assert!(mentions.iter().all(|it| it.side == MentionedSide::Left));
        let asked_only = REPORT.split("FINDINGS").next().unwrap();
        assert!(ReportReader::english().read(asked_only).is_empty());
    }

    #[test]
    fn any_text_is_survived() {
        let reader = ReportReader::english();
        for text in [
            "",
            ":",
            "\n\n",
            "parotid",
            "mass",
            ".",
            "FINDINGS:",
            "\u{e9}: parotid\u{301} mass\u{fffd}",
        ] {
            let _ = reader.read(text);
        }
        let long = "no parotid mass, ".repeat(20_000);
        // In pieces; where one is cut, a negation may be lost.
        assert!(reader.read(&long).len() < 1 + long.len() / 1024);
    }
}
