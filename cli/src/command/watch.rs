//! A screen that is drawn again until Ctrl-C.

use crate::client::Failure;
use crate::output::{moment, screen};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Draws what `look` gives, again and again. While the server does not answer the last screen stays
/// and says so: a restart must not end the watch.
///
/// # Errors
/// When the first look fails, or a later one fails although the server answers.
pub(crate) fn watch(
    every: Duration,
    look: impl Fn() -> Result<String, Failure>,
) -> Result<ExitCode, Failure> {
    let mut last = look()?;
    let mut seen_ms = now_ms();
    let mut banner = String::new();
    loop {
        screen::redraw(&format!("{banner}{last}"));
        std::thread::sleep(every);
        match look() {
            Ok(text) => (last, seen_ms, banner) = (text, now_ms(), String::new()),
            Err(failure @ Failure::Unreachable { .. }) => {
                let why = failure.to_string();
                let why = why.lines().next().unwrap_or_default();
                banner = format!("! {why}\n! the lines below are of {}\n", moment(seen_ms));
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
