//! What every answer says to the browser: nothing from elsewhere, nothing kept, framed by nobody.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// Of the console's own pages: scripts, style and images of this host alone, and no script in a page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// How long a browser insists on TLS once it saw it.
const INSIST: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// Adds the headers that are not there: pages behind signed links have a policy of their own.
pub(super) async fn add(is_tls: bool, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let all: [(HeaderName, &str); 7] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ];
    for (name, value) in all {
        insert_absent(headers, name, HeaderValue::from_static(value));
    }
    if is_tls {
        let insist = format!("max-age={}", INSIST.as_secs());
        let insist = HeaderValue::from_str(&insist).expect("a number is a header");
        insert_absent(headers, header::STRICT_TRANSPORT_SECURITY, insist);
    }
    response
}

fn insert_absent(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.entry(name).or_insert(value);
}
