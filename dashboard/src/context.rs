//! The parts that every page uses.

use crate::ask::Api;
use std::sync::Arc;

/// What of the configuration the pages must know: a reload can change it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Site {
    /// True if visitors must say who they are.
    pub asks_to_sign_in: bool,
    /// True if they can by a token.
    pub takes_tokens: bool,
    /// True if they can by a provider.
    pub has_provider: bool,
    /// True if the address to which the provider sends browsers back is an `https://` one.
    pub is_https: bool,
    /// True if the admin listener speaks TLS.
    pub speaks_tls: bool,
}

/// The [`Site`] of now.
pub type SiteNow = Arc<dyn Fn() -> Site + Send + Sync>;

/// The parts that every page uses; cheap to clone.
#[derive(Clone)]
pub(crate) struct Dashboard {
    pub(crate) api: Api,
    /// The secret of forms while nobody signs in.
    pub(crate) secret: Arc<str>,
    pub(crate) site: SiteNow,
}
