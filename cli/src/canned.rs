//! Helpers of tests: a server with one answer, and a program without a server.

use crate::client::AdminClient;
use crate::local::{Checked, Judging, Local, NewToken, Role};
use crate::process::{AgentArgs, DemoArgs, ServeArgs};
use serde_json::Value;
use stagegate_eval::ScorerSpec;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::thread::JoinHandle;

/// Answers one request with this status and body; the handle gives the request as it came.
pub(crate) fn answer(status: &str, body: &str) -> (AdminClient, JoinHandle<String>) {
    let (address, asked) = serve(status, body);
    let client = AdminClient::new(&format!("http://{address}/"), Some("sgt_x")).expect("a URL");
    (client, asked)
}

/// The same, with the address in the place of a client.
pub(crate) fn serve(status: &str, body: &str) -> (SocketAddr, JoinHandle<String>) {
    let (address, asked) = serve_all(status, &[body.to_owned()]);
    (address, std::thread::spawn(move || asked.join().expect("asked").remove(0)))
}

/// Answers one request after the other with these bodies.
pub(crate) fn serve_all(status: &str, bodies: &[String]) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let whole = |body: &String| {
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let answers: Vec<String> = bodies.iter().map(whole).collect();
    let asked = std::thread::spawn(move || {
        answers.iter().map(|answer| exchange(&listener, answer)).collect()
    });
    (address, asked)
}

fn exchange(listener: &TcpListener, answer: &str) -> String {
    let (mut stream, _) = listener.accept().expect("a caller");
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&request) {
        let count = stream.read(&mut buffer).expect("readable");
        assert!(count > 0, "the caller hung up");
        request.extend_from_slice(&buffer[..count]);
    }
    stream.write_all(answer.as_bytes()).expect("writable");
    String::from_utf8(request).expect("text")
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound")
}

/// Returns true if the head and the whole body have arrived.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| length.parse() == Ok(body.len()))
}

/// A workload as the API shows it.
pub(crate) fn workload(weight: &str) -> serde_json::Value {
    let nobody = serde_json::json!({
        "config_total": 0, "config_tenants": [], "config_users": [], "tenants": [], "users": [],
    });
    serde_json::json!({
        "name": "agent", "epoch": 5, "stable": "v1", "candidate": "v2", "weight": weight,
        "weight_ratio": 0.1, "open": true, "kill_fallback": "stable", "sticky": "user",
        "on_rollback": "migrate", "salt": "s:", "cohorts": [],
        "exclusions": [{ "group": "regulated", "config_total": 120,
                         "config_tenants": ["medco"], "tenants": ["initech"] }],
        "opted_in": ["initech"], "allow": nobody, "deny": nobody,
    })
}

/// A program without a server, whose configuration files are JSON.
pub(crate) struct Offline;

impl Local for Offline {
    fn serve(&self, _: &ServeArgs) -> ExitCode {
        ExitCode::SUCCESS
    }

    fn demo(&self, _: &DemoArgs) -> ExitCode {
        ExitCode::SUCCESS
    }

    fn demo_agent(&self, _: &AgentArgs) -> ExitCode {
        ExitCode::SUCCESS
    }

    fn template(&self, stable: &str, candidate: &str, _: &str, _: &Path) -> Result<String, String> {
        let good = [stable, candidate].iter().all(|url| url.starts_with("http://"));
        good.then(|| format!("{stable} {candidate}\n")).ok_or_else(|| "no URL".to_owned())
    }

    fn check(&self, _: &Path) -> Checked {
        Checked::default()
    }

    fn schema(&self) -> Value {
        Value::Null
    }

    fn config_reference(&self) -> String {
        String::new()
    }

    fn scorer(&self, file: &Path, name: &str) -> Result<ScorerSpec, String> {
        stagegate_config::scorer(file, name).map_err(|problems| problems.to_string())
    }

    fn judging(&self, file: &Path, _: &str) -> Result<Judging, String> {
        Err(format!("{}: no configuration", file.display()))
    }

    fn new_token(&self, _: &str, _: Role) -> Result<NewToken, String> {
        Err("no random bytes".to_owned())
    }
}
