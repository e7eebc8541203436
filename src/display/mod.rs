//! `Status` to pixels: view, theme, and the backends that show them.
