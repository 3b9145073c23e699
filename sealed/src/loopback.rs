//! Names of this machine, for listeners that need no key.

use std::net::IpAddr;

/// Returns true if an authority, `host` or `host:port`, names the loopback interface: `localhost`, a
/// name below it (RFC 6761 6.3), or an address of it. A page of another site cannot send such a
/// `Host`, so this keeps out DNS rebinding.
#[must_use]
pub fn is_loopback_authority(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, port.strip_prefix(':').or(Some("?"))),
            None => return false,
        },
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if port.is_some_and(|port| !port.bytes().all(|byte| byte.is_ascii_digit())) {
        return false;
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_loopback_ip = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    is_loopback_ip || host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::is_loopback_authority;

    #[test]
    fn only_loopback_names_are_this_machine() {
        for host in [
            "localhost",
            "LOCALHOST:9900",
            "localhost.",
            "localhost.:80",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]",
            "[::1]:9900",
            "a.localhost",
        ] {
            assert!(is_loopback_authority(host), "{host}");
        }
        for host in [
            "",
            "evil.test",
            "localhost.evil.test:9900",
            "10.0.0.1",
            "[::2]",
            "[::1",
            "[::1]evil.test",
            "notlocalhost",
            "localhost:80@evil.test",
            "localhost:x",
            "user@localhost",
        ] {
            assert!(!is_loopback_authority(host), "{host}");
        }
    }
}
