//! Just enough of HTTP/1.1 to know whether a response is good and where it ends.

use anyhow::{Context, Result, bail};
use memchr::memmem;

/// The head of a 200.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Its bytes, with the empty line.
    pub(crate) length: usize,
    /// Bytes of the body, where it says so.
    pub(crate) body: Option<usize>,
}

impl Head {
    /// The head at the start of `bytes`, once it is there whole; an error unless it is a 200.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        const OK: &[u8] = b"HTTP/1.1 200 ";
        let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
        let head = &bytes[..end + 4];
        if !head.starts_with(OK) {
            bail!("no 200 but: {}", first_line(head));
        }
        let lines = head.split(|byte| *byte == b'\n');
        let length = lines.filter_map(content_length).next();
        let body = length.transpose().with_context(|| format!("in {}", first_line(head)))?;
        Ok(Some(Self { length: end + 4, body }))
    }
}

/// How many bytes the response at the start of `bytes` has, once that can be told.
pub(crate) fn sized(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(head) = Head::parse(bytes)? else { return Ok(None) };
    let body = head.body.context("a response without content-length")?;
    Ok(Some(head.length + body))
}

fn content_length(line: &[u8]) -> Option<Result<usize>> {
    const NAME: &[u8] = b"content-length:";
    let (name, value) = line.split_at_checked(NAME.len())?;
    if !name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let value = String::from_utf8_lossy(value);
    let value = value.trim();
    Some(value.parse().with_context(|| format!("content-length is {value:?}, not a number")))
}

fn first_line(head: &[u8]) -> String {
    let end = memmem::find(head, b"\r\n").unwrap_or(head.len());
    String::from_utf8_lossy(&head[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_sized_response_is_found_at_any_split() {
        let text = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello";
        for split in 0..text.len() - 5 {
            assert_eq!(sized(&text[..split]).expect("good so far"), None, "{split}");
        }
        assert_eq!(sized(text).expect("good"), Some(text.len()));
    }

    #[test]
    fn anything_but_a_200_is_an_error_that_shows_it() {
        let error = Head::parse(b"HTTP/1.1 503 Busy\r\n\r\n").expect_err("bad").to_string();
        assert!(error.contains("503 Busy"), "{error}");
        assert!(sized(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "no length");
        assert!(sized(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n").is_err());
    }
}
