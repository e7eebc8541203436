//! One page to read or to print: whose, what was found, with pictures, and by what (PDF/A-2b).

use krilla::Document;
use krilla::color::rgb;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::metadata::{DateTime, Metadata};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::text::{Font, TextDirection};

use super::ScreenedSeries;
use crate::dicom::ct_series_writer::WriteError;
use crate::dicom::derived_object::DerivedFrom;
use crate::dicom::for_people;
use crate::display::canvas::Canvas;
use crate::screening::report::{CandidateReport, GlandReport, NOT_FOR_DIAGNOSTIC_USE};
use crate::screening::{Decision, ScreeningReport};
use crate::units::Side;

/// A4, points.
const PAGE: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 48.0;
/// Type sizes, points.
const SMALL: f32 = 7.0;
const BODY: f32 = 9.5;
const VERDICT: f32 = 22.0;
/// Between the lines of the body.
const LEADING: f32 = 14.0;
/// Where values begin beside their names.
const VALUES: f32 = 150.0;
/// Letters of a sentence of the body that fit on a line, with room to spare.
const LINE_LETTERS: usize = 95;

const INK: (u8, u8, u8) = (0x1a, 0x1a, 0x1a);
const QUIET: (u8, u8, u8) = (0x5a, 0x5a, 0x5a);
/// Behind the line that says what the page is not for.
const BAND: (u8, u8, u8) = (0x8a, 0x10, 0x10);
const PAPER: (u8, u8, u8) = (0xff, 0xff, 0xff);

/// The page as a PDF file. The same result gives the same bytes.
pub(super) fn pdf(
    series: &ScreenedSeries,
    from: &DerivedFrom,
    pictures: &[(Side, Canvas)],
) -> Result<Vec<u8>, WriteError> {
    let build = |error: &dyn std::fmt::Debug| WriteError::Build(format!("{error:?}").into());
    let configuration = ConfigurationBuilder::new().with_archival_validator(Archival::A2_B);
    let configuration = configuration.finish().map_err(|error| build(&error))?;
    let mut document = Document::new_with(krilla::SerializeSettings {
        configuration,
        ..krilla::SerializeSettings::default()
    });
    document.set_metadata(metadata(from));
    let settings = PageSettings::from_wh(PAGE.0, PAGE.1).expect("A4 has a size");
    let mut page = document.start_page_with(settings);
    fill(page.surface(), series.report, from, pictures);
    page.finish();
    document.finish().map_err(|error| build(&error))
}

fn fill(
    surface: Surface<'_>,
    report: &ScreeningReport,
    from: &DerivedFrom,
    pictures: &[(Side, Canvas)],
) {
    let mut sheet = Sheet::new(surface);
    sheet.heading(from);
    sheet.patient(from);
    sheet.verdict(report);
    sheet.pictures(report, pictures);
    sheet.masses(report);
    sheet.made_by(report);
    sheet.surface.finish();
}

fn metadata(from: &DerivedFrom) -> Metadata {
    let (date, time) = from.content_date_time();
    let number = |text: &str| text.parse::<u8>().unwrap_or_default();
    let made = DateTime::new(date[..4].parse().unwrap_or(1900))
        .month(number(&date[4..6]))
        .day(number(&date[6..]))
        .hour(number(&time[..2]))
        .minute(number(&time[2..4]))
        .second(number(&time[4..]));
    Metadata::new()
        .title(format!("Parotid screening, {NOT_FOR_DIAGNOSTIC_USE}"))
        .creator("parotidd".to_owned())
        .language("en".to_owned())
        .creation_date(made)
        .document_id(from.uid(&["page"]))
}

/// A page that is filled from the top.
struct Sheet<'a> {
    surface: Surface<'a>,
    regular: Font,
    bold: Font,
    /// Base of the next line.
    y: f32,
}

impl<'a> Sheet<'a> {
    fn new(surface: Surface<'a>) -> Self {
        let font = |bytes: &'static [u8]| Font::new(bytes.into(), 0).expect("the fonts are whole");
        let (regular, bold) = (font(dejavu::sans::regular()), font(dejavu::sans::bold()));
        Self { surface, regular, bold, y: MARGIN }
    }

    fn color(&mut self, (r, g, b): (u8, u8, u8)) {
        let fill = Fill { paint: rgb::Color::new(r, g, b).into(), ..Fill::default() };
        self.surface.set_fill(Some(fill));
    }

    fn write(&mut self, x: f32, size: f32, bold: bool, text: &str) {
        let font = if bold { self.bold.clone() } else { self.regular.clone() };
        let at = Point::from_xy(x, self.y);
        self.surface.draw_text(at, font, size, text, false, TextDirection::Auto);
    }

    fn line(&mut self, text: &str) {
        self.write(MARGIN, BODY, false, text);
        self.y += LEADING;
    }

    /// A sentence over as many lines as it takes.
    fn sentence(&mut self, text: &str) {
        for line in wrap(text, LINE_LETTERS) {
            self.line(&line);
        }
    }

    fn pair(&mut self, name: &str, value: &str) {
        self.color(QUIET);
        self.write(MARGIN, BODY, false, name);
        self.color(INK);
        self.write(VALUES, BODY, false, value);
        self.y += LEADING;
    }

    fn heading(&mut self, from: &DerivedFrom) {
        let mut path = PathBuilder::new();
        let band = Rect::from_xywh(0.0, 0.0, PAGE.0, 30.0).expect("the band has a size");
        path.push_rect(band);
        let path = path.finish().expect("a rectangle is a path");
        self.color(BAND);
        self.surface.draw_path(&path);
        self.color(PAPER);
        self.y = 19.5;
        let notice = NOT_FOR_DIAGNOSTIC_USE.to_uppercase();
        self.write(
            MARGIN,
            BODY,
            true,
            &format!("{notice}. A program's result; read the images as always."),
        );
        self.color(INK);
        self.y = 58.0;
        self.write(MARGIN, 15.0, true, "Parotid screening of a CT series");
        let (date, _) = from.content_date_time();
        self.write(
            PAGE.0 - MARGIN - 110.0,
            BODY,
            false,
            &format!("Study {}", for_people::date(date)),
        );
        self.y += 24.0;
    }

    fn patient(&mut self, from: &DerivedFrom) {
        let about = &from.patient_study;
        for (name, value) in [
            ("Patient", for_people::name(about.patient_name.expose())),
            ("Patient ID", about.patient_id.expose().clone()),
            ("Born", for_people::date(about.birth_date.expose())),
            ("Sex", about.sex.expose().clone()),
            ("Accession number", about.accession_number.expose().clone()),
            ("Referring physician", for_people::name(about.referring_physician.expose())),
        ] {
            if !value.is_empty() {
                self.pair(name, &value);
            }
        }
        self.y += 16.0;
    }

    fn verdict(&mut self, report: &ScreeningReport) {
        self.color(INK);
        self.y += 6.0;
        self.write(MARGIN, VERDICT, true, &verdict(report));
        self.y += 20.0;
        if let Some(reason) = report.reason {
            self.sentence(reason.sentence());
        }
        for warning in &report.warnings {
            self.sentence(warning.sentence());
        }
        for gland in &report.glands {
            let side = super::outlines::gland_name(gland.side);
            self.pair(&side, &gland_answer(gland));
        }
        self.y += 6.0;
    }

    /// A gland that alone is flagged over the width of the page; otherwise both side by side.
    fn pictures(&mut self, report: &ScreeningReport, pictures: &[(Side, Canvas)]) {
        const GAP: f32 = 10.0;
        let flagged = report.flagged_sides();
        let is_shown = |(side, _): &&(Side, Canvas)| flagged.len() != 1 || flagged.contains(side);
        let shown: Vec<_> = pictures.iter().filter(is_shown).collect();
        let n = if flagged.len() == 1 { 1.0 } else { 2.0 };
        let width = (PAGE.0 - 2.0 * MARGIN - (n - 1.0) * GAP) / n;
        let (mut x, mut tallest) = (MARGIN, 0.0_f32);
        for (_, canvas) in shown {
            let (image, aspect) = picture(canvas);
            let size = Size::from_wh(width, width * aspect).expect("the page has room");
            self.surface.push_transform(&Transform::from_translate(x, self.y));
            self.surface.draw_image(image, size);
            self.surface.pop();
            x += width + GAP;
            tallest = tallest.max(size.height());
        }
        if tallest > 0.0 {
            self.y += tallest + 24.0;
        }
    }

    fn masses(&mut self, report: &ScreeningReport) {
        let kept: Vec<&CandidateReport> = report.candidates.iter().filter(|it| it.kept).collect();
        if kept.is_empty() {
            return;
        }
        const COLUMNS: [f32; 5] = [MARGIN, 240.0, 310.0, 400.0, 480.0];
        let names = ["Mass", "Volume", "Longest axis", "Mean", "Score"];
        self.color(QUIET);
        for (x, name) in COLUMNS.into_iter().zip(names) {
            self.write(x, BODY, false, name);
        }
        self.y += LEADING;
        self.color(INK);
        let labels = super::outlines::mass_names(kept.iter().map(|it| it.side));
        for (it, label) in kept.into_iter().zip(labels) {
            let cells = [
                label,
                format!("{:.2} cm\u{b3}", it.volume_cm3.0),
                format!("{:.0} mm", it.longest_diameter_mm.0),
                format!("{:.0} HU", it.mean_hu),
                format!("{:.2}", it.score),
            ];
            for (x, cell) in COLUMNS.into_iter().zip(cells) {
                self.write(x, BODY, false, &cell);
            }
            self.y += LEADING;
        }
    }

    /// At the foot of the page.
    fn made_by(&mut self, report: &ScreeningReport) {
        let models = &report.models;
        let decision = &models.decision;
        let network = |it: &crate::screening::report::ModelIdentity| {
            format!("{} {}, SHA-256 {}", it.name, it.version, it.sha256)
        };
        let lines = [
            network(&models.localizer),
            network(&models.segmenter),
            format!(
                "decision {}: {}, at least {} voxels of 1 mm\u{b3}; parotidd {}",
                decision.version,
                decision.rule,
                decision.tumor_voxels_min.0,
                report.software_version
            ),
            format!("Study {}", report.study_instance_uid),
            format!("Series {}", report.series_instance_uid),
        ];
        #[allow(clippy::cast_precision_loss, reason = "a handful of lines")]
        let height = lines.len() as f32 * 10.0;
        self.y = PAGE.1 - MARGIN - height;
        self.color(QUIET);
        for line in lines {
            self.write(MARGIN, SMALL, false, &line);
            self.y += 10.0;
        }
    }
}

fn picture(canvas: &Canvas) -> (Image, f32) {
    use embedded_graphics::geometry::OriginDimensions;
    let size = canvas.size();
    let rgba =
        canvas.to_rgb_bytes().chunks_exact(3).flat_map(|c| [c[0], c[1], c[2], 255]).collect();
    #[allow(clippy::cast_precision_loss, reason = "pictures are small")]
    let aspect = size.height as f32 / size.width as f32;
    (Image::from_rgba8(rgba, size.width, size.height), aspect)
}

fn verdict(report: &ScreeningReport) -> String {
    match report.decision {
        Decision::Flagged => {
            let sides: Vec<&str> = report.flagged_sides().iter().map(|it| it.as_str()).collect();
            format!("Flagged: {}", sides.join(" and "))
        }
        Decision::NotFlagged => "Not flagged".to_owned(),
        Decision::NotAssessable => "Not assessable".to_owned(),
    }
}

fn gland_answer(gland: &GlandReport) -> String {
    let answer = match gland.decision {
        Decision::Flagged => "a mass was outlined",
        Decision::NotFlagged => "no mass of the size that is looked for was outlined",
        Decision::NotAssessable => "not assessable, which is no negative",
    };
    match gland.reason {
        Some(reason) => format!("{answer}: {}", reason.sentence()),
        None => answer.to_owned(),
    }
}

fn wrap(text: &str, letters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= letters => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_cut_between_words() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("longer", 3), ["longer"]);
        assert!(wrap(" ", 3).is_empty());
    }
}
