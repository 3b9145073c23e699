//! The rules that requests and responses share: limits, framing fields, line ends.

use super::field::{Field, Known};
use crate::problem::Problem;

/// Bounds on a head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// Bytes of the whole head.
    pub(crate) bytes: usize,
    /// Number of fields, at most [`MAX_FIELDS`].
    pub(crate) fields: usize,
}

/// Fields that fit the parser's stack table.
pub(super) const MAX_FIELDS: usize = 1000;
/// A refused head, with the answer to the client.
pub(crate) type Bad = Problem;

/// Outcome of parsing bytes that may not be complete yet.
#[derive(Debug)]
pub(crate) enum Status<T> {
    Complete(T),
    Partial,
}

/// The framing of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// No body.
    None,
    /// So many bytes.
    Bytes(u64),
    /// Chunked transfer coding.
    Chunked,
    /// Everything until the connection is closed (responses only).
    UntilClose,
}

/// Marks the fields a `Connection` option names. One that would change the framing or the routing
/// if it were removed is an attack, not a wish.
pub(super) fn nominate(fields: &mut [Field], head: &[u8], option: &[u8]) -> Result<(), Bad> {
    if matches!(option.len(), 5 | 7 | 10)
        && [&b"close"[..], b"upgrade", b"keep-alive"].iter().any(|w| option.eq_ignore_ascii_case(w))
    {
        return Ok(());
    }
    match Known::of(option) {
        Known::Host | Known::ContentLength | Known::TransferEncoding => {
            return Err(Problem::BadRequest(
                "Connection names a field that frames or routes the message",
            ));
        }
        _ => {}
    }
    for field in fields.iter_mut().filter(|field| field.name(head).eq_ignore_ascii_case(option)) {
        field.nominated = true;
    }
    Ok(())
}

/// Decimal digits only (RFC 9110 8.6); no sign, no list, no overflow, and no zero in front, which
/// some take for octal.
pub(super) fn content_length(value: &[u8]) -> Result<u64, Bad> {
    let octal = value.len() > 1 && value[0] == b'0';
    let digits = matches!(value.len(), 1..=18) && !octal && value.iter().all(u8::is_ascii_digit);
    let number = digits.then(|| value.iter().fold(0, |n, b| n * 10 + u64::from(b - b'0')));
    number.ok_or(Problem::BadRequest("invalid Content-Length"))
}

/// Exactly `chunked`: every other coding is refused, since a peer may not know it.
pub(super) fn transfer_coding(value: &[u8]) -> Result<bool, Bad> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(true);
    }
    let plain_words =
        !value.is_empty() && value.iter().all(|b| b.is_ascii_alphanumeric() || b", -".contains(b));
    let names_chunked = value.to_ascii_lowercase().windows(7).any(|word| word == b"chunked");
    Err(if plain_words && !names_chunked {
        Problem::NotImplemented("the only transfer coding is chunked")
    } else {
        Problem::BadRequest("invalid Transfer-Encoding")
    })
}

/// httparse takes a bare LF for a line end; a peer may not. Bare CR it refuses itself.
///
/// Looks at every byte in the same way, which the compiler turns into a few wide instructions.
pub(super) fn check_line_ends(head: &[u8]) -> Result<(), Bad> {
    let followers = head.get(1..).unwrap_or_default();
    let bare = |(before, byte): (&u8, &u8)| (*byte == b'\n') & (*before != b'\r');
    let first = head.first() == Some(&b'\n');
    let bare = head.iter().zip(followers).fold(first, |found, pair| found | bare(pair));
    if bare { Err(Problem::BadRequest("line ends without CR")) } else { Ok(()) }
}

pub(super) fn place(head: &[u8], slice: &[u8]) -> (u32, u32) {
    if slice.is_empty() {
        return (0, 0);
    }
    let start = (slice.as_ptr() as usize).wrapping_sub(head.as_ptr() as usize) as u32;
    (start, start + slice.len() as u32)
}

pub(super) fn text(head: &[u8], place: (u32, u32)) -> &str {
    std::str::from_utf8(&head[place.0 as usize..place.1 as usize]).unwrap_or("")
}
