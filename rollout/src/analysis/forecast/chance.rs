//! The chance that a candidate as good as stable has passed by a time.

use super::rates::Rates;
use crate::analysis::frame::needed;
use crate::analysis::test::Kind;
use crate::policy::{Gate, GateId, Policy, Then};
use stagegate_sequential::promotion::Looks;
use stagegate_sequential::{Alpha, plan as statistics};

/// Looks that are counted: with each one the values have doubled.
const LOOKS: usize = 16;
/// What comes later than this is no plan, in milliseconds: a year.
const LONGEST_MS: u64 = 366 * 86_400_000;
/// "Likely": so many of a hundred candidates as good as stable.
const LIKELY: f64 = 0.9;

/// The looks of one gate that a promotion waits for: when each comes, and the chance that it or one
/// before it has passed.
pub(super) struct Schedule {
    looks: Vec<(u64, f64)>,
}

/// The gates that keep a promotion waiting, with their looks. `None` stands for a look that never comes.
pub(super) fn schedules(
    policy: &Policy,
    rates: &Rates,
    waived: &[GateId],
    place: usize,
) -> Vec<Schedule> {
    let waits = |gate: &&Gate| {
        let kind = Kind::of(gate);
        gate.then == Then::Rollback
            && !matches!(kind, Kind::External | Kind::OfWorkload)
            && !waived.contains(&gate.id())
    };
    let gates = policy.gates.iter().filter(waits);
    gates.map(|gate| Schedule::of(policy, rates, place, gate)).collect()
}

/// The chance that all have passed at `ms`.
pub(super) fn passed_by(schedules: &[Schedule], ms: u64) -> f64 {
    schedules.iter().map(|it| it.passed_by(ms)).product()
}

/// The time from `least_ms` on at which nine of ten candidates as good as stable have passed; `None`
/// if that is not within a year.
pub(super) fn likely_by(schedules: &[Schedule], least_ms: u64) -> Option<u64> {
    let later = schedules.iter().flat_map(|it| it.looks.iter().map(|(ms, _)| *ms));
    let mut times: Vec<u64> = later.filter(|ms| *ms > least_ms).chain([least_ms]).collect();
    times.sort_unstable();
    times.into_iter().find(|ms| *ms <= LONGEST_MS && passed_by(schedules, *ms) >= LIKELY)
}

impl Schedule {
    fn of(policy: &Policy, rates: &Rates, place: usize, gate: &Gate) -> Self {
        let weight = policy.weight_at(place).ratio();
        let (of_candidate, _) = rates.counted(gate);
        let alpha = Alpha::try_from(policy.promote_alpha.get()).unwrap_or(Alpha::PROMOTION);
        let mut schedule = Self { looks: Vec::new() };
        let Ok(mut looks) = Looks::new(needed(policy, gate, place), alpha) else {
            return schedule;
        };
        let mut best = 0.0_f64;
        for _ in 0..LOOKS {
            let units = looks.next_at();
            let time = statistics::time_for(units, rates.rps, weight, of_candidate);
            let ms = time.and_then(|time| u64::try_from(time.as_millis()).ok());
            let Some(ms) = ms.filter(|ms| *ms <= LONGEST_MS) else { break };
            let Some(look) = looks.take(units) else { break };
            let chance = chance_of_look(gate, rates, units, weight, look.alpha);
            // Looks at the same data, doubled: hardly more than the best of them.
            best = best.max(chance.unwrap_or(1.0));
            schedule.looks.push((ms, best));
            if best > 0.999 {
                break;
            }
        }
        schedule
    }

    fn passed_by(&self, ms: u64) -> f64 {
        let passed = self.looks.iter().rev().find(|(at, _)| *at <= ms);
        passed.map_or(0.0, |(_, chance)| *chance)
    }
}

/// The chance that a look at `units` values of the candidate passes one that is as good as stable; none for
/// conditions that are no test of shares.
pub(super) fn chance_of_look(
    gate: &Gate,
    rates: &Rates,
    units: u64,
    weight: f64,
    alpha: Alpha,
) -> Option<f64> {
    let bad = rates.bad_share(gate)?;
    let independent = (units as f64 / rates.effect(gate).unwrap_or(1.0)).max(1.0);
    match Kind::of(gate) {
        Kind::Share(limit) => {
            statistics::chance_against_limit(bad, independent as u64, limit, alpha).ok()
        }
        Kind::Coin(margin) => {
            let counted = counted_share(gate, rates, weight);
            let stable = (independent * (1.0 - counted) / counted).max(1.0);
            let arms = ((bad, independent), (bad, stable));
            statistics::chance_against_stable(arms.0, arms.1, margin, alpha).ok()
        }
        Kind::Mean | Kind::Quantile(_) | Kind::Plain | Kind::OfWorkload | Kind::External => None,
    }
}

/// The candidate's share of the values of the gate.
pub(super) fn counted_share(gate: &Gate, rates: &Rates, weight: f64) -> f64 {
    let (of_candidate, of_stable) = rates.counted(gate);
    weight * of_candidate / (weight * of_candidate + (1.0 - weight) * of_stable)
}
