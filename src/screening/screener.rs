//! One volume through both networks to an answer. A pure function of the volume, the networks and the
//! policy: the same input and versions give the same answer, whatever the number of threads.

use super::decision::{DecisionPolicy, decide};
use super::gland::{GlandRegion, gland_regions};
use super::measure::{Measured, Outline, measure_candidates};
use super::report::{
    CandidateReport, Decision, GlandReport, GlandState, ModelIdentity, Models as ModelIdentities,
};
use crate::error::{Dispose, Disposition};
use crate::imaging::Volume;
use crate::inference::input::{BODY_HU_MIN, localizer_hu};
use crate::inference::{ModelError, ModelManifest, Models};
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
        }
    }
}

impl Screener {
    /// Networks and policy.
    #[must_use]
    pub fn new(models: Models, policy: DecisionPolicy) -> Self {
        Self { models, policy }
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
        on_stage(Stage::Resampling);
        let Some(hu) = localizer_hu(volume) else {
            return Ok(Screened::not_assessable(Reason::NoBody));
        };
        on_stage(Stage::Localizing);
        let heatmap = self.models.localizer.localize(&hu)?;
        let body = hu.map(|&value| u8::from(value > BODY_HU_MIN));
        let regions = gland_regions(&heatmap, &body, volume.geometry(), &self.policy);
        on_stage(Stage::Segmenting);
        let [right, left] = regions;
        let (right, left) =
            rayon::join(|| self.screen_gland(volume, right), || self.screen_gland(volume, left));
        on_stage(Stage::Deciding);
        let [(right, in_right), (left, in_left)] = [right?, left?];
        let glands = [right, left];
        let (decision, reason) = decide(&glands);
        Ok(Screened {
            decision,
            reason,
            score: glands.iter().map(|gland| gland.score).fold(0.0, f64::max),
            glands: glands.into(),
            candidates: in_right.candidates.into_iter().chain(in_left.candidates).collect(),
            outlines: in_right.outlines.into_iter().chain(in_left.outlines).collect(),
        })
    }

    /// One gland and what is outlined in it.
    fn screen_gland(
        &self,
        volume: &Volume<Hounsfield>,
        region: GlandRegion,
    ) -> Result<(GlandReport, Measured), ScreenError> {
        let GlandRegion { side, heatmap_peak, center, not_assessable } = region;
        let mut gland = GlandReport {
            side,
            state: not_assessable.map_or(GlandState::Assessed, |_| GlandState::NotAssessable),
            reason: not_assessable,
            center_mm: center,
            heatmap_peak,
            decision: Decision::NotAssessable,
            score: 0.0,
        };
        let Some(at) = center else {
            let nothing = Measured { candidates: Vec::new(), outlines: Vec::new(), score: 0.0 };
            return Ok((gland, nothing));
        };
        let segmentation = self.models.segmenter.segment(volume, at, side)?;
        let found =
            measure_candidates(&segmentation.probability, &segmentation.hu, side, &self.policy);
        gland.score = found.score;
        // A mass in the part that was scanned is a mass; the absence of one in a part is nothing.
        gland.decision = if !found.outlines.is_empty() {
            Decision::Flagged
        } else if not_assessable.is_some() {
            Decision::NotAssessable
        } else {
            Decision::NotFlagged
        };
        Ok((gland, found))
    }
}
