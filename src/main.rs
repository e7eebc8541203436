//! Arguments, logging, the command, the exit code.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Parser;
use parotidd::cli::{Cli, exit_code};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // stdout carries only results.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| cli.log_filter().into());
    // Colours are for people: in a journal or a file they are noise.
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours);
    log.with_writer(io::stderr).init();
    match cli.execute() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("parotidd: {error:#}");
            exit_code(&error)
        }
    }
}
