//! One exchange of HTTP/1.1 over a Unix socket.

use super::events::SILENCE;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Answers are pages at most; more is not from an admin API.
pub(super) const LARGEST_ANSWER: u64 = 32 * 1024 * 1024;
/// A rollback waits until every worker follows; nothing else takes long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest line of a head.
const LONGEST_LINE: u64 = 64 * 1024;

/// Whether somebody listens at `path`.
pub(super) fn answers(path: &Path) -> bool {
    UnixStream::connect(path).is_ok()
}

/// Sends a request and reads its answer: the status and the body. The server closes the connection
/// behind it.
pub(super) fn exchange(
    socket: &Path,
    method: &str,
    path: &str,
    fields: &[(&str, String)],
    body: &[u8],
) -> Result<(u16, String)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.take(LARGEST_ANSWER).read_to_end(&mut answer)?;
    read(&answer).ok_or_else(|| Error::new(ErrorKind::InvalidData, "it does not speak HTTP"))
}

/// An answer to the request for a stream.
pub(super) enum Opened {
    /// What comes by it.
    Stream(Box<dyn Read + Send>),
    /// Another answer: its status and its body.
    Other(u16, String),
}

/// Asks for a stream of events.
pub(super) fn stream(socket: &Path, path: &str, fields: &[(&str, String)]) -> Result<Opened> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // An answer of HTTP/1.0 comes without chunks and ends with its connection.
    let mut head = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    let odd = || Error::new(ErrorKind::InvalidData, "it does not speak HTTP");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    (&mut reader).take(LONGEST_LINE).read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|it| it.parse::<u16>().ok()).ok_or_else(odd)?;
    while line.trim_end() != "" {
        line.clear();
        (&mut reader).take(LONGEST_LINE).read_line(&mut line)?;
    }
    if status == 200 {
        return Ok(Opened::Stream(Box::new(reader)));
    }
    let mut text = String::new();
    reader.take(LARGEST_ANSWER).read_to_string(&mut text)?;
    Ok(Opened::Other(status, text))
}

/// The status and the body of an answer that ends with its connection.
fn read(answer: &[u8]) -> Option<(u16, String)> {
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let body = answer.get(end + 4..)?;
    let status = head.split("\r\n").next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let field = |name: &str| {
        head.split("\r\n").find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let body = match (field("transfer-encoding"), field("content-length")) {
        (Some(_), _) => unchunked(body)?,
        (None, Some(length)) => body.get(..length.parse().ok()?)?.to_vec(),
        (None, None) => body.to_vec(),
    };
    Some((status, String::from_utf8(body).ok()?))
}

/// The content of a body in chunks (RFC 9112, section 7.1).
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let end = rest.windows(2).position(|it| it == b"\r\n")?;
        let line = std::str::from_utf8(rest.get(..end)?).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        rest = rest.get(end + 2..)?;
        if size == 0 {
            return Some(content);
        }
        content.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::{exchange, read};
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    #[test]
    fn answers_are_read_with_a_length_in_chunks_and_to_the_end() {
        let whole = |text: &str| read(text.as_bytes()).map(|(status, body)| (status, body.len()));
        assert_eq!(whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}x"), Some((200, 2)));
        let chunked =
            "HTTP/1.1 409 Conflict\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        assert_eq!(whole(chunked), Some((409, 2)));
        assert_eq!(whole("HTTP/1.1 200 OK\r\n\r\nabc"), Some((200, 3)));
        for cut in
            ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "SSH-2.0"]
        {
            assert_eq!(whole(cut), None, "{cut}");
        }
    }

    #[test]
    fn a_request_goes_over_the_socket() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s.sock");
        let listener = UnixListener::bind(&path).expect("bound");
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody comes");
            let mut asked = vec![0; 4096];
            let read = stream.read(&mut asked).expect("a request");
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").expect("sent");
            String::from_utf8_lossy(&asked[..read]).into_owned()
        });
        let fields = [("if-match", "\"4\"".to_owned())];
        let answer = exchange(&path, "PUT", "/v1/x", &fields, b"").expect("answered");
        assert_eq!(answer, (200, "{}".to_owned()));
        let asked = asked.join().expect("it ended");
        assert!(asked.starts_with("PUT /v1/x HTTP/1.1\r\nhost: localhost\r\n"), "{asked}");
        assert!(asked.contains("if-match: \"4\"\r\n"), "{asked}");
    }
}
