//! Solids as distance functions: the vocabulary that the anatomy is written in.
//!
//! A distance is in mm, negative inside. Ellipsoids and squashed chains give a close estimate near
//! the surface rather than the exact distance; painting needs no more.

use crate::imaging::geometry::{dot, norm};

pub(super) type Vector = [f64; 3];

/// A solid in the head's frame.
#[derive(Debug, Clone)]
pub(super) enum Form {
    Ellipsoid {
        center: Vector,
        radii: Vector,
        axes: [Vector; 3],
    },
    /// A box with rounded edges.
    Block {
        center: Vector,
        half: Vector,
        round: f64,
        axes: [Vector; 3],
    },
    /// Tapered capsules one after the other: points with their radii. Space is scaled by `squash`
    /// first, so a factor above 1 makes the chain thinner along that axis.
    Chain {
        points: Vec<(Vector, f64)>,
        squash: Vector,
    },
    /// All of them, with a fillet of so many mm.
    Join(Vec<Form>, f64),
    /// What all of them have in common; the first one bounds it.
    Meet(Vec<Form>),
    /// Everything outside.
    Not(Box<Form>),
    /// Everything above the stepped floor of the skull, lowered by so many mm.
    AboveSkullFloor(f64),
}

/// The unturned axes.
const UPRIGHT: [Vector; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

impl Form {
    pub(super) fn ellipsoid(center: Vector, radii: Vector) -> Self {
        Self::Ellipsoid { center, radii, axes: UPRIGHT }
    }

    pub(super) fn block(center: Vector, half: Vector, round: f64) -> Self {
        Self::Block { center, half, round, axes: UPRIGHT }
    }

    pub(super) fn chain(points: &[(Vector, f64)]) -> Self {
        Self::Chain { points: points.to_vec(), squash: [1.0; 3] }
    }

    /// A chain that is flattened: see [`Form::Chain`].
    pub(super) fn flat_chain(points: &[(Vector, f64)], squash: Vector) -> Self {
        let scaled =
            points.iter().map(|(p, r)| (std::array::from_fn(|a| p[a] * squash[a]), *r)).collect();
        Self::Chain { points: scaled, squash }
    }

    /// A layer of the form, from its surface inward.
    pub(super) fn shell(self, thickness: f64) -> Self {
        let inner = Self::Not(Box::new(self.clone().grown(-thickness)));
        Self::Meet(vec![self, inner])
    }

    /// Without another form.
    pub(super) fn minus(self, other: Self) -> Self {
        Self::Meet(vec![self, Self::Not(Box::new(other))])
    }

    /// The part between two heights.
    pub(super) fn between(self, [low, high]: [f64; 2]) -> Self {
        let (center, radius) = self.bound();
        let middle = [center[0], center[1], 0.5 * (low + high)];
        let slab = Self::block(middle, [radius + 1.0, radius + 1.0, 0.5 * (high - low)], 0.0);
        Self::Meet(vec![self, slab])
    }

    /// A disc or rod along the slice axis.
    pub(super) fn cylinder(center: Vector, radius: f64, half_length: f64) -> Self {
        let [x, y, z] = center;
        let ends = [([x, y, z - half_length], radius), ([x, y, z + half_length], radius)];
        Self::chain(&ends).between([z - half_length, z + half_length])
    }

    /// Turned about its centre by angles in degrees about x, y and z.
    pub(super) fn turned(mut self, degrees: Vector) -> Self {
        if let Self::Ellipsoid { axes, .. } | Self::Block { axes, .. } = &mut self {
            *axes = rotation(degrees.map(f64::to_radians));
        }
        self
    }

    /// Every surface moved outward by so many mm.
    pub(super) fn grown(self, by: f64) -> Self {
        match self {
            Self::Ellipsoid { center, radii, axes } => {
                Self::Ellipsoid { center, radii: radii.map(|r| (r + by).max(0.1)), axes }
            }
            Self::Block { center, half, round, axes } => {
                Self::Block { center, half: half.map(|h| (h + by).max(0.1)), round, axes }
            }
            Self::Chain { points, squash } => {
                let points = points.into_iter().map(|(p, r)| (p, r + by)).collect();
                Self::Chain { points, squash }
            }
            Self::Join(forms, fillet) => {
                Self::Join(forms.into_iter().map(|f| f.grown(by)).collect(), fillet)
            }
            Self::Meet(forms) => Self::Meet(forms.into_iter().map(|f| f.grown(by)).collect()),
            Self::Not(form) => Self::Not(Box::new(form.grown(-by))),
            Self::AboveSkullFloor(lowered) => Self::AboveSkullFloor(lowered + by),
        }
    }

    /// The same on the other side of the head.
    pub(super) fn mirrored(&self) -> Self {
        let flip = |v: &Vector| [-v[0], v[1], v[2]];
        // The image of a rotation in the mirror is a rotation again; an axis may change its sign.
        let flip_axes = |axes: &[Vector; 3]| axes.map(|axis| flip(&axis));
        match self {
            Self::Ellipsoid { center, radii, axes } => {
                Self::Ellipsoid { center: flip(center), radii: *radii, axes: flip_axes(axes) }
            }
            Self::Block { center, half, round, axes } => Self::Block {
                center: flip(center),
                half: *half,
                round: *round,
                axes: flip_axes(axes),
            },
            Self::Chain { points, squash } => Self::Chain {
                points: points.iter().map(|(p, r)| (flip(p), *r)).collect(),
                squash: *squash,
            },
            Self::Join(forms, fillet) => {
                Self::Join(forms.iter().map(Self::mirrored).collect(), *fillet)
            }
            Self::Meet(forms) => Self::Meet(forms.iter().map(Self::mirrored).collect()),
            Self::Not(form) => Self::Not(Box::new(form.mirrored())),
            Self::AboveSkullFloor(lowered) => Self::AboveSkullFloor(*lowered),
        }
    }

    /// Signed distance of a point, mm.
    pub(super) fn distance(&self, p: &Vector) -> f64 {
        match self {
            Self::Ellipsoid { center, radii, axes } => ellipsoid(&local(p, center, axes), radii),
            Self::Block { center, half, round, axes } => {
                block(&local(p, center, axes), half, *round)
            }
            Self::Chain { points, squash } => {
                let p = std::array::from_fn(|a| p[a] * squash[a]);
                let links = points.windows(2).map(|ends| capsule(&p, &ends[0], &ends[1]));
                links.fold(f64::INFINITY, f64::min)
            }
            Self::Join(forms, fillet) => {
                let distances = forms.iter().map(|form| form.distance(p));
                distances.reduce(|a, b| smooth_min(a, b, *fillet)).unwrap_or(f64::INFINITY)
            }
            Self::Meet(forms) => {
                forms.iter().map(|form| form.distance(p)).fold(f64::NEG_INFINITY, f64::max)
            }
            Self::Not(form) => -form.distance(p),
            Self::AboveSkullFloor(lowered) => skull_floor(p[1]) - lowered - p[2],
        }
    }

    /// A ball that holds the form.
    pub(super) fn bound(&self) -> (Vector, f64) {
        match self {
            Self::Ellipsoid { center, radii, .. } => {
                (*center, radii.iter().copied().fold(0.0, f64::max))
            }
            Self::Block { center, half, .. } => (*center, norm(half)),
            Self::Chain { points, squash } => {
                let balls: Vec<(Vector, f64)> = points
                    .iter()
                    .map(|(p, r)| {
                        let widest = squash.iter().map(|s| 1.0 / s).fold(0.0, f64::max);
                        (std::array::from_fn(|a| p[a] / squash[a]), r * widest)
                    })
                    .collect();
                ball_around(&balls)
            }
            Self::Join(forms, fillet) => {
                let balls: Vec<(Vector, f64)> = forms.iter().map(Self::bound).collect();
                let (center, radius) = ball_around(&balls);
                (center, radius + fillet)
            }
            Self::Meet(forms) => forms.first().map_or(([0.0; 3], 0.0), Self::bound),
            Self::Not(_) | Self::AboveSkullFloor(_) => ([0.0; 3], f64::INFINITY),
        }
    }
}

/// Height of the floor that the brain rests on: anterior, middle and posterior fossa.
fn skull_floor(y: f64) -> f64 {
    let step = |at: f64, width: f64| {
        let t = (0.5 + (y - at) / (2.5 * width)).clamp(0.0, 1.0);
        t * t * (3.0 - 2.0 * t)
    };
    26.0 - 19.0 * step(-38.0, 6.0) - 27.0 * step(14.0, 8.0)
}

fn ball_around(balls: &[(Vector, f64)]) -> (Vector, f64) {
    let n = f64::from(u32::try_from(balls.len()).unwrap_or(u32::MAX)).max(1.0);
    let center: Vector = std::array::from_fn(|a| balls.iter().map(|b| b.0[a]).sum::<f64>() / n);
    let reach = |ball: &(Vector, f64)| norm(&sub(&ball.0, &center)) + ball.1;
    (center, balls.iter().map(reach).fold(0.0, f64::max))
}

fn sub(a: &Vector, b: &Vector) -> Vector {
    std::array::from_fn(|n| a[n] - b[n])
}

fn local(p: &Vector, center: &Vector, axes: &[Vector; 3]) -> Vector {
    let away = sub(p, center);
    std::array::from_fn(|a| dot(&axes[a], &away))
}

fn ellipsoid(p: &Vector, radii: &Vector) -> f64 {
    let scaled: Vector = std::array::from_fn(|a| p[a] / radii[a]);
    let length = norm(&scaled);
    if length < 1e-6 {
        return -radii.iter().copied().fold(f64::INFINITY, f64::min);
    }
    let slope: Vector = std::array::from_fn(|a| scaled[a] / radii[a]);
    length * (length - 1.0) / norm(&slope)
}

fn block(p: &Vector, half: &Vector, round: f64) -> f64 {
    let over: Vector = std::array::from_fn(|a| p[a].abs() - half[a] + round);
    let outside = norm(&over.map(|v| v.max(0.0)));
    outside + over.iter().copied().fold(f64::NEG_INFINITY, f64::max).min(0.0) - round
}

fn capsule(p: &Vector, a: &(Vector, f64), b: &(Vector, f64)) -> f64 {
    let along = sub(&b.0, &a.0);
    let from = sub(p, &a.0);
    let t = (dot(&from, &along) / dot(&along, &along).max(1e-9)).clamp(0.0, 1.0);
    let away: Vector = std::array::from_fn(|n| from[n] - t * along[n]);
    norm(&away) - (a.1 + t * (b.1 - a.1))
}

fn smooth_min(a: f64, b: f64, fillet: f64) -> f64 {
    let h = (fillet - (a - b).abs()).max(0.0);
    if fillet > 0.0 { a.min(b) - h * h / (4.0 * fillet) } else { a.min(b) }
}

/// Rows of the rotation by angles (radians) about x, then y, then z.
pub(super) fn rotation([rx, ry, rz]: Vector) -> [Vector; 3] {
    let ((sx, cx), (sy, cy), (sz, cz)) = (rx.sin_cos(), ry.sin_cos(), rz.sin_cos());
    [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_simple_solids() {
        let check = |form: &Form, p: Vector, distance: f64| {
            assert!((form.distance(&p) - distance).abs() < 1e-6, "{form:?}");
            // The mirror image has the mirrored distances.
            let there = form.mirrored().distance(&[-p[0], p[1], p[2]]);
            assert!((there - distance).abs() < 1e-6, "{form:?}");
        };
        let ball = Form::ellipsoid([10.0, 0.0, 0.0], [5.0; 3]);
        check(&ball, [17.0, 0.0, 0.0], 2.0);
        check(&ball.clone().shell(1.0), [10.0, 3.0, 0.0], 1.0);
        let tube = Form::chain(&[([0.0; 3], 2.0), ([10.0, 0.0, 0.0], 4.0)]);
        check(&tube, [5.0, 7.0, 0.0], 4.0);
        let turned = Form::block([5.0, 0.0, 0.0], [4.0, 1.0, 1.0], 0.2).turned([0.0, 0.0, 90.0]);
        check(&turned, [5.0, 6.0, 0.0], 2.0);
        check(&Form::Join(vec![ball, tube], 0.0), [15.0, 0.0, 0.0], 0.0);
    }

    #[test]
    fn a_bound_holds_its_form() {
        let form =
            Form::flat_chain(&[([8.0, 0.0, 9.0], 2.0), ([10.0, 5.0, 0.0], 4.0)], [1.5, 1.0, 0.6]);
        let (center, radius) = form.bound();
        for n in 0..8000 {
            let p = [n % 20, n / 20 % 20, n / 400].map(|v| 1.5 * f64::from(v) - 7.0);
            assert!(form.distance(&p) > 0.0 || norm(&sub(&p, &center)) <= radius + 1e-9);
        }
    }
}
