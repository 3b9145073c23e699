//! The admin API as a person would call it with curl.

use super::message::{End, Response, request_with};
use super::wire::Wire;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// A caller of the admin API.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    token: Option<String>,
}

/// An answer of the admin API.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// The JSON body; null when there is none.
    pub(crate) json: Value,
    /// The whole response.
    pub(crate) response: Response,
}

impl Answer {
    /// The answer, which must be a success.
    pub(crate) fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "refused: {} {}", self.status, self.json);
        self
    }

    /// The epoch after the change.
    pub(crate) fn epoch(&self) -> u64 {
        self.json["epoch"].as_u64().unwrap_or_else(|| panic!("no epoch in {}", self.json))
    }
}

impl Admin {
    /// The API at `address`, without a token.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, token: None }
    }

    /// The same API, called with a token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { address: self.address, token: Some(token.to_owned()) }
    }

    /// Calls the API.
    pub(crate) async fn call(
        &self,
        line: &str,
        fields: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let answer = self.try_call(line, fields, body).await;
        answer.unwrap_or_else(|| panic!("no answer to {line} at {}", self.address))
    }

    /// Calls the API; nothing when it goes away before it has answered.
    pub(crate) async fn try_call(
        &self,
        line: &str,
        fields: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Option<Answer> {
        let host = self.address.to_string();
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut all = vec![("connection", "close")];
        if let Some(bearer) = &bearer {
            all.push(("authorization", bearer));
        }
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        all.extend_from_slice(fields);
        let text = body.map(Value::to_string).unwrap_or_default();
        let request = request_with(line, &all, &text).replacen("agents.test", &host, 1);
        let mut wire = Wire::new(TcpStream::connect(self.address).await.ok()?);
        wire.try_send(&request).await.ok()?;
        let response = wire.try_response("").await.ok()?;
        if response.body.end != End::Complete {
            return None;
        }
        let json = serde_json::from_slice(&response.body.bytes).unwrap_or(Value::Null);
        Some(Answer { status: response.status(), json, response })
    }

    /// Reads a resource.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(&format!("GET {path}"), &[], None).await
    }

    /// Posts to a resource.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(&format!("POST {path}"), &[], Some(&body)).await
    }

    /// Changes something of the workload `agent`, which must work.
    pub(crate) async fn change(&self, line: &str, body: Value) -> Answer {
        let (method, rest) = line.split_once(' ').expect("a method and a path");
        let line = format!("{method} /v1/workloads/agent/{rest}");
        self.call(&line, &[], Some(&body)).await.ok()
    }

    /// Sets the candidate's weight.
    pub(crate) async fn weight(&self, weight: &str) -> Answer {
        self.change("PUT weight", json!({ "weight": weight, "reason": "a test moves it" })).await
    }

    /// Takes the candidate out.
    pub(crate) async fn rollback(&self) -> Answer {
        self.change("POST rollback", json!({ "reason": "a test rolls back" })).await
    }

    /// Turns the kill switch on.
    pub(crate) async fn kill(&self) -> Answer {
        self.change("POST kill", json!({ "reason": "a test kills" })).await
    }

    /// Turns the kill switch off.
    pub(crate) async fn revive(&self) -> Answer {
        self.change("POST revive", json!({ "reason": "a test revives" })).await
    }

    /// The state of the workload `agent`.
    pub(crate) async fn workload(&self) -> Value {
        self.get("/v1/workloads/agent").await.ok().json
    }

    /// The sum of all series of a metric whose labels contain every one of `labels`.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.get("/metrics").await.ok().response.text();
        let series = text.lines().filter(|line| {
            let rest = line.strip_prefix(name).unwrap_or_default();
            rest.starts_with(['{', ' ']) && labels.iter().all(|label| rest.contains(label))
        });
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}
