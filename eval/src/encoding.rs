//! Bodies as they were before they were compressed, up to a size.

use std::borrow::Cow;
use std::io::Read;

/// The reason why a body could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A content coding that is not understood.
    #[error("content-encoding `{0}` is not decoded: gzip, deflate, br, zstd and identity are")]
    Unknown(String),
    /// Bytes that are not of the coding they claim.
    #[error("the body is not {0}")]
    Corrupt(&'static str),
}

/// Bytes that are decoded at a time.
const PIECE: usize = 8192;

/// Undoes the codings of a `Content-Encoding` header, the last first, and gives at most `limit`
/// bytes: the flag says whether there was more, or whether the body breaks off inside a coding
/// (what was decoded up to there is given).
///
/// # Errors
/// An unknown coding, or bytes that are not of the named one from the first on.
pub fn decoded<'a>(
    bytes: &'a [u8],
    content_encoding: &str,
    limit: usize,
) -> Result<(Cow<'a, [u8]>, bool), DecodeError> {
    let mut body = Cow::Borrowed(bytes);
    let mut cut = false;
    for coding in content_encoding.split(',').rev() {
        let (name, result) = match coding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => continue,
            "gzip" | "x-gzip" => {
                ("gzip", take(flate2::read::MultiGzDecoder::new(body.as_ref()), limit))
            }
            // Named for zlib, sent by some as bare deflate: the header tells them apart.
            "deflate" if is_zlib(&body) => {
                ("deflate", take(flate2::read::ZlibDecoder::new(body.as_ref()), limit))
            }
            "deflate" => ("deflate", take(flate2::read::DeflateDecoder::new(body.as_ref()), limit)),
            "br" => {
                ("br", take(brotli_decompressor::Decompressor::new(body.as_ref(), PIECE), limit))
            }
            "zstd" => {
                let decoder = zstd::stream::read::Decoder::with_buffer(body.as_ref());
                ("zstd", decoder.map_or_else(|_| (Vec::new(), true), |d| take(d, limit)))
            }
            other => return Err(DecodeError::Unknown(other.to_owned())),
        };
        let (plain, broken) = result;
        if plain.is_empty() && broken && !body.is_empty() {
            return Err(DecodeError::Corrupt(name));
        }
        cut |= broken;
        body = Cow::Owned(plain);
    }
    if body.len() > limit {
        cut = true;
        body = match body {
            Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..limit]),
            Cow::Owned(mut bytes) => {
                bytes.truncate(limit);
                Cow::Owned(bytes)
            }
        };
    }
    Ok((body, cut))
}

/// RFC 1950: the low nibble of the first byte is 8, and the first two bytes divide by 31.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [a, b, ..] if a & 15 == 8 && (u16::from(*a) << 8 | u16::from(*b)) % 31 == 0)
}

/// At most `limit + 1` bytes, so that the caller sees that there was more.
fn take(mut reader: impl Read, limit: usize) -> (Vec<u8>, bool) {
    let mut plain = Vec::new();
    let mut piece = [0; PIECE];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return (plain, false),
            Ok(count) => plain.extend_from_slice(&piece[..count]),
            Err(_) => return (plain, true),
        }
        if plain.len() > limit {
            plain.truncate(limit);
            return (plain, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DecodeError, decoded};
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;

    /// The text below, as `brotli` packs it.
    const BROTLI: [u8; 27] = [
        0x1b, 0x3f, 0x1f, 0xf8, 0x8d, 0x94, 0xaa, 0xc3, 0xbb, 0x3e, 0x2a, 0x93, 0xe3, 0xd5, 0x20,
        0x69, 0x7a, 0xc3, 0xe2, 0xb7, 0x70, 0x80, 0xbc, 0x05, 0x00, 0xbd, 0x09,
    ];

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    #[test]
    fn every_coding_gives_back_what_went_in() {
        let text = "Grüezi ".repeat(1000);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(text.as_bytes()).expect("in memory");
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(text.as_bytes()).expect("in memory");
        let zstd = zstd::encode_all(text.as_bytes(), 3).expect("in memory");
        let twice = gzip(&zstd);
        for (bytes, coding) in [
            (text.clone().into_bytes(), ""),
            (text.clone().into_bytes(), "identity"),
            (gzip(text.as_bytes()), "gzip"),
            (gzip(text.as_bytes()), " GZip"),
            (zlib.finish().expect("in memory"), "deflate"),
            (bare.finish().expect("in memory"), "deflate"),
            (BROTLI.to_vec(), "br"),
            (zstd, "zstd"),
            (twice, "zstd, gzip"),
        ] {
            let (plain, cut) = decoded(&bytes, coding, 1 << 20).expect(coding);
            assert_eq!((plain.as_ref(), cut), (text.as_bytes(), false), "{coding}");
        }
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_limit() {
        let bomb = gzip(&vec![b'a'; 50 << 20]);
        assert!(bomb.len() < 60_000);
        let (plain, cut) = decoded(&bomb, "gzip", 1000).expect("gzip");
        assert_eq!((plain.len(), cut), (1000, true));
        let (plain, cut) = decoded(b"abcdef", "", 4).expect("plain");
        assert_eq!((plain.as_ref(), cut), (&b"abcd"[..], true));
    }

    #[test]
    fn what_breaks_off_is_kept_and_marked_and_what_lies_is_refused() {
        let text: String = (0..5000).map(|n| format!("{n} ")).collect();
        let whole = gzip(text.as_bytes());
        let (plain, cut) = decoded(&whole[..whole.len() / 2], "gzip", 1 << 20).expect("half");
        assert!(cut && !plain.is_empty() && text.as_bytes().starts_with(&plain));
        assert_eq!(decoded(b"{}", "gzip", 9), Err(DecodeError::Corrupt("gzip")));
        assert_eq!(decoded(b"{}", "zstd", 9), Err(DecodeError::Corrupt("zstd")));
        assert_eq!(decoded(b"{}", "br", 9), Err(DecodeError::Corrupt("br")));
        assert_eq!(decoded(b"{}", "lzma", 9), Err(DecodeError::Unknown("lzma".to_owned())));
    }
}
