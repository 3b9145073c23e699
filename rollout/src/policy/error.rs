//! Problems of a policy, and their places.

use std::fmt;

/// The part of a policy that has a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKey {
    /// A key of the policy itself.
    Policy(&'static str),
    /// A key of one step.
    Step {
        /// Position, from 0.
        place: usize,
        /// The key.
        key: &'static str,
    },
    /// A key of one gate.
    Gate {
        /// Position, from 0.
        place: usize,
        /// The key.
        key: &'static str,
    },
}

impl fmt::Display for PolicyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(key) => f.write_str(key),
            Self::Step { place, key } => write!(f, "steps[{place}].{key}"),
            Self::Gate { place, key } => write!(f, "gates[{place}].{key}"),
        }
    }
}

/// A part of a policy that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct PolicyError {
    /// The part.
    pub at: PolicyKey,
    /// The problem and the mend.
    pub problem: String,
}
