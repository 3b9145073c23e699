//! Verified tokens, so that a signature is checked once and not with every request.

use super::{Claims, Jwt};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::rc::Rc;

/// The moment of a request by both clocks: tokens expire by the wall clock, entries age by the
/// monotonic one, which never jumps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Unix seconds.
    pub(crate) unix_s: u64,
    /// Milliseconds of a clock that only goes forward.
    pub(crate) monotonic_ms: u64,
}

/// Verdicts on the tokens that one worker saw lately. Emptied whole when full: simple, bounded, and
/// rare.
#[derive(Default)]
pub(crate) struct JwtCache {
    tokens: HashMap<(usize, Box<[u8]>), Entry, RandomState>,
    /// Bytes of the tokens and claims that are held.
    bytes: usize,
}

struct Entry {
    claims: Option<Rc<Claims>>,
    /// Unix second from which the token's own expiry ends the entry.
    expires_s: u64,
    /// Monotonic millisecond at which the entry ends in any case.
    until_ms: u64,
}

impl JwtCache {
    const MAX_ENTRIES: usize = 4096;
    /// Most bytes of tokens and claims that one worker holds.
    const MAX_BYTES: usize = 4 << 20;
    /// A longer token is checked with every request.
    const LONGEST: usize = 16 << 10;
    /// How long the result for a good token is cached.
    const KEEP_MS: u64 = 60_000;
    /// How long the result for a bad token is cached.
    const KEEP_BAD_MS: u64 = 1_000;

    /// The claims of the token in `header`, if a configured key signed it and it is valid at `now`.
    pub(crate) fn claims(&mut self, jwt: &Jwt, header: &[u8], now: Moment) -> Option<Rc<Claims>> {
        let bearer = header.len() > 7 && header[..7].eq_ignore_ascii_case(b"bearer ");
        let token = if bearer { &header[7..] } else { header }.trim_ascii();
        if token.len() > Self::LONGEST {
            return Self::verified(jwt, token).map(|(claims, _)| claims);
        }
        let key = (std::ptr::from_ref(jwt) as usize, Box::from(token));
        let fresh = |it: &&Entry| now.unix_s < it.expires_s && now.monotonic_ms < it.until_ms;
        if let Some(entry) = self.tokens.get(&key).filter(fresh) {
            return entry.claims.clone();
        }
        let (claims, expires_s, keep_ms) = match Self::verified(jwt, token) {
            Some((claims, expires_s)) => (Some(claims), expires_s, Self::KEEP_MS),
            None => (None, u64::MAX, Self::KEEP_BAD_MS),
        };
        let size = token.len() + claims.as_deref().map_or(0, size_of_claims);
        if self.tokens.len() >= Self::MAX_ENTRIES || self.bytes + size > Self::MAX_BYTES {
            self.clear();
        }
        self.bytes += size;
        let until_ms = now.monotonic_ms.saturating_add(keep_ms);
        self.tokens.insert(key, Entry { claims: claims.clone(), expires_s, until_ms });
        claims
    }

    fn verified(jwt: &Jwt, token: &[u8]) -> Option<(Rc<Claims>, u64)> {
        let token = std::str::from_utf8(token).ok()?;
        jwt.verify(token).map(|(claims, expires_s)| (Rc::new(claims), expires_s))
    }

    /// Forgets everything: another plan may have other keys at the same place.
    pub(crate) fn clear(&mut self) {
        self.tokens.clear();
        self.bytes = 0;
    }
}

fn size_of_claims(claims: &Claims) -> usize {
    claims.iter().map(|(name, value)| name.len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::{JwtCache, Moment};
    use crate::identity::{Jwt, JwtFiles};
    use stagegate_settings::{Jwt as JwtSettings, JwtAlgorithm, Secret};

    fn verifier() -> Jwt {
        let settings = JwtSettings {
            secret: Some(Secret::new("0123456789abcdef")),
            algorithms: vec![JwtAlgorithm::Hs256],
            ..JwtSettings::default()
        };
        Jwt::new(&settings, &JwtFiles::default()).expect("a secret")
    }

    #[test]
    fn garbage_of_any_length_takes_bounded_memory() {
        let (jwt, mut cache) = (verifier(), JwtCache::default());
        let now = Moment { unix_s: 1_700_000_000, monotonic_ms: 1 };
        for number in 0..2_000 {
            let token = format!("Bearer {number}{}", "x".repeat(15_000));
            assert!(cache.claims(&jwt, token.as_bytes(), now).is_none());
            assert!(cache.bytes <= JwtCache::MAX_BYTES);
        }
        let held: usize = cache.tokens.keys().map(|(_, token)| token.len()).sum();
        assert_eq!(held, cache.bytes);
        cache.claims(&jwt, "x".repeat(900_000).as_bytes(), now);
        assert_eq!(held, cache.bytes, "a token of that length is not kept");
    }

    #[test]
    fn a_verdict_ends_by_the_monotonic_clock_whatever_the_wall_clock_does() {
        let (jwt, mut cache) = (verifier(), JwtCache::default());
        let at = |unix_s, monotonic_ms| Moment { unix_s, monotonic_ms };
        cache.claims(&jwt, b"bad", at(1_700_000_000, 0));
        let entry = cache.tokens.values().next().expect("kept");
        assert_eq!(entry.until_ms, JwtCache::KEEP_BAD_MS);
        // The wall clock goes back by a day: the entry is as old as it is.
        cache.claims(&jwt, b"bad", at(1_699_913_600, JwtCache::KEEP_BAD_MS));
        let entry = cache.tokens.values().next().expect("kept");
        assert_eq!(entry.until_ms, 2 * JwtCache::KEEP_BAD_MS);
    }
}
