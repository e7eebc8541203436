//! Style and scripts, in the program: nothing is loaded from elsewhere.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// A file of the browser's.
#[derive(Debug)]
pub(super) struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
    /// Of its bytes: a new release has a new address, so that no browser shows an old one.
    hash: LazyLock<String>,
}

macro_rules! asset {
    ($file:literal, $kind:literal) => {
        Asset {
            name: $file,
            kind: $kind,
            text: include_str!(concat!("web/", $file)),
            hash: LazyLock::new(|| short_hash(include_str!(concat!("web/", $file)))),
        }
    };
}

pub(super) static STYLE: Asset = asset!("console.css", "text/css; charset=utf-8");
pub(super) static LIVE: Asset = asset!("live.js", "text/javascript; charset=utf-8");
pub(super) static VIEWER: Asset = asset!("viewer.js", "text/javascript; charset=utf-8");
static SLICES: Asset = asset!("slices.js", "text/javascript; charset=utf-8");
static PANE: Asset = asset!("pane.js", "text/javascript; charset=utf-8");
pub(super) static ICON: Asset = asset!("icon.svg", "image/svg+xml");

fn all() -> [&'static Asset; 6] {
    [&STYLE, &LIVE, &VIEWER, &SLICES, &PANE, &ICON]
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl Asset {
    /// Where it is.
    pub(super) fn address(&self) -> String {
        format!("/assets/{}/{}", release(), self.name)
    }
}

/// Names this set of files: modules load one another by relative addresses, so all have the same folder.
fn release() -> &'static str {
    static RELEASE: LazyLock<String> =
        LazyLock::new(|| short_hash(&all().map(|it| it.hash.as_str()).concat()));
    &RELEASE
}

/// Serves one. Its address changes with its bytes, so a browser may keep it.
pub(super) async fn serve(Path((folder, name)): Path<(String, String)>) -> Response {
    let found = all().into_iter().find(|it| it.name == name && folder == release());
    let Some(asset) = found else { return StatusCode::NOT_FOUND.into_response() };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, asset.kind.parse().expect("a constant header"));
    let keep = "private, max-age=31536000, immutable";
    headers.insert(header::CACHE_CONTROL, keep.parse().expect("a constant header"));
    (headers, asset.text).into_response()
}
