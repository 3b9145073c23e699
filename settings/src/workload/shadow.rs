//! Requests that are copied to another release.
//!
//! Only methods and paths that are listed as safe are copied: the backend may serve them twice.

use stagegate_rollout::{ReleaseName, Weight};
use std::fmt;
use std::time::Duration;

/// Requests of stable that are copied to another release, and the bounds of these copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// The release that gets the copies: one of the workload's, and not the declared stable one.
    pub release: ReleaseName,
    /// Share of targeting keys whose requests are copied.
    pub fraction: Weight,
    /// Methods that may be copied, in upper case; at least one.
    pub methods: Vec<String>,
    /// Paths that may be copied; at least one.
    pub paths: Vec<SafePath>,
    /// Most copies at a time, at least 1, from the first byte that is copied to the end of the
    /// answer.
    pub in_flight: u32,
    /// Largest request body that is copied, in bytes.
    pub body: u64,
    /// Time for a copy, from connecting to the end of its answer.
    pub timeout: Duration,
    /// True if both responses are scored, where the workload has scorers.
    pub score: bool,
}

impl Shadow {
    /// Returns true if requests like this one may be served twice.
    #[must_use]
    pub fn is_safe(&self, method: &str, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or_default();
        self.methods.iter().any(|safe| safe == method)
            && self.paths.iter().any(|safe| safe.covers(path))
    }
}

/// Paths that may be copied; case matters, and the query does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SafePath {
    /// This path alone.
    Exactly(String),
    /// Everything that begins with this, which ends with `/`.
    Below(String),
}

impl SafePath {
    pub(super) fn covers(&self, path: &str) -> bool {
        match self {
            Self::Exactly(safe) => path == safe,
            // A backend that resolves dots would serve another path than the one that was listed.
            Self::Below(safe) => {
                path.strip_prefix(safe.as_str()).is_some_and(|rest| !may_climb(rest))
            }
        }
    }
}

impl fmt::Display for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(path) => f.write_str(path),
            Self::Below(path) => write!(f, "{path}*"),
        }
    }
}

/// Returns true if a backend may read `..` in it.
fn may_climb(path: &str) -> bool {
    let encoded_dot = |at: &[u8]| at.eq_ignore_ascii_case(b"%2e");
    path.contains("..") || path.as_bytes().windows(3).any(encoded_dot)
}

#[cfg(test)]
mod tests {
    use super::{SafePath, Shadow};
    use stagegate_rollout::Weight;
    use std::time::Duration;

    #[test]
    fn only_what_is_listed_is_safe() {
        let shadow = Shadow {
            release: "v2".parse().expect("a name"),
            fraction: Weight::percent(10),
            methods: vec!["GET".into(), "POST".into()],
            paths: vec![
                SafePath::Exactly("/v1/chat".into()),
                SafePath::Below("/v1/threads/".into()),
            ],
            in_flight: 1,
            body: 1,
            timeout: Duration::from_secs(1),
            score: false,
        };
        for (method, target) in [
            ("POST", "/v1/chat"),
            ("GET", "/v1/chat?a=/../b"),
            ("POST", "/v1/threads/7/runs"),
            ("POST", "/v1/threads/.hidden"),
        ] {
            assert!(shadow.is_safe(method, target), "{method} {target}");
        }
        for (method, target) in [
            ("DELETE", "/v1/chat"),
            ("post", "/v1/chat"),
            ("POST", "/v1/chat/"),
            ("POST", "/v1/chat/more"),
            ("POST", "/v1/Chat"),
            ("POST", "/v1/threads"),
            ("POST", "/v1/threads/../admin"),
            ("POST", "/v1/threads/%2e%2E/admin"),
            ("POST", "/v1/threads/.%2e/admin"),
            ("POST", "*"),
        ] {
            assert!(!shadow.is_safe(method, target), "{method} {target}");
        }
    }
}
