//! Passive health: an endpoint that fails real requests is left out for a while, and comes back by
//! probation.
//!
//! Active checks send a request of their own; this looks at what the endpoint does with real
//! requests. While an endpoint is left out, only two kinds of request count: a trial, and a request
//! that went there because no other endpoint was left. The code is pure but for its atomics: time
//! is an argument. A healthy endpoint costs one load a request and no store.

use stagegate_settings::Ejection;
use stagegate_timing::Backoff;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// The recent results of one endpoint. Shared by all workers.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Failures since the last success. Counts only while the endpoint is not left out.
    failures: AtomicU32,
    /// A [`State`]. Every change is one compare-exchange, so two workers never both make it.
    state: AtomicU64,
}

/// A standing at one moment, in one word: 40 bits of time, 16 of the episode, 8 of ejections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// Left out until then, in milliseconds of the caller's clock; 0 when it is not.
    until_ms: u64,
    /// Grows with every ejection and every return.
    episode: u16,
    /// Ejections since the last success.
    ejections: u8,
}

const MOST_MS: u64 = (1 << 40) - 1;

impl State {
    const fn of(word: u64) -> Self {
        Self { until_ms: word >> 24, episode: (word >> 8) as u16, ejections: word as u8 }
    }

    const fn word(self) -> u64 {
        self.until_ms << 24 | (self.episode as u64) << 8 | self.ejections as u64
    }

    const fn is_out(self) -> bool {
        self.until_ms != 0
    }

    /// The state after one more ejection.
    fn ejected(self, rule: &Ejection, now_ms: u64) -> Self {
        let ejections = self.ejections.saturating_add(1);
        let time = Backoff::doubling(rule.time, rule.longest).wait(ejections.into());
        let episode = if self.is_out() { self.episode } else { self.episode.wrapping_add(1) };
        Self { until_ms: after(now_ms, time), episode, ejections }
    }

    const fn returned(self) -> Self {
        Self { until_ms: 0, episode: self.episode.wrapping_add(1), ejections: 0 }
    }
}

/// The standing of an endpoint at the moment in which a request was sent to it. The request's
/// result counts for or against the endpoint only by this.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admitted {
    state: State,
    is_trial: bool,
}

impl Admitted {
    /// Returns whether the endpoint was left out for other requests.
    pub(crate) const fn was_out(self) -> bool {
        self.state.is_out()
    }
}

/// The admission of requests to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Not ejected.
    Free,
    /// Its time is over: one request may try it ([`Standing::begin_trial`]).
    Trial,
    /// Ejected.
    Ejected,
}

impl Standing {
    #[inline] // asked with every request
    fn state(&self) -> State {
        State::of(self.state.load(Ordering::Relaxed))
    }

    /// Changes the state unless another thread has changed it.
    fn change(&self, from: State, to: State) -> bool {
        self.state
            .compare_exchange(from.word(), to.word(), Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// Returns the endpoint's admission at `now_ms`.
    #[inline] // asked with every request
    pub(crate) fn admission(&self, now_ms: u64) -> Admission {
        match self.state().until_ms {
            0 => Admission::Free,
            until if now_ms >= until => Admission::Trial,
            _ => Admission::Ejected,
        }
    }

    /// A request goes there as usual, or because no other endpoint is left.
    #[inline] // asked with every request
    pub(crate) fn admit(&self) -> Admitted {
        Admitted { state: self.state(), is_trial: false }
    }

    /// Takes the endpoint's trial, if it is due and no other request has taken it. Until the trial
    /// ends, the endpoint stays ejected for all other requests. If it never ends, the next trial is
    /// free after `patience`.
    pub(crate) fn begin_trial(&self, now_ms: u64, patience: Duration) -> Option<Admitted> {
        let state = self.state();
        if !state.is_out() || now_ms < state.until_ms {
            return None;
        }
        let trial = State { until_ms: after(now_ms, patience), ..state };
        self.change(state, trial).then_some(Admitted { state: trial, is_trial: true })
    }

    /// A request went well. A trial, and a request that had no other endpoint, bring the endpoint
    /// back: then true. Without an ejection the count of failures begins anew. A request that was
    /// sent before an ejection or a return changes nothing after it.
    pub(crate) fn succeeded(&self, admitted: Admitted) -> bool {
        loop {
            let state = self.state();
            if state.episode != admitted.state.episode {
                return false;
            }
            if !state.is_out() {
                if self.failures.load(Ordering::Relaxed) != 0 {
                    self.failures.store(0, Ordering::Relaxed);
                }
                return false;
            }
            if self.change(state, state.returned()) {
                self.failures.store(0, Ordering::Relaxed);
                return true;
            }
        }
    }

    /// A request failed. True when that is why the endpoint is left out from now on: it was the
    /// trial, or one failure too many. While the endpoint is left out, failures of other requests
    /// change nothing, and neither do those of requests that were sent before.
    pub(crate) fn failed(&self, admitted: Admitted, rule: &Ejection, now_ms: u64) -> bool {
        if admitted.is_trial {
            // Nothing happens where a later trial has begun: that one decides.
            return self.change(admitted.state, admitted.state.ejected(rule, now_ms));
        }
        let state = self.state();
        if state.is_out() || state.episode != admitted.state.episode {
            return false;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        failures >= rule.failures && self.change(state, state.ejected(rule, now_ms))
    }
}

/// The time that is `wait` later, at least a millisecond.
fn after(now_ms: u64, wait: Duration) -> u64 {
    let wait = u64::try_from(wait.as_millis()).unwrap_or(MOST_MS).max(1);
    now_ms.saturating_add(wait).min(MOST_MS)
}

#[cfg(test)]
mod tests;
