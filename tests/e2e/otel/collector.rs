//! A collector made of OpenTelemetry's official Python classes.

use crate::harness::tools::Mock;
use crate::harness::{Wire, eventually_async, request};
use serde_json::Value;
use std::net::SocketAddr;

pub(crate) struct Collector {
    mock: Mock,
    /// Where it takes OTLP over gRPC.
    pub(crate) grpc: SocketAddr,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let mock = Mock::script("otlp_collector.py").await;
        let told = Wire::connect(mock.address).await.ask(&request("GET /received", &[])).await;
        let port = told.json()["grpc_port"].as_u64().expect("a port") as u16;
        Self { grpc: ([127, 0, 0, 1], port).into(), mock }
    }

    /// Where it takes OTLP over HTTP.
    pub(crate) fn http(&self) -> SocketAddr {
        self.mock.address
    }

    /// The key `tracing`, over HTTP, with these further settings.
    pub(crate) fn tracing(&self, more: &str) -> String {
        format!("{{ endpoint: \"http://{}\", timeout: 2s, {more} }}", self.http())
    }

    /// Everything that came.
    pub(crate) async fn received(&self) -> Value {
        Wire::connect(self.http()).await.ask(&request("GET /received", &[])).await.json()
    }

    /// Sets what is answered to exports from now on.
    pub(crate) async fn answer(&self, status: u16) {
        let line = format!("POST /answer/{status}");
        let request = request(&line, &[("content-length", "0")]);
        let told = Wire::connect(self.http()).await.ask(&request).await;
        assert_eq!(told.status(), 200);
    }

    /// All spans of one kind, once there are so many.
    pub(crate) async fn spans(&self, kind: &str, count: usize) -> Vec<Value> {
        let of_kind = async || {
            let received = self.received().await;
            let spans = received["spans"].as_array().expect("a list").clone();
            spans.into_iter().filter(|span| span["kind"] == kind).collect::<Vec<_>>()
        };
        eventually_async("the spans", async || of_kind().await.len() >= count).await;
        let spans = of_kind().await;
        assert_eq!(spans.len(), count, "{spans:#?}");
        spans
    }

    /// All events, once there are so many.
    pub(crate) async fn events(&self, count: usize) -> Vec<Value> {
        let events = async || self.received().await["events"].as_array().expect("a list").clone();
        eventually_async("the events", async || events().await.len() >= count).await;
        let events = events().await;
        assert_eq!(events.len(), count, "{events:#?}");
        events
    }

    /// Fails if one of these texts came in any byte of any export.
    pub(crate) async fn holds_none_of(&self, secrets: &[&str]) {
        let received = self.received().await;
        let bytes = received["bytes"].as_str().expect("digits");
        assert!(bytes.len() > 200, "something came");
        for secret in secrets {
            let digits: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(!bytes.contains(&digits), "`{secret}` was exported");
        }
    }
}
