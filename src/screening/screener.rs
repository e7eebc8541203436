//! One volume through both networks to an answer. A pure function of the volume, the networks and the
//! policy: the same input and versions give the same answer, whatever the number of threads.

use super::decision::{DecisionPolicy, decide};
use super::gland::{GlandOutline, GlandRegion, gland_regions};
use super::measure::{Candidate, Outline, candidates};
use super::report::{
    CandidateReport, Decision, GlandReport, GlandState, ModelIdentity, Models as ModelIdentities,
};
use crate::error::{Dispose, Disposition};
use crate::imaging::{Mask, Volume};
use crate::inference::input::{BODY_HU_MIN, localizer_hu};
use crate::inference::{ModelError, ModelManifest, Models, Segmentation, Segmenter};
use crate::reason::Reason;
use crate::status::Stage;
use crate::units::Hounsfield;

/// The networks and the policy that answer together.
#[derive(Debug)]
pub struct Screener {
    models: Models,
    policy: DecisionPolicy,
}

/// The answer for one volume.
#[derive(Debug, Clone, PartialEq)]
pub struct Screened {
    /// The answer.
    pub decision: Decision,
    /// Why it is not assessable.
    pub reason: Option<Reason>,
    /// The higher of the glands' scores.
    pub score: f64,
    /// Right, then left; empty where there is no body.
    pub glands: Vec<GlandReport>,
    /// Right first, largest first.
    pub candidates: Vec<CandidateReport>,
    /// One for each kept candidate, in their order.
    pub outlines: Vec<Outline>,
    /// The glands that were found, right first.
    pub gland_outlines: Vec<GlandOutline>,
}

/// One gland: the answer and all that it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct ExaminedGland {
    /// The answer.
    pub report: GlandReport,
    /// Where the localizer sees it; `None` where no gland was found.
    pub mask: Option<Mask>,
    /// What the segmenter saw and gave; `None` where no gland was found.
    pub segmentation: Option<Segmentation>,
    /// Everything that may be a mass, largest outline first.
    pub candidates: Vec<Candidate>,
}

/// A network failed: nothing can be said.
#[derive(Debug, thiserror::Error)]
#[error("could not screen the volume")]
pub struct ScreenError(#[from] ModelError);

impl Dispose for ScreenError {
    fn disposition(&self) -> Disposition {
        self.0.disposition()
    }
}

impl Screened {
    /// The answer where there is nothing to look at.
    #[must_use]
    pub fn not_assessable(reason: Reason) -> Self {
        Self {
            decision: Decision::NotAssessable,
            reason: Some(reason),
            score: 0.0,
            glands: Vec::new(),
            candidates: Vec::new(),
            outlines: Vec::new(),
            gland_outlines: Vec::new(),
        }
    }
}

impl Screener {
    /// Networks and policy.
    #[must_use]
    pub fn new(models: Models, policy: DecisionPolicy) -> Self {
        Self { models, policy }
    }

    /// The network that outlines masses.
    #[must_use]
    pub fn segmenter(&self) -> &Segmenter {
        &self.models.segmenter
    }

    /// What the report says of them.
    #[must_use]
    pub fn identities(&self) -> ModelIdentities {
        let identity = |manifest: &ModelManifest| ModelIdentity {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            sha256: manifest.sha256.clone(),
        };
        ModelIdentities {
            localizer: identity(self.models.localizer.manifest()),
            segmenter: identity(self.models.segmenter.manifest()),
            decision: self.policy.identity(),
        }
    }

    /// One text that changes whenever the answer may: both networks and the policy.
    #[must_use]
    pub fn key(&self) -> String {
        let Models { localizer, segmenter } = &self.models;
        format!(
            "{}/{}/{}",
            localizer.manifest().sha256,
            segmenter.manifest().sha256,
            self.policy.version
        )
    }

    /// Makes what the first volume would have to wait for.
    ///
    /// # Errors
    /// When a network cannot be made ready.
    pub fn warm_up(&self) -> Result<(), ScreenError> {
        Ok(self.models.segmenter.prepare()?)
    }

    /// Screens a volume; `on_stage` hears of each step before it begins.
    ///
    /// # Errors
    /// When a network fails. Whatever the volume lacks is an answer, not an error.
    pub fn screen(
        &self,
        volume: &Volume<Hounsfield>,
        on_stage: &(dyn Fn(Stage) + Sync),
    ) -> Result<Screened, ScreenError> {
        let examined = self.examine(volume, on_stage)?;
        Ok(examined.map_or_else(|| Screened::not_assessable(Reason::NoBody), Screened::from))
    }

    /// As [`Self::screen`], with all that the answer comes from; `None` where there is no body.
    ///
    /// # Errors
    /// When a network fails.
    pub fn examine(
        &self,
        volume: &Volume<Hounsfield>,
        on_stage: &(dyn Fn(Stage) + Sync),
    ) -> Result<Option<[ExaminedGland; 2]>, ScreenError> {
        on_stage(Stage::Resampling);
        let Some(hu) = localizer_hu(volume) else { return Ok(None) };
        on_stage(Stage::Localizing);
        let heatmap = self.models.localizer.localize(&hu)?;
        let body = hu.map(|&value| u8::from(value > BODY_HU_MIN));
        let regions = gland_regions(&heatmap, &body, volume.geometry(), &self.policy);
        on_stage(Stage::Segmenting);
        let [right, left] = regions;
        let (right, left) =
            rayon::join(|| self.examine_gland(volume, right), || self.examine_gland(volume, left));
        on_stage(Stage::Deciding);
        Ok(Some([right?, left?]))
    }

    /// One gland and what is outlined in it.
    fn examine_gland(
        &self,
        volume: &Volume<Hounsfield>,
        region: GlandRegion,
    ) -> Result<ExaminedGland, ScreenError> {
        let GlandRegion { side, heatmap_peak, center, mask, not_assessable } = region;
        let mut report = GlandReport {
            side,
            state: not_assessable.map_or(GlandState::Assessed, |_| GlandState::NotAssessable),
            reason: not_assessable,
            center_mm: center,
            heatmap_peak,
            decision: Decision::NotAssessable,
            score: 0.0,
        };
        let Some(at) = center else {
            return Ok(ExaminedGland { report, mask, segmentation: None, candidates: Vec::new() });
        };
        let segmentation = self.models.segmenter.segment(volume, at, side)?;
        let candidates = candidates(&segmentation, heatmap_peak, &self.policy);
        report.score = DecisionPolicy::gland_score(
            candidates.iter().map(|it| it.score),
            segmentation.probability_max(),
        );
        // A mass in the part that was scanned is a mass; the absence of one in a part is nothing.
        report.decision = if candidates.iter().any(|it| it.kept) {
            Decision::Flagged
        } else if not_assessable.is_some() {
            Decision::NotAssessable
        } else {
            Decision::NotFlagged
        };
        Ok(ExaminedGland { report, mask, segmentation: Some(segmentation), candidates })
    }
}

impl From<[ExaminedGland; 2]> for Screened {
    fn from(examined: [ExaminedGland; 2]) -> Self {
        let mut candidates = Vec::new();
        let mut outlines = Vec::new();
        for gland in &examined {
            let Some(Segmentation { hu, .. }) = &gland.segmentation else { continue };
            let side = gland.report.side;
            for candidate in &gland.candidates {
                let Some(report) = candidate.report(side, hu) else { continue };
                if report.kept {
                    let mask = candidate.mask(hu);
                    outlines.push(Outline { side, mask, center: report.center_mm });
                }
                candidates.push(report);
            }
        }
        let mut gland_outlines = Vec::new();
        let glands = examined.map(|ExaminedGland { report, mask, .. }| {
            let side = report.side;
            gland_outlines.extend(mask.map(|mask| GlandOutline { side, mask }));
            report
        });
        let (decision, reason) = decide(&glands);
        Self {
            decision,
            reason,
            score: glands.iter().map(|gland| gland.score).fold(0.0, f64::max),
            glands: glands.into(),
            candidates,
            outlines,
            gland_outlines,
        }
    }
}
