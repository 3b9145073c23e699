//! Conversations whose ids a backend issued stay with the arm that issued them.

use crate::harness::{Backend, Exchange, Response, Setup, Stagegate, Wire, Workload, request_with};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::rc::Rc;

const CONVERSATIONS: usize = 40;

/// Speaks OpenAI Responses, MCP and A2A far enough to issue ids, and knows only its own.
async fn agent(exchange: &mut Exchange) {
    let body = exchange.body().await;
    let asked: Value = serde_json::from_slice(&body.bytes).unwrap_or(Value::Null);
    let arm = Rc::clone(&exchange.arm);
    let request = exchange.request.get("x-request-id").unwrap_or_default().to_owned();
    let target = exchange.request.target().to_owned();
    let known = match target.as_str() {
        "/mcp" => exchange.request.get("mcp-session-id").map(str::to_owned),
        "/a2a" => asked["params"]["message"]["contextId"].as_str().map(str::to_owned),
        _ => asked["previous_response_id"].as_str().map(str::to_owned),
    };
    if known.as_ref().is_some_and(|id| !id.contains(&*arm)) {
        return exchange.reply("404 Not Found", &[], b"another arm issued this id").await;
    }
    let json_type = ("content-type", "application/json");
    match target.as_str() {
        "/mcp" => {
            let session = known.unwrap_or_else(|| format!("session-{arm}-{request}"));
            let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": {} }).to_string();
            exchange
                .reply("200 OK", &[json_type, ("Mcp-Session-Id", &session)], answer.as_bytes())
                .await;
        }
        "/a2a" => {
            let context = known.unwrap_or_else(|| format!("context-{arm}-{request}"));
            let result = json!({ "kind": "message", "contextId": context, "parts": [] });
            let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": result }).to_string();
            exchange.reply("200 OK", &[json_type], answer.as_bytes()).await;
        }
        _ => {
            // Every answer of the Responses protocol has an id of its own.
            let id = format!("resp_{arm}_{request}");
            if asked["stream"] == true {
                exchange.begin_chunked("200 OK", &[("content-type", "text/event-stream")]).await;
                let event = json!({ "type": "response.created", "response": { "id": id } });
                let text = format!("event: response.created\ndata: {event}\n\n");
                // Cut anywhere: an id must be found however the stream is sliced.
                for piece in text.as_bytes().chunks(7) {
                    exchange.chunk(piece).await;
                }
                exchange.end_chunked(&[]).await;
            } else {
                let answer = json!({ "id": id, "object": "response", "output": [] }).to_string();
                exchange.reply("200 OK", &[json_type], answer.as_bytes()).await;
            }
        }
    }
}

/// One conversation and the newest id it knows.
struct Conversation {
    path: &'static str,
    stream: bool,
    id: Option<String>,
    arm: Option<String>,
}

impl Conversation {
    async fn turn(&mut self, wire: &mut Wire) {
        let id = self.id.clone();
        let json_type = ("content-type", "application/json");
        let text = match (self.path, &id) {
            ("/mcp", Some(id)) => {
                let body = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call" }).to_string();
                request_with("POST /mcp", &[json_type, ("mcp-session-id", id)], &body)
            }
            ("/mcp", None) => {
                let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize" }).to_string();
                request_with("POST /mcp", &[json_type], &body)
            }
            ("/a2a", id) => {
                let message = json!({ "role": "user", "contextId": id, "parts": [] });
                let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "message/send", "params": { "message": message } });
                request_with("POST /a2a", &[json_type], &body.to_string())
            }
            (_, id) => {
                let mut body = json!({ "model": "m-5", "input": "go on", "stream": self.stream });
                if let Some(id) = id {
                    body["previous_response_id"] = json!(id);
                }
                request_with("POST /v1/responses", &[json_type], &body.to_string())
            }
        };
        let response = wire.ask(&text).await;
        assert_eq!(response.status(), 200, "{} {id:?}: {}", self.path, response.text());
        let arm = response.arm().to_owned();
        assert_eq!(self.arm.get_or_insert_with(|| arm.clone()), &arm, "{} moved", self.path);
        self.id = Some(self.issued(&response));
    }

    fn issued(&self, response: &Response) -> String {
        let text = response.text();
        let id = match self.path {
            "/mcp" => response.head.get("mcp-session-id").map(str::to_owned),
            "/a2a" => response.json()["result"]["contextId"].as_str().map(str::to_owned),
            _ => text.split('"').find(|part| part.starts_with("resp_")).map(str::to_owned),
        };
        id.unwrap_or_else(|| panic!("no id in {text}"))
    }
}

#[tokio::test]
async fn issued_ids_stay_with_their_arm_while_the_weight_moves() {
    let (stable, candidate) = (Backend::with("stable", agent), Backend::with("candidate", agent));
    let workload = Workload::canary(&stable, &candidate)
        .with("sticky", "conversation")
        .with("identity", "{ conversation: [{ body: /previous_response_id }, learned] }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    stagegate.admin.weight("50%").await;
    let kinds =
        [("/mcp", false), ("/a2a", false), ("/v1/responses", false), ("/v1/responses", true)];
    let mut conversations: Vec<Conversation> = kinds
        .into_iter()
        .flat_map(|(path, stream)| {
            (0..CONVERSATIONS).map(move |_| Conversation { path, stream, id: None, arm: None })
        })
        .collect();
    // Two connections take turns, so that what one worker learned is needed on another.
    let mut wires = [stagegate.connect().await, stagegate.connect().await];
    for (round, weight) in ["50%", "10%", "90%", "1%", "100%", "0.001%"].into_iter().enumerate() {
        stagegate.admin.weight(weight).await;
        for (number, conversation) in conversations.iter_mut().enumerate() {
            conversation.turn(&mut wires[(round + number) % 2]).await;
        }
    }
    for (path, _) in kinds {
        let of_kind = || conversations.iter().filter(|conversation| conversation.path == path);
        let candidate = of_kind().filter(|c| c.arm.as_deref() == Some("candidate")).count();
        assert!((1..of_kind().count()).contains(&candidate), "{path}: both arms took part");
    }
    let id = conversations[0].id.clone().expect("an id");
    stagegate.admin.rollback().await;
    let text = request_with("POST /mcp", &[("mcp-session-id", &id)], "{}");
    let response = wires[0].ask(&text).await;
    assert_eq!(response.arm(), "stable", "no pin survives a rollback");
    stagegate.admin.weight("50%").await;
    let arms: Vec<String> = {
        let mut arms = Vec::new();
        for _ in 0..3 {
            arms.push(wires[0].ask(&text).await.arm().to_owned());
        }
        arms
    };
    assert!(arms.windows(2).all(|pair| pair[0] == pair[1]), "{arms:?}: one arm per conversation");
}

#[tokio::test]
async fn conversations_stay_where_they_began_over_a_restart_and_a_take_over() {
    let (stable, candidate) = (Backend::with("stable", agent), Backend::with("candidate", agent));
    let identity = "{ from: anyone, conversation: [{ header: x-conversation-id }, learned] }";
    let workload = Workload::canary(&stable, &candidate)
        .with("sticky", "conversation")
        .with("identity", identity);
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let ask = async |stagegate: &Stagegate, number: usize| {
        let id = format!("c-{number}");
        let response = stagegate.get("/v1/responses", &[("x-conversation-id", &id)]).await;
        response.arm().to_owned()
    };
    stagegate.admin.weight("30%").await;
    let mut began = Vec::new();
    for number in 0..60 {
        began.push(ask(&stagegate, number).await);
    }
    assert!(began.iter().any(|arm| arm == "stable") && began.iter().any(|arm| arm == "candidate"));
    stagegate.signal(Signal::TERM);
    stagegate.ended().await;
    stagegate.restart().await;
    stagegate.admin.weight("60%").await;
    for (number, arm) in began.iter().enumerate() {
        assert_eq!(&ask(&stagegate, number).await, arm, "c-{number} after the restart");
    }
    for number in 60..90 {
        began.push(ask(&stagegate, number).await);
    }
    let former = stagegate.take_over().await;
    former.ended().await;
    stagegate.admin.weight("100%").await;
    for (number, arm) in began.iter().enumerate() {
        assert_eq!(&ask(&stagegate, number).await, arm, "c-{number} after the take-over");
    }
    assert_eq!(ask(&stagegate, 1_000).await, "candidate", "a new one");
}
