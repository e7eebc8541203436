//! What must be done when files have changed: pure, and the thin part that does it.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::process::Command;

use super::render::{Concerns, FIREWALL, RenderedFile};
use crate::error::{Dispose, Disposition};

/// One thing to do, as root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The machine is called so.
    HostName(String),
    /// A tool of the system's is run.
    Run(Vec<String>),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostName(name) => write!(f, "hostname {name}"),
            Self::Run(words) => f.write_str(&words.join(" ")),
        }
    }
}

/// A step that was not done.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The machine keeps its name.
    #[error("could not name the machine {name:?}; run this as root")]
    HostName {
        /// The new name.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// There is no such tool, or it cannot be started.
    #[error("could not run `{step}`; is it installed?")]
    Start {
        /// What.
        step: Step,
        /// Why not.
        source: io::Error,
    },
    /// It failed.
    #[error("`{step}` failed: {said}")]
    Failed {
        /// What.
        step: Step,
        /// What it said.
        said: String,
    },
}

impl Dispose for ApplyError {
    fn disposition(&self) -> Disposition {
        Disposition::Retry
    }
}

/// What these changes ask for, in order: the doors are shut before anything answers behind them.
///
/// No step waits for a unit: at a start those units wait for the one that runs this.
#[must_use]
pub fn steps(changed: &[RenderedFile]) -> Vec<Step> {
    let run = |words: &[&str]| Step::Run(words.iter().map(|&it| it.to_owned()).collect());
    let concerned: BTreeSet<_> = changed.iter().map(|it| it.concerns).collect();
    let mut steps = Vec::new();
    for concerns in concerned {
        match concerns {
            Concerns::Firewall => steps.push(run(&["nft", "-f", &format!("/{FIREWALL}")])),
            Concerns::HostName => {
                let file = changed.iter().find(|it| it.concerns == Concerns::HostName);
                let name = file.and_then(|it| it.text.as_deref()).unwrap_or_default().trim();
                if !name.is_empty() {
                    steps.push(Step::HostName(name.to_owned()));
                }
            }
            Concerns::Network => {
                let verb = "try-reload-or-restart";
                steps.push(run(&["systemctl", "--no-block", verb, "systemd-networkd.service"]));
            }
            Concerns::Time => steps.push(run(&[
                "systemctl",
                "--no-block",
                "try-restart",
                "systemd-timesyncd.service",
            ])),
            Concerns::Units => steps.push(run(&["systemctl", "daemon-reload"])),
            // The daemon is started below; who looks for versions reads the file when it is time.
            Concerns::Daemon | Concerns::Update => {}
        }
    }
    // A socket cannot be made anew while its service runs; in one command both stop first. What failed for its settings is
    // started, too: they may be mended now.
    let restart = ["systemctl", "--no-block", "restart"];
    let has = |concerns: Concerns| changed.iter().any(|it| it.concerns == concerns);
    if has(Concerns::Units) {
        steps.push(run(&[&restart[..], &["parotidd.socket", "parotidd.service"]].concat()));
    } else if has(Concerns::Daemon) {
        steps.push(run(&[&restart[..], &["parotidd.service"]].concat()));
    }
    steps
}

/// Does it.
///
/// # Errors
/// When it was not done; others may still be.
pub fn apply(step: &Step) -> Result<(), ApplyError> {
    match step {
        Step::HostName(name) => nix::unistd::sethostname(name)
            .map_err(|error| ApplyError::HostName { name: name.clone(), source: error.into() }),
        Step::Run(words) => {
            let output = Command::new(&words[0])
                .args(&words[1..])
                .output()
                .map_err(|source| ApplyError::Start { step: step.clone(), source })?;
            if output.status.success() {
                return Ok(());
            }
            let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
            Err(ApplyError::Failed { step: step.clone(), said })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(changed: &[(Concerns, &str)], steps_expected: &[&str]) {
        let file = |&(concerns, text): &(Concerns, &str)| RenderedFile {
            path: "run/a",
            text: Some(format!("{text}\n")),
            concerns,
        };
        let changed: Vec<_> = changed.iter().map(file).collect();
        let found: Vec<_> = steps(&changed).iter().map(Step::to_string).collect();
        assert_eq!(found, steps_expected);
    }

    #[test]
    fn each_change_is_taken_up_once_and_in_order() {
        check(&[], &[]);
        check(&[(Concerns::HostName, ""), (Concerns::Update, "")], &[]);
        check(&[(Concerns::Daemon, "")], &["systemctl --no-block restart parotidd.service"]);
        let both = "systemctl --no-block restart parotidd.socket parotidd.service";
        let all = [
            (Concerns::Daemon, ""),
            (Concerns::Time, ""),
            (Concerns::Units, ""),
            (Concerns::Network, ""),
            (Concerns::HostName, "ct1"),
            (Concerns::Units, ""),
            (Concerns::Firewall, ""),
        ];
        let steps = [
            "nft -f /run/parotidd-appliance/firewall.nft",
            "hostname ct1",
            "systemctl --no-block try-reload-or-restart systemd-networkd.service",
            "systemctl --no-block try-restart systemd-timesyncd.service",
            "systemctl daemon-reload",
            both,
        ];
        check(&all, &steps);
    }

    #[test]
    fn a_step_that_fails_says_why() {
        let run = |words: &[&str]| {
            let step = Step::Run(words.iter().map(|&it| it.to_owned()).collect());
            apply(&step).map_err(|error| error.to_string())
        };
        assert_eq!(run(&["true"]), Ok(()));
        let error = run(&["sh", "-c", "echo one >&2; echo two >&2; false"]).unwrap_err();
        assert!(error.ends_with("failed: one; two"), "{error}");
        assert!(run(&["/nowhere/tool"]).unwrap_err().contains("installed"));
    }
}
