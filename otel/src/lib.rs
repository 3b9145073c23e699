//! The way of spans and events to an OpenTelemetry collector: OTLP over HTTP or gRPC.
//!
//! Callers offer records and never wait. The queue is bounded. A record that finds no room, or no
//! collector that takes it, is dropped and counted. All work is done on one thread of its own,
//! translation into OpenTelemetry's messages included.

mod client;
mod counts;
mod exporter;
mod message;

pub use client::{Client, Endpoint, Protocol, Tls};
pub use counts::{Counts, Loss};
pub use exporter::{Batch, Exporter, Settings};
pub use message::{Value, attribute};
pub use opentelemetry_proto::tonic::common::v1::KeyValue;
pub use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
pub use opentelemetry_proto::tonic::trace::v1::span::{Event as SpanEvent, SpanKind};
pub use opentelemetry_proto::tonic::trace::v1::{Span, SpanFlags, Status, status::StatusCode};
