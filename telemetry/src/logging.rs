//! The log: to standard error, as text for people or as one JSON object a line for machines.

use std::io::IsTerminal as _;
use std::str::FromStr;
use tracing::Dispatch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// The word used on the command line.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl FromStr for LogFormat {
    type Err = LoggingError;

    fn from_str(text: &str) -> Result<Self, LoggingError> {
        let known = [Self::Text, Self::Json].into_iter().find(|format| format.label() == text);
        known.ok_or_else(|| LoggingError::Format(text.to_owned()))
    }
}

/// A log that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// No such format.
    #[error("log format `{0}` does not exist: write `text` or `json`")]
    Format(String),
    /// The filter does not parse.
    #[error(
        "log filter `{filter}` is not valid: write a level (`info`) or `target=level` pairs (`info,stagegate_admin=debug`)"
    )]
    Filter {
        /// The filter as given.
        filter: String,
        /// The error of the parser.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The process has a log already.
    #[error("the process already has a log")]
    AlreadySet(#[source] tracing_subscriber::util::TryInitError),
}

/// Sends the whole process's log to standard error, lines chosen by `filter`.
///
/// # Errors
/// When the filter does not parse, or when the process has a log already.
pub fn init_logging(format: LogFormat, filter: &str) -> Result<(), LoggingError> {
    let colour = std::io::stderr().is_terminal();
    log_to(std::io::stderr, format, filter, colour)?.try_init().map_err(LoggingError::AlreadySet)
}

pub(crate) fn log_to<W>(
    writer: W,
    format: LogFormat,
    filter: &str,
    colour: bool,
) -> Result<Dispatch, LoggingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|source| LoggingError::Filter { filter: filter.to_owned(), source })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match format {
        LogFormat::Text => lines.with_ansi(colour).into(),
        LogFormat::Json => lines.json().flatten_event(true).into(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{LogFormat, LoggingError, init_logging, log_to};
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

    impl Page {
        /// Everything that was written.
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("text")
        }
    }

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str) -> String {
        let page = Page::default();
        let writer = page.clone();
        let log = log_to(move || writer.clone(), format, filter, false).expect("a good filter");
        tracing::dispatcher::with_default(&log, || {
            tracing::info!(workload = "support", "weight changed");
            tracing::debug!("not worth a line");
        });
        page.text()
    }

    #[test]
    fn text_lines_carry_level_message_and_fields() {
        let text = logged(LogFormat::Text, "info");
        assert!(text.contains("INFO") && text.contains("weight changed"), "{text}");
        assert!(text.contains("workload=\"support\""), "{text}");
        assert_eq!(text.lines().count(), 1, "the debug line is filtered out: {text}");
    }

    #[test]
    fn json_lines_are_one_object_each() {
        let text = logged(LogFormat::Json, "debug");
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("every line is an object"))
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"], "weight changed");
        assert_eq!(lines[0]["workload"], "support");
        assert_eq!(lines[1]["level"], "DEBUG");
    }

    #[test]
    fn a_bad_filter_or_format_is_named() {
        let error = init_logging(LogFormat::Text, "info,=[").expect_err("no filter");
        assert!(matches!(error, LoggingError::Filter { .. }));
        assert!(error.to_string().contains("`info,=[`"), "{error}");
        let error = "xml".parse::<LogFormat>().expect_err("no format");
        assert_eq!(error.to_string(), "log format `xml` does not exist: write `text` or `json`");
    }
}
