//! Numbers and durations as text.

use crate::Span;
use std::fmt;

/// A number with four significant digits, which is more than any of these estimates has.
pub(crate) struct Figure(pub(crate) f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value == 0.0 || !value.is_finite() {
            return write!(f, "{value}");
        }
        let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 9);
        let text = format!("{value:.*}", digits as usize);
        let short = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            &text
        };
        f.write_str(short)
    }
}

/// A duration to the second.
pub(crate) struct Seconds(pub(crate) u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
        let mut shown = parts.iter().filter(|(count, _)| *count > 0).take(2).peekable();
        if shown.peek().is_none() {
            return write!(f, "{}", Span(self.0));
        }
        shown.try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
    }
}
