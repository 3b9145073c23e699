//! Questions to the person at the terminal.

use super::escape;
use std::io::{BufRead, IsTerminal, Write};

/// Returns true if standard input is a terminal, so that a person can answer.
pub(crate) fn somebody_there() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks, and gives the line that was answered; none at the end of the input.
pub(crate) fn answered(question: &str) -> Option<String> {
    let _ = write!(std::io::stderr(), "{} ", escape::one_line(question));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok_and(|bytes| bytes > 0).then_some(answer)
}

/// Asks; only `y` and `yes` agree.
pub(crate) fn agreed(question: &str) -> bool {
    let _ = write!(std::io::stderr(), "{} [y/N] ", escape::one_line(question));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
