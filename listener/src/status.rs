//! Answers of gRPC
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use crate::message::framed;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body;
use std::convert::Infallible;
use std::fmt::Write as _;

/// A body of an answer.
pub type GrpcBody = UnsyncBoxBody<Bytes, Infallible>;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The codes of gRPC that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Done.
    Ok = 0,
    /// The request makes no sense.
    InvalidArgument = 3,
    /// It took too long.
    DeadlineExceeded = 4,
    /// There is no such thing.
    NotFound = 5,
    /// The caller may not.
    PermissionDenied = 7,
    /// Too much, or too often.
    ResourceExhausted = 8,
    /// There is no such method.
    Unimplemented = 12,
    /// Something is wrong here.
    Internal = 13,
    /// Not now.
    Unavailable = 14,
    /// What is stored cannot be used.
    DataLoss = 15,
    /// The caller is unknown.
    Unauthenticated = 16,
}

/// The fields that say how a call ended.
#[must_use]
pub fn status(code: u8, words: &str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    fields.insert(GRPC_STATUS, u16::from(code).into());
    // Percent-encoded, as gRPC over HTTP/2 wants it.
    let mut message = String::new();
    for byte in words.bytes() {
        if (0x20..0x7f).contains(&byte) && byte != b'%' {
            message.push(char::from(byte));
        } else {
            let _ = write!(message, "%{byte:02X}");
        }
    }
    if let Ok(message) = HeaderValue::try_from(message)
        && !message.is_empty()
    {
        fields.insert(GRPC_MESSAGE, message);
    }
    fields
}

/// The answer to a call that failed before it had an answer.
#[must_use]
pub fn failure(code: Code, words: &str) -> Response<GrpcBody> {
    let mut answer = streamed(Full::new(Bytes::new()));
    answer.headers_mut().extend(status(code as u8, words));
    answer
}

/// The answer with one message.
#[must_use]
pub fn answer(message: &[u8]) -> Response<GrpcBody> {
    let trailers = async { Some(Ok(status(Code::Ok as u8, ""))) };
    streamed(Full::new(framed(message)).with_trailers(trailers))
}

/// An answer with this body, which brings its own trailers.
#[must_use]
pub fn streamed(
    body: impl Body<Data = Bytes, Error = Infallible> + Send + 'static,
) -> Response<GrpcBody> {
    let mut answer = Response::new(body.boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    answer
}
