//! The text of a report: one OBX for all of it, one for each section, or one for each line.

use super::NotAReport;
use super::concept::{Concept, Section};
use super::identifiers::is_uid;
use super::status;
use crate::hl7::read::{Message, Segment};
use crate::limits::REPORT_TEXT_BYTES_MAX;

/// What there is to read.
#[derive(Default)]
pub(super) struct Body {
    pub(super) text: String,
    /// Documents that are not read.
    pub(super) n_documents: usize,
    section: Option<Section>,
}

/// What stands after a section, where the message does not say that it belongs to another.
const NO_SECTION: &str = "REPORT";

pub(super) fn body(message: &Message) -> Result<Body, NotAReport> {
    let mut body = Body::default();
    for obx in message.segments().filter(|it| it.name() == "OBX") {
        if !status::is_read(&obx.value(11, 1)) {
            continue;
        }
        let value = match obx.value(2, 1).to_ascii_uppercase().as_str() {
            "TX" | "FT" | "ST" | "" => texts(&obx),
            "CE" | "CWE" | "CNE" => coded(&obx),
            "ED" => {
                body.n_documents += 1;
                continue;
            }
            _ => continue,
        };
        // Some put a whole RTF document into a text.
        if value.trim_start().starts_with("{\\rtf") {
            body.n_documents += 1;
        } else if let Concept::Report(section) = Concept::of(&obx)
            && !is_uid(value.trim())
        {
            body.add(section, &value)?;
        }
    }
    if body.text.trim().is_empty() {
        for note in message.segments().filter(|it| it.name() == "NTE") {
            body.add(None, &repetitions(&note, 3))?;
        }
    }
    body.text.truncate(body.text.trim_end().len());
    Ok(body)
}

/// All repetitions are lines. What looks like components is text: nobody escapes each `&`.
fn texts(obx: &Segment<'_>) -> String {
    repetitions(obx, 5)
}

fn repetitions(segment: &Segment<'_>, field: usize) -> String {
    let lines: Vec<_> =
        segment.repetitions(field).map(|it| it.text().trim_end().to_owned()).collect();
    lines.join("\n")
}

/// What was written, else what the code means (2.A.13 CWE).
fn coded(obx: &Segment<'_>) -> String {
    let meanings = obx.repetitions(5).map(|it| {
        let texts = [9, 2, 5].map(|n| it.component(n));
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    });
    let meanings: Vec<_> = meanings.filter(|it| !it.is_empty()).collect();
    meanings.join("\n")
}

impl Body {
    fn add(&mut self, section: Option<Section>, value: &str) -> Result<(), NotAReport> {
        let is_blank = value.trim().is_empty();
        // An empty line is one between paragraphs, but there is none before the first.
        if is_blank && self.text.is_empty() {
            return Ok(());
        }
        if section != self.section && !is_blank {
            let heading = section.map_or(NO_SECTION, Section::heading);
            let start = value.trim_start().get(..heading.len()).unwrap_or_default();
            if !start.eq_ignore_ascii_case(heading) {
                self.text.push_str(heading);
                self.text.push_str(":\n");
            }
            self.section = section;
        }
        self.text.push_str(value.trim_end());
        self.text.push('\n');
        let is_too_long = u64::try_from(self.text.len()).is_ok_and(|n| n > REPORT_TEXT_BYTES_MAX);
        if is_too_long { Err(NotAReport::TooLong) } else { Ok(()) }
    }
}
