//! Who may ask.
//!
//! With `clients`, every request needs the key of one, as `Authorization: Bearer KEY` or
//! `X-API-Key: KEY`. A browser cannot send header fields when it opens an event stream. So the address
//! of the stream carries a ticket: the client's name and an expiry, signed with a key that this
//! process has made.
//!
//! Without clients the listener is on a loopback address. Then a `Host` that is no loopback name is
//! refused, so that no web page reaches it by DNS rebinding.

use crate::rate::Bucket;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use sha2::{Digest, Sha256};
use stagegate_sealed::{bearer, is_loopback_authority, owner};
use stagegate_settings as settings;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// How long a ticket for an event stream is good.
pub(crate) const TICKET_LIFE: Duration = Duration::from_secs(24 * 3600);
/// The name of everyone while there are no clients.
const LOCAL: &str = "local";

/// Why somebody may not.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Denied {
    #[error("this needs a key: send `Authorization: Bearer KEY` or `X-API-Key: KEY`")]
    NoKey,
    #[error("the key is not one of the configured clients'")]
    UnknownKey,
    #[error("the ticket of this event stream is not valid; ask for all flags again")]
    Ticket,
    #[error(
        "no clients are configured, so only requests to a loopback name are answered: use localhost or 127.0.0.1, or configure flags.clients"
    )]
    ForeignHost,
    #[error("pages of this origin may not ask: add it to flags.origins")]
    Origin,
    #[error("this client asks too often")]
    TooOften(Duration),
}

/// Keys, tickets and rates.
pub(crate) struct Access {
    ticket_key: [u8; 32],
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

impl Access {
    /// With a new key for tickets.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut ticket_key = [0; 32];
        getrandom::fill(&mut ticket_key)?;
        Ok(Self { ticket_key, buckets: Mutex::default() })
    }

    /// The client that asks, if it may.
    pub(crate) fn client(
        &self,
        settings: &settings::Flags,
        headers: &HeaderMap,
        now: Instant,
    ) -> Result<String, Denied> {
        origin(settings, headers)?;
        if settings.clients.is_empty() {
            return local(headers).map(|()| LOCAL.to_owned());
        }
        let key = key(headers).ok_or(Denied::NoKey)?;
        let client = owner(&settings.clients, |client| &client.hash, key);
        let client = client.ok_or(Denied::UnknownKey)?;
        self.limit(client, now)?;
        Ok(client.name.clone())
    }

    /// The client that opens an event stream, if it may.
    pub(crate) fn listener(
        &self,
        settings: &settings::Flags,
        headers: &HeaderMap,
        ticket: Option<&str>,
        (now, unix): (Instant, u64),
    ) -> Result<String, Denied> {
        let Some(ticket) = ticket else { return self.client(settings, headers, now) };
        origin(settings, headers)?;
        let name = self.holder(ticket, unix).ok_or(Denied::Ticket)?;
        if settings.clients.is_empty() {
            return local(headers).map(|()| LOCAL.to_owned());
        }
        // A client that was removed has no valid ticket any more.
        let client = settings.clients.iter().find(|client| client.name == name);
        let client = client.ok_or(Denied::Ticket)?;
        self.limit(client, now)?;
        Ok(client.name.clone())
    }

    fn limit(&self, client: &settings::FlagClient, now: Instant) -> Result<(), Denied> {
        let Some(rate) = client.rate else { return Ok(()) };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(client.name.clone());
        bucket.or_insert_with(|| Bucket::new(rate, now)).take(rate, now).map_err(Denied::TooOften)
    }

    /// A ticket: `NAME.EXPIRY.SIGNATURE`.
    pub(crate) fn ticket(&self, client: &str, unix: u64) -> String {
        let expiry = unix + TICKET_LIFE.as_secs();
        let signature = hex::encode(self.signature(client, expiry));
        format!("{client}.{expiry}.{signature}")
    }

    fn holder<'t>(&self, ticket: &'t str, unix: u64) -> Option<&'t str> {
        let (rest, signature) = ticket.rsplit_once('.')?;
        let (name, expiry) = rest.rsplit_once('.')?;
        let expiry: u64 = expiry.parse().ok()?;
        let signature = hex::decode(signature).ok()?;
        let good = bool::from(self.signature(name, expiry).as_slice().ct_eq(&signature));
        (good && unix < expiry).then_some(name)
    }

    fn signature(&self, name: &str, expiry: u64) -> [u8; 32] {
        let mut inner = Sha256::new();
        inner.update((name.len() as u64).to_be_bytes());
        inner.update(name);
        inner.update(expiry.to_be_bytes());
        // A key of any length is good for HMAC.
        match Hmac::<Sha256>::new_from_slice(&self.ticket_key) {
            Ok(mac) => mac.chain_update(inner.finalize()).finalize().into_bytes().into(),
            Err(_) => [0; 32],
        }
    }
}

/// The key in a request, if any.
fn key(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(value) = headers.get("x-api-key") {
        return Some(value.as_bytes().trim_ascii());
    }
    bearer(headers.get(AUTHORIZATION)?.as_bytes())
}

/// A page of another site must be on the list.
fn origin(settings: &settings::Flags, headers: &HeaderMap) -> Result<(), Denied> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let listed = |origin: &str| settings.origins.iter().any(|own| own == origin);
    if origin.to_str().is_ok_and(listed) { Ok(()) } else { Err(Denied::Origin) }
}

fn local(headers: &HeaderMap) -> Result<(), Denied> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(is_loopback_authority) { Ok(()) } else { Err(Denied::ForeignHost) }
}
