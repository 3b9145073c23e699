//! The parts that every page uses.

use crate::ask::Api;
use crate::session::Sessions;
use std::sync::Arc;

/// Tells if the admin API asks for a token now: a reload can change it.
pub type AsksForTokens = Arc<dyn Fn() -> bool + Send + Sync>;

/// The parts that every page uses; cheap to clone.
#[derive(Clone)]
pub(crate) struct Dashboard {
    pub(crate) api: Api,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) asks_for_tokens: AsksForTokens,
}
