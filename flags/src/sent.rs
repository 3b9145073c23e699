//! Flags in the forms in which they are sent to a backend and kept in the record of a decision.

use crate::{Evaluation, Variant};
use stagegate_rollout::{RecordedFlag, push_flag};
use std::fmt::Write;

/// Most bytes of the header field, and of the members of `baggage`. Flags that find no room are left
/// out there, and recorded.
const MOST: usize = 4096;
/// What begins the key of each member of `baggage`.
const MEMBER: &str = "stagegate.flag.";

/// Flags of one request. A flag without a variant is recorded and not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagsSent {
    /// Value of `stagegate-flags`: a dictionary (RFC 9651, section 3.2) of variants, with what decided as
    /// a parameter.
    pub field: String,
    /// Members of `baggage`, each with its comma.
    pub baggage: String,
    /// Number of these members.
    pub members: usize,
    /// For the record of the decision.
    pub record: String,
}

impl FlagsSent {
    /// What begins the key of each member of `baggage`: nobody else may say it.
    pub const MEMBER: &str = MEMBER;

    /// Adds a flag.
    pub fn add(&mut self, key: &str, evaluation: &Evaluation<'_>) {
        let variant = evaluation.variant().map_or("", Variant::name);
        let decided_by = evaluation.decided_by().label();
        self.put(key, variant, decided_by);
    }

    /// Adds a flag with the variant that the release pins.
    pub fn add_pinned(&mut self, key: &str, variant: &str) {
        self.put(key, variant, "release");
    }

    fn put(&mut self, key: &str, variant: &str, decided_by: &str) {
        push_flag(&mut self.record, RecordedFlag { key, variant, decided_by, remote: false });
        if variant.is_empty() {
            return;
        }
        self.put_field(key, variant, decided_by);
        self.put_member(key, variant);
    }

    /// `key=variant;by=decider`. Keys that a dictionary cannot have are left out.
    fn put_field(&mut self, key: &str, variant: &str, decided_by: &str) {
        let before = self.field.len();
        if !is_dictionary_key(key) || before + key.len() + 2 * variant.len() + 24 > MOST {
            return;
        }
        if before > 0 {
            self.field.push_str(", ");
        }
        self.field.push_str(key);
        self.field.push('=');
        if is_token(variant) {
            self.field.push_str(variant);
        } else if variant.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            self.field.push('"');
            for c in variant.chars() {
                if matches!(c, '"' | '\\') {
                    self.field.push('\\');
                }
                self.field.push(c);
            }
            self.field.push('"');
        } else {
            return self.field.truncate(before);
        }
        self.field.push_str(";by=");
        self.field.push_str(decided_by);
    }

    /// `stagegate.flag.key=variant,`. Keys that are no tokens are left out.
    fn put_member(&mut self, key: &str, variant: &str) {
        let room = self.baggage.len() + MEMBER.len() + key.len() + 3 * variant.len() + 2 <= MOST;
        if !room || key.is_empty() || !key.bytes().all(is_tchar) {
            return;
        }
        self.baggage.push_str(MEMBER);
        self.baggage.push_str(key);
        self.baggage.push('=');
        for byte in variant.bytes() {
            // W3C Baggage 3.3.1: visible characters but `"`, `,`, `;` and `\`; `%` encodes.
            if byte.is_ascii_graphic() && !br#"",;\%"#.contains(&byte) {
                self.baggage.push(char::from(byte));
            } else {
                let _ = write!(self.baggage, "%{byte:02X}");
            }
        }
        self.baggage.push(',');
        self.members += 1;
    }
}

/// RFC 9651, section 3.1.2.
fn is_dictionary_key(key: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte == b'*';
    let other = |byte: u8| first(byte) || byte.is_ascii_digit() || b"_-.".contains(&byte);
    key.bytes().next().is_some_and(first) && key.bytes().all(other)
}

/// RFC 9651, section 3.3.4.
fn is_token(text: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'*';
    let other = |byte: u8| is_tchar(byte) || byte == b':' || byte == b'/';
    text.bytes().next().is_some_and(first) && text.bytes().all(other)
}

/// RFC 9110, section 5.6.2.
const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::{FlagsSent, MOST};
    use crate::{Bucketing, FlagFile, FlagSet, Scratch};

    #[test]
    fn what_is_sent_is_bounded() {
        let flags: Vec<String> = (0..400)
            .map(|number| format!(r#""flag-{number}-with-a-long-name": {{"state": "ENABLED", "variants": {{"on": true}}, "defaultVariant": "on"}}"#))
            .collect();
        let text = format!(r#"{{"flags": {{{}}}}}"#, flags.join(","));
        let file = FlagFile::read("flags.json", &text).expect("a good file");
        let set = FlagSet::of(vec![file], Bucketing::V2).expect("no key twice");
        let mut scratch = Scratch::new();
        let (context, mut sent) = (scratch.of_fields(&[]), FlagsSent::default());
        set.evaluate_all(&context, 0).for_each(|(flag, it)| sent.add(flag.key(), &it));
        assert!(sent.field.len() <= MOST && sent.field.len() > MOST - 100, "{}", sent.field.len());
        assert!(sent.baggage.len() <= MOST && sent.record.len() <= MOST);
    }
}
