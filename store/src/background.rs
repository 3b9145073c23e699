//! Threads whose work can wait.

/// The `nice` value of a background thread.
const NICE: i32 = 10;

/// Lets the calling thread step back behind those that serve: where a core is short, it gets about
/// a tenth of what one of them gets, and is interrupted as soon as one of them has something to do.
/// Without it, a thread that compresses or scores keeps requests waiting for its whole turn.
pub fn in_background() {
    // Linux knows threads by the same numbers as processes. Where a sandbox forbids it, requests
    // wait a little longer, and nothing else changes.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}
