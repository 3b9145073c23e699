//! The flow of both arms as a whole: outages that hit both, and a candidate that is down.

use super::counts::blamable;
use super::evident;
use super::ring::{Add, LONGEST_MS, Ring, SLOT_MS};
use super::tick::Tick;
use crate::{Outcome, Reason, Series};
use serde::{Deserialize, Serialize};

/// More than this share of stable's requests must fail in a class that blames somebody else.
const OUTAGE_FLOOR: f64 = 0.05;
/// The chance that noise looks like an outage.
const ACCIDENT: f64 = 1e-4;
/// An outage is seen in a tick, in ten seconds or in a minute.
const OUTAGE_WINDOWS_MS: [u64; 2] = [SLOT_MS, 60_000];
/// Requests for the candidate that found no endpoint, before it counts as down.
const LEAST_DOWN: u64 = 10;

/// Requests of one arm, and those that failed for reasons outside of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Arm {
    requests: u64,
    outside: u64,
}

impl Arm {
    fn of(series: &Series) -> Self {
        let count = |outcome: Outcome| series.outcomes[outcome.index()];
        Self {
            requests: blamable(series),
            outside: count(Outcome::External) + count(Outcome::Transient),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Both {
    stable: Arm,
    candidate: Arm,
    /// Requests meant for the candidate that found no healthy endpoint.
    down: u64,
}

impl Add for Both {
    fn add(&mut self, other: &Self) {
        for (sum, arm) in [(&mut self.stable, other.stable), (&mut self.candidate, other.candidate)]
        {
            sum.requests += arm.requests;
            sum.outside += arm.outside;
        }
        self.down += other.down;
    }
}

impl Both {
    /// True if stable evidently fails for outside reasons and the candidate neither more nor much
    /// less. That stable does is asked first and of stable alone, so that leaving such ticks out
    /// favours no arm.
    fn is_outage(&self) -> bool {
        let stable = (self.stable.outside, self.stable.requests);
        if !evident::above(stable, OUTAGE_FLOOR, ACCIDENT) {
            return false;
        }
        let share = stable.0 as f64 / stable.1 as f64;
        let candidate = (self.candidate.outside, self.candidate.requests);
        !evident::worse(candidate, stable, ACCIDENT)
            && !evident::below(candidate, share / 2.0, ACCIDENT)
    }
}

/// The last quarter of an hour of both arms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Flow {
    ring: Ring<Both>,
    /// Observed time since the candidate last finished a request, in milliseconds.
    pub(super) silent_ms: u64,
    /// Requests that the candidate should have had in that time, going by stable's.
    #[serde(default)]
    missed: f64,
    /// The candidate's requests in the step, and the observed time of it.
    #[serde(default)]
    pace: (u64, u64),
}

/// With so many requests missing the candidate's traffic has stopped: by chance that happens once in
/// `e^12` pauses.
const MISSED: f64 = 12.0;
/// Before that, at least so much time must have passed, in milliseconds.
const SHORTEST_SILENCE_MS: u64 = 10_000;
/// Without stable to go by: after this time, or a sixth of a shorter step, and seven times the usual
/// pause between two requests (by chance once in `e^7` pauses).
const SILENCE_MS: u64 = 60_000;
const PAUSES: u64 = 7;

/// The result of the flow at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// An outage that hits both arms alike.
    pub(super) outage: bool,
    /// The candidate's traffic has stopped.
    pub(super) silent: bool,
    /// The candidate is down: how many requests found no endpoint lately.
    pub(super) down: Option<u64>,
}

impl Flow {
    /// Adds a tick. `length_ms` is that of the step.
    pub(super) fn observe(&mut self, tick: &Tick, observed_ms: u64, length_ms: u64) -> Condition {
        let reason = Reason::CandidateDown.index();
        let now = Both {
            stable: Arm::of(&tick.stable),
            candidate: Arm::of(&tick.candidate),
            down: tick.stable.reasons[reason] + tick.candidate.reasons[reason],
        };
        if now.candidate.requests > 0 {
            self.silent_ms = 0;
            self.missed = 0.0;
        } else {
            self.silent_ms += observed_ms;
            let weight = tick.weight.ratio();
            if weight < 1.0 {
                self.missed += now.stable.requests as f64 * weight / (1.0 - weight);
            }
        }
        self.pace.0 += now.candidate.requests;
        self.pace.1 += observed_ms;
        self.ring.add(tick.at_ms, &now, |_| {});
        let lately = |window_ms: &u64| self.ring.last(tick.at_ms, *window_ms).is_outage();
        let outage = now.is_outage() || OUTAGE_WINDOWS_MS.iter().any(lately);
        Condition {
            outage,
            silent: self.is_silent(length_ms),
            down: self.down(tick.at_ms, now.down),
        }
    }

    /// True if the candidate's traffic has stopped, or never began.
    fn is_silent(&self, length_ms: u64) -> bool {
        let short_ms = (length_ms / 6).max(1);
        if self.missed >= MISSED && self.silent_ms >= SHORTEST_SILENCE_MS.min(short_ms) {
            return true;
        }
        let (requests, observed_ms) = self.pace;
        let pause_ms = observed_ms.checked_div(requests).unwrap_or(0);
        self.silent_ms >= SILENCE_MS.min(short_ms).max(PAUSES * pause_ms)
    }

    fn down(&self, at_ms: u64, now: u64) -> Option<u64> {
        if now == 0 {
            return None;
        }
        let enough = |sum: &Both| sum.down + sum.candidate.requests >= LEAST_DOWN;
        let lately = self.ring.shortest(at_ms, 0, LONGEST_MS, enough);
        let is_down = lately.down >= LEAST_DOWN && lately.down >= lately.candidate.requests;
        is_down.then_some(lately.down)
    }
}
