//! The facts about a client connection that hold for all its requests.

use crate::http1::Forwarding;
use crate::tls::Names;

/// The facts about a client connection that hold for all its requests.
pub(super) struct ConnContext {
    /// The forwarding fields that tell endpoints who the client is.
    pub(super) forwarding: Forwarding,
    /// The names in the client's verified certificate.
    pub(super) names: Option<Names>,
}
