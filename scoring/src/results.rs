//! The sums of samples by rollout, release and arm, and by slices of these.
//!
//! Sums begin anew with each rollout of a workload, so that the arms that are compared were asked
//! at the same time. They are held here and saved every second: a crash loses at most what was
//! counted since. Slices are capped: what is over the cap counts in the whole only.

use stagegate_eval::{Sample, Tally};
use stagegate_rollout::{Arm, SeriesKey};
use stagegate_store::{SampleStore, SamplesError, StoredTally};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Tenants that are summed up each on its own where none are configured: the first that are
/// sampled, which are those that ask most.
const MOST_TENANTS: usize = 50;
/// Scorers of one arm; those outside of the process name their scores themselves.
const MOST_SCORERS: usize = 100;
/// Rollouts of which the sums are held; older ones are read from the disk.
const HELD: usize = 64;
const SAVE_EVERY_MS: u64 = 1000;
/// The tenant that stands for all that are not summed up on their own.
pub const OTHER: &str = "other";

/// The part of an arm's samples that a sum covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slice {
    /// All of them.
    Whole,
    /// Those of one cohort.
    Cohort(String),
    /// Those of one tenant; `other` stands for the rest.
    Tenant(String),
    /// All of them, as one scorer sees them.
    Scorer(String),
}

impl Slice {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Whole => ("whole", ""),
            Self::Cohort(name) => ("cohort", name),
            Self::Tenant(name) => ("tenant", name),
            Self::Scorer(name) => ("scorer", name),
        }
    }

    fn of_parts(kind: &str, name: String) -> Option<Self> {
        Some(match kind {
            "whole" => Self::Whole,
            "cohort" => Self::Cohort(name),
            "tenant" => Self::Tenant(name),
            "scorer" => Self::Scorer(name),
            _ => return None,
        })
    }
}

/// The key of a sum.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SliceKey {
    /// The arm.
    pub arm: Arm,
    /// The release that answered.
    pub release: String,
    /// The part of its samples.
    pub slice: Slice,
}

/// A sum and when its samples were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// The first, in Unix milliseconds.
    pub since_ms: u64,
    /// The last.
    pub until_ms: u64,
    /// The sum.
    pub tally: Tally,
}

/// Sums of one rollout.
pub type Sums = BTreeMap<SliceKey, Sum>;

/// The series and the rollout of a sample.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) key: SeriesKey,
    rollout: String,
    cohort: Option<String>,
    tenant: Option<String>,
    at_ms: u64,
}

impl Origin {
    pub(crate) fn of(sample: &Sample) -> Self {
        Self {
            key: SeriesKey {
                workload: sample.workload.as_str().into(),
                release: sample.release.as_str().into(),
                arm: sample.arm,
            },
            rollout: sample.rollout.clone().unwrap_or_default(),
            cohort: sample.cohort.clone(),
            tenant: sample.tenant.clone(),
            at_ms: sample.at_ms,
        }
    }
}

#[derive(Default)]
struct Period {
    sums: Sums,
    unsaved: BTreeSet<SliceKey>,
    last_ms: u64,
}

/// The sums of all workloads.
#[derive(Default)]
pub(crate) struct Results {
    periods: BTreeMap<(Arc<str>, String), Period>,
    saved_at_ms: u64,
}

impl Results {
    /// Adds what a sample counts for to the whole and to its slices. `own` are the tenants that are
    /// summed up each on its own.
    pub(crate) fn add(
        &mut self,
        store: &SampleStore,
        origin: &Origin,
        tally: &Tally,
        own: &BTreeSet<Arc<str>>,
    ) {
        let period = self.period(store, &origin.key.workload, &origin.rollout);
        let tenant = origin.tenant.as_deref().map(|tenant| period.tenant(tenant, own));
        let slices = [Some(Slice::Whole), origin.cohort.clone().map(Slice::Cohort), tenant];
        for slice in slices.into_iter().flatten() {
            period.add(&slice, origin, tally);
        }
    }

    /// Takes up the sums of a rollout that was counted before a restart.
    pub(crate) fn recall(&mut self, store: &SampleStore, workload: &str, rollout: &str) {
        self.period(store, &workload.into(), rollout);
    }

    /// Adds what one scorer said of a sample.
    pub(crate) fn add_scorer(
        &mut self,
        store: &SampleStore,
        origin: &Origin,
        scorer: &str,
        tally: &Tally,
    ) {
        let period = self.period(store, &origin.key.workload, &origin.rollout);
        let slice = Slice::Scorer(scorer.to_owned());
        let scorers = period.sums.keys().filter(|key| matches!(key.slice, Slice::Scorer(_)));
        if scorers.count() < 2 * MOST_SCORERS || period.sums.contains_key(&origin.slice(&slice)) {
            period.add(&slice, origin, tally);
        }
    }

    /// The sums of a rollout, from the disk if it was none that was counted lately.
    fn period(&mut self, store: &SampleStore, workload: &Arc<str>, rollout: &str) -> &mut Period {
        let key = (Arc::clone(workload), rollout.to_owned());
        if !self.periods.contains_key(&key) && self.periods.len() >= HELD {
            let settled = self.periods.iter().filter(|(_, period)| period.unsaved.is_empty());
            let oldest =
                settled.min_by_key(|(_, period)| period.last_ms).map(|(key, _)| key.clone());
            oldest.map(|key| self.periods.remove(&key));
        }
        self.periods.entry(key).or_insert_with(|| {
            let sums = read(store, workload, rollout).unwrap_or_else(|error| {
                tracing::warn!(%error, %workload, "cannot read earlier sums; counting starts at zero");
                Sums::new()
            });
            let last_ms = sums.values().map(|sum| sum.until_ms).max().unwrap_or_default();
            Period { sums, last_ms, ..Period::default() }
        })
    }

    /// The sums of a rollout, if they are held.
    pub(crate) fn held(&self, workload: &str, rollout: &str) -> Option<Sums> {
        let key = (Arc::from(workload), rollout.to_owned());
        self.periods.get(&key).map(|period| period.sums.clone())
    }

    /// The sums of whole arms, of the rollout of each workload that was counted last.
    pub(crate) fn latest(&self) -> Vec<(SeriesKey, Tally)> {
        let mut latest: BTreeMap<&Arc<str>, &Period> = BTreeMap::new();
        for ((workload, _), period) in &self.periods {
            let newest = latest.entry(workload).or_insert(period);
            if period.last_ms > newest.last_ms {
                *newest = period;
            }
        }
        let wholes = latest.into_iter().flat_map(|(workload, period)| {
            let wholes = period.sums.iter().filter(|(key, _)| key.slice == Slice::Whole);
            wholes.map(|(key, sum)| {
                let (workload, release) = (Arc::clone(workload), key.release.as_str().into());
                (SeriesKey { workload, release, arm: key.arm }, sum.tally)
            })
        });
        wholes.collect()
    }

    /// Saves what was counted; unless `now`, once a second.
    pub(crate) fn save(&mut self, store: &mut SampleStore, now_ms: u64, now: bool) {
        let due = now || now_ms >= self.saved_at_ms.saturating_add(SAVE_EVERY_MS);
        if !due || self.periods.values().all(|period| period.unsaved.is_empty()) {
            return;
        }
        self.saved_at_ms = now_ms;
        let periods = self.periods.iter();
        let rows: Vec<StoredTally> = periods
            .flat_map(|((workload, rollout), period)| {
                let unsaved = period.unsaved.iter();
                unsaved.filter_map(|key| Some(row(workload, rollout, key, period.sums.get(key)?)))
            })
            .collect();
        match store.keep_tallies(&rows) {
            Ok(()) => self.periods.values_mut().for_each(|period| period.unsaved.clear()),
            Err(error) => tracing::warn!(%error, "cannot save the sums of samples; will try again"),
        }
    }
}

impl Origin {
    fn slice(&self, slice: &Slice) -> SliceKey {
        let (arm, release) = (self.key.arm, self.key.release.to_string());
        SliceKey { arm, release, slice: slice.clone() }
    }
}

impl Period {
    fn add(&mut self, slice: &Slice, origin: &Origin, tally: &Tally) {
        let key = origin.slice(slice);
        let first = Sum { since_ms: origin.at_ms, ..Sum::default() };
        let sum = self.sums.entry(key.clone()).or_insert(first);
        sum.since_ms = sum.since_ms.min(origin.at_ms);
        sum.until_ms = sum.until_ms.max(origin.at_ms);
        sum.tally.merge(tally);
        self.last_ms = self.last_ms.max(origin.at_ms);
        self.unsaved.insert(key);
    }

    fn tenant(&self, tenant: &str, own: &BTreeSet<Arc<str>>) -> Slice {
        let is_own = if own.is_empty() {
            let named = self.sums.keys().filter_map(|key| match &key.slice {
                Slice::Tenant(name) if name != OTHER => Some(name.as_str()),
                _ => None,
            });
            let named: BTreeSet<&str> = named.collect();
            named.contains(tenant) || named.len() < MOST_TENANTS
        } else {
            own.contains(tenant)
        };
        Slice::Tenant(if is_own { tenant } else { OTHER }.to_owned())
    }
}

/// The sums of a rollout that are on the disk.
pub(crate) fn read(
    store: &SampleStore,
    workload: &str,
    rollout: &str,
) -> Result<Sums, SamplesError> {
    let rows = store.tallies(workload, rollout)?;
    let sum = |row: StoredTally| {
        let StoredTally { release, arm, kind, name, since_ms, until_ms, body, .. } = row;
        let slice = Slice::of_parts(&kind, name)?;
        let tally = serde_json::from_str(&body).ok()?;
        let key = SliceKey { arm: Arm::from_label(&arm)?, release, slice };
        Some((key, Sum { since_ms, until_ms, tally }))
    };
    Ok(rows.into_iter().filter_map(sum).collect())
}

fn row(workload: &str, rollout: &str, key: &SliceKey, sum: &Sum) -> StoredTally {
    let (kind, name) = key.slice.parts();
    StoredTally {
        workload: workload.to_owned(),
        rollout: rollout.to_owned(),
        release: key.release.clone(),
        arm: key.arm.label().to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        since_ms: sum.since_ms,
        until_ms: sum.until_ms,
        body: serde_json::to_string(&sum.tally).unwrap_or_default(),
    }
}
