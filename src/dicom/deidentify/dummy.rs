//! Values that say nothing, of every value representation (PS3.5 table 6.2-1).

use dicom_core::VR;
use dicom_core::value::PrimitiveValue;

/// A dummy of a value representation that is neither a sequence nor a UID: those have dummies of their own.
pub(super) fn dummy(vr: VR) -> PrimitiveValue {
    let text = |text: &str| PrimitiveValue::from(text);
    match vr {
        VR::AS => text("000Y"),
        VR::DA => text("19000101"),
        VR::DT => text("19000101000000"),
        VR::TM => text("000000"),
        VR::DS | VR::IS => text("0"),
        VR::AT => PrimitiveValue::Tags([dicom_core::Tag(0, 0)].as_slice().into()),
        VR::FL | VR::OF => PrimitiveValue::F32([0.0].as_slice().into()),
        VR::FD | VR::OD => PrimitiveValue::F64([0.0].as_slice().into()),
        VR::SL => PrimitiveValue::I32([0].as_slice().into()),
        VR::SS => PrimitiveValue::I16([0].as_slice().into()),
        VR::SV => PrimitiveValue::I64([0].as_slice().into()),
        VR::UL | VR::OL => PrimitiveValue::U32([0].as_slice().into()),
        VR::US | VR::OW => PrimitiveValue::U16([0].as_slice().into()),
        VR::UV | VR::OV => PrimitiveValue::U64([0].as_slice().into()),
        VR::OB | VR::UN => PrimitiveValue::U8([0, 0].as_slice().into()),
        VR::UR => text("urn:anonymous"),
        VR::UI | VR::SQ => PrimitiveValue::Empty,
        VR::AE | VR::CS | VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT => {
            text("ANONYMOUS")
        }
    }
}
