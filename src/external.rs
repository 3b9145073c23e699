//! Sources of external gates: those of the configuration in force, asked on threads that may wait.

use stagegate_config::{MetricTarget, Secret};
use stagegate_control::Control;
use stagegate_control::ports::{BoxFuture, MetricQuestion, MetricSources};
use stagegate_external::{Asker, Question, Source};
use stagegate_rollout::ExternalReading;
use stagegate_sealed::Hidden;
use std::sync::Arc;

struct Sources {
    control: Control,
    asker: Asker,
}

/// From now on external gates ask the sources of whatever configuration is in force.
pub(crate) fn attach(control: &Control) {
    let sources = Sources { control: control.clone(), asker: Asker::default() };
    control.ask_through(Arc::new(sources));
}

impl MetricSources for Sources {
    fn ask(&self, question: MetricQuestion, at_ms: u64) -> BoxFuture<'static, ExternalReading> {
        let view = self.control.view();
        let name = &question.value.source;
        let found = view.config.metric_sources.iter().find(|source| *source.name == **name);
        let Some(source) = found.map(|found| source(&found.target)) else {
            let why = format!("`{name}` is not among the `metric_sources` any more");
            return Box::pin(std::future::ready(ExternalReading::none(at_ms, why)));
        };
        let question = Question {
            workload: question.workload.to_string(),
            gate: question.gate.to_string(),
            candidate: question.candidate.to_string(),
            stable: question.stable.to_string(),
            value: question.value,
        };
        let asker = self.asker.clone();
        let work = move || asker.ask(&source, &question, at_ms).asked_at(at_ms);
        Box::pin(async move {
            let lost = |_| ExternalReading::none(at_ms, "the question was lost");
            tokio::task::spawn_blocking(work).await.unwrap_or_else(lost)
        })
    }
}

fn source(target: &MetricTarget) -> Source {
    let hidden = |secret: &Secret| Hidden::new(secret.expose());
    match target {
        MetricTarget::Prometheus { url, token } => {
            Source::Prometheus { url: hidden(url), token: token.as_ref().map(hidden) }
        }
        MetricTarget::Webhook { url, secret } => {
            Source::Webhook { url: hidden(url), secret: secret.as_ref().map(hidden) }
        }
    }
}
