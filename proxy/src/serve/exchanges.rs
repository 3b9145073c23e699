//! Whole exchanges over connections in memory, to count their instructions.
//!
//! One worker with one client connection and the connections that it opens to its endpoints. The
//! client and the endpoints cost little: they hand over bytes that were made before. Neither a
//! socket nor a thread takes part, so the count hardly varies.

use super::in_memory::{Serving, client, name, ready, worker};
use crate::fixtures::{address, clients, workload};
use crate::plan::{Plan, PreparedConfig, WorkloadSettings};
use crate::quota::Quota;
use crate::tap::{Outlet, TapSettings, Tapped};
use crate::transport::memory::{Network, Remote};
use crate::worker::Worker;
use stagegate_rollout::{Cohort, Split, Sticky, Weight, WorkloadSpec, WorkloadState};
use stagegate_settings::{IdentityFrom, Match, Source, Workload};
use stagegate_signals::Protocol;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::task::{Context, Wake, Waker};

/// Most bytes that a sample keeps of a message.
const SAMPLE_BYTES: usize = 64 * 1024;
/// Most bytes of all samples together.
const SAMPLES_BYTES: usize = 64 << 20;

/// One kind of exchange.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Its name in reports.
    pub name: &'static str,
    /// Identities from headers, sticky by user, a cohort, an exclusion, usage, and 5% sampled.
    everything: bool,
    request_bytes: usize,
    answer: Answer,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    /// So many bytes of text.
    Text(usize),
    /// An answer of a chat with its usage, of about 4 KB.
    Chat,
    /// The same as an event stream of 64 events, which come 16 a read.
    Stream,
}

const fn exchange(name: &'static str, request_bytes: usize, answer: Answer) -> Exchange {
    Exchange { name, everything: false, request_bytes, answer }
}

const fn everything(name: &'static str, request_bytes: usize, answer: Answer) -> Exchange {
    Exchange { everything: true, ..exchange(name, request_bytes, answer) }
}

/// Every kind.
pub const EXCHANGES: &[Exchange] = &[
    exchange("exchange-get-300", 0, Answer::Text(300)),
    exchange("exchange-post-2k", 2048, Answer::Text(300)),
    exchange("exchange-get-4k", 0, Answer::Text(4096)),
    everything("exchange-get-300-all", 0, Answer::Text(300)),
    everything("exchange-post-2k-all", 2048, Answer::Text(300)),
    everything("exchange-chat-all", 2048, Answer::Chat),
    everything("exchange-stream-all", 2048, Answer::Stream),
];

/// A worker in the middle of its exchanges.
pub struct Exchanges {
    worker: Rc<Worker>,
    network: Arc<Network>,
    serving: Serving,
    woken: Arc<Woken>,
    client: Remote,
    endpoints: Vec<Remote>,
    requests: Vec<Vec<u8>>,
    answer: Vec<Vec<u8>>,
    next: usize,
    /// Samples of which nobody makes anything.
    samples: Receiver<Box<Tapped>>,
}

impl fmt::Debug for Exchanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchanges").field("next", &self.next).finish_non_exhaustive()
    }
}

/// Whether the connection was woken since it was polled last.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Exchanges {
    /// Different users, after which the requests begin again and the worker hands its counts and
    /// records over.
    pub const USERS: u32 = 256;

    /// A worker that has served nothing yet.
    ///
    /// # Panics
    /// If the settings below are wrong.
    #[must_use]
    pub fn new(exchange: &Exchange) -> Self {
        let (sender, samples) = sync_channel(1024);
        let outlet = Outlet::new(sender, SAMPLES_BYTES);
        let settings = settings(exchange, &outlet);
        let empty = PreparedConfig::default();
        let config = ready(PreparedConfig::prepare(vec![settings], &empty)).expect("prepared");
        let network = Arc::<Network>::default();
        let worker = worker(clients(), &network);
        worker.shared.plan.store(Arc::new(Plan::new(1, &config, &[Arc::new(split(exchange))])));
        worker.shared.published.fetch_add(1, Ordering::Release);
        let (serving, client) = client(&worker);
        let requests = (0..Self::USERS).map(|user| request(exchange, user)).collect();
        Self {
            worker,
            network,
            serving,
            woken: Arc::default(),
            client,
            endpoints: Vec::new(),
            requests,
            answer: answer(exchange.answer),
            next: 0,
            samples,
        }
    }

    /// Runs one exchange from its first byte to its record.
    ///
    /// # Panics
    /// If the client gets no answer.
    pub fn run(&mut self) {
        self.client.send(&self.requests[self.next]);
        self.poll();
        while let Some(endpoint) =
            ["one.v1:80", "one.v2:80"].iter().find_map(|at| self.network.accept(at))
        {
            self.endpoints.push(endpoint);
            self.poll();
        }
        let asked = self.endpoints.iter().find(|endpoint| !endpoint.take().is_empty());
        let asked = asked.expect("an endpoint has the request").clone();
        for at in 0..self.answer.len() {
            asked.send(&self.answer[at]);
            self.poll();
        }
        assert!(self.client.take().starts_with(b"HTTP/1.1 200"), "the client has its answer");
        self.next = (self.next + 1) % self.requests.len();
        if self.next == 0 {
            drop(self.worker.stats.borrow_mut().take());
        }
        while self.samples.try_recv().is_ok() {}
    }

    /// Polls the connection, and again as long as it asks for that.
    fn poll(&mut self) {
        while self.poll_once() {}
    }

    /// Polls the connection; true if it asks to be polled again.
    fn poll_once(&mut self) -> bool {
        let waker = Waker::from(Arc::clone(&self.woken));
        let polled = self.serving.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending(), "the connection stays open");
        self.woken.0.swap(false, Ordering::Relaxed)
    }
}

fn settings(exchange: &Exchange, outlet: &Arc<Outlet>) -> WorkloadSettings {
    let mut settings = workload(vec![address([10, 0, 0, 1], 80, "one.v1:80")]);
    settings.releases.push((name("v2"), vec![address([10, 0, 1, 1], 80, "one.v2:80")]));
    let mut agent = Workload::with_defaults(name("agent"));
    agent.matches.push(Match::default());
    if exchange.everything {
        let header = |name: &str| vec![Source::Header(name.to_owned())];
        agent.identity.from = Some(IdentityFrom::Anyone);
        agent.identity.tenant = header("x-tenant-id");
        agent.identity.user = header("x-user-id");
        agent.identity.conversation = header("x-session-id");
        settings.tap = Some(TapSettings {
            picks: Arc::new(|_, unit: &str| unit.bytes().map(u32::from).sum::<u32>() % 20 == 0),
            quotas: Arc::new([Quota::new(1_000_000), Quota::new(1_000_000)]),
            per_message: SAMPLE_BYTES,
            paused: outlet.pause("agent"),
            outlet: Arc::clone(outlet),
        });
        settings.signals.protocol = Protocol::OpenAiChat;
    }
    settings.settings = Arc::new(agent);
    settings
}

/// 10% to the candidate.
fn split(exchange: &Exchange) -> Split {
    let mut spec = WorkloadSpec::new(name("agent"), name("v1"));
    spec.releases.insert(name("v2"));
    spec.candidate = Some(name("v2"));
    spec.initial_weight = Weight::from_str("10%").expect("a weight");
    spec.sticky = Sticky::Request;
    if exchange.everything {
        spec.sticky = Sticky::User;
        let tenants = vec!["acme".into(), "globex".into()];
        spec.cohorts.push(Cohort { name: name("pilots"), tenants });
        spec.exclusions.insert(name("regulated"), vec!["medco".into()]);
    }
    let spec = spec.check().expect("a workload");
    let state = WorkloadState::initial(&spec);
    Split::new(Arc::new(spec), Arc::new(state))
}

fn request(exchange: &Exchange, user: u32) -> Vec<u8> {
    let bytes = exchange.request_bytes;
    let method = if bytes == 0 { "GET" } else { "POST" };
    let mut head = format!(
        "{method} /v1/chat/completions HTTP/1.1\r\nHost: agents.example.com\r\n\
         User-Agent: agent-client/1.0\r\nAccept: application/json\r\nX-Tenant-Id: tenant-{}\r\n\
         X-User-Id: user-{user}\r\nX-Session-Id: conversation-{user}\r\n",
        user % 64,
    );
    if bytes > 0 {
        head += &format!("Content-Type: application/json\r\nContent-Length: {bytes}\r\n");
    }
    let mut request = (head + "\r\n").into_bytes();
    request.resize(request.len() + bytes, b'x');
    request
}

fn answer(answer: Answer) -> Vec<Vec<u8>> {
    let head = |kind: &str, length: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nServer: nginx/1.31.0\r\nDate: Mon, 30 Nov 2026 12:00:00 GMT\r\n\
             Content-Type: {kind}\r\n{length}\r\nConnection: keep-alive\r\n\
             ETag: \"65670d00-12c\"\r\n\r\n",
        )
    };
    let with_length = |kind, body: String| {
        vec![(head(kind, &format!("Content-Length: {}", body.len())) + &body).into_bytes()]
    };
    match answer {
        Answer::Text(bytes) => with_length("text/plain", "x".repeat(bytes)),
        Answer::Chat => with_length("application/json", chat()),
        Answer::Stream => {
            let event = |at: usize| {
                let data = format!(
                    "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\
                     \"model\":\"gpt-5\",\"choices\":[{{\"index\":0,\"delta\":\
                     {{\"content\":\"word {at} \"}}}}]}}\n\n"
                );
                format!("{:x}\r\n{data}\r\n", data.len())
            };
            let mut reads = vec![head("text/event-stream", "Transfer-Encoding: chunked")];
            reads.extend((0..4).map(|read| (0..16).map(|at| event(16 * read + at)).collect()));
            let last = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-5\",\
                        \"choices\":[],\"usage\":{\"prompt_tokens\":900,\"completion_tokens\":64,\
                        \"total_tokens\":964}}\n\ndata: [DONE]\n\n";
            reads.push(format!("{:x}\r\n{last}\r\n0\r\n\r\n", last.len()));
            reads.into_iter().map(String::into_bytes).collect()
        }
    }
}

fn chat() -> String {
    let content = "The refund was approved and will arrive within five days. ".repeat(64);
    format!(
        "{{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"model\":\"gpt-5\",\"choices\":\
         [{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"{content}\"}},\
         \"finish_reason\":\"stop\"}}],\"usage\":{{\"prompt_tokens\":900,\
         \"completion_tokens\":640,\"total_tokens\":1540}}}}"
    )
}

#[cfg(test)]
mod tests {
    use super::{EXCHANGES, Exchanges};

    #[test]
    fn every_kind_of_exchange_runs_and_both_arms_serve() {
        for exchange in EXCHANGES {
            let mut exchanges = Exchanges::new(exchange);
            (0..Exchanges::USERS * 2).for_each(|_| exchanges.run());
            assert_eq!(exchanges.endpoints.len(), 2, "{}", exchange.name);
        }
    }

    /// So a worker reads from all connections that are ready, and writes to all of them after that.
    #[test]
    fn what_was_read_goes_out_after_the_others_had_their_turn() {
        let mut exchanges = Exchanges::new(&EXCHANGES[0]);
        exchanges.run();
        let asked = |exchanges: &Exchanges| {
            exchanges.endpoints.iter().find(|endpoint| !endpoint.take().is_empty()).cloned()
        };
        exchanges.client.send(&exchanges.requests[0]);
        assert!(exchanges.poll_once() && asked(&exchanges).is_none(), "the request waits");
        assert!(!exchanges.poll_once());
        let endpoint = asked(&exchanges).expect("the request is out");
        endpoint.send(&exchanges.answer[0]);
        assert!(exchanges.poll_once() && exchanges.client.take().is_empty(), "the answer waits");
        assert!(!exchanges.poll_once());
        assert!(exchanges.client.take().starts_with(b"HTTP/1.1 200"), "the answer is out");
    }
}
