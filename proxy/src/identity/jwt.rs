//! Bearer tokens: verified against configured keys, or no identity at all.

use foldhash::fast::FixedState;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use std::collections::HashMap;
use std::rc::Rc;

/// Signature algorithms a token may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl JwtAlgorithm {
    const fn algorithm(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

/// What tokens are checked against.
#[derive(Clone, Debug, Default)]
pub struct JwtSettings {
    /// A JWKS document.
    pub jwks: Option<Vec<u8>>,
    /// A shared secret, for HS256.
    pub secret: Option<Vec<u8>>,
    /// A public key in PEM, for the other algorithms.
    pub public_key: Option<Vec<u8>>,
    /// Algorithms that are accepted; a token's own word for it is never enough.
    pub algorithms: Vec<JwtAlgorithm>,
    /// Required `iss`.
    pub issuer: Option<String>,
    /// Required `aud`.
    pub audience: Option<String>,
    /// The header that carries the token, with or without `Bearer `.
    pub header: String,
}

/// Keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JwtError {
    /// The JWKS document is not one.
    #[error("not a JWKS document")]
    Jwks(#[source] serde_json::Error),
    /// A key cannot be read.
    #[error("unusable key{0}")]
    Key(String, #[source] jsonwebtoken::errors::Error),
    /// No key at all.
    #[error("no key for any accepted algorithm")]
    NoKey,
}

/// A verifier of bearer tokens.
pub struct Jwt {
    keys: Vec<Key>,
    header: String,
}

struct Key {
    id: Option<String>,
    key: DecodingKey,
    validation: Validation,
}

impl Jwt {
    /// Prepares the keys.
    ///
    /// # Errors
    /// A [`JwtError`] when a key cannot be read or none is left.
    pub fn new(settings: &JwtSettings) -> Result<Self, JwtError> {
        let mut keys = Vec::new();
        let mut add = |id: Option<String>, algorithm: Algorithm, key: DecodingKey| {
            let mut validation = Validation::new(algorithm);
            validation.validate_nbf = true;
            validation.validate_aud = settings.audience.is_some();
            if let Some(audience) = &settings.audience {
                validation.set_audience(&[audience]);
            }
            if let Some(issuer) = &settings.issuer {
                validation.set_issuer(&[issuer]);
            }
            keys.push(Key { id, key, validation });
        };
        let accepted: Vec<Algorithm> = settings.algorithms.iter().map(|a| a.algorithm()).collect();
        if let Some(json) = &settings.jwks {
            let set: JwkSet = serde_json::from_slice(json).map_err(JwtError::Jwks)?;
            for jwk in &set.keys {
                let id = jwk.common.key_id.clone();
                let named = || format!(" {}", id.as_deref().unwrap_or("without kid"));
                let Some(algorithm) = algorithm_of(jwk).filter(|a| accepted.contains(a)) else {
                    continue;
                };
                let key = DecodingKey::from_jwk(jwk).map_err(|e| JwtError::Key(named(), e))?;
                add(id, algorithm, key);
            }
        }
        if let Some(secret) =
            settings.secret.as_ref().filter(|_| accepted.contains(&Algorithm::HS256))
        {
            add(None, Algorithm::HS256, DecodingKey::from_secret(secret));
        }
        if let Some(pem) = &settings.public_key {
            let unusable = |e| JwtError::Key(String::new(), e);
            let readers: [(Algorithm, ReadKey); 3] = [
                (Algorithm::RS256, DecodingKey::from_rsa_pem),
                (Algorithm::ES256, DecodingKey::from_ec_pem),
                (Algorithm::EdDSA, DecodingKey::from_ed_pem),
            ];
            let mut last = None;
            for (algorithm, read) in readers.into_iter().filter(|(a, _)| accepted.contains(a)) {
                match read(pem) {
                    Ok(key) => {
                        add(None, algorithm, key);
                        last = None;
                        break;
                    }
                    Err(error) => last = Some(error),
                }
            }
            if let Some(error) = last {
                return Err(unusable(error));
            }
        }
        if keys.is_empty() {
            Err(JwtError::NoKey)
        } else {
            Ok(Self { keys, header: settings.header.clone() })
        }
    }

    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// The token's string and number claims, and when it expires (Unix seconds).
    fn verify(&self, token: &str) -> Option<(Claims, u64)> {
        let header = decode_header(token).ok()?;
        let fits = |key: &&Key| {
            key.validation.algorithms.contains(&header.alg)
                && (header.kid.is_none() || key.id.is_none() || header.kid == key.id)
        };
        let verified = |key: &Key| {
            decode::<HashMap<String, serde_json::Value>>(token, &key.key, &key.validation).ok()
        };
        let claims = self.keys.iter().filter(fits).find_map(verified)?.claims;
        let expires = claims
            .get("exp")
            .and_then(|exp| exp.as_u64().or_else(|| exp.as_f64().map(|s| s as u64)));
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let claims =
            claims.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect();
        Some((claims, expires.unwrap_or(0)))
    }
}

impl std::fmt::Debug for Jwt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Jwt({} keys)", self.keys.len())
    }
}

fn algorithm_of(jwk: &jsonwebtoken::jwk::Jwk) -> Option<Algorithm> {
    use jsonwebtoken::jwk::{AlgorithmParameters as P, EllipticCurve, KeyAlgorithm};
    match jwk.common.key_algorithm {
        Some(KeyAlgorithm::HS256) => Some(Algorithm::HS256),
        Some(KeyAlgorithm::RS256) => Some(Algorithm::RS256),
        Some(KeyAlgorithm::ES256) => Some(Algorithm::ES256),
        Some(KeyAlgorithm::EdDSA) => Some(Algorithm::EdDSA),
        Some(_) => None,
        None => match &jwk.algorithm {
            P::OctetKey(_) => Some(Algorithm::HS256),
            P::RSA(_) => Some(Algorithm::RS256),
            P::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Some(Algorithm::ES256),
            P::OctetKeyPair(_) => Some(Algorithm::EdDSA),
            _ => None,
        },
    }
}

type Claims = HashMap<String, String>;
type ReadKey = fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>;

/// Verified tokens of one worker, so that a signature is checked once and not with every request.
/// Emptied whole when full: simple, bounded, and rare.
#[derive(Default)]
pub(crate) struct JwtCache {
    tokens: HashMap<(usize, Box<[u8]>), Entry, FixedState>,
}

struct Entry {
    claims: Option<Rc<Claims>>,
    /// Unix seconds after which the entry says nothing any more.
    until: u64,
}

impl JwtCache {
    const MAX: usize = 4096;
    /// How long a verdict is kept, so that nothing outlives a changed clock for long.
    const KEEP_S: u64 = 60;

    pub(crate) fn claims(&mut self, jwt: &Jwt, header: &[u8], now_s: u64) -> Option<Rc<Claims>> {
        let bearer = header.len() > 7 && header[..7].eq_ignore_ascii_case(b"bearer ");
        let token = if bearer { &header[7..] } else { header }.trim_ascii();
        let key = (std::ptr::from_ref(jwt) as usize, Box::from(token));
        if let Some(entry) = self.tokens.get(&key).filter(|entry| now_s < entry.until) {
            return entry.claims.clone();
        }
        let verified = std::str::from_utf8(token).ok().and_then(|token| jwt.verify(token));
        let (claims, until) = match verified {
            Some((claims, expires)) => (Some(Rc::new(claims)), expires.min(now_s + Self::KEEP_S)),
            None => (None, now_s + 1),
        };
        if self.tokens.len() >= Self::MAX {
            self.tokens.clear();
        }
        self.tokens.insert(key, Entry { claims: claims.clone(), until });
        claims
    }

    /// Forgets everything: another plan may have other keys at the same place.
    pub(crate) fn clear(&mut self) {
        self.tokens.clear();
    }
}
