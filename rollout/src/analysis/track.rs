//! One gate's evidence in one step.

mod asked;
mod shown;
mod sums;

use super::counts::Counts;
use super::evident;
use super::frame::{Frame, RECENT_MS, least_for_a_quantile};
use super::fresh::Fresh;
use super::gate_state::Why;
use super::ring::{Add, LONGEST_MS, Ring, SLOT_MS};
use super::slices::Slices;
use super::stages::Stages;
use super::test::{Kind, LEAST_SHARE, Test, mean_limit};
use super::tick::Tick;
use super::trigger::Trigger;
use crate::policy::{ErrorClass, Gate, Limit, Measure, Then};
use crate::{DoubtKind, GateId, Series, UnitClass, Weight};
use asked::Asked;
use serde::{Deserialize, Serialize};
use stagegate_sequential::promotion::{self, Looks, Moments};
use stagegate_sequential::{Alpha, DesignEffect, interval};
use sums::{Guard, Pair};

/// The number of newest values that show a recovery.
const RECENT_VALUES: u64 = 50;
/// Below this share of the traffic a candidate's caches stay colder than stable's, so that its costs are
/// compared among visits that had as much of their input from a cache.
const COLDER_BELOW: f64 = 0.5;
/// A gate whose last value is older than this is neither violated nor not, in milliseconds.
const SILENT_MS: u64 = 60_000;
/// The chance that noise looks like a failure that goes on.
const AT_THE_MOMENT: f64 = 1e-4;
/// The chance that noise looks like a recovery.
const RECOVERY: f64 = 0.01;
/// The chance that stable's share in the step before was larger than what is taken for it.
const UNLIKELY: f64 = 1e-3;
/// Evidence this many times the needed one triggers at once.
const OVERWHELMING: f64 = 100.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Violation {
    since_ms: u64,
    for_ms: u64,
    /// Time for which the values have been within the limit again.
    within_ms: u64,
}

/// The result of one look at the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Now {
    Beyond,
    Within,
    Unknown,
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
        self.held = self.hold(frame, &now);
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
    fn hold(&mut self, frame: &Frame<'_>, now: &Pair) -> Option<Why> {
        let limit = match (frame.kind(), &self.former) {
            // At 100% it is compared with stable in the step before, and a disturbance does not cancel out. The
            // holdback shows it.
            (Kind::Coin(margin), Some(former)) => {
                self.former_most.or_else(|| former.bad_share()).map(|bad| bad + margin)
            }
            (kind, _) if !kind.has_own_limit(frame.gate) => return None,
            (Kind::Share(limit), _) => Some(limit),
            _ => None,
        };
        if frame.outage {
            return Some(Why::ExternalOutage);
        }
        let limit = limit?;
        let count = |counts: &Counts| (counts.bad, counts.n);
        let guard = Guard { stable: count(&now.stable), candidate: count(&now.candidate) };
        self.guard.add(frame.at_ms, &guard, |_| {});
        let lately = |window_ms| self.guard.last(frame.at_ms, window_ms);
        // A little beyond it, stable is known to be so only after a while.
        let windows = [guard, lately(SLOT_MS), lately(RECENT_MS), lately(LONGEST_MS)];
        windows.iter().any(|window| window.stable_is_beyond_too(limit)).then_some(Why::StableToo)
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

    /// The limit of the estimate in the measure's unit.
    fn bound(&self, gate: &Gate, stable: &Counts) -> Option<f64> {
        let amount = gate.limit.amount().get();
        match gate.limit {
            Limit::Max(_) | Limit::Min(_) => Some(amount),
            Limit::Margin(_) => {
                let margin = if gate.measure.more_is_better() { -amount } else { amount };
                let most = self.former_most.filter(|_| self.former.is_some());
                let most =
                    most.map(|bad| if gate.measure.more_is_better() { 1.0 - bad } else { bad });
                let estimate = most.or_else(|| stable.estimate(&gate.measure));
                estimate.filter(|_| stable.n >= LEAST_SHARE).map(|stable| stable + margin)
            }
            Limit::Ratio(_) => stable.estimate(&gate.measure).map(|stable| stable * amount),
            Limit::Baseline(_) if gate.measure.is_of_the_workload() => Some(amount),
            Limit::Baseline(_) => self.past.estimate(&gate.measure).map(|past| past * amount),
        }
    }

    /// Returns true if the candidate's counts are beyond the limit; none if they cannot tell.
    fn is_beyond(&self, frame: &Frame<'_>, candidate: &Counts, stable: &Counts) -> Option<bool> {
        match frame.kind() {
            Kind::Share(limit) => candidate.bad_share().map(|bad| bad > limit),
            Kind::Coin(margin) => {
                let share = stable.bad_share().filter(|_| stable.n >= LEAST_SHARE)?;
                let stable = self.former_most.unwrap_or(share);
                candidate.bad_share().map(|bad| bad - stable > margin)
            }
            Kind::Quantile(_) => {
                let stable = stable.bad_share().filter(|_| stable.n >= LEAST_SHARE)?;
                let enough = candidate.n >= least_for_a_quantile(frame.gate);
                // Its quantile is beyond only if more than the tail is.
                let tail = match &frame.gate.measure {
                    Measure::Latency { quantile, .. } => quantile.tail(),
                    _ => 0.0,
                };
                candidate.bad_share().filter(|_| enough).map(|bad| bad > stable.max(tail))
            }
            Kind::Mean
                if candidate.totals.len() > 1 && matches!(frame.gate.limit, Limit::Ratio(_)) =>
            {
                let ((candidate, stable), ratio) = (alike(candidate, stable), frame.gate.limit);
                candidate
                    .mean()
                    .zip(stable.mean())
                    .map(|(candidate, stable)| candidate > stable * ratio.amount().get())
            }
            Kind::Mean | Kind::Plain => {
                let bound = self.bound(frame.gate, stable)?;
                candidate.estimate(&frame.gate.measure).map(|estimate| estimate > bound)
            }
            Kind::OfWorkload => {
                let bound = self.bound(frame.gate, stable)?;
                self.of_workload.map(|value| value > bound)
            }
            Kind::External => self.asked.is_beyond(frame),
        }
    }

    fn window(&self, frame: &Frame<'_>) -> Pair {
        let (most, recent) = (frame.window_ms(), frame.recent_ms());
        match frame.kind() {
            // Without a test, the estimate must follow the present closely.
            Kind::Plain => self.ring.shortest(frame.at_ms, recent, most, |sum| {
                let enough = frame.least_for_a_look().max(frame.gate.requests);
                sum.candidate.n >= enough
            }),
            _ => self.ring.last(frame.at_ms, most),
        }
    }

    fn look_at_window(&self, frame: &Frame<'_>) -> Now {
        if self.waits() || frame.silent || self.silent_ms > SILENT_MS {
            return Now::Unknown;
        }
        if frame.kind() == Kind::External {
            return match self.asked.is_beyond(frame) {
                None => Now::Unknown,
                Some(true) => Now::Beyond,
                Some(false) => Now::Within,
            };
        }
        // Of all traffic it is a small part, so the window of all says nothing about it.
        if self.test.broken_tenant(frame.ln_needed(&self.test)).is_some() {
            return Now::Beyond;
        }
        let lately = self.window(frame);
        let reference = self.reference(&lately);
        let Some(beyond) = self.is_beyond(frame, &lately.candidate, reference) else {
            return Now::Unknown;
        };
        let shown = self.test.ln_value().is_none_or(|ln| ln >= frame.ln_needed(&self.test));
        if beyond && shown && !self.is_over(frame, &lately) { Now::Beyond } else { Now::Within }
    }

    /// Returns true if the newest values are good again, although the window is bad. A violation
    /// begins only if the newest values are beyond the limit too. After that, only values that are
    /// evidently better end it, so that noise does not stop the clock.
    fn is_over(&self, frame: &Frame<'_>, lately: &Pair) -> bool {
        let (recent, most) = (frame.recent_ms(), frame.window_ms());
        let enough = |sum: &Pair| sum.candidate.n >= RECENT_VALUES;
        let newest = self.ring.shortest(frame.at_ms, recent, most, enough);
        let reference = self.reference(lately);
        if !enough(&newest) || self.is_beyond(frame, &newest.candidate, reference) != Some(false) {
            return false;
        }
        if self.violation.is_none() {
            return true;
        }
        match frame.kind() {
            Kind::Share(_) | Kind::Coin(_) | Kind::Quantile(_) => {
                let share = lately.candidate.bad_share().unwrap_or(0.0);
                evident::below((newest.candidate.bad, newest.candidate.n), share, RECOVERY)
            }
            Kind::Mean => {
                let moments = newest.candidate.moments;
                let bound = self.bound(frame.gate, reference);
                let high = moments.mean().zip(moments.standard_error());
                bound.zip(high).is_some_and(|(bound, (mean, error))| mean + 2.0 * error < bound)
            }
            Kind::Plain | Kind::OfWorkload | Kind::External => true,
        }
    }

    fn tick_clock(&mut self, frame: &Frame<'_>) {
        let now = self.look_at_window(frame);
        match (&mut self.violation, now) {
            (_, Now::Unknown) | (None, Now::Within) => {}
            // The clock starts in the first tick that shows the violation.
            (none @ None, Now::Beyond) => {
                *none = Some(Violation { since_ms: frame.at_ms, for_ms: 0, within_ms: 0 });
            }
            (Some(violation), Now::Beyond) => {
                violation.for_ms += frame.observed_ms;
                violation.within_ms = 0;
            }
            // An estimate that moves around its limit does not end the violation: the clock waits.
            (Some(violation), Now::Within) => {
                violation.within_ms += frame.observed_ms;
                if violation.within_ms >= frame.recent_ms() {
                    self.violation = None;
                }
            }
        }
    }

    /// The cause of a rollback by this gate, if there is one.
    pub(super) fn trigger(&self, frame: &Frame<'_>) -> Option<Trigger> {
        if frame.gate.then != Then::Rollback || self.waits() || frame.silent {
            return None;
        }
        let violation = self.violation.filter(|_| self.silent_ms <= SILENT_MS)?;
        if violation.within_ms > 0 {
            return None;
        }
        let (gate, axis) = (frame.gate.id(), frame.gate.axis);
        let slice = self.test.broken_tenant(frame.ln_needed(&self.test));
        let slice = slice.map(|tenant| format!("tenant {tenant}"));
        let needed = frame.ln_needed(&self.test) + OVERWHELMING.ln();
        let overwhelms = self.test.ln_value().is_some_and(|ln| ln >= needed);
        if overwhelms && self.may_be_quick(frame, violation.for_ms) {
            return Some(Trigger::Overwhelming { gate, axis, slice });
        }
        let enough = match frame.kind() {
            Kind::External => {
                let enough = frame.since.requests >= frame.gate.requests;
                enough && self.asked.is_confirmed() && self.asked.is_fresh(frame)
            }
            _ => self.step.candidate.n >= frame.gate.requests,
        };
        let for_ms = violation.for_ms;
        let lasting = enough && for_ms >= frame.lasting_ms();
        lasting.then_some(Trigger::Violated { gate, axis, for_ms, slice })
    }

    /// Returns true if overwhelming evidence need not last as long as the gate says. At 100% it shows that the
    /// candidate is worse than stable was in the step before, and an outage behind both does that within a
    /// second. So either the holdback is well at the same time, or the newest window is bad as a whole. What
    /// usually lies behind the release is never quick there.
    fn may_be_quick(&self, frame: &Frame<'_>, for_ms: u64) -> bool {
        if frame.is_watch() && may_be_outside(frame) {
            return false;
        }
        // Where nobody is held back, nobody would ever be asked.
        let asks = self.test.is_watch() && frame.policy.holdback > Weight::ZERO;
        let lasts = for_ms >= frame.recent_ms() && self.is_bad_at_the_moment(frame);
        !asks || lasts || self.holdback_is_well(frame)
    }

    /// Returns true if the newest ten to twenty seconds are beyond the limit: an outage that is over is not.
    fn is_bad_at_the_moment(&self, frame: &Frame<'_>) -> bool {
        let now = self.ring.last(frame.at_ms, SLOT_MS);
        let counted = (now.candidate.bad, now.candidate.n);
        match (frame.kind(), self.former_most) {
            (Kind::Share(limit), _) => evident::above(counted, limit, AT_THE_MOMENT),
            (Kind::Coin(margin), Some(most)) => {
                evident::above(counted, (most + margin).min(1.0), AT_THE_MOMENT)
            }
            _ => self.is_beyond(frame, &now.candidate, self.reference(&now)) == Some(true),
        }
    }

    /// Returns true if the candidate is evidently worse than what is held back, over a window of the last
    /// quarter of an hour. Conditional on what failed, the arms are drawn at random whatever the hour does.
    fn holdback_is_well(&self, frame: &Frame<'_>) -> bool {
        let windows = [SLOT_MS, RECENT_MS, LONGEST_MS];
        windows.into_iter().any(|ms| self.guard.last(frame.at_ms, ms).candidate_is_worse())
    }

    /// Returns true if this is the track of the gate.
    pub(super) fn is_of(&self, gate: &Gate) -> bool {
        self.gate == gate.id()
    }
}

/// Failures of a class that usually lies behind the release.
const fn may_be_outside(frame: &Frame<'_>) -> bool {
    let Measure::ErrorRate { class } = frame.gate.measure else { return false };
    matches!(class, ErrorClass::Transient | ErrorClass::External)
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

/// What visits cost on both arms, stable's weighted to the candidate's mix of cached inputs: a
/// stratified mean, with its variance. A slice in which stable has nothing is left out of both.
fn alike(candidate: &Counts, stable: &Counts) -> (Moments, Moments) {
    let of = |counts: &Counts| counts.totals.iter().map(|it| it.count()).sum::<f64>();
    if of(candidate) == 0.0 || of(stable) == 0.0 {
        return (candidate.moments, stable.moments);
    }
    let both = candidate.totals.iter().zip(&stable.totals);
    let both = both.filter(|(c, s)| c.count() > 0.0 && s.count() >= 2.0);
    let none = (Moments::default(), Moments::default());
    both.fold(none, |(c, s), (own, other)| (c.plus(*own), s.plus(other.scaled_to(own.count()))))
}
