//! Content items of structured reports (PS3.3 C.17.3): the tree that a document's templates (PS3.16) describe.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::{decimal_string, put_text, put_u16, sequence};
use super::codes::Code;
use super::reference::Reference;

/// How an item belongs to the one that holds it (PS3.3 table C.17.3-8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relationship {
    Contains,
    HasObservationContext,
    HasConceptModifier,
}

impl Relationship {
    fn as_str(self) -> &'static str {
        match self {
            Self::Contains => "CONTAINS",
            Self::HasObservationContext => "HAS OBS CONTEXT",
            Self::HasConceptModifier => "HAS CONCEPT MOD",
        }
    }
}

/// An item and what it holds, to be put into the item above it.
#[derive(Debug, Clone)]
pub(crate) struct ContentItem(InMemDicomObject);

impl ContentItem {
    fn new(relationship: Relationship, value_type: &str, concept: Option<Code>) -> Self {
        let mut object = InMemDicomObject::new_empty();
        put_text(&mut object, tags::RELATIONSHIP_TYPE, VR::CS, relationship.as_str());
        put_text(&mut object, tags::VALUE_TYPE, VR::CS, value_type);
        if let Some(concept) = concept {
            concept.put(&mut object, tags::CONCEPT_NAME_CODE_SEQUENCE);
        }
        Self(object)
    }

    pub(crate) fn code(relationship: Relationship, concept: Code, value: Code) -> Self {
        let mut item = Self::new(relationship, "CODE", Some(concept));
        value.put(&mut item.0, tags::CONCEPT_CODE_SEQUENCE);
        item
    }

    pub(crate) fn text(relationship: Relationship, concept: Code, value: &str) -> Self {
        let mut item = Self::new(relationship, "TEXT", Some(concept));
        put_text(&mut item.0, tags::TEXT_VALUE, VR::UT, value);
        item
    }

    pub(crate) fn uid(relationship: Relationship, concept: Code, value: &str) -> Self {
        let mut item = Self::new(relationship, "UIDREF", Some(concept));
        put_text(&mut item.0, tags::UID, VR::UI, value);
        item
    }

    /// A number with its unit.
    pub(crate) fn number(concept: Code, value: f64, unit: Code) -> Self {
        let mut item = Self::new(Relationship::Contains, "NUM", Some(concept));
        let mut measured = InMemDicomObject::new_empty();
        put_text(&mut measured, tags::NUMERIC_VALUE, VR::DS, &decimal_string(value));
        unit.put(&mut measured, tags::MEASUREMENT_UNITS_CODE_SEQUENCE);
        item.0.put(sequence(tags::MEASURED_VALUE_SEQUENCE, vec![measured]));
        item
    }

    /// An image, or a segment of a segmentation, from 1.
    pub(crate) fn image(concept: Option<Code>, instance: &Reference, segment: Option<u16>) -> Self {
        let mut item = Self::new(Relationship::Contains, "IMAGE", concept);
        let mut reference = instance.item();
        if let Some(number) = segment {
            put_u16(&mut reference, tags::REFERENCED_SEGMENT_NUMBER, &[number]);
        }
        item.0.put(sequence(tags::REFERENCED_SOP_SEQUENCE, vec![reference]));
        item
    }

    /// Items under a heading; `template` is its number in PS3.16, where it is the first item of one.
    pub(crate) fn container(concept: Code, template: Option<&str>, holds: Vec<Self>) -> Self {
        let mut item = Self::new(Relationship::Contains, "CONTAINER", Some(concept));
        put_container(&mut item.0, template);
        item.holding(holds)
    }

    pub(crate) fn holding(mut self, holds: Vec<Self>) -> Self {
        put_content(&mut self.0, holds);
        self
    }
}

fn put_container(object: &mut InMemDicomObject, template: Option<&str>) {
    put_text(object, tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE");
    if let Some(number) = template {
        let mut item = InMemDicomObject::new_empty();
        put_text(&mut item, tags::MAPPING_RESOURCE, VR::CS, "DCMR");
        put_text(&mut item, tags::TEMPLATE_IDENTIFIER, VR::CS, number);
        object.put(sequence(tags::CONTENT_TEMPLATE_SEQUENCE, vec![item]));
    }
}

fn put_content(object: &mut InMemDicomObject, holds: Vec<ContentItem>) {
    let items = holds.into_iter().map(|item| item.0).collect();
    object.put(sequence(tags::CONTENT_SEQUENCE, items));
}

/// The document's root into its object (PS3.3 C.17.3).
pub(crate) fn put_document(
    object: &mut InMemDicomObject,
    title: Code,
    template: &str,
    holds: Vec<ContentItem>,
) {
    put_text(object, tags::VALUE_TYPE, VR::CS, "CONTAINER");
    title.put(object, tags::CONCEPT_NAME_CODE_SEQUENCE);
    put_container(object, Some(template));
    put_content(object, holds);
}

/// Instances of one series.
pub(crate) struct SeriesEvidence<'a> {
    pub(crate) series: &'a str,
    pub(crate) instances: &'a [Reference],
}

/// A sequence that lists instances of one study by series (PS3.3 table C.17-3), e.g. the Current Requested
/// Procedure Evidence Sequence. Series without instances are left out.
pub(crate) fn put_evidence(
    object: &mut InMemDicomObject,
    tag: Tag,
    study: &str,
    series: &[SeriesEvidence],
) {
    let list = |it: &SeriesEvidence| {
        let mut item = InMemDicomObject::new_empty();
        put_text(&mut item, tags::SERIES_INSTANCE_UID, VR::UI, it.series);
        let instances = it.instances.iter().map(Reference::item).collect();
        item.put(sequence(tags::REFERENCED_SOP_SEQUENCE, instances));
        item
    };
    let series: Vec<_> = series.iter().filter(|it| !it.instances.is_empty()).map(list).collect();
    let mut item = InMemDicomObject::new_empty();
    put_text(&mut item, tags::STUDY_INSTANCE_UID, VR::UI, study);
    item.put(sequence(tags::REFERENCED_SERIES_SEQUENCE, series));
    object.put(sequence(tag, vec![item]));
}
