//! A receiver that answers as its script says, and notices to send it.
#![allow(dead_code, reason = "each test binary uses its part")]

use serde_json::Value;
use stagegate_notify::{Channel, Filter, Hidden, Notice, NoticeKind, Severity, Target};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// A gate that is violated, with everything a notice can have.
pub(crate) fn violated() -> Notice {
    Notice::new(
        "n-42",
        NoticeKind::GateAlert,
        Severity::Critical,
        "support-agent",
        1_700_000_000_250,
        "p99 of v43 is above <8 s> & rising",
    )
    .of("r-7", "v43", "2 (10%)")
    .at_gate("latency", "latency/total/p99")
    .owned_by("oncall")
    .fact("p99", "8.4 s (limit 8 s)")
    .fact("requests", "12,345")
    .resting_on("a-9")
    .with_link("https://stagegate.test/rollouts/r-7?a=1|2")
}

/// Its end.
pub(crate) fn recovered() -> Notice {
    Notice::new(
        "n-43",
        NoticeKind::Recovered,
        Severity::Critical,
        "support-agent",
        1_700_000_060_000,
        "p99 of v43 is below 8 s again",
    )
    .of("r-7", "v43", "2 (10%)")
    .at_gate("latency", "latency/total/p99")
    .owned_by("oncall")
}

/// A notice with this id and nothing special.
pub(crate) fn plain(id: &str) -> Notice {
    Notice::new(id, NoticeKind::Promoted, Severity::Info, "agent", 1_700_000_000_000, "promoted")
}

pub(crate) fn webhook(name: &str, url: &str) -> Channel {
    let secret = Some(Hidden::new("a secret of ours"));
    channel(name, Target::Webhook { url: Hidden::new(url), secret })
}

pub(crate) fn channel(name: &str, target: Target) -> Channel {
    Channel { name: name.to_owned(), target, filter: Filter::default() }
}

/// The reaction of a receiver to one request.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Answers with a status line's end, further header lines and a body.
    Says(&'static str, &'static str, &'static str),
    /// Answers 500 to every request whose body holds this, and is fine with the rest.
    ChokesOn(&'static str),
    /// Ends the connection.
    Closes,
    /// Keeps the connection open and says nothing.
    Hangs,
}

/// The answer of a receiver that is content.
pub(crate) const FINE: Does = Does::Says("200 OK", "", "ok");

const CHOKES: Does = Does::Says("500 Internal Server Error", "", "");

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

/// A server on loopback that takes one request a connection.
pub(crate) struct Receiver {
    pub(crate) url: String,
    state: Arc<(Mutex<Vec<Got>>, Condvar)>,
}

impl Receiver {
    /// Does what the script says, and its last entry for ever.
    pub(crate) fn start(script: impl Into<Vec<Does>>) -> Self {
        let script = script.into();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let state = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let shared = Arc::clone(&state);
        // Ends with the process: nothing is to be cleaned up.
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let Some(got) = read(&stream) else { continue };
                let chokes_on = |text| got.body.contains(text);
                let does = match script.get(number).or(script.last()) {
                    Some(Does::ChokesOn(text)) if chokes_on(text) => &CHOKES,
                    Some(Does::ChokesOn(_)) => &FINE,
                    Some(does) => does,
                    None => &Does::Closes,
                };
                let (requests, arrived) = &*shared;
                requests.lock().unwrap().push(got);
                arrived.notify_all();
                match does {
                    Does::Says(status, headers, body) => {
                        let length = body.len();
                        let _ = write!(
                            stream,
                            "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
                        );
                    }
                    Does::Hangs => kept.push(stream),
                    Does::Closes | Does::ChokesOn(_) => {}
                }
            }
        });
        Self { url, state }
    }

    /// Returns the requests received so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.state.0.lock().unwrap().clone()
    }

    /// Ids of the notices that arrived, by their idempotency keys.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.got().iter().map(|got| got.header("idempotency-key").to_owned()).collect()
    }

    /// Blocks until so many requests arrived.
    pub(crate) fn await_requests(&self, count: usize) {
        let (requests, arrived) = &*self.state;
        drop(arrived.wait_while(requests.lock().unwrap(), |got| got.len() < count).unwrap());
    }
}

fn read(stream: &TcpStream) -> Option<Got> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let (line, fields) = lines.split_first()?;
    let headers: Vec<(String, String)> = fields
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Got { line: line.clone(), headers, body: String::from_utf8(body).unwrap() })
}
