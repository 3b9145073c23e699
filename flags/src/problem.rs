//! What is wrong in a file.

use std::fmt;

/// The weight of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is taken; somebody should look.
    Warning,
}

/// One problem of a file of definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its weight.
    pub severity: Severity,
    /// The file.
    pub file: String,
    /// Line of the value, from 1.
    pub line: u32,
    /// JSON path of the value.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What would be right; may be empty.
    pub hint: String,
}

/// `flags.json:12: $.flags.a.state: is "On"; write ENABLED or DISABLED`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, file, line, path, message, hint } = self;
        write!(f, "{file}:{line}: ")?;
        if *severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        write!(f, "{path}: {message}")?;
        if !hint.is_empty() {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}
