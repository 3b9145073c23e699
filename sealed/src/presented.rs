//! Keys that a caller presents. The configuration has only their hashes.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// The key in the value of an `Authorization` header of the scheme `Bearer` (RFC 6750 2.1).
#[must_use]
pub fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = authorization.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
}

/// The password in the value of an `Authorization` header of the scheme `Basic` (RFC 7617 2): what HTTP clients
/// send for an address like `http://name:password@host/`.
#[must_use]
pub fn password(authorization: &[u8]) -> Option<Vec<u8>> {
    let (scheme, text) = authorization.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let both = BASE64_STANDARD.decode(text.trim_ascii()).ok()?;
    let colon = both.iter().position(|byte| *byte == b':')?;
    Some(both[colon + 1..].to_vec())
}

/// The owner of `key`: the one of `all` whose `hash` is the SHA-256 of it. Every owner is compared to
/// the end, so that the time tells nothing about which one it was or how much of the key was right.
pub fn owner<'a, T>(all: &'a [T], hash: impl Fn(&T) -> &[u8; 32], key: &[u8]) -> Option<&'a T> {
    let presented: [u8; 32] = Sha256::digest(key).into();
    let mut found = u32::MAX;
    for (index, one) in all.iter().enumerate() {
        found.conditional_assign(&(index as u32), hash(one).ct_eq(&presented));
    }
    all.get(found as usize)
}

#[cfg(test)]
mod tests {
    use super::{bearer, owner, password};
    use sha2::{Digest, Sha256};

    #[test]
    fn the_owner_of_a_key_is_found_by_its_hash() {
        let all: Vec<[u8; 32]> = ["a", "b"].map(|key| Sha256::digest(key).into()).into();
        for (key, index) in [("a", Some(0)), ("b", Some(1)), ("c", None), ("", None)] {
            let found = owner(&all, |hash| hash, key.as_bytes());
            assert_eq!(found, index.map(|at: usize| &all[at]), "{key}");
        }
        assert_eq!(owner(&[], |hash: &[u8; 32]| hash, b"a"), None);
    }

    #[test]
    fn a_password_comes_behind_a_name() {
        for (value, found) in [
            // `flagger:k`, `:k`, `a:b:c`, `nocolon`, no Base64.
            ("Basic ZmxhZ2dlcjpr", Some("k")),
            ("basic  Oms= ", Some("k")),
            ("Basic YTpiOmM=", Some("b:c")),
            ("Basic bm9jb2xvbg==", None),
            ("Basic %", None),
            ("Bearer k", None),
            ("Basic", None),
        ] {
            let found = found.map(|it| it.as_bytes().to_vec());
            assert_eq!(password(value.as_bytes()), found, "{value}");
        }
    }

    #[test]
    fn a_key_comes_behind_its_scheme() {
        for (value, key) in [
            ("Bearer k", Some("k")),
            ("bearer  k ", Some("k")),
            ("Basic k", None),
            ("Bearer", None),
            ("Bearer ", Some("")),
        ] {
            assert_eq!(bearer(value.as_bytes()), key.map(str::as_bytes), "{value}");
        }
    }
}
