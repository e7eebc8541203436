//! Every view in every size: the words, the boxes they stand in, and the picture.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::pixelcolor::RgbColor;
use embedded_graphics::primitives::Rectangle;
use parotidd::clock::{Clock, ManualClock};
use parotidd::display::ambience::{Ambience, shift};
use parotidd::display::canvas::Canvas;
use parotidd::display::layout::{Item, Label, Scene};
use parotidd::display::panel::{Panel, Rotation, Target};
use parotidd::display::samples::{self, NOW_UNIX_MS};
use parotidd::display::sheet::sheet;
use parotidd::display::strings::Language;
use parotidd::display::task::{self, Look};
use parotidd::display::theme::{DAY, NIGHT, contrast};
use parotidd::display::view::View;
use parotidd::display::{SIZES, headless, render, render_view};
use parotidd::reason::Reason;
use parotidd::status::{Activity, DisplayState, LastResult, Outcome, Status};
use parotidd::units::{CubicCentimeters, Side};
use sha2::{Digest, Sha256};
use tokio::sync::{oneshot, watch};

/// Sizes of panels that nobody designed for.
const ODD_SIZES: [Size; 2] = [Size::new(640, 480), Size::new(1920, 1080)];
const SQUARE: Size = Size::new(480, 480);

fn views() -> Vec<(&'static str, View)> {
    samples::views(Language::En)
}

/// The words of a view, as a person reads them.
fn words(view: &View) -> String {
    let mut text = format!("{}\n{}\n", view.headline, view.lead);
    for line in [&view.measure, &view.detail].into_iter().flatten() {
        writeln!(text, "{line}").unwrap();
    }
    for figure in &view.figures {
        write!(text, "[{} {}] ", figure.value, figure.label).unwrap();
    }
    for link in &view.links {
        write!(text, "({} {}) ", if link.is_up { "+" } else { "!" }, link.label).unwrap();
    }
    if let Some(progress) = &view.progress {
        write!(text, "\n{} = {} permille", progress.label, progress.permille).unwrap();
    }
    if let Some(steps) = &view.steps {
        for (n, label) in steps.labels.iter().enumerate() {
            let mark = if n < steps.current { "+" } else { "" };
            let mark = if n == steps.current { ">" } else { mark };
            write!(text, "{mark}{label} ").unwrap();
        }
    }
    if let Some(notice) = &view.notice {
        write!(text, "\n! {notice}").unwrap();
    }
    let text = text.replace("\n\n", "\n").replace(" \n", "\n");
    format!("{}\n{} | {}\n", text.trim_end(), view.disclaimer, view.versions)
}

#[test]
fn words_of_every_view() {
    let pages: Vec<_> =
        views().iter().map(|(name, view)| format!("== {name}\n{}", words(view))).collect();
    insta::assert_snapshot!("words", pages.join("\n"));
}

/// Dark to bright, as an eye would see it from far away: one letter for 5 x 10 pixels.
fn sketch(canvas: &Canvas, size: Size) -> String {
    const CELL: Size = Size::new(5, 10);
    const INK: [char; 6] = [' ', '.', ':', 'o', 'O', '@'];
    let cell = |column: u32, row: u32| {
        let mut sum = 0_u32;
        for at in 0..CELL.width * CELL.height {
            let x = column * CELL.width + at % CELL.width;
            let y = row * CELL.height + at / CELL.width;
            let at = Point::new(x.try_into().unwrap(), y.try_into().unwrap());
            let pixel = canvas.pixel(at).unwrap();
            sum += u32::from(pixel.r().max(pixel.g()).max(pixel.b()));
        }
        let mean = sum / (CELL.width * CELL.height);
        INK[(mean.saturating_sub(27) as usize * INK.len() / 229).min(INK.len() - 1)]
    };
    (0..size.height / CELL.height)
        .map(|row| (0..size.width / CELL.width).map(|column| cell(column, row)).collect())
        .map(|line: String| line.trim_end().to_owned() + "\n")
        .collect()
}

#[test]
fn pictures_of_every_view() {
    let size = SIZES[0];
    let pages: Vec<_> = views()
        .iter()
        .map(|(name, view)| format!("== {name}\n{}", sketch(&render_view(view, size), size)))
        .collect();
    insta::assert_snapshot!("pictures", pages.join("\n"));
}

/// The labels of every view in every size, and a panel of odd shape.
fn labels() -> Vec<(String, Size, View, Vec<Label>)> {
    let sizes = SIZES.into_iter().chain(ODD_SIZES);
    let mut all = Vec::new();
    for size in sizes {
        for (name, view) in views() {
            let items = Scene::new(&view, size, &DAY).items.into_iter();
            let labels = items.filter_map(|item| match item {
                Item::Text(label) => Some(label),
                _ => None,
            });
            all.push((format!("{name} {size}"), size, view, labels.collect()));
        }
    }
    all
}

#[test]
fn no_text_leaves_its_box_and_no_box_the_picture() {
    for (name, size, _, labels) in labels() {
        let picture = Rectangle::new(Point::zero(), size);
        for label in &labels {
            let Label { area, text, font, .. } = label;
            assert!(font.width(text) <= area.size.width, "{name}: `{text}` is too wide");
            let height = 1.3 * f64::from(font.cap);
            assert!(height <= f64::from(area.size.height), "{name}: `{text}` is too high");
            assert_eq!(area.intersection(&picture), *area, "{name}: `{text}` is off the picture");
        }
        for (n, a) in labels.iter().enumerate() {
            for b in &labels[n + 1..] {
                let shared = a.area.intersection(&b.area);
                assert!(shared.is_zero_sized(), "{name}: `{}` over `{}`", a.text, b.text);
            }
        }
    }
}

#[test]
fn every_word_is_shown_and_large_enough() {
    for (name, size, view, labels) in labels() {
        let shown: Vec<_> = labels.iter().flat_map(|label| label.text.split(' ')).collect();
        let measure = view.measure.clone().unwrap_or_default();
        let detail = view.detail.clone().unwrap_or_default();
        let notice = view.notice.clone().unwrap_or_default();
        let links: Vec<_> = view.links.iter().map(|link| link.label.as_str()).collect();
        let figures: Vec<_> = view.figures.iter().map(|it| it.value.as_str()).collect();
        let (links, figures) = (links.join(" "), figures.join(" "));
        let texts = [&view.headline, &view.lead, &measure, &detail, &notice, &view.disclaimer];
        for text in texts.into_iter().chain([&links, &figures]) {
            for word in text.split(' ').filter(|word| !word.is_empty()) {
                assert!(shown.contains(&word), "{name}: `{word}` of `{text}` is missing");
            }
        }
        let side = f64::from(size.height.min(size.width));
        for label in &labels {
            let smallest = if view.headline.contains(&label.text) { 0.05 } else { 0.028 };
            let share = f64::from(label.font.cap) / side;
            assert!(share >= smallest, "{name}: `{}` has {share:.3} of the side", label.text);
        }
    }
}

#[test]
fn no_page_is_cut_in_any_language_and_size() {
    let mut problems = String::new();
    for &language in Language::ALL {
        for (name, view) in samples::views(language) {
            // What a fault says comes from the program, in its own words.
            if name == "fault" && language != Language::En {
                continue;
            }
            for size in SIZES.into_iter().chain(ODD_SIZES).chain([SQUARE]) {
                if !Scene::new(&view, size, &DAY).is_whole {
                    writeln!(problems, "{language:?} {name} {size}").unwrap();
                }
            }
        }
    }
    assert!(problems.is_empty(), "\n{problems}");
}

#[test]
fn every_reason_finds_room_in_every_language() {
    for &language in Language::ALL {
        for &reason in Reason::ALL {
            let outcome = Outcome::NotAssessable { reason };
            let last_result = Some(LastResult { finished_unix_ms: NOW_UNIX_MS, outcome });
            let status = Status {
                activity: Activity::Ready,
                last_result,
                destinations_down: vec!["ward".into()],
                ..Status::default()
            };
            let view = View::new(&status, NOW_UNIX_MS, language);
            for size in SIZES {
                assert!(Scene::new(&view, size, &DAY).is_whole, "{language:?} {reason} {size}");
            }
        }
    }
}

#[test]
fn everything_that_is_read_has_contrast_by_day_and_night() {
    let mut pairs = BTreeSet::new();
    for palette in [&DAY, &NIGHT] {
        for (_, view) in views() {
            for item in Scene::new(&view, SIZES[0], palette).items {
                let Item::Text(Label { text, color, ground, .. }) = item else { continue };
                let ratio = contrast(color, ground);
                assert!(ratio >= 7.0, "`{text}`: {color:?} on {ground:?} has {ratio:.1}");
                pairs.insert(format!("{color:?} {ground:?}"));
            }
        }
    }
    assert!(pairs.len() > 12, "{pairs:?}");
}

#[test]
fn the_text_is_drawn_on_the_ground_that_its_label_names() {
    for (name, view) in views() {
        let canvas = render_view(&view, SIZES[2]);
        for item in Scene::new(&view, SIZES[2], &DAY).items {
            let Item::Text(Label { area, ground, text, .. }) = item else { continue };
            let inside =
                area.top_left + Point::new(0, i32::try_from(area.size.height / 2).unwrap());
            let found = (0..3).any(|x| canvas.pixel(inside - Point::new(x, 0)) == Some(ground));
            assert!(found, "{name}: `{text}` is not on {ground:?}");
        }
    }
}

#[test]
fn pages_are_as_they_were() {
    let mut text = String::new();
    for (name, view) in views() {
        write!(text, "{name:22}").unwrap();
        for size in SIZES {
            let digest = Sha256::digest(render_view(&view, size).to_rgb_bytes());
            write!(text, " {}", &hex(&digest)[..8]).unwrap();
        }
        text.push('\n');
    }
    insta::assert_snapshot!("pages", text);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `parotidd render --sheet --out docs/display.png` draws it anew.
#[test]
fn the_sheet_in_the_documents_is_current() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sheet.png");
    headless::write_png(&sheet(Language::En), &path).unwrap();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/display.png");
    let (drawn, kept) = (std::fs::read(path).unwrap(), std::fs::read(kept).unwrap());
    assert!(kept.len() < 1024 * 1024, "{} bytes", kept.len());
    assert!(
        drawn == kept,
        "draw docs/display.png anew: parotidd render --sheet --out docs/display.png"
    );
}

#[test]
fn the_night_is_darker_and_shows_the_same() {
    let sum = |canvas: &Canvas| -> u64 {
        canvas.to_rgb_bytes().iter().map(|&byte| u64::from(byte)).sum()
    };
    for (name, view) in views() {
        let [day, night] = [&DAY, &NIGHT].map(|palette| render(&view, SIZES[1], palette));
        assert!(sum(&night) * 10 < sum(&day) * 6, "{name}");
        let [day, night] = [&DAY, &NIGHT].map(|palette| Scene::new(&view, SIZES[1], palette));
        assert_eq!(day.items.len(), night.items.len());
    }
}

#[test]
fn every_reason_and_any_fault_finds_room() {
    let long = "word ".repeat(200);
    let unbroken = "x".repeat(500);
    let faults = [long.as_str(), unbroken.as_str(), ""].map(|message| Status {
        activity: Activity::Fault { message: message.to_owned() },
        ..Status::default()
    });
    let reasons = Reason::ALL.iter().map(|&reason| Status {
        activity: Activity::Ready,
        last_result: Some(LastResult {
            finished_unix_ms: NOW_UNIX_MS,
            outcome: Outcome::NotAssessable { reason },
        }),
        ..Status::default()
    });
    for status in reasons.chain(faults) {
        let is_fault = matches!(status.activity, Activity::Fault { .. });
        let view = View::new(&status, NOW_UNIX_MS, Language::En);
        for size in SIZES {
            let mut shown = String::new();
            for item in Scene::new(&view, size, &DAY).items {
                let Item::Text(label) = item else { continue };
                shown = shown + &label.text + " ";
                assert!(label.font.width(&label.text) <= label.area.size.width, "{label:?}");
                let was_cut = label.text.ends_with("...");
                assert!(is_fault || !was_cut, "{size}: `{}` of `{}`", label.text, view.lead);
            }
            assert!(is_fault || shown.contains(&view.lead), "{size}: {shown}");
        }
    }
}

#[test]
fn the_right_side_is_on_the_left() {
    let size = SIZES[2];
    let picture = |sides: &[Side]| {
        let outcome = Outcome::Flagged { sides: sides.to_vec(), volume_cm3: CubicCentimeters(1.0) };
        let last_result = Some(LastResult { finished_unix_ms: NOW_UNIX_MS, outcome });
        let status = Status { activity: Activity::Ready, last_result, ..Status::default() };
        let view = View::new(&status, NOW_UNIX_MS, Language::En);
        let scene = Scene::new(&view, size, &DAY);
        let head = scene.items.iter().find_map(|item| match item {
            Item::Head { area, .. } => Some(*area),
            _ => None,
        });
        (render_view(&view, size), head.unwrap())
    };
    let check = |sides: &[Side], is_marked_left: bool, is_marked_right: bool| {
        let (canvas, head) = picture(sides);
        let middle = head.center().x;
        let mut columns = BTreeSet::new();
        for (y, row) in canvas.rows().enumerate().skip(30) {
            for (x, pixel) in row.iter().enumerate() {
                let at = Point::new(x.try_into().unwrap(), y.try_into().unwrap());
                if head.contains(at) && pixel.r() > 240 && pixel.b() < 100 {
                    columns.insert(at.x);
                }
            }
        }
        assert_eq!(columns.iter().any(|&x| x < middle), is_marked_left, "{sides:?}");
        assert_eq!(columns.iter().any(|&x| x > middle), is_marked_right, "{sides:?}");
    };
    check(&[Side::Right], true, false);
    check(&[Side::Left], false, true);
    check(&Side::BOTH, true, true);
}

#[tokio::test]
async fn the_task_shows_each_change_and_says_when_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("display.png");
    let (sender, receiver) = watch::channel(Status::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let target = Target::Headless { path: path.clone(), size: SIZES[0] };
    let panel = Panel::new(target, Rotation::None);
    let look = Look { language: Language::En, ambience: Ambience::day() };
    let clock = Arc::new(ManualClock::default());
    let now = clock.unix_ms();
    let (state, shows) = watch::channel(DisplayState::None);
    let running = tokio::spawn(task::run(panel, look, clock, receiver, state, async {
        let _ = stopped.await;
    }));
    let expected = folder.path().join("expected.png");
    let view = |status: &Status| View::new(status, 0, Language::En);
    let wait_for = async |view: View| {
        let picture = render_view(&view, SIZES[0]).shifted(shift(now, SIZES[0]));
        headless::write_png(&picture, &expected).unwrap();
        let want = std::fs::read(&expected).unwrap();
        for _ in 0..500 {
            if std::fs::read(&path).is_ok_and(|got| got == want) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the picture of {view:?} did not come");
    };
    wait_for(view(&Status::default())).await;
    let ready = Status { activity: Activity::Ready, ..Status::default() };
    sender.send(ready.clone()).unwrap();
    wait_for(view(&ready)).await;
    assert_eq!(*shows.borrow(), DisplayState::Up);
    stop.send(()).unwrap();
    running.await.unwrap();
    wait_for(View::stopped(&ready, Language::En)).await;
}

/// `DISPLAY_PICTURES=folder cargo test --test it display` leaves every picture there to be looked at.
#[test]
fn pictures_to_look_at() {
    let Some(folder) = std::env::var_os("DISPLAY_PICTURES") else { return };
    for (name, view) in views() {
        for size in SIZES {
            let Size { width, height } = size;
            let path = Path::new(&folder).join(format!("{width}x{height}-{name}.png"));
            headless::write_png(&render_view(&view, size), &path).unwrap();
        }
    }
}
