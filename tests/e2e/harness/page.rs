//! Code blocks of the pages under `docs/`, so that a page and its test cannot differ.

use std::path::{Path, PathBuf};

/// A fenced block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// What stands behind the opening fence, as `sh` or `python openai-chat`.
    pub(crate) info: String,
    /// Its text, with the indentation of its fence taken off.
    pub(crate) text: String,
    /// Line of its opening fence.
    pub(crate) line: usize,
}

/// The file of a page below `docs/`.
pub(crate) fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// The fenced blocks of a page, in order.
pub(crate) fn blocks(name: &str) -> Vec<Block> {
    let text = std::fs::read_to_string(page(name)).unwrap_or_else(|e| panic!("docs/{name}: {e}"));
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<usize> = None;
    for (index, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        match (open, line.trim_start().strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(indent);
                let info = info.trim().to_owned();
                blocks.push(Block { info, text: String::new(), line: index + 1 });
            }
            (Some(_), Some(_)) => open = None,
            (Some(indent), None) => {
                let block = blocks.last_mut().expect("a block is open");
                block.text.push_str(line.get(indent..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// Whether `found` is what a page shows as `shown`. Spaces may differ; a `…` stands for any text,
/// a line that is `…` for any lines; dates, times and milliseconds may be any.
pub(crate) fn looks_like(shown: &str, found: &str) -> bool {
    let lines = |text: &str| text.lines().map(normal).collect::<Vec<_>>();
    lines_match(&lines(shown), &lines(found))
}

fn lines_match(shown: &[String], found: &[String]) -> bool {
    match shown.split_first() {
        None => found.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=found.len()).any(|skip| lines_match(rest, &found[skip..]))
        }
        Some((first, rest)) => found
            .split_first()
            .is_some_and(|(line, others)| glob(first, line) && lines_match(rest, others)),
    }
}

fn glob(shown: &str, found: &str) -> bool {
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = found.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The line with single spaces, and with dates, times and milliseconds replaced.
fn normal(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let digits = |word: &str, at: &[usize]| {
        at.iter().all(|&i| word.as_bytes().get(i).is_some_and(u8::is_ascii_digit))
    };
    let normal = words.iter().enumerate().map(|(index, word)| {
        let bytes = word.as_bytes();
        let before_ms = words.get(index + 1).is_some_and(|next| next.starts_with("ms"));
        match bytes {
            _ if before_ms && digits(word, &[0]) => "N",
            [_, _, _, _, b'-', _, _, b'-', _, _] if digits(word, &[0, 3, 5, 9]) => "DATE",
            [_, _, b':', _, _, b':', _, _, b'Z', ..] if digits(word, &[0, 1, 3, 6]) => "TIME",
            _ => word,
        }
    });
    normal.collect::<Vec<_>>().join(" ")
}

#[test]
fn pages_show_what_was_printed_but_for_times_and_dots() {
    let printed = "a   drill took 302 ms, ok\nat 2026-01-02 03:04:05Z: x~9f\nlast\n";
    assert!(looks_like("a drill took 301 ms, ok\n…\n", printed));
    assert!(looks_like("…\nat 2025-11-29 22:02:20Z: x~…\nlast", printed));
    assert!(!looks_like("…\nat 2025-11-29 22:02:20Z: y~…\nlast", printed));
    assert!(!looks_like("a drill took 301 ms, ok", printed));
}
