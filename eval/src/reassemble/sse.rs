//! Server-sent events out of bytes (WHATWG HTML, section 9.2.6).

/// An event with its data lines joined.
pub(super) struct Event {
    /// The `event` field.
    pub(super) name: Option<String>,
    /// The `data` fields, joined by line feeds.
    pub(super) data: String,
}

/// The events of a stream. One that no blank line ended is not an event: it may be half of one.
pub(super) fn events(stream: &[u8]) -> impl Iterator<Item = Event> {
    let mut lines = Lines(stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream));
    std::iter::from_fn(move || {
        let (mut name, mut data): (Option<String>, Option<String>) = (None, None);
        loop {
            let line = lines.next()?;
            if line.is_empty() {
                if name.is_some() || data.is_some() {
                    return Some(Event { name, data: data.unwrap_or_default() });
                }
                continue;
            }
            let colon = memchr::memchr(b':', line).unwrap_or(line.len());
            let value = line.get(colon + 1..).unwrap_or_default();
            let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
            match &line[..colon] {
                b"event" => name = Some(value.into_owned()),
                b"data" => match &mut data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(&value);
                    }
                    None => data = Some(value.into_owned()),
                },
                _ => {}
            }
        }
    })
}

/// Lines that end in `\n`, `\r\n` or `\r`; a last one without an end is none.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr2(b'\n', b'\r', self.0)?;
        let (line, rest) = self.0.split_at(end);
        let both = rest.starts_with(b"\r\n");
        self.0 = &rest[if both { 2 } else { 1 }..];
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::events;

    #[test]
    fn lines_end_in_three_ways_and_an_unfinished_event_is_none() {
        let stream = b"\xef\xbb\xbfevent: a\r\ndata: 1\r\ndata:2\r\n\r\n: hello\rid: 7\rdata\r\rdata: x\n\ndata: half";
        let read: Vec<_> = events(stream).map(|event| (event.name, event.data)).collect();
        let a = Some("a".to_owned());
        assert_eq!(read, [(a, "1\n2".into()), (None, String::new()), (None, "x".into())]);
    }
}
