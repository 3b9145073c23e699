//! `stagegate serve`: runs until somebody wants it to end.

use crate::cli::{ServeArgs, output};
use crate::reload;
use crate::serve::{ServeOptions, start_loaded};
use crate::signals::asked_to_end;
use anyhow::Context as _;
use stagegate_config::{Config, Loaded};
use std::process::ExitCode;

/// `stagegate serve`.
pub(crate) fn serve(args: &ServeArgs) -> ExitCode {
    if let Err(error) = stagegate_telemetry::init_logging(args.log_format.into(), &args.log) {
        return failed(&format!("error: {error}"));
    }
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
        let served = runtime.block_on(until_asked_to_end(loaded, args));
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

async fn until_asked_to_end(loaded: Loaded, args: &ServeArgs) -> anyhow::Result<()> {
    let path = args.config.clone();
    let running =
        start_loaded(loaded, path.clone(), ServeOptions { safe_start: args.safe_start }).await?;
    let hangups = tokio::spawn(reload::on_hangup(running.control.clone()));
    let control = running.control.clone();
    let changes = tokio::spawn(async move { reload::on_change(control, &path).await });
    asked_to_end().await;
    hangups.abort();
    changes.abort();
    tracing::info!("draining");
    running.stop().await
}
