//! Limits of one request.

use std::time::Duration;

/// Largest request body in bytes.
pub(super) const MAX_BODY: usize = 1024 * 1024;
/// Longest time a handler may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);
