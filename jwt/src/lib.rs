//! Keys of signed tokens (RFC 7517), and the check of their signatures by `ring`.
//!
//! Who trusts which key, and what the claims of a token must say, is decided by those who use this.

mod signatures;

pub use signatures::install;

use jsonwebtoken::errors::Error;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};

/// A key of a set.
pub struct Key {
    /// Its `kid`.
    pub id: Option<String>,
    /// The algorithm that it is for.
    pub algorithm: Algorithm,
    /// The key itself.
    pub key: DecodingKey,
}

/// A key that cannot be used; `id` is its `kid`.
#[derive(Debug)]
pub struct UnusableKey {
    /// Its `kid`.
    pub id: Option<String>,
    /// The reason; none for an RSA key of fewer than 2048 bits (RFC 7518 3.3).
    pub why: Option<Error>,
}

/// The keys of a JWKS document that are for one of the `accepted` algorithms.
///
/// # Errors
/// When it is not a JWKS document. Keys that cannot be used are in the list.
pub fn keys(
    document: &[u8],
    accepted: &[Algorithm],
) -> Result<Vec<Result<Key, UnusableKey>>, serde_json::Error> {
    let set: JwkSet = serde_json::from_slice(document)?;
    let read = |jwk: &Jwk| {
        let id = jwk.common.key_id.clone();
        let algorithm = algorithm_of(jwk).filter(|it| accepted.contains(it))?;
        Some(match DecodingKey::from_jwk(jwk) {
            Ok(key) if is_short(&key) => Err(UnusableKey { id, why: None }),
            Ok(key) => Ok(Key { id, algorithm, key }),
            Err(why) => Err(UnusableKey { id, why: Some(why) }),
        })
    };
    Ok(set.keys.iter().filter_map(read).collect())
}

/// Returns true if an RSA key has fewer than 2048 bits. A key in DER holds its modulus and little
/// else.
#[must_use]
pub fn is_short(key: &DecodingKey) -> bool {
    let modulus = match (key.family(), key.kind()) {
        (AlgorithmFamily::Rsa, DecodingKeyKind::SecretOrDer(der)) => der.len(),
        (AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, .. }) => n.len(),
        _ => return false,
    };
    modulus < 2048 / 8
}

fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    use AlgorithmParameters as P;
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
