//! What one worker counts, in plain integers, until it hands everything over.

use crate::plan::Release;
use stagegate_rollout::{Arm, Delta, Outcome, Reason, Record, RecordBatch, Series, SeriesKey};
use std::sync::Arc;

/// What a worker hands over four times a second.
#[derive(Debug)]
pub struct Report {
    /// The worker's number.
    pub worker: usize,
    /// Counts since the last report.
    pub delta: Delta,
    /// Decisions since the last report.
    pub records: RecordBatch,
    /// Epoch of the plan it follows.
    pub epoch: u64,
    /// Client connections now.
    pub connections: usize,
    /// Requests under way now.
    pub in_flight: u64,
}

/// One worker's counts.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// By release number and arm.
    series: Vec<Option<Box<(SeriesKey, Series)>>>,
    delta: Delta,
    records: RecordBatch,
}

/// How one request ended, for counting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Reason,
    pub(crate) duration_us: u64,
    /// Zero when there was no response head.
    pub(crate) first_byte_us: u64,
    pub(crate) bytes_out: u64,
    pub(crate) retries: u8,
}

impl Stats {
    /// Counts a request under the release that served it, and keeps its record.
    pub(crate) fn finish(
        &mut self,
        workload: &Arc<str>,
        release: Option<&Release>,
        arm: Arm,
        finished: Finished,
        record: &Record<'_>,
    ) {
        let series = self.series(workload, release, arm);
        if finished.reason == Reason::Forced {
            series.forced += 1;
        } else {
            series.outcomes[finished.outcome.index()] += 1;
            series.reasons[finished.reason.index()] += 1;
            series.duration_us.record(finished.duration_us);
            if finished.first_byte_us > 0 {
                series.first_byte_us.record(finished.first_byte_us);
            }
            series.retries += u64::from(finished.retries);
            series.bytes_out += finished.bytes_out;
        }
        self.records.push(record);
    }

    /// Keeps the record of a request for which nothing was decided.
    pub(crate) fn note(&mut self, record: &Record<'_>) {
        self.records.push(record);
    }

    /// Counts an answer of the proxy's own.
    pub(crate) fn refuse(&mut self, workload: Option<&Arc<str>>, reason: &'static str) {
        let key = (workload.cloned().unwrap_or_else(|| Arc::from("")), reason);
        *self.delta.refusals.entry(key).or_default() += 1;
    }

    /// Bytes of records that wait.
    pub(crate) fn backlog(&self) -> usize {
        self.records.as_bytes().len()
    }

    /// Everything since the last call.
    pub(crate) fn take(&mut self) -> (Delta, RecordBatch) {
        let mut delta = std::mem::take(&mut self.delta);
        for slot in self.series.iter_mut().filter_map(Option::as_mut) {
            let (key, series) = &mut **slot;
            if *series != Series::default() {
                delta.series.insert(key.clone(), std::mem::take(series));
            }
        }
        let room = self.records.as_bytes().len();
        (delta, std::mem::replace(&mut self.records, RecordBatch::with_capacity(room)))
    }

    fn series(&mut self, workload: &Arc<str>, release: Option<&Release>, arm: Arm) -> &mut Series {
        // Slots 0 and 1 are the arms of no release at all.
        let slot = release.map_or(0, |release| release.number as usize + 1) * 2 + arm.index();
        if slot >= self.series.len() {
            self.series.resize_with(slot + 1, || None);
        }
        let release = || release.map_or_else(|| Arc::from(""), |release| Arc::clone(&release.name));
        let entry = &mut self.series[slot];
        // Without a release the slot is shared by all workloads, so its key must fit.
        if entry.as_ref().is_some_and(|entry| {
            !Arc::ptr_eq(&entry.0.workload, workload) && *entry.0.workload != **workload
        }) {
            let key = SeriesKey { workload: Arc::clone(workload), release: release(), arm };
            return self.delta.series.entry(key).or_default();
        }
        let new = || {
            Box::new((
                SeriesKey { workload: Arc::clone(workload), release: release(), arm },
                Series::default(),
            ))
        };
        &mut entry.get_or_insert_with(new).1
    }
}
