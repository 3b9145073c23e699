//! The PROXY protocol, versions 1 and 2: what a load balancer in front says of the client, before
//! the client's own first byte. Source: HAProxy's `doc/proxy-protocol.txt`.
//!
//! Only headers are read here; whom to believe is decided elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// First bytes of a version 2 header (section 2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Longest version 1 header, line end included (section 2.1).
const MAX_V1: usize = 107;
/// Longest version 2 header that is taken: addresses, and room for what else may be said.
const MAX_V2: usize = 4096;

/// A complete header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProxyHeader {
    /// Its length; the client's own bytes follow.
    pub(crate) len: usize,
    /// The client's address; none when the balancer speaks for itself or does not know.
    pub(crate) source: Option<SocketAddr>,
}

/// Bytes that are no PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection does not begin with a PROXY header")]
pub(crate) struct NoHeader;

/// The header at the front of `bytes`; `None` when more bytes are needed.
pub(crate) fn proxy_header(bytes: &[u8]) -> Result<Option<ProxyHeader>, NoHeader> {
    let begins = |with: &[u8]| bytes.iter().zip(with).all(|(one, other)| one == other);
    if begins(SIGNATURE) && !bytes.is_empty() {
        return version_2(bytes);
    }
    if begins(b"PROXY ") && !bytes.is_empty() {
        return version_1(bytes);
    }
    if bytes.is_empty() { Ok(None) } else { Err(NoHeader) }
}

fn version_1(bytes: &[u8]) -> Result<Option<ProxyHeader>, NoHeader> {
    let line = &bytes[..bytes.len().min(MAX_V1)];
    let Some(end) = memchr::memchr(b'\n', line) else {
        return if bytes.len() >= MAX_V1 { Err(NoHeader) } else { Ok(None) };
    };
    let line = line[..end].strip_suffix(b"\r").ok_or(NoHeader)?;
    let line = std::str::from_utf8(line).map_err(|_| NoHeader)?;
    let mut words = line.split(' ').skip(1);
    let header = |source| Ok(Some(ProxyHeader { len: end + 1, source }));
    let is_v4 = match words.next() {
        Some("TCP4") => true,
        Some("TCP6") => false,
        // Whatever follows is to be ignored.
        Some("UNKNOWN") => return header(None),
        _ => return Err(NoHeader),
    };
    let mut address = || {
        let address: IpAddr = words.next()?.parse().ok()?;
        (address.is_ipv4() == is_v4).then_some(address)
    };
    let (source, destination) = (address(), address());
    let mut port = || {
        let digits = words.next()?;
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|_| plain)
    };
    let (port, other_port) = (port(), port());
    match (source, destination, port, other_port, words.next()) {
        (Some(ip), Some(_), Some(port), Some(_), None) => header(Some(SocketAddr::new(ip, port))),
        _ => Err(NoHeader),
    }
}

fn version_2(bytes: &[u8]) -> Result<Option<ProxyHeader>, NoHeader> {
    let Some((head, rest)) = bytes.split_at_checked(16) else { return Ok(None) };
    let (version, command, family) = (head[12] >> 4, head[12] & 15, head[13]);
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if version != 2 || command > 1 || 16 + length > MAX_V2 {
        return Err(NoHeader);
    }
    let Some(said) = rest.get(..length) else { return Ok(None) };
    let port = |at: usize| u16::from_be_bytes([said[at], said[at + 1]]);
    let source = match (command, family) {
        // LOCAL: the balancer's own connection, a health check mostly.
        (0, _) => None,
        (_, 0x11) => {
            let ip: [u8; 4] = said.get(..4).and_then(|ip| ip.try_into().ok()).ok_or(NoHeader)?;
            let source =
                (said.len() >= 12).then(|| SocketAddr::new(Ipv4Addr::from(ip).into(), port(8)));
            Some(source.ok_or(NoHeader)?)
        }
        (_, 0x21) => {
            let ip: [u8; 16] = said.get(..16).and_then(|ip| ip.try_into().ok()).ok_or(NoHeader)?;
            let source =
                (said.len() >= 36).then(|| SocketAddr::new(Ipv6Addr::from(ip).into(), port(32)));
            Some(source.ok_or(NoHeader)?)
        }
        // Another kind of address: the connection is fine, its origin unknown.
        _ => None,
    };
    Ok(Some(ProxyHeader { len: 16 + length, source }))
}

#[cfg(test)]
mod tests {
    use super::{MAX_V1, NoHeader, SIGNATURE, proxy_header};
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Result<Option<(usize, Option<String>)>, NoHeader> {
        let header = proxy_header(bytes)?;
        Ok(header.map(|header| (header.len, header.source.map(|source| source.to_string()))))
    }

    fn v2(command: u8, family: u8, said: &[u8]) -> Vec<u8> {
        let length = (said.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[0x20 | command, family], &length, said].concat()
    }

    #[test]
    fn both_versions_name_the_client() {
        let line = b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\nGET / HTTP/1.1\r\n";
        assert_eq!(read(line), Ok(Some((42, Some("203.0.113.9:4711".into())))));
        let line = b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n";
        assert_eq!(read(line), Ok(Some((32, Some("[2001:db8::1]:1".into())))));
        assert_eq!(read(b"PROXY UNKNOWN what ever\r\n"), Ok(Some((25, None))));
        let v4 = v2(1, 0x11, &[203, 0, 113, 9, 10, 0, 0, 1, 0x12, 0x67, 1, 187]);
        assert_eq!(read(&v4), Ok(Some((28, Some("203.0.113.9:4711".into())))));
        let mut said = [0; 36];
        (said[15], said[33]) = (1, 80);
        assert_eq!(read(&v2(1, 0x21, &said)), Ok(Some((52, Some("[::1]:80".into())))));
        assert_eq!(read(&v2(0, 0, &[])), Ok(Some((16, None))));
        // What else is said after the addresses belongs to the header.
        let more = [&v4[16..], &[4, 0, 1, 9]].concat();
        assert_eq!(read(&v2(1, 0x11, &more)).map(|it| it.map(|it| it.0)), Ok(Some(32)));
    }

    #[test]
    fn garbage_is_refused_as_soon_as_it_is_seen() {
        for bad in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"P\0",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
            b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
            b"\r\n\r\nGET",
            &[b'P'; MAX_V1],
            &v2(2, 0x11, &[0; 12]),
            &v2(1, 0x11, &[0; 11]),
            &v2(1, 0x21, &[0; 12]),
            &v2(1, 0x11, &[0; 5000]),
        ] {
            assert_eq!(proxy_header(bad), Err(NoHeader), "{bad:?}");
        }
        let endless = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 100]].concat();
        assert_eq!(proxy_header(&endless), Err(NoHeader));
    }

    proptest! {
        #[test]
        fn a_header_that_came_in_part_is_waited_for(cut in 0usize..42) {
            let line = b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n";
            prop_assert_eq!(proxy_header(&line[..cut]), Ok(None));
            let v4 = v2(1, 0x11, &[0; 26]);
            prop_assert_eq!(proxy_header(&v4[..cut.min(41)]), Ok(None));
        }

        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, signed: bool) {
            if signed {
                bytes.splice(..0, SIGNATURE.iter().copied());
            }
            let _ = proxy_header(&bytes);
        }
    }
}
