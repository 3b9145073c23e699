//! The runtime of a thread of this crate.

/// The runtime of a thread whose tasks stay on it.
///
/// # Errors
/// When the system refuses.
pub(crate) fn local_runtime() -> std::io::Result<tokio::runtime::LocalRuntime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build_local(tokio::runtime::LocalOptions::default())
}
