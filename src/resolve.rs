//! Names of endpoints, looked up.

use crate::tls;
use anyhow::Context as _;
use stagegate_config as config;
use stagegate_proxy as proxy;
use stagegate_settings::UpstreamTls;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

/// Finds the addresses of a name; may block.
pub(crate) type Resolver = dyn Fn(&str, u16) -> std::io::Result<Vec<SocketAddr>>;

/// The system's own resolver.
pub(crate) fn system_resolver(host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

/// The present addresses of every release with a name among its endpoints. A release of which a
/// name cannot be found is left out, so that it keeps what it has. May block.
pub(crate) fn look_up(config: &config::Config, resolver: &Resolver) -> Vec<proxy::FoundAddresses> {
    let mut found = Vec::new();
    for workload in &config.workloads {
        for (release, settings) in &workload.releases {
            if !settings.endpoints.iter().any(has_name) {
                continue;
            }
            match of_release(workload, settings, resolver) {
                Ok(addresses) => found.push(proxy::FoundAddresses {
                    workload: workload.spec.name.clone(),
                    release: release.clone(),
                    addresses,
                }),
                Err(error) => tracing::warn!(
                    workload = workload.spec.name.as_str(),
                    release = release.as_str(),
                    error = format!("{error:#}"),
                    "cannot resolve the endpoints of a release; they keep their addresses"
                ),
            }
        }
    }
    found
}

/// Every address of a release's endpoints. May block.
///
/// # Errors
/// When a name cannot be found, or the TLS settings cannot be used.
pub(crate) fn of_release(
    workload: &config::Workload,
    release: &config::Release,
    resolver: &Resolver,
) -> anyhow::Result<Vec<proxy::Address>> {
    let tls = release.upstream_tls.as_ref().unwrap_or(&workload.upstream_tls);
    let of = |endpoint| addresses(endpoint, tls, resolver);
    let found: Vec<_> = release.endpoints.iter().map(of).collect::<anyhow::Result<_>>()?;
    Ok(found.concat())
}

fn has_name(endpoint: &config::Endpoint) -> bool {
    let config::Endpoint::Tcp { host, .. } = endpoint else { return false };
    host.parse::<IpAddr>().is_err()
}

/// Every address of an endpoint.
fn addresses(
    endpoint: &config::Endpoint,
    tls: &UpstreamTls,
    resolver: &Resolver,
) -> anyhow::Result<Vec<proxy::Address>> {
    let targets = match endpoint {
        config::Endpoint::Unix { path, .. } => vec![proxy::Target::Unix(path.clone())],
        config::Endpoint::Tcp { host, port, .. } => {
            let found = resolver(host, *port);
            let found = found.with_context(|| format!("`{host}` does not resolve"))?;
            let found = distinct(found);
            anyhow::ensure!(!found.is_empty(), "`{host}` has no address");
            found.into_iter().map(proxy::Target::Ip).collect()
        }
    };
    let tls = match endpoint {
        // Certificates have names without the final dot (RFC 6066 3).
        config::Endpoint::Tcp { host, .. } if endpoint.is_tls() => {
            Some(tls::upstream(tls, host.strip_suffix('.').unwrap_or(host))?)
        }
        _ => None,
    };
    let authority: Arc<str> = endpoint.authority().into();
    let protocol = match endpoint.protocol() {
        config::EndpointProtocol::Http => proxy::HttpVersion::Http1,
        config::EndpointProtocol::Https => proxy::HttpVersion::Negotiate,
        config::EndpointProtocol::H2c | config::EndpointProtocol::H2 => proxy::HttpVersion::Http2,
    };
    let address = |target| proxy::Address {
        target,
        authority: Arc::clone(&authority),
        name: endpoint.name().into(),
        protocol,
        tls: tls.clone(),
    };
    Ok(targets.into_iter().map(address).collect())
}

/// A name stands for all its IPv4 addresses, or all its IPv6 ones where it has no other: the same
/// machine must not count twice.
fn distinct(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let has_v4 = found.iter().any(SocketAddr::is_ipv4);
    let mut wanted: Vec<SocketAddr> =
        found.into_iter().filter(|address| address.is_ipv4() || !has_v4).collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

#[cfg(test)]
mod tests {
    use super::look_up;
    use stagegate_config::Config;
    use stagegate_proxy::Target;
    use std::io;
    use std::net::SocketAddr;
    use std::path::Path;

    const FILE: &str = "\
listeners: [{ address: '127.0.0.1:0' }]
workloads:
  agent:
    match: [{}]
    releases:
      v1: { endpoints: ['http://agent.internal:80', 'http://10.0.0.9:80'] }
      v2: { endpoints: ['http://gone.internal:80'] }
      v3: { endpoints: ['http://10.0.0.1:80'] }
    stable: v1
";

    #[test]
    fn only_names_are_looked_up_and_a_failure_leaves_its_release_alone() {
        let loaded = Config::parse(FILE, "f", Path::new("."), &|_| None).expect("right");
        let resolver = |host: &str, port: u16| -> io::Result<Vec<SocketAddr>> {
            match host {
                "agent.internal" => {
                    let v6 = SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), port);
                    Ok([2, 1, 2]
                        .map(|n| SocketAddr::from(([10, 0, 0, n], port)))
                        .into_iter()
                        .chain([v6])
                        .collect())
                }
                "10.0.0.9" => Ok(vec![SocketAddr::from(([10, 0, 0, 9], port))]),
                _ => Err(io::ErrorKind::NotFound.into()),
            }
        };
        let found = look_up(&loaded.config, &resolver);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].release.as_str(), "v1");
        let at = |n| Target::Ip(([10, 0, 0, n], 80).into());
        let targets: Vec<Target> = found[0].addresses.iter().map(|it| it.target.clone()).collect();
        assert_eq!(targets, [at(1), at(2), at(9)]);
    }

    #[test]
    fn the_final_dot_of_a_name_is_for_resolving_alone() {
        let file = FILE.replace("http://agent.internal:80", "http://agent.internal.:80");
        let loaded = Config::parse(&file, "f", Path::new("."), &|_| None).expect("right");
        let resolver = |host: &str, port: u16| -> io::Result<Vec<SocketAddr>> {
            match host {
                "agent.internal." => Ok(vec![SocketAddr::from(([10, 0, 0, 1], port))]),
                "10.0.0.9" => Ok(vec![SocketAddr::from(([10, 0, 0, 9], port))]),
                _ => Err(io::ErrorKind::NotFound.into()),
            }
        };
        let found = look_up(&loaded.config, &resolver);
        let first = found[0].addresses.iter().find(|it| it.name.starts_with("agent")).expect("one");
        assert_eq!((&*first.authority, &*first.name), ("agent.internal:80", "agent.internal.:80"));
    }
}
