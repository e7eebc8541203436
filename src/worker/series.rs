//! One series to one report: assemble, load, screen. The daemon's worker and `parotidd screen` share it.

use crate::clock::Clock;
use crate::dicom::ct_image::CtImage;
use crate::dicom::ct_pixels::same_pixels;
use crate::dicom::result_objects::Found;
use crate::dicom::uid::{SeriesInstanceUid, StudyInstanceUid};
use crate::error::Chain;
use crate::imaging::Volume;
use crate::intake::ct_volume::{VolumePlan, assemble, load};
use crate::intake::decode_ahead::DecodeAhead;
use crate::phi::Phi;
use crate::reason::Reason;
use crate::screening::gland::GlandOutline;
use crate::screening::measure::Outline;
use crate::screening::report::{NOT_FOR_DIAGNOSTIC_USE, SCHEMA, ScreeningReport, Timing, Warning};
use crate::screening::screener::{ScreenError, Screened, Screener};
use crate::screening::stopwatch::Stopwatch;
use crate::status::Stage;
use crate::units::Hounsfield;

/// Which series it is, as far as the report says.
#[derive(Debug, Clone)]
pub struct SeriesIdentity {
    /// Study Instance UID.
    pub study: StudyInstanceUid,
    /// Series Instance UID.
    pub series: SeriesInstanceUid,
    /// Accession Number, empty when there is none.
    pub accession_number: Phi<String>,
}

/// One series, screened.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysed {
    /// The answer.
    pub report: ScreeningReport,
    /// What it was found in; `None` where the series is no volume.
    pub detail: Option<Detail>,
}

/// What pictures and outlines are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    /// The images of the volume.
    pub plan: VolumePlan,
    /// The volume.
    pub volume: Volume<Hounsfield>,
    /// One for each kept candidate of the report, in their order.
    pub outlines: Vec<Outline>,
    /// The glands that were found, right first.
    pub gland_outlines: Vec<GlandOutline>,
}

impl Detail {
    /// As the objects of a result are made from it.
    #[must_use]
    pub fn found(&self) -> Found<'_> {
        Found {
            slices: &self.plan.slices,
            geometry: self.plan.geometry,
            volume: &self.volume,
            outlines: &self.outlines,
            gland_outlines: &self.gland_outlines,
        }
    }
}

/// What a series is screened with.
#[derive(Clone, Copy)]
pub struct Analysis<'a> {
    /// Networks and policy.
    pub screener: &'a Screener,
    /// For the timing.
    pub clock: &'a dyn Clock,
    /// Hears of each step before it begins.
    pub on_stage: &'a (dyn Fn(Stage) + Sync),
    /// Pixels that are decoded already.
    pub ahead: Option<&'a DecodeAhead>,
}

impl std::fmt::Debug for Analysis<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Analysis").field("screener", self.screener).finish_non_exhaustive()
    }
}

impl Analysis<'_> {
    /// The report of a series, whatever it is: what can't be a volume is not assessable, with its reason.
    ///
    /// `unusable` are the reasons of the series' files that gave no image.
    ///
    /// # Errors
    /// When a network fails.
    pub fn screen(
        &self,
        identity: &SeriesIdentity,
        images: Vec<CtImage>,
        unusable: &[Reason],
    ) -> Result<ScreeningReport, ScreenError> {
        Ok(self.analyse(identity, images, unusable)?.report)
    }

    /// As [`Analysis::screen`], with the volume and the outlines beside the report.
    ///
    /// # Errors
    /// When a network fails.
    pub fn analyse(
        &self,
        identity: &SeriesIdentity,
        images: Vec<CtImage>,
        unusable: &[Reason],
    ) -> Result<Analysed, ScreenError> {
        let watch = Stopwatch::new(self.clock);
        let on_stage = |stage| {
            watch.enter(stage);
            (self.on_stage)(stage);
        };
        on_stage(Stage::Loading);
        let is_lossy = images.iter().any(|image| image.instance.is_lossy);
        let found = volume(images, unusable, self.ahead);
        let mut screened = match &found {
            Ok((_, volume)) => self.screener.screen(volume, &on_stage)?,
            Err(reason) => Screened::not_assessable(*reason),
        };
        let outlines = std::mem::take(&mut screened.outlines);
        let gland_outlines = std::mem::take(&mut screened.gland_outlines);
        let detail =
            found.ok().map(|(plan, volume)| Detail { plan, volume, outlines, gland_outlines });
        let mut report = self.report(identity, screened, watch.read());
        report.warnings = is_lossy.then_some(Warning::LossyCompression).into_iter().collect();
        Ok(Analysed { report, detail })
    }

    /// The report of a series that could not be analysed at all.
    #[must_use]
    pub fn failed(&self, identity: &SeriesIdentity, reason: Reason) -> ScreeningReport {
        self.report(identity, Screened::not_assessable(reason), Timing::default())
    }

    fn report(
        &self,
        identity: &SeriesIdentity,
        screened: Screened,
        timing_ms: Timing,
    ) -> ScreeningReport {
        ScreeningReport {
            schema: SCHEMA.to_owned(),
            software_version: env!("CARGO_PKG_VERSION").to_owned(),
            notice: NOT_FOR_DIAGNOSTIC_USE.to_owned(),
            study_instance_uid: identity.study.to_string(),
            series_instance_uid: identity.series.to_string(),
            accession_number: identity.accession_number.expose().clone(),
            models: self.screener.identities(),
            decision: screened.decision,
            reason: screened.reason,
            warnings: Vec::new(),
            score: screened.score,
            glands: screened.glands,
            candidates: screened.candidates,
            timing_ms,
        }
    }
}

fn volume(
    images: Vec<CtImage>,
    unusable: &[Reason],
    ahead: Option<&DecodeAhead>,
) -> Result<(VolumePlan, Volume<Hounsfield>), Reason> {
    // A file of the series that can't be read is a hole in it, wherever the hole would be.
    if let Some(reason) = unusable.first() {
        return Err(*reason);
    }
    let plan = assemble(images, same_pixels).map_err(|refusal| {
        tracing::info!(error = %Chain(&refusal), "no volume");
        refusal.reason
    })?;
    tracing::info!(
        n_slices = plan.slices.len(),
        n_left_out = plan.left_out.len(),
        spacing_mm = ?plan.geometry.spacing_mm(),
        "volume assembled"
    );
    let volume = load(&plan, ahead).map_err(|error| {
        tracing::warn!(error = %Chain(&error), "could not decode a slice");
        error.reason()
    })?;
    Ok((plan, volume))
}
