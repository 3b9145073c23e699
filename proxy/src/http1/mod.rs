//! HTTP/1.x messages as bytes: parsing, framing and rewriting, without any IO.
//!
//! A proxy's security rests on both of its sides agreeing where a message ends. So everything here
//! is strict (RFC 9112 without its leniencies): what could be read in two ways is refused, and what
//! is forwarded is forwarded with the very bytes that were checked.

mod body;
mod field;
mod forwarded;
mod head;
mod progress;
mod request;
mod response;
mod rewrite;

pub(crate) use body::{BodyError, BodyReader, Piece, trailers_without};
pub(crate) use field::{Field, Known, tokens};
pub(crate) use head::{BodyLength, HeadLimits, Status};
pub(crate) use progress::Progress;
pub(crate) use request::RequestHead;
pub(crate) use response::ResponseHead;
pub(crate) use rewrite::{
    ForwardTo, Forwarding, ResponseFraming, client_head, own_fields, passed_fields, release_target,
    request_line, upstream_head,
};
