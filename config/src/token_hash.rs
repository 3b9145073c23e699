//! Hashes of API tokens.

use std::fmt;

/// SHA-256 of an API token, written `sha256:<64 hex digits>`. The comparison of a presented token
/// belongs to the caller and must take constant time.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// A hash given as bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads `sha256:<64 hex digits>`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.strip_prefix("sha256:")?, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::TokenHash;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", TokenHash::new([7; 32])), "TokenHash(***)");
    }

    #[test]
    fn a_hash_is_sha256_with_64_digits() {
        let text = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(TokenHash::parse(&text), Some(TokenHash::new([10; 32])));
        for bad in ["", "sha256:", "sha256:0a", &text[7..], &format!("{text}00"), "md5:00"] {
            assert_eq!(TokenHash::parse(bad), None, "{bad}");
        }
    }
}
