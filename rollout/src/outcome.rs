//! The outcome of a request, in the classes that the error axis counts.

use serde::{Deserialize, Serialize};

/// The class of a finished request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered, and not with a server-side failure.
    Ok,
    /// Likely to work when tried again: connect failure, reset, timeout, 408, 425, 429, 503, 529.
    Transient,
    /// The release's own fault: other 5xx, malformed or truncated answers.
    Permanent,
    /// A dependency behind the release failed: 502, 504.
    External,
    /// The client left before the response was complete; no release is to blame.
    ClientGone,
}

impl Outcome {
    /// Every class, in the order tables show them.
    pub const ALL: [Self; 5] =
        [Self::Ok, Self::Transient, Self::Permanent, Self::External, Self::ClientGone];

    /// The class of a complete answer with this status.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            408 | 425 | 429 | 503 | 529 => Self::Transient,
            502 | 504 => Self::External,
            500..=599 => Self::Permanent,
            _ => Self::Ok,
        }
    }

    /// The word used in labels and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::External => "external",
            Self::ClientGone => "client_gone",
        }
    }

    /// Position in [`Outcome::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
