//! `parotidd completions`: what a shell needs to complete our arguments.

use std::io;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::Cli;

/// Print completions for a shell
///
/// For example: parotidd completions bash > /usr/share/bash-completion/completions/parotidd
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// When standard output is closed.
pub fn run(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "parotidd", &mut script);
    io::Write::write_all(&mut io::stdout(), &script).context("could not write to standard output")
}
