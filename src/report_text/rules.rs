//! The rules of a language, from data to regular expressions, and how they are applied to a sentence.

use std::ops::Range;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::MentionedSide;

/// As it stands in the file, which says what each list is for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    other_sections: Vec<String>,
    found_sections: Vec<String>,
    gland: Vec<String>,
    mass: Vec<String>,
    no_mass: Vec<String>,
    clause: Vec<String>,
    not_negated: Vec<String>,
    negated_before: Vec<String>,
    negated_after: Vec<String>,
    begins_anew: Vec<String>,
    elsewhere: Vec<String>,
    well: Vec<String>,
    right: Vec<String>,
    left: Vec<String>,
    both: Vec<String>,
}

/// Rules that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum RulesError {
    #[error("could not read the rules")]
    Parse(#[from] toml::de::Error),
    #[error("a rule is no regular expression")]
    Expression(#[from] regex::Error),
}

#[derive(Debug)]
pub(super) struct Rules {
    other_section: Regex,
    found_section: Regex,
    gland: Regex,
    mass: Regex,
    taken_out: Regex,
    clause: Regex,
    negated_before: Regex,
    negated_after: Regex,
    begins_anew: Regex,
    elsewhere: Regex,
    well: Regex,
    right: Regex,
    left: Regex,
    both: Regex,
}

fn expression(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).case_insensitive(true).build()
}

/// Any of these, as whole words.
fn words(list: &[String]) -> Result<Regex, regex::Error> {
    expression(&format!(r"\b(?:{})\b", list.join("|")))
}

impl Rules {
    pub(super) fn parse(text: &str) -> Result<Self, RulesError> {
        let written: Written = toml::from_str(text)?;
        let whole = |list: &[String]| expression(&format!("^(?:{})$", list.join("|")));
        Ok(Self {
            other_section: whole(&written.other_sections)?,
            found_section: whole(&written.found_sections)?,
            gland: words(&written.gland)?,
            mass: words(&written.mass)?,
            taken_out: words(&[written.not_negated, written.no_mass].concat())?,
            clause: expression(&format!("(?:{})", written.clause.join("|")))?,
            negated_before: words(&written.negated_before)?,
            negated_after: words(&written.negated_after)?,
            begins_anew: expression(&format!(r"^\s*(?:{})", written.begins_anew.join("|")))?,
            elsewhere: words(&written.elsewhere)?,
            well: words(&written.well)?,
            right: words(&written.right)?,
            left: words(&written.left)?,
            both: words(&written.both)?,
        })
    }

    pub(super) fn is_other_section(&self, label: &str) -> bool {
        self.other_section.is_match(label)
    }

    pub(super) fn is_found_section(&self, label: &str) -> bool {
        self.found_section.is_match(label)
    }

    /// Where a sentence says that there is a mass in a gland, or may be one.
    pub(super) fn mention(&self, sentence: &str) -> Option<MentionedSide> {
        let sentence = self.taken_out.replace_all(sentence, " ");
        let clauses = self.clause.split(&sentence);
        clauses.filter_map(|clause| self.in_clause(clause)).reduce(MentionedSide::and)
    }

    fn in_clause(&self, clause: &str) -> Option<MentionedSide> {
        let range = |it: regex::Match<'_>| it.range();
        let glands: Vec<_> = self.gland.find_iter(clause).map(range).collect();
        let masses = self.mass.find_iter(clause).map(range);
        let masses: Vec<_> =
            masses.filter(|mass| !glands.is_empty() && !self.is_negated(clause, mass)).collect();
        let has_mass = |gland: &&Range<usize>| {
            masses.iter().any(|mass| {
                !self.is_elsewhere(clause, mass, gland) && !self.is_well(clause, mass, gland)
            })
        };
        let sides = glands.iter().filter(has_mass).map(|gland| self.side(clause, gland));
        sides.reduce(MentionedSide::and)
    }

    /// A negation before the mass, unless a later part of the clause begins anew; or one after it.
    fn is_negated(&self, clause: &str, mass: &Range<usize>) -> bool {
        let before = &clause[..mass.start];
        let is_before = self.negated_before.find_iter(before).last().is_some_and(|cue| {
            let scope = &before[cue.end()..];
            let mut parts = scope.match_indices(',').map(|(comma, _)| &scope[comma + 1..]);
            !parts.any(|part| self.begins_anew.is_match(part))
        });
        is_before || self.negated_after.is_match(&clause[mass.end..])
    }

    /// A gland that only says where the mass before it is not.
    fn is_elsewhere(&self, clause: &str, mass: &Range<usize>, gland: &Range<usize>) -> bool {
        gland.start > mass.end && self.elsewhere.is_match(&clause[mass.end..gland.start])
    }

    /// A gland in another part of the clause than the mass, which says that the gland is well.
    fn is_well(&self, clause: &str, mass: &Range<usize>, gland: &Range<usize>) -> bool {
        let start = clause[..gland.start].rfind(',').map_or(0, |comma| comma + 1);
        let end = clause[gland.end..].find(',').map_or(clause.len(), |comma| gland.end + comma);
        !(start..end).contains(&mass.start) && self.well.is_match(&clause[start..end])
    }

    /// Of two sides the one that stands nearest before the gland.
    fn side(&self, clause: &str, gland: &Range<usize>) -> MentionedSide {
        let before =
            |side: &Regex| side.find_iter(&clause[..gland.start]).last().map(|found| found.range());
        if self.both.is_match(clause) {
            return MentionedSide::Both;
        }
        match (self.right.is_match(clause), self.left.is_match(clause)) {
            (false, false) => MentionedSide::Unspecified,
            (true, false) => MentionedSide::Right,
            (false, true) => MentionedSide::Left,
            (true, true) => match (before(&self.right), before(&self.left)) {
                (Some(right), Some(left)) if are_joined(clause, &right, &left) => {
                    MentionedSide::Both
                }
                (Some(right), Some(left)) if right.start > left.start => MentionedSide::Right,
                (Some(_), None) => MentionedSide::Right,
                _ => MentionedSide::Left,
            },
        }
    }
}

/// `right and left`, or the other way round.
fn are_joined(clause: &str, a: &Range<usize>, b: &Range<usize>) -> bool {
    let between = a.end.min(b.end)..a.start.max(b.start);
    clause.get(between).is_some_and(|text| matches!(text.trim(), "and" | "&" | "/"))
}
