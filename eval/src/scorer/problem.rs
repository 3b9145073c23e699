//! Mistakes in a definition.

use std::fmt;

/// One thing that is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer to the key, from the definition's root; empty for the root itself.
    pub key: String,
    /// The wrong value, shortened; `None` where the key itself is wrong or the value is a secret.
    pub value: Option<String>,
    /// The problem.
    pub message: String,
    /// The correction.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_empty() { "scorer" } else { self.key.trim_start_matches('/') };
        let value = self.value.as_ref().map(|value| format!("`{value}` ")).unwrap_or_default();
        write!(f, "{key}: {value}{}; {}", self.message, self.hint)
    }
}

/// Everything that is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);
