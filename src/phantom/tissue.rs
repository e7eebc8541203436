//! What tissues look like on CT: HU and texture.

use super::form::Vector;
use super::noise::Noise;

/// A tissue's mean HU and its texture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tissue {
    pub(super) hu: f64,
    pub(super) texture: Texture,
}

/// How HU vary within a tissue.
#[derive(Debug, Clone, Copy)]
pub(super) enum Texture {
    /// Smooth clouds of a size in mm and a height in HU.
    Clouds { mm: f64, hu: f64 },
    /// Skin over fat with strands of connective tissue, so many HU denser.
    SkinAndFat { skin_hu: f64, strand_hu: f64 },
    /// Gland parenchyma: lobules with fat between them; the share of fat is 0..=1.
    Lobules { fat: f64 },
    /// Two dense tables with marrow between; the tables are so thick.
    Marrow { table_mm: f64, marrow_hu: f64 },
    /// Bone with air cells; the share of air is about 0..=1.
    AirCells { air: f64 },
    /// Lung with vessels in it, each brighter by so many HU.
    Lung { vessel_hu: f64 },
    /// Grey and white matter, with fluid in the sulci near the surface.
    Brain { sulci: f64 },
}

impl Tissue {
    /// One HU with faint clouds.
    pub(super) fn plain(hu: f64) -> Self {
        Self { hu, texture: Texture::Clouds { mm: 7.0, hu: 4.0 } }
    }

    /// Skeletal muscle with faint fat streaks.
    pub(super) fn muscle(hu: f64) -> Self {
        Self { hu, texture: Texture::Clouds { mm: 4.0, hu: 13.0 } }
    }

    /// Compact bone around marrow.
    pub(super) fn bone(hu: f64, table_mm: f64, marrow_hu: f64) -> Self {
        Self { hu, texture: Texture::Marrow { table_mm, marrow_hu } }
    }

    /// HU at a point, so many mm below the surface of its form.
    pub(super) fn hu_at(&self, noise: &Noise, p: &Vector, depth: f64) -> f64 {
        let cloud = |mm: f64| noise.rough(p.map(|v| v / mm));
        match self.texture {
            Texture::Clouds { mm, hu } => self.hu + hu * cloud(mm),
            Texture::SkinAndFat { skin_hu, strand_hu } => {
                let strands = (cloud(6.0).abs() * -14.0).exp();
                let fat = self.hu + strand_hu * strands + 8.0 * cloud(14.0);
                let skin = ((2.2 - depth) / 0.8).clamp(0.0, 1.0);
                fat + (skin_hu - fat) * skin
            }
            Texture::Lobules { fat } => {
                let uneven = 1.3 * cloud(3.2) + 0.5 * cloud(9.0);
                let share = (fat + (0.18 + 0.5 * fat * (1.0 - fat)) * uneven).clamp(0.0, 1.0);
                self.hu + share * (-105.0 - self.hu)
            }
            Texture::Marrow { table_mm, marrow_hu } => {
                let inside = ((depth - table_mm) / 0.8).clamp(0.0, 1.0);
                let marrow = marrow_hu * (1.0 + 0.5 * cloud(2.6));
                self.hu + 0.08 * self.hu * cloud(5.0) + (marrow - self.hu) * inside
            }
            Texture::AirCells { air } => {
                let wall = 1.6 * cloud(3.6) + 0.5 - air;
                let bony = (wall / 0.5 + 0.5).clamp(0.0, 1.0).max((1.5 - depth).clamp(0.0, 1.0));
                -900.0 + (self.hu + 900.0) * bony
            }
            Texture::Lung { vessel_hu } => {
                // Where two fields vanish together runs a line.
                let [a, b] = [0.0, 61.7].map(|shift| noise.at(p.map(|v| v / 15.0 + shift)));
                self.hu + vessel_hu * (-55.0 * (a * a + b * b)).exp() + 35.0 * cloud(30.0)
            }
            Texture::Brain { sulci } => {
                let folds = (cloud(9.0).abs() * -9.0).exp();
                let near_surface = (1.0 - depth / 16.0).clamp(0.0, 1.0);
                let grey = 7.0 * (1.0 - depth / 9.0).clamp(0.0, 1.0) + 3.0 * cloud(11.0);
                let fluid =
                    (sulci * folds * near_surface * 1.6 + ((1.8 - depth) / 2.0).max(0.0)).min(1.0);
                self.hu + grey + (6.0 - self.hu - grey) * fluid
            }
        }
    }
}
