//! `stagegate serve`: runs until it is asked to end.

use crate::handover::{Asked, HandoverSocket, hand_over};
use crate::reload::{self, Fingerprint};
use crate::serve::{ServeOptions, start_loaded};
use crate::signals::{end_signals, outlive_file_limits};
use anyhow::Context as _;
use stagegate_cli::{LogFormat, ServeArgs, output};
use stagegate_config::{Config, Loaded};
use std::process::ExitCode;
use std::time::Duration;

/// Time for a start to end once the program is asked to end.
const START_PATIENCE: Duration = Duration::from_secs(5);

/// `stagegate serve`.
pub(crate) fn serve(args: &ServeArgs) -> ExitCode {
    let log_format = match args.log_format {
        LogFormat::Text => stagegate_telemetry::LogFormat::Text,
        LogFormat::Json => stagegate_telemetry::LogFormat::Json,
    };
    if let Err(error) = stagegate_telemetry::init_logging(log_format, &args.log) {
        return failed(&format!("error: {error}"));
    }
    stagegate_telemetry::log_panics();
    let found = reload::fingerprint(&args.config, &[]);
    let loaded = match Config::load(&args.config) {
        Ok(loaded) => loaded,
        Err(problems) => return failed(&problems.to_string()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("control")
        .enable_all()
        .build();
    let served = runtime.context("no runtime").and_then(|runtime| {
        // In a box: `block_on` would compile the whole future once for each kind of runtime.
        let served = runtime.block_on(Box::pin(until_asked_to_end(loaded, found, args)));
        // Answers that outlived the drain must not keep the process.
        runtime.shutdown_background();
        served
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("error: {error:#}")),
    }
}

fn failed(message: &str) -> ExitCode {
    output::note(message);
    ExitCode::FAILURE
}

async fn until_asked_to_end(
    loaded: Loaded,
    found: Fingerprint,
    args: &ServeArgs,
) -> anyhow::Result<()> {
    outlive_file_limits().context("signals cannot be caught")?;
    // Before anything is served: a signal that nobody catches cuts what is under way.
    let mut end = std::pin::pin!(end_signals().context("signals cannot be caught")?);
    let path = args.config.clone();
    let data_dir = loaded.config.data_dir.clone();
    let options = ServeOptions {
        safe_start: args.safe_start,
        take_over: args.take_over,
        replica: args.replica.clone(),
    };
    let mut starting = std::pin::pin!(start_loaded(loaded, path.clone(), options));
    let mut running = tokio::select! {
        running = &mut starting => running?,
        () = &mut end => {
            tracing::info!("asked to end while starting");
            return match tokio::time::timeout(START_PATIENCE, starting).await {
                Ok(running) => running?.stop().await,
                Err(_) => Ok(()),
            };
        }
    };
    let hangups = tokio::spawn(reload::on_hangup(running.control.clone()));
    let control = running.control.clone();
    let changes = tokio::spawn(async move { reload::on_change(control, &path, found).await });
    let mut socket = HandoverSocket::open(&data_dir)
        .inspect_err(|error| tracing::warn!(%error, "cannot open the handover socket"))
        .ok();
    loop {
        let asked = tokio::select! {
            () = &mut end => break,
            asked = asked_at(socket.as_ref()) => asked,
        };
        let Some(open) = socket.take() else { continue };
        match hand_over(running, open, asked).await? {
            Some((kept, open)) => (running, socket) = (kept, Some(open)),
            None => return Ok(()),
        }
    }
    hangups.abort();
    changes.abort();
    tracing::info!("draining");
    running.stop().await
}

/// Resolves when a new process asks; never where none can.
async fn asked_at(socket: Option<&HandoverSocket>) -> Asked {
    match socket {
        Some(socket) => socket.asked().await,
        None => std::future::pending().await,
    }
}
