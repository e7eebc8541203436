//! `parotidd man`: the manual pages, from the same text as `--help`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::{Cli, EXIT_CODES, STREAMS};

/// Print the manual page (roff), or write one page for each command
///
/// Read it with `parotidd man | man -l -`.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
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
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = &args.out else {
        return main_page(command, &mut io::stdout().lock())
            .context("could not write to standard output");
    };
    let write_all = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for subcommand in command.get_subcommands() {
            Man::new(subcommand.clone()).generate_to(folder)?;
        }
        let mut page = BufWriter::new(File::create(folder.join("parotidd.1"))?);
        main_page(command.clone(), &mut page)?;
        page.flush()
    };
    write_all().with_context(|| format!("could not write the pages to `{}`", folder.display()))
}

/// The page of the program itself; what stands below its `--help` gets sections of its own.
fn main_page(command: Command, out: &mut dyn Write) -> io::Result<()> {
    let man = Man::new(command);
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    man.render_subcommands_section(out)?;
    writeln!(out, ".SH \"EXIT STATUS\"")?;
    for (code, means) in EXIT_CODES {
        writeln!(out, ".TP\n{code}\n{means}")?;
    }
    writeln!(out, ".SH ENVIRONMENT\n.TP\nSTATE_DIRECTORY\ndata_dir where the settings name none")?;
    writeln!(out, ".TP\nRUST_LOG\nwhat is logged")?;
    writeln!(out, ".SH NOTES\n{STREAMS}")?;
    man.render_version_section(out)
}
