//! Ed25519 keys (RFC 8032): what an environment signs with, and how another one verifies.

use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fmt;

/// Begin of a key file.
const PREFIX: &str = "stagegate-ed25519:";

/// A private key. It is never shown.
pub struct SigningKey(Ed25519KeyPair);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public())
    }
}

impl SigningKey {
    /// A new key and the text of its file; none if the machine gives no randomness.
    #[must_use]
    pub fn generate() -> Option<(Self, String)> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok()?;
        let text = format!("{PREFIX}{}\n", hex::encode(document.as_ref()));
        Some((Self(Ed25519KeyPair::from_pkcs8(document.as_ref()).ok()?), text))
    }

    /// Reads the text of a key file; none if it is no key.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let bytes = hex::decode(text.trim().strip_prefix(PREFIX)?).ok()?;
        Ed25519KeyPair::from_pkcs8(&bytes).ok().map(Self)
    }

    /// The public key: 64 hex digits.
    #[must_use]
    pub fn public(&self) -> String {
        hex::encode(self.0.public_key().as_ref())
    }

    /// The signature of a message: 128 hex digits.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> String {
        hex::encode(self.0.sign(message).as_ref())
    }
}

/// True if `signature` (hex) of `message` was made with the private key of `public` (hex).
#[must_use]
pub fn verifies(public: &str, message: &[u8], signature: &str) -> bool {
    let (Ok(public), Ok(signature)) = (hex::decode(public), hex::decode(signature)) else {
        return false;
    };
    UnparsedPublicKey::new(&ED25519, public).verify(message, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{SigningKey, verifies};

    #[test]
    fn a_signature_is_of_one_key_and_one_message() {
        let (key, text) = SigningKey::generate().expect("a key");
        let again = SigningKey::read(&text).expect("the same key");
        assert_eq!(again.public(), key.public());
        let signature = again.sign(b"passport");
        assert!(verifies(&key.public(), b"passport", &signature));
        assert!(!verifies(&key.public(), b"passporT", &signature));
        let (other, _) = SigningKey::generate().expect("a key");
        assert!(!verifies(&other.public(), b"passport", &signature));
        assert!(!verifies("zz", b"passport", &signature));
        assert!(!verifies(&key.public(), b"passport", "00"));
    }

    #[test]
    fn rfc_8032_is_followed() {
        // Section 7.1, test 1: the empty message.
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert!(verifies(public, b"", signature));
        assert!(SigningKey::read("stagegate-ed25519:00").is_none());
        assert!(SigningKey::read("secret").is_none());
    }
}
