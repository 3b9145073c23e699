//! Flags in the record of a decision: one text, so that a record is one run of bytes.

/// Ends the parts of an entry, and the entries. Neither occurs in keys of flags that people write.
const PART: char = '\u{1f}';
const ENTRY: char = '\u{1e}';
/// A fourth part of an entry: the program asked for the flag itself.
const REMOTE: &str = "remote";
/// Most bytes of the text.
const MOST: usize = 4096;

/// One flag that was evaluated for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedFlag<'a> {
    /// Its key.
    pub key: &'a str,
    /// The variant that was sent; empty if the backend uses its own default.
    pub variant: &'a str,
    /// What decided.
    pub decided_by: &'a str,
    /// True if a program asked for it while it worked on the request. The proxy sent nothing then.
    pub remote: bool,
}

/// Adds a flag to the text of a record. Returns false if there is no room, or the flag cannot be written.
pub fn push_flag(text: &mut String, flag: RecordedFlag<'_>) -> bool {
    let RecordedFlag { key, variant, decided_by, remote } = flag;
    // Readers of earlier versions know three parts, and pass over a fourth one.
    let parts = [key, variant, decided_by, REMOTE];
    let parts = if remote { &parts[..] } else { &parts[..3] };
    let length: usize = parts.iter().map(|part| part.len() + 1).sum();
    if text.len() + length > MOST || parts.iter().any(|part| part.contains([PART, ENTRY])) {
        return false;
    }
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            text.push(PART);
        }
        text.push_str(part);
    }
    text.push(ENTRY);
    true
}

/// The flags of a record's text.
pub fn recorded_flags(text: &str) -> impl Iterator<Item = RecordedFlag<'_>> {
    text.split_terminator(ENTRY).filter_map(|entry| {
        let mut parts = entry.split(PART);
        Some(RecordedFlag {
            key: parts.next()?,
            variant: parts.next()?,
            decided_by: parts.next()?,
            remote: parts.next() == Some(REMOTE),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{MOST, RecordedFlag, push_flag, recorded_flags};

    #[test]
    fn what_is_written_is_read() {
        let mut text = String::new();
        let flags = [
            RecordedFlag { key: "a b=c", variant: "on", decided_by: "targeting", remote: false },
            RecordedFlag { key: "b", variant: "", decided_by: "disabled", remote: true },
        ];
        assert!(flags.iter().all(|flag| push_flag(&mut text, *flag)));
        assert_eq!(recorded_flags(&text).collect::<Vec<_>>(), flags);
        assert_eq!(recorded_flags("").count(), 0);
        let strange = RecordedFlag { key: "a\u{1e}b", ..flags[0] };
        assert!(!push_flag(&mut text, strange));
        while push_flag(&mut text, flags[0]) {}
        assert!(text.len() <= MOST && text.len() > MOST - 30, "{}", text.len());
    }
}
