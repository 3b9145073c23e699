//! TLS of listeners and towards endpoints, built from checked settings.

use anyhow::Context as _;
use stagegate_admin::Tls;
use stagegate_proxy as proxy;
use stagegate_settings::{Listener, ListenerTls, UpstreamTls};
use std::sync::{Mutex, PoisonError};

/// The TLS of the admin listener: a reload replaces it.
#[derive(Debug, Default)]
pub(crate) struct AdminTls {
    /// The side of its server.
    pub(crate) listener: Tls,
    in_force: Mutex<Option<proxy::ServerTls>>,
}

impl AdminTls {
    pub(crate) fn in_force(&self) -> Option<proxy::ServerTls> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// New connections use it from here on.
    pub(crate) fn put(&self, tls: Option<proxy::ServerTls>) {
        self.listener.set(tls.as_ref().map(proxy::ServerTls::config));
        *self.in_force.lock().unwrap_or_else(PoisonError::into_inner) = tls;
    }
}

/// TLS towards `host`.
///
/// # Errors
/// When a part cannot be used.
pub(crate) fn upstream(tls: &UpstreamTls, host: &str) -> anyhow::Result<proxy::ClientTls> {
    proxy::ClientTls::new(tls, host).context("upstream_tls")
}

/// The TLS of the admin listener; `running` is the one in force.
///
/// # Errors
/// When its settings cannot be used.
pub(crate) fn admin(
    tls: Option<&ListenerTls>,
    running: Option<&proxy::ServerTls>,
) -> anyhow::Result<Option<proxy::ServerTls>> {
    // Its server speaks HTTP/1.1 only.
    let prepared = tls.map(|tls| proxy::ServerTls::new(tls.clone(), false, running));
    prepared.transpose().context("admin.tls")
}

/// Prepares what each listener asks of its connections; `running` is the TLS of those in force.
///
/// # Errors
/// When a listener's TLS settings cannot be used.
pub(crate) fn listeners(
    listeners: &[Listener],
    running: &[Option<proxy::ServerTls>],
) -> anyhow::Result<Vec<proxy::ListenerSettings>> {
    let listener = |(index, listener): (usize, &Listener)| {
        let before = running.get(index).and_then(Option::as_ref);
        let tls = listener.tls.clone().map(|tls| {
            proxy::ServerTls::new(tls, listener.http2, before)
                .with_context(|| format!("listeners[{index}].tls"))
        });
        Ok(proxy::ListenerSettings {
            tls: tls.transpose()?,
            proxy_protocol: listener.proxy_protocol,
            http2: listener.http2,
        })
    };
    listeners.iter().enumerate().map(listener).collect()
}
