//! The way in which a body holds its documents.

/// Longest boundary that is taken: RFC 2046 5.1.1 allows 70 characters.
const MAX_BOUNDARY: usize = 256;

/// The way in which a body holds its documents, as its `Content-Type` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// JSON, or several documents one after the other.
    Json,
    /// `text/event-stream`.
    Events,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/*` with this boundary.
    Parts(Box<[u8]>),
    /// Text of no particular kind: its first byte tells.
    Text,
}

impl Layout {
    /// The layout that a `Content-Type` names; none for what holds no ids. The type may be empty.
    pub(super) fn of(content_type: &[u8]) -> Option<Self> {
        let end = memchr::memchr(b';', content_type).unwrap_or(content_type.len());
        let kind = content_type[..end].trim_ascii();
        let is = |name: &str| kind.eq_ignore_ascii_case(name.as_bytes());
        let multipart = b"multipart/";
        if kind.len() > multipart.len() && kind[..multipart.len()].eq_ignore_ascii_case(multipart) {
            let boundary = parameter(&content_type[end..], "boundary")?;
            let fits = (1..=MAX_BOUNDARY).contains(&boundary.len());
            return fits.then(|| Self::Parts(boundary.into()));
        }
        if is("text/event-stream") {
            Some(Self::Events)
        } else if is("application/x-www-form-urlencoded") {
            Some(Self::Form)
        } else if kind.is_empty() || is("text/plain") || is("text/html") {
            Some(Self::Text)
        } else {
            let json = kind.windows(4).any(|word| word.eq_ignore_ascii_case(b"json"));
            json.then_some(Self::Json)
        }
    }
}

/// A parameter of a field's value, without quotes; `parameters` begins at a semicolon.
pub(super) fn parameter(parameters: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut rest = parameters.trim_ascii();
    while let Some(after) = rest.strip_prefix(b";") {
        let equals = memchr::memchr2(b'=', b';', after)?;
        let key = after[..equals].trim_ascii();
        if after[equals] == b';' {
            rest = &after[equals..];
            continue;
        }
        let (value, tail) = value(after[equals + 1..].trim_ascii_start());
        if key.eq_ignore_ascii_case(name.as_bytes()) {
            return Some(value);
        }
        rest = tail.trim_ascii_start();
    }
    None
}

/// A token or a quoted text, and what follows.
fn value(bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = bytes.strip_prefix(b"\"") else {
        let end = memchr::memchr(b';', bytes).unwrap_or(bytes.len());
        return (bytes[..end].trim_ascii().to_vec(), &bytes[end..]);
    };
    let (mut value, mut at) = (Vec::new(), 0);
    while let Some(&byte) = quoted.get(at) {
        match byte {
            b'"' => return (value, &quoted[at + 1..]),
            b'\\' if at + 1 < quoted.len() => {
                value.push(quoted[at + 1]);
                at += 1;
            }
            _ => value.push(byte),
        }
        at += 1;
    }
    (value, &[])
}

#[cfg(test)]
mod tests {
    use super::{Layout, parameter};

    #[test]
    fn types_name_layouts() {
        for (kind, layout) in [
            ("application/json; charset=utf-8", Some(Layout::Json)),
            ("application/x-ndjson", Some(Layout::Json)),
            ("Text/Event-Stream;charset=utf-8", Some(Layout::Events)),
            ("application/x-www-form-urlencoded; charset=utf-8", Some(Layout::Form)),
            ("text/plain", Some(Layout::Text)),
            ("", Some(Layout::Text)),
            ("multipart/form-data; boundary=abc", Some(Layout::Parts(b"abc"[..].into()))),
            (
                "Multipart/Related; type=\"a;b\"; Boundary=\"a\\\"c\"",
                Some(Layout::Parts(b"a\"c"[..].into())),
            ),
            ("multipart/form-data", None),
            ("image/png", None),
        ] {
            assert_eq!(Layout::of(kind.as_bytes()), layout, "{kind}");
        }
        assert_eq!(parameter(b"; a; b=2 ; c=\"3", "b").as_deref(), Some(&b"2"[..]));
        assert_eq!(parameter(b"; a; b=2 ; c=\"3", "c").as_deref(), Some(&b"3"[..]));
        assert_eq!(parameter(b"; =", "b"), None);
    }
}
