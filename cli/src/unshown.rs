//! Secrets of the command line: a text that no debug output shows.

use std::fmt;

/// A text that must not be shown.
#[derive(Clone)]
pub(crate) struct Unshown(String);

impl Unshown {
    /// The text itself. Callers must not print it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Unshown {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Unshown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use crate::tree::Cli;
    use clap::Parser as _;

    #[test]
    fn arguments_that_are_secret_are_not_in_debug_output() {
        for line in [
            "stagegate --token CANARY status",
            "stagegate token force -w agent --secret CANARY-0123456789",
            "stagegate eval rerun agent --release v2 --out x.jsonl --header authorization:CANARY",
        ] {
            let parsed = Cli::try_parse_from(line.split(' ')).expect(line);
            assert!(!format!("{parsed:?}").contains("CANARY"), "{line}");
        }
    }
}
