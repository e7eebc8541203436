//! A table in Markdown.

use std::fmt::Write as _;

/// Rows below a head. Every row has the head's number of cells.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    head: [&'static str; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(head: [&'static str; N]) -> Self {
        Self { head, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// The table after a blank line; nothing without rows.
    pub(super) fn write(&self, text: &mut String) {
        if self.rows.is_empty() {
            return;
        }
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        text.push('\n');
        text.push_str(&line(&self.head.map(str::to_owned)));
        let _ = writeln!(text, "|{}", "---|".repeat(N));
        for row in &self.rows {
            text.push_str(&line(&row.each_ref().map(|cell| escape(cell))));
        }
    }
}

/// A name from outside may hold what ends a cell or begins a tag.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '|' | '<' | '`' | '\\' | '[' => escaped.extend(['\\', letter]),
            it if it.is_control() => escaped.push(' '),
            it => escaped.push(it),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stay_cells() {
        let mut table = Table::new(["a", "b"]);
        table.row(["x|y\n".to_owned(), "<b>".to_owned()]);
        let mut text = String::new();
        table.write(&mut text);
        assert_eq!(text, "\n| a | b |\n|---|---|\n| x\\|y  | \\<b> |\n");
        let mut nothing = String::new();
        Table::new(["a"]).write(&mut nothing);
        assert_eq!(nothing, "");
    }
}
