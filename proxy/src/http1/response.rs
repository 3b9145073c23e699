//! Response heads: their fields, and the length of the body.

use super::field::{Field, Known, first, joined, tokens};
use super::head::{
    BodyLength, HeadLimits, MAX_FIELDS, Status, check_line_ends, content_length, nominate, place,
    transfer_coding,
};
use std::borrow::Cow;

/// A checked response head.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) len: usize,
    pub(crate) fields: Vec<Field>,
    pub(crate) status: u16,
    reason: (u32, u32),
    pub(crate) body: BodyLength,
    pub(crate) keep_alive: bool,
    pub(crate) http_11: bool,
}

impl ResponseHead {
    /// Parses the answer to a request with or without method HEAD.
    ///
    /// # Errors
    /// The defect, in words; the upstream connection is of no further use.
    pub(crate) fn parse(
        bytes: &[u8],
        to_head: bool,
        limits: HeadLimits,
        mut fields: Vec<Field>,
    ) -> Result<Status<Self>, &'static str> {
        let mut table = [const { std::mem::MaybeUninit::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let len = match config.parse_response_with_uninit_headers(&mut parsed, bytes, &mut table) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) if bytes.len() > limits.bytes => {
                return Err("head is too large");
            }
            Ok(httparse::Status::Partial) => return Ok(Status::Partial),
            Err(_) => return Err("head is not HTTP/1.1"),
        };
        let head = &bytes[..len];
        check_line_ends(head).map_err(|_| "bare line feed in the head")?;
        let status = parsed.code.unwrap_or(0);
        if !(100..=599).contains(&status) {
            return Err("status is not from 100 to 599");
        }
        fields.clear();
        fields.extend(
            parsed.headers.iter().map(|field| Field::within(head, field.name, field.value)),
        );
        let mut response = Self {
            len,
            fields,
            status,
            reason: place(head, parsed.reason.unwrap_or("").as_bytes()),
            body: BodyLength::UntilClose,
            keep_alive: false,
            http_11: parsed.version == Some(1),
        };
        response.read_fields(head, to_head)?;
        Ok(Status::Complete(response))
    }

    pub(crate) fn reason<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        &head[self.reason.0 as usize..self.reason.1 as usize]
    }

    pub(crate) fn field<'a>(&self, head: &'a [u8], name: &str) -> Option<&'a [u8]> {
        first(&self.fields, head, name)
    }

    /// The content codings of the body, in the order in which they were applied; empty if there are none.
    pub(crate) fn codings<'a>(&self, head: &'a [u8]) -> Cow<'a, [u8]> {
        let is = |field: &&Field| field.name(head).eq_ignore_ascii_case(b"content-encoding");
        joined(self.fields.iter().filter(is).map(|field| field.value(head)))
    }

    pub(crate) fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }

    fn read_fields(&mut self, head: &[u8], to_head: bool) -> Result<(), &'static str> {
        let (mut length, mut chunked, mut close, mut keep_alive) = (None, false, false, false);
        for at in 0..self.fields.len() {
            let field = self.fields[at];
            let value = field.value(head);
            match field.known {
                Known::ContentLength => {
                    let bytes = content_length(value).map_err(|_| "invalid Content-Length")?;
                    match length.replace(bytes) {
                        Some(before) if before != bytes => {
                            return Err("Content-Length fields that differ");
                        }
                        // Said once is enough, and all that clients take.
                        Some(_) => self.fields[at].nominated = true,
                        None => {}
                    }
                }
                Known::TransferEncoding => {
                    if chunked
                        || !transfer_coding(value).map_err(|_| "unknown Transfer-Encoding")?
                    {
                        return Err("unknown Transfer-Encoding");
                    }
                    chunked = true;
                }
                Known::Connection => {
                    for option in tokens(value) {
                        close |= option.eq_ignore_ascii_case(b"close");
                        keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                        nominate(&mut self.fields, head, option)
                            .map_err(|_| "Connection names a framing field")?;
                    }
                }
                _ => {}
            }
        }
        if chunked && (length.is_some() || !self.http_11) {
            return Err("Transfer-Encoding with Content-Length or HTTP/1.0");
        }
        self.keep_alive = !close && (self.http_11 || keep_alive);
        self.body = match length {
            _ if to_head || self.status < 200 || matches!(self.status, 204 | 304) => {
                BodyLength::None
            }
            _ if chunked => BodyLength::Chunked,
            Some(0) => BodyLength::None,
            Some(bytes) => BodyLength::Bytes(bytes),
            None => BodyLength::UntilClose,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ResponseHead;
    use crate::http1::{BodyLength, HeadLimits, Status};

    fn parse(text: &str, to_head: bool) -> Result<ResponseHead, &'static str> {
        let limits = HeadLimits { bytes: 8192, fields: 50 };
        match ResponseHead::parse(text.as_bytes(), to_head, limits, Vec::new())? {
            Status::Complete(head) => Ok(head),
            Status::Partial => Err("partial"),
        }
    }

    #[test]
    fn the_body_ends_where_status_method_and_fields_say() {
        let body = |status: u16, lines: &str, to_head| {
            parse(&format!("HTTP/1.1 {status} x\r\n{lines}\r\n"), to_head).map(|head| head.body)
        };
        assert_eq!(body(200, "Content-Length: 3\r\n", false), Ok(BodyLength::Bytes(3)));
        assert_eq!(
            body(200, "Content-Length: 3\r\nContent-Length: 3\r\n", false),
            Ok(BodyLength::Bytes(3))
        );
        assert_eq!(body(200, "Transfer-Encoding: chunked\r\n", false), Ok(BodyLength::Chunked));
        assert_eq!(body(200, "", false), Ok(BodyLength::UntilClose));
        assert_eq!(body(200, "Content-Length: 3\r\n", true), Ok(BodyLength::None));
        assert_eq!(body(204, "", false), Ok(BodyLength::None));
        assert_eq!(body(304, "Content-Length: 3\r\n", false), Ok(BodyLength::None));
        assert!(body(200, "Content-Length: 3\r\nContent-Length: 4\r\n", false).is_err());
        assert!(body(200, "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", false).is_err());
        assert!(body(200, "Transfer-Encoding: gzip, chunked\r\n", false).is_err());
        assert!(body(99, "", false).is_err());
    }
}
