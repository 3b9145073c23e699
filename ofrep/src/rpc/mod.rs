//! flagd's services over gRPC: `flagd.evaluation.v1` and `v2`, with which its providers ask for one
//! evaluation after the other, and `flagd.sync.v1`, from which they get all definitions and evaluate
//! themselves.

mod evaluate;
mod failure;
mod message;
mod read;
mod stream;
#[cfg(test)]
mod tests;

use crate::origin::Origin;
use crate::routes::App;
use bytes::Bytes;
use evaluate::Wanted;
use failure::Failure;
use http::header::HOST;
use http::{HeaderValue, Method, Request, Response};
use hyper::body::Body;
use read::{decoded, is_grpc, message, selects_all};
use stagegate_listener::{Code, GrpcBody};
use std::error::Error;
use std::time::Instant;

/// The methods there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Resolve(Wanted),
    ResolveAll,
    EventStream,
    SyncFlags,
    FetchAllFlags,
    GetMetadata,
}

impl Call {
    fn of(path: &str) -> Option<Self> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        Some(match (service, method) {
            ("flagd.evaluation.v1.Service" | "flagd.evaluation.v2.Service", method) => match method
            {
                "ResolveBoolean" => Self::Resolve(Wanted::Boolean),
                "ResolveString" => Self::Resolve(Wanted::Text),
                "ResolveInt" => Self::Resolve(Wanted::Whole),
                "ResolveFloat" => Self::Resolve(Wanted::Number),
                "ResolveObject" => Self::Resolve(Wanted::Object),
                "ResolveAll" => Self::ResolveAll,
                "EventStream" => Self::EventStream,
                _ => return None,
            },
            ("flagd.sync.v1.FlagSyncService", "SyncFlags") => Self::SyncFlags,
            ("flagd.sync.v1.FlagSyncService", "FetchAllFlags") => Self::FetchAllFlags,
            ("flagd.sync.v1.FlagSyncService", "GetMetadata") => Self::GetMetadata,
            _ => return None,
        })
    }
}

/// Answers a call.
pub(crate) async fn answer<B>(app: &App, request: Request<B>) -> Response<GrpcBody>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match called(app, request).await {
        Ok(answer) => answer,
        Err(failure) => failure.answer(),
    }
}

async fn called<B>(app: &App, mut request: Request<B>) -> Result<Response<GrpcBody>, Failure>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // HTTP/2 says the host elsewhere.
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    if let Some(Ok(host)) = authority.map(HeaderValue::try_from) {
        request.headers_mut().insert(HOST, host);
    }
    let current = app.flags.current();
    app.access.client(&current.settings, request.headers(), Instant::now())?;
    let path = request.uri().path();
    let call = Call::of(path).ok_or_else(|| {
        let words = format!("there is no method {path:.100}: there are flagd.evaluation.v1 and v2, and flagd.sync.v1");
        Failure::new(Code::Unimplemented, words)
    })?;
    if request.method() != Method::POST || !is_grpc(request.headers()) {
        let words = "a call is a POST of application/grpc";
        return Err(Failure::new(Code::InvalidArgument, words));
    }
    selects_all(request.headers().get("flagd-selector").map_or(b"", HeaderValue::as_bytes))?;
    let origin = Origin::of(request.headers());
    let message = message(&app.turns, request).await?;
    match call {
        Call::Resolve(wanted) => evaluate::one(app, wanted, decoded(&message)?, origin),
        Call::ResolveAll => evaluate::all(app, decoded(&message)?, origin),
        Call::EventStream => stream::events(app),
        Call::SyncFlags => {
            let sync: message::Sync = decoded(&message)?;
            selects_all(sync.selector.as_bytes())?;
            stream::sync(app)
        }
        Call::FetchAllFlags => {
            let sync: message::Sync = decoded(&message)?;
            selects_all(sync.selector.as_bytes())?;
            // The body may have taken its time: a change in between holds for this answer too.
            Ok(stream::fetched(&app.flags.current()))
        }
        Call::GetMetadata => Ok(stream::metadata()),
    }
}
