//! Recorded streams of every protocol, and the message each one is. `sdk_assembles.py` of the
//! end-to-end tests holds the same streams against the official SDKs.

use crate::support::{corpus, facts, half, no_rules};
use serde_json::Value;
use stagegate_eval::{Captured, Message, Output, Protocol, Sample, assembled};
use std::fs;

/// Every recorded stream: its protocol, name and bytes.
fn streams() -> Vec<(Protocol, String, Vec<u8>)> {
    let mut found = Vec::new();
    for protocol in Protocol::ALL {
        let folder = corpus().join(protocol.label());
        for entry in fs::read_dir(&folder).expect("a folder for each protocol") {
            let path = entry.expect("readable").path();
            if path.extension().is_some_and(|ext| ext == "sse") {
                let name = path.with_extension("").display().to_string();
                found.push((protocol, name, fs::read(&path).expect("readable")));
            }
        }
    }
    assert!(found.len() >= 36, "{}", found.len());
    found
}

fn message(stream: &[u8], path: &str, protocol: Option<Protocol>) -> Option<Message> {
    let captured = Captured {
        path,
        protocol,
        response: half(stream, "text/event-stream; charset=utf-8"),
        limit: 1 << 20,
        ..Captured::default()
    };
    match Sample::of(facts(), &captured, no_rules()).output {
        Output::Message(message) => Some(message),
        _ => None,
    }
}

#[test]
fn every_stream_becomes_the_message_it_is() {
    for (protocol, name, stream) in streams() {
        let message = message(&stream, "/", Some(protocol)).expect("a message");
        let path = format!("{name}.json");
        let read = serde_json::to_value(&message).expect("JSON");
        if std::env::var_os("STAGEGATE_WRITE_CORPUS").is_some() {
            let text = serde_json::to_string_pretty(&read).expect("JSON") + "\n";
            fs::write(&path, text).expect("written");
        }
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let wanted: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read, wanted, "{name}");
        assert_eq!(serde_json::from_value::<Message>(wanted).expect("a message"), message);
    }
}

#[test]
fn the_protocol_is_told_by_the_stream_where_nothing_else_tells() {
    for (protocol, name, stream) in streams() {
        let found = message(&stream, "/agents/support", None).map(|message| message.protocol);
        assert_eq!(found, Some(protocol), "{name}");
    }
}

#[test]
fn a_stream_cut_anywhere_is_the_beginning_of_its_message() {
    for (protocol, name, stream) in streams() {
        let whole = message(&stream, "/", Some(protocol)).expect("a message");
        let said = |message: &Message, n: usize| {
            message.choices.get(n).map(|choice| choice.text.clone()).unwrap_or_default()
        };
        for cut in 0..stream.len() {
            let Some(part) = assembled(protocol, &stream[..cut]) else { continue };
            let complete = part.complete;
            let part = Message { complete, ..Message::of_body(protocol, &part.body) };
            assert!(!part.complete || whole.complete, "{name} at {cut}");
            for n in 0..part.choices.len() {
                let (all, some) = (said(&whole, n), said(&part, n));
                let some = some.trim_end_matches('\u{fffd}');
                assert!(all.starts_with(some), "{name} at {cut}: {some:?} of {all:?}");
            }
        }
    }
}

#[test]
fn whole_bodies_and_streams_give_the_same_message() {
    for (protocol, name, stream) in streams() {
        let Some(whole) = stagegate_eval::assembled(protocol, &stream) else { continue };
        if !whole.complete {
            continue;
        }
        let body = whole.body.to_string();
        let captured = Captured {
            path: "/",
            response: half(body.as_bytes(), "application/json"),
            limit: 1 << 20,
            ..Captured::default()
        };
        let at_once = Sample::of(facts(), &captured, no_rules()).output;
        let streamed = message(&stream, "/", Some(protocol)).expect("a message");
        assert_eq!(at_once, Output::Message(streamed), "{name}");
    }
}

#[test]
fn garbage_is_no_message_and_no_panic() {
    let garbage: [&[u8]; 8] = [
        b"",
        b"\n\n\n",
        b"data: {\n\n",
        b"data: 1\n\ndata: []\n\ndata: null\n\n",
        b"data: {\"choices\": {\"a\": 1}}\n\n",
        b"\xff\xfe\x00data: \xff\n\n",
        b"event: error\ndata: not json\n\n",
        b"data: {\"type\":\"content_block_delta\",\"index\":18446744073709551615,\"delta\":{}}\n\n",
    ];
    for (n, stream) in garbage.iter().enumerate() {
        for protocol in Protocol::ALL {
            let read = message(stream, "/", Some(protocol));
            assert!(read.is_none_or(|message| !message.complete), "garbage {n}, {protocol:?}");
        }
    }
    let far = br#"data: {"choices":[{"index":4000000000,"delta":{"tool_calls":[{"index":99999999,"function":{"name":"f"}}]}}]}

"#;
    let read = message(far, "/", Some(Protocol::OpenAiChat)).expect("a message");
    assert_eq!(read.choices[0].tool_calls[0].name, "f");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, text in "(data: [\\{\\}\\[\\]\":,a-z0-9]{0,40}\n\n){0,6}") {
        for protocol in Protocol::ALL {
            let _ = stagegate_eval::assembled(protocol, &bytes);
            let _ = stagegate_eval::assembled(protocol, text.as_bytes());
        }
    }
}
