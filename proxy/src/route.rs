//! Which workload a request belongs to.
//!
//! The most specific match wins: an exact host before `*.example.com` before no host, then the
//! longest path prefix, then the match with the most headers. Lookup costs a few hash probes for
//! each path segment, however many workloads there are.

use crate::http1::RequestHead;
use foldhash::fast::FixedState;
use stagegate_settings::{HostPattern, Match};
use std::collections::HashMap;

/// The route table of a plan.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    hosts: HashMap<Box<str>, Paths, FixedState>,
    /// By the name below the star.
    below: HashMap<Box<str>, Paths, FixedState>,
    any: Paths,
}

#[derive(Debug, Default)]
struct Paths(HashMap<Box<str>, Vec<Entry>, FixedState>);

#[derive(Debug)]
struct Entry {
    headers: Vec<(String, String)>,
    workload: usize,
}

impl Routes {
    pub(crate) fn add(&mut self, rule: &Match, workload: usize) {
        let paths = match &rule.host {
            None => &mut self.any,
            Some(HostPattern::Below(name)) => self.below.entry(name.as_str().into()).or_default(),
            Some(HostPattern::Exact(name)) => self.hosts.entry(name.as_str().into()).or_default(),
        };
        let prefix = rule.path_prefix.as_deref().unwrap_or("/").trim_end_matches('/');
        let entries = paths.0.entry(prefix.into()).or_default();
        entries.push(Entry { headers: rule.headers.clone(), workload });
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.headers.len()));
    }

    /// The workload's position in the plan.
    pub(crate) fn find(&self, head: &[u8], request: &RequestHead) -> Option<usize> {
        let target = request.target(head);
        let path = &target[..memchr::memchr(b'?', target.as_bytes()).unwrap_or(target.len())];
        let wanted = |entry: &&Entry| {
            let has = |(name, value): &(String, String)| {
                request.field(head, name) == Some(value.as_bytes())
            };
            entry.headers.iter().all(has)
        };
        if !self.hosts.is_empty() || !self.below.is_empty() {
            let host = bare_host(request.host(head));
            let host = if host.bytes().any(|b| b.is_ascii_uppercase()) {
                host.to_ascii_lowercase().into()
            } else {
                std::borrow::Cow::Borrowed(host)
            };
            if let Some(found) = self.hosts.get(&*host).and_then(|paths| paths.find(path, wanted)) {
                return Some(found);
            }
            let mut rest = &*host;
            while let Some((_, below)) = rest.split_once('.') {
                if let Some(found) =
                    self.below.get(below).and_then(|paths| paths.find(path, wanted))
                {
                    return Some(found);
                }
                rest = below;
            }
        }
        self.any.find(path, wanted)
    }
}

impl Paths {
    fn find(&self, path: &str, wanted: impl Fn(&&Entry) -> bool) -> Option<usize> {
        let mut prefix = path.trim_end_matches('/');
        loop {
            if let Some(entry) = self.0.get(prefix).and_then(|entries| entries.iter().find(&wanted))
            {
                return Some(entry.workload);
            }
            // What is no path (`OPTIONS *`) belongs where everything does.
            prefix = match memchr::memrchr(b'/', prefix.as_bytes()) {
                Some(at) => &prefix[..at],
                None if prefix.is_empty() => return None,
                None => "",
            };
        }
    }
}

/// The host without its port.
fn bare_host(host: &str) -> &str {
    match host.rfind(':') {
        Some(at) if !host[at..].contains(']') => &host[..at],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::Routes;
    use crate::http1::{HeadLimits, RequestHead};
    use stagegate_settings::{HostPattern, Match};

    fn find(routes: &Routes, target: &str, host: &str, extra: &str) -> Option<usize> {
        let head = format!("OPTIONS {target} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n");
        let mut request = RequestHead::default();
        request
            .parse(head.as_bytes(), HeadLimits { bytes: 4096, fields: 50 })
            .expect("well-formed");
        routes.find(head.as_bytes(), &request)
    }

    #[test]
    fn the_most_specific_match_wins() {
        let host = |host: &str| match host.strip_prefix("*.") {
            Some(name) => HostPattern::Below(name.to_owned()),
            None => HostPattern::Exact(host.to_owned()),
        };
        let rule = |name: Option<&str>, path: Option<&str>, headers: &[(&str, &str)]| Match {
            host: name.map(host),
            path_prefix: path.map(str::to_owned),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        };
        let mut routes = Routes::default();
        let rules = [
            rule(None, None, &[]),
            rule(Some("a.example.com"), None, &[]),
            rule(Some("*.example.com"), None, &[]),
            rule(Some("a.example.com"), Some("/chat"), &[]),
            rule(Some("a.example.com"), Some("/chat/v2/"), &[]),
            rule(Some("a.example.com"), Some("/chat"), &[("x-env", "test")]),
        ];
        rules.iter().enumerate().for_each(|(n, rule)| routes.add(rule, n));
        for (target, host, extra, expected) in [
            ("/x", "other.org", "", 0),
            ("/x", "a.example.com:8080", "", 1),
            ("/x", "A.EXAMPLE.com", "", 1),
            ("/x", "b.example.com", "", 2),
            ("/x", "c.b.example.com", "", 2),
            ("/chat", "a.example.com", "", 3),
            ("/chat/v1?q=/chat/v2", "a.example.com", "", 3),
            ("/chatter", "a.example.com", "", 1),
            ("/chat/v2/x", "a.example.com", "", 4),
            ("/chat/v2", "a.example.com", "", 4),
            ("/chat", "a.example.com", "X-Env: test\r\n", 5),
            ("/", "[::1]:80", "", 0),
            ("*", "b.example.com", "", 2),
        ] {
            assert_eq!(
                find(&routes, target, host, extra),
                Some(expected),
                "{host}{target} {extra}"
            );
        }
    }

    #[test]
    fn nothing_matches_nothing() {
        let mut routes = Routes::default();
        routes.add(&Match { path_prefix: Some("/only".into()), ..Match::default() }, 0);
        assert_eq!(find(&routes, "/", "h", ""), None);
        assert_eq!(find(&routes, "/only", "h", ""), Some(0));
    }
}
