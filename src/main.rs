//! Arguments, logging, the command, the exit code.

use std::process::ExitCode;

use clap::Parser;
use parotidd::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().execute() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("parotidd: {error:#}");
            ExitCode::FAILURE
        }
    }
}
