//! Sessions: in the memory of this process, each with the token that began it.

use http::HeaderValue;
use sha2::{Digest, Sha256};
use stagegate_api::{Identity, Role};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest life of a session.
pub(crate) const LIFE: Duration = Duration::from_hours(12);
/// Most sessions at a time; the oldest one makes room.
const MOST: usize = 1000;

/// The sessions of this process.
pub(crate) struct Sessions {
    open: Mutex<HashMap<[u8; 32], Session>>,
    /// The secret of forms while nobody signs in.
    pub(crate) secret: String,
}

/// A session.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) bearer: HeaderValue,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) secret: String,
    since: Instant,
}

impl Sessions {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        Ok(Self { open: Mutex::default(), secret: random()? })
    }

    /// Begins a session; returns the value of its cookie.
    pub(crate) fn begin(
        &self,
        identity: Identity,
        bearer: HeaderValue,
    ) -> Result<String, getrandom::Error> {
        let (cookie, secret) = (random()?, random()?);
        let mut open = self.lock();
        open.retain(|_, it| it.since.elapsed() < LIFE);
        if open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, it)| it.since).map(|(key, _)| *key);
            oldest.and_then(|key| open.remove(&key));
        }
        let Identity { actor: name, role } = identity;
        let session = Session { bearer, name, role, secret, since: Instant::now() };
        open.insert(key(&cookie), session);
        Ok(cookie)
    }

    pub(crate) fn find(&self, cookie: &str) -> Option<Session> {
        self.lock().get(&key(cookie)).filter(|it| it.since.elapsed() < LIFE).cloned()
    }

    pub(crate) fn end(&self, cookie: &str) {
        self.lock().remove(&key(cookie));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 256 random bits in hex.
pub(crate) fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// Sessions are found by the hash of their cookie, so a look-up's time says nothing about others.
pub(crate) fn key(cookie: &str) -> [u8; 32] {
    Sha256::digest(cookie).into()
}
