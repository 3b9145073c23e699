//! Panics in the log: one line each, in the log's format.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::thread;
use tracing::Level;

/// Writes every panic of the process from now on into the log, as one error line with the thread,
/// the place and the message, and the backtrace where `RUST_BACKTRACE` asks for one. Where the log
/// leaves the line out, the standard message goes to standard error as before.
pub fn log_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if tracing::enabled!(Level::ERROR) {
            log(panic);
        } else {
            before(panic);
        }
    }));
}

fn log(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let thread = thread::current();
    let backtrace = Backtrace::capture();
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    // As fields, so that the format quotes and escapes what stands in them.
    tracing::error!(
        thread = thread.name().unwrap_or("without a name"),
        place,
        panic = panic.payload_as_str().unwrap_or("without a message"),
        backtrace,
        "a thread panicked"
    );
}

#[cfg(test)]
mod tests {
    use super::log_panics;
    use crate::logging::tests::Page;
    use crate::logging::{LogFormat, log_to};

    /// Returns the log line of a panic whose message has a line break and an escape sequence.
    fn logged(format: LogFormat) -> String {
        let page = Page::default();
        let writer = page.clone();
        let log = log_to(move || writer.clone(), format, "info", false).expect("a good filter");
        log_panics();
        let fails = move || {
            tracing::dispatcher::with_default(&log, || panic!("lost\n\u{1b}[31m \"all\" of {}", 2));
        };
        let thread = std::thread::Builder::new().name("worker-9".to_owned()).spawn(fails);
        assert!(thread.expect("started").join().is_err());
        page.text()
    }

    #[test]
    fn a_panic_is_one_line_of_text() {
        let text = logged(LogFormat::Text);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        for part in ["ERROR", "a thread panicked", "\"worker-9\"", "src/panics.rs:", "lost\\n"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_panic_is_one_object_of_json() {
        let text = logged(LogFormat::Json);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).expect("an object");
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["thread"], "worker-9");
        assert_eq!(line["panic"], "lost\n\u{1b}[31m \"all\" of 2");
        assert!(line["place"].as_str().is_some_and(|it| it.contains("panics.rs:")), "{line}");
    }
}
