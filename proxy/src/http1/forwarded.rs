//! The `Forwarded` field of a client (RFC 7239 4), read and written again, so that whatever a client
//! sends, the element that the proxy adds can be read.

/// Appends the elements of `value` to `out`, each followed by `, `. Appends nothing when the value does
/// not follow the grammar.
pub(super) fn append_elements(out: &mut Vec<u8>, value: &[u8]) {
    let before = out.len();
    if elements(out, value).is_none() {
        out.truncate(before);
    }
}

/// `Forwarded = 1#( [ pair ] *( ";" [ pair ] ) )`; empty members are left out.
fn elements(out: &mut Vec<u8>, value: &[u8]) -> Option<()> {
    let mut rest = value.trim_ascii();
    let mut in_element = false;
    while let Some(&byte) = rest.first() {
        rest = match byte {
            b';' => &rest[1..],
            b',' => {
                if std::mem::take(&mut in_element) {
                    out.extend_from_slice(b", ");
                }
                &rest[1..]
            }
            b' ' | b'\t' => &rest[1..],
            _ => {
                if std::mem::replace(&mut in_element, true) {
                    out.push(b';');
                }
                let after = pair(out, rest)?.trim_ascii_start();
                if !matches!(after.first(), None | Some(b';' | b',')) {
                    return None;
                }
                after
            }
        };
    }
    if in_element {
        out.extend_from_slice(b", ");
    }
    Some(())
}

/// `token "=" ( token / quoted-string )`; gives what follows.
fn pair<'a>(out: &mut Vec<u8>, text: &'a [u8]) -> Option<&'a [u8]> {
    let (name, rest) = token(text)?;
    let rest = rest.strip_prefix(b"=")?;
    out.extend_from_slice(name);
    out.push(b'=');
    if let Some(quoted) = rest.strip_prefix(b"\"") {
        return quoted_string(out, quoted);
    }
    let (value, rest) = token(rest)?;
    out.extend_from_slice(value);
    Some(rest)
}

/// RFC 9110 5.6.2.
fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    let end = text.iter().position(|b| !is_token(b)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// The rest of a quoted string (RFC 9110 5.6.4) whose quote has been read.
fn quoted_string<'a>(out: &mut Vec<u8>, text: &'a [u8]) -> Option<&'a [u8]> {
    out.push(b'"');
    let mut rest = text;
    loop {
        let (&byte, tail) = rest.split_first()?;
        rest = tail;
        match byte {
            b'"' => break,
            b'\\' => {
                let (&escaped, tail) = rest.split_first().filter(|(b, _)| is_text(**b))?;
                rest = tail;
                if matches!(escaped, b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(escaped);
            }
            byte if is_text(byte) => out.push(byte),
            _ => return None,
        }
    }
    out.push(b'"');
    Some(rest)
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::append_elements;
    use proptest::prelude::*;

    fn appended(value: &str) -> String {
        let mut out = b"+".to_vec();
        append_elements(&mut out, value.as_bytes());
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn elements_are_written_as_they_were_meant() {
        for (value, written) in [
            ("for=192.0.2.43", "+for=192.0.2.43, "),
            (
                "for=\"[2001:db8::1]:80\" ; proto=https ,,FOR=_x",
                "+for=\"[2001:db8::1]:80\";proto=https, FOR=_x, ",
            ),
            (r#"for="a\b\"c,d";host=x"#, r#"+for="ab\"c,d";host=x, "#),
            ("", "+"),
            (";;, ;", "+"),
        ] {
            assert_eq!(appended(value), written, "{value}");
        }
    }

    #[test]
    fn what_is_malformed_is_left_out() {
        for value in [
            "for=\"1.2.3.4",
            "for=1.2.3.4;by=",
            "for=1.2.3.4;host=\"x\\",
            "for",
            "=1",
            "for = 1",
            "for=1 by=2",
            "for=\"a\"b",
            "for=1;by=\"",
            "a(b)=1",
        ] {
            assert_eq!(appended(value), "+", "{value}");
        }
    }

    proptest! {
        /// What is written has balanced quotes, and is written the same when it is read again.
        #[test]
        fn what_is_written_can_be_read(value in "([a-z]|=|;|,|\"|\\\\| |\t|é){0,30}") {
            let once = appended(&value);
            let inner = once[1..].trim_end_matches(", ");
            prop_assert_eq!(appended(inner), once.clone());
        }
    }
}
