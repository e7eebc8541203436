//! The answer for one series, as stored, printed and sent.

use serde::{Deserialize, Serialize};

use crate::imaging::PatientPoint;
use crate::reason::Reason;
use crate::units::{CubicCentimeters, Millimeters, Probability, Side, VoxelCount};

/// Version of the report's JSON.
pub const SCHEMA: &str = "parotidd.report/1";

/// What every output says.
pub const NOT_FOR_DIAGNOSTIC_USE: &str = "not for diagnostic use";

/// One of the three answers. A reason stands beside [`Decision::NotAssessable`], always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// A mass of at least the minimum size was outlined.
    Flagged,
    /// Both glands were screened and nothing of that size was outlined.
    NotFlagged,
    /// It could not be screened; this is never a negative.
    NotAssessable,
}

impl Decision {
    /// The stable snake_case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flagged => "flagged",
            Self::NotFlagged => "not_flagged",
            Self::NotAssessable => "not_assessable",
        }
    }
}

/// What a reader of the report should know about the images, beside the decision. Codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// Pixels were compressed with loss, which no figure of the networks was measured on.
    LossyCompression,
    /// A sender had named instances of the series that did not come.
    InstancesMissing,
}

impl Warning {
    /// The same as a sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::LossyCompression => {
                "The images were compressed with loss; how well such are screened was not measured."
            }
            Self::InstancesMissing => {
                "The scanner named images of this series that did not come; the answer is about the others."
            }
        }
    }
}

/// Everything about one screened series. Holds no patient name or id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScreeningReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of this program.
    pub software_version: String,
    /// [`NOT_FOR_DIAGNOSTIC_USE`].
    pub notice: String,
    /// Study Instance UID (0020,000D).
    pub study_instance_uid: String,
    /// Series Instance UID (0020,000E).
    pub series_instance_uid: String,
    /// Accession Number (0008,0050); empty when the scanner sent none.
    pub accession_number: String,
    /// What answered.
    pub models: Models,
    /// The answer.
    pub decision: Decision,
    /// Why it is not assessable.
    pub reason: Option<Reason>,
    /// What is unusual about the images.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// 0..1, orders series for a ROC curve even where nothing is flagged.
    pub score: f64,
    /// Right, then left. Empty when the series never became a volume.
    pub glands: Vec<GlandReport>,
    /// All candidates of both glands, right first, largest first.
    pub candidates: Vec<CandidateReport>,
    /// Wall time of each step.
    pub timing_ms: Timing,
}

impl ScreeningReport {
    /// The sides whose gland is flagged, right first.
    #[must_use]
    pub fn flagged_sides(&self) -> Vec<Side> {
        let flagged = |side: &Side| {
            self.glands.iter().any(|it| it.side == *side && it.decision == Decision::Flagged)
        };
        Side::BOTH.into_iter().filter(flagged).collect()
    }

    /// The largest candidate that counts towards the decision.
    #[must_use]
    pub fn largest_kept(&self) -> Option<&CandidateReport> {
        self.candidates.iter().filter(|it| it.kept).max_by_key(|it| it.voxels)
    }
}

/// The versions that answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Models {
    /// Network that finds the glands.
    pub localizer: ModelIdentity,
    /// Network that outlines a mass.
    pub segmenter: ModelIdentity,
    /// The rule that turns outlines into an answer.
    pub decision: DecisionIdentity,
}

/// One network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the ONNX file, lower-case hex.
    pub sha256: String,
}

/// The decision rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionIdentity {
    /// Its version.
    pub version: String,
    /// `size`: the size threshold alone; `svm`: candidates pass a support vector machine first.
    pub rule: String,
    /// Gamma of the RBF support vector machine; of no effect while `rule` is `size`.
    pub gamma: f64,
    /// Smallest mass that flags, voxels of the 1 mm grid.
    pub tumor_voxels_min: VoxelCount,
}

/// Whether a gland was screened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GlandState {
    /// It was found whole, and screened.
    Assessed,
    /// It was not; `reason` says why.
    NotAssessable,
}

/// One gland.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GlandReport {
    /// The patient's side.
    pub side: Side,
    /// Whether it was screened.
    pub state: GlandState,
    /// Why not.
    pub reason: Option<Reason>,
    /// Centre of the gland, LPS mm; `None` where none was found.
    pub center_mm: Option<PatientPoint>,
    /// Largest value of the localizer's heatmap on that side.
    pub heatmap_peak: Probability,
    /// The answer for this gland.
    pub decision: Decision,
    /// As the series' score, for this gland; 0 where it was not screened.
    pub score: f64,
}

/// One connected component of the segmenter's outline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateReport {
    /// The patient's side.
    pub side: Side,
    /// Size on the segmenter's 1 mm grid.
    pub voxels: VoxelCount,
    /// The same as a volume.
    pub volume_cm3: CubicCentimeters,
    /// Largest distance between two of its voxels' outer faces, in three dimensions.
    pub longest_diameter_mm: Millimeters,
    /// Centre, LPS mm.
    pub center_mm: PatientPoint,
    /// Mean attenuation inside, HU.
    pub mean_hu: f64,
    /// 0..1.
    pub score: f64,
    /// Whether it counts towards the decision.
    pub kept: bool,
}

/// Wall time of each step, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the steps")]
pub struct Timing {
    pub load: u64,
    pub resample: u64,
    pub localize: u64,
    pub segment: u64,
    pub decide: u64,
    pub total: u64,
}
