//! Header fields as places in the bytes they came in.

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

/// Bytes of the longest known name.
const LONGEST: usize = "x-original-forwarded-for".len();

impl Known {
    pub(crate) fn of(name: &[u8]) -> Self {
        // The length alone rules out nearly every name.
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        match name.len() {
            2 if is("te") => Self::Te,
            3 if is("via") => Self::Via,
            4 if is("host") => Self::Host,
            6 if is("expect") => Self::Expect,
            7 if is("baggage") => Self::Baggage,
            7 if is("trailer") => Self::Trailer,
            7 if is("upgrade") => Self::Upgrade,
            8 if is("x-scheme") => Self::ClientClaim,
            9 if is("forwarded") => Self::Forwarded,
            9 if is("x-real-ip") => Self::ClientClaim,
            10 if is("connection") => Self::Connection,
            10 if is("keep-alive") => Self::KeepAlive,
            10 if is("tracestate") => Self::Tracestate,
            11 if is("traceparent") => Self::Traceparent,
            11 if is("x-client-ip") => Self::ClientClaim,
            12 if is("x-request-id") => Self::RequestId,
            13 if is("stagegate-arm") => Self::Stagegate,
            13 if is("x-rewrite-url") => Self::ClientClaim,
            14 if is("content-length") => Self::ContentLength,
            14 if is("true-client-ip") || is("x-original-url") => Self::ClientClaim,
            14 if is("http2-settings") => Self::Http2Settings,
            15 if is("x-forwarded-for") => Self::XForwardedFor,
            15 if is("x-forwarded-ssl") || is("x-original-host") => Self::ClientClaim,
            15 if is("front-end-https") => Self::ClientClaim,
            15 if is("stagegate-epoch") || is("stagegate-flags") => Self::Stagegate,
            15 if is("stagegate-force") => Self::StagegateForce,
            16 if is("proxy-connection") => Self::ProxyConnection,
            16 if is("x-forwarded-host") => Self::XForwardedHost,
            16 if is("x-forwarded-port") || is("cf-connecting-ip") => Self::ClientClaim,
            16 if is("stagegate-reason") || is("stagegate-shadow") => Self::Stagegate,
            17 if is("transfer-encoding") => Self::TransferEncoding,
            17 if is("x-forwarded-proto") => Self::XForwardedProto,
            17 if is("stagegate-release") => Self::Stagegate,
            18 if is("x-forwarded-prefix") || is("x-forwarded-scheme") => Self::ClientClaim,
            18 if is("x-forwarded-server") => Self::ClientClaim,
            19 if is("proxy-authorization") => Self::ProxyAuthorization,
            19 if is("x-cluster-client-ip") => Self::ClientClaim,
            24 if is("x-original-forwarded-for") => Self::ClientClaim,
            ..=LONGEST if memchr::memchr(b'_', name).is_some() => Self::behind_underscores(name),
            _ => Self::Other,
        }
    }

    fn behind_underscores(name: &[u8]) -> Self {
        let mut plain = [0; LONGEST];
        let plain = &mut plain[..name.len()];
        plain.copy_from_slice(name);
        plain.iter_mut().filter(|byte| **byte == b'_').for_each(|byte| *byte = b'-');
        if Self::of(plain) == Self::Other { Self::Other } else { Self::Disguised }
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

#[cfg(test)]
mod tests {
    use super::Known;

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
