//! Compressed CT as DCMTK writes it, and as other people's files hold it, against the same image uncompressed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use parotidd::dicom::ct_image::{CtImage, read_images};
use parotidd::dicom::ct_pixels::decode_pixels;
use parotidd::dicom::ct_series_writer::{CtEncoding, write_ct_series};
use parotidd::dicom::part10::FileMeta;
use parotidd::imaging::{Geometry, PatientPoint, Volume};
use parotidd::reason::Reason;
use parotidd::units::Hounsfield;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::intake::header;

/// The largest fragments that DCMTK's smallest limit makes are two of them, so that a frame has several.
const SIDES: [usize; 3] = [1, 96, 128];

/// A slice with air, smooth tissue and noise.
fn slice() -> Volume<Hounsfield> {
    let steps = [[0.0, 0.0, 2.5], [0.0, 0.5, 0.0], [0.5, 0.0, 0.0]];
    let grid = Geometry::new(PatientPoint::new(0.0, 0.0, 0.0), steps, SIDES).unwrap();
    let mut volume = Volume::filled(grid, Hounsfield::AIR);
    let mut numbers = ChaCha8Rng::seed_from_u64(1);
    for row in 8..SIDES[1] {
        for column in 20..SIDES[2] {
            let noise = if row > 40 { numbers.random_range(-300..1500) } else { 0 };
            let hu = i16::try_from(row + column).unwrap() - 100 + noise;
            volume.voxels_mut()[row * SIDES[2] + column] = Hounsfield(hu);
        }
    }
    volume
}

pub(crate) fn write_slice(folder: &Path, encoding: CtEncoding) -> PathBuf {
    let volume = slice();
    write_ct_series(folder, &volume, &header("compressed", encoding)).unwrap().remove(0)
}

fn pixels(image: &CtImage) -> Vec<Hounsfield> {
    let mut out = vec![Hounsfield::AIR; image.instance.rows * image.instance.columns];
    decode_pixels(image, &mut out).unwrap();
    out
}

fn pixels_of(path: &Path) -> Vec<Hounsfield> {
    pixels(&read_images(path).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()))[0])
}

fn largest_difference(a: &[Hounsfield], b: &[Hounsfield]) -> i32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (i32::from(a.0) - i32::from(b.0)).abs()).max().unwrap()
}

/// Runs one of DCMTK's converters; false where it is missing.
pub(crate) fn convert(program: &str, arguments: &[&str], from: &Path, to: &Path) -> bool {
    match Command::new(program).args(arguments).args([from, to]).output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program} {arguments:?}: {text}");
            true
        }
        Err(error) => {
            eprintln!("skipped: {program} (DCMTK): {error}");
            false
        }
    }
}

#[test]
fn what_dcmtk_compresses_is_decoded_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let expected = slice().slice(0).to_vec();
    let signed = CtEncoding { signed: true, intercept: 0.0, ..CtEncoding::default() };
    let encodings = [CtEncoding::default(), signed, CtEncoding { bits_stored: 16, ..signed }];
    for encoding in encodings {
        let plain = write_slice(folder.path(), encoding);
        assert_eq!(pixels_of(&plain), expected);
        let to = folder.path().join("compressed.dcm");
        let conversions: [(&str, &[&str], &str); 10] = [
            ("dcmconv", &["+ti"], "1.2.840.10008.1.2"),
            ("dcmconv", &["+tb"], "1.2.840.10008.1.2.2"),
            ("dcmconv", &["+td"], "1.2.840.10008.1.2.1.99"),
            ("dcmcrle", &[], "1.2.840.10008.1.2.5"),
            ("dcmcrle", &["+fs", "4"], "1.2.840.10008.1.2.5"),
            ("dcmcjpeg", &["+e1"], "1.2.840.10008.1.2.4.70"),
            ("dcmcjpeg", &["+e1", "+fs", "4", "-ot"], "1.2.840.10008.1.2.4.70"),
            ("dcmcjpeg", &["+el", "+sv", "6"], "1.2.840.10008.1.2.4.57"),
            ("dcmcjpls", &["+el"], "1.2.840.10008.1.2.4.80"),
            ("dcmcjpls", &["+el", "+fs", "4"], "1.2.840.10008.1.2.4.80"),
        ];
        for (program, arguments, syntax) in conversions {
            if !convert(program, arguments, &plain, &to) {
                return;
            }
            assert_eq!(
                FileMeta::read(File::open(&to).unwrap()).unwrap().0.transfer_syntax.as_str(),
                syntax
            );
            let images = read_images(&to).unwrap();
            assert!(!images[0].instance.is_lossy);
            assert!(pixels(&images[0]) == expected, "{program} {arguments:?} {encoding:?}");
        }
        if encoding.signed {
            // DCMTK does not write that with loss.
            continue;
        }
        convert("dcmcjpls", &["+en", "+md", "3"], &plain, &to);
        let images = read_images(&to).unwrap();
        assert!(images[0].instance.is_lossy);
        assert_eq!(largest_difference(&pixels(&images[0]), &expected), 3, "{encoding:?}");
    }
}

#[test]
fn jpeg_2000_and_its_fast_form_are_decoded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/jpeg2000");
    let pixels_of = |name: &str| pixels_of(&folder.join(name).with_extension("dcm"));
    let expected = pixels_of("plain_unsigned");
    for name in ["plain_signed", "j2k_unsigned", "j2k_signed", "htj2k_unsigned", "htj2k_signed"] {
        assert!(pixels_of(name) == expected, "{name}");
    }
    let difference = largest_difference(&pixels_of("htj2k_lossy"), &expected);
    assert!((1..200).contains(&difference), "{difference} HU");
    let lossy = &read_images(&folder.join("htj2k_lossy.dcm")).unwrap()[0];
    assert!(lossy.instance.is_lossy);
}

#[test]
fn a_damaged_frame_is_refused_and_never_becomes_an_image_with_holes() {
    let folder = tempfile::tempdir().unwrap();
    let plain = write_slice(folder.path(), CtEncoding::default());
    let to = folder.path().join("compressed.dcm");
    for program in ["dcmcrle", "dcmcjpeg", "dcmcjpls"] {
        if !convert(program, &[], &plain, &to) {
            return;
        }
        let good = fs::read(&to).unwrap();
        // Of the frame's own bytes, which the file ends with, but for the sequence delimiter.
        let damaged = folder.path().join("damaged.dcm");
        let mut bytes = good.clone();
        let n = bytes.len();
        bytes[n - 4_000..n - 8].fill(0xFF);
        fs::write(&damaged, &bytes).unwrap();
        let image = &read_images(&damaged).unwrap()[0];
        let mut out = vec![Hounsfield::AIR; SIDES[1] * SIDES[2]];
        match decode_pixels(image, &mut out) {
            Err(error) => assert_eq!(error.reason(), Reason::DamagedPixelData, "{program}"),
            Ok(()) => panic!("{program}: damage went by unnoticed"),
        }
        fs::write(&damaged, &good[..n - 100]).unwrap();
        assert_eq!(read_images(&damaged).unwrap_err().reason(), Reason::Truncated, "{program}");
    }
}

/// Times that each file is mutated; `MUTATIONS` for more.
const MUTATIONS: usize = 60;

#[test]
fn mutated_frames_are_survived() {
    let folder = tempfile::tempdir().unwrap();
    let plain = write_slice(folder.path(), CtEncoding::default());
    let mut files: Vec<PathBuf> = Vec::new();
    for (n, program) in ["dcmcrle", "dcmcjpeg", "dcmcjpls"].into_iter().enumerate() {
        let to = folder.path().join(format!("{n}.dcm"));
        if convert(program, &[], &plain, &to) {
            files.push(to);
        }
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/jpeg2000");
    let named = ["j2k_signed", "j2k_unsigned", "htj2k_signed", "htj2k_unsigned", "htj2k_lossy"];
    files.extend(named.map(|name| fixtures.join(name).with_extension("dcm")));
    let n_mutations = std::env::var("MUTATIONS").map_or(MUTATIONS, |n| n.parse().unwrap());
    let mut numbers = ChaCha8Rng::seed_from_u64(2);
    let mutated = folder.path().join("mutated.dcm");
    for file in files {
        let good = fs::read(&file).unwrap();
        // The header has its own tests; the pixel data's items begin near its end.
        let start = good.windows(4).rposition(|it| it == [0xE0, 0x7F, 0x10, 0]).unwrap() + 20;
        for _ in 0..n_mutations {
            let mut bytes = good.clone();
            for _ in 0..numbers.random_range(1..8) {
                // Mostly the stream's own headers, which say what sizes there are.
                let span = if numbers.random_bool(0.7) { 160 } else { bytes.len() - start };
                let at = start + numbers.random_range(0..span);
                bytes[at] = numbers.random();
            }
            fs::write(&mutated, &bytes).unwrap();
            for image in read_images(&mutated).unwrap_or_default() {
                let n = image.instance.rows * image.instance.columns;
                // Whatever comes of it, it comes back.
                let _ = decode_pixels(&image, &mut vec![Hounsfield::AIR; n]);
            }
        }
    }
}

#[test]
fn other_peoples_compressed_ct_is_decoded() {
    let images = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/dicom_corpus/cornerstone3D/packages/dicomImageLoader/examplesOld/test-images");
    if !images.exists() {
        eprintln!("skipped: {} is not there", images.display());
        return;
    }
    let path = |syntax: &str| images.join(format!("CTImage.dcm_{syntax}.dcm"));
    let expected = pixels_of(&path("BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2"));
    for (syntax, tolerance) in [
        ("JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57", 0),
        ("JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70", 0),
        ("JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80", 0),
        ("JPEGLSLossyTransferSyntax_1.2.840.10008.1.2.4.81", 10),
        ("JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90", 0),
        ("JPEG2000TransferSyntax_1.2.840.10008.1.2.4.91", 100),
        ("RLELosslessTransferSyntax_1.2.840.10008.1.2.5", 0),
    ] {
        let difference = largest_difference(&pixels_of(&path(syntax)), &expected);
        assert!(difference <= tolerance, "{syntax}: {difference} HU");
    }
    // 12 bits with loss: no decoder here.
    let refused = read_images(&path("JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51"));
    assert_eq!(refused.unwrap_err().reason(), Reason::UnsupportedTransferSyntax);
}
