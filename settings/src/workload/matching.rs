//! Conditions on requests.

use std::fmt;

/// A condition on requests: every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Match {
    /// The request's host.
    pub host: Option<HostPattern>,
    /// The request's path or a directory above it; begins with `/`. Whole segments count: `/a`
    /// and `/a/` mean the same, and neither fits `/ab`.
    pub path_prefix: Option<String>,
    /// Headers (lower-case name, exact value), sorted by name.
    pub headers: Vec<(String, String)>,
}

/// A host name to compare with, in lower case and without a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// Exactly this name.
    Exact(String),
    /// Any name below this one: `*.example.com` is stored as `example.com`.
    Below(String),
}

impl HostPattern {
    /// Returns true if `host` (lower case, without port) matches.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => host == name,
            Self::Below(parent) => host
                .strip_suffix(parent.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|label| !label.is_empty()),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(parent) => write!(f, "*.{parent}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HostPattern;

    #[test]
    fn a_wildcard_stands_for_at_least_one_label() {
        let below = HostPattern::Below("example.com".into());
        assert!(below.matches("a.example.com") && below.matches("a.b.example.com"));
        for host in ["example.com", ".example.com", "badexample.com", "example.com.evil"] {
            assert!(!below.matches(host), "{host}");
        }
        assert!(HostPattern::Exact("example.com".into()).matches("example.com"));
    }
}
