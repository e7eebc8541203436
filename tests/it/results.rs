//! The key pictures that a screening leaves for the radiologist.

use std::path::Path;
use std::sync::LazyLock;

use embedded_graphics::geometry::{OriginDimensions, Point};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use parotidd::dicom::ct_pixels::same_pixels;
use parotidd::display::canvas::Canvas;
use parotidd::display::headless::write_png;
use parotidd::display::key_image::key_image;
use parotidd::evaluation::phantom_files::write_phantom;
use parotidd::imaging::{Volume, gland_crop_grid};
use parotidd::intake::ct_volume::{VolumePlan, assemble, load};
use parotidd::intake::scan::scan;
use parotidd::phantom::{Overrides, PhantomSpec, Protocol, Site, generate_with};
use parotidd::reason::Reason;
use parotidd::screening::gland::GlandOutline;
use parotidd::screening::report::{
    CandidateReport, DecisionIdentity, GlandReport, GlandState, ModelIdentity, Models,
    NOT_FOR_DIAGNOSTIC_USE, SCHEMA, Timing,
};
use parotidd::screening::{Decision, DecisionPolicy, Outline, Screener, ScreeningReport};
use parotidd::system::threads;
use parotidd::units::{Hounsfield, Millimeters, Probability, Side, VoxelCount};

/// A phantom on disk with a mass on its left, and the answer that perfect networks would give.
pub(crate) struct Screened {
    pub(crate) plan: VolumePlan,
    pub(crate) volume: Volume<Hounsfield>,
    pub(crate) report: ScreeningReport,
    pub(crate) outlines: Vec<Outline>,
    pub(crate) gland_outlines: Vec<GlandOutline>,
    _folder: tempfile::TempDir,
}

pub(crate) static SCREENED: LazyLock<Screened> = LazyLock::new(|| {
    let spec =
        PhantomSpec { seed: 7, site: Site::A, protocol: Protocol::Neck, tumor: Some(Side::Left) };
    let small =
        Overrides { matrix: Some(256), slice_spacing_mm: Some(2.5), n_slices_max: Some(40) };
    let phantom = generate_with(&spec, small);
    let folder = tempfile::tempdir().unwrap();
    write_phantom(folder.path(), &spec, &phantom).unwrap();
    let (_, images) = scan(&[folder.path().to_owned()]).series.pop_first().unwrap();
    let plan = assemble(images, same_pixels).unwrap();
    let volume = load(&plan, None).unwrap();
    let truth = phantom.tumor.as_ref().unwrap().mask.clone();
    let centers = phantom.glands.each_ref().map(|gland| gland.centroid().unwrap());
    let grid = gland_crop_grid(centers[1], Side::Left, [80, 80, 64], 1.0);
    let mask = truth.on_grid(&grid);
    let center = mask.centroid().unwrap();
    let voxels = VoxelCount(u32::try_from(mask.n_inside()).unwrap());
    let gland = |side: Side, decision, score| GlandReport {
        side,
        state: GlandState::Assessed,
        reason: None,
        center_mm: Some(centers[side as usize]),
        heatmap_peak: Probability(0.9),
        decision,
        score,
    };
    let model = |name: &str| ModelIdentity {
        name: format!("parotidd-{name}"),
        version: "0.1.0".into(),
        sha256: "0123456789abcdef".repeat(4),
    };
    let report = ScreeningReport {
        schema: SCHEMA.into(),
        software_version: "0.1.0".into(),
        notice: NOT_FOR_DIAGNOSTIC_USE.into(),
        study_instance_uid: plan.slices[0].instance.study_instance_uid.to_string(),
        series_instance_uid: plan.slices[0].instance.series_instance_uid.to_string(),
        accession_number: "SECRET".into(),
        models: Models {
            localizer: model("localizer"),
            segmenter: model("segmenter"),
            decision: DecisionIdentity {
                version: "1".into(),
                rule: "size".into(),
                gamma: 5.0,
                tumor_voxels_min: VoxelCount(500),
            },
        },
        decision: Decision::Flagged,
        reason: None,
        warnings: Vec::new(),
        score: 0.97,
        glands: vec![
            gland(Side::Right, Decision::NotFlagged, 0.03),
            gland(Side::Left, Decision::Flagged, 0.97),
        ],
        candidates: vec![CandidateReport {
            side: Side::Left,
            voxels,
            volume_cm3: voxels.to_cubic_centimeters(),
            longest_diameter_mm: Millimeters(24.3),
            center_mm: center,
            mean_hu: 52.0,
            score: 0.97,
            kept: true,
        }],
        timing_ms: Timing::default(),
    };
    let outlines = vec![Outline { side: Side::Left, mask, center }];
    let gland_outlines = Side::BOTH
        .into_iter()
        .zip(phantom.glands)
        .map(|(side, mask)| GlandOutline { side, mask })
        .collect();
    Screened { plan, volume, report, outlines, gland_outlines, _folder: folder }
});

fn picture(report: &ScreeningReport, outlines: &[Outline], side: Side) -> Option<Canvas> {
    let picture = key_image(&SCREENED.volume, report, outlines, side);
    if let Some(picture) = &picture {
        // For eyes.
        let name = format!("key-{side}-{}.png", report.decision.as_str());
        write_png(picture, &Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)).unwrap();
    }
    picture
}

/// Places of the whole slice's pixels (640 x 640 from the top left) that have the contour's yellow.
fn yellow(canvas: &Canvas, left: i32, top: i32, side: i32) -> Vec<Point> {
    let is_yellow = |c: Rgb888| c.r() > 180 && c.g() > 140 && c.b() < 110;
    (0..side * side)
        .map(|n| Point::new(left + n % side, top + n / side))
        .filter(|&at| canvas.pixel(at).is_some_and(is_yellow))
        .collect()
}

#[test]
fn a_mass_is_outlined_on_its_own_side_and_the_bare_close_up_is_bare() {
    let Screened { report, outlines, .. } = &*SCREENED;
    let left = picture(report, outlines, Side::Left).unwrap();
    let inked = yellow(&left, 0, 0, 640);
    assert!(inked.len() > 60, "{}", inked.len());
    // The patient's left is on the right.
    assert!(inked.iter().all(|at| at.x > 320), "{inked:?}");
    assert!(yellow(&left, 642, 0, 319).len() > 150);
    assert_eq!(yellow(&left, 642, 321, 319), []);

    // The other gland's picture shows another slice; its close-ups have no mass in them.
    let right = picture(report, outlines, Side::Right).unwrap();
    assert_eq!(yellow(&right, 642, 0, 319), []);
    assert_eq!(left.size(), right.size());
}

#[test]
fn nothing_is_drawn_where_nothing_was_found() {
    let mut report = SCREENED.report.clone();
    report.candidates.clear();
    report.decision = Decision::NotAssessable;
    report.glands[1] = GlandReport {
        state: GlandState::NotAssessable,
        reason: Some(Reason::NotInFieldOfView),
        decision: Decision::NotAssessable,
        ..report.glands[1].clone()
    };
    let canvas = picture(&report, &[], Side::Left).unwrap();
    assert_eq!(yellow(&canvas, 0, 0, 961), []);
    report.glands[1].center_mm = None;
    assert!(picture(&report, &[], Side::Left).is_none());
}

/// A machine that is too hot computes on half of its cores: the answer must not depend on that.
#[test]
fn a_slowed_down_machine_gives_the_same_answer() {
    let screener =
        Screener::new(parotidd::inference::Models::embedded().unwrap(), DecisionPolicy::embedded());
    let screen = || screener.screen(&SCREENED.volume, &|_| {}).unwrap();
    let usual = screen();
    let slow = threads::half().unwrap().install(screen);
    assert_eq!(usual.glands.len(), 2, "it was assessed");
    assert!(slow == usual);
}
