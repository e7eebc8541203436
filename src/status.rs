//! What the appliance is doing now: written by the daemon on a watch channel, read by display,
//! service manager and console. What is of a patient is [`Phi`] or prints nothing, and is never serialized.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::{DISK_FREE_BYTES_LOW, DISK_FREE_BYTES_STOP};
use crate::phi::Phi;
use crate::reason::Reason;
use crate::units::{CubicCentimeters, Side};

/// A snapshot of the appliance.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Status {
    /// What it is doing.
    pub activity: Activity,
    /// The newest result.
    pub last_result: Option<LastResult>,
    /// Series waiting for the worker.
    pub n_jobs_waiting: u32,
    /// Deliveries not yet received by their destination.
    pub n_deliveries_waiting: u32,
    /// Deliveries that a destination refused for good.
    pub n_deliveries_dead: u32,
    /// Alerts, and what people did about them.
    #[serde(default)]
    pub alerts: Alerts,
    /// Series screened since the database was made.
    pub n_series_screened: u64,
    /// Instances received since start.
    pub n_instances_received: u64,
    /// Open DICOM associations and STOW-RS requests.
    pub n_associations: u32,
    /// Names of the destinations that cannot be reached now.
    #[serde(default)]
    pub destinations_down: Vec<String>,
    /// Names of the destinations that refused something for good.
    #[serde(default)]
    pub destinations_refusing: Vec<String>,
    /// Destinations in the settings.
    #[serde(default)]
    pub n_destinations: u32,
    /// The networks that answer; `None` until they are loaded.
    #[serde(default)]
    pub models: Option<ModelVersions>,
    /// How the modality worklist is; `None` where there is none in the settings.
    #[serde(default)]
    pub worklist: Option<WorklistStatus>,
    /// Instances that the series which arrive will have, as far as scanner and images say.
    #[serde(default)]
    pub n_instances_expected: Option<u32>,
    /// When the analysis under way is likely to end, milliseconds since 1970 UTC: from earlier ones.
    #[serde(default)]
    pub analysis_ends_unix_ms: Option<i64>,
    /// Room for images; `None` until it was looked at.
    #[serde(default)]
    pub disk: Option<Disk>,
    /// Whether times can be believed.
    #[serde(default)]
    pub clock: ClockTrust,
    /// How warm the machine is; `None` where nobody measures it.
    #[serde(default)]
    pub thermal: Option<Thermal>,
    /// Parts of the board that a person should look at: names of lamps that cannot be lit, `button` where it is
    /// stuck or cannot be read.
    #[serde(default)]
    pub parts_failing: Vec<String>,
    /// Whether somebody has a root shell on the consoles: service mode.
    #[serde(default)]
    pub service_mode: bool,
    /// The version that is being installed.
    #[serde(default)]
    pub updating: Option<Updating>,
    /// An update that did not go well, while a person should know.
    #[serde(default)]
    pub update_trouble: Option<UpdateTrouble>,
    /// Names of required checks that the newest self-tests failed: answers may be wrong.
    #[serde(default)]
    pub self_test_failing: Vec<String>,
    /// Whether pictures get up.
    #[serde(default)]
    pub display: DisplayState,
    /// What a person needs to set the appliance up for the first time; `None` once it is.
    #[serde(skip)]
    pub setup: Option<SetupCode>,
    /// What a person needs to have settings or results of a USB stick taken or written; `None` while nobody asks.
    #[serde(skip)]
    pub stick_code: Option<StickCode>,
    /// Whom the images at hand are of, as the settings let it be shown.
    #[serde(skip)]
    pub patients: Patients,
    /// A picture of the newest result, where a mass was outlined and the settings let it be shown.
    #[serde(skip)]
    pub key_slice: Option<Arc<KeySlice>>,
}

/// Alerts as they were at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Alerts {
    /// Those that nobody has acknowledged.
    pub n_open: u32,
    /// The one of them that has waited longest.
    pub oldest: Option<OpenAlert>,
    /// Number of the newest of them: what the button means is what was shown.
    pub newest: Option<i64>,
    /// When the newest result was given, milliseconds since 1970 UTC, where its alert was acknowledged.
    pub acknowledged_result_unix_ms: Option<i64>,
}

/// An alert that nobody has acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAlert {
    /// Since when, milliseconds since 1970 UTC.
    pub opened_unix_ms: i64,
    /// Sides of its answer, right first.
    pub sides: Vec<Side>,
}

/// Room for images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Whether a person should make room.
    pub is_low: bool,
}

impl Disk {
    /// So many bytes.
    #[must_use]
    pub fn new(free_bytes: u64) -> Self {
        Self { free_bytes, is_low: free_bytes < DISK_FREE_BYTES_LOW }
    }

    /// Whether images are refused until there is room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.free_bytes < DISK_FREE_BYTES_STOP
    }
}

/// Whether the machine's clock can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockTrust {
    /// Nothing speaks against it.
    #[default]
    Trusted,
    /// The time service has not heard from a time server since the machine started.
    NotSynchronized,
    /// It shows a time before this program was made.
    Wrong,
}

/// How warm the machine is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Thermal {
    /// The hottest sensor, degrees Celsius.
    pub celsius: f32,
    /// Whether the worker was slowed down to cool it.
    pub throttled: bool,
}

/// A version that is being installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Updating {
    /// Which.
    pub version: String,
    /// What is done with it; `None` where the updater does not say.
    pub step: Option<UpdateStep>,
    /// How much of the step is done.
    pub percent: Option<u8>,
}

impl Updating {
    /// Whether series are screened meanwhile.
    #[must_use]
    pub fn is_screening(&self) -> bool {
        matches!(self.step, Some(UpdateStep::Checking | UpdateStep::Copying))
    }
}

/// Step of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateStep {
    /// Signature and fit. Screening goes on.
    Checking,
    /// Writing it beside the one that runs. Screening goes on.
    Copying,
    /// The machine starts again with it.
    Restarting,
}

/// An update that did not go well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateTrouble {
    /// The version that does not run.
    pub version: String,
    /// What became of it.
    pub verdict: UpdateVerdict,
    /// Why, for a person.
    pub reason: String,
}

/// What became of an update that did not go well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateVerdict {
    /// It ran, did not stand its test, and was undone.
    RolledBack,
    /// It was not installed.
    Refused,
}

impl UpdateTrouble {
    /// The whole of it, beside the version that runs.
    #[must_use]
    pub fn sentence(&self, running: &str) -> String {
        let Self { version, verdict, reason } = self;
        let what = match verdict {
            UpdateVerdict::RolledBack => "undone",
            UpdateVerdict::Refused => "refused",
        };
        format!("update to {version} was {what}: {reason}; {running} is running")
    }
}

/// Whether pictures get up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisplayState {
    /// There is no display, or nothing was shown yet.
    #[default]
    None,
    /// They do.
    Up,
    /// The newest did not.
    Failing,
}

/// What a person needs to set the appliance up for the first time.
#[derive(Clone, PartialEq, Eq)]
pub struct SetupCode {
    /// Address of the pages.
    pub address: String,
    /// To be typed there: it shows that the person stands before the appliance.
    pub code: String,
}

impl std::fmt::Debug for SetupCode {
    /// Not the code: whoever reads a log does not stand before the appliance.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SetupCode({})", self.address)
    }
}

/// The code to be written on a USB stick: it shows that the person stands before the appliance.
#[derive(Clone, PartialEq, Eq)]
pub struct StickCode(pub String);

impl std::fmt::Debug for StickCode {
    /// Not the code, as for [`SetupCode`].
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StickCode")
    }
}

/// Whom images are of: initials or an accession number, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patients {
    /// Those that arrive.
    pub arriving: Option<Phi<String>>,
    /// Those that are screened.
    pub analysed: Option<Phi<String>>,
}

/// A small picture of the largest mass and its outline: a part of an axial plane, in the radiological convention.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySlice {
    /// Pixels a side.
    pub side_px: u32,
    /// Gray values, row by row.
    pub gray: Vec<u8>,
    /// How much of each pixel the outline covers.
    pub outline: Vec<u8>,
}

impl std::fmt::Debug for KeySlice {
    /// Not the pixels: they are a patient's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeySlice({0}x{0})", self.side_px)
    }
}

/// How the modality worklist is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WorklistStatus {
    /// When it answered last, milliseconds since 1970 UTC.
    pub last_success_unix_ms: Option<i64>,
    /// Entries it has.
    pub n_entries: u32,
    /// Why it did not answer since; `None` while it does.
    pub last_error: Option<String>,
}

/// Versions of the two networks, for everything that shows an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersions {
    /// Network that finds the glands.
    pub localizer: String,
    /// Network that outlines a mass.
    pub segmenter: String,
}

/// What the appliance is doing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Activity {
    /// Models are loading, the database is being checked.
    #[default]
    Starting,
    /// Waiting for images.
    Ready,
    /// A series is arriving.
    Receiving {
        /// Instances so far.
        n_instances: u32,
    },
    /// A series is being screened.
    Analysing {
        /// The step it is at.
        stage: Stage,
        /// Slices in the series.
        n_slices: u32,
    },
    /// Finishing what is under way before the end.
    Stopping,
    /// Broken; says what to do.
    Fault {
        /// For the person in front of it.
        message: String,
    },
}

/// Step of the analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Reading the slices.
    Loading,
    /// Averaging to the localizer's grid.
    Resampling,
    /// Looking for the glands.
    Localizing,
    /// Outlining.
    Segmenting,
    /// Measuring and deciding.
    Deciding,
}

/// The newest result, as far as the display needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastResult {
    /// When, milliseconds since 1970 UTC.
    pub finished_unix_ms: i64,
    /// The answer.
    pub outcome: Outcome,
}

/// The answer for a series, in the display's words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum Outcome {
    /// A mass was outlined.
    Flagged {
        /// Sides, right first.
        sides: Vec<Side>,
        /// Volume of the largest kept candidate.
        volume_cm3: CubicCentimeters,
    },
    /// Both glands were screened, nothing found.
    NotFlagged,
    /// It could not be screened.
    NotAssessable {
        /// Why.
        reason: Reason,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_patient_is_printed_or_serialized() {
        let key_slice = KeySlice { side_px: 1, gray: vec![77], outline: vec![88] };
        let patients = Patients { arriving: Some(Phi::new("J. D.".into())), analysed: None };
        let status = Status { patients, key_slice: Some(Arc::new(key_slice)), ..Status::default() };
        let texts = [format!("{status:?}"), serde_json::to_string(&status).unwrap()];
        for text in texts {
            for word in ["J. D.", "77", "88"] {
                assert!(!text.contains(word), "{text}");
            }
        }
        let back: Status = serde_json::from_str(&serde_json::to_string(&status).unwrap()).unwrap();
        assert_eq!((back.key_slice, back.patients), (None, Patients::default()));
    }
}
