//! Requests of one run, in the order in which they end.

use super::shape::{Arms, Shape};
use crate::rng::Rng;
use stagegate_rollout::{Arm, Outcome};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The time after which a client of a hung request leaves, in microseconds.
const LEAVES_US: u64 = 5_000_000;

/// One finished request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) arm: Arm,
    /// The weight decided; false for the excluded.
    pub(super) eligible: bool,
    /// Its tenant's number; 0 for none.
    pub(super) tenant: u32,
    /// The key that the split drew.
    pub(super) key: u64,
    /// Length of the body.
    pub(super) body: u64,
    pub(super) outcome: Outcome,
    pub(super) rejected: bool,
    pub(super) duration_us: u64,
    pub(super) nanos: u64,
    /// Share of the input that came from the cache.
    pub(super) cached: f64,
    /// Whether its score passed.
    pub(super) passed: Option<bool>,
    /// Somebody was hurt: it failed, hung or was refused.
    pub(super) hurt: bool,
}

/// A conversation under way; its probabilities as a share of the arm's own.
struct Conversation {
    arm: Arm,
    eligible: bool,
    tenant: u32,
    key: u64,
    permanent: f64,
    wrong: f64,
    dear: f64,
    scored: bool,
    turn: u32,
    /// Attempts left for a request that failed, and how it failed.
    again: Option<(u32, Outcome)>,
}

/// The traffic of one run.
pub(super) struct Traffic<'a> {
    shape: &'a Shape,
    rng: Rng,
    open: Vec<Conversation>,
    free: Vec<usize>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    next_ms: f64,
    keys: u64,
    weight: f64,
    tenants: Vec<(f64, f64, Arm)>,
}

impl<'a> Traffic<'a> {
    pub(super) fn new(shape: &'a Shape, weight: f64, mut rng: Rng) -> Self {
        let tenants = shape.tenants.map_or_else(Vec::new, |tenants| {
            let all: f64 = (1..=tenants.count).map(|n| f64::from(n).powf(-tenants.zipf)).sum();
            let mut sum = 0.0;
            (1..=tenants.count)
                .map(|n| {
                    sum += f64::from(n).powf(-tenants.zipf) / all;
                    let rate = rng.beta(0.05, tenants.icc) / 0.05;
                    let arm = if rng.chance(weight) { Arm::Candidate } else { Arm::Stable };
                    (sum, rate, arm)
                })
                .collect()
        });
        Self {
            shape,
            rng,
            open: Vec::new(),
            free: Vec::new(),
            due: BinaryHeap::new(),
            next_ms: 0.0,
            keys: 0,
            weight,
            tenants,
        }
    }

    /// Conversations that begin from now on are drawn by this weight.
    pub(super) const fn set_weight(&mut self, weight: f64) {
        self.weight = weight;
    }

    /// All requests that end before `until_ms`.
    pub(super) fn until(&mut self, until_ms: u64, into: &mut Vec<Request>) {
        let ends = self.shape.ends.map_or(u64::MAX, |minutes| (minutes * 60_000.0) as u64);
        let mean_ms = f64::from(self.shape.turns) * 1000.0 / self.shape.rps;
        while self.next_ms < until_ms.min(ends) as f64 {
            let at = self.next_ms as u64;
            self.next_ms += self.rng.exponential(mean_ms);
            self.begin(at);
        }
        while let Some(Reverse((at, place))) = self.due.peek().copied() {
            if at >= until_ms {
                break;
            }
            self.due.pop();
            if at < ends {
                self.turn(at, place, into);
            }
        }
    }

    fn begin(&mut self, at_ms: u64) {
        let shape = self.shape;
        self.keys += 1;
        let excluded = shape.excluded.filter(|(share, _)| self.rng.chance(*share));
        let arm = if excluded.is_none() && self.rng.chance(self.weight) {
            Arm::Candidate
        } else {
            Arm::Stable
        };
        let mut conversation = Conversation {
            arm,
            eligible: excluded.is_none(),
            tenant: 0,
            key: self.keys,
            permanent: 1.0,
            wrong: 1.0,
            dear: (shape.cost_spread * self.rng.normal() - shape.cost_spread.powi(2) / 2.0).exp(),
            scored: false,
            turn: 0,
            again: None,
        };
        if let Some(tenants) = &shape.tenants {
            let draw = self.rng.uniform();
            let place = self.tenants.partition_point(|(sum, _, _)| *sum < draw);
            let (_, rate, arm) = self.tenants[place.min(self.tenants.len() - 1)];
            conversation.tenant = place as u32 + 1;
            conversation.permanent = rate;
            if tenants.sticky {
                conversation.arm = arm;
                conversation.key = 1 << 40 | u64::from(conversation.tenant);
            }
        }
        let normal = shape.stable.permanent;
        if let Some((_, rate)) = excluded {
            conversation.permanent = rate / normal;
        }
        if shape.icc > 0.0 {
            let share = self.rng.beta(normal, shape.icc);
            conversation.permanent *= share / normal;
            conversation.wrong = self.rng.beta(shape.stable.wrong, shape.icc) / shape.stable.wrong;
        }
        let (of_candidate, of_stable) = shape.scored;
        let share = if conversation.arm == Arm::Candidate { of_candidate } else { of_stable };
        conversation.scored = self.rng.chance(share);
        let place = match self.free.pop() {
            Some(place) => {
                self.open[place] = conversation;
                place
            }
            None => {
                self.open.push(conversation);
                self.open.len() - 1
            }
        };
        self.due.push(Reverse((at_ms, place)));
    }

    fn arms(&self, at_ms: u64, arm: Arm) -> Arms {
        let shape = self.shape;
        let minute = at_ms as f64 / 60_000.0;
        if let Some((from, seconds, how)) = shape.outage
            && (from..from + seconds / 60.0).contains(&minute)
        {
            return how;
        }
        let (from, until) = shape.differs;
        let differs = arm == Arm::Candidate && minute >= from && minute < until;
        if differs { shape.candidate } else { shape.stable }
    }

    fn turn(&mut self, at_ms: u64, place: usize, into: &mut Vec<Request>) {
        let shape = self.shape;
        let arm = self.open[place].arm;
        let how = self.arms(at_ms, arm);
        let (rng, conversation) = (&mut self.rng, &mut self.open[place]);
        let again = conversation.again.take();
        if again.is_none() {
            conversation.turn += 1;
        }
        let mut outcome = Outcome::Ok;
        let permanent = (how.permanent * conversation.permanent).min(1.0);
        if let Some((_, failed)) = again.filter(|_| rng.chance(0.9)) {
            outcome = failed;
        } else if rng.chance(how.hung) {
            outcome = Outcome::ClientGone;
        } else if rng.chance(permanent) {
            outcome = Outcome::Permanent;
        } else if rng.chance(how.transient) {
            outcome = Outcome::Transient;
        } else if rng.chance(how.external) {
            outcome = Outcome::External;
        }
        let ok = outcome == Outcome::Ok;
        let refused = conversation.tenant == 1 && rng.chance(how.tenant_rejected);
        let rejected = ok && (refused || rng.chance(0.01));
        let tool = rng.chance(shape.tools);
        let usual = 0.8e6 * (0.6 * rng.normal()).exp() * if tool { 8.0 } else { 1.0 };
        let duration_us = match outcome {
            Outcome::ClientGone => LEAVES_US,
            Outcome::Ok => (usual * how.slower) as u64,
            _ => 50_000,
        };
        let grown = 1.0 + shape.grows * f64::from(conversation.turn - 1);
        let cost = 0.004 * conversation.dear * grown * how.dearer * (0.3 * rng.normal()).exp();
        // Of a conversation the sampler counts one response.
        let scored = ok && std::mem::take(&mut conversation.scored);
        let passed = scored.then(|| !rng.chance((how.wrong * conversation.wrong).min(1.0)));
        into.push(Request {
            arm,
            eligible: conversation.eligible,
            tenant: conversation.tenant,
            key: conversation.key,
            body: 200 + 100 * u64::from(conversation.turn),
            outcome,
            rejected,
            duration_us,
            nanos: if ok { (cost * 1e9) as u64 } else { 0 },
            cached: how.cached,
            passed,
            hurt: !ok || refused,
        });
        let left = again.map_or(shape.repeats, |(left, _)| left - 1);
        let mut pause = duration_us / 1000;
        if !ok && left > 0 {
            conversation.again = Some((left, outcome));
            pause += 500;
        } else if conversation.turn >= shape.turns {
            self.free.push(place);
            return;
        } else {
            pause += rng.exponential(shape.gap_s * 1000.0) as u64;
        }
        self.due.push(Reverse((at_ms + pause, place)));
    }
}
