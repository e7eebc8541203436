//! The Store Instances Response Module (PS3.18 annex I) and the status that goes with it (10.5.3).

use dicom_dictionary_std::tags;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::request::RequestError;
use crate::dicom::dimse::StoreStatus;
use crate::dicom::part10::FileMeta;
use crate::dicom::received::ReceivedInstance;
use crate::dicom::store_scp::Refusal;
use crate::dicom::uid::{SopClassUid, SopInstanceUid};
use crate::intake::spool::SpoolError;
use crate::limits;

/// The media type of the answer (PS3.18 annex F).
pub(super) const DICOM_JSON: &str = "application/dicom+json";

/// Failure Reason (0008,1197), PS3.18 table I.2-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureReason {
    /// A700H: the sender should try again.
    OutOfResources,
    /// A700H as well, but trying again changes nothing.
    TooLarge,
    /// A900H: UIDs differ between address, file meta information and data set.
    Mismatch,
    /// C000H.
    CannotUnderstand,
    /// C122H.
    TransferSyntax,
    /// 0122H.
    SopClass,
}

impl FailureReason {
    fn code(self) -> u16 {
        match self {
            Self::OutOfResources | Self::TooLarge => 0xA700,
            Self::Mismatch => 0xA900,
            Self::CannotUnderstand => 0xC000,
            Self::TransferSyntax => 0xC122,
            Self::SopClass => 0x0122,
        }
    }
}

impl From<&Refusal> for FailureReason {
    fn from(refusal: &Refusal) -> Self {
        match (refusal, refusal.status()) {
            (Refusal::Spool(SpoolError::TooLarge), _) => Self::TooLarge,
            (_, StoreStatus::DataSetDoesNotMatchSopClass) => Self::Mismatch,
            (_, StoreStatus::CannotUnderstand) => Self::CannotUnderstand,
            _ => Self::OutOfResources,
        }
    }
}

/// An instance that is spoken of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    sop_class: SopClassUid,
    sop_instance: SopInstanceUid,
}

impl Reference {
    pub(super) fn of(meta: &FileMeta) -> Self {
        Self { sop_class: meta.sop_class.clone(), sop_instance: meta.sop_instance.clone() }
    }

    fn attributes(&self) -> Map<String, Value> {
        [
            (key(tags::REFERENCED_SOP_CLASS_UID), values("UI", &[self.sop_class.as_str().into()])),
            (
                key(tags::REFERENCED_SOP_INSTANCE_UID),
                values("UI", &[self.sop_instance.as_str().into()]),
            ),
        ]
        .into_iter()
        .collect()
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.sop_class)
    }
}

impl From<&ReceivedInstance> for Reference {
    fn from(instance: &ReceivedInstance) -> Self {
        Self { sop_class: instance.sop_class.clone(), sop_instance: instance.sop_instance.clone() }
    }
}

/// What became of each part of a request.
#[derive(Debug, Default)]
pub(super) struct StoreResponse {
    stored: Vec<Reference>,
    failed: Vec<(Option<Reference>, FailureReason)>,
}

impl StoreResponse {
    /// An instance is durable and recorded.
    pub(super) fn stored(&mut self, instance: Reference) {
        self.stored.push(instance);
    }

    /// An instance was not stored, or a part was no instance.
    pub(super) fn failed(&mut self, instance: Option<Reference>, reason: FailureReason) {
        self.failed.push((instance, reason));
    }

    /// Whether no part has come to its end.
    pub(super) fn is_empty(&self) -> bool {
        self.stored.is_empty() && self.failed.is_empty()
    }

    /// The status of a request that was read whole.
    fn status(&self) -> StatusCode {
        let all_failed = |reason| self.failed.iter().all(|(_, it)| *it == reason);
        match (self.stored.is_empty(), self.failed.is_empty()) {
            (true, true) => StatusCode::BAD_REQUEST,
            (false, true) => StatusCode::OK,
            (false, false) => StatusCode::ACCEPTED,
            (true, false) if all_failed(FailureReason::OutOfResources) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            (true, false) if all_failed(FailureReason::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            (true, false) => StatusCode::CONFLICT,
        }
    }

    /// The answer; `broken` is the status of a request that was not read whole.
    pub(super) fn answer(&self, broken: Option<StatusCode>) -> Response<Full<Bytes>> {
        let status = broken.unwrap_or_else(|| self.status());
        respond(status, DICOM_JSON, self.module().to_string())
    }

    /// The module in the DICOM JSON Model. No Retrieve URL (0008,1190) has a value: nothing is retrieved
    /// from here.
    fn module(&self) -> Value {
        let mut module = Map::new();
        module.insert(key(tags::RETRIEVE_URL), json!({ "vr": "UR" }));
        let stored = self.stored.iter().map(|reference| {
            let mut item = reference.attributes();
            item.insert(key(tags::RETRIEVE_URL), json!({ "vr": "UR" }));
            item.into()
        });
        let failed = |is_instance: bool| {
            let of_kind = move |(reference, _): &&(Option<Reference>, FailureReason)| {
                reference.is_some() == is_instance
            };
            let item = |(reference, reason): &(Option<Reference>, FailureReason)| {
                let mut item = reference.as_ref().map_or_else(Map::new, Reference::attributes);
                let code = values("US", &[reason.code().into()]);
                item.insert(key(tags::FAILURE_REASON), code);
                item.into()
            };
            self.failed.iter().filter(of_kind).map(item).collect::<Vec<Value>>()
        };
        let sequences = [
            (tags::FAILED_SOP_SEQUENCE, failed(true)),
            (tags::OTHER_FAILURES_SEQUENCE, failed(false)),
            (tags::REFERENCED_SOP_SEQUENCE, stored.collect()),
        ];
        for (tag, items) in sequences {
            if !items.is_empty() {
                module.insert(key(tag), values("SQ", &items));
            }
        }
        module.into()
    }
}

/// A tag as the DICOM JSON Model writes it (PS3.18 F.2.2).
fn key(tag: dicom_core::Tag) -> String {
    format!("{:04X}{:04X}", tag.group(), tag.element())
}

fn values(vr: &str, values: &[Value]) -> Value {
    json!({ "vr": vr, "Value": values })
}

/// The answer to a request that is not gone into.
pub(super) fn refusal(error: RequestError) -> Response<Full<Bytes>> {
    let mut response = sentence(error.status(), &error.to_string());
    match error {
        RequestError::Method => {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        RequestError::Unauthorized => {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        _ => {}
    }
    response
}

/// A plain sentence.
pub(super) fn sentence(status: StatusCode, says: &str) -> Response<Full<Bytes>> {
    respond(status, "text/plain; charset=utf-8", format!("{says}\n"))
}

fn respond(status: StatusCode, media_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, limits::RETRY_AFTER.as_secs().into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(sop_instance: &str) -> Reference {
        Reference {
            sop_class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
            sop_instance: sop_instance.parse().unwrap(),
        }
    }

    #[test]
    fn the_status_says_how_many_were_stored() {
        use FailureReason::{CannotUnderstand, OutOfResources, SopClass, TooLarge};
        let check = |n_stored: usize, failed: &[FailureReason], expected: u16| {
            let response = StoreResponse {
                stored: vec![reference("1.2"); n_stored],
                failed: failed.iter().map(|reason| (Some(reference("1.3")), *reason)).collect(),
            };
            let answer = response.answer(None);
            assert_eq!(answer.status().as_u16(), expected, "{n_stored} {failed:?}");
            assert_eq!(answer.headers().contains_key(RETRY_AFTER), expected == 503);
        };
        check(2, &[], 200);
        check(2, &[OutOfResources], 202);
        check(0, &[], 400);
        check(0, &[SopClass], 409);
        check(0, &[OutOfResources, CannotUnderstand], 409);
        check(0, &[OutOfResources, OutOfResources], 503);
        check(0, &[TooLarge], 413);
        let broken = StoreResponse::default().answer(Some(StatusCode::REQUEST_TIMEOUT));
        assert_eq!(broken.status().as_u16(), 408);
    }

    #[test]
    fn the_module_names_each_instance() {
        let mut response = StoreResponse::default();
        response.stored(reference("1.2"));
        response.failed(Some(reference("1.3")), FailureReason::TransferSyntax);
        response.failed(None, FailureReason::CannotUnderstand);
        let class = json!({"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]});
        let expected = json!({
            "00081190": {"vr": "UR"},
            "00081198": {"vr": "SQ", "Value": [{
                "00081150": class,
                "00081155": {"vr": "UI", "Value": ["1.3"]},
                "00081197": {"vr": "US", "Value": [0xC122]},
            }]},
            "0008119A": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [0xC000]}}]},
            "00081199": {"vr": "SQ", "Value": [{
                "00081150": class,
                "00081155": {"vr": "UI", "Value": ["1.2"]},
                "00081190": {"vr": "UR"},
            }]},
        });
        assert_eq!(response.module(), expected);
        assert_eq!(StoreResponse::default().module(), json!({"00081190": {"vr": "UR"}}));
    }
}
