//! A place in the ledger.

use serde::{Deserialize, Serialize};

/// The place of an entry in the ledger, and the state that the ledger has there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Number of the entry: from 1, without gaps. 0 is the place before the first entry.
    pub number: u64,
    /// Number that the ledger's servers gave it. It grows, with gaps: other messages count too.
    pub position: u64,
    /// Epoch after the entry.
    pub epoch: u64,
    /// The first 64 bits of the hash that chains the entries.
    pub mark: u64,
}
