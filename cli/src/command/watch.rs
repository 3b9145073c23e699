//! A screen that is drawn again until Ctrl-C.

use crate::client::{Events, Failure, Next};
use crate::output::{moment, screen};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
                let why = first_line(&failure);
                banner = format!("{why}! the lines below are of {}\n", moment(seen_ms));
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// Draws what `draw` makes of each event and its age, again every `tick` in between. While the stream is
/// away the last screen stays and says so, and `again` is asked for another one.
///
/// # Errors
/// When an event cannot be drawn, or `again` fails although the server answers.
pub(crate) fn follow_events(
    mut events: Events,
    tick: Duration,
    mut again: impl FnMut() -> Result<Option<Events>, Failure>,
    draw: impl Fn(&str, Duration) -> Result<String, Failure>,
) -> Result<ExitCode, Failure> {
    let (mut last, mut came) = (None::<String>, Instant::now());
    let mut seen_ms = now_ms();
    loop {
        let mut banner = String::new();
        match events.next(tick) {
            Next::Event(data) => (last, came, seen_ms) = (Some(data), Instant::now(), now_ms()),
            Next::Nothing => {}
            Next::Ended => {
                match again() {
                    Ok(Some(other)) => events = other,
                    Ok(None) => banner = "! too many watch; trying again\n".to_owned(),
                    Err(failure @ Failure::Unreachable { .. }) => banner = first_line(&failure),
                    Err(failure) => return Err(failure),
                }
                if !banner.is_empty() {
                    banner.push_str(&format!("! the lines below are of {}\n", moment(seen_ms)));
                }
            }
        }
        let Some(data) = &last else { continue };
        let age = if banner.is_empty() { came.elapsed() } else { Duration::ZERO };
        screen::redraw(&format!("{banner}{}", draw(data, age)?));
        if !banner.is_empty() {
            std::thread::sleep(tick);
        }
    }
}

fn first_line(failure: &Failure) -> String {
    let why = failure.to_string();
    format!("! {}\n", why.lines().next().unwrap_or_default())
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
