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

    /// Whether a client's header does not go on; `name` may be in any case.
    #[must_use]
    pub fn drops(&self, name: &[u8]) -> bool {
        let is = |other: &String| name.eq_ignore_ascii_case(other.as_bytes());
        self.remove_headers.iter().any(is) || self.set_headers.iter().any(|(set, _)| is(set))
    }

    /// The path and query that the endpoint sees, for those that the client sent. What is no path,
    /// as `*`, stays.
    #[must_use]
    pub fn target(&self, target: &str) -> String {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        if !path.starts_with('/') {
            return target.to_owned();
        }
        let mut changed = match &self.path_prefix {
            Some(change) => change.path(path),
            None => path.to_owned(),
        };
        let is_set = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or(pair);
            self.query.iter().any(|(set, _)| set == name)
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
    fn path(&self, path: &str) -> String {
        let rest = match path.strip_prefix(self.from.as_str()) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
            _ => return path.to_owned(),
        };
        let changed = format!("{}{rest}", self.to);
        if changed.is_empty() { "/".to_owned() } else { changed }
    }
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
            assert_eq!(moved.target(target), expected, "{target}");
        }
        assert_eq!(of("", "/b", &[]).target("/chat?x"), "/b/chat?x");
        assert_eq!(of("/a", "", &[]).target("/a"), "/");
        assert_eq!(of("/a", "", &[]).target("/a/b"), "/b");
        assert_eq!(RequestChanges::default().target("/a?"), "/a?");
    }

    #[test]
    fn a_header_that_is_set_or_removed_does_not_go_on() {
        let changes = RequestChanges {
            set_headers: vec![("x-model".into(), "m-6".into())],
            remove_headers: vec!["x-debug".into()],
            ..RequestChanges::default()
        };
        assert!(changes.drops(b"X-Model") && changes.drops(b"x-debug") && !changes.drops(b"x-a"));
        assert!(!changes.is_empty() && RequestChanges::default().is_empty());
    }
}
