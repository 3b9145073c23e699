//! Fields of forms: `application/x-www-form-urlencoded` (WHATWG URL 5.1), read as its bytes come.

use super::percent::percent_decoded;
use super::reading::Reading;
use stagegate_signals::Layout;
use std::borrow::Cow;

/// Longest name of a field that is looked at, escapes and all.
const MAX_NAME: usize = 512;
/// Longest value that is looked at, escapes and all: three bytes for each of the longest id's.
const MAX_VALUE: usize = 3 * 4096;

/// Reads the fields of one form.
#[derive(Debug, Default)]
pub(super) struct Form {
    name: Vec<u8>,
    value: Vec<u8>,
    in_value: bool,
    /// The field under way is too long to be looked at.
    too_long: bool,
}

impl Form {
    /// Takes the next bytes, and gives the fields that are over: names and values, decoded.
    pub(super) fn feed(&mut self, bytes: &[u8], mut field: impl FnMut(&str, &str)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = match self.in_value {
                true => memchr::memchr(b'&', rest),
                false => memchr::memchr2(b'&', b'=', rest),
            };
            self.keep(&rest[..end.unwrap_or(rest.len())]);
            let Some(end) = end else { return };
            match rest[end] {
                b'=' => self.in_value = true,
                _ => self.end(&mut field),
            }
            rest = &rest[end + 1..];
        }
    }

    /// The field under way is over: at an `&`, or with the form.
    pub(super) fn end(&mut self, mut field: impl FnMut(&str, &str)) {
        if !self.too_long
            && let (Some(name), Some(value)) = (decoded(&self.name), decoded(&self.value))
            && !name.is_empty()
        {
            field(&name, &value);
        }
        (self.in_value, self.too_long) = (false, false);
        self.name.clear();
        self.value.clear();
    }

    fn keep(&mut self, bytes: &[u8]) {
        let (text, most) = match self.in_value {
            true => (&mut self.value, MAX_VALUE),
            false => (&mut self.name, MAX_NAME),
        };
        self.too_long |= text.len() + bytes.len() > most;
        if !self.too_long {
            text.extend_from_slice(bytes);
        }
    }
}

/// A name or a value; none if it is no text.
fn decoded(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(bytes).ok()?;
    if !text.contains('+') {
        return percent_decoded(text);
    }
    let spaced = text.replace('+', " ");
    Some(Cow::Owned(percent_decoded(&spaced)?.into_owned()))
}

/// The members that the name of a field stands for: `a[b][]`, `a[b][0]` and `a.b` are `b` of `a`.
pub(super) fn members(name: &str) -> impl Iterator<Item = &str> {
    let parts = name.split(['[', '.']).map(|part| part.trim_end_matches(']'));
    // Entries of lists are not told apart.
    parts
        .enumerate()
        .filter(|(at, part)| !part.is_empty() && (*at == 0 || !is_index(part)))
        .map(|it| it.1)
}

fn is_index(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
}

/// The field at `pointer` (RFC 6901). A form that a backend may read otherwise is unreadable: the field is
/// repeated or cannot be read, the body is JSON behind a form's label, a name has characters that
/// some readers drop, or a `;` that some take for an `&` makes a difference.
pub(super) fn read_at(form: &[u8], pointer: &str) -> Reading {
    if Layout::of(form) == Some(Layout::Json) {
        return Reading::Unreadable;
    }
    let found = read_split(form, pointer, |byte| byte == b'&');
    let other = read_split(form, pointer, |byte| matches!(byte, b'&' | b';'));
    if found == other { found } else { Reading::Unreadable }
}

fn read_split(form: &[u8], pointer: &str, ends: impl Fn(u8) -> bool) -> Reading {
    let wanted: Vec<String> =
        pointer.split('/').skip(1).map(|it| it.replace("~1", "/").replace("~0", "~")).collect();
    let mut found = Reading::Nothing;
    for pair in form.split(|byte| ends(*byte)) {
        let at = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let Some(name) = decoded(&pair[..at]) else { return Reading::Unreadable };
        if name.trim() != name || name.chars().any(char::is_control) {
            return Reading::Unreadable;
        }
        if !members(&name).eq(wanted.iter().map(String::as_str)) {
            continue;
        }
        let Some(value) = decoded(pair.get(at + 1..).unwrap_or(b"")) else {
            return Reading::Unreadable;
        };
        let read = Reading::of(value.into_owned());
        match &found {
            Reading::Nothing => found = read,
            before if *before == read => {}
            _ => return Reading::Unreadable,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Form, read_at};
    use crate::identity::reading::Reading;
    use proptest::prelude::*;

    fn fields(form: &[u8], cut: usize) -> Vec<(String, String)> {
        let (mut reader, mut found) = (Form::default(), Vec::new());
        let (first, second) = form.split_at(cut.min(form.len()));
        let mut add = |name: &str, value: &str| found.push((name.to_owned(), value.to_owned()));
        reader.feed(first, &mut add);
        reader.feed(second, &mut add);
        reader.end(&mut add);
        found
    }

    #[test]
    fn fields_are_read_however_they_are_cut() {
        let form = b"a=1&thread%5Fid=t%2D1&&b&c=x+y%20z=&=no&d=%zz&e=";
        let expected = [("a", "1"), ("thread_id", "t-1"), ("b", ""), ("c", "x y z="), ("e", "")];
        for cut in 0..form.len() {
            let found = fields(form, cut);
            let found: Vec<_> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!(found, expected, "cut at {cut}");
        }
        let long = format!("a={}&b=1", "x".repeat(20_000));
        assert_eq!(fields(long.as_bytes(), 9), [("b".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn one_field_is_found_by_its_pointer() {
        let id = |text: &str| Reading::Id(text.to_owned());
        for (form, pointer, expected) in [
            ("From=%2B4912&Body=hi", "/From", id("+4912")),
            ("user[id]=ann&user[name]=x", "/user/id", id("ann")),
            ("user.id=ann", "/user/id", id("ann")),
            ("user[0][id]=ann", "/user/id", id("ann")),
            ("user[0][id]=ann&user[1][id]=bob", "/user/id", Reading::Unreadable),
            ("7=ann", "/7", id("ann")),
            ("a=1&a=1", "/a", id("1")),
            ("a=1&a=2", "/a", Reading::Unreadable),
            ("a=%ff", "/a", Reading::Unreadable),
            ("%ff=1&a=2", "/a", Reading::Unreadable),
            ("a=%00", "/a", Reading::Unreadable),
            // What backends differ in.
            (r#"{"a":"1"}"#, "/a", Reading::Unreadable),
            ("\r\n [{\"a\":1}]", "/a", Reading::Unreadable),
            ("b=2;a=1", "/a", Reading::Unreadable),
            ("a=1;b=2", "/a", Reading::Unreadable),
            ("b=2;c=3&a=1", "/a", id("1")),
            ("+a=1", "/a", Reading::Unreadable),
            ("a%00b=1", "/a", Reading::Unreadable),
            ("\na=1", "/a", Reading::Unreadable),
            ("b=1", "/a", Reading::Nothing),
            ("a=", "/a", Reading::Nothing),
            ("", "/a", Reading::Nothing),
        ] {
            assert_eq!(read_at(form.as_bytes(), pointer), expected, "{form} {pointer}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, cut in 0usize..64) {
            fields(&bytes, cut);
            let _ = read_at(&bytes, "/a");
        }
    }
}
