//! Settings for unit tests.

use crate::address::{Address, Protocol, Target};
use crate::plan::{SignalSettings, Timeouts, WorkloadSettings};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Workload `agent` with release `v1` at these addresses; nothing is limited, retried or observed.
pub(crate) fn workload(addresses: Vec<Address>) -> WorkloadSettings {
    let second = Duration::from_secs(1);
    WorkloadSettings {
        name: "agent".parse().expect("a name"),
        matches: Vec::new(),
        identity: crate::Identity::default(),
        releases: vec![("v1".parse().expect("a name"), addresses)],
        health: None,
        timeouts: Timeouts {
            connect: second,
            first_byte: second,
            idle: second,
            total: None,
            pool_idle: second,
        },
        body_limit: 0,
        tenant: crate::TenantLimits::default(),
        force: None,
        host: crate::HostHeader::default(),
        replay: crate::Replay::default(),
        connect_attempts: 1,
        retry: crate::RetrySettings {
            budget: 0.0,
            attempts: 0,
            on_unavailable: false,
            backoff: second,
            longest_wait: second,
        },
        ejection: None,
        fallback_to_stable: false,
        endpoint: crate::EndpointLimits::default(),
        signals: SignalSettings {
            protocol: stagegate_signals::Protocol::default(),
            rules: stagegate_signals::Rules::default(),
            prices: Arc::new(stagegate_signals::Prices::builtin()),
            tenants: BTreeSet::default(),
        },
        tap: None,
        trace: None,
        shadow: None,
    }
}

/// An address of IPv4, HTTP/1.1 and no TLS.
pub(crate) fn address(ip: [u8; 4], port: u16, authority: &str) -> Address {
    Address {
        target: Target::Ip((ip, port).into()),
        authority: authority.into(),
        name: authority.into(),
        protocol: Protocol::Http1,
        tls: None,
    }
}
