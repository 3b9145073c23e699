//! One gate's evidence in one step.

mod alike;
mod asked;
mod clock;
mod holdback;
mod rollback;
mod shown;
mod sums;

use super::counts::Counts;
use super::frame::{Frame, RECENT_MS, least_for_a_quantile};
use super::fresh::Fresh;
use super::gate_state::Why;
use super::ring::{Add, LONGEST_MS, Ring, SLOT_MS};
use super::slices::Slices;
use super::stages::Stages;
use super::test::{Kind, LEAST_SHARE, Test, mean_limit};
use super::tick::Tick;
use crate::policy::{Gate, Limit, Measure};
use crate::{DoubtKind, GateId, Series, UnitClass, Weight};
use alike::alike;
use asked::Asked;
use serde::{Deserialize, Serialize};
use stagegate_sequential::promotion::{self, Looks, Moments};
use stagegate_sequential::{Alpha, DesignEffect, interval};
use sums::{Guard, Pair};

/// Below this share of the traffic a candidate's caches stay colder than stable's, so that its costs are
/// compared among visits that had as much of their input from a cache.
const COLDER_BELOW: f64 = 0.5;
/// A gate whose last value is older than this is neither violated nor not, in milliseconds.
const SILENT_MS: u64 = 60_000;
/// The chance that stable's share in the step before was larger than what is taken for it.
const UNLIKELY: f64 = 1e-3;
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Violation {
    since_ms: u64,
    for_ms: u64,
    /// Time for which the values have been within the limit again.
    within_ms: u64,
}

/// The evidence of one gate in one step. Counts only ever come from [`Track::observe`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Track {
    gate: GateId,
    /// Sums over the step, of what counts as evidence.
    pub(super) step: Pair,
    /// The same, lately.
    ring: Ring<Pair>,
    /// Everything, lately; only for limits that stable may be beyond too.
    guard: Ring<Guard>,
    /// The candidate's times that have left the ring: its own past.
    past: Counts,
    /// Stable in the step before; only at 100%.
    former: Option<Counts>,
    /// The most that stable's share of bad values was then: an estimate from few values is no limit.
    #[serde(default)]
    former_most: Option<f64>,
    test: Test,
    looks: Option<Looks>,
    /// A look has passed.
    shown: bool,
    best_p: Option<f64>,
    violation: Option<Violation>,
    held: Option<Why>,
    /// The reason not to believe the scorers.
    #[serde(default)]
    doubted: Option<DoubtKind>,
    /// The last value of a gate of the whole workload.
    of_workload: Option<f64>,
    /// What an external gate was told.
    #[serde(default, skip_serializing_if = "Asked::is_nothing")]
    asked: Asked,
    silent_ms: u64,
    last_value_ms: u64,
    /// Parts of the traffic.
    #[serde(default)]
    slices: Slices,
    /// Times by stage, where the gate is about a time.
    #[serde(default, skip_serializing_if = "Stages::is_empty")]
    stages: Stages,
    /// Bounds of the candidate's and of stable's share over the step.
    bounds: [Option<Bounds>; 2],
}

/// Bounds of a share of bad values, and the number of values behind them. They are expensive to
/// compute and hold at all times at once, so slightly older bounds are still valid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Bounds {
    low: f64,
    high: f64,
    n: u64,
}

impl Track {
    /// No evidence yet. `before` is the gate's track in the step before: the watch at 100% compares with
    /// stable's figures in it.
    pub(super) fn begin(frame: &Frame<'_>, before: Option<&Self>) -> Self {
        let former: Option<Counts> = before.map(|track| track.step.stable.clone());
        // A step that was left at once has no figures to go by.
        let former =
            former.filter(|it| frame.is_watch() && it.n.max(it.times.count()) >= LEAST_SHARE);
        let holds_back = frame.policy.holdback > Weight::ZERO;
        let former_most = former.as_ref().and_then(most_bad);
        let beside = frame.gate.limit.is_against_stable() && former.is_none() && holds_back;
        let test = if frame.is_watch() && !beside {
            Test::watching(frame.gate, former.as_ref(), former_most)
        } else {
            Test::beside_stable(frame.gate)
        };
        let alpha = Alpha::try_from(frame.policy.promote_alpha.get()).unwrap_or(Alpha::PROMOTION);
        Self {
            gate: frame.gate.id(),
            step: Pair::default(),
            ring: Ring::default(),
            guard: Ring::default(),
            past: Counts::default(),
            former,
            former_most,
            test,
            looks: Looks::new(frame.needed(), alpha).ok().filter(|_| !frame.is_watch()),
            shown: false,
            best_p: None,
            violation: None,
            held: None,
            doubted: None,
            of_workload: None,
            asked: Asked::after(before.map(|track| &track.asked).filter(|_| frame.is_watch())),
            silent_ms: 0,
            last_value_ms: frame.at_ms,
            slices: Slices::default(),
            stages: Stages::default(),
            bounds: [None; 2],
        }
    }

    /// Adds a tick to the evidence.
    pub(super) fn observe(&mut self, frame: &Frame<'_>, tick: &Tick) {
        let gate = frame.gate;
        if frame.kind() == Kind::External {
            self.asked.take(frame, tick);
            self.note_silence(frame, self.asked.is_fresh(frame));
            return self.tick_clock(frame);
        }
        let mut now = Pair {
            stable: self.count(frame, &tick.stable, 1.0),
            candidate: self.count(frame, &tick.candidate, self.longer(frame)),
        };
        self.of_workload = frame.of_workload;
        self.note_silence(frame, now.candidate.n > 0 || frame.of_workload.is_some());
        self.held = self.hold(frame, tick, &now);
        self.doubted = frame.doubt;
        if frame.new_block {
            self.test.begin_block();
            self.slices.begin_block();
        }
        if !self.waits() && !frame.is_cold() {
            let candidate = Fresh::of(gate, &tick.candidate, &now.candidate);
            let stable = Fresh::of(gate, &tick.stable, &now.stable);
            let of_visits = candidate.has_visits();
            let mean_limit = mean_limit(gate, self.reference(&self.step), of_visits);
            let by_cache = tick.weight.ratio() < COLDER_BELOW;
            self.test.update(&candidate, &stable, mean_limit, by_cache);
            if UnitClass::of(gate).is_some() {
                self.slices.update(frame.margin(), &candidate, &stable);
            }
            if matches!(gate.measure, Measure::Latency { .. }) {
                self.stages.update(&tick.stable, &tick.candidate);
            }
            // A time is shown as its quantile over the step; the ring needs shares only.
            self.step.add(&now);
            if matches!(frame.kind(), Kind::Share(_)) {
                now.stable.times.clear();
                now.candidate.times.clear();
            }
            let past = &mut self.past;
            if frame.kind() != Kind::OfWorkload {
                self.ring.add(frame.at_ms, &now, |old| past.add(&old.candidate));
            }
        }
        self.take_look(frame);
        self.tick_clock(frame);
        self.bound_shares(frame);
    }

    /// The counts of an arm. Of a quantile that is compared, values are bad beyond stable's quantile of the
    /// step so far, times `longer` (Howard and Ramdas 2022: a quantile is a share). Any number known
    /// before the tick is fair: if the candidate's times are at most so many times stable's, its
    /// share beyond `longer` times a number is at most stable's share beyond that number.
    fn count(&self, frame: &Frame<'_>, series: &Series, longer: f64) -> Counts {
        let mut counts = Counts::of(frame.gate, series);
        if let (Kind::Quantile(_), Measure::Latency { quantile, .. }) =
            (frame.kind(), &frame.gate.measure)
        {
            let stable = &self.reference(&self.step).times;
            let enough = stable.count() >= least_for_a_quantile(frame.gate);
            let beyond = stable.quantile(quantile.rank()).filter(|_| enough);
            counts.n = beyond.map_or(0, |_| counts.times.count());
            counts.bad = beyond.map_or(0, |us| counts.times.count_above(us as f64 * longer));
        }
        counts
    }

    fn longer(&self, frame: &Frame<'_>) -> f64 {
        match frame.kind() {
            Kind::Quantile(ratio) => ratio,
            _ => 1.0,
        }
    }

    /// How much turns hang together: measured over both arms.
    fn effect(&self) -> DesignEffect {
        let visits = self.step.candidate.visits.plus(self.step.stable.visits);
        DesignEffect::measured(visits)
    }

    /// The same, once it has been measured.
    fn measured_effect(&self) -> Option<f64> {
        let visits = self.step.candidate.visits.plus(self.step.stable.visits);
        visits.are_enough().then(|| DesignEffect::measured(visits).get())
    }

    fn bound_shares(&mut self, frame: &Frame<'_>) {
        if !frame.gate.measure.is_share() {
            return;
        }
        let counts = [&self.step.candidate, self.reference(&self.step)];
        let effect = self.effect();
        let bounds: [Option<Bounds>; 2] = std::array::from_fn(|arm| {
            let (counts, known) = (counts[arm], self.bounds[arm]);
            if known.is_some_and(|known| counts.n <= known.n + known.n / 16) || counts.n == 0 {
                return known;
            }
            let best_at = frame.needed() as f64;
            let bad = interval::at_all_times(counts.independent(effect), Alpha::PROMOTION, best_at)
                .ok()?;
            Some(Bounds { low: bad.low, high: bad.high, n: counts.n })
        });
        self.bounds = bounds;
    }

    fn note_silence(&mut self, frame: &Frame<'_>, heard: bool) {
        if heard {
            self.silent_ms = 0;
            self.last_value_ms = frame.at_ms;
        } else {
            self.silent_ms += frame.observed_ms;
        }
    }

    /// The reason why this tick is no evidence for the gate, if there is one. A comparison with
    /// stable has none: a disturbance of both arms cancels out.
    fn hold(&mut self, frame: &Frame<'_>, tick: &Tick, now: &Pair) -> Option<Why> {
        let asks = self.asks_the_holdback(frame);
        let limit = match (frame.kind(), &self.former) {
            // At 100% it is compared with stable in the step before, and a disturbance does not cancel out. The
            // holdback shows it.
            (Kind::Coin(_), Some(_)) => self.usual_share(frame),
            (Kind::Quantile(_), _) if asks => self.usual_share(frame),
            (kind, _) if !kind.has_own_limit(frame.gate) => return None,
            (Kind::Share(limit), _) => Some(limit),
            _ => None,
        };
        if frame.outage {
            return Some(Why::ExternalOutage);
        }
        let limit = limit?;
        let count = |counts: &Counts| (counts.bad, counts.n);
        // What is not beside the candidate is counted as the candidate is.
        let alike = matches!(frame.kind(), Kind::Quantile(_));
        let alike = alike.then(|| self.count(frame, &tick.stable, self.longer(frame)));
        let stable = alike.as_ref().unwrap_or(&now.stable);
        let guard = Guard { stable: count(stable), candidate: count(&now.candidate) };
        self.guard.add(frame.at_ms, &guard, |_| {});
        let lately = |window_ms| self.guard.last(frame.at_ms, window_ms);
        // A little beyond it, stable is known to be so only after a while.
        let mut windows =
            [guard, lately(SLOT_MS), lately(RECENT_MS), lately(LONGEST_MS)].into_iter();
        let too = if asks {
            let usual = self.usual_share(frame).unwrap_or(limit);
            windows.any(|it| it.stable_is_beyond(limit)) && !self.blames_the_release(frame, usual)
        } else {
            windows.any(|it| it.stable_is_beyond(limit) && !it.candidate_is_worse())
        };
        too.then_some(Why::StableToo)
    }

    /// The counts of now are no evidence.
    const fn waits(&self) -> bool {
        self.held.is_some() || self.doubted.is_some()
    }

    /// Stable's counts to compare with: those of the same time, or at 100% those of the step
    /// before.
    fn reference<'a>(&'a self, concurrent: &'a Pair) -> &'a Counts {
        self.former.as_ref().unwrap_or(&concurrent.stable)
    }

    fn take_look(&mut self, frame: &Frame<'_>) {
        let units = self.step.candidate.n;
        let Some(look) = self.looks.as_mut().and_then(|looks| looks.take(units)) else { return };
        let (candidate, stable) = (&self.step.candidate, &self.step.stable);
        let effect = self.effect();
        let (of_candidate, of_stable) = (candidate.independent(effect), stable.independent(effect));
        let found = match frame.kind() {
            Kind::Share(limit) => promotion::against_limit(of_candidate, limit).ok(),
            Kind::Coin(margin) => promotion::against_stable(of_candidate, of_stable, margin).ok(),
            Kind::Mean => match frame.gate.limit {
                Limit::Ratio(ratio) => {
                    let (candidate, stable) = alike(candidate, stable);
                    promotion::mean_ratio(candidate, stable, ratio.get()).ok()
                }
                limit => {
                    let fixed = Moments::of([(limit.amount().get(), 2)]).unwrap_or_default();
                    promotion::mean_ratio(candidate.moments, fixed, 1.0).ok()
                }
            },
            Kind::Quantile(_) | Kind::Plain | Kind::OfWorkload | Kind::External => None,
        };
        if let Some(found) = found {
            self.shown |= found.passes(look.alpha);
            self.best_p = Some(self.best_p.map_or(found.p_value, |best| best.min(found.p_value)));
        }
    }

    /// Returns true if this is the track of the gate.
    pub(super) fn is_of(&self, gate: &Gate) -> bool {
        self.gate == gate.id()
    }
}

/// The most that the share of bad values may have been: of turns that hang together, with what they are worth.
fn most_bad(former: &Counts) -> Option<f64> {
    let effect = if former.visits.are_enough() {
        DesignEffect::measured(former.visits)
    } else {
        DesignEffect::NONE
    };
    let sure = Alpha::try_from(UNLIKELY).ok()?;
    (former.n > 0).then(|| interval::at_most(former.independent(effect), sure))
}
