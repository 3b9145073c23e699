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
        trusted_proxies: config.trusted_proxies.clone(),
        forwarded: match config.forwarded {
            config::Forwarded::Trusted => proxy::Forwarded::Trusted,
            config::Forwarded::Append => proxy::Forwarded::Append,
            config::Forwarded::Drop => proxy::Forwarded::Drop,
        },
    }
}

/// Settings of every workload. Resolves names and reads key files, so it may block.
pub(crate) fn workloads(config: &config::Config) -> anyhow::Result<Vec<proxy::WorkloadSettings>> {
    config.workloads.iter().map(workload).collect()
}

fn workload(workload: &config::Workload) -> anyhow::Result<proxy::WorkloadSettings> {
    let name = &workload.spec.name;
    let release = |(release, settings): (&stagegate_rollout::ReleaseName, &config::Release)| {
        let addresses =
            settings.endpoints.iter().map(addresses).collect::<anyhow::Result<Vec<_>>>();
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
        signals: signals(workload).with_context(|| format!("workloads.{name}.cost.prices"))?,
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

/// Every address of an endpoint. A name stands for all its IPv4 addresses, or all its IPv6 ones
/// where it has no other: the same machine must not count twice.
fn addresses(endpoint: &config::Endpoint) -> anyhow::Result<Vec<proxy::Address>> {
    let authority = endpoint.authority();
    let found: Vec<SocketAddr> = (endpoint.host.as_str(), endpoint.port)
        .to_socket_addrs()
        .with_context(|| format!("`{}` does not resolve", endpoint.host))?
        .collect();
    let has_v4 = found.iter().any(SocketAddr::is_ipv4);
    let mut wanted: Vec<SocketAddr> =
        found.into_iter().filter(|address| address.is_ipv4() || !has_v4).collect();
    wanted.sort_unstable();
    wanted.dedup();
    anyhow::ensure!(!wanted.is_empty(), "`{}` has no address", endpoint.host);
    Ok(wanted
        .into_iter()
        .map(|socket| proxy::Address { socket, authority: authority.as_str().into() })
        .collect())
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
