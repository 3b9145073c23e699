//! Shows the figures of the scoring.

use super::Telemetry;
use crate::eval::{EvalArm, EvalGauges};
use crate::names::{self, Metric};
use metrics::SharedString;
use stagegate_rollout::{DoubtKind, SeriesKey};

/// Values of the label `bound`.
const BOUNDS: [&str; 3] = ["estimate", "lower", "upper"];

impl Telemetry {
    /// Sets the figures of the scoring. Call before every scrape.
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
        for (workload, result, count) in &eval.pairs {
            let labels = [word(workload), SharedString::const_str(result)];
            self.prometheus.counter(&names::SHADOW_PAIRS, &labels).absolute(*count);
        }
        self.prometheus.gauge(&names::EVAL_QUEUE, &[]).set(eval.queue as f64);
        self.prometheus.gauge(&names::EVAL_MEMORY, &[]).set(eval.copies as f64);
        for (workload, doubt) in &eval.doubts {
            for kind in DoubtKind::ALL {
                let labels = [word(workload), SharedString::const_str(kind.label())];
                let is_it = f64::from(u8::from(*doubt == Some(kind)));
                self.prometheus.gauge(&names::EVAL_DOUBT, &labels).set(is_it);
            }
        }
        self.set_judges(&eval.judges);
        for judge in &eval.judges {
            let labels = [word(&judge.workload), word(&judge.scorer)];
            self.prometheus.gauge(&names::EVAL_JUDGE_TODAY, &labels).set(judge.today_usd);
            self.prometheus.gauge(&names::EVAL_JUDGE_BUDGET, &labels).set(judge.daily_usd);
        }
        for arm in &eval.arms {
            let labels = || {
                let EvalArm { key: SeriesKey { workload, release, arm }, .. } = arm;
                vec![word(workload), word(release), SharedString::const_str(arm.label())]
            };
            let single = |metric: &'static Metric, value: Option<f64>| {
                if let Some(value) = value {
                    self.prometheus.gauge(metric, &labels()).set(value);
                }
            };
            single(&names::EVAL_MEAN_SCORE, arm.mean_score);
            single(&names::EVAL_BRIER, arm.brier);
            single(&names::EVAL_CALIBRATION, arm.calibration_error);
            let bounded = |metric: &'static Metric, share: Option<[f64; 3]>| {
                for (bound, value) in BOUNDS.into_iter().zip(share.into_iter().flatten()) {
                    let mut labels = labels();
                    labels.push(SharedString::const_str(bound));
                    self.prometheus.gauge(metric, &labels).set(value);
                }
            };
            bounded(&names::EVAL_ACCURACY, arm.accuracy);
            bounded(&names::EVAL_LABELLED, arm.labelled_accuracy);
        }
    }
}
