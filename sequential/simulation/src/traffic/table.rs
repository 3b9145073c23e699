//! Many runs of one kind of traffic, as one row.

use super::drive::{Fate, drive};
use super::shape::Shape;
use crate::rng::Rng;
use anyhow::Result;
use serde::Serialize;
use stagegate_rollout::{Policy, Rates, Verdict, chance_to_pass};
use stagegate_sequential::{Alpha, Tally, interval};
use std::collections::BTreeMap;

/// Rollbacks of a good candidate that are promised at most.
const PROMISED: f64 = 0.01;
/// Bad candidates that are promised to be found within the time of their row.
const FOUND: f64 = 0.5;

/// One row of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The kind of traffic.
    pub traffic: &'static str,
    /// A rollback is a mistake.
    pub is_good: bool,
    /// Its traffic ends in the middle.
    pub ends: bool,
    /// The number of runs.
    pub runs: u64,
    /// Share that was rolled back, of a bad candidate after the change.
    pub rolled_back: f64,
    /// Bounds of it, 95% on each side (Clopper and Pearson).
    pub at_least: f64,
    /// See `at_least`.
    pub at_most: f64,
    /// Median minutes until then.
    pub minutes: Option<f64>,
    /// Median requests of the candidate until then.
    pub requests: Option<f64>,
    /// Median conversations that were hurt until then, or in all.
    pub hurt: f64,
    /// Share of runs whose verdict was `pass` at some time.
    pub passed: f64,
    /// Share that passes by the end, as `plan` says beforehand; none for a bad candidate and for the watch.
    pub planned: Option<f64>,
    /// Median minutes until the first `pass`.
    pub passed_after: Option<f64>,
    /// Share of runs whose verdict is `pass` at the end.
    pub passes_at_the_end: f64,
    /// The gate that rolled back most often.
    pub by: String,
}

/// Simulates one kind of traffic.
///
/// # Errors
/// Never with the shapes of the table.
pub fn simulate(index: usize, shape: &Shape, runs: u64, seed: u64) -> Result<Row> {
    let mut fates = Vec::new();
    for number in 0..runs {
        fates.push(drive(shape, Rng::new(seed, 1000 + index as u64, number))?);
    }
    let early = |fate: &&Fate| fate.rolled_back.is_some_and(|minutes| minutes <= 0.0);
    let back: Vec<&Fate> = fates.iter().filter(|it| it.rolled_back.is_some()).collect();
    let found = back.iter().filter(|it| !early(it)).count() as u64;
    let tally = Tally::of(if shape.is_good { back.len() as u64 } else { found }, runs)?;
    let mut by: BTreeMap<&str, u64> = BTreeMap::new();
    back.iter().for_each(|fate| *by.entry(&fate.by).or_default() += 1);
    let by = by.into_iter().max_by_key(|(_, count)| *count).map_or("", |(gate, _)| gate);
    let passes = |fate: &&Fate| fate.last == Some(Verdict::Pass);
    let share = |count: usize| count as f64 / runs as f64;
    Ok(Row {
        traffic: shape.name,
        is_good: shape.is_good,
        ends: shape.ends.is_some(),
        runs,
        rolled_back: tally.share().unwrap_or(0.0),
        at_least: interval::at_least(tally, Alpha::PROMOTION),
        at_most: interval::at_most(tally, Alpha::PROMOTION),
        minutes: median(back.iter().filter_map(|fate| fate.rolled_back)),
        requests: median(back.iter().map(|fate| fate.requests as f64)),
        hurt: median(fates.iter().map(|fate| fate.hurt as f64)).unwrap_or(0.0),
        passed: share(fates.iter().filter(|fate| fate.passed.is_some()).count()),
        planned: planned(shape),
        passed_after: median(fates.iter().filter_map(|fate| fate.passed)),
        passes_at_the_end: share(fates.iter().filter(passes).count()),
        by: by.to_owned(),
    })
}

/// What `plan` says of the shape's traffic.
fn planned(shape: &Shape) -> Option<f64> {
    let policy = Policy::builtin();
    if !shape.is_good || shape.step + 1 >= policy.steps.len() {
        return None;
    }
    let arm = &shape.stable;
    let rates = Rates {
        rps: shape.rps,
        permanent: arm.permanent,
        transient: arm.transient,
        external: arm.external,
        client_gone: arm.hung,
        wrong: arm.wrong,
        scored_candidate: shape.scored.0,
        scored_stable: shape.scored.1,
        turns: f64::from(shape.turns),
        icc: shape.icc,
        ..Rates::default()
    };
    Some(chance_to_pass(&policy, &rates, shape.step, shape.minutes * 60_000))
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

impl Row {
    /// The heading of [`Self::row`]'s columns.
    pub const HEADING: &str = "| traffic | rolled back | 95% bounds | minutes | candidate requests | hurt | passes | plan says | after min | passes at the end | most often by |\n\
                               |---|---:|---|---:|---:|---:|---:|---:|---:|---:|---|";

    /// One row of a Markdown table.
    #[must_use]
    pub fn row(&self) -> String {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |it| format!("{it:.0}"));
        let per_cent = |share: f64| format!("{:.1}%", share * 100.0);
        format!(
            "| {}{} | {} | {} to {} | {} | {} | {:.0} | {} | {} | {} | {} | {} |",
            if self.is_good { "" } else { "bad: " },
            self.traffic,
            per_cent(self.rolled_back),
            per_cent(self.at_least),
            per_cent(self.at_most),
            number(self.minutes),
            number(self.requests),
            self.hurt,
            per_cent(self.passed),
            self.planned.map_or("-".to_owned(), per_cent),
            number(self.passed_after),
            per_cent(self.passes_at_the_end),
            if self.by.is_empty() { "-" } else { &self.by },
        )
    }

    /// The promise that this breaks beyond doubt.
    #[must_use]
    pub fn broken_promise(&self) -> Option<String> {
        let per_cent = |share: f64| format!("{:.1}%", share * 100.0);
        let (name, share) = (self.traffic, per_cent(self.rolled_back));
        if self.is_good && self.at_least > PROMISED {
            let (at_least, promised) = (per_cent(self.at_least), per_cent(PROMISED));
            return Some(format!(
                "{name}: {share} false rollbacks (at least {at_least}), {promised} promised"
            ));
        }
        if self.ends && self.passes_at_the_end > 0.0 {
            let passes = per_cent(self.passes_at_the_end);
            return Some(format!("{name}: {passes} pass after the traffic has ended"));
        }
        let is_missed = !self.is_good && !self.ends && self.at_most < FOUND;
        is_missed.then(|| format!("{name}: only {share} are found, {} promised", per_cent(FOUND)))
    }
}
