//! Tests of `outlier`.

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
