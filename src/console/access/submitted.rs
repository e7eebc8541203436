//! A change that a person meant: it came from a page of ours, with the token of their session.
//!
//! Three things stand in the way of a page of another site: the cookie is `SameSite=Strict`, browsers say where a request
//! comes from (Fetch Metadata), and the token is on our pages alone.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::{Form, Json};
use hmac::{Hmac, Mac};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use super::{ApiUser, CurrentUser};
use crate::console::Console;
use crate::console::problem::{ApiProblem, PageProblem, Problem};

/// The header that programs show the token in.
const CSRF_HEADER: &str = "x-csrf-token";

/// What a form of ours says, and who sent it.
#[derive(Debug)]
pub(in crate::console) struct Submitted<T> {
    pub(in crate::console) user: CurrentUser,
    pub(in crate::console) said: T,
}

#[derive(Debug, Deserialize)]
struct Signed<T> {
    #[serde(default)]
    csrf: String,
    #[serde(flatten)]
    said: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<Console>> for Submitted<T> {
    type Rejection = PageProblem;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, PageProblem> {
        let user = CurrentUser::of(console, request.headers()).ok_or(Problem::NotLoggedIn)?;
        if !is_from_here(request.headers()) {
            return Err(Problem::NotMeant.into());
        }
        let signed = Form::<Signed<T>>::from_request(request, &()).await.map_err(|error| {
            tracing::debug!(%error, "a form was not understood");
            Problem::Unclear("This is no form of ours. Load the page again.".to_owned())
        })?;
        let Signed { csrf, said } = signed.0;
        if !is_same(&csrf, &user.session.csrf) {
            return Err(Problem::NotMeant.into());
        }
        Ok(Self { user, said })
    }
}

/// What a program says, and for whom.
#[derive(Debug)]
pub(in crate::console) struct ApiSubmitted<T> {
    pub(in crate::console) user: CurrentUser,
    pub(in crate::console) said: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<Console>> for ApiSubmitted<T> {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, ApiProblem> {
        let user = CurrentUser::of(console, request.headers()).ok_or(Problem::NotLoggedIn)?;
        let user = ApiUser(user).0;
        let csrf = request.headers().get(CSRF_HEADER).and_then(|it| it.to_str().ok());
        let is_meant = csrf.is_some_and(|it| is_same(it, &user.session.csrf));
        if !is_meant || !is_from_here(request.headers()) {
            return Err(Problem::NotMeant.into());
        }
        let said = Json::<T>::from_request(request, &()).await;
        let said = said.map_err(|error| Problem::Unclear(error.body_text()))?.0;
        Ok(Self { user, said })
    }
}

/// Whether the browser says that a page of ours asks, or a person by hand. Programs say nothing.
pub(in crate::console) fn is_from_here(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|it| it.to_str().ok());
    site.is_none_or(|site| site == "same-origin" || site == "none")
}

/// Compares in a time that does not tell how much is right.
fn is_same(a: &str, b: &str) -> bool {
    let mac = |text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"csrf").expect("HMAC takes any key");
        mac.update(text.as_bytes());
        mac
    };
    !b.is_empty() && mac(a).verify_slice(&mac(b).finalize().into_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_same_or_not() {
        assert!(is_same("abc", "abc"));
        assert!(!is_same("abd", "abc") && !is_same("", "abc") && !is_same("", ""));
    }

    #[test]
    fn other_sites_are_told_apart() {
        let check = |site: Option<&str>, is_fine| {
            let mut headers = HeaderMap::new();
            site.map(|site| headers.insert("sec-fetch-site", site.parse().unwrap()));
            assert_eq!(is_from_here(&headers), is_fine, "{site:?}");
        };
        check(None, true);
        check(Some("same-origin"), true);
        check(Some("none"), true);
        check(Some("same-site"), false);
        check(Some("cross-site"), false);
    }
}
