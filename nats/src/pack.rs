//! Messages between replicas, packed.

/// Largest message that is taken back.
const LARGEST: usize = 64 << 20;
/// Fast, and most of what there is to gain.
const LEVEL: i32 = 3;

pub(crate) fn pack(message: &[u8]) -> Result<Vec<u8>, String> {
    zstd::bulk::compress(message, LEVEL).map_err(|error| error.to_string())
}

pub(crate) fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
    zstd::bulk::decompress(packed, LARGEST).map_err(|error| error.to_string())
}
