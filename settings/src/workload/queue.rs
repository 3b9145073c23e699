//! Requests of a killed workload that are kept until it is revived.

use super::SafePath;
use std::fmt;
use std::time::Duration;

/// The requests of a killed workload that are kept, and the bounds of what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Requests and answers are encrypted with it.
    pub key: QueueKey,
    /// Methods that may be kept, in upper case; at least one.
    pub methods: Vec<String>,
    /// Paths that may be kept; at least one.
    pub paths: Vec<SafePath>,
    /// How long a request waits, and how long its answer is kept afterwards.
    pub lasting: Duration,
    /// Most requests that wait.
    pub max: u64,
    /// Most bytes of requests and answers on disk.
    pub bytes: u64,
    /// Largest request body, in bytes.
    pub body: u64,
    /// Most requests that are sent a second after the workload was revived; at least 1.
    pub rate: u32,
}

impl Queue {
    /// Returns true if requests like this one are kept.
    #[must_use]
    pub fn takes(&self, method: &str, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or_default();
        self.methods.iter().any(|it| it == method) && self.paths.iter().any(|it| it.covers(path))
    }
}

/// A key of AES-256.
#[derive(Clone, PartialEq, Eq)]
pub struct QueueKey([u8; 32]);

impl QueueKey {
    /// Reads 64 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (place, byte) in key.iter_mut().enumerate() {
            let digits = text.get(2 * place..2 * place + 2)?;
            let is_hex = digits.bytes().all(|it| it.is_ascii_hexdigit());
            *byte = is_hex.then(|| u8::from_str_radix(digits, 16).ok())??;
        }
        Some(Self(key))
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for QueueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::{Queue, QueueKey};
    use crate::SafePath;
    use std::time::Duration;

    #[test]
    fn a_key_has_64_hex_digits() {
        let key = QueueKey::parse(&"0f".repeat(32)).expect("a key");
        assert_eq!(key.bytes(), &[15; 32]);
        assert_eq!(format!("{key:?}"), "QueueKey(..)");
        for wrong in ["", &"0f".repeat(31), &"0g".repeat(32), &"+f".repeat(32), &"é".repeat(32)] {
            assert_eq!(QueueKey::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_what_is_listed_is_kept() {
        let queue = Queue {
            key: QueueKey::parse(&"00".repeat(32)).expect("a key"),
            methods: vec!["POST".into()],
            paths: vec![SafePath::Exactly("/v1/tasks".into())],
            lasting: Duration::from_secs(1),
            max: 1,
            bytes: 1,
            body: 1,
            rate: 1,
        };
        assert!(queue.takes("POST", "/v1/tasks?a=1"));
        assert!(!queue.takes("GET", "/v1/tasks") && !queue.takes("POST", "/v1/tasks/7"));
    }
}
