//! The proof that somebody got a request from this process: a code that only its key makes.

use hmac::{Hmac, Mac};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::Sha256;
use std::fmt;

/// Bytes of a proof: 128 bits, which nobody guesses.
const BYTES: usize = 16;

/// The key of one process. It is never shown, and ends with the process.
#[derive(Clone)]
pub struct ProofKey(Hmac<Sha256>);

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProofKey(***)")
    }
}

impl ProofKey {
    /// A new key; none if the machine gives no randomness.
    #[must_use]
    pub fn generate() -> Option<Self> {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).ok()?;
        Hmac::new_from_slice(&key).ok().map(Self)
    }

    /// The proof for a request: 32 hex digits.
    #[must_use]
    pub fn of(&self, request_id: &str) -> String {
        let mut code = self.0.clone();
        code.update(request_id.as_bytes());
        hex::encode(&code.finalize().into_bytes()[..BYTES])
    }

    /// True if `proof` was made for this request with this key.
    #[must_use]
    pub fn proves(&self, request_id: &str, proof: &str) -> bool {
        let Ok(proof) = hex::decode(proof.trim()) else { return false };
        let mut code = self.0.clone();
        code.update(request_id.as_bytes());
        proof.len() == BYTES && code.verify_truncated_left(&proof).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::ProofKey;

    #[test]
    fn a_proof_holds_for_one_request_and_one_key() {
        let key = ProofKey::generate().expect("randomness");
        let proof = key.of("r1");
        assert_eq!(proof.len(), 32);
        assert!(key.proves("r1", &proof) && key.clone().proves("r1", &proof));
        assert!(!key.proves("r2", &proof));
        assert!(!ProofKey::generate().expect("randomness").proves("r1", &proof));
        for bad in ["", "00", "x", &proof[..30], &format!("{proof}00")] {
            assert!(!key.proves("r1", bad), "{bad}");
        }
        assert_eq!(format!("{key:?}"), "ProofKey(***)");
    }
}
