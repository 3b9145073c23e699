//! Texts of others, before they are shown.

/// Characters of a message that are kept.
const LONGEST: usize = 160;

/// A message of a source: one line, no control characters, not long.
pub(crate) fn shown(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let cut: String = clean.take(LONGEST).collect();
    cut.trim().to_owned()
}
