//! However a body is cut into reads, it says the same; and no bytes make the scanner panic.

use crate::bodies::{self, BINARY, JSON, SSE, answer, scan_pieces};
use proptest::prelude::*;
use stagegate_signals::End;
use std::sync::LazyLock;

#[test]
fn every_single_cut_and_every_byte_alone_give_the_same() {
    for (name, answer, body) in bodies::all() {
        let whole = scan_pieces(&answer, [&body[..]], End::Complete);
        for cut in 0..=body.len() {
            let parts = scan_pieces(&answer, [&body[..cut], &body[cut..]], End::Complete);
            assert_eq!(parts, whole, "{name} cut at {cut}");
        }
        for size in [1, 2, 3, 5, 17] {
            let bytes = scan_pieces(&answer, body.chunks(size), End::Complete);
            assert_eq!(bytes, whole, "{name} by {size}");
        }
    }
}

static ALL: LazyLock<Vec<(&str, stagegate_signals::Answer<'static>, Vec<u8>)>> =
    LazyLock::new(bodies::all);

/// Lines that matter, that look as if, and that do not, in any order.
fn lines() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("event: error\n".to_owned()),
        Just("event: response.failed\n".to_owned()),
        Just("event: message_delta\n".to_owned()),
        Just("data: [DONE]\n\n".to_owned()),
        Just("data: {\"error\":null,\"usage\":null}\n\n".to_owned()),
        Just("data: {\"error\":{\"type\":\"api_error\"}}\n\n".to_owned()),
        Just("data: {\"text\":\"\\\"usage\\\":{\\\"input_tokens\\\":5}\"}\n\n".to_owned()),
        Just("data: {\"type\":\"error\",\"code\":\"slow_down\"}\n\n".to_owned()),
        Just("data:{\"model\":\"m\",\"id\":\"i\"}\n\n".to_owned()),
        Just("data: {\"model\":\"\",\"id\":\"\"}\n\n".to_owned()),
        Just("data: {\"type\":\"response.failed\",\"response\":{\"error\":null}}\n\n".to_owned()),
        Just("data: {\"result\":{\"status\":{\"state\":\"TASK_STATE_REJECTED\"}}}\n\n".to_owned()),
        Just("data: {\"result\":{\"isError\":true}}\n\n".to_owned()),
        Just("data: {\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"content_filter\"}}\n\n".to_owned()),
        Just("data: {\"candidates\":[{\"finishReason\":\"SAFETY\"}]}\n\n".to_owned()),
        Just("data: {\"promptFeedback\":{\"blockReason\":\"OTHER\"}}\n\n".to_owned()),
        Just("event: thread.run.failed\n".to_owned()),
        (0u64..1000).prop_map(|n| format!("data: {{\"usage\": {{\"input_tokens\":{n}}}}}\n\n")),
        (0u64..1000).prop_map(|n| format!(
            "data: {{\"usageMetadata\":{{\"promptTokenCount\":{n},\"candidatesTokenCount\":1}},\"modelVersion\":\"g\"}}\n\n"
        )),
        ".{0,40}".prop_map(|text| format!("{text}\n")),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_cuts_of_real_bodies_give_the_same(at in 0usize..10, mut cuts in prop::collection::vec(0usize..5000, 0..40)) {
        let (_, answer, body) = &ALL[at];
        cuts.iter_mut().for_each(|cut| *cut %= body.len() + 1);
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|ends| &body[ends[0]..ends[1]]);
        let whole = scan_pieces(answer, [&body[..]], End::Complete);
        prop_assert_eq!(scan_pieces(answer, pieces, End::Complete), whole);
    }

    #[test]
    fn any_cuts_of_made_up_streams_give_the_same(text in lines(), size in 1usize..40) {
        let answer = answer("/", SSE);
        let whole = scan_pieces(&answer, [text.as_bytes()], End::Complete);
        prop_assert_eq!(scan_pieces(&answer, text.as_bytes().chunks(size), End::Complete), whole);
    }

    #[test]
    fn garbage_never_panics(bytes: Vec<u8>, size in 1usize..50, coded in 0usize..6) {
        for kind in [JSON, SSE, BINARY] {
            let coding: &[u8] = [&b""[..], b"gzip", b"deflate", b"br", b"zstd", b"br, gzip"][coded];
            let answer = stagegate_signals::Answer { content_encoding: coding, ..answer("/", kind) };
            let _ = scan_pieces(&answer, bytes.chunks(size), End::Truncated);
        }
    }

    #[test]
    fn damaged_bodies_never_panic(at in 0usize..10, places in prop::collection::vec((0usize..5000, any::<u8>()), 1..20)) {
        let (_, answer, body) = &ALL[at];
        let mut body = body.clone();
        for (place, byte) in places {
            let place = place % body.len();
            body[place] = byte;
        }
        let _ = scan_pieces(answer, [&body[..]], End::Complete);
    }
}
