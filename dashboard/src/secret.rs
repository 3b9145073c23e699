//! Secrets of forms, and keys that make a change happen once.

use sha2::{Digest, Sha256};

/// 256 random bits in hex.
pub(crate) fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// The secret of the forms of a session: nobody can tell it who does not have its key, and it does not
/// tell the key.
pub(crate) fn of_session(key: &str) -> String {
    hex::encode(Sha256::new().chain_update("form\0").chain_update(key).finalize())
}

/// Returns true if both are the same. They are compared by their hashes: the time says nothing about
/// them.
pub(crate) fn same(one: &str, other: &str) -> bool {
    Sha256::digest(one) == Sha256::digest(other)
}
