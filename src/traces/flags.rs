//! Evaluations of flags in OpenTelemetry's words: the event `feature_flag.evaluation` on the trace of
//! the request for which the flag was evaluated
//! (<https://opentelemetry.io/docs/specs/semconv/feature-flags/feature-flags-events/>).

use stagegate_eval::Redactor;
use stagegate_ofrep::RemoteCall;
use stagegate_otel::{LogRecord, SeverityNumber, attribute};
use stagegate_proxy::{TraceContext, Traced};
use stagegate_rollout::recorded_flags;
use std::collections::HashMap;
use std::sync::Arc;

/// The event's name.
const NAME: &str = "feature_flag.evaluation";
/// The provider: who evaluates.
const PROVIDER: &str = "stagegate";

/// Appends one event for each flag of a request.
pub(super) fn add(traced: &Traced, redactor: &Redactor, events: &mut Vec<LogRecord>) {
    for flag in recorded_flags(&traced.flags) {
        let mut attributes = vec![
            attribute("feature_flag.key", flag.key),
            attribute("feature_flag.provider.name", PROVIDER),
            attribute("feature_flag.result.reason", reason(flag.decided_by)),
            attribute("stagegate.flag.rule", flag.decided_by),
            attribute("stagegate.workload", &*traced.workload),
            attribute("stagegate.request_id", redactor.text(&traced.request_id).into_owned()),
        ];
        let context = traced.flag_context.as_deref().map(|key| redactor.text(key).into_owned());
        attributes.extend(context.map(|key| attribute("feature_flag.context.id", key)));
        if !flag.variant.is_empty() {
            attributes.push(attribute("feature_flag.result.variant", flag.variant));
        }
        if flag.decided_by == "error" {
            attributes.push(attribute("error.type", "general"));
        }
        attributes.extend(traced.arm.map(|arm| attribute("stagegate.arm", arm.label())));
        let release = traced.release.as_deref();
        attributes.extend(release.map(|name| attribute("stagegate.release", name)));
        events.push(LogRecord {
            time_unix_nano: traced.began_ns,
            observed_time_unix_nano: traced.began_ns,
            severity_number: SeverityNumber::Info as i32,
            event_name: NAME.to_owned(),
            attributes,
            flags: u32::from(traced.context.flags()),
            trace_id: traced.context.trace_id.to_vec(),
            span_id: traced.context.span_id.to_vec(),
            ..LogRecord::default()
        });
    }
}

/// Appends one event for each flag that was evaluated for a program that named its request. The event is on the
/// trace that the program named; one that is not sampled has no events.
pub(super) fn add_remote(
    call: &RemoteCall,
    redactors: &HashMap<Arc<str>, Redactor>,
    events: &mut Vec<LogRecord>,
) {
    let context = call.origin.traceparent.as_ref();
    let context = context.and_then(|it| TraceContext::parse(it.as_bytes()));
    if context.is_some_and(|context| !context.is_sampled()) {
        return;
    }
    let workload = call.workload.as_str();
    let request_id = call.origin.request_id.as_deref().map(|id| redacted(id, workload, redactors));
    let at = call.at_ms.saturating_mul(1_000_000);
    for it in &call.evaluated {
        let mut attributes = vec![
            attribute("feature_flag.key", it.flag.as_str()),
            attribute("feature_flag.provider.name", PROVIDER),
            attribute("feature_flag.result.reason", reason(it.decided_by)),
            attribute("stagegate.flag.rule", it.decided_by),
            attribute("stagegate.flag.source", "remote"),
        ];
        attributes
            .extend(request_id.iter().map(|id| attribute("stagegate.request_id", id.as_str())));
        if redactors.contains_key(workload) {
            attributes.push(attribute("stagegate.workload", workload));
        }
        if !it.variant.is_empty() {
            attributes.push(attribute("feature_flag.result.variant", it.variant.as_str()));
        }
        let error = it.error.map(str::to_lowercase);
        attributes.extend(error.map(|code| attribute("error.type", code)));
        events.push(LogRecord {
            time_unix_nano: at,
            observed_time_unix_nano: at,
            severity_number: SeverityNumber::Info as i32,
            event_name: NAME.to_owned(),
            attributes,
            flags: context.map_or(0, |context| u32::from(context.flags())),
            trace_id: context.map(|it| it.trace_id.to_vec()).unwrap_or_default(),
            span_id: context.map(|it| it.span_id.to_vec()).unwrap_or_default(),
            ..LogRecord::default()
        });
    }
}

/// A text without what the workload redacts; without what any workload redacts, if it is not known.
fn redacted(text: &str, workload: &str, redactors: &HashMap<Arc<str>, Redactor>) -> String {
    match redactors.get(workload) {
        Some(redactor) => redactor.text(text).into_owned(),
        None => redactors
            .values()
            .fold(text.to_owned(), |text, redactor| redactor.text(&text).into_owned()),
    }
}

/// The reason in the words of the conventions.
fn reason(decided_by: &str) -> &'static str {
    match decided_by {
        "static" => "static",
        "default" => "default",
        "disabled" => "disabled",
        "error" => "error",
        "percent" => "split",
        "off" | "denied" | "allowed" | "set" | "targeting" | "release" => "targeting_match",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::reason;
    use stagegate_flags::DecidedBy;

    #[test]
    fn every_decider_has_a_reason_of_the_conventions() {
        for by in DecidedBy::ALL {
            assert_ne!(reason(by.label()), "unknown", "{by:?}");
        }
        assert_eq!(reason("release"), "targeting_match");
    }
}
