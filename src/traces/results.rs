//! A scorer's result in OpenTelemetry's words: the event `gen_ai.evaluation.result` on the trace of
//! the request that was scored. Explanations stay here: they repeat what was said.

use stagegate_eval::Redactor;
use stagegate_otel::{LogRecord, SeverityNumber, attribute};
use stagegate_proxy::TraceContext;
use stagegate_scoring::Told;

/// The event's name.
const NAME: &str = "gen_ai.evaluation.result";

/// Appends the event of one score. A scorer that could not tell has no result.
pub(crate) fn add(told: &Told, redactor: &Redactor, events: &mut Vec<LogRecord>) {
    let (subject, score) = (&told.subject, &told.score);
    if score.value.is_none() && score.pass.is_none() && score.label.is_none() {
        return;
    }
    let text = |text: &str| redactor.text(text).into_owned();
    let mut attributes = vec![
        attribute("gen_ai.evaluation.name", text(&score.name)),
        attribute("stagegate.arm", subject.arm.label()),
        attribute("stagegate.release", subject.release.as_str()),
        attribute("stagegate.workload", subject.workload.as_str()),
        attribute("stagegate.request_id", text(&subject.request_id)),
    ];
    attributes.extend(score.value.map(|value| attribute("gen_ai.evaluation.score.value", value)));
    let label = score.label.as_deref().map(text);
    let label = label.or_else(|| score.pass.map(|_| score.outcome().to_owned()));
    let texts = [
        ("gen_ai.evaluation.score.label", label),
        ("gen_ai.response.id", subject.response_id.as_deref().map(text)),
        ("gen_ai.conversation.id", subject.conversation.as_deref().map(text)),
    ];
    attributes.extend(texts.into_iter().filter_map(|(key, text)| Some(attribute(key, text?))));
    let at = told.at_ms.saturating_mul(1_000_000);
    let context = TraceContext::parse(subject.traceparent.as_bytes());
    events.push(LogRecord {
        time_unix_nano: at,
        observed_time_unix_nano: at,
        severity_number: SeverityNumber::Info as i32,
        event_name: NAME.to_owned(),
        attributes,
        flags: context.map_or(0, |context| u32::from(context.flags())),
        trace_id: context.map(|context| context.trace_id.to_vec()).unwrap_or_default(),
        span_id: context.map(|context| context.span_id.to_vec()).unwrap_or_default(),
        ..LogRecord::default()
    });
}
