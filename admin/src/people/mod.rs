//! People: their sessions, and how they sign in by a provider.

mod sessions;
mod sign_in;

pub use sessions::{LIFE, Session, Sessions, Who};
pub use sign_in::{Ended, SignInError, SignIns, Started};

use stagegate_sealed::bearer;

/// Everybody who has signed in, or is about to.
#[derive(Debug, Default)]
pub struct People {
    /// The open sessions.
    pub sessions: Sessions,
    /// The sign-ins that have begun.
    pub sign_ins: SignIns,
}

/// The key of an `Authorization` header, if it is a session's.
#[must_use]
pub fn session_key(authorization: &[u8]) -> Option<&[u8]> {
    bearer(authorization).filter(|key| key.starts_with(sessions::PREFIX.as_bytes()))
}
