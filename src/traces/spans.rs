//! A request in OpenTelemetry's words: a span of the server's kind, and one of the client's kind
//! for each try. Names are those of the conventions for HTTP and for generative AI; what is
//! Stagegate's own begins with `stagegate.`.
//!
//! Texts that come from clients or backends go through the workload's redaction first.

use stagegate_eval::Redactor;
use stagegate_otel::{
    KeyValue, Span, SpanEvent, SpanFlags, SpanKind, Status, StatusCode, attribute,
};
use stagegate_proxy::{Traced, TracedAttempt};
use stagegate_rollout::Outcome;
use stagegate_signals::Protocol;

/// Appends the spans of one request.
pub(crate) fn add(traced: &Traced, redactor: &Redactor, spans: &mut Vec<Span>) {
    spans.push(server(traced, redactor));
    for (number, attempt) in traced.attempts.iter().enumerate() {
        spans.push(client(traced, attempt, number as u64));
    }
}

fn after(traced: &Traced, micros: u64) -> u64 {
    traced.began_ns.saturating_add(micros.saturating_mul(1000))
}

/// The trace's flags, and whether the parent is in another process.
fn flags(traced: &Traced, remote: bool) -> u32 {
    let remote = if remote { SpanFlags::ContextIsRemoteMask as u32 } else { 0 };
    u32::from(traced.context.flags()) | SpanFlags::ContextHasIsRemoteMask as u32 | remote
}

fn status(error: bool) -> Option<Status> {
    error.then(|| Status { message: String::new(), code: StatusCode::Error as i32 })
}

fn server(traced: &Traced, redactor: &Redactor) -> Span {
    let failed =
        matches!(traced.outcome, Outcome::Transient | Outcome::Permanent | Outcome::External);
    let mut attributes = http(traced, redactor);
    if failed {
        let status = || (traced.status >= 500).then(|| traced.status.to_string());
        let kind = traced.problem.map(str::to_owned).or_else(status);
        let kind = kind.unwrap_or_else(|| traced.outcome.label().to_owned());
        attributes.push(attribute("error.type", kind));
    }
    own(traced, redactor, &mut attributes);
    gen_ai(traced, redactor, &mut attributes);
    Span {
        trace_id: traced.context.trace_id.to_vec(),
        span_id: traced.context.span_id.to_vec(),
        parent_span_id: traced.parent.map(|it| it.to_vec()).unwrap_or_default(),
        flags: flags(traced, traced.parent.is_some()),
        name: format!("{} {}", method(traced), traced.workload),
        kind: SpanKind::Server as i32,
        start_time_unix_nano: traced.began_ns,
        end_time_unix_nano: after(traced, traced.duration_us),
        attributes,
        events: events(traced),
        status: status(failed),
        ..Span::default()
    }
}

/// As the conventions want it in a span's name.
fn method(traced: &Traced) -> &'static str {
    if traced.method == "_OTHER" { "HTTP" } else { traced.method }
}

fn http(traced: &Traced, redactor: &Redactor) -> Vec<KeyValue> {
    let mut attributes = vec![
        attribute("http.request.method", traced.method),
        attribute("url.path", redactor.text(&traced.path).into_owned()),
        attribute("url.scheme", traced.scheme),
        attribute("network.protocol.version", traced.http_version),
    ];
    if traced.status > 0 {
        attributes.push(attribute("http.response.status_code", u64::from(traced.status)));
    }
    address(&redactor.text(&traced.host), &mut attributes);
    attributes
}

/// `host`, `host:port` or `[v6]:port`, as its two attributes.
fn address(authority: &str, attributes: &mut Vec<KeyValue>) {
    if authority.is_empty() {
        return;
    }
    let port =
        authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let (host, port) = port.map_or((authority, None), |(host, port)| (host, Some(port)));
    attributes.push(attribute("server.address", host.trim_matches(['[', ']'])));
    if let Some(port) = port {
        attributes.push(attribute("server.port", u64::from(port)));
    }
}

fn own(traced: &Traced, redactor: &Redactor, attributes: &mut Vec<KeyValue>) {
    attributes.extend([
        attribute("stagegate.request_id", redactor.text(&traced.request_id).into_owned()),
        attribute("stagegate.workload", &*traced.workload),
        attribute("stagegate.reason", traced.reason.label()),
        attribute("stagegate.epoch", traced.epoch),
        attribute("stagegate.outcome", traced.outcome.label()),
    ]);
    if let Some(arm) = traced.arm {
        attributes.push(attribute("stagegate.arm", arm.label()));
    }
    if let Some(release) = &traced.release {
        attributes.push(attribute("stagegate.release", &**release));
    }
    if let Some(cost) = traced.cost {
        attributes.push(attribute("stagegate.cost.truth", cost.truth.label()));
        if let Some(nanos) = cost.nanos {
            attributes.push(attribute("stagegate.cost.usd", nanos as f64 / 1e9));
        }
    }
}

/// The conventions' names for provider and operation. The provider is the owner of the protocol;
/// backends that imitate it cannot be recognised.
const fn spoken(protocol: Protocol) -> Option<(&'static str, &'static str)> {
    match protocol {
        Protocol::OpenAiChat | Protocol::OpenAiResponses => Some(("openai", "chat")),
        Protocol::Anthropic => Some(("anthropic", "chat")),
        Protocol::Gemini => Some(("gcp.gemini", "generate_content")),
        Protocol::Bedrock => Some(("aws.bedrock", "chat")),
        Protocol::Auto | Protocol::Plain => None,
    }
}

fn gen_ai(traced: &Traced, redactor: &Redactor, attributes: &mut Vec<KeyValue>) {
    if let Some((provider, operation)) = traced.protocol.and_then(spoken) {
        attributes.push(attribute("gen_ai.provider.name", provider));
        attributes.push(attribute("gen_ai.operation.name", operation));
    }
    let texts = [
        ("gen_ai.conversation.id", &traced.conversation),
        ("gen_ai.response.model", &traced.model),
        ("gen_ai.response.id", &traced.response_id),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            attributes.push(attribute(key, redactor.text(text).into_owned()));
        }
    }
    if let Some(usage) = traced.usage {
        attributes.extend([
            attribute("gen_ai.usage.input_tokens", usage.total_input()),
            attribute("gen_ai.usage.output_tokens", usage.output),
            attribute("gen_ai.usage.cache_read.input_tokens", usage.cache_read),
            attribute("gen_ai.usage.cache_creation.input_tokens", usage.cache_write),
        ]);
    }
}

/// Returns the events of a span: the start of the response, and the duration of each stage of the
/// backend, whose start is not known.
fn events(traced: &Traced) -> Vec<SpanEvent> {
    let event = |micros, name: &str, attributes| SpanEvent {
        time_unix_nano: after(traced, micros),
        name: name.to_owned(),
        attributes,
        ..SpanEvent::default()
    };
    let first = (traced.first_byte_us > 0)
        .then(|| event(traced.first_byte_us, "stagegate.first_byte", Vec::new()));
    let stages = traced.stages.iter().map(|(name, micros)| {
        let attributes = vec![
            attribute("stagegate.stage.name", name.as_str()),
            attribute("stagegate.stage.duration", *micros as f64 / 1e6),
        ];
        event(traced.duration_us, "stagegate.stage", attributes)
    });
    first.into_iter().chain(stages).collect()
}

fn client(traced: &Traced, attempt: &TracedAttempt, number: u64) -> Span {
    let mut attributes = vec![
        attribute("http.request.method", traced.method),
        attribute("stagegate.workload", &*traced.workload),
    ];
    address(&attempt.endpoint, &mut attributes);
    if number > 0 {
        attributes.push(attribute("http.request.resend_count", number));
    }
    if attempt.status > 0 {
        attributes.push(attribute("http.response.status_code", u64::from(attempt.status)));
    }
    let by_status = || (attempt.status >= 400).then(|| attempt.status.to_string());
    let error = attempt.failure.map(str::to_owned).or_else(by_status);
    let failed = error.is_some();
    attributes.extend(error.map(|kind| attribute("error.type", kind)));
    Span {
        trace_id: traced.context.trace_id.to_vec(),
        span_id: attempt.span_id.to_vec(),
        parent_span_id: traced.context.span_id.to_vec(),
        flags: flags(traced, false),
        name: method(traced).to_owned(),
        kind: SpanKind::Client as i32,
        start_time_unix_nano: after(traced, attempt.began_us),
        end_time_unix_nano: after(traced, attempt.ended_us),
        attributes,
        status: status(failed),
        ..Span::default()
    }
}
