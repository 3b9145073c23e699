//! The demo's clients: tenants, users and conversations over real keep-alive connections.
//!
//! Every client holds one connection and one conversation at a time, so that the load is bounded
//! whatever the backends do. A client knows which agent served only from the answer.

use crate::agent::{AGENT_HEADER, EPOCH_HEADER, FOREIGN_HEADER};
use crate::seed::Seeded;
use crate::setup::{self, TENANTS};
use crate::tally::{Seen, Tally};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::http::{HeaderName, Request, response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use stagegate_rollout::Outcome;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval_at, timeout};

/// Number of clients that share the rate.
const CLIENTS: u32 = 24;
/// No demo request takes this long unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(15);

/// The tally that all clients write into.
pub(crate) type SharedTally = Arc<Mutex<Tally>>;

/// Sends about `rate` requests a second to `proxy` until `stop` changes; each client then finishes
/// the request it is at.
pub(crate) async fn run(
    proxy: SocketAddr,
    rate: f64,
    seed: u64,
    tally: SharedTally,
    stop: watch::Receiver<bool>,
) {
    let pace = Duration::from_secs_f64(f64::from(CLIENTS) / rate);
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let client = Client {
            proxy,
            connection: None,
            chance: Seeded::new(seed, u64::from(number)),
            label: format!("{seed}-{number}"),
            conversations: 0,
            tally: Arc::clone(&tally),
        };
        let offset = pace.mul_f64(f64::from(number) / f64::from(CLIENTS));
        clients.spawn(client.work(pace, offset, stop.clone()));
    }
    while clients.join_next().await.is_some() {}
}

/// The protocol of a conversation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// Chat completions; the client names the conversation in a header.
    Chat,
    /// Responses; the agent issues the conversation's ids.
    Responses,
}

struct Conversation {
    protocol: Protocol,
    id: String,
    tenant: &'static str,
    user: String,
    turns_left: u64,
    first: bool,
    previous_response: Option<String>,
}

struct Client {
    proxy: SocketAddr,
    connection: Option<SendRequest<Full<Bytes>>>,
    chance: Seeded,
    label: String,
    conversations: u64,
    tally: SharedTally,
}

impl Client {
    async fn work(mut self, pace: Duration, offset: Duration, mut stop: watch::Receiver<bool>) {
        let mut ticks = interval_at(tokio::time::Instant::now() + offset, pace);
        // A slow backend lowers the rate; it must not be met with a burst afterwards.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut talk = self.begin();
        loop {
            tokio::select! {
                _ = stop.changed() => return,
                _ = ticks.tick() => {}
            }
            if talk.turns_left == 0 {
                talk = self.begin();
            }
            self.turn(&mut talk).await;
        }
    }

    fn begin(&mut self) -> Conversation {
        self.conversations += 1;
        let tenant = *self.chance.pick(&TENANTS);
        let responses = self.chance.below(8) == 0;
        Conversation {
            protocol: if responses { Protocol::Responses } else { Protocol::Chat },
            id: format!("conv-{}-{}", self.label, self.conversations),
            tenant,
            user: format!("{tenant}-user-{}", self.chance.below(200)),
            turns_left: 1 + self.chance.below(3) + u64::from(responses),
            first: true,
            previous_response: None,
        }
    }

    async fn turn(&mut self, talk: &mut Conversation) {
        let streamed = self.chance.below(4) == 0;
        let began = Instant::now();
        let request = request(talk, streamed);
        let answer = match request {
            Some(request) => timeout(PATIENCE, self.send(request)).await.ok().flatten(),
            None => None,
        };
        if answer.is_none() {
            self.connection = None;
        }
        let seen = seen(talk, answer.as_ref(), began.elapsed());
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).record(&seen);
        talk.first = false;
        talk.turns_left -= 1;
        if let (Protocol::Responses, Some((head, body))) = (talk.protocol, &answer)
            && head.status.is_success()
        {
            talk.previous_response = response_id(body, streamed);
        }
    }

    /// Sends on the kept connection, or on a new one; none when no complete answer came.
    async fn send(&mut self, request: Request<Full<Bytes>>) -> Option<(response::Parts, Bytes)> {
        let mut connection = match self.connection.take() {
            Some(kept) if !kept.is_closed() => kept,
            _ => self.connect().await?,
        };
        connection.ready().await.ok()?;
        let (head, mut body) = connection.send_request(request).await.ok()?.into_parts();
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Some(data) = frame.ok()?.data_ref() {
                whole.extend_from_slice(data);
            }
        }
        self.connection = Some(connection);
        Some((head, whole.into()))
    }

    async fn connect(&self) -> Option<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.proxy).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        Some(sender)
    }
}

fn request(talk: &Conversation, streamed: bool) -> Option<Request<Full<Bytes>>> {
    let question = format!("Where is my order? ({})", talk.id);
    let (path, body) = match talk.protocol {
        Protocol::Chat => {
            let mut body = json!({
                "model": "support",
                "messages": [
                    { "role": "system", "content": "You are the support agent." },
                    { "role": "user", "content": question },
                ],
            });
            if streamed {
                body["stream"] = json!(true);
                body["stream_options"] = json!({ "include_usage": true });
            }
            ("/v1/chat/completions", body)
        }
        Protocol::Responses => {
            let mut body = json!({ "model": "support", "input": question, "stream": streamed });
            if let Some(previous) = &talk.previous_response {
                body["previous_response_id"] = json!(previous);
            }
            ("/v1/responses", body)
        }
    };
    let mut request = Request::post(path)
        .header("host", "agents.example.com")
        .header("content-type", "application/json")
        .header(setup::TENANT_HEADER, talk.tenant)
        .header(setup::USER_HEADER, &talk.user);
    if talk.protocol == Protocol::Chat {
        request = request.header(setup::CONVERSATION_HEADER, &talk.id);
    }
    request.body(Full::from(body.to_string())).ok()
}

fn seen(talk: &Conversation, answer: Option<&(response::Parts, Bytes)>, took: Duration) -> Seen {
    let headers = answer.map(|(head, _)| &head.headers);
    let text = |name: &HeaderName| headers?.get(name)?.to_str().ok();
    Seen {
        arm: text(&AGENT_HEADER).and_then(setup::arm_of),
        epoch: text(&EPOCH_HEADER).and_then(|epoch| epoch.parse().ok()),
        counts_for_split: talk.first
            && talk.protocol == Protocol::Chat
            && talk.tenant != setup::EXCLUDED_TENANT,
        strayed: headers.is_some_and(|headers| headers.contains_key(FOREIGN_HEADER)),
        outcome: answer
            .map_or(Outcome::Transient, |(head, _)| Outcome::of_status(head.status.as_u16())),
        took,
    }
}

/// The id the agent issued: at the top of a plain answer, in the last event of a streamed one.
fn response_id(body: &[u8], streamed: bool) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let json = if streamed {
        text.lines().rev().find_map(|line| line.strip_prefix("data: "))?
    } else {
        text
    };
    let value: Value = serde_json::from_str(json).ok()?;
    let object = if streamed { &value["response"] } else { &value };
    object["id"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{SharedTally, response_id, run};
    use crate::serve;
    use crate::setup::profile;
    use stagegate_rollout::Arm;
    use std::sync::{Arc, PoisonError};
    use std::time::Duration;
    use tokio::net::TcpListener;
    use tokio::sync::watch;

    #[test]
    fn finds_the_id_an_agent_issued_in_both_kinds_of_answer() {
        let plain = br#"{"id":"resp_v1_7","object":"response"}"#;
        assert_eq!(response_id(plain, false).as_deref(), Some("resp_v1_7"));
        let events = b"event: response.created\ndata: {\"response\":{\"id\":\"resp_v1_8\"}}\n\n\
            event: response.completed\ndata: {\"response\":{\"id\":\"resp_v1_8\"}}\n\n";
        assert_eq!(response_id(events, true).as_deref(), Some("resp_v1_8"));
        assert_eq!(response_id(b"", true), None);
        assert_eq!(response_id(b"<html>", false), None);
    }

    #[tokio::test]
    async fn clients_and_an_agent_understand_each_other_without_a_proxy() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (stop, mut stopped) = watch::channel(false);
        let until = async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let agent =
            tokio::spawn(serve::serve(listener, profile(Arm::Stable, 1), Arc::default(), until));

        let tally = SharedTally::default();
        let (end, ends) = watch::channel(false);
        let clients = tokio::spawn(run(address, 1000.0, 1, Arc::clone(&tally), ends));
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while tally.lock().unwrap_or_else(PoisonError::into_inner).served() < 600 {
            ticks.tick().await;
        }
        end.send(true).expect("clients run");
        clients.await.expect("clients end");
        stop.send(true).expect("the agent runs");
        agent.await.expect("the agent ends").expect("cleanly");

        let seen = tally.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let [stable, candidate] = &seen.arms;
        assert_eq!((seen.unserved, seen.strays, candidate.requests), (0, 0, 0));
        assert!(stable.errors * 50 < stable.requests, "seeded errors are rare: {seen:?}");
        assert!(stable.latency_ms(0.5) >= Some(5.0), "{seen:?}");
    }
}
