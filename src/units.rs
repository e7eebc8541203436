//! Numbers that carry their unit.

use serde::{Deserialize, Serialize};

/// CT attenuation after rescale slope and intercept (DICOM PS3.3 C.11.1.1.2), in HU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
#[repr(transparent)]
pub struct Hounsfield(pub i16);

impl Hounsfield {
    /// Air; also what stands where nothing was measured.
    pub const AIR: Self = Self(-1024);

    /// The nearest HU that 16 bits hold; not-a-number becomes air.
    #[must_use]
    pub fn from_f32(value: f32) -> Self {
        if value.is_nan() {
            return Self::AIR;
        }
        #[allow(clippy::cast_possible_truncation, reason = "clamped to the range of i16")]
        Self(value.round().clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16)
    }

    /// The value as a real number.
    #[must_use]
    pub fn to_f32(self) -> f32 {
        f32::from(self.0)
    }
}

/// A length in millimetres.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millimeters(pub f64);

/// A volume in cubic centimetres (1 cm3 = 1 mL).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CubicCentimeters(pub f64);

/// A number of voxels of the segmenter's 1 mm isotropic grid: 1,000 of them are 1 cm3.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct VoxelCount(pub u32);

impl VoxelCount {
    /// The volume of so many voxels of 1 mm3.
    #[must_use]
    pub fn to_cubic_centimeters(self) -> CubicCentimeters {
        CubicCentimeters(f64::from(self.0) / 1000.0)
    }
}

/// A probability in 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Probability(pub f32);

/// The patient's side, never the picture's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The patient's right: smaller x in LPS.
    Right,
    /// The patient's left: larger x in LPS.
    Left,
}

impl Side {
    /// Right first, as every report lists them.
    pub const BOTH: [Self; 2] = [Self::Right, Self::Left];

    /// `right` or `left`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Left => "left",
        }
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// As many decimals as a measurement is worth.
#[must_use]
pub fn rounded(value: f64, decimals: i32) -> f64 {
    let unit = 10.0_f64.powi(decimals);
    (value * unit).round() / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hounsfield_rounds_and_stays_in_range() {
        let check = |value: f32, hu: i16| assert_eq!(Hounsfield::from_f32(value), Hounsfield(hu));
        check(40.4, 40);
        check(-40.6, -41);
        check(1e9, i16::MAX);
        check(-1e9, i16::MIN);
        check(f32::NAN, -1024);
    }

    #[test]
    fn five_hundred_voxels_are_half_a_cubic_centimeter() {
        assert_eq!(VoxelCount(500).to_cubic_centimeters(), CubicCentimeters(0.5));
    }
}
