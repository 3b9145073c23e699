//! The counts of one worker, as plain integers, until they are reported.

mod finished;
mod parts;

use crate::plan::Release;
use crate::trace::{Joinable, Traced};
pub(crate) use finished::{Facts, Finished, Told};
use parts::Names;
pub(crate) use parts::language;
use stagegate_rollout::{
    Arm, Delta, FlagCounts, Reason, Record, RecordBatch, Seen, Series, SeriesKey, ShadowKey,
    ShadowSeries, Unpriced,
};
use std::collections::HashSet;
use std::sync::Arc;

/// The most distinct stages of one series; later ones count as [`OTHER`].
const MAX_STAGES: usize = 32;
/// The most distinct pairs of reason and model without a price in one hand-over.
const MAX_UNPRICED: usize = 64;
/// The label for everything without a series of its own: stages beyond the cap, tenants that are
/// not listed.
pub(crate) const OTHER: &str = "other";

/// A worker's report, sent four times a second.
#[derive(Debug)]
pub struct Report {
    /// The worker's number; none for the thread that sends copies.
    pub worker: Option<usize>,
    /// Counts since the last report.
    pub delta: Delta,
    /// Decisions since the last report.
    pub records: RecordBatch,
    /// Sampled requests that ended since the last report.
    pub traced: Vec<Traced>,
    /// Requests that ended since the last report and whose agents' spans are wanted.
    pub joinable: Vec<Joinable>,
    /// Epoch of the plan it follows.
    pub epoch: u64,
    /// Client connections now.
    pub connections: usize,
    /// Requests in progress now.
    pub in_flight: u64,
}

/// One worker's counts.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// By release number and arm.
    slots: Vec<Option<Box<Slot>>>,
    delta: Delta,
    records: RecordBatch,
}

/// A series in progress.
#[derive(Debug)]
struct Slot {
    key: SeriesKey,
    series: Series,
    /// Requests whose arm the weight did not draw.
    apart: Series,
    /// Single requests of `series`, for the units.
    seen: Vec<Seen>,
    /// Names of tenants, shared by all that is seen of them; capped.
    tenants: HashSet<Arc<str>>,
    /// Names of parts of the traffic and of kinds of failure.
    names: Names,
    /// Names of the stages seen so far, so that a cap holds for longer than one hand-over.
    stages: Vec<Arc<str>>,
}

/// Tenants of a series whose names are kept.
const MAX_TENANTS: usize = 1024;

impl Slot {
    /// The name of a tenant; `None` if there is no room for it.
    fn tenant(&mut self, name: &str) -> Option<Arc<str>> {
        if let Some(known) = self.tenants.get(name) {
            return Some(Arc::clone(known));
        }
        let new: Arc<str> = name.into();
        (self.tenants.len() < MAX_TENANTS && self.tenants.insert(Arc::clone(&new))).then_some(new)
    }
}

impl Stats {
    /// Counts a request under the release that served it, and keeps its record.
    pub(crate) fn finish(
        &mut self,
        workload: &Arc<str>,
        release: Option<&Release>,
        arm: Arm,
        finished: Finished,
        told: &Told<'_>,
        record: &Record<'_>,
    ) {
        if let (Some(unit), Some(_)) = (finished.unit, release) {
            let slot = self.slot(Self::place(release, arm), workload, release, arm);
            let tenant = told.asked.and_then(|name| slot.tenant(name));
            let seen = Seen {
                parts: slot.names.parts(told),
                failure: finished.has_failed(told).then(|| slot.names.failure(told)).flatten(),
                ..finished.seen(unit, tenant, arm, told)
            };
            slot.seen.push(seen);
        }
        let (series, _) = self.series(workload, release, arm, finished.is_drawn);
        if finished.reason == Reason::Forced {
            series.forced += 1;
        } else {
            series.outcomes[finished.outcome.index()] += 1;
            series.reasons[finished.reason.index()] += 1;
            if let Some(class) = told.failure {
                series.failures.count(class, 1);
            }
            if finished.abandoned {
                series.abandoned_us.record(finished.duration_us);
            } else {
                series.duration_us.record(finished.duration_us);
            }
            if finished.first_byte_us > 0 {
                series.first_byte_us.record(finished.first_byte_us);
            } else if finished.abandoned {
                series.unanswered_us.record(finished.duration_us);
                series.unanswered += 1;
            }
            series.retries += u64::from(finished.retries);
            series.gave_way += u64::from(finished.gave_way);
            series.bytes_out += finished.bytes_out;
            series.bytes_in += finished.bytes_in;
            series.identity_late += u64::from(finished.identity_late);
            series.keys[record.key as usize] += 1;
            series.rejected += u64::from(told.rejected);
            series.unreadable += u64::from(told.unreadable);
            if let Some(usage) = told.usage {
                for (sum, count) in series.tokens.iter_mut().zip(usage.by_kind()) {
                    *sum = sum.saturating_add(count);
                }
            }
            if let Some(cost) = told.cost {
                series.costs[cost.truth.index()] += 1;
                if let Some(nanos) = cost.nanos {
                    series.cost_nanos.record(nanos);
                    let spent = &mut series.spent_nanos[cost.truth.index()];
                    *spent = spent.saturating_add(nanos);
                }
            }
            if let Some((why, model)) = told.unpriced {
                self.unpriced(workload, why, model);
            }
            if !told.stages.is_empty() {
                self.stages(workload, release, arm, told.stages, finished.is_drawn);
            }
        }
        if let Some(tenant) = told.tenant {
            let key = (Arc::clone(workload), Arc::clone(tenant));
            let used = self.delta.tenants.entry(key).or_default();
            used.requests += 1;
            let nanos = told.cost.and_then(|cost| cost.nanos).unwrap_or(0);
            used.tokens = used.tokens.saturating_add(told.usage.map_or(0, |usage| usage.total()));
            used.cost_nanos = used.cost_nanos.saturating_add(nanos);
        }
        self.records.push(record);
    }

    /// Counts an answer whose cost is not known. Names of models come from backends: beyond a cap
    /// they count as [`OTHER`].
    fn unpriced(&mut self, workload: &Arc<str>, why: Unpriced, model: &str) {
        let counts = &mut self.delta.unpriced;
        let key = |model: &str| (Arc::clone(workload), why, Arc::from(model));
        let mut at = key(model);
        if counts.len() >= MAX_UNPRICED && !counts.contains_key(&at) {
            at = key(OTHER);
        }
        *counts.entry(at).or_default() += 1;
    }

    /// Counts the pause before a chunk of a stream.
    pub(crate) fn between_chunks(
        &mut self,
        workload: &Arc<str>,
        release: Option<&Release>,
        arm: Arm,
        is_drawn: bool,
        micros: u64,
    ) {
        self.series(workload, release, arm, is_drawn).0.between_chunks_us.record(micros);
    }

    /// Keeps the bucket of a key that the weight was asked about.
    pub(crate) fn assigned(&mut self, workload: &Arc<str>, bucket: u32) {
        match self.delta.assigned.get_mut(workload) {
            Some(buckets) => buckets.push(bucket),
            None => {
                self.delta.assigned.insert(Arc::clone(workload), vec![bucket]);
            }
        }
    }

    fn stages(
        &mut self,
        workload: &Arc<str>,
        release: Option<&Release>,
        arm: Arm,
        stages: &[(String, u64)],
        is_drawn: bool,
    ) {
        let (series, names) = self.series(workload, release, arm, is_drawn);
        let Some(names) = names else { return };
        for (name, micros) in stages {
            let known = names.iter().find(|known| ***known == **name).map(Arc::clone);
            let name = known.unwrap_or_else(|| {
                let room = names.len() < MAX_STAGES;
                let new: Arc<str> = if room { name.as_str().into() } else { OTHER.into() };
                if room {
                    names.push(Arc::clone(&new));
                }
                new
            });
            series.stages.entry(name).or_default().record(*micros);
        }
    }

    /// Keeps the record of a request for which nothing was decided.
    pub(crate) fn note(&mut self, record: &Record<'_>) {
        self.records.push(record);
    }

    /// Counts of flags.
    pub(crate) fn flags(&mut self) -> &mut FlagCounts {
        &mut self.delta.flags
    }

    /// Counts an answer of the proxy's own.
    pub(crate) fn refuse(&mut self, workload: Option<&Arc<str>>, reason: &'static str) {
        let key = (workload.cloned().unwrap_or_else(|| Arc::from("")), reason);
        *self.delta.refusals.entry(key).or_default() += 1;
    }

    /// The counts of copies to a release.
    pub(crate) fn shadow(&mut self, workload: &Arc<str>, release: &Arc<str>) -> &mut ShadowSeries {
        let key = ShadowKey { workload: Arc::clone(workload), release: Arc::clone(release) };
        self.delta.shadows.entry(key).or_default()
    }

    /// Bytes of records that wait.
    pub(crate) fn backlog(&self) -> usize {
        self.records.as_bytes().len()
    }

    /// Everything since the last call.
    pub(crate) fn take(&mut self) -> (Delta, RecordBatch) {
        let mut delta = std::mem::take(&mut self.delta);
        for slot in self.slots.iter_mut().filter_map(Option::as_mut) {
            if slot.series != Series::default() {
                delta.series.insert(slot.key.clone(), std::mem::take(&mut slot.series));
            }
            if slot.apart != Series::default() {
                delta.apart.insert(slot.key.clone(), std::mem::take(&mut slot.apart));
            }
            if !slot.seen.is_empty() {
                delta.seen.insert(slot.key.clone(), std::mem::take(&mut slot.seen));
            }
        }
        let room = self.records.as_bytes().len();
        (delta, std::mem::replace(&mut self.records, RecordBatch::with_capacity(room)))
    }

    /// A series, and the names of its stages where a release served.
    fn series(
        &mut self,
        workload: &Arc<str>,
        release: Option<&Release>,
        arm: Arm,
        is_drawn: bool,
    ) -> (&mut Series, Option<&mut Vec<Arc<str>>>) {
        let at = Self::place(release, arm);
        if self.is_of_another(at, workload) {
            let key = series_key(workload, release, arm);
            let of = if is_drawn { &mut self.delta.series } else { &mut self.delta.apart };
            return (of.entry(key).or_default(), None);
        }
        let slot = self.slot(at, workload, release, arm);
        let series = if is_drawn { &mut slot.series } else { &mut slot.apart };
        (series, Some(&mut slot.stages))
    }

    /// Slots 0 and 1 are the arms of no release at all.
    fn place(release: Option<&Release>, arm: Arm) -> usize {
        release.map_or(0, |release| release.number as usize + 1) * 2 + arm.index()
    }

    /// Without a release the slot is shared by all workloads, so its key must fit.
    fn is_of_another(&self, at: usize, workload: &Arc<str>) -> bool {
        self.slots.get(at).and_then(Option::as_ref).is_some_and(|slot| {
            !Arc::ptr_eq(&slot.key.workload, workload) && *slot.key.workload != **workload
        })
    }

    fn slot(
        &mut self,
        at: usize,
        workload: &Arc<str>,
        release: Option<&Release>,
        arm: Arm,
    ) -> &mut Slot {
        if at >= self.slots.len() {
            self.slots.resize_with(at + 1, || None);
        }
        self.slots[at].get_or_insert_with(|| {
            Box::new(Slot {
                key: series_key(workload, release, arm),
                series: Series::default(),
                apart: Series::default(),
                seen: Vec::new(),
                tenants: HashSet::new(),
                names: Names::default(),
                stages: Vec::new(),
            })
        })
    }
}

fn series_key(workload: &Arc<str>, release: Option<&Release>, arm: Arm) -> SeriesKey {
    let release = release.map_or_else(|| Arc::from(""), |release| Arc::clone(&release.name));
    SeriesKey { workload: Arc::clone(workload), release, arm }
}

/// Under which name a tenant's use counts, if any: its own where it was asked for.
pub(crate) fn tenant_label<'a>(
    tenants: &'a std::collections::BTreeSet<Arc<str>>,
    tenant: Option<&str>,
    other: &'a Arc<str>,
) -> Option<&'a Arc<str>> {
    if tenants.is_empty() {
        return None;
    }
    Some(tenant.and_then(|tenant| tenants.get(tenant)).unwrap_or(other))
}

#[cfg(test)]
mod tests;
