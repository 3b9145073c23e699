//! Helpers of tests: a server with one answer, and command lines as a shell would cut them.

use super::client::AdminClient;
use clap::Parser;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

/// Answers one request with this status and body; the handle gives the request as it came.
pub(super) fn answer(status: &str, body: &str) -> (AdminClient, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    let asked = std::thread::spawn(move || {
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
    });
    let client = AdminClient::new(&format!("http://{address}/"), Some("sgt_x")).expect("a URL");
    (client, asked)
}

/// Whether head and body are there.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| length.parse() == Ok(body.len()))
}

/// Parses a line of a README or of the demo; says what is wrong with it.
pub(crate) fn parse_line(line: &str) -> Result<(), String> {
    let error = |error: clap::Error| format!("{line}\n{error}");
    super::Cli::try_parse_from(words(line)).map(drop).map_err(error)
}

/// The words of a shell line with quotes and a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, '#') => break,
            (None, ' ') => words.push(String::new()),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (_, c) => words[..].last_mut().expect("one at least").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A workload as the API shows it.
pub(super) fn workload(weight: &str) -> serde_json::Value {
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
