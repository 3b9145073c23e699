//! How a scorer knows that a request is ours and not an old one.
//!
//! `Stagegate-Signature: t=<unix seconds>,v1=<hex>` with `hex = hmac_sha256(secret, t ++ "." ++
//! body)` over the body's bytes as they were sent: the same signature as on webhooks.

use crate::hash::digest;
use crate::{Hidden, Sample, ScorerSpec};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Name of the header.
pub const SIGNATURE_HEADER: &str = "stagegate-signature";

/// The header's value for a body that is sent at `unix_seconds`.
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

/// `<id>:<scorer>:<version>`: whoever sees one again has answered it already. For several samples
/// at once the id is a digest of theirs, in order.
#[must_use]
pub fn idempotency_key(spec: &ScorerSpec, samples: &[&Sample]) -> String {
    let id = match samples {
        [sample] => sample.id.clone(),
        many => {
            let ids: Vec<&str> = many.iter().map(|sample| sample.id.as_str()).collect();
            digest(&ids.join("\n"))[..32].to_owned()
        }
    };
    // A header takes what is visible in ASCII; ids that are not are digested too.
    let visible = id.bytes().all(|b| b.is_ascii_graphic());
    let id = if visible { id } else { digest(&id)[..32].to_owned() };
    format!("{id}:{}:{}", spec.name, spec.version)
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
