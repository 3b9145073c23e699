//! A budget of the frames that make work and carry nothing: SETTINGS, PING, PRIORITY, WINDOW_UPDATE,
//! RST_STREAM, CONTINUATION, empty DATA and frames of unknown types (RFC 9113 4.1, 6, 10.5).
//!
//! What the proxy sends pays for what a client says about it: two window updates for each frame of an
//! answer are what the busiest honest clients send.

use super::PREFACE;

/// Frames a connection may send at once.
const BURST: u32 = 2_000;
/// Frames a second that it may send from then on.
const PER_SECOND: u32 = 1_000;
/// Further ones for each frame of an answer, and for each request.
const PER_ANSWER: u32 = 2;
const PER_REQUEST: u32 = 1;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;
const PADDED: u8 = 8;
/// A DATA frame with padding of which no more than this remains may be padding only.
const MOST_PADDING: usize = 256;

/// Follows both directions of one connection of a client.
#[derive(Debug)]
pub(super) struct Meter {
    left: u32,
    refilled_ms: u64,
    incoming: Frames,
    outgoing: Frames,
    over: bool,
}

/// Finds frame headers in a stream of bytes.
#[derive(Debug, Default)]
struct Frames {
    header: [u8; 9],
    have: usize,
    /// Bytes that are no header.
    skip: usize,
}

impl Meter {
    pub(super) fn new() -> Self {
        let incoming = Frames { skip: PREFACE.len(), ..Frames::default() };
        Self { left: BURST, refilled_ms: 0, incoming, outgoing: Frames::default(), over: false }
    }

    /// Returns whether the client has used up its budget; it stays so.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// Time has come to this.
    pub(super) fn refill(&mut self, now_ms: u64) {
        let passed = now_ms.saturating_sub(self.refilled_ms).min(60_000);
        let more = u64::from(PER_SECOND) * passed / 1000;
        if more > 0 {
            self.refilled_ms = now_ms;
            earn(&mut self.left, u32::try_from(more).unwrap_or(u32::MAX));
        }
    }

    /// The client sent this.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        let Self { left, incoming, over, .. } = self;
        incoming.feed(bytes, |kind, flags, length| match kind {
            HEADERS => earn(left, PER_REQUEST),
            DATA if flags & END_STREAM != 0 => {}
            DATA if length > MOST_PADDING || (length > 0 && flags & PADDED == 0) => {}
            _ => match left.checked_sub(1) {
                Some(less) => *left = less,
                None => *over = true,
            },
        });
    }

    /// The proxy sends this.
    pub(super) fn written(&mut self, bytes: &[u8]) {
        let Self { left, outgoing, .. } = self;
        outgoing.feed(bytes, |kind, _, _| {
            if matches!(kind, DATA | HEADERS) {
                earn(left, PER_ANSWER);
            }
        });
    }
}

fn earn(left: &mut u32, more: u32) {
    *left = left.saturating_add(more).min(BURST);
}

impl Frames {
    /// Calls `found` with type, flags and length of each frame that begins in `bytes`.
    fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(u8, u8, usize)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let more = (self.header.len() - self.have).min(bytes.len());
            if more == 0 {
                return;
            }
            self.header[self.have..self.have + more].copy_from_slice(&bytes[..more]);
            self.have += more;
            bytes = &bytes[more..];
            if self.have < self.header.len() {
                return;
            }
            self.have = 0;
            let [a, b, c, kind, flags, ..] = self.header;
            self.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            found(kind, flags, self.skip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BURST, Meter, PER_SECOND};
    use crate::http2::PREFACE;
    use proptest::prelude::*;

    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![0, (length >> 8) as u8, length as u8, kind, flags, 0, 0, 0, 1];
        frame.resize(9 + length, 0);
        frame
    }

    fn begun() -> Meter {
        let mut meter = Meter::new();
        meter.read(PREFACE);
        meter.read(&frame(SETTINGS, 0, 0));
        meter
    }

    #[test]
    fn frames_that_carry_nothing_are_counted_and_all_kinds_of_them() {
        for (kind, flags, length) in [
            (4, 0, 6),
            (4, 1, 0),
            (6, 0, 8),
            (2, 0, 5),
            (8, 0, 4),
            (3, 0, 4),
            (9, 0, 0),
            (9, 0, 99),
            (0, 0, 0),
            (0, 8, 200),
            (0xee, 0, 16),
        ] {
            let mut meter = begun();
            let one = frame(kind, flags, length);
            (1..BURST).for_each(|_| meter.read(&one));
            assert!(!meter.is_over(), "{kind}");
            meter.read(&one);
            assert!(meter.is_over(), "{kind}");
        }
    }

    #[test]
    fn what_carries_something_costs_nothing_and_answers_pay_for_updates() {
        let mut meter = begun();
        for _ in 0..10 * BURST {
            meter.read(&frame(1, 4, 30));
            meter.read(&frame(0, 0, 1));
            meter.read(&frame(0, 1, 0));
        }
        assert!(!meter.is_over());
        for _ in 0..10 * BURST {
            meter.written(&frame(0, 0, 7));
            meter.read(&frame(WINDOW_UPDATE, 0, 4));
            meter.read(&frame(WINDOW_UPDATE, 0, 4));
        }
        assert!(!meter.is_over());
        // What is sent because of a flood pays for nothing.
        for _ in 0..=BURST {
            meter.read(&frame(PING, 0, 8));
            meter.written(&frame(PING, 1, 8));
        }
        assert!(meter.is_over());
    }

    #[test]
    fn the_budget_is_one_of_a_second() {
        let mut meter = begun();
        for ms in 1..60_000 {
            meter.refill(ms);
            if ms % 2 == 0 {
                meter.read(&frame(PING, 0, 8));
            }
        }
        assert!(!meter.is_over(), "500 a second");
        let most = BURST + PER_SECOND * 2;
        (0..most).for_each(|n| {
            meter.refill(60_000 + u64::from(n) / 4);
            meter.read(&frame(PING, 0, 8));
        });
        assert!(meter.is_over(), "4000 a second");
    }

    proptest! {
        /// However the bytes are cut, the frames are the same.
        #[test]
        fn frames_are_found_however_they_are_cut(kinds in prop::collection::vec((0_u8..12, 0_usize..40), 0..20), cuts: Vec<usize>) {
            let mut bytes = PREFACE.to_vec();
            kinds.iter().for_each(|&(kind, length)| bytes.extend(frame(kind, 0, length)));
            let mut whole = Meter::new();
            whole.read(&bytes);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut pieces = Meter::new();
            cuts.windows(2).for_each(|cut| pieces.read(&bytes[cut[0]..cut[1]]));
            prop_assert_eq!(whole.left, pieces.left);
            prop_assert_eq!(pieces.incoming.skip, 0);
        }
    }
}
