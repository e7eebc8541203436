//! `parotidd check-config`: reads settings and the files they name, and prints what they mean.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::delivery::policy::{AlertSettings, STUDY};

/// Check settings without starting anything, and print all of them with their defaults
///
/// Opens the certificates, keys, secrets and the board file they name, too: run it as the service's user. Ends with 64 when they
/// cannot be used, and says what to change. Where `alerts.prevalence` is set, the last lines say how many alerts to expect,
/// and how many of them would be about a tumour. The output may hold secrets in URLs.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct CheckConfigArgs {
    /// Settings (TOML)
    file: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// When the settings cannot be used.
pub fn run(args: &CheckConfigArgs) -> Result<()> {
    let config = Config::load(Some(&args.file))?;
    config.check_files(SystemClock::new().unix_ms())?;
    let mut text =
        toml::to_string_pretty(&config).context("could not write the settings as TOML")?;
    text.push_str(&expectation(&config.alerts));
    io::stdout().write_all(text.as_bytes()).context("could not write to standard output")
}

/// What to expect of the alerts, as comments below the settings.
fn expectation(settings: &AlertSettings) -> String {
    let Some(expected) = settings.expectation() else {
        let text = "# Of how many alerts would be about a tumour nothing is known: set `alerts.prevalence`, the share of\n\
                    # patients with a parotid tumour among those who are scanned (0.0022 to 0.012 in published series).\n";
        return format!("\n{text}");
    };
    let of = |measured: Option<f64>, theirs: f64| match measured {
        Some(value) => format!("{value} (set here)"),
        None => format!("{theirs} (the study's, on images of which half had a tumour)"),
    };
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    format!(
        "\n# Expected of the alerts at a prevalence of {:.2} %,\n#   sensitivity {},\n#   specificity {}:\n\
         # {} of the alerts are about a tumour: in 10,000 patients {:.0} true alerts and {:.0} false ones.\n\
         # For nine true alerts of ten the specificity would have to be {:.3} %.\n",
        100.0 * expected.prevalence,
        of(settings.sensitivity, STUDY.sensitivity),
        of(settings.specificity, STUDY.specificity),
        percent(expected.ppv),
        expected.true_per_10000,
        expected.false_per_10000,
        100.0 * expected.specificity_for_ppv_90,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_expect_is_said_and_is_toml() {
        let settings = AlertSettings { prevalence: Some(0.0074), ..AlertSettings::default() };
        let text = expectation(&settings);
        assert!(text.contains("7.5 % of the alerts"), "{text}");
        assert!(text.contains("65 true alerts and 804 false"), "{text}");
        assert!(text.contains("99.927 %"), "{text}");
        assert!(toml::from_str::<toml::Table>(&text).unwrap().is_empty());
        assert!(expectation(&AlertSettings::default()).contains("alerts.prevalence"));
    }
}
