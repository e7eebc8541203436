//! A progress bar on a terminal, nothing in a pipe.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often a spinner turns.
const TURN: Duration = Duration::from_millis(120);

/// A bar over `n` things, on stderr.
pub(super) fn bar(what: &'static str, n: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} {eta}")
        .expect("the template is a constant");
    ProgressBar::new(n as u64).with_style(style).with_message(what)
}

/// A spinner for one series, on stderr.
pub(super) fn spinner(n_images: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {prefix}: {msg} {elapsed}")
        .expect("the template is a constant");
    let spinner = ProgressBar::new_spinner()
        .with_style(style)
        .with_prefix(format!("series of {n_images} images"));
    spinner.enable_steady_tick(TURN);
    spinner
}
