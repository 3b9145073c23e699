//! Which requests are copied to another release, and how many copies there may be.
//!
//! Nothing is copied that was not listed as safe: whoever lists a method and a path says that the
//! backend may serve it twice.

use crate::quota::Quota;
use stagegate_rollout::{ReleaseName, Salt, Weight};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Which of stable's requests of a workload are copied, where to, and within which bounds.
#[derive(Clone, Debug)]
pub struct ShadowSettings {
    /// The release that gets the copies.
    pub release: ReleaseName,
    /// Hashed before the targeting key; unlike any other decision's.
    pub salt: Salt,
    /// Share of targeting keys whose requests are copied.
    pub fraction: Weight,
    /// Methods that may be copied, in upper case.
    pub methods: Vec<String>,
    /// Paths that may be copied.
    pub paths: Vec<SafePath>,
    /// Most copies at a time, from the first byte that is copied to the end of the answer.
    pub in_flight: u32,
    /// Largest request body that is copied, in bytes.
    pub body_limit: usize,
    /// Time for a copy, from connecting to the end of its answer.
    pub timeout: Duration,
    /// Both answers are tapped as a pair, so many a second at most; none are when absent.
    pub scored: Option<Arc<Quota>>,
}

/// Paths that may be copied; case matters, and the query does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SafePath {
    /// This path.
    Exactly(String),
    /// Everything that begins with this, which ends with `/`.
    Below(String),
}

impl ShadowSettings {
    /// Whether requests like this one may be served twice.
    pub(crate) fn is_safe(&self, method: &str, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or_default();
        self.methods.iter().any(|safe| safe == method)
            && self.paths.iter().any(|safe| safe.covers(path))
    }

    /// Whether requests with this targeting key are copied.
    pub(crate) fn picks(&self, key: &str) -> bool {
        self.salt.bucket(key).is_below(self.fraction)
    }
}

impl SafePath {
    fn covers(&self, path: &str) -> bool {
        match self {
            Self::Exactly(safe) => path == safe,
            // A backend that resolves dots would serve another path than the one that was listed.
            Self::Below(safe) => {
                path.strip_prefix(safe.as_str()).is_some_and(|rest| !may_climb(rest))
            }
        }
    }
}

/// Whether somebody may read `..` in it.
fn may_climb(path: &str) -> bool {
    let encoded_dot = |at: &[u8]| at.eq_ignore_ascii_case(b"%2e");
    path.contains("..") || path.as_bytes().windows(3).any(encoded_dot)
}

/// Counts a workload's copies.
#[derive(Debug, Default)]
pub(crate) struct Lane(AtomicU32);

impl Lane {
    /// A place for one more copy, kept until it is dropped; none where `most` are under way.
    pub(crate) fn enter(self: &Arc<Self>, most: u32) -> Option<InLane> {
        let place = InLane(Arc::clone(self));
        (self.0.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

/// A place for one copy.
#[derive(Debug)]
pub(crate) struct InLane(Arc<Lane>);

impl Drop for InLane {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Lane, SafePath, ShadowSettings};
    use stagegate_rollout::{Salt, Weight};
    use std::sync::Arc;
    use std::time::Duration;

    fn settings() -> ShadowSettings {
        ShadowSettings {
            release: "v2".parse().expect("a name"),
            salt: Salt::new("shadow:agent:"),
            fraction: Weight::percent(10),
            methods: vec!["GET".into(), "POST".into()],
            paths: vec![
                SafePath::Exactly("/v1/chat".into()),
                SafePath::Below("/v1/threads/".into()),
            ],
            in_flight: 1,
            body_limit: 1,
            timeout: Duration::from_secs(1),
            scored: None,
        }
    }

    #[test]
    fn only_what_is_listed_is_safe() {
        let settings = settings();
        for (method, target) in [
            ("POST", "/v1/chat"),
            ("GET", "/v1/chat?a=/../b"),
            ("POST", "/v1/threads/7/runs"),
            ("POST", "/v1/threads/.hidden"),
        ] {
            assert!(settings.is_safe(method, target), "{method} {target}");
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
            assert!(!settings.is_safe(method, target), "{method} {target}");
        }
    }

    #[test]
    fn the_copies_are_neither_the_canary_nor_the_sample() {
        let settings = settings();
        let keys: Vec<String> = (0..100_000).map(|n| format!("user-{n}")).collect();
        let picked: Vec<&String> = keys.iter().filter(|key| settings.picks(key)).collect();
        assert!((9_500..10_500).contains(&picked.len()), "{}", picked.len());
        for other in ["agent/v2/1:", "sample:agent:"] {
            let other = Salt::new(other);
            let both = picked.iter().filter(|key| other.bucket(key).is_below(settings.fraction));
            let share = both.count() as f64 / picked.len() as f64;
            assert!((0.08..0.12).contains(&share), "{share}");
        }
    }

    #[test]
    fn a_lane_has_so_many_places_and_gets_them_back() {
        let lane = Arc::<Lane>::default();
        let one = lane.enter(2).expect("room");
        let _other = lane.enter(2).expect("room");
        assert!(lane.enter(2).is_none());
        assert!(lane.enter(2).is_none(), "one that was turned away takes no place");
        drop(one);
        assert!(lane.enter(2).is_some());
    }
}
