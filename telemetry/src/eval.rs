//! Figures of the scoring of live answers.

use crate::{Telemetry, names};
use metrics::SharedString;
use stagegate_rollout::{Arm, SeriesKey};
use stagegate_sequential::{Alpha, Tally, interval};

/// Passes that a confidence sequence is narrowest for: what a gate asks for by default.
const TYPICAL: f64 = 5000.0;

/// What was scored since the start.
#[derive(Clone, Debug, Default)]
pub struct EvalGauges {
    /// Scores by workload, arm, scorer and what it said.
    pub results: Vec<(String, Arm, String, &'static str, u64)>,
    /// Picked exchanges that were not scored, by reason.
    pub dropped: Vec<(&'static str, u64)>,
    /// Samples that scorers are at.
    pub queue: u64,
    /// Bytes of copies.
    pub copies: u64,
    /// Scored samples of each series.
    pub accuracy: Vec<EvalAccuracy>,
}

/// Scored samples of one series.
#[derive(Clone, Debug)]
pub struct EvalAccuracy {
    /// What they are of.
    pub key: SeriesKey,
    /// How many passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
}

impl Telemetry {
    /// What was scored so far. Call before every scrape.
    pub fn set_eval(&self, eval: &EvalGauges) {
        let word = |text: &str| SharedString::from(text.to_owned());
        for (workload, arm, scorer, label, count) in &eval.results {
            let labels = [
                word(workload),
                SharedString::const_str(arm.label()),
                word(scorer),
                SharedString::const_str(label),
            ];
            self.prometheus.counter(&names::EVAL_RESULTS, &labels).absolute(*count);
        }
        for (reason, count) in &eval.dropped {
            let label = [SharedString::const_str(reason)];
            self.prometheus.counter(&names::EVAL_DROPPED, &label).absolute(*count);
        }
        self.prometheus.gauge(&names::EVAL_QUEUE, &[]).set(eval.queue as f64);
        self.prometheus.gauge(&names::EVAL_MEMORY, &[]).set(eval.copies as f64);
        for EvalAccuracy { key, passed, failed } in &eval.accuracy {
            let scored = passed + failed;
            let Ok(tally) = Tally::of(*failed, scored) else { continue };
            if scored == 0 {
                continue;
            }
            let failing = interval::at_all_times(tally, Alpha::PROMOTION, TYPICAL);
            let Ok(failing) = failing else { continue };
            let share = *passed as f64 / scored as f64;
            for (bound, value) in
                [("estimate", share), ("lower", 1.0 - failing.high), ("upper", 1.0 - failing.low)]
            {
                let labels = [
                    word(&key.workload),
                    word(&key.release),
                    SharedString::const_str(key.arm.label()),
                    SharedString::const_str(bound),
                ];
                self.prometheus.gauge(&names::EVAL_ACCURACY, &labels).set(value);
            }
        }
    }
}
