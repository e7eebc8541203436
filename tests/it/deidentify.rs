//! De-identified images in every coding that DCMTK writes, and those of real scanners.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use parotidd::dicom::ct_image::read_images;
use parotidd::dicom::ct_pixels::decode_pixels;
use parotidd::dicom::ct_series_writer::CtEncoding;
use parotidd::dicom::deidentify::{Dates, Deidentifier, DeidentifyError, UidMap};
use parotidd::dicom::part10::FileMeta;
use parotidd::units::Hounsfield;

use crate::transfer_syntaxes::{convert, write_slice};

fn deidentifier(dates: Dates) -> Deidentifier {
    Deidentifier { uids: UidMap::new([9; 32]), dates, pseudonym: "pat-0".into() }
}

/// The first image's pixels; `None` where they can't be decoded.
fn pixels(path: &Path) -> Option<Vec<Hounsfield>> {
    let image = read_images(path).ok()?.into_iter().next()?;
    let mut out = vec![Hounsfield::AIR; image.instance.rows * image.instance.columns];
    decode_pixels(&image, &mut out).ok()?;
    Some(out)
}

/// What dciodvfy calls errors; `None` where it is not installed.
fn errors(path: &Path) -> Option<BTreeSet<String>> {
    let Ok(output) = Command::new("dciodvfy").arg(path).output() else {
        eprintln!("skipped: dciodvfy is not installed");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let errors = said.lines().filter(|line| line.starts_with("Error"));
    // What a value is called is its own business.
    Some(errors.map(|line| line.split('<').next().unwrap_or(line).to_owned()).collect())
}

#[test]
fn every_coding_keeps_its_pixels_and_its_syntax() {
    let folder = tempfile::tempdir().unwrap();
    let plain = write_slice(folder.path(), CtEncoding::default());
    let expected = pixels(&plain).unwrap();
    for (number, (program, arguments)) in [
        ("dcmconv", &["+ti"][..]),
        ("dcmconv", &["+tb"]),
        ("dcmconv", &["+td"]),
        ("dcmcrle", &[]),
        ("dcmcjpeg", &["+e1"]),
        ("dcmcjpeg", &["+fs", "1", "+ot"]),
        ("dcmcjpls", &["+el"]),
    ]
    .into_iter()
    .enumerate()
    {
        let from = folder.path().join(format!("from-{number}.dcm"));
        let to = folder.path().join(format!("to-{number}.dcm"));
        if !convert(program, arguments, &plain, &from) {
            return;
        }
        let meta = deidentifier(Dates::Removed).deidentify(&from, &to).unwrap();
        let (old, _) = FileMeta::read(fs::File::open(&from).unwrap()).unwrap();
        assert_eq!(meta.transfer_syntax, old.transfer_syntax);
        assert!(pixels(&to).unwrap() == expected, "{program} {arguments:?}");
        let dumped = Command::new("dcmdump").arg(&to).output().unwrap();
        assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
        // It cannot read what is deflated.
        let [new, old] = [&to, &from].map(|path| errors(path).unwrap_or_default());
        assert!(new.is_subset(&old), "{program} {arguments:?}: {new:?}");
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn images_of_real_scanners_are_as_sound_as_before() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/dicom_corpus");
    if !corpus.exists() {
        eprintln!("skipped: no images of scanners at {}", corpus.display());
        return;
    }
    let mut all = Vec::new();
    files(&corpus, &mut all);
    all.sort();
    let folder = tempfile::tempdir().unwrap();
    let (mut n_clean, mut worse) = (0, Vec::new());
    for (number, from) in all.iter().enumerate() {
        let to = folder.path().join(format!("{number}.dcm"));
        let shifted = Dates::Shifted { days: -100 };
        let dates = if number % 2 == 0 { Dates::Removed } else { shifted };
        if let Err(error) = deidentifier(dates).deidentify(from, &to) {
            // What is no image to us, or has writing in it.
            let is_burned_in = matches!(error, DeidentifyError::BurnedIn);
            assert!(is_burned_in || read_images(from).is_err(), "{}: {error}", from.display());
            assert!(!to.exists(), "{}", from.display());
            continue;
        }
        n_clean += 1;
        assert!(pixels(&to) == pixels(from), "{}", from.display());
        if let (Some(new), Some(old)) = (errors(&to), errors(from)) {
            worse.extend(new.difference(&old).map(|it| format!("{}: {it}", from.display())));
        }
        fs::remove_file(&to).unwrap();
    }
    assert!(n_clean > 50 && worse.is_empty(), "{n_clean}:\n{}", worse.join("\n"));
}
