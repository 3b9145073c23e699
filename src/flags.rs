//! Feature flags: the server of OFREP, joined with the configuration and the figures.

use anyhow::Context;
use stagegate_control::Control;
use stagegate_ofrep::{Flags, Server};
use stagegate_telemetry::{FlagGauges, Telemetry};
use std::net::TcpListener;
use std::sync::Arc;

/// The server and what it serves.
pub(crate) struct Serving {
    pub(crate) flags: Arc<Flags>,
    server: Server,
}

impl Serving {
    /// Stops it; running answers may finish.
    pub(crate) fn stop(mut self) {
        self.server.stop();
    }
}

/// Reads the flags of the configuration in force and serves them on `listener`.
///
/// # Errors
/// When the files of flags are not good, or the system refuses a thread.
pub(crate) fn start(listener: TcpListener, control: &Control) -> anyhow::Result<Option<Serving>> {
    let Some(settings) = control.view().config.flags.clone() else { return Ok(None) };
    let address = listener.local_addr()?;
    let flags = Flags::load(settings).context("the flags cannot be served")?;
    let flags = Arc::new(flags);
    let control = control.clone();
    let now = Box::new(move || control.view().config.flags.clone());
    let server = stagegate_ofrep::start(listener, Arc::clone(&flags), now)?;
    tracing::info!(%address, flags = flags.count(), "serving flags");
    Ok(Some(Serving { flags, server }))
}

/// Hands the figures to a scrape.
pub(crate) fn show(flags: &Flags, telemetry: &Telemetry) {
    let counts = flags.counts().into_iter();
    telemetry.set_flags(&FlagGauges {
        evaluations: counts.map(|it| (it.flag, it.variant, it.reason, it.count)).collect(),
        files_good: flags.problems().is_empty(),
    });
}
