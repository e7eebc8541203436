//! One file a command: parses its arguments, calls downward, prints the result.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

pub mod prepare;
mod progress;

/// Screens head and neck CT for parotid tumours beside the scanner
///
/// Not a medical device; not for diagnostic use.
#[derive(Debug, Parser)]
#[command(name = "parotidd", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Prepare(prepare::PrepareArgs),
}

impl Cli {
    /// Runs the command that was typed.
    ///
    /// # Errors
    /// Whatever the command could not do; see [`exit_code`].
    pub fn execute(self) -> Result<ExitCode> {
        match self.command {
            Command::Prepare(args) => prepare::run(&args)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
