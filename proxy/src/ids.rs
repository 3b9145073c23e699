//! Request ids: the client's if it is well-formed, else a UUIDv7 (RFC 9562 5.7).

/// Longest id that is taken over.
const MAX: usize = 128;

/// Returns whether a client's id may be used: short, printable, and harmless in a header, a log or
/// a URL.
pub(crate) fn is_well_formed(id: &[u8]) -> bool {
    let harmless = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:".contains(b);
    (1..=MAX).contains(&id.len()) && id.iter().all(harmless)
}

/// Returns whether an id may be one of ours: a UUID of version 7.
pub(crate) fn is_ours(id: &str) -> bool {
    let form = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        14 => byte == b'7',
        _ => byte.is_ascii_hexdigit(),
    };
    id.len() == 36 && id.bytes().enumerate().all(form)
}

/// Makes ids for one worker. Not for secrets: the random part only keeps ids apart.
#[derive(Debug)]
pub(crate) struct Ids {
    state: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Writes a new id for the Unix millisecond `now_ms` to `out`, replacing what it holds.
    pub(crate) fn write(&mut self, now_ms: u64, out: &mut String) {
        let (high, low) = (self.next(), self.next());
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(now_ms << 16 | 0x7000 | high & 0x0fff).to_be_bytes());
        bytes[8..].copy_from_slice(&(1 << 63 | low >> 2).to_be_bytes());
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (n, byte) in bytes.iter().enumerate() {
            at += usize::from(matches!(n, 4 | 6 | 8 | 10));
            text[at] = HEX[usize::from(byte >> 4)];
            text[at + 1] = HEX[usize::from(byte & 15)];
            at += 2;
        }
        out.clear();
        out.push_str(std::str::from_utf8(&text).unwrap_or_default());
    }

    /// A number that is good for telling things apart, and for nothing secret.
    pub(crate) fn random(&mut self) -> u64 {
        self.next()
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

/// Digits of hexadecimal numbers.
pub(crate) const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::{Ids, is_ours, is_well_formed};

    #[test]
    fn ids_are_version_7_and_carry_their_time() {
        let (mut ids, mut id) = (Ids::new(1), String::new());
        ids.write(0x0123_4567_89ab, &mut id);
        assert!(id.starts_with("01234567-89ab-7"), "{id}");
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
        assert_eq!(id.len(), 36);
        assert!(is_well_formed(id.as_bytes()) && is_ours(&id));
        assert!(!is_ours("req-1") && !is_ours("0199c5a4-7d0f-4d3e-9d3b-0c1f5f0a7d11"));
        let first = id.clone();
        ids.write(0x0123_4567_89ab, &mut id);
        assert_ne!(first, id);
    }

    #[test]
    fn odd_client_ids_are_not_taken_over() {
        for bad in ["", "a b", "a\r\nb", "ä", "<script>", &"x".repeat(129)] {
            assert!(!is_well_formed(bad.as_bytes()), "{bad:?}");
        }
    }
}
