//! The form of a key's values, for a JSON Schema.

use serde_json::Value;

/// The form of a key's values for a JSON Schema.
#[derive(Clone, Debug)]
pub enum KeyShape {
    /// Values of this JSON Schema.
    Schema(Value),
    /// A list of checks: definitions of a built-in type without the keys of a whole scorer.
    Checks,
}
