//! Signature checks of bearer tokens, done by `ring`.
//!
//! `jsonwebtoken` reads tokens and checks claims; which library checks the signature is left to a
//! provider. The one that comes with it brings five crates for curves and RSA that nothing else here
//! needs, one of them with an open timing weakness. `ring` is in the program for TLS anyway.
//! This program never signs a token.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, Result};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::{hmac, signature as rs};

/// Makes `ring` check the signatures of this process.
pub fn install() {
    // A second call finds the same provider in place.
    let _ = PROVIDER.install_default();
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::InvalidAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let check = match (algorithm, key.family(), key.kind()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac, DecodingKeyKind::SecretOrDer(secret)) => {
            Check::Hmac(hmac::Key::new(hmac::HMAC_SHA256, secret))
        }
        (Algorithm::RS256, AlgorithmFamily::Rsa, DecodingKeyKind::SecretOrDer(der)) => {
            Check::Public(rs::UnparsedPublicKey::new(RSA, der.clone()))
        }
        (Algorithm::RS256, AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            let without_zeros = |bytes: &[u8]| {
                bytes.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<u8>>()
            };
            Check::Components(without_zeros(n), without_zeros(e))
        }
        (Algorithm::ES256, AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(point)) => {
            Check::Public(rs::UnparsedPublicKey::new(&rs::ECDSA_P256_SHA256_FIXED, point.clone()))
        }
        (Algorithm::EdDSA, AlgorithmFamily::Ed, DecodingKeyKind::SecretOrDer(point)) => {
            Check::Public(rs::UnparsedPublicKey::new(&rs::ED25519, point.clone()))
        }
        _ => return Err(Error::from(ErrorKind::InvalidAlgorithm)),
    };
    Ok(Box::new(Signature { algorithm: *algorithm, check }))
}

/// RFC 7518 3.3: a key of at least 2048 bits.
const RSA: &rs::RsaParameters = &rs::RSA_PKCS1_2048_8192_SHA256;

struct Signature {
    algorithm: Algorithm,
    check: Check,
}

enum Check {
    Hmac(hmac::Key),
    Public(rs::UnparsedPublicKey<Vec<u8>>),
    /// Modulus and exponent of an RSA key, big-endian.
    Components(Vec<u8>, Vec<u8>),
}

impl Verifier<Vec<u8>> for Signature {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), signature::Error> {
        let checked = match &self.check {
            Check::Hmac(key) => hmac::verify(key, message, signature),
            Check::Public(key) => key.verify(message, signature),
            Check::Components(n, e) => {
                rs::RsaPublicKeyComponents { n, e }.verify(RSA, message, signature)
            }
        };
        checked.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Signature {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
