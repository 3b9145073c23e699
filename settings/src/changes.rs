//! What makes a request that of one release, where releases share their endpoints.

use std::sync::Arc;

/// Changes of every request to one release, before it is sent to an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestChanges {
    /// Headers that are set, in lower case, with their values; the client's own are removed.
    pub set_headers: Vec<(String, String)>,
    /// Headers that are removed, in lower case.
    pub remove_headers: Vec<String>,
    /// The beginning of the path that is replaced.
    pub path_prefix: Option<PathChange>,
    /// Parameters of the query that are set, percent-encoded; the client's own are removed.
    pub query: Vec<(String, String)>,
    /// The `Host` that endpoints see, instead of the workload's `host_header`.
    pub host: Option<String>,
    /// A member of the outermost object of JSON bodies that is set.
    pub set_body: Option<Arc<BodyChange>>,
    /// Flags that the release pins, by key, each with its variant. They are sent to the backend.
    pub flags: Vec<(String, String)>,
}

/// Another beginning of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathChange {
    /// Paths that begin so are changed; `/` fits every path. Without a slash at its end.
    pub from: String,
    /// What they begin with afterwards. Without a slash at its end.
    pub to: String,
}

/// Another value of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyChange {
    /// The member's name, without characters that JSON escapes.
    pub member: String,
    /// The value, as JSON.
    pub value: String,
}

impl RequestChanges {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a client's header does not go on; `name` may be in any case, and with `_` for `-`: servers in the
    /// tradition of CGI take the two for one.
    #[must_use]
    pub fn drops(&self, name: &[u8]) -> bool {
        let plain = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
        let is = |other: &String| name.iter().map(plain).eq(other.as_bytes().iter().map(plain));
        self.remove_headers.iter().any(is) || self.set_headers.iter().any(|(set, _)| is(set))
    }

    /// The path and query that the endpoint sees, for those that the client sent. `normal` is the path in the form
    /// in which paths are compared: however a client spells the path, it is that of the release. What is
    /// no path, as `*`, stays.
    #[must_use]
    pub fn target(&self, target: &str, normal: &str) -> String {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        if !path.starts_with('/') {
            return target.to_owned();
        }
        let mut changed = match &self.path_prefix {
            Some(change) => change.path(path, normal),
            None => path.to_owned(),
        };
        let is_set = |pair: &&str| {
            let name = decoded(pair.split('=').next().unwrap_or(pair));
            self.query.iter().any(|(set, _)| decoded(set) == name)
        };
        let kept = query.into_iter().flat_map(|query| query.split('&')).filter(|it| !is_set(it));
        let set = self.query.iter().map(|(name, value)| format!("{name}={value}"));
        let pairs: Vec<String> = kept.map(str::to_owned).chain(set).collect();
        if query.is_some() || !pairs.is_empty() {
            changed.push('?');
            changed.push_str(&pairs.join("&"));
        }
        changed
    }
}

impl PathChange {
    fn path(&self, path: &str, normal: &str) -> String {
        let Some(rest_of_normal) = self.rest(normal) else { return path.to_owned() };
        // As it came, where that begins so too and nothing in it leads back out.
        let as_it_came = self.rest(path).filter(|_| !has_dots(path));
        let changed = format!("{}{}", self.to, as_it_came.unwrap_or(rest_of_normal));
        if changed.is_empty() { "/".to_owned() } else { changed }
    }

    /// What follows the beginning, if a path begins so.
    fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.from.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

/// Whether a segment of the path is `.` or `..`, escaped or not.
fn has_dots(path: &str) -> bool {
    path.split('/').any(|segment| matches!(&*decoded(segment), b"." | b".."))
}

/// A text without its percent encoding; what is no escape stays.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{PathChange, RequestChanges};

    fn of(from: &str, to: &str, query: &[(&str, &str)]) -> RequestChanges {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        RequestChanges {
            path_prefix: Some(PathChange { from: from.into(), to: to.into() }),
            query: query.iter().map(owned).collect(),
            ..RequestChanges::default()
        }
    }

    #[test]
    fn paths_begin_with_what_is_written_and_queries_have_what_is_set() {
        let moved = of("/v1", "/v2/v1", &[("variant", "b")]);
        for (target, expected) in [
            ("/v1", "/v2/v1?variant=b"),
            ("/v1/chat?x=1", "/v2/v1/chat?x=1&variant=b"),
            ("/v1/chat?variant=a&x=1&variant", "/v2/v1/chat?x=1&variant=b"),
            ("/v10/chat", "/v10/chat?variant=b"),
            ("*", "*"),
        ] {
            assert_eq!(target_of(&moved, target), expected, "{target}");
        }
        assert_eq!(target_of(&of("", "/b", &[]), "/chat?x"), "/b/chat?x");
        assert_eq!(target_of(&of("/a", "", &[]), "/a"), "/");
        assert_eq!(target_of(&of("/a", "", &[]), "/a/b"), "/b");
        assert_eq!(target_of(&RequestChanges::default(), "/a?"), "/a?");
    }

    /// Of a target whose path has one spelling.
    fn target_of(changes: &RequestChanges, target: &str) -> String {
        changes.target(target, target.split('?').next().unwrap_or(target))
    }

    #[test]
    fn another_spelling_leads_nobody_around_the_release() {
        let moved = of("/v1", "/b", &[("api-version", "2")]);
        for (target, normal, expected) in [
            ("/%76%31/chat", "/v1/chat", "/b/chat?api-version=2"),
            ("//v1/chat", "/v1/chat", "/b/chat?api-version=2"),
            ("/x/../v1/chat", "/v1/chat", "/b/chat?api-version=2"),
            ("/v1/%61%2fc", "/v1/a%2Fc", "/b/%61%2fc?api-version=2"),
            ("/v1/../z", "/z", "/v1/../z?api-version=2"),
            ("/v1?api%2Dversion=9&%zz&api%2dversion", "/v1", "/b?%zz&api-version=2"),
        ] {
            assert_eq!(moved.target(target, normal), expected, "{target}");
        }
        assert_eq!(of("", "/b", &[]).target("/%2E%2e/other", "/other"), "/b/other");
    }

    #[test]
    fn a_header_that_is_set_or_removed_does_not_go_on() {
        let changes = RequestChanges {
            set_headers: vec![("x-model".into(), "m-6".into())],
            remove_headers: vec!["x-debug".into()],
            ..RequestChanges::default()
        };
        assert!(changes.drops(b"X-Model") && changes.drops(b"x-debug") && !changes.drops(b"x-a"));
        assert!(changes.drops(b"X_Model") && changes.drops(b"x_debug"));
        assert!(!changes.is_empty() && RequestChanges::default().is_empty());
    }
}
