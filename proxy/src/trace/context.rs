//! W3C Trace Context: `traceparent`, read strictly and written
//! (<https://www.w3.org/TR/trace-context-2/>).

use crate::ids::{HEX, Ids};

/// Bytes of a `traceparent` of version 00.
const LENGTH: usize = 55;
/// The flag of a sampled trace: its sender keeps its own part.
const SAMPLED: u8 = 1;
/// The last seven bytes of the trace id are random.
const RANDOM: u8 = 2;

/// A place in a trace: one span of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; never all zero.
    pub trace_id: [u8; 16],
    /// The span; never all zero.
    pub span_id: [u8; 8],
    /// Bits that are defined, and no others.
    flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent`. Versions yet to come are read as far as they are like version 00,
    /// as the standard asks; `None` for what it calls invalid.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (fields, more) = value.split_at_checked(LENGTH)?;
        let [version] = bytes(&fields[..2])?;
        let ends_well = match version {
            0 => more.is_empty(),
            0xff => false,
            _ => more.first().is_none_or(|&next| next == b'-'),
        };
        let in_parts = [2, 35, 52].iter().all(|&at| fields[at] == b'-');
        let [flags] = bytes(&fields[53..])?;
        let read = Self {
            trace_id: bytes(&fields[3..35])?,
            span_id: bytes(&fields[36..52])?,
            flags: flags & (SAMPLED | RANDOM),
        };
        let valid = ends_well && in_parts && read.trace_id != [0; 16] && read.span_id != [0; 8];
        valid.then_some(read)
    }

    /// The first span of a trace that begins here. Of all such traces, those whose random part is
    /// at least `threshold` are sampled: the way of OpenTelemetry's consistent sampling, so that
    /// others who sample by the trace id pick the same ones.
    pub(crate) fn begin(threshold: u64, ids: &mut Ids) -> Self {
        let (high, low) = (ids.random().max(1), ids.random());
        let mut trace_id = [0; 16];
        trace_id[..8].copy_from_slice(&high.to_be_bytes());
        trace_id[8..].copy_from_slice(&low.to_be_bytes());
        let flags = if low & (u64::MAX >> 8) >= threshold { SAMPLED | RANDOM } else { RANDOM };
        Self { trace_id, span_id: span_id(ids), flags }
    }

    /// Another span of the same trace.
    pub(crate) fn child(self, ids: &mut Ids) -> Self {
        Self { span_id: span_id(ids), ..self }
    }

    /// Returns true if the trace is sampled.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The part of the trace's id that is random, 56 bits.
    pub(crate) fn random(self) -> u64 {
        let low = self.trace_id[8..].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        low & (u64::MAX >> 8)
    }

    /// The trace's id in hexadecimal digits.
    #[must_use]
    pub fn trace_id_text(self) -> String {
        self.to_string()[3..35].to_owned()
    }

    /// The flags, as they are sent.
    #[must_use]
    pub const fn flags(self) -> u8 {
        self.flags
    }

    /// Appends its `traceparent`, version 00.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let mut hex = |bytes: &[u8]| {
            for byte in bytes {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                out.extend_from_slice(&digits);
            }
            out.push(b'-');
        };
        hex(&[0]);
        hex(&self.trace_id);
        hex(&self.span_id);
        hex(&[self.flags]);
        out.pop();
    }
}

impl std::fmt::Display for TraceContext {
    /// Its `traceparent`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = Vec::with_capacity(LENGTH);
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

fn span_id(ids: &mut Ids) -> [u8; 8] {
    ids.random().max(1).to_be_bytes()
}

/// Bytes from lower-case hexadecimal digits: the standard knows no others.
fn bytes<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::TraceContext;
    use crate::ids::Ids;
    use proptest::prelude::{any, proptest};

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn parse(text: &str) -> Option<TraceContext> {
        TraceContext::parse(text.as_bytes())
    }

    #[test]
    fn what_the_standard_calls_valid_is_read_and_written_as_version_00() {
        let read = parse(VALID).expect("valid");
        assert!(read.is_sampled());
        assert_eq!(read.to_string(), VALID);
        // Versions to come: what is known of them is read, what is not is left out.
        let written = VALID.replace("-01", "-03");
        for later in [
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what-will-be",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-",
        ] {
            assert_eq!(
                parse(later).map(|it| it.to_string()).as_deref(),
                Some(&*written),
                "{later}"
            );
        }
        assert!(!parse(&VALID.replace("-01", "-00")).expect("valid").is_sampled());
    }

    #[test]
    fn what_the_standard_calls_invalid_is_not_read() {
        let zero_trace = VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let zero_span = VALID.replace("00f067aa0ba902b7", &"0".repeat(16));
        let upper = VALID.to_uppercase();
        for bad in [
            "",
            "00",
            &VALID[..54],
            &VALID[1..],
            &zero_trace,
            &zero_span,
            &upper,
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7- 1",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn traces_that_begin_here_are_sampled_at_their_share() {
        let mut ids = Ids::new(7);
        let whole = 1 << 56;
        for (threshold, least, most) in [
            (0, 10_000, 10_000),
            (whole, 0, 0),
            (whole / 2, 4_750, 5_250),
            (whole - whole / 100, 60, 140),
        ] {
            let sampled = (0..10_000).filter(|_| {
                let begun = TraceContext::begin(threshold, &mut ids);
                assert_eq!(parse(&begun.to_string()), Some(begun));
                begun.is_sampled()
            });
            let sampled = sampled.count();
            assert!((least..=most).contains(&sampled), "{sampled} of 10,000");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_read_as_what_they_are_not(text in "[0-9a-fA-F-]{50,60}") {
            if let Some(read) = parse(&text) {
                assert_eq!(read.to_string()[3..53], text[3..53]);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(noise in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = TraceContext::parse(&noise);
        }
    }
}
