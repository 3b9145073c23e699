//! The cases: what is asked of a proxy, and over how many connections.

/// One kind of load.
#[derive(Debug)]
pub(super) struct Case {
    /// Its name in the report and for `--case`.
    pub(super) name: &'static str,
    /// A description, in a few words.
    pub(super) about: &'static str,
    pub(super) load: Load,
    /// Numbers of connections unless the command line has others.
    pub(super) connections: &'static [u32],
    pub(super) run: Run,
    pub(super) who: Who,
}

/// When a case is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// With `--quick` too.
    Quick,
    /// Unless only the quick ones are asked for.
    Whole,
    /// Only when it is named.
    Named,
}

/// The kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// By wrk, as fast as it is answered.
    Closed {
        method: &'static str,
        path: &'static str,
        /// Bytes of the request body.
        body: u32,
        tls: bool,
        /// True if each request carries its user's token.
        tokens: bool,
    },
    /// By h2load, over TLS, several streams to a connection, as fast as they are answered.
    H2 { path: &'static str },
    /// By our own generator: a constant rate, 70% of what HAProxy can do at most.
    Rate { path: &'static str },
    /// By our own generator: every connection shakes hands, asks once and is closed.
    Handshakes,
    /// By our own generator: event streams that stay open, an event a second each.
    Streams,
}

/// Whom a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Every proxy.
    Everyone,
    /// Every proxy, and the origin without any.
    EveryoneAndDirect,
    /// Stagegate in two set-ups that differ in one thing.
    Pair(Pair),
    /// Stagegate bare, and with one thing on at a time.
    Features,
    /// Stagegate, HAProxy, and gateways for models.
    Gateways,
}

/// One thing, and the set-ups with and without it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Differs {
    /// The difference.
    pub(super) what: &'static str,
    pub(super) with: &'static str,
    pub(super) without: &'static str,
}

type Pair = &'static Differs;

const READING_USAGE: Differs = Differs { what: "reading usage", with: "signals", without: "bare" };
const SAMPLING: Differs =
    Differs { what: "sampling 5% and scoring it", with: "all", without: "unsampled" };
const UNCAPPED: Differs = Differs {
    what: "sampling 5% without a cap on the rate and scoring it",
    with: "uncapped",
    without: "unsampled",
};

const fn get(path: &'static str) -> Load {
    Load::Closed { method: "GET", path, body: 0, tls: false, tokens: false }
}

/// A chat completion, answered with 4 KiB of JSON.
const fn chat(tokens: bool) -> Load {
    Load::Closed { method: "POST", path: "/v1/chat/completions", body: 2048, tls: false, tokens }
}

const CHAT: Load = chat(false);

const CASES: &[Case] = &[
    Case {
        name: "get-300b",
        about: "GET, 300-byte reply",
        load: get("/small"),
        connections: &[16, 64, 256, 1024],
        run: Run::Quick,
        who: Who::Everyone,
    },
    Case {
        name: "post-2k",
        about: "POST of 2,048 bytes, 300-byte reply",
        load: Load::Closed {
            method: "POST",
            path: "/small",
            body: 2048,
            tls: false,
            tokens: false,
        },
        connections: &[64],
        run: Run::Quick,
        who: Who::Everyone,
    },
    Case {
        name: "get-4k",
        about: "GET, 4,096-byte reply",
        load: get("/4k"),
        connections: &[64],
        run: Run::Quick,
        who: Who::Everyone,
    },
    Case {
        name: "get-64k",
        about: "GET, 65,536-byte reply",
        load: get("/64k"),
        connections: &[64],
        run: Run::Whole,
        who: Who::Everyone,
    },
    Case {
        name: "get-chunked",
        about: "GET, 4,096-byte reply in chunked framing",
        load: get("/chunked"),
        connections: &[64],
        run: Run::Whole,
        who: Who::Everyone,
    },
    Case {
        name: "latency-70",
        about: "GET, 300-byte reply, at 70% of HAProxy's highest rate, latency from when it was due",
        load: Load::Rate { path: "/small" },
        connections: &[64],
        run: Run::Whole,
        who: Who::EveryoneAndDirect,
    },
    Case {
        name: "tls-keepalive",
        about: "GET over TLS, 300-byte reply, connections kept",
        load: Load::Closed { method: "GET", path: "/small", body: 0, tls: true, tokens: false },
        connections: &[64],
        run: Run::Whole,
        who: Who::Everyone,
    },
    Case {
        name: "tls-handshake",
        about: "a full TLS handshake for every GET",
        load: Load::Handshakes,
        connections: &[64],
        run: Run::Whole,
        who: Who::Everyone,
    },
    Case {
        name: "h2-to-h1",
        about: "GET over HTTP/2 and TLS, 4 streams a connection, 300-byte reply",
        load: Load::H2 { path: "/small" },
        connections: &[64],
        run: Run::Whole,
        who: Who::Everyone,
    },
    Case {
        name: "signals-json",
        about: "chat answer of 4 KiB JSON with its usage, read or not",
        load: CHAT,
        connections: &[64],
        run: Run::Whole,
        who: Who::Pair(&READING_USAGE),
    },
    Case {
        name: "signals-sse",
        about: "chat answer as 32 events with its usage, read or not",
        load: Load::Closed {
            method: "POST",
            path: "/stream/v1/chat/completions",
            body: 2048,
            tls: false,
            tokens: false,
        },
        connections: &[64],
        run: Run::Whole,
        who: Who::Pair(&READING_USAGE),
    },
    Case {
        name: "sampling-json",
        about: "chat answer of 4 KiB JSON, 5% of them copied and scored, or none",
        load: CHAT,
        connections: &[64],
        run: Run::Whole,
        who: Who::Pair(&SAMPLING),
    },
    Case {
        name: "sampling-uncapped",
        about: "the same, and not only 100 a second of each arm",
        load: CHAT,
        connections: &[64],
        run: Run::Whole,
        who: Who::Pair(&UNCAPPED),
    },
    Case {
        name: "features",
        about: "chat request with a token, answer of 4 KiB JSON, one thing on at a time",
        load: chat(true),
        connections: &[64],
        run: Run::Whole,
        who: Who::Features,
    },
    Case {
        name: "gateways",
        about: "chat request, answer of 4 KiB JSON, through gateways for models too",
        load: chat(true),
        connections: &[16],
        run: Run::Named,
        who: Who::Gateways,
    },
    Case {
        name: "sse",
        about: "event streams that stay open, an event a second each",
        load: Load::Streams,
        connections: &[1_000, 10_000],
        run: Run::Whole,
        who: Who::EveryoneAndDirect,
    },
];

impl Case {
    /// All of them, in the order in which they are measured.
    pub(super) fn all() -> &'static [Self] {
        CASES
    }

    /// True if it is run when no case is named.
    pub(super) fn runs_unnamed(&self, quick: bool) -> bool {
        match self.run {
            Run::Quick => true,
            Run::Whole => !quick,
            Run::Named => false,
        }
    }

    /// The number of its measurements, if the command line asks for `rounds`.
    pub(super) fn rounds(&self, asked: u32) -> u32 {
        match (self.load, self.who) {
            // Opening thousands of streams takes its time, and one stream gives many figures.
            (Load::Streams, _) => asked.div_ceil(3),
            // A difference of some per cent wants more of them.
            (_, Who::Pair(_) | Who::Features) => asked + 1,
            _ => asked,
        }
    }

    /// True if it goes over TLS.
    pub(super) fn needs_tls(&self) -> bool {
        match self.load {
            Load::Closed { tls, .. } => tls,
            Load::H2 { .. } | Load::Handshakes => true,
            Load::Rate { .. } | Load::Streams => false,
        }
    }

    /// True if it speaks HTTP/2.
    pub(super) fn needs_http2(&self) -> bool {
        matches!(self.load, Load::H2 { .. })
    }
}

/// The end of `cargo xtask bench --help`.
pub(super) fn help() -> String {
    let mut text = "Cases:\n".to_owned();
    for case in Case::all() {
        let numbers: Vec<String> = case.connections.iter().map(u32::to_string).collect();
        let when = match case.run {
            Run::Quick => ", in --quick",
            Run::Whole => "",
            Run::Named => ", only when named",
        };
        text += &format!("  {:<14} {} ({}{when})\n", case.name, case.about, numbers.join(", "));
    }
    text + "\nIn brackets: connections, or open streams. Needs two cores: each proxy has core 0 to \
        itself while it is measured, load and origin share core 1. Peers come as pinned wheels \
        (HAProxy, nginx, Envoy) or are built (pingora) below target/bench. Case by case, every \
        proxy is measured once per round, after a short warm-up, the order changing from round \
        to round; figures are medians over the rounds, ratios medians of the ratios within each \
        round. A case that the given stagegate is too old for is skipped, and the plan says so. \
        Results: tables on standard output and target/bench/summary.json. docs/BENCHMARKS.md says \
        how to read them."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_quick_ones_are_the_basic_three() {
        let mut names: Vec<&str> = Case::all().iter().map(|case| case.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Case::all().len());
        let quick: Vec<&str> = Case::all()
            .iter()
            .filter(|case| case.run == Run::Quick)
            .map(|case| case.name)
            .collect();
        assert_eq!(quick, ["get-300b", "post-2k", "get-4k"]);
    }
}
