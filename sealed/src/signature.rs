//! Signatures of webhooks and of requests to external scorers. The receiver can verify that a
//! message is ours and recent.
//!
//! `stagegate-signature: t=<unix seconds>,v1=<hex>` with
//! `hex = hmac_sha256(secret, t ++ "." ++ body)`, over the body's bytes as they were sent. A
//! receiver recomputes it, compares in constant time, and refuses a `t` more than five minutes away
//! from its own clock. In Python:
//!
//! ```python
//! import hashlib, hmac, time
//! def is_ours(secret: bytes, header: str, body: bytes) -> bool:
//!     parts = dict(part.split("=", 1) for part in header.split(","))
//!     signed = parts["t"].encode() + b"." + body
//!     wanted = hmac.new(secret, signed, hashlib.sha256).hexdigest()
//!     return hmac.compare_digest(wanted, parts["v1"]) and abs(time.time() - int(parts["t"])) < 300
//! ```

use crate::Hidden;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Name of the header.
pub const SIGNATURE_HEADER: &str = "stagegate-signature";

/// The header's value for a body sent at `unix_seconds`.
#[must_use]
pub fn signature(secret: &Hidden, unix_seconds: u64, body: &[u8]) -> String {
    let key = secret.expose().as_bytes();
    let hex = <Hmac<Sha256> as Mac>::new_from_slice(key).map(|mut mac| {
        mac.update(unix_seconds.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    });
    // HMAC takes keys of any length, so there always is one.
    format!("t={unix_seconds},v1={}", hex.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::signature;
    use crate::Hidden;

    #[test]
    fn is_what_openssl_makes_of_it() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 'a secret of ours'
        let expected =
            "t=1700000000,v1=19cd0e546804e6e3c2f74b9695783785acc9dd0fff5a393201e89b04181d76c2";
        let secret = Hidden::new("a secret of ours");
        assert_eq!(signature(&secret, 1_700_000_000, br#"{"a":1}"#), expected);
    }
}
