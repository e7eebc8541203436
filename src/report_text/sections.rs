//! A report's text in sections, paragraphs and sentences.

use std::sync::LazyLock;

use regex::Regex;

use super::rules::Rules;
use crate::limits::SENTENCE_BYTES_MAX;

/// A label at the beginning of a line, as `FINDINGS:`.
static LABEL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s*([A-Za-z][A-Za-z /&()-]{1,48}?)\s*:").expect("it is one"));
/// What begins a paragraph of a list.
static BULLET: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s*(?:[-*\u{2022}]|\d{1,2}[.)])\s+").expect("it is one"));

/// The paragraphs of the sections that say what was found, their lines joined.
pub(super) fn found(report: &str, rules: &Rules) -> Vec<String> {
    let mut paragraphs: Vec<String> = Vec::new();
    let mut is_found = true;
    let mut is_open = false;
    for line in report.lines() {
        let label = LABEL.captures(line).map(|found| found[1].trim().to_owned());
        let mut rest = line;
        if let Some(label) = &label {
            let is_other = rules.is_other_section(label);
            if is_other || rules.is_found_section(label) {
                is_found = !is_other;
                rest = &line[LABEL.find(line).map_or(0, |it| it.end())..];
            }
        }
        let bullet = BULLET.find(rest).map(|it| it.end());
        is_open &= label.is_none() && bullet.is_none() && !line.trim().is_empty();
        let text = rest[bullet.unwrap_or_default()..].trim();
        if !is_found || text.is_empty() {
            is_open = false;
            continue;
        }
        match paragraphs.last_mut().filter(|_| is_open) {
            Some(paragraph) => {
                paragraph.push(' ');
                paragraph.push_str(text);
            }
            None => paragraphs.push(text.to_owned()),
        }
        is_open = true;
    }
    paragraphs
}

/// The sentences of a paragraph. A number's point is no end. What is far too long for one is cut: looking for
/// what a negation is about takes time with the square of the length.
pub(super) fn sentences(paragraph: &str) -> impl Iterator<Item = &str> {
    let sentences = paragraph.split_inclusive(". ").flat_map(pieces);
    sentences.map(str::trim).filter(|sentence| !sentence.is_empty())
}

fn pieces(mut sentence: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    while sentence.len() > SENTENCE_BYTES_MAX {
        let (piece, rest) = sentence.split_at(sentence.floor_char_boundary(SENTENCE_BYTES_MAX));
        pieces.push(piece);
        sentence = rest;
    }
    pieces.push(sentence);
    pieces
}
