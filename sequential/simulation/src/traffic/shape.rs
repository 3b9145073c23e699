//! One kind of traffic.

use stagegate_rollout::Gate;

/// The way one arm behaves. Shares are of its requests.
#[derive(Clone, Copy, Debug)]
pub struct Arms {
    /// Permanent failures.
    pub permanent: f64,
    /// Transient failures.
    pub transient: f64,
    /// Failures of something behind the release.
    pub external: f64,
    /// Scored responses that fail.
    pub wrong: f64,
    /// Requests that never get an answer: the client leaves after five seconds.
    pub hung: f64,
    /// All times are this many times as long.
    pub slower: f64,
    /// All costs are this many times as high.
    pub dearer: f64,
    /// Share of the input that is read from the provider's prompt cache.
    pub cached: f64,
    /// One tenant, the first, fails with this share by a 4xx.
    pub tenant_rejected: f64,
}

impl Arms {
    /// An arm that does what it should.
    pub const GOOD: Self = Self {
        permanent: 0.005,
        transient: 0.005,
        external: 0.005,
        wrong: 0.05,
        hung: 0.0,
        slower: 1.0,
        dearer: 1.0,
        cached: 0.6,
        tenant_rejected: 0.0,
    };
}

/// The tenants of a workload.
#[derive(Clone, Copy, Debug)]
pub struct Tenants {
    /// How many.
    pub count: u32,
    /// The n-th has a share of `1/n^zipf`.
    pub zipf: f64,
    /// All conversations of a tenant are on one arm.
    pub sticky: bool,
    /// Tenants differ in how often they fail: intraclass correlation.
    pub icc: f64,
}

/// A workload's traffic and the two arms.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its name in tables.
    pub name: &'static str,
    /// A rollback would be a mistake.
    pub is_good: bool,
    /// Requests a second of both arms together, repeats apart.
    pub rps: f64,
    /// The step, from 0: 1%, 10%, 50%, 100%.
    pub step: usize,
    /// How long it goes on, in minutes.
    pub minutes: u64,
    /// Turns of a conversation.
    pub turns: u32,
    /// Seconds between two turns, on average.
    pub gap_s: f64,
    /// Intraclass correlation of failures within a conversation.
    pub icc: f64,
    /// How often a client repeats a failed request.
    pub repeats: u32,
    /// Tenants that are excluded from the rollout: their share of the traffic, and their permanent
    /// failures.
    pub excluded: Option<(f64, f64)>,
    /// Tenants.
    pub tenants: Option<Tenants>,
    /// Both arms.
    pub stable: Arms,
    /// The candidate, from `bad_from` on; before it is as stable.
    pub candidate: Arms,
    /// Minute from which the candidate differs from stable, and until which.
    pub differs: (f64, f64),
    /// Both arms fail in this way for so many seconds from the given minute on.
    pub outage: Option<(f64, f64, Arms)>,
    /// This share of the requests uses a tool and takes eight times as long.
    pub tools: f64,
    /// Cost of a request grows by this part with every turn.
    pub grows: f64,
    /// Spread of a conversation's cost, in logarithms.
    pub cost_spread: f64,
    /// Share of the candidate's and of stable's conversations of which a response is scored.
    pub scored: (f64, f64),
    /// Traffic ends after this many minutes.
    pub ends: Option<f64>,
    /// Further gates.
    pub gates: Vec<Gate>,
}

impl Shape {
    /// Conversations of eight turns, half a minute each, with nothing shared between the turns.
    #[must_use]
    pub fn plain(name: &'static str) -> Self {
        Self {
            name,
            is_good: true,
            rps: 10.0,
            step: 1,
            minutes: 90,
            turns: 8,
            gap_s: 15.0,
            icc: 0.0,
            repeats: 0,
            excluded: None,
            tenants: None,
            stable: Arms::GOOD,
            candidate: Arms::GOOD,
            differs: (0.0, f64::INFINITY),
            outage: None,
            tools: 0.0,
            grows: 0.0,
            cost_spread: 0.7,
            scored: (0.2, 0.05),
            ends: None,
            gates: Vec::new(),
        }
    }

    /// The same with a candidate that a rollback should find.
    #[must_use]
    pub fn bad(name: &'static str, candidate: Arms) -> Self {
        Self { is_good: false, candidate, differs: (20.0, f64::INFINITY), ..Self::plain(name) }
    }
}
