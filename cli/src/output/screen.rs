//! The terminal: its size, and a screen that is drawn again and again.

use super::{colour, escape};
use console::Term;
use std::io::{IsTerminal, Write};

/// Columns of a terminal that does not say how wide it is.
const USUAL_COLUMNS: usize = 80;
/// Columns of a pipe or file: a program such as `grep` wants a row on one line. Tests read tables as
/// on a terminal.
const PIPED_COLUMNS: usize = if cfg!(test) { USUAL_COLUMNS } else { usize::MAX };

/// Columns that a table may take: the terminal's, `COLUMNS`, or 80; any number in a pipe.
pub(crate) fn columns() -> usize {
    let terminal = Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    let given = || std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let unknown = if can_redraw() { USUAL_COLUMNS } else { PIPED_COLUMNS };
    terminal.or_else(given).filter(|columns| *columns >= 40).unwrap_or(unknown)
}

/// Returns true if standard output is a terminal, so that the screen can be redrawn.
pub(crate) fn can_redraw() -> bool {
    std::io::stdout().is_terminal()
}

/// Rows of the terminal.
pub(crate) fn rows() -> usize {
    Term::stdout().size_checked().map_or(24, |(rows, _)| usize::from(rows))
}

/// Draws the screen anew: home, the lines that fit, and nothing below them.
pub(crate) fn redraw(text: &str) {
    let text = colour::paint(&fit(&escape::lines(text), rows(), columns()));
    let mut out = std::io::stdout().lock();
    // Home and clear below: less flicker than clearing the whole screen first.
    let _ = write!(out, "\x1b[H\x1b[J{text}").and_then(|()| out.flush());
}

/// The first lines, each cut at the screen's edge; says how many are missing.
pub(crate) fn fit(text: &str, rows: usize, columns: usize) -> String {
    // The last row stays free for the cursor.
    let room = rows.saturating_sub(1).max(2);
    let all = text.lines().count();
    let shown = if all > room { room - 1 } else { all };
    let cut = |line: &str| {
        if line.chars().count() <= columns {
            line.to_owned()
        } else {
            line.chars().take(columns - 1).chain(['…']).collect()
        }
    };
    let mut screen: String = text.lines().take(shown).map(|line| cut(line) + "\n").collect();
    if shown < all {
        screen.push_str(&format!("({} more lines; make the window taller)\n", all - shown));
    }
    screen
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn a_screen_holds_what_fits_and_says_what_is_missing() {
        let text: String =
            (0..40).map(|number| format!("line {number} {}\n", "x".repeat(100))).collect();
        let screen = fit(&text, 24, 80);
        assert_eq!(screen.lines().count(), 23);
        assert!(screen.starts_with("line 0 ") && screen.contains("(18 more lines"), "{screen}");
        assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
        assert_eq!(fit("a\nb\n", 24, 80), "a\nb\n");
    }
}
