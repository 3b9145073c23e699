//! A statement as it is kept.

use stagegate_readiness::Statement;

/// A statement with the number of its audit entry.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptStatement {
    /// Number of the audit entry.
    pub audit_seq: u64,
    /// The statement.
    pub statement: Statement,
}
