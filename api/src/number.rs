//! Numbers of requests. They are stored as signed ones, and the document gives them the format `int64`.

use serde::de::{Deserialize, Deserializer, Error as _};

/// A number up to 2^63 - 1.
pub(crate) fn stored<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(from)?;
    match i64::try_from(number) {
        Ok(_) => Ok(number),
        Err(_) => Err(D::Error::custom(format!("{number} is larger than {}", i64::MAX))),
    }
}

/// The same, which may be left out or null.
pub(crate) fn stored_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    #[derive(serde::Deserialize)]
    struct Stored(#[serde(deserialize_with = "stored")] u64);
    Ok(Option::<Stored>::deserialize(from)?.map(|Stored(number)| number))
}
