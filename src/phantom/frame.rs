//! From the scanner to the head: position, size, rotation and the irregularity of real bodies.

use rand::Rng;

use super::form::{Vector, rotation};

/// The height in the head's frame that the head turns about, mm.
const PIVOT: Vector = [0.0, 15.0, -70.0];
/// Between these heights (patient frame, from the head's origin) the turn fades out: shoulders stay.
const TURN_FADES_MM: [f64; 2] = [-150.0, -60.0];

/// The map from patient space (LPS) to the frame that anatomy is written in: the head's, whose origin
/// lies midway between the ear canals, or that of another part of the body. The axes are the same.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    origin: Vector,
    /// What it turns about, in the frame.
    pivot: Vector,
    angles: Vector,
    /// Between these heights the turn fades out; `None` where all turns alike.
    turn_fades_mm: Option<[f64; 2]>,
    scale: Vector,
    waves: [Wave; 6],
}

#[derive(Debug, Clone, Copy)]
struct Wave {
    vector: Vector,
    phase: f64,
    height_mm: f64,
}

/// The map for one height, with its rotation worked out.
#[derive(Debug)]
pub(super) struct Level<'a> {
    frame: &'a Frame,
    rows: [Vector; 3],
}

impl Frame {
    pub(super) fn sample(rng: &mut impl Rng) -> Self {
        let size: f64 = rng.random_range(0.92..1.07);
        let scale = std::array::from_fn(|_| size * rng.random_range(0.955..1.05));
        // Most heads lie nearly straight; some are turned by up to 20 degrees.
        let turned = rng.random_bool(0.2);
        let turn_max: f64 = if turned { 20.0 } else { 6.0 };
        // On a neck or planning scan the chin is mostly raised, which is a positive angle about x.
        let chin_up = if turned { -12.0..20.0_f64 } else { -4.0..14.0 };
        let angles = [
            rng.random_range(chin_up).to_radians(),
            (0.6 * rng.random_range(-turn_max..turn_max)).to_radians(),
            rng.random_range(-turn_max..turn_max).to_radians(),
        ];
        let waves = sample_waves(rng, 1.0);
        let origin = [
            rng.random_range(-7.0..7.0),
            rng.random_range(-15.0..15.0),
            rng.random_range(-60.0..60.0),
        ];
        Self { origin, pivot: PIVOT, angles, turn_fades_mm: Some(TURN_FADES_MM), scale, waves }
    }

    /// A frame that lies at `origin` and is turned as a whole about `pivot` (frame) by angles in
    /// degrees about x, y and z; `irregular` scales how far it departs from the drawing, 1 is a head.
    pub(super) fn placed(
        rng: &mut impl Rng,
        origin: Vector,
        pivot: Vector,
        degrees: Vector,
        scale: Vector,
        irregular: f64,
    ) -> Self {
        let angles = degrees.map(f64::to_radians);
        let waves = sample_waves(rng, irregular);
        Self { origin, pivot, angles, turn_fades_mm: None, scale, waves }
    }

    /// Patient height of the head's origin.
    pub(super) fn origin(&self) -> Vector {
        self.origin
    }

    /// Patient height of a height in the unturned head's frame.
    pub(super) fn patient_z(&self, head_z: f64) -> f64 {
        self.origin[2] + head_z * self.scale[2]
    }

    /// The map for the plane of a patient height.
    pub(super) fn level(&self, patient_z: f64) -> Level<'_> {
        let z = (patient_z - self.origin[2]) / self.scale[2];
        let share = self.turn_fades_mm.map_or(1.0, |[low, high]| {
            let t = ((z - low) / (high - low)).clamp(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        });
        Level { frame: self, rows: rotation(self.angles.map(|angle| share * angle)) }
    }

    /// Size of one head millimetre in the patient, the mean of the axes.
    pub(super) fn mean_scale(&self) -> f64 {
        self.scale.iter().product::<f64>().cbrt()
    }
}

/// Long shallow waves and short shallower ones, larger in both ways by `size`.
fn sample_waves(rng: &mut impl Rng, size: f64) -> [Wave; 6] {
    std::array::from_fn(|n| {
        let [mm, height_mm] = if n < 3 { [75.0, 1.9] } else { [26.0, 0.55] };
        let length = std::f64::consts::TAU / (mm * size * rng.random_range(0.8..1.3));
        Wave {
            vector: std::array::from_fn(|_| length * rng.random_range(-0.8..0.8)),
            phase: rng.random_range(0.0..std::f64::consts::TAU),
            height_mm: height_mm * size * rng.random_range(0.4..1.2),
        }
    })
}

impl Level<'_> {
    /// The frame at a patient position.
    pub(super) fn to_head(&self, patient: &Vector) -> Vector {
        let frame = self.frame;
        let away: Vector = std::array::from_fn(|a| {
            (patient[a] - frame.origin[a]) / frame.scale[a] - frame.pivot[a]
        });
        let mut p: Vector = std::array::from_fn(|a| {
            let row = &self.rows[a];
            row[0] * away[0] + row[1] * away[1] + row[2] * away[2] + frame.pivot[a]
        });
        let waved: Vector =
            std::array::from_fn(|a| [a, a + 3].iter().map(|&n| frame.waves[n].at(&p)).sum());
        for (value, shift) in p.iter_mut().zip(waved) {
            *value += shift;
        }
        p
    }
}

impl Wave {
    fn at(&self, p: &Vector) -> f64 {
        let [x, y, z] = self.vector;
        self.height_mm * (x * p[0] + y * p[1] + z * p[2] + self.phase).sin()
    }
}
