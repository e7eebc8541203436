//! Which networks and policy a command uses.
//!
//! ```text
//!  models_dir of the settings --------------------------------> those, whatever they are
//!  upkeep.models, which an update brought, newer than ours ----> those
//!               older, of the same version, not there, damaged -> the built-in ones
//! ```
//! A pair of networks is as old as its decision policy: that is fitted to what they outline, and is another version with
//! every number in it that changes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use semver::Version;

use crate::config::{Config, ConfigError};
use crate::inference::{InstructionSet, Models};
use crate::screening::{DecisionPolicy, Screener};

/// Environment variable with the instructions that the networks run on.
const INSTRUCTION_SET: &str = "PAROTIDD_INSTRUCTION_SET";

/// The decision policy's file in a models folder.
const POLICY_FILE: &str = "decision.toml";

/// Settings whose `models_dir` is the folder that is used, and `None` where the built-in networks are.
pub(super) fn load(path: Option<&Path>) -> Result<Config> {
    let mut config = Config::load(path)?;
    if config.models_dir.is_none() {
        config.models_dir = brought(&config).unwrap_or_else(|error| {
            tracing::error!(error = format!("{error:#}"), "the built-in networks are used");
            None
        });
    }
    Ok(config)
}

/// Networks that an update brought, where they are newer than the built-in ones.
///
/// # Errors
/// When something lies there and its version cannot be read.
pub(super) fn brought(config: &Config) -> Result<Option<PathBuf>> {
    let Some(folder) = config.upkeep.models.as_ref().filter(|it| it.exists()) else {
        return Ok(None);
    };
    let path = folder.join(POLICY_FILE);
    let policy = read_policy(&path)?;
    let of = |version: &str| {
        Version::parse(version).with_context(|| {
            format!("`{version}`, the version in `{}`, is not of the form 1.2.3", path.display())
        })
    };
    let is_newer = of(&policy.version)? > of(&DecisionPolicy::embedded().version)?;
    Ok(is_newer.then(|| folder.clone()))
}

/// The networks that the daemon answers with, on the configured instructions. Those of an update whose files are damaged
/// give way to the built-in ones, and `models_dir` says so; the self-test then fails.
///
/// # Errors
/// When a folder that the settings name cannot be used, or the instructions are not those of this machine.
pub(super) fn in_use(config: &mut Config) -> Result<Screener> {
    let set = config.inference.instruction_set;
    let is_brought = config.models_dir.is_some() && config.models_dir == config.upkeep.models;
    match screener(config.models_dir.as_deref(), set) {
        Err(error) if is_brought => {
            tracing::error!(error = format!("{error:#}"), "the built-in networks are used");
            config.models_dir = None;
            screener(None, set)
        }
        screener => screener,
    }
}

/// Networks and policy from a folder, or the built-in ones, on the given or the fastest instructions.
pub(super) fn screener(models_dir: Option<&Path>, set: Option<InstructionSet>) -> Result<Screener> {
    screener_with(models_dir, policy_of(models_dir)?, set)
}

/// The policy that stands beside the networks, fitted to what they outline; without one the built-in
/// policy.
pub(super) fn policy_of(models_dir: Option<&Path>) -> Result<DecisionPolicy> {
    match models_dir.map(|dir| dir.join(POLICY_FILE)) {
        Some(path) if path.exists() => read_policy(&path),
        _ => Ok(DecisionPolicy::embedded()),
    }
}

pub(super) fn read_policy(path: &Path) -> Result<DecisionPolicy> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("could not read `{}`", path.display()))?;
    DecisionPolicy::parse(&text).with_context(|| format!("in `{}`", path.display()))
}

/// Networks from a folder, or the built-in ones, with a policy.
pub(super) fn screener_with(
    models_dir: Option<&Path>,
    policy: DecisionPolicy,
    set: Option<InstructionSet>,
) -> Result<Screener> {
    let models = match models_dir {
        Some(dir) => Models::from_dir(dir)?,
        None => Models::embedded()?,
    };
    let models = models.with_instruction_set(instruction_set(set)?)?;
    Ok(Screener::new(models, policy))
}

/// The configured instructions, those of the environment, or the fastest that this machine has.
pub(super) fn instruction_set(configured: Option<InstructionSet>) -> Result<InstructionSet> {
    if let Some(set) = configured {
        return Ok(set.on_this_machine().map_err(ConfigError::from)?);
    }
    match std::env::var(INSTRUCTION_SET) {
        Ok(name) => name
            .parse()
            .and_then(InstructionSet::on_this_machine)
            .with_context(|| format!("in ${INSTRUCTION_SET}")),
        Err(_) => Ok(InstructionSet::detect()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const POLICY: &str = include_str!("../../models/decision.toml");

    fn policy(version: &str) -> String {
        let own = DecisionPolicy::embedded().version;
        POLICY.replacen(&format!("version = \"{own}\""), &format!("version = \"{version}\""), 1)
    }

    /// The folder that is used, of a box whose update brought this one.
    fn used(folder: &Path, more: &str) -> Option<PathBuf> {
        let settings = folder.join("parotidd.toml");
        let brought = folder.join("models");
        fs::write(&settings, format!("{more}\n[upkeep]\nmodels = {brought:?}\n")).unwrap();
        load(Some(&settings)).unwrap().models_dir
    }

    #[test]
    fn networks_of_an_update_are_used_while_they_are_newer() {
        let folder = tempfile::tempdir().unwrap();
        let brought = folder.path().join("models");
        assert_eq!(used(folder.path(), ""), None, "nothing was brought");
        fs::create_dir(&brought).unwrap();
        assert_eq!(used(folder.path(), ""), None, "it is not whole");
        let config = Config::load(Some(&folder.path().join("parotidd.toml"))).unwrap();
        assert!(super::brought(&config).is_err(), "and that is said");
        let own = DecisionPolicy::embedded().version;
        for (version, is_used) in
            [("99.0.0", true), (own.as_str(), false), ("0.0.9", false), ("new", false)]
        {
            fs::write(brought.join(POLICY_FILE), policy(version)).unwrap();
            let expected = is_used.then(|| brought.clone());
            assert_eq!(used(folder.path(), ""), expected, "{version}");
        }
        fs::write(brought.join(POLICY_FILE), policy("99.0.0")).unwrap();
        let mine = used(folder.path(), "models_dir = \"/mine\"").unwrap();
        assert_eq!(mine, Path::new("/mine"), "the settings come first");
    }
}
