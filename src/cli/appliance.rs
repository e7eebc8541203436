//! `parotidd appliance`: what root does for the whole box, in commands that end at once.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use super::stick::{self, StickArgs};
use crate::appliance::apply::{apply, steps};
use crate::appliance::put::{put, removed, replace};
use crate::appliance::render::{FIREWALL, RenderedFile, Told, closed, render};
use crate::appliance::stick::files::{folder_of, sums};
use crate::config::Config;
use crate::error::Chain;

/// There while a step is still to be done.
const INCOMPLETE: &str = "run/parotidd-appliance/incomplete";

/// Look after the whole box: network, time, ports, name
///
/// For the disk image, where root's services run it; docs/appliance.md has them all.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct ApplianceArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Configure(ConfigureArgs),
    Stick(StickArgs),
}

/// Tell the operating system what the settings say of network, time, firewall, ports and name
///
/// Writes files under /run, and only those that differ; prints a line for each that changed, and one for each command that takes
/// it up. Settings that cannot be used change nothing and end with 64; where there is no firewall yet, it is one that lets
/// nobody in.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct ConfigureArgs {
    /// Settings (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where the file system begins
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Run those commands, too
    #[arg(long)]
    apply: bool,
}

/// Runs the command.
///
/// # Errors
/// When the settings cannot be used, files cannot be written, or a command fails.
pub fn run(args: &ApplianceArgs) -> Result<ExitCode> {
    match &args.action {
        Action::Configure(args) => configure(args),
        Action::Stick(args) => stick::run(args),
    }
}

fn configure(args: &ConfigureArgs) -> Result<ExitCode> {
    let (rendered, refused) = match files(&args.config) {
        Ok(rendered) => (rendered, None),
        // What holds goes on holding; a box that has nothing yet must not stand open.
        Err(error) if args.root.join(FIREWALL).exists() => return Err(error),
        Err(error) => (vec![closed()], Some(error)),
    };
    let mut changed = put(&args.root, &rendered)?;
    for file in &changed {
        say(&format!("changed {}", args.root.join(file.path).display()))?;
    }
    // Steps that failed are done again, whether files have changed since or not.
    let incomplete = args.root.join(INCOMPLETE);
    if args.apply && incomplete.exists() {
        changed = rendered;
    }
    let mut n_failed = 0;
    for step in steps(&changed) {
        say(&format!("{} {step}", if args.apply { "run" } else { "to run:" }))?;
        if args.apply
            && let Err(error) = apply(&step)
        {
            eprintln!("parotidd: {}", Chain(&error));
            n_failed += 1;
        }
    }
    if args.apply {
        note(&incomplete, n_failed > 0)?;
    }
    match refused {
        Some(error) => Err(error),
        None if n_failed > 0 => bail!("{n_failed} of the steps failed"),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn files(path: &Path) -> Result<Vec<RenderedFile>> {
    let config = Config::load(Some(path))?;
    let effective = toml::to_string(&config).context("could not write the settings as TOML")?;
    let sums = sums(&folder_of(path));
    let settings = config.appliance.clone().unwrap_or_default();
    let listen: Vec<_> = config.listeners().into_iter().map(|(_, address)| address).collect();
    Ok(render(Told { settings: &settings, listen: &listen, effective: &(effective + &sums) }))
}

/// Keeps in mind whether there is more to do.
fn note(path: &Path, is_incomplete: bool) -> Result<()> {
    let noted = if is_incomplete { replace(path, b"", 0o644) } else { removed(path).map(drop) };
    noted.with_context(|| format!("could not write or remove `{}`", path.display()))
}

fn say(line: &str) -> Result<()> {
    writeln!(io::stdout().lock(), "{line}").context("could not write to standard output")
}
