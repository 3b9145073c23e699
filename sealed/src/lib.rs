//! Texts that are never shown, keys that a caller presents, proofs for single requests, names by which a caller without a key may
//! ask, and the signature by which a receiver knows that a message is ours.

mod hidden;
mod loopback;
mod presented;
mod proof;
mod signature;
mod signing;

pub use hidden::Hidden;
pub use loopback::is_loopback_authority;
pub use presented::{bearer, owner, password};
pub use proof::ProofKey;
pub use signature::{SIGNATURE_HEADER, signature};
pub use signing::{SigningKey, verifies};
