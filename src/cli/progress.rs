//! A progress bar on a terminal, nothing in a pipe.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `n` things, on stderr.
#[must_use]
pub(super) fn bar(what: &'static str, n: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} {eta}")
        .expect("the template is a constant");
    ProgressBar::new(n as u64).with_style(style).with_message(what)
}
