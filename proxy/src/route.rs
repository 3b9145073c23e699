//! Selects the workload of a request.
//!
//! The most specific match wins: an exact host before `*.example.com` before no host, then the
//! longest path prefix, then the match with the most headers. Lookup costs a few hash probes for
//! each path segment, however many workloads there are. Hosts and paths are compared in the form that
//! [`crate::spelling`] gives them.

use crate::http1::RequestHead;
use crate::problem::Problem;
use crate::spelling;
use foldhash::fast::FixedState;
use stagegate_settings::{HostPattern, Match, PathSpelling};
use std::collections::HashMap;

/// The route table of a plan. Its keys are the configuration's; requests are only looked up.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    hosts: HashMap<Box<str>, Paths, FixedState>,
    /// By the name below the star.
    below: HashMap<Box<str>, Paths, FixedState>,
    any: Paths,
    /// Bytes of the longest prefix; 0 where no path matters.
    longest: usize,
}

type ByPrefix = HashMap<Box<str>, Vec<Entry>, FixedState>;

#[derive(Debug, Default)]
struct Paths {
    exact: ByPrefix,
    /// Each prefix in every reading.
    readings: ByPrefix,
}

#[derive(Clone, Debug)]
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
        let prefix = rule.path_prefix.as_deref().unwrap_or("/");
        let form = spelling::path(prefix);
        self.longest = self.longest.max(form.trim_end_matches('/').len());
        let entry = Entry { headers: rule.headers.clone(), workload };
        let mut readings = spelling::readings(&form, form.len());
        readings.extend([form.to_ascii_lowercase(), form.to_string()]);
        readings.sort_unstable();
        readings.dedup();
        for reading in readings {
            put(&mut paths.readings, &reading, entry.clone());
        }
        put(&mut paths.exact, &form, entry);
    }

    /// The workload's position in the plan.
    ///
    /// # Errors
    /// [`Problem::NoRoute`], or [`Problem::BadRequest`] where it depends on who reads the host or,
    /// with [`PathSpelling::Strict`], the path.
    pub(crate) fn find(
        &self,
        head: &[u8],
        request: &RequestHead,
        mode: impl FnOnce() -> PathSpelling,
    ) -> Result<usize, Problem> {
        let wanted = |entry: &&Entry| {
            let has = |(name, value): &(String, String)| {
                request.field(head, name) == Some(value.as_bytes())
            };
            entry.headers.iter().all(has)
        };
        let by_host = !self.hosts.is_empty() || !self.below.is_empty();
        let host = if by_host {
            spelling::host(request.host(head)).ok_or(Problem::BadRequest("invalid Host"))?
        } else {
            "".into()
        };
        let raw = if self.longest == 0 { "" } else { path_of(request.target(head)) };
        let path = spelling::path(raw);
        let exact = |paths: &Paths| {
            walk(&paths.exact, &path, |entries| Some(entries.iter().find(wanted)?.workload))
        };
        let found = self.groups(&host).find_map(exact).ok_or(Problem::NoRoute)?;
        if self.longest == 0 {
            return Ok(found);
        }
        let readings = spelling::readings(raw, self.longest);
        let agrees = |reading: &String| {
            let agrees = |paths: &Paths| {
                walk(&paths.readings, reading, |entries| {
                    let mut fitting = entries.iter().filter(wanted).peekable();
                    let headers = fitting.peek()?.headers.len();
                    let mut best = fitting.take_while(|entry| entry.headers.len() == headers);
                    Some(best.any(|entry| entry.workload == found))
                })
            };
            self.groups(&host).find_map(agrees).unwrap_or(false)
        };
        if readings.iter().all(agrees) || mode() == PathSpelling::Normalize {
            return Ok(found);
        }
        Err(Problem::BadRequest(
            "the path can be read in more than one way, and which workload it belongs to depends on that",
        ))
    }

    /// What is declared for the host, the most specific first.
    fn groups<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Paths> {
        let parents = std::iter::successors(Some(host), |name| Some(name.split_once('.')?.1));
        let below = parents.skip(1).filter_map(|parent| self.below.get(parent));
        self.hosts.get(host).into_iter().chain(below).chain(Some(&self.any))
    }
}

/// The target without its query.
fn path_of(target: &str) -> &str {
    &target[..memchr::memchr(b'?', target.as_bytes()).unwrap_or(target.len())]
}

fn put(table: &mut ByPrefix, prefix: &str, entry: Entry) {
    let entries = table.entry(prefix.trim_end_matches('/').into()).or_default();
    entries.push(entry);
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.headers.len()));
}

/// What `pick` finds in the entries of a path, or else of the next directory above it, and so on.
fn walk<T>(table: &ByPrefix, path: &str, pick: impl Fn(&[Entry]) -> Option<T>) -> Option<T> {
    let mut prefix = path.trim_end_matches('/');
    loop {
        if let Some(found) = table.get(prefix).and_then(|entries| pick(entries)) {
            return Some(found);
        }
        // What is no path (`OPTIONS *`) belongs where everything does.
        prefix = match memchr::memrchr(b'/', prefix.as_bytes()) {
            Some(at) => &prefix[..at],
            None if prefix.is_empty() => return None,
            None => "",
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Routes;
    use crate::http1::{HeadLimits, RequestHead};
    use crate::problem::Problem;
    use proptest::prelude::*;
    use stagegate_settings::{HostPattern, Match, PathSpelling};

    fn find_in(
        routes: &Routes,
        target: &str,
        host: &str,
        extra: &str,
        mode: PathSpelling,
    ) -> Result<usize, Problem> {
        let head = format!("OPTIONS {target} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n");
        let mut request = RequestHead::default();
        request.parse(head.as_bytes(), HeadLimits { bytes: 4096, fields: 50 })?;
        routes.find(head.as_bytes(), &request, || mode)
    }

    fn find(routes: &Routes, target: &str, host: &str, extra: &str) -> Option<usize> {
        find_in(routes, target, host, extra, PathSpelling::Strict).ok()
    }

    fn rule(name: Option<&str>, path: Option<&str>, headers: &[(&str, &str)]) -> Match {
        let host = |host: &str| match host.strip_prefix("*.") {
            Some(name) => HostPattern::Below(name.to_owned()),
            None => HostPattern::Exact(host.to_owned()),
        };
        Match {
            host: name.map(host),
            path_prefix: path.map(str::to_owned),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        }
    }

    fn routes(rules: &[Match]) -> Routes {
        let mut routes = Routes::default();
        rules.iter().enumerate().for_each(|(n, rule)| routes.add(rule, n));
        routes
    }

    #[test]
    fn the_most_specific_match_wins() {
        let routes = routes(&[
            rule(None, None, &[]),
            rule(Some("a.example.com"), None, &[]),
            rule(Some("*.example.com"), None, &[]),
            rule(Some("a.example.com"), Some("/chat"), &[]),
            rule(Some("a.example.com"), Some("/chat/v2/"), &[]),
            rule(Some("a.example.com"), Some("/chat"), &[("x-env", "test")]),
        ]);
        for (target, host, extra, expected) in [
            ("/x", "other.org", "", 0),
            ("/x", "a.example.com:8080", "", 1),
            ("/x", "A.EXAMPLE.com", "", 1),
            ("/x", "a.example.com.", "", 1),
            ("/x", "a%2Eexample.com.:80", "", 1),
            ("/x", "b.example.com", "", 2),
            ("/x", "c.b.example.com.", "", 2),
            ("/chat", "a.example.com", "", 3),
            ("/chat/v1?q=/chat/v2", "a.example.com", "", 3),
            ("/chatter", "a.example.com", "", 1),
            ("/chat/v2/x", "a.example.com", "", 4),
            ("/chat/v2", "a.example.com", "", 4),
            ("/chat", "a.example.com", "X-Env: test\r\n", 5),
            ("//%63hat/./x", "a.example.com", "X-Env: test\r\n", 5),
            ("/", "[::1]:80", "", 0),
            ("*", "b.example.com", "", 2),
        ] {
            assert_eq!(
                find(&routes, target, host, extra),
                Some(expected),
                "{host}{target} {extra}"
            );
        }
        let bad = find_in(&routes, "/", "a..example.com", "", PathSpelling::Normalize);
        assert_eq!(bad, Err(Problem::BadRequest("invalid Host")));
    }

    #[test]
    fn nothing_matches_nothing() {
        let routes = routes(&[rule(None, Some("/only"), &[])]);
        assert_eq!(find(&routes, "/", "h", ""), None);
        assert_eq!(find(&routes, "/only", "h", ""), Some(0));
    }

    #[test]
    fn an_address_of_ipv6_is_a_host() {
        let routes = routes(&[rule(Some("::1"), None, &[])]);
        assert_eq!(find(&routes, "/", "[0::1]:8080", ""), Some(0));
        assert_eq!(find(&routes, "/", "[::2]", ""), None);
    }

    #[test]
    fn a_path_is_refused_only_where_its_reading_decides() {
        let two = routes(&[rule(None, None, &[]), rule(None, Some("/risky"), &[])]);
        let one = routes(&[rule(None, None, &[])]);
        for target in [
            "/safe/../risky",
            "/risky/../safe",
            "/safe/%2e%2E/risky",
            "/risky%2frun",
            "/%2frisky",
            "/risky;x/run",
            "/;x/risky",
            "/;%2f%25/%2frisky",
            "/safe/..;/risky",
            "/safe\\..\\risky",
            "/safe/%252e%252e/risky",
            "/safe//../risky",
            "/risky%00",
            "/RISKY/x",
        ] {
            let refused = find_in(&two, target, "h", "", PathSpelling::Strict);
            assert!(matches!(refused, Err(Problem::BadRequest(_))), "{target} {refused:?}");
            assert_eq!(find(&one, target, "h", ""), Some(0), "{target}");
            assert!(find_in(&two, target, "h", "", PathSpelling::Normalize).is_ok(), "{target}");
        }
        for (target, expected) in [
            ("/v1/models/meta%2FLlama-3;x", 0),
            ("/safe/x/../y", 0),
            ("/risky/a%2Fb;v=1/C", 1),
            ("/risky/x/..", 1),
            ("//risky/run", 1),
            ("/./risky", 1),
            ("/%72isky", 1),
        ] {
            assert_eq!(find(&two, target, "h", ""), Some(expected), "{target}");
        }
        let normalized = |target| find_in(&two, target, "h", "", PathSpelling::Normalize);
        assert_eq!(normalized("/safe/../risky"), Ok(1));
        assert_eq!(normalized("/risky%2frun"), Ok(0));
    }

    #[test]
    fn a_prefix_is_compared_in_the_same_form_as_a_path() {
        let routes = routes(&[
            rule(None, None, &[]),
            rule(None, Some("/a%7Eb"), &[]),
            rule(None, Some("/m;v=1"), &[]),
            rule(None, Some("/m"), &[]),
            rule(None, Some("/Case"), &[]),
            rule(None, Some("/case"), &[]),
            rule(None, Some("/x%2fy"), &[]),
        ]);
        for (target, expected) in [
            ("/a~b/c", 1),
            ("/a%7eb", 1),
            ("/m;v=1/x", 2),
            ("/m/x", 3),
            ("/Case", 4),
            ("/case", 5),
            ("/x%2Fy/z", 6),
        ] {
            assert_eq!(find(&routes, target, "h", ""), Some(expected), "{target}");
        }
    }

    /// Resolves escapes once.
    fn unquoted(path: &str) -> String {
        let mut out = String::new();
        let mut rest = path;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            let code = rest.get(at + 1..at + 3).and_then(|two| u8::from_str_radix(two, 16).ok());
            match code {
                Some(byte) => out.push(char::from(byte)),
                None => out.push('%'),
            }
            rest = &rest[at + if code.is_some() { 3 } else { 1 }..];
        }
        out + rest
    }

    fn without_parameters(path: &str) -> String {
        let segments = path.split('/').map(|segment| segment.split(';').next().unwrap_or(""));
        segments.collect::<Vec<_>>().join("/")
    }

    fn clean(path: &str) -> String {
        let mut segments = Vec::new();
        for segment in path.split('/') {
            match segment {
                "" | "." => {}
                ".." => drop(segments.pop()),
                segment => segments.push(segment),
            }
        }
        format!("/{}", segments.join("/"))
    }

    /// What a backend makes of a path.
    type Reading = fn(&str) -> String;

    /// Backends by their readings.
    const BACKENDS: [(&str, Reading); 8] = [
        ("nothing but escapes", unquoted),
        ("nginx", |path| clean(&unquoted(path))),
        ("nginx and a second one", |path| clean(&unquoted(&clean(&unquoted(path))))),
        ("a servlet container", |path| clean(&unquoted(&without_parameters(path)))),
        ("parameters at the end", |path| clean(&without_parameters(&unquoted(path)))),
        ("backslashes", |path| clean(&unquoted(path).replace('\\', "/"))),
        ("all of it", |path| clean(&without_parameters(&unquoted(path).replace('\\', "/")))),
        ("no case", |path| clean(&unquoted(path)).to_ascii_lowercase()),
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        /// A path that a backend takes for another one has the other one's route, or is refused.
        #[test]
        fn every_spelling_has_one_route(
            path in "(/|//|/\\.|/\\.\\.|\\\\|risky|safe|RISKY|x|;|;v=1|%2e|%2E|\\.|%2f|%5C|%3b|%25|%72|%00){1,9}"
        ) {
            let path = format!("/{path}");
            let routes = routes(&[
                rule(None, None, &[]),
                rule(None, Some("/safe"), &[]),
                rule(None, Some("/risky"), &[]),
                rule(None, Some("/safe/risky"), &[]),
            ]);
            let Some(found) = find(&routes, &path, "h", "") else { return Ok(()) };
            for (name, backend) in BACKENDS {
                let seen = backend(&path);
                let plain = seen.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'/');
                if plain && !seen.contains("//") {
                    prop_assert_eq!(find(&routes, &seen, "h", ""), Some(found), "{} sees {}", name, seen);
                }
            }
        }
    }
}
