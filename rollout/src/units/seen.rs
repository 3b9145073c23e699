//! One finished request, for the units.

use super::part::Parts;
use crate::{Arm, KeyKind, Outcome};
use foldhash::fast::FixedState;
use std::hash::BuildHasher as _;
use std::sync::Arc;

/// One finished request, for the units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Names the key that the split drew; 0 if there is none, and then the request is a unit of its
    /// own.
    pub unit: u64,
    /// The tenant that asked, if it is known and there is room to remember it.
    pub tenant: Option<Arc<str>>,
    /// The parts of the traffic that it belongs to.
    pub parts: Parts,
    /// How it failed, in few words (`status 500`), if it did.
    pub failure: Option<Arc<str>>,
    /// The arm that served it.
    pub arm: Arm,
    /// When it ended, in Unix milliseconds.
    pub at_ms: u64,
    /// Bytes of its body.
    pub body: u64,
    /// Its outcome.
    pub outcome: Outcome,
    /// Refused for what the client asked.
    pub rejected: bool,
    /// Microseconds to its end.
    pub duration_us: u64,
    /// Microseconds to the answer's head; 0 if none came.
    pub first_byte_us: u64,
    /// The client left before the end of the response, having sent all of its request.
    pub abandoned: bool,
    /// Nano-dollars, if known.
    pub nanos: Option<u64>,
    /// Tokens of its input, and those of them that came from the provider's cache.
    pub input: (u64, u64),
}

impl Seen {
    /// The name of the unit of this key; a request without a key is a unit of its own.
    #[must_use]
    pub fn unit_of(kind: KeyKind, id: Option<&str>) -> u64 {
        let hash = |id: &str| FixedState::default().hash_one((kind as u8, id));
        id.filter(|_| kind != KeyKind::Request).map_or(0, |id| hash(id).max(1))
    }
}
