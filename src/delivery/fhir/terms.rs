//! Words of FHIR that all resources share: codes, quantities, names that last, searches.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::dicom::codes::{Code, PAROTID_GLAND, laterality};
use crate::units::Side;

/// System of codes that no public one has: what this program screens for and answers, and why it could not.
pub(super) const LOCAL: &str = "urn:oid:2.25.239832545308339810638437805317846181260";
/// System of identifiers that are URIs.
pub(super) const URI: &str = "urn:ietf:rfc:3986";
/// System of DICOM UIDs as identifiers.
pub(super) const DICOM_UID: &str = "urn:dicom:uid";
/// Types of identifiers (HL7 v2 table 0203).
pub(super) const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

/// The URI of a Coding Scheme Designator (PS3.16 table 8-1).
fn system(scheme: &str) -> &'static str {
    match scheme {
        "SCT" => "http://snomed.info/sct",
        "DCM" => "http://dicom.nema.org/resources/ontology/DCM",
        "LN" => "http://loinc.org",
        "UCUM" => "http://unitsofmeasure.org",
        _ => LOCAL,
    }
}

/// A Coding.
pub(super) fn coding(code: Code) -> Value {
    let [value, meaning, scheme] = code.parts();
    json!({"system": system(scheme), "code": value, "display": meaning})
}

/// A Coding of our own.
pub(super) fn local(code: &str, display: Option<&str>) -> Value {
    json!({"system": LOCAL, "code": code, "display": display})
}

/// A CodeableConcept of one code.
pub(super) fn concept(code: Code) -> Value {
    json!({"coding": [coding(code)]})
}

/// A Quantity in a unit of UCUM.
pub(super) fn quantity(value: f64, unit: Code) -> Value {
    // -0 is a number, but some readers show it.
    let value = if value == 0.0 { 0.0 } else { value };
    let [code, _, scheme] = unit.parts();
    json!({"value": value, "unit": code, "system": system(scheme), "code": code})
}

/// A parotid gland with its side: as such, and as an expression of SNOMED CT's compositional grammar. `bodySite` of R4
/// has no place for a qualifier.
pub(super) fn gland(side: Side) -> Value {
    let [gland, laterality] = [PAROTID_GLAND, laterality(side)].map(|code| code.parts()[0]);
    json!({
        "coding": [
            coding(PAROTID_GLAND),
            {"system": system("SCT"), "code": format!("{gland}:272741003={laterality}")},
        ],
        "text": format!("{side} parotid gland"),
    })
}

/// The same UUID, as a URN, for the same parts: version 8 of RFC 9562, from SHA-256.
pub(super) fn urn(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in ["parotidd", "fhir"].iter().chain(parts) {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut bytes: [u8; 16] = digest[..16].try_into().expect("a SHA-256 has 32 bytes");
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    format!("urn:uuid:{a}-{b}-{c}-{d}-{e}")
}

/// The search for one identifier, to stand in a URL (FHIR R4 sections 3.1.1.4.3 and 3.1.1.5.10).
pub(super) fn identifier_query(system: &str, value: &str) -> String {
    format!("identifier={}%7C{}", parameter(system), parameter(value))
}

/// Escaped as FHIR's searches want it, and then as URLs do.
fn parameter(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if ['\\', '|', ',', '$'].contains(&c) {
            out.push_str("%5C");
        }
        let mut bytes = [0; 4];
        for byte in c.encode_utf8(&mut bytes).bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte) {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    out
}

/// Text as a `string` may be: no control characters, no space around it, or nothing.
pub(super) fn string(text: &str) -> Option<String> {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let plain = plain.trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

/// Without what has no value: FHIR's JSON knows neither `null` nor empty lists and objects.
pub(super) fn compact(value: Value) -> Value {
    let is_there = |value: &Value| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        _ => true,
    };
    match value {
        Value::Array(list) => list.into_iter().map(compact).filter(is_there).collect(),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| (key, compact(value)))
                .filter(|(_, value)| is_there(value))
                .collect(),
        ),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_parts_have_the_same_uuid() {
        let one = urn(&["a", "b"]);
        assert_eq!(one, urn(&["a", "b"]));
        assert_ne!(one, urn(&["ab", ""]));
        let text = one.strip_prefix("urn:uuid:").unwrap();
        let lengths: Vec<_> = text.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&text[14..15], "8");
        assert!("89ab".contains(&text[19..20]));
    }

    #[test]
    fn searches_are_escaped() {
        let check = |value: &str, expected: &str| {
            assert_eq!(identifier_query("urn:s", value), format!("identifier=urn:s%7C{expected}"));
        };
        check("A-1.2_3~", "A-1.2_3~");
        check("a b&c=d", "a%20b%26c%3Dd");
        check(r"a,b|c$\", "a%5C%2Cb%5C%7Cc%5C%24%5C%5C");
        check("山", "%E5%B1%B1");
    }

    #[test]
    fn nothing_is_left_out() {
        let value = json!({"a": null, "b": [], "c": [null, {"d": null}], "e": [0, null], "f": ""});
        assert_eq!(compact(value), json!({"e": [0], "f": ""}));
        assert_eq!(string(" a\u{0}b\n"), Some("a b".into()));
        assert_eq!(string(" \t"), None);
    }
}
