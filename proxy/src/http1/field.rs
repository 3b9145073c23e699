//! Header fields as places in the bytes they came in.

use std::borrow::Cow;

/// Fields the proxy has an opinion on; everything else is forwarded as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Other,
    Baggage,
    /// Other claims about the connection or the address of a client, like `X-Real-IP`.
    ClientClaim,
    Connection,
    ContentLength,
    /// One of the others with `_` for `-`: CGI's descendants take the two for the same.
    Disguised,
    Expect,
    Forwarded,
    Host,
    Http2Settings,
    KeepAlive,
    ProxyAuthorization,
    ProxyConnection,
    RequestId,
    /// `stagegate-arm` and its siblings: only the proxy itself may say them.
    Stagegate,
    StagegateForce,
    Te,
    Traceparent,
    Tracestate,
    Trailer,
    TransferEncoding,
    Upgrade,
    Via,
    XForwardedFor,
    XForwardedHost,
    XForwardedProto,
}

impl Known {
    pub(crate) fn of(name: &[u8]) -> Self {
        // Length and first letter alone rule out nearly every name.
        let Some(first) = name.first().map(u8::to_ascii_lowercase) else { return Self::Other };
        let words: &[(&str, Self)] = match (name.len(), first) {
            (2, b't') => &[("te", Self::Te)],
            (3, b'v') => &[("via", Self::Via)],
            (4, b'h') => &[("host", Self::Host)],
            (6, b'e') => &[("expect", Self::Expect)],
            (7, b'b') => &[("baggage", Self::Baggage)],
            (7, b't') => &[("trailer", Self::Trailer)],
            (7, b'u') => &[("upgrade", Self::Upgrade)],
            (8, b'x') => &[("x-scheme", Self::ClientClaim)],
            (9, b'f') => &[("forwarded", Self::Forwarded)],
            (9, b'x') => &[("x-real-ip", Self::ClientClaim)],
            (10, b'c') => &[("connection", Self::Connection)],
            (10, b'k') => &[("keep-alive", Self::KeepAlive)],
            (10, b't') => &[("tracestate", Self::Tracestate)],
            (11, b't') => &[("traceparent", Self::Traceparent)],
            (11, b'x') => &[("x-client-ip", Self::ClientClaim)],
            (12, b'x') => &[("x-request-id", Self::RequestId)],
            (13, b's') => &[("stagegate-arm", Self::Stagegate)],
            (13, b'x') => &[("x-rewrite-url", Self::ClientClaim)],
            (14, b'c') => &[("content-length", Self::ContentLength)],
            (14, b't') => &[("true-client-ip", Self::ClientClaim)],
            (14, b'x') => &[("x-original-url", Self::ClientClaim)],
            (14, b'h') => &[("http2-settings", Self::Http2Settings)],
            (15, b'x') => &[
                ("x-forwarded-for", Self::XForwardedFor),
                ("x-forwarded-ssl", Self::ClientClaim),
                ("x-original-host", Self::ClientClaim),
            ],
            (15, b'f') => &[("front-end-https", Self::ClientClaim)],
            (15, b's') => &[
                ("stagegate-epoch", Self::Stagegate),
                ("stagegate-flags", Self::Stagegate),
                ("stagegate-force", Self::StagegateForce),
            ],
            (16, b'p') => &[("proxy-connection", Self::ProxyConnection)],
            (16, b'x') => &[
                ("x-forwarded-host", Self::XForwardedHost),
                ("x-forwarded-port", Self::ClientClaim),
            ],
            (16, b'c') => &[("cf-connecting-ip", Self::ClientClaim)],
            (16, b's') => {
                &[("stagegate-reason", Self::Stagegate), ("stagegate-shadow", Self::Stagegate)]
            }
            (17, b't') => &[("transfer-encoding", Self::TransferEncoding)],
            (17, b'x') => &[("x-forwarded-proto", Self::XForwardedProto)],
            (17, b's') => &[("stagegate-release", Self::Stagegate)],
            (18, b'x') => &[
                ("x-forwarded-prefix", Self::ClientClaim),
                ("x-forwarded-scheme", Self::ClientClaim),
                ("x-forwarded-server", Self::ClientClaim),
            ],
            (23, b's') => &[("stagegate-request-proof", Self::Stagegate)],
            (19, b'p') => &[("proxy-authorization", Self::ProxyAuthorization)],
            (19, b'x') => &[("x-cluster-client-ip", Self::ClientClaim)],
            (24, b'x') => &[("x-original-forwarded-for", Self::ClientClaim)],
            _ => return Self::Other,
        };
        words.iter().find_map(|(word, known)| spelled(name, word, *known)).unwrap_or(Self::Other)
    }

    /// Returns whether the field is about one connection only and never forwarded as it came.
    pub(crate) const fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::Http2Settings
                | Self::KeepAlive
                | Self::ProxyConnection
                | Self::ProxyAuthorization
                | Self::Te
                | Self::Upgrade
        )
    }
}

/// `known` if the name is this word of the same length; [`Known::Disguised`] if it has `_` for `-`.
fn spelled(name: &[u8], word: &str, known: Known) -> Option<Known> {
    let mut disguised = false;
    for (byte, wanted) in name.iter().zip(word.bytes()) {
        if byte.to_ascii_lowercase() != wanted {
            if (*byte, wanted) != (b'_', b'-') {
                return None;
            }
            disguised = true;
        }
    }
    Some(if disguised { Known::Disguised } else { known })
}

/// One field line: places of name and value in the head's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    name: (u32, u32),
    value: (u32, u32),
    pub(crate) known: Known,
    /// Named by a `Connection` field, so about one connection only.
    pub(crate) nominated: bool,
    /// As if it had not come: nobody reads it, and it is not forwarded.
    pub(crate) withheld: bool,
}

impl Field {
    /// The field whose slices httparse found inside `head`.
    pub(crate) fn within(head: &[u8], name: &str, value: &[u8]) -> Self {
        let base = head.as_ptr() as usize;
        let place = |slice: &[u8]| {
            let start = (slice.as_ptr() as usize).wrapping_sub(base) as u32;
            (start, start + slice.len() as u32)
        };
        // httparse may give an empty value a place of its own; any empty place will do.
        let value = if value.is_empty() { (0, 0) } else { place(value) };
        Self {
            name: place(name.as_bytes()),
            value,
            known: Known::of(name.as_bytes()),
            nominated: false,
            withheld: false,
        }
    }

    pub(crate) fn name<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        &head[self.name.0 as usize..self.name.1 as usize]
    }

    /// The place where the field's line begins.
    pub(crate) fn start(&self) -> usize {
        self.name.0 as usize
    }

    pub(crate) fn value<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        &head[self.value.0 as usize..self.value.1 as usize]
    }
}

/// The members of a comma list, trimmed, empty ones left out.
pub(crate) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// The value of the first field of this name.
pub(super) fn first<'a>(fields: &[Field], head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let is = |field: &&Field| field.name(head).eq_ignore_ascii_case(name.as_bytes());
    fields.iter().find(is).map(|field| field.value(head))
}

/// The values of fields that form one list, in their order (RFC 9110 5.3).
pub(super) fn joined<'a>(values: impl Iterator<Item = &'a [u8]>) -> Cow<'a, [u8]> {
    let mut list = Cow::Borrowed(&b""[..]);
    for value in values.filter(|value| !value.is_empty()) {
        list = if list.is_empty() {
            Cow::Borrowed(value)
        } else {
            Cow::Owned([&*list, value].join(&b", "[..]))
        };
    }
    list
}

#[cfg(test)]
mod tests {
    use super::{Known, joined};

    #[test]
    fn fields_of_one_list_are_joined() {
        for (values, list) in [
            (&[][..], &b""[..]),
            (&[b"gzip"], b"gzip"),
            (&[b"gzip", b"br"], b"gzip, br"),
            (&[b"", b"gzip, br", b"", b"zstd"], b"gzip, br, zstd"),
        ] as [(&[&[u8]], &[u8]); 4]
        {
            assert_eq!(&*joined(values.iter().copied()), list);
        }
    }

    #[test]
    fn a_known_name_with_underscores_is_nobodys() {
        for (name, known) in [
            ("Content-Length", Known::ContentLength),
            ("CONTENT-length", Known::ContentLength),
            ("Content_Length", Known::Disguised),
            ("transfer_ENCODING", Known::Disguised),
            ("X_Forwarded-For", Known::Disguised),
            ("stagegate_arm", Known::Disguised),
            ("X-Real-Ip", Known::ClientClaim),
            ("x_original-forwarded_for", Known::Disguised),
            ("x_trace_id", Known::Other),
            ("content-lengtg", Known::Other),
            ("content~length", Known::Other),
        ] {
            assert_eq!(Known::of(name.as_bytes()), known, "{name}");
        }
    }
}
