//! Every instruction set against sums that are written down voxel by voxel.

use std::sync::Arc;

use proptest::prelude::*;

use super::volume::{Steps, pack_bytes, pack_floats};
use super::*;

/// Pseudorandom numbers that a failing case repeats.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % n
    }

    /// -1..1
    fn float(&mut self) -> f32 {
        self.below(2001) as f32 / 1000.0 - 1.0
    }
}

/// A tensor as `[channel][slice][row][column]`, 0 beyond its edges.
struct Plain {
    n_channels: usize,
    shape: [usize; 3],
    values: Vec<f32>,
}

impl Plain {
    fn random(numbers: &mut Numbers, n_channels: usize, shape: [usize; 3], int8: bool) -> Self {
        let n = n_channels * shape.iter().product::<usize>();
        let mut value = || if int8 { numbers.below(256) as f32 } else { numbers.float() };
        Self { n_channels, shape, values: (0..n).map(|_| value()).collect() }
    }

    fn get(&self, channel: usize, at: [isize; 3]) -> f32 {
        let [d, h, w] = self.shape;
        let inside = at.iter().zip(self.shape).all(|(&at, n)| at >= 0 && at < n.cast_signed());
        if !inside {
            return 0.0;
        }
        let [z, y, x] = at.map(isize::cast_unsigned);
        self.values[((channel * d + z) * h + y) * w + x]
    }

    fn blocks(&self, arithmetic: Arithmetic) -> Blocks {
        Blocks { n_groups: self.n_channels / per_unit(arithmetic), shape: self.shape }
    }

    /// As kernels hold it; the border is 0.
    fn units(&self, arithmetic: Arithmetic) -> Vec<u32> {
        let blocks = self.blocks(arithmetic);
        let mut units = vec![0; blocks.n_units()];
        for (group, at) in voxels(&blocks) {
            let value =
                |n: usize| self.get(per_unit(arithmetic) * group + n, at.map(usize::cast_signed));
            units[blocks.at(group, at)] = match arithmetic {
                Arithmetic::Int8 => u32::from_le_bytes([0, 1, 2, 3].map(|n| value(n) as u8)),
                Arithmetic::Float => value(0).to_bits(),
            };
        }
        units
    }
}

fn per_unit(arithmetic: Arithmetic) -> usize {
    match arithmetic {
        Arithmetic::Int8 => 4,
        Arithmetic::Float => 1,
    }
}

fn voxels(blocks: &Blocks) -> impl Iterator<Item = (usize, [usize; 3])> {
    let [d, h, w] = blocks.shape;
    (0..blocks.n_groups).flat_map(move |group| {
        (0..d * h * w).map(move |n| (group, [n / (h * w), n / w % h, n % w]))
    })
}

/// Weights as numbers, and as kernels hold them.
struct Kernel {
    taps: Vec<Tap>,
    /// `[out][in][tap]`
    values: Vec<f32>,
    n_in: usize,
    packed: Weights,
}

impl Kernel {
    fn random(
        numbers: &mut Numbers,
        [n_out, n_in]: [usize; 2],
        taps: Vec<Tap>,
        arithmetic: Arithmetic,
    ) -> Self {
        let int8 = arithmetic == Arithmetic::Int8;
        let n_taps = taps.len();
        let mut value = || if int8 { numbers.below(255) as f32 - 127.0 } else { numbers.float() };
        let values: Vec<f32> = (0..n_out * n_in * n_taps).map(|_| value()).collect();
        let at =
            |out: usize, channel: usize, tap: usize| values[(out * n_in + channel) * n_taps + tap];
        let size = if int8 { 1e-4 } else { 1.0 };
        let terms = (0..n_out / 4).map(|quad| Terms {
            scale: [0, 1, 2, 3].map(|_| size * (1.1 + numbers.float())),
            bias: [0, 1, 2, 3].map(|_| numbers.float() / size.sqrt()),
            offset: [0, 1, 2, 3].map(|n| {
                let all = &values[(4 * quad + n) * n_in * n_taps..][..n_in * n_taps];
                128 * all.iter().sum::<f32>() as i32
            }),
            skip_scale: 0.37,
        });
        let terms: Vec<Terms> = terms.collect();
        let n_groups = n_in / per_unit(arithmetic);
        let packed =
            Weights::pack(n_groups, taps.clone(), terms, |[out, group, tap]| match arithmetic {
                Arithmetic::Int8 => u32::from_le_bytes(
                    [0, 1, 2, 3].map(|n| (at(out, 4 * group + n, tap) as i8).cast_unsigned()),
                ),
                Arithmetic::Float => at(out, group, tap).to_bits(),
            });
        Self { taps, values, n_in, packed }
    }

    /// What the next tensor holds at a voxel, given the skip there.
    fn expected(
        &self,
        input: &Plain,
        out: usize,
        at: [usize; 3],
        skip: Option<f32>,
        arithmetic: Arithmetic,
    ) -> f32 {
        let mut sum = 0.0_f64;
        for channel in 0..self.n_in {
            for (n, tap) in self.taps.iter().enumerate() {
                let from = [0, 1, 2].map(|axis| at[axis].cast_signed() + tap[axis]);
                let weight = self.values[(out * self.n_in + channel) * self.taps.len() + n];
                sum += f64::from(input.get(channel, from)) * f64::from(weight);
            }
        }
        let terms = &self.packed.terms[out / 4];
        let skip = skip.unwrap_or_default();
        match arithmetic {
            Arithmetic::Int8 => {
                let value = (sum as f32 * terms.scale[out % 4] + terms.bias[out % 4]).max(0.0);
                (value + skip * terms.skip_scale).min(255.0).round_ties_even()
            }
            Arithmetic::Float => (sum as f32 + terms.bias[out % 4]).max(0.0) + skip,
        }
    }
}

fn box_taps([z, y, x]: [std::ops::RangeInclusive<isize>; 3]) -> Vec<Tap> {
    z.flat_map(|z| {
        let x = x.clone();
        y.clone().flat_map(move |y| x.clone().map(move |x| [z, y, x]))
    })
    .collect()
}

/// Computes one convolution. The output holds what an upsampled one adds to, or there is a skip beside it.
fn compute(
    set: InstructionSet,
    convolution: &Convolution,
    input: &[u32],
    output: Vec<u32>,
) -> Vec<u32> {
    let skip = convolution.adds().then_some(1);
    let step = Step { convolution: convolution.clone(), feeder: None, input: 0, skip, output: 1 };
    let mut tensors = [input.to_vec(), output];
    Program::new(vec![step]).run(set, &mut tensors);
    let [_, output] = tensors;
    output
}

/// Runs on every set of this machine and compares each value with what is expected there.
fn check(
    convolution: &Convolution,
    arithmetic: Arithmetic,
    input: &[u32],
    skip: Option<&[u32]>,
    expected: impl Fn(usize, [usize; 3]) -> f32,
) -> Result<(), TestCaseError> {
    for set in InstructionSet::available() {
        let blocks = &convolution.output();
        let output = skip.map_or_else(|| vec![0; blocks.n_units()], <[u32]>::to_vec);
        let output = compute(set, convolution, input, output);
        let mut inside = vec![0; output.len()];
        for (group, at) in voxels(blocks) {
            let unit = output[blocks.at(group, at)];
            inside[blocks.at(group, at)] = unit;
            match arithmetic {
                Arithmetic::Int8 => {
                    for (n, byte) in unit.to_le_bytes().into_iter().enumerate() {
                        let wanted = expected(4 * group + n, at);
                        prop_assert_eq!(f32::from(byte), wanted, "{:?} {:?}", set, at);
                    }
                }
                Arithmetic::Float => {
                    let [found, wanted] = [f32::from_bits(unit), expected(group, at)];
                    let close = (found - wanted).abs() <= 1e-5 * wanted.abs().max(1.0);
                    prop_assert!(close, "{:?} {:?}: {} for {}", set, at, found, wanted);
                }
            }
        }
        prop_assert_eq!(output, inside, "{:?} wrote beyond the voxels", set);
    }
    Ok(())
}

fn arithmetics() -> impl Strategy<Value = Arithmetic> {
    prop_oneof![Just(Arithmetic::Int8), Just(Arithmetic::Float)]
}

/// Shapes below those sides; Miri, which is slow, gets a third of them.
fn shapes(sides: [usize; 3]) -> impl Strategy<Value = [usize; 3]> {
    sides.map(|side| 1..if cfg!(miri) { side.div_ceil(3) + 1 } else { side })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 48 }))]

    #[test]
    fn plain_convolutions_are_what_their_sums_say(
        arithmetic in arithmetics(),
        [quads_in, quads_out] in [1_usize..3, 1_usize..4],
        shape in shapes([4, 6, 40]),
        flat: bool, stride in 1_usize..=2, seed: u64,
    ) {
        let numbers = &mut Numbers(seed);
        let input = Plain::random(numbers, 4 * quads_in, shape, arithmetic == Arithmetic::Int8);
        let slices = if flat { 0..=0 } else { -1..=1 };
        let taps = box_taps([slices, -1..=1, -1..=1]);
        let kernel = Kernel::random(numbers, [4 * quads_out, 4 * quads_in], taps, arithmetic);
        let kind = Kind::Plain { weights: kernel.packed.clone(), stride };
        let convolution = Convolution::new(Arc::new(kind), arithmetic, input.blocks(arithmetic));
        let halves = shape.map(|side| side.div_ceil(stride));
        prop_assert_eq!(convolution.output().shape, halves);
        check(&convolution, arithmetic, &input.units(arithmetic), None, |out, at| {
            kernel.expected(&input, out, at.map(|at| at * stride), None, arithmetic)
        })?;
    }

    #[test]
    fn upsampled_convolutions_put_every_phase_in_its_place(
        arithmetic in arithmetics(),
        [quads_in, quads_out] in [1_usize..3, 1_usize..3],
        shape in shapes([3, 5, 24]),
        flat: bool, seed: u64,
    ) {
        let numbers = &mut Numbers(seed);
        let int8 = arithmetic == Arithmetic::Int8;
        let input = Plain::random(numbers, 4 * quads_in, shape, int8);
        let fine = shape.map(|side| 2 * side);
        let skip = Plain::random(numbers, 4 * quads_out, fine, int8);
        let kernels: Vec<Kernel> = (0..if flat { 4 } else { 8_usize })
            .map(|place| {
                let bits = [place / 4, place / 2 % 2, place % 2].map(usize::cast_signed);
                let [z, y, x] = bits.map(|bit| bit - 1..=bit);
                let taps = box_taps([if flat { 0..=0 } else { z }, y, x]);
                Kernel::random(numbers, [4 * quads_out, 4 * quads_in], taps, arithmetic)
            })
            .collect();
        let phases = kernels.iter().map(|kernel| kernel.packed.clone()).collect();
        let kind = Arc::new(Kind::Upsampled { phases, logits: None });
        let convolution = Convolution::new(kind, arithmetic, input.blocks(arithmetic));
        prop_assert_eq!(convolution.output(), skip.blocks(arithmetic));
        let [input_units, skip_units] = [&input, &skip].map(|it| it.units(arithmetic));
        check(&convolution, arithmetic, &input_units, Some(&skip_units), |out, at| {
            let [z, y, x] = at.map(|at| at % 2);
            let kernel = &kernels[if flat { 0 } else { 4 * z } + 2 * y + x];
            let skip = skip.get(out, at.map(usize::cast_signed));
            kernel.expected(&input, out, at.map(|at| at / 2), Some(skip), arithmetic)
        })?;
    }

    #[test]
    fn logits_are_one_channel_of_what_would_be_written(
        arithmetic in arithmetics(),
        [quads_in, quads_out] in [1_usize..3, 1_usize..4],
        shape in shapes([3, 5, 24]), seed: u64,
    ) {
        let numbers = &mut Numbers(seed);
        let int8 = arithmetic == Arithmetic::Int8;
        let input = Plain::random(numbers, 4 * quads_in, shape, int8);
        let skip = Plain::random(numbers, 4 * quads_out, shape.map(|side| 2 * side), int8);
        let phases: Vec<Weights> = (0..8)
            .map(|_| {
                let taps = box_taps([0..=1, 0..=1, -1..=0]);
                Kernel::random(numbers, [4 * quads_out, 4 * quads_in], taps, arithmetic).packed
            })
            .collect();
        let head = Kernel::random(numbers, [4, 4 * quads_out], vec![[0; 3]], arithmetic);
        let convolution = |logits| {
            let kind = Kind::Upsampled { phases: phases.clone(), logits };
            Convolution::new(Arc::new(kind), arithmetic, input.blocks(arithmetic))
        };
        let [whole, convolution] = [convolution(None), convolution(Some(head.packed.clone()))];
        let [units, skip_units] = [&input, &skip].map(|it| it.units(arithmetic));
        for set in InstructionSet::available() {
            let channels = compute(set, &whole, &units, skip_units.clone());
            let step = Step { convolution: convolution.clone(), feeder: None, input: 0, skip: Some(1), output: 2 };
            let program = Program::new(vec![step]);
            let n_logits = convolution.output().shape.iter().product();
            let mut tensors = [units.clone(), skip_units.clone(), vec![0; n_logits]];
            program.run(set, &mut tensors);
            prop_assert_eq!(&tensors[1], &skip_units, "the skip stays");
            for ((_, at), found) in voxels(&convolution.output()).zip(&tensors[2]) {
                let unit = |group| channels[whole.output().at(group, at)];
                let channel = |n: usize| match arithmetic {
                    Arithmetic::Int8 => f32::from(unit(n / 4).to_le_bytes()[n % 4]),
                    Arithmetic::Float => f32::from_bits(unit(n)),
                };
                let sum: f32 = (0..4 * quads_out).map(|n| channel(n) * head.values[n]).sum();
                let terms = &head.packed.terms[0];
                let scale = if int8 { terms.scale[0] } else { 1.0 };
                let wanted = sum * scale + terms.bias[0];
                let close = (f32::from_bits(*found) - wanted).abs() <= 1e-5 * wanted.abs().max(1.0);
                prop_assert!(close, "{:?} {:?}: {} for {}", set, at, f32::from_bits(*found), wanted);
            }
        }
    }

    #[test]
    fn a_ring_between_two_convolutions_changes_nothing(
        arithmetic in arithmetics(),
        quads in prop::array::uniform3(1_usize..3),
        shape in shapes([12, 5, 24]),
        flat in prop::array::uniform2(any::<bool>()), stride in 1_usize..=2, n_threads in 1_usize..4, seed: u64,
    ) {
        let numbers = &mut Numbers(seed);
        let input = Plain::random(numbers, 4 * quads[0], shape, arithmetic == Arithmetic::Int8);
        let mut kind = |n: usize, stride| {
            let slices = if flat[n] { 0..=0 } else { -1..=1 };
            let taps = box_taps([slices, -1..=1, -1..=1]);
            let sides = [4 * quads[n + 1], 4 * quads[n]];
            Arc::new(Kind::Plain { weights: Kernel::random(numbers, sides, taps, arithmetic).packed, stride })
        };
        let first = Convolution::new(kind(0, stride), arithmetic, input.blocks(arithmetic));
        let second = Convolution::new(kind(1, 1), arithmetic, first.output());
        let step = |convolution: &Convolution, feeder, input, output| Step {
            convolution: convolution.clone(), feeder, input, skip: None, output,
        };
        let one_by_one = Program::new(vec![step(&first, None, 0, 1), step(&second, None, 1, 2)]);
        let ringed = Program::new(vec![step(&second, Some(first.clone()), 0, 1)]);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let run = |program: &Program, set| {
            let mut tensors = program.tensors();
            tensors[0] = input.units(arithmetic);
            pool.install(|| program.run(set, &mut tensors));
            tensors.pop()
        };
        for set in InstructionSet::available() {
            let wanted = run(&one_by_one, set);
            // The second time with a ring that holds something.
            for _ in 0..2 {
                prop_assert_eq!(run(&ringed, set), wanted.clone(), "{:?}", set);
            }
        }
    }
}

#[test]
fn a_volume_becomes_bytes_and_their_neighbours() {
    let blocks = Blocks { n_groups: 1, shape: [1, 2, 3] };
    let steps = Steps { step: 2.0 / 254.0, zero_point: 127 };
    let mut units = vec![9; blocks.n_units()];
    pack_bytes(&[-1.0, 0.0, 1.0, 0.5, f32::NAN, 7.0], &blocks, steps, &mut units);
    let bytes = |row, column| units[blocks.at(0, [0, row, column])].to_le_bytes();
    assert_eq!(bytes(0, 0), [127, 0, 127, 0]);
    assert_eq!(bytes(0, 1), [0, 127, 254, 0]);
    // 63.5 steps are rounded to the even 64.
    assert_eq!(bytes(1, 0), [127, 191, 0, 0]);
    assert_eq!(bytes(1, 2), [0, 255, 127, 0]);
    assert_eq!(units[0].to_le_bytes(), [127, 127, 127, 0]);
    pack_floats(&[-1.0, 0.0, 1.0, 0.5, 0.0, 7.0], &blocks, &mut units);
    assert_eq!(units[blocks.at(0, [0, 1, 2])], 7.0_f32.to_bits());
    assert_eq!(units[blocks.n_units() - 1], 0);
}

/// One tap of one group to some quads.
fn smallest_weights(n_quads: usize) -> Weights {
    let terms = Terms { scale: [1.0; 4], bias: [0.0; 4], offset: [0; 4], skip_scale: 1.0 };
    Weights::pack(1, vec![[0; 3]], vec![terms; n_quads], |_| 0)
}

/// One tap of one group to one quad.
fn smallest(input: Blocks) -> Convolution {
    let weights = smallest_weights(1);
    Convolution::new(Arc::new(Kind::Plain { weights, stride: 1 }), Arithmetic::Int8, input)
}

#[test]
#[should_panic(expected = "tensors of other sizes")]
fn a_tensor_of_another_size_is_refused() {
    let convolution = smallest(Blocks { n_groups: 1, shape: [1; 3] });
    compute(InstructionSet::detect(), &convolution, &[0; 7], vec![0; 7]);
}

#[test]
#[should_panic(expected = "weights of another input")]
fn weights_for_other_channels_are_refused() {
    smallest(Blocks { n_groups: 2, shape: [1; 3] });
}

/// Upsampling from one group to one quad.
fn smallest_upsampled(head: Option<Weights>) -> Convolution {
    let phases = vec![smallest_weights(1); 8];
    let kind = Arc::new(Kind::Upsampled { phases, logits: head });
    Convolution::new(kind, Arithmetic::Int8, Blocks { n_groups: 1, shape: [1; 3] })
}

#[test]
#[should_panic(expected = "weights of another input")]
fn logits_of_several_quads_are_refused() {
    smallest_upsampled(Some(smallest_weights(2)));
}

#[test]
#[should_panic(expected = "something is added or not")]
fn an_upsampled_convolution_without_a_skip_is_refused() {
    let convolution = smallest_upsampled(Some(smallest_weights(1)));
    let _ = Program::new(vec![Step { convolution, feeder: None, input: 0, skip: None, output: 1 }]);
}

#[test]
#[should_panic(expected = "no convolutions that follow each other")]
fn a_feeder_of_another_tensor_is_refused() {
    let [convolution, other] =
        [[1; 3], [2; 3]].map(|shape| smallest(Blocks { n_groups: 1, shape }));
    let _ = Program::new(vec![Step {
        convolution,
        feeder: Some(other),
        input: 0,
        skip: None,
        output: 1,
    }]);
}

#[test]
#[should_panic(expected = "writes the tensor that it reads")]
fn a_step_in_place_is_refused() {
    let convolution = smallest(Blocks { n_groups: 1, shape: [1; 3] });
    let _ = Program::new(vec![Step { convolution, feeder: None, input: 0, skip: None, output: 0 }]);
}
