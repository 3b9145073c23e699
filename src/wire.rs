//! From checked configuration to what the data plane is told: names translated, endpoints
//! resolved, keys read. Nothing is decided here.

use anyhow::Context as _;
use stagegate_config as config;
use stagegate_proxy as proxy;
use stagegate_signals::{Prices, Protocol, Provider, Rules};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// Settings that hold for all workloads.
pub(crate) fn settings(config: &config::Config) -> proxy::Settings {
    let limits = &config.limits;
    proxy::Settings {
        header_bytes: limits.header_bytes,
        headers: limits.headers,
        header_timeout: limits.header_timeout,
        keep_alive: limits.keep_alive,
        body_idle: limits.body_idle,
        connections: limits.connections,
        in_flight: limits.in_flight,
        trusted_proxies: config.trusted_proxies.clone(),
        forwarded: match config.forwarded {
            config::Forwarded::Trusted => proxy::Forwarded::Trusted,
            config::Forwarded::Append => proxy::Forwarded::Append,
            config::Forwarded::Drop => proxy::Forwarded::Drop,
        },
    }
}

/// Settings of every workload. Resolves names and reads key files, so it may block.
pub(crate) fn workloads(
    config: &config::Config,
    outlet: &Arc<proxy::Outlet>,
) -> anyhow::Result<Vec<proxy::WorkloadSettings>> {
    let trace = crate::traces::settings(config);
    let of = |it| workload(it, crate::scoring::tap(config, it, outlet), trace);
    config.workloads.iter().map(of).collect()
}

fn workload(
    workload: &config::Workload,
    tap: Option<proxy::TapSettings>,
    trace: Option<proxy::TraceSettings>,
) -> anyhow::Result<proxy::WorkloadSettings> {
    let name = &workload.spec.name;
    let release = |(release, settings): (&stagegate_rollout::ReleaseName, &config::Release)| {
        let tls = settings.upstream_tls.as_ref().unwrap_or(&workload.upstream_tls);
        let of = |endpoint| addresses(endpoint, tls, &system_resolver);
        let addresses = settings.endpoints.iter().map(of).collect::<anyhow::Result<Vec<_>>>();
        let addresses =
            addresses.with_context(|| format!("workloads.{name}.releases.{release}.endpoints"))?;
        Ok((release.clone(), addresses.concat()))
    };
    let timeouts = &workload.timeouts;
    Ok(proxy::WorkloadSettings {
        name: name.clone(),
        matches: workload.matches.iter().map(rule).collect(),
        identity: identity(&workload.identity)
            .with_context(|| format!("workloads.{name}.identity.jwt"))?,
        releases: workload.releases.iter().map(release).collect::<anyhow::Result<_>>()?,
        health: workload.health.as_ref().map(health),
        timeouts: proxy::Timeouts {
            connect: timeouts.connect,
            first_byte: timeouts.first_byte,
            idle: timeouts.idle,
            total: timeouts.total,
            pool_idle: timeouts.pool_idle,
        },
        body_limit: workload.limits.body,
        tenant: proxy::TenantLimits {
            rate: workload.limits.tenant_rate.map(stagegate_config::Rate::per_second),
            in_flight: workload.limits.tenant_in_flight,
        },
        force: workload.force.clone(),
        host: match &workload.host_header {
            config::HostHeader::Preserve => proxy::HostHeader::Preserve,
            config::HostHeader::Endpoint => proxy::HostHeader::Endpoint,
            config::HostHeader::Name(name) => proxy::HostHeader::Name(name.clone()),
        },
        replay: match workload.retry.stale {
            config::StaleRetry::Idempotent => proxy::Replay::Idempotent,
            config::StaleRetry::Any => proxy::Replay::Any,
            config::StaleRetry::Off => proxy::Replay::Off,
        },
        connect_attempts: workload.retry.connect_attempts,
        retry: proxy::RetrySettings {
            budget: workload.retry.budget.ratio(),
            attempts: workload.retry.attempts,
            on_unavailable: workload.retry.unavailable,
            backoff: workload.retry.backoff,
            longest_wait: workload.retry.longest_wait,
        },
        ejection: workload.ejection.map(|ejection| proxy::Ejection {
            failures: ejection.failures,
            slow: ejection.slow,
            time: ejection.time,
        }),
        fallback_to_stable: workload.fallback_to_stable == config::FallbackToStable::OnConnectError,
        endpoint: proxy::EndpointLimits {
            in_flight: workload.limits.endpoint_in_flight,
            pending: workload.limits.endpoint_pending,
        },
        signals: signals(workload).with_context(|| format!("workloads.{name}.cost.prices"))?,
        tap,
        trace,
        shadow: workload.shadow.as_ref().map(|it| crate::shadow::settings(workload, it)),
    })
}

/// What a workload's answers are asked for.
fn signals(workload: &config::Workload) -> anyhow::Result<proxy::SignalSettings> {
    // Decoded once; a price list of one's own is read with every configuration.
    static BUILTIN: LazyLock<Arc<Prices>> = LazyLock::new(|| Arc::new(Prices::builtin()));
    let config::Workload { protocol, outcomes, cost, .. } = workload;
    let prices = match &cost.prices {
        None => Arc::clone(&BUILTIN),
        Some(path) => Arc::new(Prices::from_json(&read(path)?)?),
    };
    let codes = outcomes.codes.iter().map(|(name, class)| (name.as_str().into(), *class));
    Ok(proxy::SignalSettings {
        protocol: match protocol {
            config::Protocol::Auto => Protocol::Auto,
            config::Protocol::OpenAiChat => Protocol::OpenAiChat,
            config::Protocol::OpenAiResponses => Protocol::OpenAiResponses,
            config::Protocol::Anthropic => Protocol::Anthropic,
            config::Protocol::Gemini => Protocol::Gemini,
            config::Protocol::Bedrock => Protocol::Bedrock,
            // They carry no usage of a model's.
            config::Protocol::Mcp | config::Protocol::A2a | config::Protocol::Plain => {
                Protocol::Plain
            }
        },
        rules: Rules {
            statuses: outcomes.status.clone(),
            codes: codes.collect(),
            provider: match outcomes.provider {
                config::ProviderPlace::Behind => Provider::Behind,
                config::ProviderPlace::Backend => Provider::Backend,
            },
        },
        prices,
        tenants: cost.tenants.clone(),
    })
}

/// What finds the addresses of a name; may block.
pub(crate) type Resolver = dyn Fn(&str, u16) -> std::io::Result<Vec<SocketAddr>>;

/// The system's own.
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
            let tls = settings.upstream_tls.as_ref().unwrap_or(&workload.upstream_tls);
            let of = |endpoint| addresses(endpoint, tls, resolver);
            match settings.endpoints.iter().map(of).collect::<anyhow::Result<Vec<_>>>() {
                Ok(addresses) => found.push(proxy::FoundAddresses {
                    workload: workload.spec.name.clone(),
                    release: release.clone(),
                    addresses: addresses.concat(),
                }),
                Err(error) => tracing::warn!(
                    workload = workload.spec.name.as_str(),
                    release = release.as_str(),
                    error = format!("{error:#}"),
                    "endpoints keep the addresses they have"
                ),
            }
        }
    }
    found
}

fn has_name(endpoint: &config::Endpoint) -> bool {
    let config::Endpoint::Tcp { host, .. } = endpoint else { return false };
    host.parse::<std::net::IpAddr>().is_err()
}

/// Every address of an endpoint.
fn addresses(
    endpoint: &config::Endpoint,
    tls: &config::UpstreamTls,
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
        config::Endpoint::Tcp { host, .. } if endpoint.is_tls() => Some(upstream_tls(tls, host)?),
        _ => None,
    };
    let authority: std::sync::Arc<str> = endpoint.authority().into();
    let protocol = match endpoint.protocol() {
        config::EndpointProtocol::Http => proxy::Protocol::Http1,
        config::EndpointProtocol::Https => proxy::Protocol::Negotiate,
        config::EndpointProtocol::H2c | config::EndpointProtocol::H2 => proxy::Protocol::Http2,
    };
    let address = |target| proxy::Address {
        target,
        authority: std::sync::Arc::clone(&authority),
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

pub(crate) fn upstream_tls(
    tls: &config::UpstreamTls,
    host: &str,
) -> anyhow::Result<proxy::ClientTls> {
    let settings = proxy::ClientTlsSettings {
        authorities: tls.ca.clone(),
        certificate: tls.certificate.as_ref().map(certificate),
        server_name: tls.server_name.clone().unwrap_or_else(|| host.to_owned()),
        verify: tls.verify,
    };
    proxy::ClientTls::new(settings).context("upstream_tls")
}

fn certificate(certificate: &config::Certificate) -> proxy::Certificate {
    proxy::Certificate {
        chain: certificate.chain.clone(),
        key: std::sync::Arc::clone(&certificate.key),
    }
}

/// What each listener asks of its connections; `running` is what those in force have.
pub(crate) fn listeners(
    config: &config::Config,
    running: &[Option<proxy::ServerTls>],
) -> anyhow::Result<Vec<proxy::ListenerSettings>> {
    let listener = |(index, listener): (usize, &config::Listener)| {
        let before = running.get(index).and_then(Option::as_ref);
        let tls = listener.tls.as_ref().map(|tls| {
            let settings = proxy::ServerTlsSettings {
                certificates: tls.certificates.iter().map(certificate).collect(),
                client_authorities: tls.client_ca.clone(),
                client_required: tls.client_auth == config::ClientAuth::Required,
                http2: listener.http2,
            };
            proxy::ServerTls::new(settings, before)
                .with_context(|| format!("listeners[{index}].tls"))
        });
        Ok(proxy::ListenerSettings {
            tls: tls.transpose()?,
            proxy_protocol: listener.proxy_protocol,
            http2: listener.http2,
        })
    };
    config.listeners.iter().enumerate().map(listener).collect()
}

fn rule(rule: &config::Match) -> proxy::Match {
    proxy::Match {
        host: rule.host.as_ref().map(ToString::to_string),
        path_prefix: rule.path_prefix.clone(),
        headers: rule.headers.clone(),
    }
}

fn health(health: &config::Health) -> proxy::HealthSettings {
    proxy::HealthSettings {
        probe: match &health.kind {
            config::HealthKind::Tcp => proxy::Probe::Tcp,
            config::HealthKind::Http { path, host, status } => {
                proxy::Probe::Http { path: path.clone(), host: host.clone(), status: *status }
            }
        },
        every: health.every,
        timeout: health.timeout,
        healthy: health.healthy,
        unhealthy: health.unhealthy,
    }
}

fn identity(identity: &config::Identity) -> anyhow::Result<proxy::Identity> {
    let sources = |sources: &[config::Source]| sources.iter().map(source).collect();
    Ok(proxy::Identity {
        tenant: sources(&identity.tenant),
        user: sources(&identity.user),
        conversation: sources(&identity.conversation),
        learned: identity.learned,
        jwt: identity.jwt.as_ref().map(jwt).transpose()?,
        max_inspect_bytes: identity.max_inspect_bytes,
    })
}

fn source(source: &config::Source) -> proxy::Source {
    match source {
        config::Source::Header(name) => proxy::Source::Header(name.clone()),
        config::Source::Cookie(name) => proxy::Source::Cookie(name.clone()),
        config::Source::Jwt(claim) => proxy::Source::Jwt(claim.clone()),
        config::Source::Body(pointer) => proxy::Source::Body(pointer.clone()),
        // People count from one.
        config::Source::PathSegment(n) => proxy::Source::PathSegment(n.saturating_sub(1)),
        config::Source::Certificate(name) => proxy::Source::Certificate(match name {
            config::CertificateName::San => proxy::Name::Any,
            config::CertificateName::Uri => proxy::Name::Uri,
            config::CertificateName::Dns => proxy::Name::Dns,
            config::CertificateName::Email => proxy::Name::Email,
        }),
    }
}

fn jwt(keys: &config::JwtKeys) -> anyhow::Result<proxy::Jwt> {
    let read = |path: &std::path::PathBuf| read(path);
    let settings = proxy::JwtSettings {
        jwks: keys.jwks.as_ref().map(read).transpose()?,
        secret: keys.secret.as_ref().map(|secret| secret.expose().as_bytes().to_vec()),
        public_key: keys.public_key.as_ref().map(read).transpose()?,
        algorithms: keys
            .algorithms
            .iter()
            .map(|algorithm| match algorithm {
                config::JwtAlgorithm::Hs256 => proxy::JwtAlgorithm::Hs256,
                config::JwtAlgorithm::Rs256 => proxy::JwtAlgorithm::Rs256,
                config::JwtAlgorithm::Es256 => proxy::JwtAlgorithm::Es256,
                config::JwtAlgorithm::EdDsa => proxy::JwtAlgorithm::EdDsa,
            })
            .collect(),
        issuer: keys.issuer.clone(),
        audience: keys.audience.clone(),
        header: keys.header.clone(),
    };
    Ok(proxy::Jwt::new(&settings)?)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
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
}
