//! The golden case: images that are part of the program, and the answer that its models gave when they were released.
//!
//! The images are stored, not drawn: drawing takes sines and exponentials of the machine's library, which may differ in
//! the last digit from machine to machine. What answers uses none of these.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::cli::screen::series_identity;
use crate::clock::SystemClock;
use crate::dicom::attributes::PatientStudy;
use crate::dicom::ct_series_writer::{CtEncoding, CtSeriesHeader, write_ct_series};
use crate::dicom::uid::derived_uid;
use crate::imaging::{Geometry, PatientPoint, Volume};
use crate::intake::scan::scan;
use crate::limits::GOLDEN_BYTES_MAX;
use crate::phi::Phi;
use crate::screening::report::Timing;
use crate::screening::{Screener, ScreeningReport};
use crate::units::Hounsfield;
use crate::worker::series::Analysis;

/// Name of the answer beside the models.
pub(in crate::cli) const ANSWER_FILE: &str = "golden.json";
/// Name of the images.
pub(in crate::cli) const IMAGES_FILE: &str = "golden.ct.gz";
const IMAGES: &[u8] = include_bytes!("../../../models/golden.ct.gz");
const ANSWER: &str = include_str!("../../../models/golden.json");
const SCHEMA: &str = "parotidd.golden/1";

/// First line of the images' file; the voxels follow as 16-bit integers, least byte first.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Grid {
    pub(in crate::cli) shape: [usize; 3],
    pub(in crate::cli) spacing_mm: [f64; 3],
    pub(in crate::cli) origin_mm: [f64; 3],
}

/// The images.
pub(in crate::cli) struct Case {
    volume: Volume<Hounsfield>,
    sha256: String,
}

impl Case {
    /// The images that are part of the program.
    pub(in crate::cli) fn shipped() -> Result<Self> {
        Self::read(IMAGES).context("the images of the golden case are damaged: install again")
    }

    /// Images out of their file.
    pub(in crate::cli) fn read(file: &[u8]) -> Result<Self> {
        let mut bytes = Vec::new();
        GzDecoder::new(file).take(GOLDEN_BYTES_MAX).read_to_end(&mut bytes)?;
        let end = bytes.iter().position(|&byte| byte == b'\n').context("no first line")?;
        let Grid { shape, spacing_mm, origin_mm: [x, y, z] } =
            serde_json::from_slice(&bytes[..end])?;
        let geometry = Geometry::axis_aligned(PatientPoint::new(x, y, z), spacing_mm, shape)
            .context("the first line is no grid")?;
        let voxels = bytes[end + 1..]
            .chunks_exact(2)
            .map(|pair| Hounsfield(i16::from_le_bytes([pair[0], pair[1]])))
            .collect();
        let volume = Volume::new(geometry, voxels).context("another number of voxels")?;
        // Of what is compressed: how well depends on the library.
        let sha256 = format!("{:x}", Sha256::digest(&bytes));
        Ok(Self { volume, sha256 })
    }

    /// Writes them as a series into a new folder.
    pub(in crate::cli) fn write(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("could not create `{}`", folder.display()))?;
        Ok(write_ct_series(folder, &self.volume, &header())?)
    }

    /// Screens its files.
    pub(in crate::cli) fn answer(&self, screener: &Screener, files: &[PathBuf]) -> Result<Answer> {
        let (uid, images) = scan(files).series.pop_first().context("the images were not found")?;
        let clock = SystemClock::new();
        let analysis = Analysis { screener, clock: &clock, on_stage: &|_| {}, ahead: None };
        let report = analysis.screen(&series_identity(&uid, &images), images, &[])?;
        let ms = report.timing_ms.total;
        // Neither is of the answer: the same models answer the same in any version of the program.
        let (timing_ms, software_version) = (Timing::default(), String::new());
        let report = ScreeningReport { timing_ms, software_version, ..report };
        let golden =
            Golden { schema: SCHEMA.to_owned(), images_sha256: self.sha256.clone(), report };
        Ok(Answer { golden, ms })
    }
}

fn header() -> CtSeriesHeader {
    let uid = |what: &str| derived_uid(&["parotidd golden case", what]);
    let valid = "derived UIDs are valid";
    CtSeriesHeader {
        patient_study: PatientStudy {
            patient_name: Phi::new("GOLDEN^CASE".into()),
            patient_id: Phi::new("GOLDEN".into()),
            sex: Phi::new("O".into()),
            study_date: Phi::new("20260101".into()),
            study_time: Phi::new("120000".into()),
            accession_number: Phi::new("GOLDEN".into()),
            ..PatientStudy::default()
        },
        patient_age: String::new(),
        study_instance_uid: uid("study").parse().expect(valid),
        series_instance_uid: uid("series").parse().expect(valid),
        frame_of_reference_uid: uid("frame of reference").parse().expect(valid),
        series_number: 1,
        series_description: "golden case".into(),
        series_date: "20260101".into(),
        series_time: "120000".into(),
        body_part: "HEADNECK".into(),
        manufacturer: "parotidd".into(),
        model_name: "phantom".into(),
        kernel: String::new(),
        kvp: 120.0,
        slice_thickness_mm: 2.5,
        encoding: CtEncoding::default(),
    }
}

/// The answer's file. `report.models` says whose it is.
#[derive(Debug, Serialize, Deserialize)]
struct Golden {
    schema: String,
    images_sha256: String,
    report: ScreeningReport,
}

/// An answer of now.
pub(in crate::cli) struct Answer {
    golden: Golden,
    ms: u64,
}

impl Answer {
    /// As its file has it.
    pub(in crate::cli) fn text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(&self.golden)? + "\n")
    }

    /// For a person.
    pub(in crate::cli) fn line(&self) -> String {
        let report = &self.golden.report;
        let sides: String = report.flagged_sides().iter().map(|side| format!(" {side}")).collect();
        let (decision, score) = (report.decision.as_str(), report.score);
        format!("{decision}{sides}, score {score:.3}, {} ms", self.ms)
    }

    /// Whether `known` is the same, to the last bit.
    pub(super) fn compare(&self, known: &str) -> Result<()> {
        let text = self.text()?;
        let [was, is] = [known, text.as_str()].map(serde_json::from_str::<Value>);
        let was = was.with_context(|| format!("`{ANSWER_FILE}` cannot be understood"))?;
        let is = is?;
        let again = "`parotidd golden` writes it";
        ensure!(
            was["images_sha256"] == is["images_sha256"],
            "`{ANSWER_FILE}` is the answer to other images; {again}"
        );
        ensure!(
            was["report"]["models"] == is["report"]["models"],
            "there is no golden answer for these models: `{ANSWER_FILE}` is of others; {again}"
        );
        if let Some((place, was, is)) = difference("", &was, &is) {
            bail!("another answer than when the models were released: {place} is {is}, was {was}");
        }
        ensure!(
            known == text,
            "another answer than when the models were released, in the last digits"
        );
        Ok(())
    }
}

/// The first place at which two values differ.
fn difference(place: &str, was: &Value, is: &Value) -> Option<(String, String, String)> {
    match (was, is) {
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            a.iter().find_map(|(key, a)| {
                difference(&format!("{place}/{key}"), a, b.get(key).unwrap_or(&Value::Null))
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.into_iter().find_map(|(n, (a, b))| difference(&format!("{place}/{n}"), a, b))
        }
        _ => (was != is).then(|| (place.to_owned(), was.to_string(), is.to_string())),
    }
}

/// The answer that came with the models.
pub(super) fn known(models_dir: Option<&Path>) -> Result<String> {
    let Some(dir) = models_dir else { return Ok(ANSWER.to_owned()) };
    let path = dir.join(ANSWER_FILE);
    std::fs::read_to_string(&path).with_context(|| {
        format!(
            "there is no golden answer for these models: could not read `{}`; `parotidd golden` writes it",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::Models;
    use crate::screening::{Decision, DecisionPolicy};

    #[test]
    fn the_golden_case_is_answered_as_released() {
        let folder = tempfile::tempdir().unwrap();
        let case = Case::shipped().unwrap();
        let files = case.write(folder.path()).unwrap();
        let screener = Screener::new(Models::embedded().unwrap(), DecisionPolicy::embedded());
        let answer = case.answer(&screener, &files).unwrap();
        // It would see little if it had nothing to see.
        assert_eq!(answer.golden.report.decision, Decision::Flagged);
        assert!(!answer.golden.report.candidates.is_empty());
        answer.compare(ANSWER).unwrap();

        let says = |known: &str| answer.compare(known).unwrap_err().to_string();
        let sha256 = &answer.golden.report.models.segmenter.sha256;
        assert!(says(&ANSWER.replace(sha256, "0")).contains("no golden answer for these models"));
        assert!(says(&ANSWER.replace(&case.sha256, "0")).contains("other images"));
        let score = serde_json::to_string(&answer.golden.report.score).unwrap();
        let other = says(&ANSWER.replacen(&score, "0.25", 1));
        assert!(other.contains("/report/score is 0.9") && other.ends_with("was 0.25"), "{other}");
        assert!(says("?").contains("understood"));
    }

    #[test]
    fn the_first_difference_is_named() {
        let [a, b] = [2, 3].map(|n| serde_json::json!({"a": [1, n]}));
        assert_eq!(difference("", &a, &a), None);
        assert_eq!(difference("", &a, &b), Some(("/a/1".into(), "2".into(), "3".into())));
        let empty = serde_json::json!({});
        assert_eq!(difference("", &a, &empty), Some((String::new(), a.to_string(), "{}".into())));
    }

    #[test]
    fn damaged_images_are_seen() {
        assert!(Case::read(&IMAGES[..IMAGES.len() / 2]).is_err());
        assert!(Case::read(b"nothing").is_err());
    }
}
