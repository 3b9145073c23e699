//! The figures of the receiver of traces.

use super::Telemetry;
use crate::names;
use crate::stages::OtlpGauges;
use metrics::SharedString;

impl Telemetry {
    /// Sets the figures of the receiver of traces.
    pub fn set_otlp(&self, otlp: &OtlpGauges) {
        for (result, count) in &otlp.exports {
            let label = [SharedString::const_str(result)];
            self.prometheus.counter(&names::OTLP_EXPORTS, &label).absolute(*count);
        }
        for (result, count) in &otlp.spans {
            let label = [SharedString::const_str(result)];
            self.prometheus.counter(&names::OTLP_SPANS, &label).absolute(*count);
        }
        for (kind, count) in otlp.waiting {
            let label = [SharedString::const_str(kind)];
            self.prometheus.gauge(&names::OTLP_WAITING, &label).set(count as f64);
        }
        self.prometheus.gauge(&names::OTLP_MEMORY, &[]).set(otlp.bytes as f64);
    }
}
