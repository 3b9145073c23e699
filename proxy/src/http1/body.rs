//! Finds the end of a body, piece by piece as its bytes arrive.

use super::field::Known;
use super::head::BodyLength;

/// Longest chunk-size line (size and extensions).
const MAX_SIZE_LINE: usize = 256;
/// Longest trailer section.
const MAX_TRAILERS: usize = 16 * 1024;

/// A body that breaks its framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("invalid chunk size")]
    ChunkSize,
    #[error("chunk data is not followed by CRLF")]
    ChunkEnd,
    #[error("invalid trailer section")]
    Trailers,
}

/// The piece that [`BodyReader::read`] found at the front of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Body bytes.
    Data(&'a [u8]),
    /// A chunk of so many bytes begins.
    ChunkStart(u64),
    /// The chunk is over.
    ChunkEnd,
    /// The trailer section without its last blank line, complete and checked; often empty.
    Trailers,
    /// The body is over; nothing of the input belongs to it any more.
    End,
    /// More input is needed.
    More,
}

/// Follows one body through its bytes.
#[derive(Debug)]
pub(crate) struct BodyReader {
    state: State,
    /// A size line or trailer section that came in pieces.
    partial: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Done,
    Bytes(u64),
    UntilClose,
    ChunkSize,
    ChunkData(u64),
    /// The CRLF after a chunk's data; how many of its bytes were seen.
    ChunkEnd(u8),
    Trailers,
    TrailersDone,
}

impl BodyReader {
    pub(crate) fn new(length: BodyLength) -> Self {
        let state = match length {
            BodyLength::None | BodyLength::Bytes(0) => State::Done,
            BodyLength::Bytes(bytes) => State::Bytes(bytes),
            BodyLength::Chunked => State::ChunkSize,
            BodyLength::UntilClose => State::UntilClose,
        };
        Self { state, partial: Vec::new() }
    }

    /// Returns whether the whole body was read.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Returns whether the next bytes are the body's own, not its framing.
    pub(crate) fn expects_data(&self) -> bool {
        matches!(self.state, State::Bytes(_) | State::ChunkData(_) | State::UntilClose)
    }

    /// Returns whether the body ends with the connection, which therefore may end now.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.state == State::UntilClose
    }

    /// The complete trailer section (field lines, each with its CRLF), after [`Piece::Trailers`].
    pub(crate) fn trailers(&self) -> &[u8] {
        &self.partial
    }

    /// Takes the next piece off the front of `input`. Call until [`Piece::More`] or [`Piece::End`].
    ///
    /// # Errors
    /// A [`BodyError`] when the framing is broken; neither side may continue.
    pub(crate) fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<Piece<'a>, BodyError> {
        match self.state {
            State::Done => Ok(Piece::End),
            State::TrailersDone => {
                self.state = State::Done;
                Ok(Piece::End)
            }
            _ if input.is_empty() => Ok(Piece::More),
            State::UntilClose => Ok(Piece::Data(std::mem::take(input))),
            State::Bytes(left) => {
                let (data, left) = split(input, left);
                self.state = if left == 0 { State::Done } else { State::Bytes(left) };
                Ok(Piece::Data(data))
            }
            State::ChunkData(left) => {
                let (data, left) = split(input, left);
                self.state = if left == 0 { State::ChunkEnd(0) } else { State::ChunkData(left) };
                Ok(Piece::Data(data))
            }
            State::ChunkEnd(seen) => self.read_chunk_end(input, seen),
            State::ChunkSize => self.read_size_line(input),
            State::Trailers => self.read_trailers(input),
        }
    }

    fn read_chunk_end<'a>(
        &mut self,
        input: &mut &'a [u8],
        seen: u8,
    ) -> Result<Piece<'a>, BodyError> {
        let wanted = &b"\r\n"[usize::from(seen)..];
        let here = wanted.len().min(input.len());
        if input[..here] != wanted[..here] {
            return Err(BodyError::ChunkEnd);
        }
        *input = &input[here..];
        if here < wanted.len() {
            self.state = State::ChunkEnd(seen + here as u8);
            return Ok(Piece::More);
        }
        self.state = State::ChunkSize;
        Ok(Piece::ChunkEnd)
    }

    fn read_size_line<'a>(&mut self, input: &mut &'a [u8]) -> Result<Piece<'a>, BodyError> {
        let end = memchr::memchr(b'\n', input);
        let (line, rest) = input.split_at(end.map_or(input.len(), |at| at + 1));
        if self.partial.len() + line.len() > MAX_SIZE_LINE {
            return Err(BodyError::ChunkSize);
        }
        *input = rest;
        let size = if end.is_some() && self.partial.is_empty() {
            chunk_size(line)?
        } else {
            self.partial.extend_from_slice(line);
            if end.is_none() {
                return Ok(Piece::More);
            }
            chunk_size(&std::mem::take(&mut self.partial))?
        };
        if size == 0 {
            self.state = State::Trailers;
            return self.read_trailers(input);
        }
        self.state = State::ChunkData(size);
        Ok(Piece::ChunkStart(size))
    }

    /// Collects the trailer section up to its blank line. Its bytes are handed out only as
    /// [`BodyReader::trailers`], checked and filtered as a whole.
    fn read_trailers<'a>(&mut self, input: &mut &'a [u8]) -> Result<Piece<'a>, BodyError> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            let bare = byte == b'\n' && self.partial.last() != Some(&b'\r');
            self.partial.push(byte);
            if bare || self.partial.len() > MAX_TRAILERS {
                return Err(BodyError::Trailers);
            }
            if byte == b'\n' && (self.partial == b"\r\n" || self.partial.ends_with(b"\r\n\r\n")) {
                self.partial.truncate(self.partial.len() - 2);
                self.partial = filtered_trailers(&self.partial)?;
                self.state = State::TrailersDone;
                return Ok(Piece::Trailers);
            }
        }
        Ok(Piece::More)
    }
}

fn split<'a>(input: &mut &'a [u8], left: u64) -> (&'a [u8], u64) {
    let here = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    let (data, rest) = input.split_at(here);
    *input = rest;
    (data, left - here as u64)
}

/// `hex [; extension] CRLF`. Hex digits only, no leading space, no bare CR or LF anywhere.
fn chunk_size(line: &[u8]) -> Result<u64, BodyError> {
    let line = line.strip_suffix(b"\r\n").ok_or(BodyError::ChunkSize)?;
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (size, extension) = line.split_at(digits);
    let extension_ok = match extension.trim_ascii_start().first() {
        None => extension.is_empty(),
        Some(b';') => extension.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f)),
        Some(_) => false,
    };
    if !(1..=15).contains(&digits) || !extension_ok {
        return Err(BodyError::ChunkSize);
    }
    Ok(size.iter().fold(0, |n, &b| n << 4 | u64::from((b as char).to_digit(16).unwrap_or(0))))
}

/// Fields that a server which adds trailers to the head would act on: who asks, and how the body is
/// to be read.
const NEVER_LATE: [&str; 7] = [
    "authorization",
    "content-encoding",
    "content-range",
    "content-type",
    "cookie",
    "set-cookie",
    "x-http-method-override",
];

/// What begins like this is said by the proxy, or to it.
const OURS: &str = "stagegate-";

fn may_come_late(name: &str) -> bool {
    Known::of(name.as_bytes()) == Known::Other
        && !NEVER_LATE.iter().any(|never| looks_like(name.as_bytes(), never))
        && !name.get(..OURS.len()).is_some_and(|start| looks_like(start.as_bytes(), OURS))
}

/// Returns whether a server may take the name for this one, which is in lower case: CGI's descendants
/// take `_` and `-` for the same.
fn looks_like(name: &[u8], other: &str) -> bool {
    let plain = |b: &u8| if *b == b'_' { b'-' } else { b.to_ascii_lowercase() };
    name.iter().map(plain).eq(other.bytes().map(|b| plain(&b)))
}

/// The trailer section without fields of these names (in lower case), which are about routing.
pub(crate) fn trailers_without(section: &[u8], names: &[Box<str>]) -> Vec<u8> {
    let routes = |line: &&[u8]| {
        let name = &line[..memchr::memchr(b':', line).unwrap_or(line.len())];
        names.iter().any(|other| looks_like(name, other))
    };
    let lines = section.split_inclusive(|&b| b == b'\n');
    lines.filter(|line| !routes(line)).flatten().copied().collect()
}

/// Checks the section and leaves out fields that may not come late (RFC 9110 6.5.1): framing,
/// routing, authentication and what is about one connection.
fn filtered_trailers(section: &[u8]) -> Result<Vec<u8>, BodyError> {
    if section.is_empty() {
        return Ok(Vec::new());
    }
    let mut text = section.to_vec();
    text.extend_from_slice(b"\r\n");
    let mut table = [httparse::EMPTY_HEADER; 64];
    let parsed = httparse::parse_headers(&text, &mut table);
    let Ok(httparse::Status::Complete((_, fields))) = parsed else {
        return Err(BodyError::Trailers);
    };
    let mut kept = Vec::with_capacity(section.len());
    for field in fields.iter().filter(|field| may_come_late(field.name)) {
        for part in [field.name.as_bytes(), b": ", field.value, b"\r\n"] {
            kept.extend_from_slice(part);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::{BodyError, BodyReader, Piece};
    use crate::http1::BodyLength;
    use proptest::prelude::*;

    /// Feeds `bytes` in pieces cut at `cuts`; gives data, trailers, whether it ended and what is left.
    fn follow(
        length: BodyLength,
        bytes: &[u8],
        cuts: &[usize],
    ) -> Result<(Vec<u8>, String, bool, usize), BodyError> {
        let (mut reader, mut data) = (BodyReader::new(length), Vec::new());
        let (mut start, mut trailers) = (0, String::new());
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        for end in ends {
            let mut input = &bytes[start..end];
            loop {
                match reader.read(&mut input)? {
                    Piece::Data(piece) => data.extend_from_slice(piece),
                    Piece::ChunkStart(_) | Piece::ChunkEnd => {}
                    Piece::Trailers => {
                        trailers = String::from_utf8_lossy(reader.trailers()).into_owned();
                    }
                    Piece::End => {
                        return Ok((data, trailers, true, bytes.len() - (end - input.len())));
                    }
                    Piece::More => break,
                }
            }
            start = end - input.len();
        }
        Ok((data, trailers, reader.is_done(), 0))
    }

    proptest! {
        #[test]
        fn chunked_is_the_same_however_it_arrives(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6), cuts: Vec<usize>) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend_from_slice(format!("{:x};ext=1\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\nX-Sum: 1\r\nContent-Length: 9\r\ncookie: a=b\r\n\r\nNEXT");
            let (data, trailers, done, left) = follow(BodyLength::Chunked, &bytes, &cuts).expect("well-formed");
            prop_assert_eq!(data, chunks.concat());
            prop_assert_eq!(trailers, "X-Sum: 1\r\n");
            prop_assert!(done);
            prop_assert_eq!(left, 4);
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>, cuts: Vec<usize>) {
            let _ = follow(BodyLength::Chunked, &bytes, &cuts);
        }
    }

    #[test]
    fn fields_that_route_never_come_late() {
        let late = "0\r\nX-Sum: 1\r\nstagegate-eval: 1\r\nStagegate_Eval: 1\r\nX-Real-IP: 1\r\n\
            content_type: a\r\nX-Tenant-Id: medco\r\nx_tenant_id: medco\r\n\r\n";
        let (_, trailers, done, _) =
            follow(BodyLength::Chunked, late.as_bytes(), &[]).expect("well-formed");
        assert_eq!(
            (trailers.as_str(), done),
            ("X-Sum: 1\r\nX-Tenant-Id: medco\r\nx_tenant_id: medco\r\n", true)
        );
        let kept = super::trailers_without(trailers.as_bytes(), &["x-tenant-id".into()]);
        assert_eq!(kept, b"X-Sum: 1\r\n");
    }

    #[test]
    fn broken_framing_is_refused() {
        for bad in [
            "x\r\n",
            "-1\r\n",
            "+1\r\n",
            " 1\r\na\r\n",
            "1 \r\na\r\n",
            "1\na\r\n",
            "1\r\nab\r\n",
            "1\r\na\n0\r\n\r\n",
            "0x1\r\na\r\n",
            "ffffffffffffffff\r\n",
            "1;a\rb\r\na\r\n",
            "\r\n",
            "0\r\nbad trailer\r\n\r\n",
            "0\r\nA: b\n\r\n",
            "1;\n\r\na",
        ] {
            assert!(follow(BodyLength::Chunked, bad.as_bytes(), &[]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn counted_bodies_leave_what_follows() {
        let (data, _, done, left) = follow(BodyLength::Bytes(3), b"abcdef", &[1]).expect("counted");
        assert_eq!((data.as_slice(), done, left), (&b"abc"[..], true, 3));
    }
}
