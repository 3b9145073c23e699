//! Figures of the export of traces.

use crate::{Telemetry, names};
use metrics::SharedString;

/// The numbers of exported records since the start.
#[derive(Clone, Debug)]
pub struct TraceGauges {
    /// By kind: spans and events.
    pub exported: [(&'static str, u64); 2],
    /// The numbers of dropped records, by reason.
    pub dropped: Vec<(&'static str, u64)>,
}

impl Telemetry {
    /// Sets the figures of the export. Call before every scrape, if traces are exported.
    pub fn set_traces(&self, traces: &TraceGauges) {
        for (kind, count) in &traces.exported {
            let label = [SharedString::const_str(kind)];
            self.prometheus.counter(&names::TRACE_EXPORTED, &label).absolute(*count);
        }
        for (reason, count) in &traces.dropped {
            let label = [SharedString::const_str(reason)];
            self.prometheus.counter(&names::TRACE_DROPPED, &label).absolute(*count);
        }
    }
}
