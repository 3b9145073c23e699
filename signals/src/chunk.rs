//! The payload of a `chunk` of Bedrock's InvokeModelWithResponseStream: `{"bytes":"…"}`, an event of
//! the model's own protocol in base64.

/// What comes before the text.
const KEY: &[u8] = b"\"bytes\":\"";

/// Follows one payload.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chunk {
    /// Bytes of [`KEY`] that have come; all of it inside the text.
    matched: u8,
    is_over: bool,
    /// Bits that wait for a whole byte.
    bits: u32,
    waiting: u8,
}

impl Chunk {
    /// Takes more of the payload, and hands on what the text holds.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) {
        let mut plain = [0; 256];
        let mut length = 0;
        for &byte in bytes {
            if self.is_over {
                break;
            }
            if usize::from(self.matched) < KEY.len() {
                let expected = KEY[usize::from(self.matched)];
                self.matched = match byte {
                    _ if byte == expected => self.matched + 1,
                    b'"' => 1,
                    // Some write a blank behind the colon.
                    b' ' if usize::from(self.matched) == KEY.len() - 1 => self.matched,
                    _ => 0,
                };
                continue;
            }
            let Some(six) = value(byte) else {
                self.is_over = byte == b'"';
                continue;
            };
            self.bits = self.bits << 6 | six;
            self.waiting += 6;
            if self.waiting >= 8 {
                self.waiting -= 8;
                plain[length] = (self.bits >> self.waiting) as u8;
                length += 1;
                if length == plain.len() {
                    take(&plain);
                    length = 0;
                }
            }
        }
        take(&plain[..length]);
    }
}

/// The six bits of a letter; none for padding and everything else.
const fn value(letter: u8) -> Option<u32> {
    Some(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    } as u32)
}

#[cfg(test)]
mod tests {
    use super::Chunk;

    fn plain(payload: &[u8], cut: usize) -> String {
        let (mut chunk, mut all) = (Chunk::default(), Vec::new());
        for part in payload.chunks(cut) {
            chunk.feed(part, |bytes| all.extend_from_slice(bytes));
        }
        String::from_utf8(all).expect("text")
    }

    #[test]
    fn the_text_is_found_however_the_payload_is_cut() {
        for payload in [
            r#"{"bytes":"eyJ0eXBlIjoibWVzc2FnZV9zdG9wIn0=","p":"abcd"}"#,
            r#"{"p":"x","bytes": "eyJ0eXBlIjoibWVzc2FnZV9zdG9wIn0="}"#,
        ] {
            for cut in [1, 7, 100] {
                assert_eq!(plain(payload.as_bytes(), cut), r#"{"type":"message_stop"}"#);
            }
        }
        assert_eq!(plain(b"{}", 1), "");
        assert_eq!(plain(&[b'"'; 300], 9), "");
    }
}
