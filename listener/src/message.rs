//! The message of a call: unframed and decompressed, never beyond a limit.

use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// Bytes before a gRPC message: if it is compressed, and its length.
const PREFIX: usize = 5;

/// The reason why a body cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// More bytes than the limit.
    TooLarge,
    /// Compressed in a way that is not understood.
    Coding,
    /// Not what its coding says, or not one gRPC message.
    Broken,
}

/// The content coding of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// None.
    Identity,
    /// gzip.
    Gzip,
    /// zlib.
    Deflate,
}

impl Coding {
    /// The one of this name.
    ///
    /// # Errors
    /// [`Unusable::Coding`] for any other one.
    pub fn of(name: &[u8]) -> Result<Self, Unusable> {
        match name.trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Ok(Self::Identity),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"deflate" => Ok(Self::Deflate),
            _ => Err(Unusable::Coding),
        }
    }

    /// The message without the coding, of at most `most` bytes.
    ///
    /// # Errors
    /// When it has more, or is not what its coding says.
    pub fn decode(self, message: &Bytes, most: usize) -> Result<Bytes, Unusable> {
        match self {
            Self::Identity if message.len() > most => Err(Unusable::TooLarge),
            Self::Identity => Ok(message.clone()),
            Self::Gzip => inflated(MultiGzDecoder::new(&message[..]), most),
            Self::Deflate => inflated(ZlibDecoder::new(&message[..]), most),
        }
    }
}

fn inflated(reader: impl Read, most: usize) -> Result<Bytes, Unusable> {
    let mut plain = Vec::new();
    let read = reader.take(most as u64 + 1).read_to_end(&mut plain);
    match read {
        Ok(length) if length > most => Err(Unusable::TooLarge),
        Ok(_) => Ok(plain.into()),
        Err(_) => Err(Unusable::Broken),
    }
}

/// The one message of a unary gRPC call, and true if it is compressed.
///
/// # Errors
/// [`Unusable::Broken`] when the body is anything else.
pub fn unframed(body: &Bytes) -> Result<(Bytes, bool), Unusable> {
    let prefix = body.get(..PREFIX).ok_or(Unusable::Broken)?;
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    if prefix[0] > 1 || body.len() - PREFIX != length {
        return Err(Unusable::Broken);
    }
    Ok((body.slice(PREFIX..), prefix[0] == 1))
}

/// A message as gRPC frames it, not compressed.
#[must_use]
pub fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[0], &length[..], message].concat().into()
}

#[cfg(test)]
mod tests {
    use super::{Coding, Unusable, framed, unframed};
    use bytes::Bytes;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0; 1 << 20]).expect("memory");
        let bomb: Bytes = encoder.finish().expect("memory").into();
        assert!(bomb.len() < 2000);
        assert_eq!(Coding::Gzip.decode(&bomb, 1000), Err(Unusable::TooLarge));
        assert_eq!(Coding::Gzip.decode(&bomb, 1 << 20).map(|it| it.len()), Ok(1 << 20));
        let cut = bomb.slice(..bomb.len() / 2);
        assert_eq!(Coding::Gzip.decode(&cut, 1 << 21), Err(Unusable::Broken));
        assert_eq!(Coding::of(b"br"), Err(Unusable::Coding));
    }

    #[test]
    fn a_grpc_call_has_one_message() {
        assert_eq!(unframed(&framed(b"abc")), Ok((Bytes::from_static(b"abc"), false)));
        for broken in [&b""[..], b"\0\0\0\0", b"\0\0\0\0\x02a", b"\0\0\0\0\x01ab", b"\x02\0\0\0\0"]
        {
            assert_eq!(unframed(&Bytes::copy_from_slice(broken)), Err(Unusable::Broken));
        }
    }
}
