//! OpenTelemetry's messages: attributes, and spans and events as a collector is sent them.

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

/// An attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    /// Saturates: a count above 2^63 is none.
    fn from(count: u64) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

/// An attribute.
#[must_use]
pub fn attribute(key: &str, value: impl Into<Value>) -> KeyValue {
    let value = match value.into() {
        Value::Text(text) => ProtoValue::StringValue(text),
        Value::Int(number) => ProtoValue::IntValue(number),
        Value::Float(number) => ProtoValue::DoubleValue(number),
    };
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// The kinds of exported data. Each has its own service of the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Spans,
    Events,
}

impl Signal {
    /// Its path in OTLP/HTTP, below the endpoint's path.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Spans => "/v1/traces",
            Self::Events => "/v1/logs",
        }
    }

    /// The call that takes it over gRPC.
    pub(crate) const fn call(self) -> &'static str {
        match self {
            Self::Spans => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Events => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }

    /// Returns the number of items that the collector rejected, and its reason. A response that
    /// cannot be read counts as success: the items did arrive.
    pub(crate) fn rejected(self, answer: &[u8]) -> (u64, String) {
        let told = match self {
            Self::Spans => ExportTraceServiceResponse::decode(answer)
                .ok()
                .and_then(|it| it.partial_success)
                .map(|it| (it.rejected_spans, it.error_message)),
            Self::Events => ExportLogsServiceResponse::decode(answer)
                .ok()
                .and_then(|it| it.partial_success)
                .map(|it| (it.rejected_log_records, it.error_message)),
        };
        told.map_or((0, String::new()), |(count, why)| (u64::try_from(count).unwrap_or(0), why))
    }
}

/// The exporting program, with its name and its attributes.
#[derive(Clone, Debug)]
pub(crate) struct Exporting {
    resource: Resource,
    scope: InstrumentationScope,
}

impl Exporting {
    pub(crate) fn new(resource: &[(String, String)], version: &str) -> Self {
        let attributes = resource.iter().map(|(key, value)| attribute(key, value.as_str()));
        Self {
            resource: Resource { attributes: attributes.collect(), ..Resource::default() },
            scope: InstrumentationScope {
                name: "stagegate".to_owned(),
                version: version.to_owned(),
                ..InstrumentationScope::default()
            },
        }
    }

    pub(crate) fn spans(&self, spans: Vec<Span>) -> Vec<u8> {
        let scope = Some(self.scope.clone());
        let scope_spans = vec![ScopeSpans { scope, spans, ..ScopeSpans::default() }];
        let resource = Some(self.resource.clone());
        let of_resource = ResourceSpans { resource, scope_spans, ..ResourceSpans::default() };
        ExportTraceServiceRequest { resource_spans: vec![of_resource] }.encode_to_vec()
    }

    pub(crate) fn events(&self, log_records: Vec<LogRecord>) -> Vec<u8> {
        let scope = Some(self.scope.clone());
        let scope_logs = vec![ScopeLogs { scope, log_records, ..ScopeLogs::default() }];
        let resource = Some(self.resource.clone());
        let of_resource = ResourceLogs { resource, scope_logs, ..ResourceLogs::default() };
        ExportLogsServiceRequest { resource_logs: vec![of_resource] }.encode_to_vec()
    }
}
