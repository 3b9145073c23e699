//! The tester's force header: `candidate;exp=<unix seconds>;sig=<hex HMAC-SHA256>`.
//!
//! The signature covers `<workload>;<arm>;<exp>`, so that a header for one workload, arm or time
//! cannot be used for another.

use crate::{Arm, WorkloadName};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;

/// The secret force headers are signed with.
#[derive(Clone)]
pub struct ForceKey(Box<[u8]>);

/// A force header that is not honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForceError {
    /// Not of the form `arm;exp=..;sig=..`.
    #[error("force header is malformed: use `candidate;exp=<unix seconds>;sig=<hex>`")]
    Malformed,
    /// The time is over.
    #[error("force header has expired")]
    Expired,
    /// The signature does not match.
    #[error("force header has a wrong signature")]
    BadSignature,
}

impl ForceKey {
    /// A key of at least 16 bytes; shorter ones can be guessed.
    #[must_use]
    pub fn new(secret: &[u8]) -> Option<Self> {
        (secret.len() >= 16).then(|| Self(secret.into()))
    }

    /// A header value that forces `arm` until `expires` (Unix seconds).
    #[must_use]
    pub fn sign(&self, workload: &WorkloadName, arm: Arm, expires: u64) -> String {
        let signature = self.mac(workload, arm, expires).finalize().into_bytes();
        format!("{arm};exp={expires};sig={}", hex::encode(signature))
    }

    /// The arm a header forces.
    ///
    /// # Errors
    /// A [`ForceError`] when the header is malformed, expired at `now` (Unix seconds) or forged.
    pub fn verify(
        &self,
        workload: &WorkloadName,
        header: &str,
        now: u64,
    ) -> Result<Arm, ForceError> {
        let mut parts = header.split(';').map(str::trim);
        let mut next = || parts.next().ok_or(ForceError::Malformed);
        let arm = Arm::from_label(next()?).ok_or(ForceError::Malformed)?;
        let expires = next()?.strip_prefix("exp=").ok_or(ForceError::Malformed)?;
        let signature = next()?.strip_prefix("sig=").ok_or(ForceError::Malformed)?;
        if parts.next().is_some() {
            return Err(ForceError::Malformed);
        }
        let expires: u64 = expires.parse().map_err(|_| ForceError::Malformed)?;
        let signature = hex::decode(signature).map_err(|_| ForceError::Malformed)?;
        self.mac(workload, arm, expires)
            .verify_slice(&signature)
            .map_err(|_| ForceError::BadSignature)?;
        if now >= expires { Err(ForceError::Expired) } else { Ok(arm) }
    }

    fn mac(&self, workload: &WorkloadName, arm: Arm, expires: u64) -> Hmac<Sha256> {
        // HMAC takes a key of any length; the error case does not exist for it.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { unreachable!() };
        mac.update(format!("{workload};{arm};{expires}").as_bytes());
        mac
    }
}

impl fmt::Debug for ForceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForceKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::{ForceError, ForceKey};
    use crate::Arm;

    #[test]
    fn honours_only_what_was_signed_and_only_in_time() {
        let key = ForceKey::new(b"0123456789abcdef").expect("long enough");
        let workload = "agent".parse().expect("a name");
        let header = key.sign(&workload, Arm::Candidate, 1000);
        assert_eq!(key.verify(&workload, &header, 999), Ok(Arm::Candidate));
        assert_eq!(key.verify(&workload, &header, 1000), Err(ForceError::Expired));
        let other = "other".parse().expect("a name");
        assert_eq!(key.verify(&other, &header, 1), Err(ForceError::BadSignature));
        let moved = header.replace("candidate", "stable");
        assert_eq!(key.verify(&workload, &moved, 1), Err(ForceError::BadSignature));
        let later = header.replace("exp=1000", "exp=9999");
        assert_eq!(key.verify(&workload, &later, 1), Err(ForceError::BadSignature));
    }

    #[test]
    fn refuses_garbage() {
        let key = ForceKey::new(b"0123456789abcdef").expect("long enough");
        let workload = "agent".parse().expect("a name");
        for header in [
            "",
            "candidate",
            "candidate;exp=1",
            "candidate;exp=x;sig=00",
            "both;exp=1;sig=00",
            "candidate;exp=1;sig=zz",
            "candidate;exp=1;sig=00;more",
        ] {
            assert_eq!(key.verify(&workload, header, 0), Err(ForceError::Malformed), "{header}");
        }
        assert!(ForceKey::new(b"short").is_none());
    }
}
