//! Text from outside, made harmless for a terminal.
//!
//! Ids, reasons, samples and error texts come from clients and backends. A terminal obeys control
//! characters, and a reader is misled by characters that reverse the direction of text. Both are
//! shown as `\u{1b}` instead.

/// Returns true if a terminal could execute the character or reorder the text after it.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text on one line: line ends are shown as `\n` too.
#[must_use]
pub fn one_line(text: &str) -> String {
    escaped(text, |_| false)
}

/// The text with its lines and tabs as they are.
pub(crate) fn lines(text: &str) -> String {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, kept: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if kept(c) || !is_harmful(c) => safe.push(c),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c => safe.extend(c.escape_unicode()),
        }
    }
    safe
}

/// JSON text whose strings hold no such character: the same value, written with `\u001b`.
pub(crate) fn json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !is_harmful(c) {
            safe.push(c);
            continue;
        }
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            safe.push_str(&format!("\\u{unit:04x}"));
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::{json, lines, one_line};

    #[test]
    fn nothing_from_outside_steers_a_terminal() {
        let evil = "a\u{1b}[2Jb\u{9b}31mc\u{202e}d\u{7f}e\nf\r\u{2066}g\u{200b}h\u{e0041}";
        let shown = one_line(evil);
        assert_eq!(
            shown,
            "a\\u{1b}[2Jb\\u{9b}31mc\\u{202e}d\\u{7f}e\\nf\\r\\u{2066}g\\u{200b}h\\u{e0041}"
        );
        assert_eq!(lines("a\n\tb\u{7}"), "a\n\tb\\u{7}");
        assert_eq!(lines("größe 日本 …"), "größe 日本 …", "letters stay");
    }

    #[test]
    fn escaped_json_is_the_same_value() {
        let value = serde_json::json!({ "a": "x\u{1b}\u{9b}\u{202e}\u{e0041}y" });
        let safe = json(&serde_json::to_string_pretty(&value).expect("JSON"));
        assert!(!safe.contains('\u{202e}') && !safe.contains('\u{9b}'), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).expect("JSON"), value);
    }
}
