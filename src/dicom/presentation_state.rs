//! Lines over the source's own images: Grayscale Softcopy Presentation State (PS3.3 A.33.1).

use std::path::Path;

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::attributes::{put_numbers, put_text, put_u16, sequence};
use super::ct_image::CtImage;
use super::ct_series_writer::{WriteError, write_object};
use super::derived_object::{DerivedFrom, DerivedKind};
use super::reference::Reference;

/// Name of the one layer.
const LAYER: &str = "AI";
/// Of soft tissue, HU: centre and width.
const WINDOW: [f64; 2] = [40.0, 350.0];
/// Yellow as CIELab (PS3.3 C.10.7.1.1), for viewers that show colours.
const COLOR: [u16; 3] = [0xDCDC, 0x7D7D, 0xD2D2];

/// What is drawn over one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation<'a> {
    /// Over which.
    pub image: &'a CtImage,
    /// Closed lines, `[column, row]` from the outer corner of the first pixel (PS3.3 C.10.5.1.2).
    pub lines: Vec<Vec<[f32; 2]>>,
    /// Beside the first line.
    pub text: String,
}

/// Writes a presentation state of these images, which are one size and one series.
///
/// # Errors
/// [`WriteError::Grid`] where there is no annotation; otherwise see [`WriteError`].
pub fn write_presentation_state(
    path: &Path,
    from: &DerivedFrom,
    kind: &DerivedKind,
    annotations: &[Annotation],
) -> Result<(), WriteError> {
    let first = annotations.first().ok_or(WriteError::Grid)?.image;
    let mut object = InMemDicomObject::new_empty();
    from.put(&mut object, kind, 1);
    let (date, time) = from.content_date_time();
    put_text(&mut object, tags::PRESENTATION_CREATION_DATE, VR::DA, date);
    put_text(&mut object, tags::PRESENTATION_CREATION_TIME, VR::TM, time);
    // Both glands may be shown.
    put_text(&mut object, tags::LATERALITY, VR::CS, "");
    put_text(&mut object, tags::CONTENT_LABEL, VR::CS, "PAROTID_MASS");
    put_text(&mut object, tags::CONTENT_DESCRIPTION, VR::LO, kind.description);
    put_text(&mut object, tags::CONTENT_CREATOR_NAME, VR::PN, "");
    put_references(&mut object, annotations);
    put_display(&mut object, first);
    let items = annotations.iter().map(annotation_item).collect();
    object.put(sequence(tags::GRAPHIC_ANNOTATION_SEQUENCE, items));
    let mut layer = InMemDicomObject::new_empty();
    put_text(&mut layer, tags::GRAPHIC_LAYER, VR::CS, LAYER);
    put_text(&mut layer, tags::GRAPHIC_LAYER_ORDER, VR::IS, "1");
    put_u16(&mut layer, tags::GRAPHIC_LAYER_RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &COLOR);
    put_text(&mut layer, tags::GRAPHIC_LAYER_DESCRIPTION, VR::LO, kind.description);
    object.put(sequence(tags::GRAPHIC_LAYER_SEQUENCE, vec![layer]));
    write_object(object, uids::EXPLICIT_VR_LITTLE_ENDIAN, path)
}

/// Of an image, or of a frame.
fn image_item(image: &CtImage) -> InMemDicomObject {
    let reference = Reference {
        sop_class: image.instance.sop_class_uid.clone(),
        sop_instance: image.instance.sop_instance_uid.clone(),
    };
    let mut item = reference.item();
    if reference.sop_class.as_str() != uids::CT_IMAGE_STORAGE {
        let frame = (image.frame + 1).to_string();
        put_text(&mut item, tags::REFERENCED_FRAME_NUMBER, VR::IS, &frame);
    }
    item
}

/// Presentation State Relationship (PS3.3 C.11.11). Frames of one instance are named one by one in the annotations.
fn put_references(object: &mut InMemDicomObject, annotations: &[Annotation]) {
    let mut images: Vec<&CtImage> = annotations.iter().map(|it| it.image).collect();
    images.dedup_by_key(|image| image.instance.sop_instance_uid.clone());
    let whole = |image: &&CtImage| {
        let mut item = image_item(image);
        item.remove_element(tags::REFERENCED_FRAME_NUMBER);
        item
    };
    let mut series = InMemDicomObject::new_empty();
    let uid = annotations[0].image.instance.series_instance_uid.as_str();
    put_text(&mut series, tags::SERIES_INSTANCE_UID, VR::UI, uid);
    let items = images.iter().map(whole).collect();
    series.put(sequence(tags::REFERENCED_IMAGE_SEQUENCE, items));
    object.put(sequence(tags::REFERENCED_SERIES_SEQUENCE, vec![series]));
}

/// The whole image in a window of soft tissue (PS3.3 C.10.4, C.11.1, C.11.8, C.11.6).
fn put_display(object: &mut InMemDicomObject, first: &CtImage) {
    let corner = |values: [i32; 2]| PrimitiveValue::I32(values.as_slice().into());
    let side =
        |pixels: usize| i32::try_from(pixels).expect("sides are checked when images are read");
    let mut area = InMemDicomObject::new_empty();
    area.put(DataElement::new(tags::DISPLAYED_AREA_TOP_LEFT_HAND_CORNER, VR::SL, corner([1, 1])));
    let last = corner([side(first.instance.columns), side(first.instance.rows)]);
    area.put(DataElement::new(tags::DISPLAYED_AREA_BOTTOM_RIGHT_HAND_CORNER, VR::SL, last));
    put_text(&mut area, tags::PRESENTATION_SIZE_MODE, VR::CS, "SCALE TO FIT");
    match &first.plane {
        Some(plane) => {
            put_numbers(&mut area, tags::PRESENTATION_PIXEL_SPACING, &plane.pixel_spacing_mm);
        }
        None => put_text(&mut area, tags::PRESENTATION_PIXEL_ASPECT_RATIO, VR::IS, "1\\1"),
    }
    object.put(sequence(tags::DISPLAYED_AREA_SELECTION_SEQUENCE, vec![area]));
    put_numbers(object, tags::RESCALE_INTERCEPT, &[first.rescale_intercept]);
    put_numbers(object, tags::RESCALE_SLOPE, &[first.rescale_slope]);
    put_text(object, tags::RESCALE_TYPE, VR::LO, "HU");
    let mut window = InMemDicomObject::new_empty();
    put_numbers(&mut window, tags::WINDOW_CENTER, &WINDOW[..1]);
    put_numbers(&mut window, tags::WINDOW_WIDTH, &WINDOW[1..]);
    object.put(sequence(tags::SOFTCOPY_VOILUT_SEQUENCE, vec![window]));
    put_text(object, tags::PRESENTATION_LUT_SHAPE, VR::CS, "IDENTITY");
}

/// Graphic Annotation (PS3.3 C.10.5).
fn annotation_item(annotation: &Annotation) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    item.put(sequence(tags::REFERENCED_IMAGE_SEQUENCE, vec![image_item(annotation.image)]));
    put_text(&mut item, tags::GRAPHIC_LAYER, VR::CS, LAYER);
    let lines = annotation.lines.iter().map(|line| line_item(line)).collect();
    item.put(sequence(tags::GRAPHIC_OBJECT_SEQUENCE, lines));
    let rightmost = annotation.lines.iter().flatten().max_by(|a, b| a[0].total_cmp(&b[0]));
    if let Some(&anchor) = rightmost {
        let text = text_item(&annotation.text, anchor);
        item.put(sequence(tags::TEXT_OBJECT_SEQUENCE, vec![text]));
    }
    item
}

fn floats(values: Vec<f32>) -> PrimitiveValue {
    PrimitiveValue::F32(values.into())
}

fn line_item(line: &[[f32; 2]]) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    put_text(&mut item, tags::GRAPHIC_ANNOTATION_UNITS, VR::CS, "PIXEL");
    put_u16(&mut item, tags::GRAPHIC_DIMENSIONS, &[2]);
    let n_points = u16::try_from(line.len()).unwrap_or(u16::MAX);
    put_u16(&mut item, tags::NUMBER_OF_GRAPHIC_POINTS, &[n_points]);
    let points = line.iter().take(usize::from(n_points)).flatten().copied().collect();
    item.put(DataElement::new(tags::GRAPHIC_DATA, VR::FL, floats(points)));
    put_text(&mut item, tags::GRAPHIC_TYPE, VR::CS, "POLYLINE");
    put_text(&mut item, tags::GRAPHIC_FILLED, VR::CS, "N");
    item
}

fn text_item(text: &str, anchor: [f32; 2]) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    put_text(&mut item, tags::ANCHOR_POINT_ANNOTATION_UNITS, VR::CS, "PIXEL");
    put_text(&mut item, tags::UNFORMATTED_TEXT_VALUE, VR::ST, text);
    item.put(DataElement::new(tags::ANCHOR_POINT, VR::FL, floats(anchor.to_vec())));
    put_text(&mut item, tags::ANCHOR_POINT_VISIBILITY, VR::CS, "Y");
    item
}
