//! The usage of a response, and its source.

use serde::{Deserialize, Serialize};

/// A kind of token that is priced on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Input that was not read from a cache.
    Input,
    /// Input read from the provider's prompt cache.
    CacheRead,
    /// Input written to the provider's prompt cache.
    CacheWrite,
    /// Output, reasoning included.
    Output,
    /// The part of the output that was reasoning; counted in `Output` too.
    Reasoning,
}

impl TokenKind {
    /// Every kind, in the order tables show them.
    pub const ALL: [Self; 5] =
        [Self::Input, Self::CacheRead, Self::CacheWrite, Self::Output, Self::Reasoning];

    /// The word used in labels and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
        }
    }

    /// Position in [`TokenKind::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// The source of a response's cost. It is shown with every cost; sources are never mixed silently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostTruth {
    /// From the provider's final usage, or stated by the backend.
    Reported,
    /// From the last usage seen of a stream that ended early.
    PartialStream,
    /// From the bytes that passed, where no usage was seen.
    Estimated,
    /// Not known: no usage and nothing to estimate from, or no price for the model.
    Unknown,
}

impl CostTruth {
    /// Every level, best first.
    pub const ALL: [Self; 4] =
        [Self::Reported, Self::PartialStream, Self::Estimated, Self::Unknown];

    /// The word used in labels and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::PartialStream => "partial_stream",
            Self::Estimated => "estimated",
            Self::Unknown => "unknown",
        }
    }

    /// Position in [`CostTruth::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// The reason why the cost of a response is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unpriced {
    /// The body could not be read: its coding is not understood, it is broken or too large.
    Unread,
    /// The response is made later, and this one does not say what it will cost.
    Unfinished,
    /// Nothing names the model.
    NoModel,
    /// The price list does not have the model.
    NotListed,
}

impl Unpriced {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Unread, Self::Unfinished, Self::NoModel, Self::NotListed];

    /// The word used in labels and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unread => "unread",
            Self::Unfinished => "unfinished",
            Self::NoModel => "no_model",
            Self::NotListed => "not_listed",
        }
    }
}
