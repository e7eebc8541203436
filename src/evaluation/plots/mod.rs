//! Plots of a cohort's figures, each an SVG as text. All that they show is in the figures; each names
//! the cohort, its size, the versions, and says that it is not for diagnostic use.

mod axis;
mod bland_altman;
mod chart;
mod dice_by_volume;
mod precision_recall;
mod reliability;
mod roc;
mod sheet;
mod sweep;

use super::figures::{CohortFigures, Versions};
use crate::error::{Dispose, Disposition};

/// A plot of a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plot {
    /// Receiver operating characteristic with the operating point.
    Roc,
    /// Precision against recall.
    PrecisionRecall,
    /// Dice of each mass by its volume.
    DiceByVolume,
    /// Figures by the size from which a mass flags.
    SizeSweep,
    /// Figures by gamma.
    GammaSweep,
    /// Outlined volume against true volume.
    BlandAltman,
    /// Whether probabilities are true.
    Reliability,
}

/// A plot could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("could not draw the plot `{plot}`")]
pub struct PlotError {
    plot: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Dispose for PlotError {
    fn disposition(&self) -> Disposition {
        Disposition::Fatal
    }
}

impl Plot {
    /// All, in the report's order.
    pub const ALL: [Self; 7] = [
        Self::Roc,
        Self::PrecisionRecall,
        Self::DiceByVolume,
        Self::SizeSweep,
        Self::GammaSweep,
        Self::BlandAltman,
        Self::Reliability,
    ];

    /// A file's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Roc => "roc",
            Self::PrecisionRecall => "precision-recall",
            Self::DiceByVolume => "dice-by-volume",
            Self::SizeSweep => "size-sweep",
            Self::GammaSweep => "gamma-sweep",
            Self::BlandAltman => "bland-altman",
            Self::Reliability => "reliability",
        }
    }

    /// The plot's title.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Roc => "Receiver operating characteristic",
            Self::PrecisionRecall => "Precision and recall",
            Self::DiceByVolume => "Dice by volume of the mass",
            Self::SizeSweep => "By the size from which a mass flags",
            Self::GammaSweep => "By gamma of the support vector machine",
            Self::BlandAltman => "Outlined volume against true volume",
            Self::Reliability => "Reliability of the segmenter's probabilities",
        }
    }

    /// The SVG; `None` where nothing of it was measured.
    ///
    /// # Errors
    /// Never for a measured cohort: the text it is drawn into can't refuse.
    pub fn draw(
        self,
        figures: &CohortFigures,
        versions: &Versions,
    ) -> Result<Option<String>, PlotError> {
        let draw = match self {
            Self::Roc => roc::draw,
            Self::PrecisionRecall => precision_recall::draw,
            Self::DiceByVolume => dice_by_volume::draw,
            Self::SizeSweep => sweep::draw_sizes,
            Self::GammaSweep => sweep::draw_gammas,
            Self::BlandAltman => bland_altman::draw,
            Self::Reliability => reliability::draw,
        };
        let error = |source| PlotError { plot: self.as_str(), source };
        draw(&sheet::Caption::of(self, figures, versions), figures).map_err(error)
    }
}
