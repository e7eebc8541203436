//! What a request asks for, from its head alone (PS3.18 10.5.1).

use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, StatusCode};
use mime::Mime;

use super::response::DICOM_JSON;
use super::token::BearerToken;
use crate::dicom::uid::StudyInstanceUid;
use crate::error::{Dispose, Disposition};
use crate::limits;

/// The media type of an instance (PS3.18 8.7.3).
pub(super) const DICOM: &str = "application/dicom";

/// Why a request is not gone into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    #[error("there is nothing here; instances are stored by POST to studies or studies/{{study}}")]
    NotFound,
    #[error("instances are stored by POST, and nothing else is done here")]
    Method,
    #[error("the bearer token is missing or wrong")]
    Unauthorized,
    #[error("the study in the address is no UID")]
    StudyUid,
    #[error("the answer is application/dicom+json, which the Accept header does not allow")]
    NotAcceptable,
    #[error("send multipart/related with type=\"application/dicom\"")]
    MediaType,
    #[error(
        "send whole instances, type=\"application/dicom\"; metadata with bulk data are not taken"
    )]
    Metadata,
    #[error("the Content-Type header has no boundary that can be used")]
    Boundary,
    #[error("a request of more than {} bytes", limits::STOW_REQUEST_BYTES_MAX)]
    TooLong,
    #[error("as many requests as are allowed are under way")]
    Busy,
}

impl Dispose for RequestError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Busy => Disposition::Retry,
            _ => Disposition::Reject,
        }
    }
}

impl RequestError {
    /// How the sender is told.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::StudyUid | Self::Boundary => StatusCode::BAD_REQUEST,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::MediaType | Self::Metadata => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A request to store instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoreRequest {
    /// The one study whose instances are taken, where the address names it.
    pub(super) study: Option<StudyInstanceUid>,
    /// What stands between parts.
    pub(super) boundary: String,
}

impl StoreRequest {
    /// From a request's head.
    pub(super) fn parse(
        head: &Parts,
        base_path: &str,
        token: Option<&BearerToken>,
    ) -> Result<Self, RequestError> {
        let study = target(head.uri.path(), base_path)?;
        if head.method != Method::POST {
            return Err(RequestError::Method);
        }
        if token.is_some_and(|token| !token.is_shown(&head.headers)) {
            return Err(RequestError::Unauthorized);
        }
        let study = study.map(|study| study.parse().map_err(|_| RequestError::StudyUid));
        let study = study.transpose()?;
        if !accepts_json(&head.headers) {
            return Err(RequestError::NotAcceptable);
        }
        Ok(Self { study, boundary: boundary(&head.headers)? })
    }
}

/// The study that an address names, if any.
fn target<'a>(path: &'a str, base_path: &str) -> Result<Option<&'a str>, RequestError> {
    let below = path.strip_prefix(base_path).and_then(|path| path.strip_prefix("/studies"));
    match below.map(|rest| (rest, rest.strip_prefix('/'))) {
        Some(("", _)) => Ok(None),
        Some((_, Some(study))) if !study.is_empty() && !study.contains('/') => Ok(Some(study)),
        _ => Err(RequestError::NotFound),
    }
}

/// Whether our answer's media type is allowed; without the header anything is.
fn accepts_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(ACCEPT).iter().peekable();
    let allows = |range: &str| {
        let Ok(range) = range.trim().parse::<Mime>() else { return false };
        let is_refused = range.get_param("q").is_some_and(|q| q.as_str().parse() == Ok(0.0_f32));
        let is_ours = ["*/*", "application/*", DICOM_JSON, "application/json"];
        !is_refused && is_ours.contains(&range.essence_str())
    };
    values.peek().is_none()
        || values.any(|value| value.to_str().is_ok_and(|value| value.split(',').any(allows)))
}

fn boundary(headers: &HeaderMap) -> Result<String, RequestError> {
    let value = headers.get(CONTENT_TYPE).ok_or(RequestError::MediaType)?;
    let media: Mime =
        value.to_str().ok().and_then(|value| value.parse().ok()).ok_or(RequestError::MediaType)?;
    let root = media.get_param("type").map(|root| root.as_str().to_ascii_lowercase());
    match (media.essence_str(), root.as_deref()) {
        ("multipart/related", Some(DICOM)) => {}
        ("multipart/related", Some(DICOM_JSON | "application/dicom+xml")) => {
            return Err(RequestError::Metadata);
        }
        _ => return Err(RequestError::MediaType),
    }
    let boundary = media.get_param(mime::BOUNDARY).map(|boundary| boundary.as_str());
    match boundary.map(str::len) {
        Some(1..=limits::BOUNDARY_CHARACTERS_MAX) => Ok(boundary.unwrap_or_default().to_owned()),
        _ => Err(RequestError::Boundary),
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/related; type=\"application/dicom\"; boundary=b";

    fn parse(method: &str, path: &str, headers: &[(&str, &str)]) -> Result<StoreRequest, u16> {
        let mut builder = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let (head, ()) = builder.body(()).unwrap().into_parts();
        StoreRequest::parse(&head, "/dicom-web", None).map_err(|error| error.status().as_u16())
    }

    #[test]
    fn two_addresses_are_posted_to() {
        let check = |method: &str, path: &str, expected: Result<Option<&str>, u16>| {
            let study = parse(method, path, &[("Content-Type", TYPE)]).map(|it| it.study);
            let expected = expected.map(|study| study.map(|study| study.parse().unwrap()));
            assert_eq!(study, expected, "{method} {path}");
        };
        check("POST", "/dicom-web/studies", Ok(None));
        check("POST", "/dicom-web/studies?x=1", Ok(None));
        check("POST", "/dicom-web/studies/1.2.3", Ok(Some("1.2.3")));
        check("POST", "/dicom-web/studies/..", Err(400));
        check("POST", "/dicom-web/studies/1.2%2F3", Err(400));
        check("GET", "/dicom-web/studies/1.2.3", Err(405));
        check("OPTIONS", "/dicom-web/studies", Err(405));
        for path in ["/", "/studies", "/dicom-web", "/dicom-web/studies/", "/dicom-web/studiesX"] {
            check("POST", path, Err(404));
        }
        check("POST", "/dicom-web/studies/1.2/series", Err(404));
    }

    #[test]
    fn one_media_type_is_taken_and_one_given() {
        let check = |content_type: &str, accept: &str, expected: Result<&str, u16>| {
            let headers = [("Content-Type", content_type), ("Accept", accept)];
            let boundary = parse("POST", "/dicom-web/studies", &headers).map(|it| it.boundary);
            assert_eq!(boundary, expected.map(str::to_owned), "{content_type} {accept}");
        };
        check(TYPE, "*/*", Ok("b"));
        check(&TYPE.replace("boundary=b", "boundary=\"a b\""), "*/*", Ok("a b"));
        check(&TYPE.replace("=b", ""), "*/*", Err(415));
        check(&TYPE.replace("; boundary=b", ""), "*/*", Err(400));
        check(&TYPE.replace("=b", "=\"\""), "*/*", Err(415));
        check(&TYPE.replace("=b", &format!("={}", "b".repeat(71))), "*/*", Err(400));
        check(&TYPE.replace("dicom\"", "dicom+json\""), "*/*", Err(415));
        check(&TYPE.replace("dicom\"", "dicom+xml\""), "*/*", Err(415));
        check("application/dicom", "*/*", Err(415));
        check("multipart/form-data; boundary=b", "*/*", Err(415));
        check("multipart/related; boundary=b", "*/*", Err(415));
        check("?", "*/*", Err(415));
        check(TYPE, "application/dicom+json", Ok("b"));
        check(TYPE, "application/dicom+xml, application/json;q=0.5", Ok("b"));
        check(TYPE, "application/dicom+xml", Err(406));
        check(TYPE, "application/dicom+json;q=0, text/html", Err(406));
        check(TYPE, "", Err(406));
        assert_eq!(parse("POST", "/dicom-web/studies", &[]), Err(415));
        assert!(parse("POST", "/dicom-web/studies", &[("Content-Type", TYPE)]).is_ok());
    }

    proptest! {
        #[test]
        fn any_head_is_survived(path in "/(dicom-web/studies)?[!-~]{0,40}", kind in "[ -~]{0,80}") {
            if let Ok(request) = Request::builder().uri(path).method("POST").header("Accept", &kind)
                .header("Content-Type", &kind).body(()) {
                let _ = StoreRequest::parse(&request.into_parts().0, "/dicom-web", None);
            }
        }
    }
}
