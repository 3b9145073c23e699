//! WebSockets: usage of every answer in them, failures and closes.

use flate2::{Compress, Compression, FlushCompress};
use stagegate_rollout::Outcome;
use stagegate_signals::{End, Ended, Listener, Protocol, Rules, Side, Signals, Socket};

const REALTIME: &str = "/v1/realtime?model=gpt-4o-realtime-preview";

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(short as u8),
        length => {
            frame.push(126);
            frame.extend((length as u16).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

fn done(id: u32, input: u32, output: u32) -> String {
    format!(
        r#"{{"type":"response.done","response":{{"id":"resp_{id}","status":"completed","usage":{{"total_tokens":{},"input_tokens":{input},"output_tokens":{output},"input_token_details":{{"cached_tokens":4,"audio_tokens":6}}}}}}}}"#,
        input + output
    )
}

/// Feeds these bytes in pieces of this size; gives what was made, and how it ended.
fn read(bytes: &[u8], size: usize) -> (Vec<Signals>, Ended) {
    let mut socket = Socket::new(Protocol::Auto, REALTIME);
    let mut made = Vec::new();
    for piece in bytes.chunks(size) {
        socket.backend_sent(piece, |signals: &Signals| made.push(signals.clone()));
    }
    let ended = socket.finish(Some(Side::Backend), |signals: &Signals| made.push(signals.clone()));
    (made, ended)
}

fn class(ended: &Ended) -> Outcome {
    Rules::default().outcome(101, ended.failure.as_ref())
}

#[test]
fn each_answer_of_a_connection_is_made_once_however_the_bytes_are_cut() {
    let delta = r#"{"type":"response.output_audio.delta","delta":"AAAA \"usage\" "}"#;
    let mut bytes = Vec::new();
    for id in 0..3 {
        bytes.extend(frame(0x81, delta.as_bytes()));
        // In two frames, with a ping between them.
        let text = done(id, 100 + id, 20);
        let (first, second) = text.as_bytes().split_at(40);
        bytes.extend([frame(0x01, first), frame(0x89, b"?"), frame(0x80, second)].concat());
    }
    bytes.extend(frame(0x88, &1000_u16.to_be_bytes()));
    for size in [1, 7, 4096] {
        let (made, ended) = read(&bytes, size);
        let inputs: Vec<u64> =
            made.iter().filter_map(|it| it.usage).map(|it| it.total_input()).collect();
        assert_eq!(inputs, [100, 101, 102], "in pieces of {size}");
        assert_eq!(made[0].model(), Some("gpt-4o-realtime-preview"));
        assert_eq!(made[0].protocol, Protocol::OpenAiResponses);
        assert!(made.iter().all(|it| it.is_generation && it.is_final));
        assert_eq!((ended.end, ended.failure), (End::Complete, None));
    }
}

#[test]
fn responses_over_a_socket_name_their_model_and_their_failure() {
    let text = r#"{"type":"response.completed","response":{"id":"resp_1","status":"completed","model":"gpt-4.1","usage":{"input_tokens":37,"output_tokens":11,"total_tokens":48}}}"#;
    let failed = r#"{"type":"response.failed","response":{"id":"resp_2","status":"failed","error":{"code":"insufficient_quota"}}}"#;
    let bytes = [frame(0x81, text.as_bytes()), frame(0x81, failed.as_bytes())].concat();
    let mut socket = Socket::new(Protocol::Auto, "/v1/responses");
    let mut models = Vec::new();
    socket
        .backend_sent(&bytes, |made: &Signals| models.push(made.model().unwrap_or("").to_owned()));
    assert_eq!(models, ["gpt-4.1"]);
    let ended = socket.finish(None, |_: &Signals| {});
    assert_eq!(class(&ended), Outcome::Permanent);
}

#[test]
fn compressed_messages_are_read_over_all_of_them() {
    let mut compress = Compress::new(Compression::default(), false);
    let mut bytes = Vec::new();
    for id in 0..3 {
        let text = done(id, 200, 9);
        let mut packed = Vec::with_capacity(4096);
        compress.compress_vec(text.as_bytes(), &mut packed, FlushCompress::Sync).expect("packed");
        assert!(packed.ends_with(&[0, 0, 0xff, 0xff]));
        packed.truncate(packed.len() - 4);
        bytes.extend(frame(0xc1, &packed));
    }
    for size in [1, 64, 8192] {
        let (made, ended) = read(&bytes, size);
        assert_eq!((made.len(), ended.unreadable), (3, false), "in pieces of {size}");
    }
    let (made, ended) = read(&frame(0xc1, b"\xff\xff\xff\xff"), 9);
    assert_eq!((made.len(), ended.unreadable), (0, true));
}

#[test]
fn messages_that_call_themselves_binary_are_read_if_they_are_json() {
    let text = done(1, 100, 20);
    let bytes =
        [frame(0x82, b"\x00audio"), frame(0x82, text.as_bytes()), frame(0x82, b"")].concat();
    for size in [1, 7, 4096] {
        let (made, ended) = read(&bytes, size);
        assert_eq!((made.len(), ended.unreadable), (1, false), "in pieces of {size}");
    }
    // What is compressed has one window over all messages, of whatever kind.
    let mut compress = Compress::new(Compression::default(), false);
    let mut bytes = Vec::new();
    for (first, text) in [(0xc2, &b"audio audio audio"[..]), (0xc1, text.as_bytes())] {
        let mut packed = Vec::with_capacity(4096);
        let both = [b"audio audio", text].concat();
        let text = if first == 0xc2 { &both } else { text };
        compress.compress_vec(text, &mut packed, FlushCompress::Sync).expect("packed");
        packed.truncate(packed.len() - 4);
        bytes.extend(frame(first, &packed));
    }
    let (made, ended) = read(&bytes, 64);
    assert_eq!((made.len(), ended.unreadable), (1, false));
}

#[test]
fn a_compressed_message_that_grows_without_measure_is_not_read_on() {
    let mut compress = Compress::new(Compression::best(), false);
    let mut packed = Vec::with_capacity(64 * 1024);
    let zeros = vec![b'0'; 8 << 20];
    compress.compress_vec(&zeros, &mut packed, FlushCompress::Sync).expect("packed");
    let mut socket = Socket::new(Protocol::Auto, REALTIME);
    for piece in frame(0xc1, &packed).chunks(1024) {
        socket.backend_sent(piece, |_: &Signals| {});
    }
    assert!(socket.inflated() <= (1 << 20) + 64 * packed.len() as u64 + 4096);
    assert!(socket.finish(Some(Side::Backend), |_: &Signals| {}).unreadable);
    // Whoever has no budget left decompresses nothing.
    let mut socket = Socket::new(Protocol::Auto, REALTIME);
    socket.give_up();
    socket.backend_sent(&frame(0xc1, &packed), |_: &Signals| {});
    assert_eq!(socket.inflated(), 0);
}

#[test]
fn closes_count_by_their_codes_and_by_who_sent_them() {
    for (code, expected) in [
        (1000, Outcome::Ok),
        (1008, Outcome::Ok),
        (1011, Outcome::Permanent),
        (1012, Outcome::Transient),
        (1013, Outcome::Transient),
        (1014, Outcome::External),
        (4001, Outcome::Ok),
    ] {
        let (_, ended) = read(&frame(0x88, &u16::to_be_bytes(code)), 1);
        assert_eq!(class(&ended), expected, "{code}");
    }
    assert_eq!(class(&read(&frame(0x88, b""), 1).1), Outcome::Ok, "a close without a code");
    assert_eq!(class(&read(b"", 1).1), Outcome::Transient, "no close at all");
    assert_eq!(class(&read(b"an answer", 1).1), Outcome::Ok, "no WebSocket at all");
    let rules =
        Rules { codes: [("close_4001".into(), Outcome::External)].into(), ..Rules::default() };
    let (_, ended) = read(&frame(0x88, &u16::to_be_bytes(4001)), 1);
    assert_eq!(rules.outcome(101, ended.failure.as_ref()), Outcome::External);
}

/// Messages of both sides as they are told.
#[derive(Default)]
struct Told(Vec<(Side, String)>, Vec<u8>);

impl Listener for &mut Told {
    fn made(&mut self, _: &Signals) {}

    fn text(&mut self, _: Side, text: &[u8]) {
        self.1.extend_from_slice(text);
    }

    fn message_ends(&mut self, from: Side) {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.1)).into_owned();
        self.0.push((from, text));
    }
}

#[test]
fn texts_of_both_sides_are_told_without_masks_and_compression() {
    let mut compress = Compress::new(Compression::default(), false);
    let mut packed = Vec::with_capacity(4096);
    compress.compress_vec(b"{\"b\":2}", &mut packed, FlushCompress::Sync).expect("packed");
    packed.truncate(packed.len() - 4);
    let backend = [
        frame(0x81, b"{\"a\":1}"),
        frame(0x82, b"binary"),
        frame(0x82, b"{\"e\":5}"),
        frame(0x01, b"{\"c\""),
        frame(0x89, b"ping"),
        frame(0x80, b":3}"),
        frame(0xc1, &packed),
    ];
    let masked: Vec<u8> =
        b"{\"d\":4}".iter().enumerate().map(|(at, b)| b ^ (at as u8 % 4)).collect();
    let client = [
        &[0x81, 0x87, 0, 1, 2, 3][..],
        &masked,
        // Binary, compressed, and a close: nothing of them is told.
        &[0x82, 0x81, 0, 0, 0, 0, b'x'],
        &[0xc1, 0x81, 0, 0, 0, 0, b'x'],
        &[0x88, 0x82, 0, 0, 0, 0, 3, 0xe8],
    ];
    for size in [1, 5, 4096] {
        let mut socket = Socket::new(Protocol::Auto, REALTIME);
        let mut told = Told::default();
        for piece in backend.concat().chunks(size) {
            socket.backend_sent(piece, &mut told);
        }
        for piece in client.concat().chunks(size) {
            socket.client_sent(piece, &mut told);
        }
        let expected = [
            (Side::Backend, "{\"a\":1}"),
            (Side::Backend, "{\"e\":5}"),
            (Side::Backend, "{\"c\":3}"),
            (Side::Backend, "{\"b\":2}"),
            (Side::Client, "{\"d\":4}"),
        ];
        let expected = expected.map(|(side, text)| (side, text.to_owned()));
        assert_eq!(told.0, expected, "in pieces of {size}");
    }
}

#[test]
fn a_client_that_leaves_is_gone_only_while_it_waits() {
    for (answered, expected) in [(false, End::ClientGone), (true, End::Complete)] {
        let mut socket = Socket::new(Protocol::Auto, REALTIME);
        socket.client_sent(&[0x81, 0x82, 0, 0, 0, 0, b'{', b'}'], |_: &Signals| {});
        assert!(socket.awaits_an_answer());
        if answered {
            socket.backend_sent(&frame(0x81, b"{}"), |_: &Signals| {});
        }
        assert_eq!(socket.finish(Some(Side::Client), |_: &Signals| {}).end, expected);
    }
}

#[test]
fn grpc_web_tells_its_status_in_the_last_frame() {
    use crate::bodies::{answer, scan_pieces};
    use base64::Engine as _;
    let trailers = |status: &str| format!("grpc-status:{status}\r\ngrpc-message: m\r\n");
    let body = |status: &str| {
        let text = trailers(status);
        let mut bytes = vec![0, 0, 0, 0, 3, 1, 2, 3, 0x80];
        bytes.extend((text.len() as u32).to_be_bytes());
        bytes.extend(text.as_bytes());
        bytes
    };
    for (status, expected) in
        [("0", Outcome::Ok), ("13", Outcome::Permanent), ("14", Outcome::Transient)]
    {
        let plain = body(status);
        let (data, last) = plain.split_at(8);
        let engine = base64::engine::general_purpose::STANDARD;
        let text = format!("{}{}", engine.encode(data), engine.encode(last)).into_bytes();
        for (kind, bytes) in [
            (&b"application/grpc-web+proto"[..], &plain),
            (&b"application/grpc-web-text"[..], &text),
        ] {
            for size in [1, 5, 4096] {
                let pieces = bytes.chunks(size);
                let seen = scan_pieces(&answer("/s.A/M", kind), pieces, End::Complete);
                assert_eq!(Rules::default().outcome(200, seen.failure.as_ref()), expected);
                assert!(!seen.is_generation && seen.usage.is_none());
            }
        }
    }
}
