//! What an OBX segment is about (OBX-3): a part of the report, or something else.

use crate::hl7::read::Segment;

/// A part of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    History,
    Technique,
    Comparison,
    Findings,
    Impression,
    Recommendation,
    Addendum,
}

impl Section {
    /// The line that begins it. Readers of reports know these.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::History => "HISTORY",
            Self::Technique => "TECHNIQUE",
            Self::Comparison => "COMPARISON",
            Self::Findings => "FINDINGS",
            Self::Impression => "IMPRESSION",
            Self::Recommendation => "RECOMMENDATION",
            Self::Addendum => "ADDENDUM",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concept {
    /// Of the report; of which part of it, where that is said.
    Report(Option<Section>),
    /// The study's UID.
    StudyInstanceUid,
    /// Neither.
    Other,
}

/// Suffixes of observation identifiers (7.1.4, table of suffixes), also alone.
const SUFFIXES: [(&str, Concept); 11] = [
    ("GDT", Concept::Report(Some(Section::Findings))),
    ("MDT", Concept::Report(Some(Section::Findings))),
    ("IMP", Concept::Report(Some(Section::Impression))),
    ("REC", Concept::Report(Some(Section::Recommendation))),
    ("ADT", Concept::Report(Some(Section::Addendum))),
    // Site, medication, device, its serial number, procedures to confirm, technician's comment.
    ("ANT", Concept::Other),
    ("MED", Concept::Other),
    ("DEV", Concept::Other),
    ("SER", Concept::Other),
    ("CNP", Concept::Other),
    ("TCM", Concept::Other),
];

/// Codes of LOINC and DICOM.
const CODES: [(&str, Concept); 22] = [
    ("113014", Concept::StudyInstanceUid),
    ("110180", Concept::StudyInstanceUid),
    ("0020000D", Concept::StudyInstanceUid),
    ("59776-5", Concept::Report(Some(Section::Findings))),
    ("18782-3", Concept::Report(Some(Section::Findings))),
    ("121070", Concept::Report(Some(Section::Findings))),
    ("121071", Concept::Report(Some(Section::Findings))),
    ("19005-8", Concept::Report(Some(Section::Impression))),
    ("55110-1", Concept::Report(Some(Section::Impression))),
    ("121072", Concept::Report(Some(Section::Impression))),
    ("121073", Concept::Report(Some(Section::Impression))),
    ("121076", Concept::Report(Some(Section::Impression))),
    ("121077", Concept::Report(Some(Section::Impression))),
    ("18783-1", Concept::Report(Some(Section::Recommendation))),
    ("121074", Concept::Report(Some(Section::Recommendation))),
    ("55107-7", Concept::Report(Some(Section::Addendum))),
    ("18785-6", Concept::Report(Some(Section::History))),
    ("11329-0", Concept::Report(Some(Section::History))),
    ("121060", Concept::Report(Some(Section::History))),
    ("55111-9", Concept::Report(Some(Section::Technique))),
    ("18834-2", Concept::Report(Some(Section::Comparison))),
    ("55114-3", Concept::Report(Some(Section::Comparison))),
];

/// Words in an identifier's text, of which the first that stands there counts. What says what was found comes
/// first: under a heading that is taken for the history, a finding would not be read.
const WORDS: [(&str, Concept); 20] = [
    ("study instance uid", Concept::StudyInstanceUid),
    ("studyinstanceuid", Concept::StudyInstanceUid),
    ("dicom study", Concept::StudyInstanceUid),
    ("instance uid", Concept::Other),
    ("accession", Concept::Other),
    ("hyperlink", Concept::Other),
    ("url", Concept::Other),
    ("technologist", Concept::Other),
    ("transcriptionist", Concept::Other),
    ("impression", Concept::Report(Some(Section::Impression))),
    ("conclusion", Concept::Report(Some(Section::Impression))),
    ("finding", Concept::Report(Some(Section::Findings))),
    ("addendum", Concept::Report(Some(Section::Addendum))),
    ("recommendation", Concept::Report(Some(Section::Recommendation))),
    ("history", Concept::Report(Some(Section::History))),
    ("indication", Concept::Report(Some(Section::History))),
    ("reason for", Concept::Report(Some(Section::History))),
    ("clinical information", Concept::Report(Some(Section::History))),
    ("technique", Concept::Report(Some(Section::Technique))),
    ("comparison", Concept::Report(Some(Section::Comparison))),
];

impl Concept {
    /// By the code or its suffix, else by what the identifier says in words.
    pub(super) fn of(obx: &Segment<'_>) -> Self {
        let Some(identifier) = obx.repetitions(3).next() else { return Self::Report(None) };
        let code = identifier.component(1).to_ascii_uppercase();
        let suffix = match identifier.subcomponent(1, 2) {
            suffix if suffix.is_empty() => code.clone(),
            suffix => suffix.to_ascii_uppercase(),
        };
        let plain: String = code.chars().filter(|c| !"(),".contains(*c)).collect();
        let by_code = find(&SUFFIXES, |it| it == suffix).or_else(|| find(&CODES, |it| it == plain));
        let words = [identifier.component(2), identifier.component(5), code];
        let words = words.iter().map(|text| text.to_lowercase());
        let by_words = words.into_iter().find_map(|text| find(&WORDS, |it| has_word(&text, it)));
        // A code of DICOM's that is none of a report's parts is a measurement or the like.
        let is_dicom = identifier.component(3).eq_ignore_ascii_case("DCM");
        let otherwise = if is_dicom { Self::Other } else { Self::Report(None) };
        by_code.or(by_words).unwrap_or(otherwise)
    }
}

fn find(table: &[(&str, Concept)], is_it: impl Fn(&str) -> bool) -> Option<Concept> {
    table.iter().find(|(key, _)| is_it(key)).map(|(_, concept)| *concept)
}

/// Whether a word begins there.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| !text[..at].ends_with(char::is_alphanumeric))
}
