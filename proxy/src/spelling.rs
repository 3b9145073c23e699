//! Spellings of hosts and paths: the one form by which they are compared, and the other readings
//! that some servers make of a path.
//!
//! Servers do not agree on what `%2f`, `..`, `;` and `\` in a path mean. A path is *unclear* when
//! readings differ; [`crate::route`] refuses it where they would lead to different workloads. What is
//! forwarded is always the path as it came.

use std::borrow::Cow;
use std::net::Ipv6Addr;

/// Most readings of one path.
const MAX_READINGS: usize = 288;

/// The name in `host[:port]`: lower case, without port, final dot and escapes; an IPv6 address in its
/// canonical form without brackets (RFC 3986 6.2.2, RFC 9110 4.2.3). None when it is no name.
pub(crate) fn host(text: &str) -> Option<Cow<'_, str>> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, _port) = rest.split_once(']')?;
        return address.parse::<Ipv6Addr>().ok().map(|address| address.to_string().into());
    }
    let name = &text[..text.rfind(':').unwrap_or(text.len())];
    let plain = !name.bytes().any(|b| b == b'%' || b.is_ascii_uppercase());
    let mut name = if plain {
        Cow::Borrowed(name)
    } else {
        let decoded = String::from_utf8(decoded(name.as_bytes(), |_| true)).ok()?;
        Cow::Owned(decoded.to_ascii_lowercase())
    };
    match &mut name {
        Cow::Borrowed(name) => *name = name.strip_suffix('.').unwrap_or(name),
        Cow::Owned(name) => drop(name.ends_with('.').then(|| name.pop())),
    }
    let letters = |b: u8| b.is_ascii_alphanumeric() || b"-_~!$&'()*+,;=.".contains(&b);
    let dots = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    let is_name = name.bytes().all(letters) && !dots;
    is_name.then_some(name)
}

/// The path by which requests are matched (RFC 3986 6.2.2): escapes of unreserved characters are
/// resolved, other escapes are in upper case, `.` and `..` segments and repeated slashes are gone.
pub(crate) fn path(raw: &str) -> Cow<'_, str> {
    if !is_odd(raw) {
        return Cow::Borrowed(raw);
    }
    let text = decoded(raw.as_bytes(), is_unreserved);
    Cow::Owned(String::from_utf8_lossy(&resolved(&text, Climb::Merged)).into_owned())
}

/// What servers may make of the path, as it is and in lower case; nothing where it has one reading only.
/// `compared`: so many bytes of a path are compared, so that letters behind them do not matter.
pub(crate) fn readings(raw: &str, compared: usize) -> Vec<String> {
    let mut found = Vec::new();
    if is_odd(raw) {
        // Some leave parameters out before they resolve escapes, some afterwards.
        let first = raw.contains(';').then(|| without_parameters(raw));
        let texts = decodings(raw.as_bytes()).into_iter();
        for text in texts.chain(first.iter().flat_map(|it| decodings(it.as_bytes()))) {
            // Where a NUL ends strings, it ends the path.
            let ends = |text: &str| text.split('\0').next().unwrap_or("").to_owned();
            let slashes = |text: &str| text.replace('\\', "/");
            with_and_without(text, |b| b == 0, ends)
                .flat_map(|text| with_and_without(text, |b| b == b'\\', slashes))
                .flat_map(|text| with_and_without(text, |b| b == b';', without_parameters))
                .for_each(|text| climbings(&text, &mut found));
        }
        let lower: Vec<String> = found.iter().map(|it| it.to_ascii_lowercase()).collect();
        found.extend(lower);
        found.sort_unstable();
        found.dedup();
        debug_assert!(found.len() <= MAX_READINGS, "{}", found.len());
    } else if raw.bytes().take(compared).any(|b| b.is_ascii_uppercase()) {
        found.push(raw.to_ascii_lowercase());
    }
    found
}

/// Returns whether the path may have more than one spelling, apart from the case of its letters.
fn is_odd(raw: &str) -> bool {
    let mut before = 0;
    raw.bytes().any(|b| {
        let odd = matches!(b, b'%' | b'\\' | b';') || (before == b'/' && matches!(b, b'/' | b'.'));
        before = b;
        odd
    })
}

/// The path with its escapes of unreserved characters resolved, then of all, then of all twice.
fn decodings(raw: &[u8]) -> Vec<String> {
    let mut all = vec![decoded(raw, is_unreserved)];
    let mut last = decoded(raw, |_| true);
    for _ in 0..2 {
        if all.contains(&last) {
            break;
        }
        let next = decoded(&last, |_| true);
        all.push(std::mem::replace(&mut last, next));
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    all.into_iter().map(text).collect()
}

/// The text, and what a change makes of it if it has such a byte.
fn with_and_without(
    text: String,
    has: impl Fn(u8) -> bool,
    change: impl FnOnce(&str) -> String,
) -> impl Iterator<Item = String> {
    let other = text.bytes().any(has).then(|| change(&text));
    std::iter::once(text).chain(other)
}

/// Servlet containers leave out what follows `;` in a segment.
fn without_parameters(path: &str) -> String {
    let segments: Vec<&str> =
        path.split('/').map(|segment| segment.split(';').next().unwrap_or("")).collect();
    segments.join("/")
}

/// How `..` is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Climb {
    /// Empty segments are gone before it climbs.
    Merged,
    /// It climbs out of an empty segment, too (RFC 3986 5.2.4).
    Apart,
    /// Not at all.
    Never,
}

fn climbings(text: &str, found: &mut Vec<String>) {
    let climbs = text.split('/').any(|segment| segment == "..");
    let ways: &[Climb] =
        if climbs { &[Climb::Merged, Climb::Apart, Climb::Never] } else { &[Climb::Merged] };
    for &climb in ways {
        found.push(String::from_utf8_lossy(&resolved(text.as_bytes(), climb)).into_owned());
    }
}

/// The path without `.` segments and repeated slashes, and with `..` as it is read.
fn resolved(path: &[u8], climb: Climb) -> Vec<u8> {
    let Some(rest) = path.strip_prefix(b"/") else { return path.to_vec() };
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in rest.split(|&b| b == b'/') {
        match segment {
            b"." => {}
            b".." if climb != Climb::Never => drop(segments.pop()),
            b"" if climb != Climb::Apart => {}
            segment => segments.push(segment),
        }
    }
    segments.retain(|segment| !segment.is_empty());
    let mut path = vec![b'/'];
    path.extend_from_slice(&segments.join(&b'/'));
    path
}

/// `A-Z a-z 0-9 - . _ ~` (RFC 3986 2.3): escaped or not, they mean the same.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Resolves the escapes of bytes that are `wanted`, and writes the others in upper case. A `%` without
/// two digits stands for itself.
fn decoded(text: &[u8], wanted: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                let value = (high * 16 + low) as u8;
                if wanted(value) {
                    out.push(value);
                } else {
                    out.extend([b'%', tail[0].to_ascii_uppercase(), tail[1].to_ascii_uppercase()]);
                }
                rest = &tail[2..];
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{MAX_READINGS, host, path, readings};
    use proptest::prelude::*;

    #[test]
    fn a_host_has_one_form() {
        for spelled in [
            "agents.example.com",
            "Agents.EXAMPLE.com",
            "agents.example.com.",
            "agents.example.com:8080",
            "agents.example.com.:80",
            "agents.example.com:",
            "agents%2eexample.com",
            "a%67ents.example.com%2E",
        ] {
            assert_eq!(host(spelled).as_deref(), Some("agents.example.com"), "{spelled}");
        }
        for (spelled, form) in
            [("[::1]:80", "::1"), ("[0:0::1]", "::1"), ("127.0.0.1:1", "127.0.0.1"), ("", "")]
        {
            assert_eq!(host(spelled).as_deref(), Some(form), "{spelled}");
        }
        for bad in ["a..b", ".a", "a..", "a%2fb", "a%00", "%", "a%4", "a%C3%A4", "[::1", "a%40b"] {
            assert_eq!(host(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_path_has_one_form_to_compare_with() {
        for (spelled, form) in [
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//a///b", "/a/b"),
            ("/./a/./b/.", "/a/b"),
            ("/x/../a/b", "/a/b"),
            ("/../../a", "/a"),
            ("/%61/%7e%2fb", "/a/~%2Fb"),
            ("/a%2fb%3b", "/a%2Fb%3B"),
            ("/a/%2e%2E/b", "/b"),
            ("/a;v=1/b", "/a;v=1/b"),
            ("/A", "/A"),
            ("/a%zz%", "/a%zz%"),
            ("/.hidden/..b", "/.hidden/..b"),
            ("*", "*"),
            ("/", "/"),
        ] {
            assert_eq!(path(spelled), form, "{spelled}");
        }
    }

    #[test]
    fn a_plain_path_has_no_other_reading() {
        assert!(readings("/v1/threads/abc?x", 100).is_empty());
        assert!(readings("/v1/threads/ABC", 10).is_empty(), "behind what is compared");
        assert_eq!(readings("/V1/x", 3), ["/v1/x"]);
    }

    proptest! {
        /// Whatever it is, it has few readings, and none of them keeps a spelling that is resolved.
        #[test]
        fn readings_are_few(raw in "/([ab./;\\\\]|%2e|%2F|%5c|%3B|%25|%00|%61){0,24}") {
            let found = readings(&raw, 64);
            prop_assert!(found.len() <= MAX_READINGS);
            for reading in found {
                let merged = reading == "/" || !reading.contains("//");
                prop_assert!(reading.starts_with('/') && merged && !reading.contains("/./"), "{}", reading);
            }
        }

        /// The form is a form: it has no other.
        #[test]
        fn the_form_of_a_form_is_itself(raw in "/([abA./;]|%2e|%2f|%25|%61|%zz){0,24}") {
            let form = path(&raw).trim_end_matches('/').to_owned();
            prop_assert_eq!(path(&form), form.as_str());
        }
    }
}
