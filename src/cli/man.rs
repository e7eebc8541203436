//! `parotidd man`: the manual pages, from the same text as `--help`.

use std::fs;
use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::Cli;

/// Print the manual page (roff), or write one page for each command
///
/// Read it with `parotidd man | man -l -`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write parotidd.1, parotidd-run.1 and so on into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the pages cannot be written.
pub fn run(args: &ManArgs) -> Result<()> {
    let command = Cli::command();
    let Some(folder) = &args.out else {
        return Man::new(command)
            .render(&mut io::stdout())
            .context("could not write to standard output");
    };
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .with_context(|| format!("could not write the pages to `{}`", folder.display()))
}
