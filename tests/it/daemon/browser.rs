//! A program that uses the console's API, and a browser without eyes for its pages.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};
use ureq::http::Response;
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};

use super::support::*;

/// A password that is good enough.
pub(super) const PASSWORD: &str = "four words joined up";

/// Somebody at the console.
pub(super) struct Browser {
    pub(super) base: String,
    agent: Agent,
    cookie: String,
    csrf: String,
}

/// Status and body.
pub(super) type Answer = (u16, String);

impl Browser {
    /// Nobody yet.
    pub(super) fn new(base: &str) -> Self {
        // The certificate is the appliance's own.
        let tls = TlsConfig::builder().disable_verification(true).build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .tls_config(tls)
            .build();
        let (cookie, csrf) = (String::new(), String::new());
        Self { base: base.to_owned(), agent: config.new_agent(), cookie, csrf }
    }

    /// Logged in by the API.
    pub(super) fn log_in(base: &str, name: &str) -> Self {
        let mut browser = Self::new(base);
        let said = json!({ "name": name, "password": PASSWORD }).to_string();
        let url = format!("{base}/api/v1/session");
        let sent = browser.agent.post(&url).header("Content-Type", "application/json").send(&said);
        let mut answer = sent.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.body_mut().read_to_string().unwrap());
        browser.cookie = cookie(&answer);
        let session: Value =
            serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        browser.csrf = session["csrf"].as_str().unwrap().to_owned();
        browser
    }

    /// With another token, or none.
    pub(super) fn with_csrf(&self, csrf: &str) -> Self {
        let (base, agent) = (self.base.clone(), self.agent.clone());
        Self { base, agent, cookie: self.cookie.clone(), csrf: csrf.to_owned() }
    }

    /// The whole answer.
    pub(super) fn fetch(&self, path: &str) -> Response<Body> {
        let url = format!("{}{path}", self.base);
        self.agent.get(&url).header("Cookie", &self.cookie).call().unwrap()
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        read(self.fetch(path))
    }

    pub(super) fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// A change by the API.
    pub(super) fn post(&self, path: &str, said: &Value) -> Answer {
        let url = format!("{}{path}", self.base);
        let request = self
            .agent
            .post(&url)
            .header("Cookie", &self.cookie)
            .header("X-CSRF-Token", &self.csrf)
            .header("Content-Type", "application/json");
        read(request.send(said.to_string()).unwrap())
    }

    /// A form of a page.
    pub(super) fn submit(&self, path: &str, said: &[(&str, &str)]) -> Answer {
        let mut fields = vec![("csrf", self.csrf.as_str())];
        fields.extend(said);
        let url = format!("{}{path}", self.base);
        read(self.agent.post(&url).header("Cookie", &self.cookie).send_form(fields).unwrap())
    }

    /// A form of the log-in page; keeps the cookie.
    pub(super) fn enter(&mut self, path: &str, said: &[(&str, &str)]) -> Answer {
        let url = format!("{}{path}", self.base);
        let answer = self.agent.post(&url).send_form(said.iter().copied()).unwrap();
        self.cookie = cookie(&answer);
        read(answer)
    }

    /// Ends the session.
    pub(super) fn log_out(&self) -> Answer {
        let url = format!("{}/api/v1/session", self.base);
        read(self.agent.delete(&url).header("Cookie", &self.cookie).call().unwrap())
    }
}

fn cookie(answer: &Response<Body>) -> String {
    let set = answer.headers().get("set-cookie").map(|it| it.to_str().unwrap());
    set.and_then(|it| it.split(';').next()).unwrap_or_default().to_owned()
}

fn read(mut answer: Response<Body>) -> Answer {
    let mut bytes = Vec::new();
    let body = answer.body_mut().with_config().limit(64 * 1024 * 1024).reader();
    std::io::copy(&mut { body }, &mut bytes).unwrap();
    (answer.status().as_u16(), String::from_utf8_lossy(&bytes).into_owned())
}

/// Makes an account, as an engineer does on the command line.
pub(super) fn add_user(site: &Site, name: &str, role: &str) {
    let config = site.config();
    let mut command = parotidd(&["user", "add", name, "--role", role, "--config"]);
    command.arg(config).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    let ended: Ended = child.wait_with_output().unwrap().into();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}
