//! The name of a replica.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name, in bytes.
const LONGEST: usize = 63;

/// The name of a replica: unique in its fleet, and the same after a restart.
///
/// Letters, digits, `-` and `_`: it is a token of the subjects that the replica writes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReplicaName(Arc<str>);

/// A text that is no name of a replica.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of a replica: use 1 to 63 letters, digits, `-` and `_`")]
pub struct InvalidReplicaName(String);

impl ReplicaName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReplicaName {
    type Err = InvalidReplicaName;

    fn from_str(text: &str) -> Result<Self, InvalidReplicaName> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(fits) {
            return Err(InvalidReplicaName(text.to_owned()));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for ReplicaName {
    type Error = InvalidReplicaName;

    fn try_from(text: String) -> Result<Self, InvalidReplicaName> {
        text.parse()
    }
}

impl From<ReplicaName> for String {
    fn from(name: ReplicaName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for ReplicaName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ReplicaName;

    #[test]
    fn a_name_is_one_token_of_a_subject() {
        for good in ["eu-7", "stagegate-0", "a_B9"] {
            assert_eq!(good.parse::<ReplicaName>().unwrap().as_str(), good);
        }
        for bad in ["", "a.b", "a b", "*", ">", "\u{e9}", &"x".repeat(64)] {
            assert!(bad.parse::<ReplicaName>().is_err(), "{bad}");
        }
    }
}
