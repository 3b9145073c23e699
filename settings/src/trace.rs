//! Settings of traces.

/// Clients whose traces are continued. Their wish to be sampled counts too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TraceParents {
    /// Every client's.
    #[default]
    Any,
    /// Those of trusted proxies.
    Trusted,
    /// No client's: every trace begins here.
    None,
}

impl TraceParents {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Trusted => "trusted",
            Self::None => "none",
        }
    }
}
