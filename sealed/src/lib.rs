//! Texts that are never shown, keys that a caller presents, and the signature by which a receiver knows
//! that a message is ours.

mod hidden;
mod presented;
mod signature;

pub use hidden::Hidden;
pub use presented::{bearer, owner};
pub use signature::{SIGNATURE_HEADER, signature};
