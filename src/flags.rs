//! Feature flags: the server of OFREP, joined with the configuration and the figures.

use crate::plane::Plane;
use anyhow::Context;
use stagegate_control::Control;
use stagegate_control::ports::{BoxFuture, FlagServer, FlagsAsked};
use stagegate_flags::{FlagSet, Overlay};
use stagegate_ofrep::{Asked, Flags, Server};
use stagegate_telemetry::{FlagGauges, Telemetry};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

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

/// Reads the flags of the configuration in force, with what was changed at run time on top.
///
/// # Errors
/// When the files of flags are not good.
pub(crate) fn load(control: &Control, plane: &Arc<Plane>) -> anyhow::Result<Option<Arc<Flags>>> {
    let Some(settings) = control.view().config.flags.clone() else { return Ok(None) };
    let flags = Flags::load(settings).context("the flags cannot be served")?;
    let flags = Arc::new(flags);
    flags.exclude_by(control.exclusions());
    let workers = Arc::clone(plane);
    flags.listen(move |set| workers.put_flags(set.clone()));
    let since_s = stagegate_control::now_ms() / 1000;
    control.serve_flags(Arc::new(InForce { flags: Arc::clone(&flags), since_s }));
    for (flag, remark) in flags.set().remarks() {
        tracing::warn!(flag, "file and run time: {remark}");
    }
    Ok(Some(flags))
}

/// Serves flags on `listener`.
///
/// # Errors
/// When the system refuses a thread.
pub(crate) fn start(
    listener: TcpListener,
    flags: Arc<Flags>,
    control: &Control,
) -> anyhow::Result<Serving> {
    let address = listener.local_addr()?;
    let control = control.clone();
    let now = Box::new(move || control.view().config.flags.clone());
    let server = stagegate_ofrep::start(listener, Arc::clone(&flags), now)?;
    tracing::info!(%address, flags = flags.count(), "serving flags");
    Ok(Serving { flags, server })
}

/// The flags behind the control plane's trait.
struct InForce {
    flags: Arc<Flags>,
    since_s: u64,
}

impl FlagServer for InForce {
    fn set(&self) -> FlagSet {
        self.flags.set()
    }

    fn texts(&self) -> Arc<Vec<(String, String)>> {
        self.flags.texts()
    }

    fn put(&self, overlay: Arc<Overlay>) {
        self.flags.put(overlay);
    }

    fn settled(&self, patience: Duration) -> BoxFuture<'_, bool> {
        Box::pin(self.flags.settled(patience))
    }

    fn asked(&self) -> FlagsAsked {
        let Asked { last_s, unknown } = self.flags.asked();
        FlagsAsked { since_s: self.since_s, last_s, unknown }
    }
}

/// Hands the figures to a scrape.
pub(crate) fn show(flags: &Flags, telemetry: &Telemetry) {
    let counts = flags.counts().into_iter();
    telemetry.set_flags(&FlagGauges {
        evaluations: counts.map(|it| (it.flag, it.variant, it.reason, it.count)).collect(),
        files_good: flags.problems().is_empty(),
    });
}
