//! Signals that end the program, and signals that are ignored.

use tokio::signal::unix::{SignalKind, signal};

/// Catches the signals of a person (Ctrl-C) and of the system (SIGTERM) from now on, and resolves when
/// one has come. Without it they end the process at once, with all that it serves.
///
/// # Errors
/// When the system refuses.
pub(crate) fn end_signals() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Resolves when a person or the system wants the program to end. Signals that come before it is polled
/// end the process.
pub(crate) async fn asked_to_end() {
    match end_signals() {
        Ok(end) => end.await,
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// Turns the signal for a file size limit (`ulimit -f`) into an error of the write. Otherwise the
/// system would end the process.
pub(crate) fn outlive_file_limits() -> std::io::Result<()> {
    let number = rustix::process::Signal::XFSZ.as_raw();
    // What tokio has once caught stays caught; nobody needs to hear of it.
    signal(SignalKind::from_raw(number)).map(drop)
}
