//! Settings for unit tests.

use crate::address::{Address, HttpVersion, Target};
use crate::plan::{SignalSettings, WorkloadSettings};
use stagegate_settings::Workload;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Workload `agent` with release `v1` at these addresses, with the defaults and no ejection.
pub(crate) fn workload(addresses: Vec<Address>) -> WorkloadSettings {
    let mut settings = Workload::with_defaults("agent".parse().expect("a name"));
    settings.ejection = None;
    WorkloadSettings {
        settings: Arc::new(settings),
        jwt: None,
        releases: vec![("v1".parse().expect("a name"), addresses)],
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
