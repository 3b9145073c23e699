//! Bearer tokens: verified against configured keys, or no identity at all.

mod cache;
#[cfg(test)]
mod tests;

pub(crate) use cache::{JwtCache, Moment};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use stagegate_jwt::{UnusableKey, is_short};
use stagegate_settings::{Jwt as JwtSettings, JwtAlgorithm};
use std::collections::HashMap;

/// The key files that the settings name, as they were read.
#[derive(Clone, Default)]
pub struct JwtFiles {
    /// A JWKS document.
    pub jwks: Option<Vec<u8>>,
    /// A public key in PEM.
    pub public_key: Option<Vec<u8>>,
}

/// The contents are not shown: a key set may hold secret keys.
impl std::fmt::Debug for JwtFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { jwks, public_key } = self;
        let size = |file: &Option<Vec<u8>>| file.as_ref().map(Vec::len);
        f.debug_struct("JwtFiles")
            .field("jwks_bytes", &size(jwks))
            .field("public_key_bytes", &size(public_key))
            .finish()
    }
}

const fn algorithm(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::Hs256 => Algorithm::HS256,
        JwtAlgorithm::Rs256 => Algorithm::RS256,
        JwtAlgorithm::Es256 => Algorithm::ES256,
        JwtAlgorithm::EdDsa => Algorithm::EdDSA,
    }
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
    /// An RSA key that is too short to trust.
    #[error("unusable key{0}: an RSA key needs at least 2048 bits (RFC 7518)")]
    ShortKey(String),
    /// No key at all.
    #[error("no key for any accepted algorithm")]
    NoKey,
}

/// A verifier of bearer tokens.
pub struct Jwt {
    keys: Vec<Key>,
    header: String,
    /// Required `iss`.
    issuer: Option<String>,
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
    pub fn new(settings: &JwtSettings, files: &JwtFiles) -> Result<Self, JwtError> {
        stagegate_jwt::install();
        let mut keys = Vec::new();
        let mut add = |id: Option<String>, algorithm: Algorithm, key: DecodingKey| {
            let mut validation = Validation::new(algorithm);
            validation.validate_nbf = true;
            validation.validate_aud = settings.audience.is_some();
            // A claim that is compared must be there: without this, leaving it out passes.
            let mut required = vec!["exp"];
            if let Some(audience) = &settings.audience {
                validation.set_audience(&[audience]);
                required.push("aud");
            }
            if let Some(issuer) = &settings.issuer {
                validation.set_issuer(&[issuer]);
                required.push("iss");
            }
            validation.set_required_spec_claims(&required);
            keys.push(Key { id, key, validation });
        };
        let accepted: Vec<Algorithm> = settings.algorithms.iter().copied().map(algorithm).collect();
        if let Some(json) = &files.jwks {
            let named =
                |id: &Option<String>| format!(" {}", id.as_deref().unwrap_or("without kid"));
            for key in stagegate_jwt::keys(json, &accepted).map_err(JwtError::Jwks)? {
                match key {
                    Ok(key) => add(key.id, key.algorithm, key.key),
                    Err(UnusableKey { id, why: Some(why) }) => {
                        return Err(JwtError::Key(named(&id), why));
                    }
                    Err(UnusableKey { id, why: None }) => {
                        return Err(JwtError::ShortKey(named(&id)));
                    }
                }
            }
        }
        if let Some(secret) =
            settings.secret.as_ref().filter(|_| accepted.contains(&Algorithm::HS256))
        {
            add(None, Algorithm::HS256, DecodingKey::from_secret(secret.expose().as_bytes()));
        }
        if let Some(pem) = &files.public_key {
            let unusable = |e| JwtError::Key(String::new(), e);
            let readers: [(Algorithm, ReadKey); 3] = [
                (Algorithm::RS256, DecodingKey::from_rsa_pem),
                (Algorithm::ES256, DecodingKey::from_ec_pem),
                (Algorithm::EdDSA, DecodingKey::from_ed_pem),
            ];
            let mut last = None;
            for (algorithm, read) in readers.into_iter().filter(|(a, _)| accepted.contains(a)) {
                match read(pem) {
                    Ok(key) if is_short(&key) => return Err(JwtError::ShortKey(String::new())),
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
            let (header, issuer) = (settings.header.clone(), settings.issuer.clone());
            Ok(Self { keys, header, issuer })
        }
    }

    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// The token's string and number claims, and when it expires (Unix seconds).
    fn verify(&self, token: &str) -> Option<(Claims, u64)> {
        let header = decode_header(token).ok()?;
        // RFC 7515 4.1.11: who does not understand a critical member refuses the token. None is
        // understood here, `b64` (RFC 7797) included.
        if header.crit.is_some() || header.extras.inner().contains_key("b64") {
            return None;
        }
        let fits = |key: &&Key| {
            key.validation.algorithms.contains(&header.alg)
                && (header.kid.is_none() || key.id.is_none() || header.kid == key.id)
        };
        let verified = |key: &Key| {
            decode::<HashMap<String, serde_json::Value>>(token, &key.key, &key.validation).ok()
        };
        let claims = self.keys.iter().filter(fits).find_map(verified)?.claims;
        // RFC 7519 4.1.1: one string. A list that holds the right name among others is none.
        if self.issuer.is_some()
            && claims.get("iss").and_then(serde_json::Value::as_str) != self.issuer.as_deref()
        {
            return None;
        }
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

type Claims = HashMap<String, String>;
type ReadKey = fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>;
