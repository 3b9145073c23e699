//! Plain aligned tables that fit the reader's screen.

use super::{escape, screen};
use std::fmt;

/// Longer cells are cut: one reason must not fill the screen.
const LONGEST_CELL: usize = 300;
/// Narrower a column never gets.
const NARROWEST: usize = 8;

/// Rows under a head, columns two blanks apart. If they do not fit the width, cells of the widest
/// columns wrap to the next line. Columns that are `whole`, like ids, are never broken, so that
/// they can be copied.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
    whole: Vec<usize>,
    indent: &'static str,
    columns: usize,
}

impl Table {
    /// A table with this head.
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        let mut table = Self::headless();
        table.row(head.map(str::to_owned).to_vec());
        table
    }

    /// A table without a head.
    pub(crate) fn headless() -> Self {
        Self {
            rows: Vec::new(),
            right: Vec::new(),
            whole: Vec::new(),
            indent: "",
            columns: screen::columns(),
        }
    }

    /// Aligns these columns to the right, as numbers want it.
    pub(crate) fn right<const N: usize>(mut self, columns: [usize; N]) -> Self {
        self.right.extend(columns);
        self
    }

    /// Never breaks the cells of these columns.
    pub(crate) fn whole<const N: usize>(mut self, columns: [usize; N]) -> Self {
        self.whole.extend(columns);
        self
    }

    /// Indents every line by two, below something it belongs to.
    pub(crate) const fn indented(mut self) -> Self {
        self.indent = "  ";
        self
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.into_iter().map(|cell| clip(&cell)).collect());
    }

    /// The table, or a remark when it has no rows.
    pub(crate) fn or(self, remark: &str) -> String {
        let indent = self.indent;
        if self.rows.len() > 1 { self.to_string() } else { format!("{indent}{remark}\n") }
    }

    /// Widths of the columns: as wide as their cells, then the widest that may be broken narrower
    /// until the line fits.
    fn widths(&self) -> Vec<usize> {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..count).map(width).collect();
        let around = self.indent.len() + 2 * count.saturating_sub(1);
        while widths.iter().sum::<usize>() + around > self.columns {
            let breakable = |column: &usize| {
                !self.whole.contains(column)
                    && !self.right.contains(column)
                    && widths[*column] > NARROWEST
            };
            match (0..count).filter(breakable).max_by_key(|column| widths[*column]) {
                Some(widest) => widths[widest] -= 1,
                None => break,
            }
        }
        widths
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for row in &self.rows {
            let cells: Vec<Vec<String>> =
                row.iter().zip(&widths).map(|(cell, width)| broken(cell, *width)).collect();
            let height = cells.iter().map(Vec::len).max().unwrap_or(1);
            for number in 0..height {
                let mut line = self.indent.to_owned();
                for (column, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
                    let part = cell.get(number).map_or("", String::as_str);
                    line.push_str(if column > 0 { "  " } else { "" });
                    if self.right.contains(&column) {
                        line.push_str(&format!("{part:>width$}"));
                    } else {
                        line.push_str(&format!("{part:<width$}"));
                    }
                }
                writeln!(f, "{}", line.trim_end())?;
            }
        }
        Ok(())
    }
}

/// The cell in lines of at most `width`, broken between words where that is possible.
fn broken(cell: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut room = width;
    for word in cell.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let gap = usize::from(room < width);
        if word.len() + gap > room && gap == 1 {
            lines.push(String::new());
            room = width;
        }
        while word.len() > width && width > 0 {
            let rest = word.split_off(width);
            if let Some(line) = lines.last_mut() {
                line.extend(&word);
            }
            lines.push(String::new());
            (word, room) = (rest, width);
        }
        let gap = usize::from(room < width);
        if let Some(line) = lines.last_mut() {
            line.push_str(&" "[..gap]);
            line.extend(&word);
        }
        room = room.saturating_sub(word.len() + gap);
    }
    lines
}

/// A text in lines that fit the width, each indented by so many blanks.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    let width = screen::columns().saturating_sub(indent).max(NARROWEST);
    let lines = broken(text, width);
    lines.iter().map(|line| format!("{:indent$}{line}\n", "")).collect()
}

/// The cell on one line, harmless and no longer than allowed.
pub(crate) fn clip(cell: &str) -> String {
    let safe = escape::one_line(cell);
    if safe.chars().count() <= LONGEST_CELL {
        safe
    } else {
        safe.chars().take(LONGEST_CELL - 1).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, broken};

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
        table.row(vec!["\u{1b}[2Jacme\n\u{202e}".into()]);
        table.row(vec!["x".repeat(2000)]);
        let text = table.to_string();
        assert!(text.contains("\\u{1b}[2Jacme\\n\\u{202e}"), "{text}");
        assert!(text.chars().count() < 400, "{text}");
    }

    #[test]
    fn a_wide_table_fits_eighty_columns_and_loses_nothing() {
        let mut table = Table::new(["id", "why", "n"]).right([2]).whole([0]);
        table.columns = 80;
        let (id, why) =
            ("agent~v43~2~1~7~0a1b2c3d", "latency is higher than the gate allows ".repeat(4));
        table.row(vec![id.into(), why.clone(), "12".into()]);
        let text = table.to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains(id), "an id is never broken\n{text}");
        let words = |text: &str| text.matches("allows").count();
        assert_eq!(words(&text), words(&why), "{text}");
    }

    #[test]
    fn words_stay_whole_where_they_can() {
        assert_eq!(broken("one two three", 8), ["one two", "three"]);
        assert_eq!(broken("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(broken("", 4), [""]);
        assert_eq!(broken("fits", 4), ["fits"]);
    }

    #[test]
    fn an_empty_table_says_so() {
        assert_eq!(Table::new(["a", "b"]).or("no cohorts"), "no cohorts\n");
    }
}
