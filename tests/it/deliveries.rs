//! Messages to other systems and to people, sent by the outbox to servers on other people's libraries.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parotidd::delivery::Destination;
use parotidd::delivery::links::Links;
use parotidd::delivery::policy::AlertSettings;
use parotidd::delivery::routing::Rules;
use parotidd::imaging::PatientPoint;
use parotidd::phi::Phi;
use parotidd::screening::report::{CandidateReport, Decision, ScreeningReport};
use parotidd::units::{CubicCentimeters, Millimeters, Side, VoxelCount};

use crate::appliance::report;

mod email;
mod fhir;
mod webhook;

/// Time for one attempt: a server in Python on a busy machine needs some.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Less than the receivers' tolerance for the time of a message.
const STEP: Duration = Duration::from_secs(2);

/// One destination, as the settings have it.
fn destination(kind: &str, settings: &str) -> Destination {
    let text = format!("name = 'peer'\nkind = '{kind}'\n{settings}");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Rules with links to acknowledge alerts by; `folder` is where their key is kept.
fn rules(destination: Destination, folder: &Path, alerts: AlertSettings) -> Arc<Rules> {
    let links = Links::open("https://box.example", &folder.join("links.key")).unwrap();
    let policy = alerts.policy(Some(links)).unwrap();
    Arc::new(Rules { destinations: [destination].into(), policy })
}

/// A file with a secret.
fn secret(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    crate::certificates::set_mode(&path, 0o600);
    path
}

/// A mass that counts.
fn mass(side: Side, voxels: u32) -> CandidateReport {
    CandidateReport {
        side,
        voxels: VoxelCount(voxels),
        volume_cm3: VoxelCount(voxels).to_cubic_centimeters(),
        longest_diameter_mm: Millimeters(24.13),
        center_mm: PatientPoint::default(),
        mean_hu: 52.04,
        score: 0.9712,
        kept: true,
    }
}

/// Flagged with these masses, and one candidate that does not count.
fn flagged(masses: &[CandidateReport]) -> ScreeningReport {
    let mut flagged = report("flagged");
    for gland in &mut flagged.glands {
        let has_one = masses.iter().any(|it| it.side == gland.side);
        gland.decision = if has_one { Decision::Flagged } else { Decision::NotFlagged };
    }
    flagged.score = masses.iter().map(|it| it.score).fold(0.0, f64::max);
    flagged.candidates = masses.to_vec();
    let volume_cm3 = CubicCentimeters(0.1);
    flagged.candidates.push(CandidateReport { kept: false, volume_cm3, ..mass(Side::Right, 100) });
    flagged
}

fn phi(text: &str) -> Phi<String> {
    Phi::new(text.to_owned())
}
