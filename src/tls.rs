//! TLS of listeners and towards endpoints, built from checked settings.

use anyhow::Context as _;
use stagegate_proxy as proxy;
use stagegate_settings::{Listener, UpstreamTls};

/// TLS towards `host`.
///
/// # Errors
/// When a part cannot be used.
pub(crate) fn upstream(tls: &UpstreamTls, host: &str) -> anyhow::Result<proxy::ClientTls> {
    proxy::ClientTls::new(tls, host).context("upstream_tls")
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
