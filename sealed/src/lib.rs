//! Texts that are never shown, and the signature by which a receiver knows that a message is ours.

mod hidden;
mod signature;

pub use hidden::Hidden;
pub use signature::{SIGNATURE_HEADER, signature};
