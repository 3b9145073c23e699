//! Plain aligned tables that fit a terminal of 100 columns.

use std::fmt;

/// Cells longer than this are cut: one long reason must not push every column off the screen.
const WIDEST_CELL: usize = 48;

/// Rows under a head, columns two blanks apart.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
    indent: &'static str,
}

impl Table {
    /// A table with this head.
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned).to_vec()], right: Vec::new(), indent: "" }
    }

    /// A table without a head.
    pub(crate) const fn headless() -> Self {
        Self { rows: Vec::new(), right: Vec::new(), indent: "" }
    }

    /// Aligns these columns to the right, as numbers want it.
    pub(crate) fn right<const N: usize>(mut self, columns: [usize; N]) -> Self {
        self.right.extend(columns);
        self
    }

    /// Indents every line by two, below something it belongs to.
    pub(crate) const fn indented(mut self) -> Self {
        self.indent = "  ";
        self
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table, or a remark when it has no rows.
    pub(crate) fn or(self, remark: &str) -> String {
        let indent = self.indent;
        if self.rows.len() > 1 { self.to_string() } else { format!("{indent}{remark}\n") }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(|cell| clip(cell)).collect()).collect();
        let columns = cells.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = cells.iter().filter_map(|row: &Vec<String>| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &cells {
            let mut line = self.indent.to_owned();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let gap = if column > 0 { "  " } else { "" };
                line.push_str(gap);
                if self.right.contains(&column) {
                    line.push_str(&format!("{cell:>width$}"));
                } else {
                    line.push_str(&format!("{cell:<width$}"));
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The cell on one line and no wider than allowed. Control characters are shown as `?`: ids come
/// from clients, and a terminal must not obey them.
pub(crate) fn clip(cell: &str) -> String {
    let safe = cell.chars().map(|c| if c.is_control() { '?' } else { c });
    if cell.chars().count() <= WIDEST_CELL {
        safe.collect()
    } else {
        safe.take(WIDEST_CELL - 1).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_line_up_and_nothing_trails() {
        let mut table = Table::new(["release", "requests", "role"]).right([1]);
        table.row(vec!["v1".into(), "12,345".into(), "stable".into()]);
        table.row(vec!["candidate-2".into(), "7".into(), String::new()]);
        let expected = "release      requests  role\n\
                        v1             12,345  stable\n\
                        candidate-2         7\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn ids_from_outside_cannot_steer_the_terminal() {
        let mut table = Table::new(["tenant"]);
        table.row(vec!["\u{1b}[2Jacme\n".into()]);
        table.row(vec!["x".repeat(200)]);
        let text = table.to_string();
        assert!(text.contains("?[2Jacme?"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= super::WIDEST_CELL), "{text}");
    }

    #[test]
    fn an_empty_table_says_so() {
        assert_eq!(Table::new(["a", "b"]).or("no cohorts"), "no cohorts\n");
    }
}
