//! Addresses, hosts, URLs, paths and header fields.

use super::from_text::{FromText, Wrong, texts};
use crate::read::Json;
use crate::{Endpoint, EndpointProtocol};
use ipnet::IpNet;
use stagegate_settings::{HostPattern, ListenAddress};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

impl FromText for SocketAddr {
    const NAME: &'static str = "address";
    const JSON: Json = Json::Text;
    const HINT: &'static str = "write an IP address and a port, like `0.0.0.0:8080` or `[::]:8080`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| "is not an IP address with a port".into())
    }
}

impl FromText for IpNet {
    const NAME: &'static str = "network";
    const JSON: Json = Json::Text;
    const HINT: &'static str = "write a network like `10.0.0.0/8` or an address like `10.1.2.3`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let single = || text.parse::<IpAddr>().map(Self::from).ok();
        let network = text.parse::<Self>().ok().or_else(single);
        network.map(|network| network.trunc()).ok_or_else(|| "is not a network".into())
    }
}

texts! {
    /// An IP address or a DNS name, in lower case; an IPv6 address without brackets.
    HostName: "host name", Json::Text, "write a name like `agents.example.com`",
        "is not a host name", |text| HostName::parse(text).map(|name| name.0);
    /// A server of NATS: `host:port`, with 4222 if no port is written.
    NatsServer: "address of a server", Json::Text,
        "write a host, or a host and a port, like `nats-0.nats:4222`", "is not a host with a port", |text| {
            let text = text.strip_prefix("nats://").unwrap_or(text);
            let (host, port) = match text.rsplit_once(':') {
                Some((host, port)) if !host.ends_with(':') && !port.ends_with(']') => (host, port),
                _ => (text, "4222"),
            };
            let port: u16 = port.parse().ok().filter(|port| *port > 0)?;
            let bracketed = host.starts_with('[');
            let name = HostName::parse(host)?.0;
            Some(if bracketed { format!("[{name}]:{port}") } else { format!("{name}:{port}") })
        };
    /// The beginning of a path.
    PathPrefix: "path prefix", Json::Pattern("^/"),
        "write the beginning of a path, like `/support/`",
        "is not a path that begins with `/` and has no query",
        |text| is_path(text).then(|| text.to_owned());
    /// A path with an optional query.
    UrlPath: "path", Json::Pattern("^/"), "write a path like `/healthz`",
        "is not a path that begins with `/`", |text| {
            let (path, query) = text.split_once('?').unwrap_or((text, ""));
            let query = query.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
            (is_path(path) && query).then(|| text.to_owned())
        };
    /// The origin of web pages, as browsers send it.
    WebOrigin: "web origin", Json::Pattern("^https?://[^/]+$"),
        "write a scheme and a host, like `https://app.example.com`; no path",
        "is not a web origin", |text| {
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            let host = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:[]".contains(&b);
            let valid = rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(host));
            valid.then(|| text.to_owned())
        };
    /// A header field's name, in lower case. Cookie names share its grammar but keep their case.
    HeaderName: "header name", Json::Pattern("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
        "write a header's name like `x-tenant-id`", "is not a header name",
        |text| is_token(text).then(|| text.to_ascii_lowercase());
    /// A header field's value: visible ASCII with spaces inside.
    HeaderValue: "header value", Json::Text, "write visible ASCII characters",
        "is not a header value", |text| {
            let visible = !text.is_empty()
                && text.trim() == text
                && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
            visible.then(|| text.to_owned())
        };
}

impl HostName {
    /// The same, where a name may end with a dot: it is complete, and no search domain is added when it is resolved.
    fn parse_complete(text: &str) -> Option<Self> {
        let Some(name) = text.strip_suffix('.') else { return Self::parse(text) };
        let Self(name) = Self::parse(name)?;
        name.parse::<std::net::IpAddr>().is_err().then(|| Self(format!("{name}.")))
    }

    /// Reads what may stand before the port of a URL.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(v6) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return v6.parse::<Ipv6Addr>().ok().map(|address| Self(address.to_string()));
        }
        let name = text.to_ascii_lowercase();
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        let labels = name.len() <= 253 && name.split('.').all(label);
        // A name whose last label is a number is a mistyped IPv4 address.
        let number = name.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
        let valid = labels && (!number || name.parse::<std::net::Ipv4Addr>().is_ok());
        valid.then_some(Self(name))
    }
}

impl FromText for HostPattern {
    const NAME: &'static str = "host pattern";
    const JSON: Json = Json::Text;
    const HINT: &'static str =
        "write `agents.example.com` or `*.example.com`, without scheme, port or path";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let (below, name) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
        // A final dot says that the name is complete, which it always is here.
        let name = name.strip_suffix('.').unwrap_or(name);
        let HostName(name) = HostName::parse(name).ok_or("is not a host name or `*.` and one")?;
        match (below, name.parse::<IpAddr>()) {
            (true, Ok(_)) => Err("puts a wildcard before an IP address".into()),
            (true, Err(_)) => Ok(Self::Below(name)),
            (false, _) => Ok(Self::Exact(name)),
        }
    }
}

impl FromText for ListenAddress {
    const NAME: &'static str = "address";
    const JSON: Json = Json::Text;
    const HINT: &'static str =
        "write an IP address and a port, like `0.0.0.0:8080`, or `unix:/run/stagegate.sock`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text.strip_prefix("unix:") {
            Some(path) => socket_path(path).map(Self::Unix),
            None => SocketAddr::from_text(text).map(Self::Ip),
        }
    }
}

/// The path of a Unix socket, as long as the system allows (108 bytes with the NUL on Linux).
fn socket_path(path: &str) -> Result<PathBuf, Wrong> {
    let valid = path.starts_with('/') && !path.ends_with('/') && !path.contains('\0');
    match (valid, path.len() < 108) {
        (true, true) => Ok(path.into()),
        (true, false) => Err("is longer than a socket's path may be, 107 bytes".into()),
        (false, _) => Err("has no absolute path after `unix:`".into()),
    }
}

impl FromText for Endpoint {
    const NAME: &'static str = "endpoint";
    const JSON: Json = Json::Pattern("^((https?|h2c?)://[^/]+:[0-9]+|(h2\\+)?unix:/.+)$");
    const HINT: &'static str =
        "write `http://host:port`, `https://host:port`, `h2c://host:port` or `unix:/path`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let sockets = [("unix:", EndpointProtocol::Http), ("h2+unix:", EndpointProtocol::H2c)];
        for (prefix, protocol) in sockets {
            if let Some(path) = text.strip_prefix(prefix) {
                return Ok(Self::Unix { protocol, path: socket_path(path)? });
            }
        }
        let schemes = [
            ("http://", EndpointProtocol::Http),
            ("https://", EndpointProtocol::Https),
            ("h2c://", EndpointProtocol::H2c),
            ("h2://", EndpointProtocol::H2),
        ];
        let scheme = |(scheme, protocol)| Some((text.strip_prefix(scheme)?, protocol));
        let (rest, protocol) = schemes
            .into_iter()
            .find_map(scheme)
            .ok_or("does not begin with `http://` or another scheme that is known")?;
        if rest.contains(['/', '?', '#', '@']) {
            return Err("has more than a host and a port".into());
        }
        // The colons of an IPv6 address are inside brackets, the port's is not.
        let split =
            rest.rsplit_once(':').filter(|(host, _)| !host.starts_with('[') || host.ends_with(']'));
        let (host, port) = split.ok_or("has no port")?;
        let HostName(host) = HostName::parse_complete(host)
            .ok_or("has a host that is neither an IP address nor a name")?;
        let digits = port.bytes().all(|b| b.is_ascii_digit());
        match port.parse() {
            Ok(port) if digits && port > 0 => Ok(Self::Tcp { protocol, host, port }),
            _ => Err("has a port that is not from 1 to 65535".into()),
        }
    }
}

/// Characters of a URL's path that need no escape, plus `%`.
fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'"' | b'<' | b'>' | b'\\'))
}

/// A token of RFC 9110, section 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, FromText, HostPattern, IpNet};

    #[test]
    fn endpoints_are_a_host_and_a_port() {
        for (text, shown) in [
            ("http://10.0.0.1:9001", "http://10.0.0.1:9001"),
            ("http://Agent-Stable:8001", "http://agent-stable:8001"),
            ("http://[::1]:80", "http://[::1]:80"),
            ("https://Agent:443", "https://agent:443"),
            ("http://Agent.ns.svc.cluster.local.:80", "http://agent.ns.svc.cluster.local.:80"),
            ("h2c://agent:50051", "h2c://agent:50051"),
            ("h2://agent:443", "h2://agent:443"),
            ("unix:/run/agent.sock", "unix:/run/agent.sock"),
            ("h2+unix:/run/agent.sock", "h2+unix:/run/agent.sock"),
        ] {
            assert_eq!(
                Endpoint::from_text(text).ok().map(|e| e.to_string()).as_deref(),
                Some(shown)
            );
        }
        for text in [
            "",
            "http://",
            "http://a",
            "http://a:",
            "http://a:0",
            "http://a:65536",
            "http://a:+1",
            "http://a:1/x",
            "http://u@a:1",
            "https://a",
            "unix:relative.sock",
            "unix:",
            "unix:/run/",
            "h2+http://a:1",
            "a:1",
            "http://::1:80",
            "http://[::1]",
            "http://10.0.0.300:80",
            "http://a..b:1",
            "http://a..:1",
            "http://.:1",
            "http://10.0.0.1.:1",
            "http://-a:1",
            "ftp://a:1",
            "http://[::1:80",
        ] {
            assert!(Endpoint::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_are_names_without_ports() {
        assert!(HostPattern::from_text("*.Example.com").is_ok());
        let complete = HostPattern::from_text("Agents.Example.com.").ok();
        assert_eq!(complete, Some(HostPattern::Exact("agents.example.com".into())));
        for text in
            ["", "*", "*.", ".", "a..", "*.10.0.0.1", "a:80", "http://a", "a/b", "a.*.b", "a b"]
        {
            assert!(HostPattern::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_single_address_is_a_network_too() {
        let shown = |text| IpNet::from_text(text).ok().map(|network| network.to_string());
        assert_eq!(shown("10.1.2.3").as_deref(), Some("10.1.2.3/32"));
        assert_eq!(shown("10.1.2.3/8").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(shown("10.1.2.3/33"), None);
    }
}
