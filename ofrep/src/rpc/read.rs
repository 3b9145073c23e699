//! The message of a call.

use super::failure::Failure;
use crate::routes::MOST_BYTES;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Body;
use prost::Message;
use stagegate_listener::{Code, Coding, Unusable, unframed};
use std::error::Error;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The time that a request may take to arrive, and to wait for its turn before.
const ARRIVAL: Duration = Duration::from_secs(10);

pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let rest = given.strip_prefix(b"application/grpc");
    rest.is_some_and(|rest| rest.is_empty() || matches!(rest[0], b'+' | b';'))
}

/// There is one set of flags.
pub(super) fn selects_all(selector: &[u8]) -> Result<(), Failure> {
    if selector.is_empty() {
        return Ok(());
    }
    let selector = String::from_utf8_lossy(selector);
    let words =
        format!("there is one set of flags here: ask without the selector `{selector:.100}`");
    Err(Failure::new(Code::InvalidArgument, words))
}

/// The one message of a request.
pub(super) async fn message<B>(turns: &Semaphore, request: Request<B>) -> Result<Bytes, Failure>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Ok(Ok(_turn)) = tokio::time::timeout(ARRIVAL, turns.acquire()).await else {
        return Err(Failure::new(Code::Unavailable, "too many calls at a time"));
    };
    let (head, body) = request.into_parts();
    let read = tokio::time::timeout(ARRIVAL, Limited::new(body, MOST_BYTES).collect()).await;
    let late = |_| Failure::new(Code::DeadlineExceeded, "the request took too long to arrive");
    let too_much = || {
        let words = format!("the request cannot be read, or has more than {MOST_BYTES} bytes");
        Failure::new(Code::ResourceExhausted, words)
    };
    let body = read.map_err(late)?.map_err(|_| too_much())?.to_bytes();
    let unusable = |unusable| match unusable {
        Unusable::TooLarge => too_much(),
        Unusable::Coding => {
            Failure::new(Code::Unimplemented, "a message may be compressed by gzip or deflate only")
        }
        Unusable::Broken => {
            Failure::new(Code::InvalidArgument, "the body is not one whole message")
        }
    };
    let (message, is_compressed) = unframed(&body).map_err(unusable)?;
    let name = head.headers.get("grpc-encoding").filter(|_| is_compressed);
    let coding = Coding::of(name.map_or(b"", HeaderValue::as_bytes)).map_err(unusable)?;
    coding.decode(&message, MOST_BYTES).map_err(unusable)
}

pub(super) fn decoded<M: Message + Default>(message: &Bytes) -> Result<M, Failure> {
    M::decode(&message[..]).map_err(|error| {
        Failure::new(Code::InvalidArgument, format!("the message is of another type: {error}"))
    })
}
