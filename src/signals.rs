//! Signals that end the program, and signals that are ignored.

/// Resolves when a person (Ctrl-C) or the system (SIGTERM) wants the program to end.
pub(crate) async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// Turns the signal for a file size limit (`ulimit -f`) into an error of the write. Otherwise the
/// system would end the process.
pub(crate) fn outlive_file_limits() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let number = rustix::process::Signal::XFSZ.as_raw();
    // What tokio has once caught stays caught; nobody needs to hear of it.
    signal(SignalKind::from_raw(number)).map(drop)
}
