//! Large JSON texts at rest: compressed, because they repeat themselves.
//!
//! The store does not look inside.

use super::StoreError;

/// Fast, and most of what there is to gain.
const LEVEL: i32 = 3;
/// Largest text that is taken back: far above any evidence, and a bound on what a damaged file can
/// make us allocate.
const LARGEST: usize = 64 << 20;

/// The text as it is stored.
pub(super) fn pack(text: &str) -> Result<Vec<u8>, StoreError> {
    let compressed = zstd::bulk::Compressor::new(LEVEL).and_then(|mut compressor| {
        compressor.include_checksum(true)?;
        compressor.compress(text.as_bytes())
    });
    compressed.map_err(|error| StoreError::Damaged {
        what: "a text to be stored".to_owned(),
        why: error.to_string(),
    })
}

/// The text that was stored; `what` names it in the error.
pub(super) fn unpack(stored: &[u8], what: impl Fn() -> String) -> Result<String, StoreError> {
    let damaged = |why: String| StoreError::Damaged { what: what(), why };
    if stored.is_empty() {
        // To zstd, nothing is a valid encoding of nothing; we never write it.
        return Err(damaged("it is empty".to_owned()));
    }
    let bytes = zstd::bulk::decompress(stored, LARGEST).map_err(|e| damaged(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| damaged(e.to_string()))
}
