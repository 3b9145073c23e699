//! Sign-ins by the provider that have begun, and their ends.

use super::sessions::{Who, hash, person, random};
use crate::auth::{Caller, Denied, NoRandomness};
use stagegate_config::Oidc;
use stagegate_oidc::{Client, Flow, OidcError};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest time from the begin of a sign-in to its end.
const PATIENCE: Duration = Duration::from_mins(10);
/// Most that have begun; the oldest one makes room.
const MOST: usize = 1000;

/// The sign-ins that have begun.
#[derive(Debug, Default)]
pub struct SignIns {
    open: Mutex<HashMap<[u8; 32], Waiting>>,
    /// The client of the provider that is configured.
    client: Mutex<Option<Client>>,
}

struct Waiting {
    flow: Flow,
    next: String,
    begun: Instant,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("begun", &self.begun).finish_non_exhaustive()
    }
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct Started {
    /// Where the browser goes.
    pub url: String,
    /// What the browser keeps until it comes back.
    pub key: String,
}

/// A sign-in that has ended well.
#[derive(Debug)]
pub struct Ended {
    /// What was shown.
    pub who: Who,
    /// Who it is.
    pub caller: Caller,
    /// The page that was wanted.
    pub next: String,
}

/// The reason why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The provider, or what it gave.
    #[error(transparent)]
    Oidc(#[from] OidcError),
    /// A person for whom no rule speaks; the name that the provider gave.
    #[error("{1}")]
    Denied(Option<String>, Denied),
    /// No random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl SignIns {
    /// Begins a sign-in that leads to the page `next`. Blocks.
    ///
    /// # Errors
    /// When the provider does not answer.
    pub fn begin(&self, oidc: &Oidc, next: String) -> Result<Started, SignInError> {
        let begun = self.client(oidc).begin()?;
        let key = random::<32>()?;
        let mut open = self.lock();
        open.retain(|_, it| it.begun.elapsed() < PATIENCE);
        if open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, it)| it.begun).map(|(key, _)| *key);
            oldest.and_then(|key| open.remove(&key));
        }
        let waiting = Waiting { flow: begun.flow, next, begun: Instant::now() };
        open.insert(hash(key.as_bytes()), waiting);
        Ok(Started { url: begun.url, key })
    }

    /// Ends the sign-in of the browser that kept `key`, with the code that the provider sent with it, or
    /// with the error. Each can be ended once. Blocks.
    ///
    /// # Errors
    /// When it is not the end of that sign-in, the provider refuses, or the person has no role.
    pub fn end(
        &self,
        oidc: &Oidc,
        key: &str,
        state: &str,
        code: Result<String, String>,
    ) -> Result<Ended, SignInError> {
        let waiting = self.lock().remove(&hash(key.as_bytes()));
        let fits = |it: &Waiting| it.begun.elapsed() < PATIENCE && it.flow.has_state(state);
        let waiting = waiting.filter(fits).ok_or(OidcError::OtherFlow)?;
        let code = code.map_err(OidcError::Refused)?;
        let claims = self.client(oidc).finish(&waiting.flow, &code)?;
        let named = claims.text(&oidc.name).map(str::to_owned);
        let caller = person(oidc, &claims).map_err(|it| SignInError::Denied(named, it))?;
        let who = Who::Person { issuer: oidc.provider.issuer.clone(), claims };
        Ok(Ended { who, caller, next: waiting.next })
    }

    /// The client of this provider; a reload may have changed it.
    fn client(&self, oidc: &Oidc) -> Client {
        let mut held = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let same = held.take().filter(|it| *it.provider() == oidc.provider);
        held.insert(same.unwrap_or_else(|| Client::new(oidc.provider.clone()))).clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Waiting>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
