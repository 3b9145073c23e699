//! Settings for unit tests.

use crate::address::{Address, HttpVersion, Target};
use crate::fence::Fence;
use crate::pins::Pins;
use crate::plan::{SignalSettings, WorkloadSettings};
use crate::roster::Roster;
use crate::shared::Shared;
use arc_swap::ArcSwap;
use stagegate_settings::{Clients, ConnLimits, Forwarded, PathSpelling, Workload};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;

/// Workload `agent` with release `v1` at these addresses, with the defaults and no ejection.
pub(crate) fn workload(addresses: Vec<Address>) -> WorkloadSettings {
    let mut settings = Workload::with_defaults("agent".parse().expect("a name"));
    settings.ejection = None;
    WorkloadSettings {
        settings: Arc::new(settings),
        jwt: None,
        releases: vec![("v1".parse().expect("a name"), addresses)],
        changes: HashMap::default(),
        signals: SignalSettings {
            protocol: stagegate_signals::Protocol::default(),
            rules: stagegate_signals::Rules::default(),
            prices: Arc::new(stagegate_signals::Prices::builtin()),
            tenants: BTreeSet::default(),
        },
        tap: None,
        trace: None,
        pairs: None,
    }
}

/// An address of IPv4, HTTP/1.1 and no TLS.
pub(crate) fn address(ip: [u8; 4], port: u16, authority: &str) -> Address {
    Address {
        target: Target::Ip((ip, port).into()),
        authority: authority.into(),
        name: authority.into(),
        protocol: HttpVersion::Http1,
        tls: None,
    }
}

/// Settings of all workloads: small limits, and times of seconds.
pub(crate) fn clients() -> Clients {
    let limits = ConnLimits {
        connections: 100,
        in_flight: None,
        header_bytes: 4096,
        headers: 20,
        header_timeout: Duration::from_secs(1),
        keep_alive: Duration::from_secs(5),
        body_idle: Duration::from_secs(2),
    };
    Clients {
        limits,
        trusted_proxies: Vec::new(),
        forwarded: Forwarded::Trusted,
        path: PathSpelling::Strict,
    }
}

/// The state of so many workers under these settings, with nothing published.
pub(crate) fn shared(settings: Clients, workers: usize) -> Shared {
    Shared {
        settings: ArcSwap::from_pointee(settings),
        plan: ArcSwap::default(),
        fence: Fence::default(),
        flags: ArcSwap::default(),
        proofs: arc_swap::ArcSwapOption::empty(),
        published: AtomicU64::new(0),
        pins: Pins::new(),
        sink: Arc::new(|_| {}),
        handover: OnceLock::new(),
        queue: OnceLock::new(),
        shadows: mpsc::channel(1).0,
        via: "stagegate-test".into(),
        seed: 1,
        workers: Roster::new(workers),
        requests: Arc::default(),
    }
}
