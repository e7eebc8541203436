//! Layers of the shipped networks, with weights of no meaning: neither times nor counts depend on them.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "pseudorandom numbers are cut on purpose, and small where they become f32"
)]

use std::ops::RangeInclusive;
use std::sync::Arc;

use parotidd::inference::kernels::{
    Arithmetic, Blocks, Convolution, Kind, Program, Step, Tap, Terms, Weights,
};

/// The arithmetics, as names say them.
pub(crate) const ARITHMETICS: [(&str, Arithmetic); 2] =
    [("int8", Arithmetic::Int8), ("f32", Arithmetic::Float)];

/// Five that between them take most of a network's time, one of each kind and size.
pub(crate) const LAYERS: [Layer; 5] = [
    Layer { name: "conv_8_8", n_in: 8, n_out: 8, coarseness: 1, form: Form::Cube { stride: 1 } },
    Layer { name: "up_24_8_logits", n_in: 24, n_out: 8, coarseness: 2, form: Form::Upsampled },
    Layer { name: "conv_24_24_flat", n_in: 24, n_out: 24, coarseness: 2, form: Form::Flat },
    Layer {
        name: "conv_24_64_stride_2",
        n_in: 24,
        n_out: 64,
        coarseness: 4,
        form: Form::Cube { stride: 2 },
    },
    Layer {
        name: "conv_64_64",
        n_in: 64,
        n_out: 64,
        coarseness: 8,
        form: Form::Cube { stride: 1 },
    },
];

/// One layer as it stands in the network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    n_in: usize,
    n_out: usize,
    /// Sides of the network's input by those of the layer's.
    coarseness: usize,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    /// 3x3x3.
    Cube { stride: usize },
    /// 1x3x3.
    Flat,
    /// Eight phases of 2x2x2, added to the skip; logits of that.
    Upsampled,
}

impl Layer {
    /// Sides of the layer's input where the network's are `volume`.
    fn sides(&self, volume: [usize; 3]) -> [usize; 3] {
        volume.map(|side| side / self.coarseness)
    }

    /// What is computed for each input of `volume`; taps beyond the border count.
    #[allow(dead_code, reason = "of the two benches with these layers, one counts instructions")]
    pub(crate) fn multiply_adds(&self, volume: [usize; 3]) -> usize {
        let n_voxels: usize = self.sides(volume).iter().product();
        let n_weights = self.n_in * self.n_out;
        match self.form {
            Form::Cube { stride } => n_voxels / stride.pow(3) * 27 * n_weights,
            Form::Flat => n_voxels * 9 * n_weights,
            Form::Upsampled => n_voxels * 8 * (8 * n_weights + self.n_out),
        }
    }

    /// The layer alone, and its tensors with something in them.
    pub(crate) fn program(
        &self,
        arithmetic: Arithmetic,
        volume: [usize; 3],
    ) -> (Program, Vec<Vec<u32>>) {
        let mut numbers = Numbers(1);
        let n_groups = self.n_in / channels_of_a_unit(arithmetic);
        let mut weights =
            |taps| random_weights(&mut numbers, arithmetic, [self.n_in, self.n_out], taps);
        let kind = match self.form {
            Form::Cube { stride } => {
                Kind::Plain { weights: weights(taps([-1..=1, -1..=1, -1..=1])), stride }
            }
            Form::Flat => {
                Kind::Plain { weights: weights(taps([0..=0, -1..=1, -1..=1])), stride: 1 }
            }
            Form::Upsampled => {
                let phase = |place: isize| {
                    let [z, y, x] = [place / 4, place / 2 % 2, place % 2].map(|it| it - 1..=it);
                    weights(taps([z, y, x]))
                };
                let phases = (0..8).map(phase).collect();
                let head = random_weights(&mut numbers, arithmetic, [self.n_out, 4], vec![[0; 3]]);
                Kind::Upsampled { phases, logits: Some(head) }
            }
        };
        let input = Blocks { n_groups, shape: self.sides(volume) };
        let convolution = Convolution::new(Arc::new(kind), arithmetic, input);
        let skip = matches!(self.form, Form::Upsampled).then_some(1);
        let step = Step { convolution, feeder: None, input: 0, skip, output: 2 };
        let program = Program::new(vec![step]);
        let mut tensors = program.tensors();
        tensors[0].iter_mut().for_each(|unit| *unit = numbers.unit(arithmetic));
        (program, tensors)
    }
}

/// Weights from so many channels to so many.
fn random_weights(
    numbers: &mut Numbers,
    arithmetic: Arithmetic,
    [n_in, n_out]: [usize; 2],
    taps: Vec<Tap>,
) -> Weights {
    let n_groups = n_in / channels_of_a_unit(arithmetic);
    // Sums of 8 bits are in the order of 1e5: scaled so, the outputs fill their range.
    let terms = Terms { scale: [1e-3; 4], bias: [0.5; 4], offset: [0; 4], skip_scale: 0.5 };
    let n_taps = taps.len();
    let units: Vec<u32> =
        (0..n_out * n_groups * n_taps).map(|_| numbers.unit(arithmetic)).collect();
    Weights::pack(n_groups, taps, vec![terms; n_out / 4], |[out, group, tap]| {
        units[(out * n_groups + group) * n_taps + tap]
    })
}

fn channels_of_a_unit(arithmetic: Arithmetic) -> usize {
    match arithmetic {
        Arithmetic::Int8 => 4,
        Arithmetic::Float => 1,
    }
}

fn taps([slices, rows, columns]: [RangeInclusive<isize>; 3]) -> Vec<Tap> {
    let mut taps = Vec::new();
    for slice in slices {
        for row in rows.clone() {
            taps.extend(columns.clone().map(|column| [slice, row, column]));
        }
    }
    taps
}

/// Pseudorandom numbers, the same each time: Knuth's generator, its upper bits.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 32) as u32
    }

    /// Four bytes, or an f32 of -1..1: any other bits would include numbers that are slow to add.
    fn unit(&mut self, arithmetic: Arithmetic) -> u32 {
        match arithmetic {
            Arithmetic::Int8 => self.next(),
            Arithmetic::Float => ((self.next() % 2001) as f32 / 1000.0 - 1.0).to_bits(),
        }
    }
}
