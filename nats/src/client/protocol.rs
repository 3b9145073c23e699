//! Lines of the NATS client protocol: bytes in, operations out. No IO.
//!
//! The forms are those of the NATS documentation, "Client protocol".

use bytes::{Buf as _, Bytes, BytesMut};
use serde::Deserialize;

/// Longest line of control.
const LINE: usize = 64 << 10;
/// Largest message that is taken.
const PAYLOAD: usize = 64 << 20;

/// What a server says of itself.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Info {
    #[serde(default)]
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) server_name: String,
    #[serde(default)]
    pub(crate) tls_required: bool,
    #[serde(default)]
    pub(crate) max_payload: usize,
}

/// A message that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) sid: u64,
    pub(crate) reply: Option<String>,
    /// Lines of the header, the status line first; empty without a header.
    pub(crate) header: String,
    pub(crate) payload: Bytes,
}

/// Something that a server said.
#[derive(Debug)]
pub(crate) enum Said {
    Info(Box<Info>),
    Message(Message),
    Ping,
    Pong,
    Ok,
    Error(String),
}

impl Message {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.header.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Returns true if nobody listens to the subject of a request.
    pub(crate) fn is_unheard(&self) -> bool {
        self.payload.is_empty() && self.header.starts_with("NATS/1.0 503")
    }
}

/// Takes the next operation out of what was read; none if more must be read first.
///
/// # Errors
/// What is wrong with the bytes, in words; the connection is of no use then.
pub(crate) fn next(read: &mut BytesMut) -> Result<Option<Said>, String> {
    let Some(end) = read.windows(2).position(|pair| pair == b"\r\n") else {
        return if read.len() > LINE { Err("a line without an end".to_owned()) } else { Ok(None) };
    };
    let line = std::str::from_utf8(&read[..end]).map_err(|error| error.to_string())?.to_owned();
    let (verb, rest) = line.split_once([' ', '\t']).unwrap_or((&line, ""));
    let said = match verb.to_ascii_uppercase().as_str() {
        "MSG" => return message(rest, end + 2, false, read),
        "HMSG" => return message(rest, end + 2, true, read),
        "INFO" => {
            let info = serde_json::from_str(rest).map_err(|error| format!("INFO: {error}"))?;
            Said::Info(Box::new(info))
        }
        "PING" => Said::Ping,
        "PONG" => Said::Pong,
        "+OK" => Said::Ok,
        "-ERR" => Said::Error(rest.trim_matches(['\'', ' ']).to_owned()),
        other => return Err(format!("unknown operation `{}`", other.escape_debug())),
    };
    read.advance(end + 2);
    Ok(Some(said))
}

fn message(
    rest: &str,
    begin: usize,
    has_header: bool,
    read: &mut BytesMut,
) -> Result<Option<Said>, String> {
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |text: &str| text.parse::<usize>().map_err(|_| format!("`{rest}` is no message"));
    let (names, sizes) = fields.split_at(fields.len().saturating_sub(1 + usize::from(has_header)));
    let (&subject, &sid, reply) = match names {
        [subject, sid] => (subject, sid, None),
        [subject, sid, reply] => (subject, sid, Some((*reply).to_owned())),
        _ => return Err(format!("`{rest}` is no message")),
    };
    let (header, total) = match sizes {
        [total] => (0, number(total)?),
        [header, total] => (number(header)?, number(total)?),
        _ => return Err(format!("`{rest}` is no message")),
    };
    if total > PAYLOAD || header > total {
        return Err(format!("a message of {total} bytes"));
    }
    if read.len() < begin + total + 2 {
        return Ok(None);
    }
    let sid = number(sid)? as u64;
    let subject = subject.to_owned();
    read.advance(begin);
    let mut body = read.split_to(total).freeze();
    read.advance(2);
    let head = body.split_to(header);
    let header = String::from_utf8_lossy(&head).into_owned();
    Ok(Some(Said::Message(Message { subject, sid, reply, header, payload: body })))
}

/// Adds a publication to what is to be written. Header names and values have no line breaks.
pub(crate) fn publish(
    out: &mut BytesMut,
    subject: &str,
    reply: Option<&str>,
    headers: &[(&str, String)],
    payload: &[u8],
) {
    let reply = reply.map(|reply| format!("{reply} ")).unwrap_or_default();
    if headers.is_empty() {
        let line = format!("PUB {subject} {reply}{}\r\n", payload.len());
        out.extend_from_slice(line.as_bytes());
    } else {
        let lines: String =
            headers.iter().map(|(key, value)| format!("{key}: {value}\r\n")).collect();
        let head = format!("NATS/1.0\r\n{lines}\r\n");
        let total = head.len() + payload.len();
        let line = format!("HPUB {subject} {reply}{} {total}\r\n{head}", head.len());
        out.extend_from_slice(line.as_bytes());
    }
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::{Said, next, publish};
    use bytes::BytesMut;

    fn all(text: &[u8]) -> Result<Vec<String>, String> {
        let mut read = BytesMut::from(text);
        let mut said = Vec::new();
        while let Some(one) = next(&mut read)? {
            said.push(match one {
                Said::Message(it) => format!(
                    "{} {} {:?} {:?} {:?}",
                    it.subject, it.sid, it.reply, it.header, it.payload
                ),
                Said::Info(it) => format!("info {} {}", it.version, it.max_payload),
                other => format!("{other:?}"),
            });
        }
        Ok(said)
    }

    #[test]
    fn operations_are_read_whole_and_in_order() {
        let text = b"INFO {\"version\":\"2.15.1\",\"max_payload\":9}\r\nMSG a.b 7 5\r\nhe\r\nl\r\nHMSG c 8 in.1 12 14\r\nNATS/1.0\r\n\r\nok\r\nPING\r\n-ERR 'no'\r\nMSG x 1 9\r\nhalf";
        let said = all(text).unwrap();
        assert_eq!(
            said,
            [
                "info 2.15.1 9",
                "a.b 7 None \"\" b\"he\\r\\nl\"",
                "c 8 Some(\"in.1\") \"NATS/1.0\\r\\n\\r\\n\" b\"ok\"",
                "Ping",
                "Error(\"no\")"
            ]
        );
        // However the bytes are cut, the same comes out.
        for cut in 0..text.len() {
            let mut read = BytesMut::from(&text[..cut]);
            let mut count = 0;
            while next(&mut read).unwrap().is_some() {
                count += 1;
            }
            read.extend_from_slice(&text[cut..]);
            while next(&mut read).unwrap().is_some() {
                count += 1;
            }
            assert_eq!(count, 5, "{cut}");
        }
    }

    #[test]
    fn wrong_bytes_are_an_error_and_no_panic() {
        for wrong in [
            &b"HELLO\r\n"[..],
            b"MSG a\r\n",
            b"MSG a b c d e\r\n",
            b"MSG a 1 99999999999\r\n",
            b"HMSG a 1 9 3\r\nabc\r\n",
            b"HMSG 1\r\n",
            b"INFO {\r\n",
            b"\xff\xff\r\n",
        ] {
            assert!(all(wrong).is_err(), "{}", wrong.escape_ascii());
        }
        assert!(all(&vec![b'x'; 70_000]).is_err());
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let mut out = BytesMut::new();
        publish(&mut out, "a.b", Some("in.2"), &[("Position", "7".to_owned())], b"body");
        assert!(out.starts_with(b"HPUB a.b in.2 "));
        // A server sends it on with the number of the subscription.
        let text = String::from_utf8(out.to_vec()).unwrap().replacen("HPUB a.b", "HMSG a.b 3", 1);
        let mut read = BytesMut::from(text.as_bytes());
        let Ok(Some(Said::Message(message))) = next(&mut read) else { panic!("{text}") };
        assert_eq!((message.header("position"), &message.payload[..]), (Some("7"), &b"body"[..]));
        assert!(read.is_empty());
    }
}
