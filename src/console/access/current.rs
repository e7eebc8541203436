//! The person whose browser asks.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::permission::Permission;
use super::sessions::Session;
use crate::console::Console;
use crate::console::problem::{ApiProblem, PageProblem, Problem};
use crate::db::users::Role;

/// Name of the cookie. `__Host-` (RFC 6265bis) binds it to this host over TLS.
const COOKIE_TLS: &str = "__Host-parotidd";
/// The same where there is no TLS: the loopback alone, or behind a proxy.
const COOKIE_PLAIN: &str = "parotidd";
/// A page that refreshes itself says so: that is no sign of life of the person.
const BY_ITSELF: &str = "x-refresh";

/// Who asks, and by which session.
#[derive(Debug, Clone)]
pub(in crate::console) struct CurrentUser {
    pub(in crate::console) session: Session,
    pub(in crate::console) token: String,
}

impl CurrentUser {
    /// Their name.
    pub(in crate::console) fn name(&self) -> &str {
        &self.session.user
    }

    /// Whether they may.
    pub(in crate::console) fn may(&self, permission: Permission) -> bool {
        permission.is_of(self.session.role)
    }

    /// That they may.
    pub(in crate::console) fn must(&self, permission: Permission) -> Result<(), Problem> {
        if self.may(permission) { Ok(()) } else { Err(Problem::NotAllowed) }
    }

    /// What they are here for.
    pub(in crate::console) fn role(&self) -> Role {
        self.session.role
    }

    /// By the cookie of a request.
    pub(in crate::console) fn of(console: &Console, headers: &HeaderMap) -> Option<Self> {
        let name = cookie_name(console.is_tls);
        let token = cookies(headers).find_map(|(key, value)| (key == name).then_some(value))?;
        let by_hand = !headers.contains_key(BY_ITSELF);
        let session = console.sessions.find(token, by_hand)?;
        Some(Self { session, token: token.to_owned() })
    }
}

impl FromRequestParts<Arc<Console>> for CurrentUser {
    type Rejection = PageProblem;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, PageProblem> {
        Self::of(console, &parts.headers).ok_or(PageProblem(Problem::NotLoggedIn))
    }
}

/// The same for programs, which are told so in their own words.
#[derive(Debug, Clone)]
pub(in crate::console) struct ApiUser(pub(in crate::console) CurrentUser);

impl FromRequestParts<Arc<Console>> for ApiUser {
    type Rejection = ApiProblem;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, ApiProblem> {
        let user = CurrentUser::of(console, &parts.headers).ok_or(Problem::NotLoggedIn)?;
        Ok(Self(user))
    }
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|it| it.to_str().ok());
    all.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='))
}

fn cookie_name(is_tls: bool) -> &'static str {
    if is_tls { COOKIE_TLS } else { COOKIE_PLAIN }
}

/// `Set-Cookie` that opens a session, or ends it where there is no token.
pub(in crate::console) fn set_cookie(is_tls: bool, token: Option<&str>) -> String {
    let name = cookie_name(is_tls);
    let secure = if is_tls { "; Secure" } else { "" };
    let (value, age) = token.map_or(("", "; Max-Age=0"), |token| (token, ""));
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; parotidd=t=o; b".parse().unwrap());
        headers.append(header::COOKIE, "c=2".parse().unwrap());
        let found: Vec<_> = cookies(&headers).collect();
        assert_eq!(found, [("a", "1"), ("parotidd", "t=o"), ("c", "2")]);
    }

    #[test]
    fn a_cookie_is_for_this_host_and_no_script() {
        let plain = set_cookie(false, Some("t"));
        assert_eq!(plain, "parotidd=t; Path=/; HttpOnly; SameSite=Strict");
        let ended = set_cookie(true, None);
        assert_eq!(ended, "__Host-parotidd=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0");
    }
}
