//! The bridge to the metrics facade: a recorder of our own, asked by [`Metric`] and label values.
//!
//! The recorder is not installed for the whole process. Only its holder counts with it, and tests
//! can have many.

use crate::names::{self, Kind, Metric};
use metrics::{Counter, Gauge, Key, KeyName, Label, Level, Metadata, Recorder, SharedString};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_util::MetricKindMask;
use std::time::Duration;

/// Descriptions of the call site, which this exporter does not use.
const METADATA: Metadata<'static> = Metadata::new("stagegate", Level::INFO, None);

/// Every metric of one process.
pub(crate) struct Prometheus {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Prometheus {
    /// A recorder in which counters and gauges disappear once they were not touched for `idle`.
    pub(crate) fn new(idle: Duration) -> Self {
        let recorder =
            PrometheusBuilder::new().idle_timeout(MetricKindMask::ALL, Some(idle)).build_recorder();
        for metric in names::ALL.iter().filter(|metric| !is_written_apart(metric)) {
            describe(&recorder, metric);
        }
        let handle = recorder.handle();
        Self { recorder, handle }
    }

    pub(crate) fn counter(&self, metric: &'static Metric, labels: &[SharedString]) -> Counter {
        debug_assert_eq!(metric.kind, Kind::Counter, "{}", metric.name);
        self.recorder.register_counter(&key(metric, labels), &METADATA)
    }

    pub(crate) fn gauge(&self, metric: &'static Metric, labels: &[SharedString]) -> Gauge {
        debug_assert_eq!(metric.kind, Kind::Gauge, "{}", metric.name);
        self.recorder.register_gauge(&key(metric, labels), &METADATA)
    }

    /// Everything that was counted and set, in the text format.
    pub(crate) fn render(&self) -> String {
        self.handle.render()
    }
}

/// True if a counter is written without the recorder, since it is not a whole number or belongs to
/// such a one.
fn is_written_apart(metric: &Metric) -> bool {
    let apart = [
        &names::COST,
        &names::TENANT_REQUESTS,
        &names::TENANT_TOKENS,
        &names::TENANT_COST,
        &names::EVAL_JUDGE_SPEND,
    ];
    apart.iter().any(|it| it.name == metric.name)
}

fn describe(recorder: &PrometheusRecorder, metric: &'static Metric) {
    let (name, unit) = (KeyName::from_const_str(metric.name), Some(metric.unit));
    match metric.kind {
        Kind::Counter => recorder.describe_counter(name, unit, metric.help.into()),
        Kind::Gauge => recorder.describe_gauge(name, unit, metric.help.into()),
        // Written without the recorder, help included.
        Kind::Histogram => {}
    }
}

/// An empty value is left out: to Prometheus a label without a value is no label.
fn key(metric: &'static Metric, labels: &[SharedString]) -> Key {
    debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
    let labels = metric.labels.iter().zip(labels).filter(|(_, value)| !value.is_empty());
    let labels: Vec<Label> = labels.map(|(name, value)| Label::new(*name, value.clone())).collect();
    Key::from_parts(metric.name, labels)
}
