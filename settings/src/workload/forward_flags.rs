//! Flags that are evaluated for each request.

use std::sync::Arc;

/// Flags that are evaluated for each request and sent to the backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ForwardFlags {
    /// None.
    #[default]
    Nothing,
    /// Every flag that there is.
    All,
    /// These, by key.
    Keys(Vec<Arc<str>>),
}

impl ForwardFlags {
    /// True for a flag that is sent.
    #[must_use]
    pub fn wants(&self, key: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Keys(keys) => keys.iter().any(|own| **own == *key),
        }
    }
}
