//! Stages by the agents' traces.

use crate::sources::{StageOfRequest, StagesOfArm};
use stagegate_api::{RequestStage, StageSource, StageStatus, TracedStages};

fn usd(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// A stage of a request.
pub(crate) fn request_stage(stage: StageOfRequest) -> RequestStage {
    let StageOfRequest { stage, from_trace, micros, used } = stage;
    RequestStage {
        stage,
        source: if from_trace { StageSource::Trace } else { StageSource::ServerTiming },
        duration_ms: micros as f64 / 1e3,
        calls: used.calls,
        errors: used.errors,
        input_tokens: used.input,
        output_tokens: used.output,
        cost_usd: usd(used.nanos),
        unpriced_calls: used.unpriced,
    }
}

/// The stages of an arm.
pub(crate) fn traced_stages(arm: &StagesOfArm) -> TracedStages {
    let stages = arm.stages.iter().map(|(stage, times, used)| {
        let ms = |quantile| times.quantile(quantile).map(|micros| micros as f64 / 1e3);
        StageStatus {
            stage: stage.clone(),
            calls: used.calls,
            errors: used.errors,
            p50_ms: ms(0.5),
            p95_ms: ms(0.95),
            p99_ms: ms(0.99),
            input_tokens: used.input,
            output_tokens: used.output,
            cost_usd: usd(used.nanos),
            unpriced_calls: used.unpriced,
        }
    });
    TracedStages {
        requests: arm.requests,
        traced: arm.traced,
        exact: arm.requests > 0 && arm.traced == arm.requests,
        stages: stages.collect(),
    }
}
