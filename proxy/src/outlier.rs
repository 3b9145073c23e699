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
mod tests {
    use super::{Admission, Admitted, Standing};
    use proptest::prelude::*;
    use stagegate_settings::Ejection;
    use std::time::Duration;

    const RULE: Ejection = Ejection {
        failures: 3,
        slow: None,
        time: Duration::from_secs(10),
        longest: Duration::from_secs(300),
    };
    const TRIAL: Duration = Duration::from_secs(2);

    fn fails(standing: &Standing, now_ms: u64) -> bool {
        standing.failed(standing.admit(), &RULE, now_ms)
    }

    fn ejected() -> Standing {
        let standing = Standing::default();
        assert!(!fails(&standing, 0));
        assert!(!fails(&standing, 1));
        assert!(fails(&standing, 2));
        standing
    }

    fn trial(standing: &Standing, now_ms: u64) -> Admitted {
        standing.begin_trial(now_ms, TRIAL).expect("a trial")
    }

    #[test]
    fn failures_in_a_row_eject_and_a_success_between_them_does_not() {
        assert_eq!(ejected().admission(3), Admission::Ejected);
        let standing = Standing::default();
        for at in 0..20 {
            assert!(!fails(&standing, at));
            assert!(!fails(&standing, at));
            assert!(!standing.succeeded(standing.admit()), "it was never left out");
        }
        assert_eq!(standing.admission(20), Admission::Free);
    }

    #[test]
    fn one_request_tries_it_and_brings_it_back() {
        let standing = ejected();
        assert_eq!(standing.admission(10_001), Admission::Ejected);
        assert_eq!(standing.admission(10_002), Admission::Trial);
        let tried = trial(&standing, 10_002);
        assert!(standing.begin_trial(10_002, TRIAL).is_none(), "one at a time");
        assert_eq!(standing.admission(10_003), Admission::Ejected);
        assert!(standing.succeeded(tried));
        assert_eq!(standing.admission(10_004), Admission::Free);
    }

    #[test]
    fn a_failed_trial_doubles_the_time_up_to_five_minutes() {
        let standing = ejected();
        let (mut now, mut time) = (10_002, 10);
        for _ in 0..8 {
            let tried = trial(&standing, now);
            assert!(standing.failed(tried, &RULE, now), "a trial has no second chance");
            assert!(!standing.failed(tried, &RULE, now), "it fails once");
            time = (time * 2).min(300);
            assert_eq!(standing.admission(now + time * 1000 - 1), Admission::Ejected);
            now += time * 1000;
            assert_eq!(standing.admission(now), Admission::Trial);
        }
        assert!(standing.succeeded(trial(&standing, now)));
        assert!(!fails(&standing, now), "forgiven: it takes as many failures as at first");
    }

    #[test]
    fn the_longest_time_is_configured() {
        let rule = Ejection { longest: Duration::from_secs(15), ..RULE };
        let standing = ejected();
        assert!(standing.failed(trial(&standing, 10_002), &rule, 10_002));
        assert_eq!(standing.admission(10_002 + 14_999), Admission::Ejected);
        assert_eq!(standing.admission(10_002 + 15_000), Admission::Trial);
    }

    #[test]
    fn a_trial_nobody_ends_makes_room_for_the_next() {
        let standing = ejected();
        let first = trial(&standing, 10_002);
        assert!(standing.begin_trial(12_001, TRIAL).is_none());
        trial(&standing, 12_002);
        assert!(!standing.failed(first, &RULE, 12_003), "the second decides");
        assert!(standing.succeeded(first), "an answer that took long is an answer");
    }

    #[test]
    fn failures_of_requests_under_way_neither_lengthen_nor_renew_an_ejection() {
        let standing = Standing::default();
        let under_way = [standing.admit(); 20];
        let ejections = under_way.iter().filter(|it| standing.failed(**it, &RULE, 5)).count();
        assert_eq!(ejections, 1);
        assert_eq!(standing.admission(10_004), Admission::Ejected);
        assert_eq!(standing.admission(10_005), Admission::Trial);
        let late = under_way[0];
        assert!(!standing.succeeded(late), "it was sent before the ejection");
        assert!(standing.succeeded(trial(&standing, 10_005)));
        for at in 0..20 {
            assert!(!standing.failed(late, &RULE, 10_006 + at), "it was sent before the ejection");
        }
        assert_eq!(standing.admission(10_030), Admission::Free);
    }

    #[test]
    fn a_request_that_had_no_other_endpoint_brings_it_back_and_does_no_harm() {
        let standing = ejected();
        let regardless = standing.admit();
        assert!(regardless.was_out());
        assert!(!standing.failed(regardless, &RULE, 3));
        assert_eq!(standing.admission(10_002), Admission::Trial);
        assert!(standing.succeeded(regardless));
        assert_eq!(standing.admission(4), Admission::Free);
    }

    #[test]
    fn workers_that_reach_the_limit_together_eject_once() {
        for _ in 0..50 {
            let standing = Standing::default();
            let ejections: usize = std::thread::scope(|scope| {
                let worker = || (0..10).filter(|_| fails(&standing, 7)).count();
                let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
                workers.into_iter().map(|it| it.join().expect("ended")).sum()
            });
            assert_eq!(ejections, 1);
            assert_eq!(standing.admission(10_007), Admission::Trial);
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// A request is sent, by the rules of the endpoint set; the last endpoint takes it anyway.
        Pick {
            last: bool,
        },
        /// One of the requests in progress ends well, badly, or without a judgement.
        Succeed(usize),
        Fail(usize),
        Leave(usize),
        Pass(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => any::<bool>().prop_map(|last| Step::Pick { last }),
            2 => any::<usize>().prop_map(Step::Succeed),
            4 => any::<usize>().prop_map(Step::Fail),
            1 => any::<usize>().prop_map(Step::Leave),
            3 => prop_oneof![0_u64..50, 0_u64..30_000].prop_map(Step::Pass),
        ]
    }

    /// The ejection in progress, as the rules have it.
    #[derive(Default)]
    struct Model {
        now_ms: u64,
        /// Failed trials of the ejection in progress; none while the endpoint is not left out.
        failed_trials: Option<u32>,
        /// The latest time for the next trial.
        due_ms: u64,
        trial_began_ms: Option<u64>,
    }

    impl Model {
        fn ejects(&mut self, failed_trials: u32) {
            let time = RULE.time.as_millis() as u64 * 2_u64.pow(failed_trials.min(10));
            self.failed_trials = Some(failed_trials);
            self.due_ms = self.now_ms + time.min(300_000);
            self.trial_began_ms = None;
        }

        fn sends(&mut self, standing: &Standing, last: bool) -> Option<Admitted> {
            match standing.admission(self.now_ms) {
                Admission::Free => Some(standing.admit()),
                Admission::Trial => {
                    let patience = TRIAL.as_millis() as u64;
                    if let Some(began) = self.trial_began_ms.replace(self.now_ms) {
                        assert!(self.now_ms >= began + patience, "two trials at once");
                    }
                    self.due_ms = self.now_ms + patience;
                    Some(trial(standing, self.now_ms))
                }
                Admission::Ejected => last.then(|| standing.admit()),
            }
        }

        fn fails(&mut self, standing: &Standing, admitted: Admitted) {
            if !standing.failed(admitted, &RULE, self.now_ms) {
                return;
            }
            match self.failed_trials {
                None => self.ejects(0),
                Some(before) => {
                    assert!(admitted.is_trial, "only a failed trial lengthens an ejection");
                    self.ejects(before + 1);
                }
            }
        }

        fn succeeds(&mut self, standing: &Standing, admitted: Admitted) {
            if standing.succeeded(admitted) {
                assert!(admitted.was_out(), "what was sent before brought it back");
                (self.failed_trials, self.trial_began_ms) = (None, None);
            }
            let of_now = admitted.state.episode == standing.state().episode;
            assert!(!(of_now && admitted.was_out()), "a success did not bring it back");
        }

        fn check(&self, standing: &Standing) {
            let out = standing.admission(self.now_ms) != Admission::Free;
            assert_eq!(out, self.failed_trials.is_some());
            let due = standing.admission(self.now_ms.max(self.due_ms));
            assert_ne!(due, Admission::Ejected, "left out longer than its failed trials allow");
        }
    }

    proptest! {
        #[test]
        fn only_trials_count_while_an_endpoint_is_left_out(
            steps in prop::collection::vec(step(), 1..300)
        ) {
            let (standing, mut model) = (Standing::default(), Model::default());
            let mut under_way: Vec<Admitted> = Vec::new();
            for step in steps {
                match step {
                    Step::Pick { last } => under_way.extend(model.sends(&standing, last)),
                    Step::Pass(time) => model.now_ms += time,
                    Step::Succeed(_) | Step::Fail(_) | Step::Leave(_) if under_way.is_empty() => {}
                    Step::Succeed(at) => {
                        let admitted = under_way.swap_remove(at % under_way.len());
                        model.succeeds(&standing, admitted);
                    }
                    Step::Fail(at) => {
                        let admitted = under_way.swap_remove(at % under_way.len());
                        model.fails(&standing, admitted);
                    }
                    Step::Leave(at) => drop(under_way.swap_remove(at % under_way.len())),
                }
                model.check(&standing);
            }
        }
    }
}
