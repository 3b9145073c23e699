//! Entry for the fuzzer: the bytes of a call.

use crate::access::Access;
use crate::in_force::Flags;
use crate::routes::App;
use crate::rpc;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use stagegate_listener::unframed;
use stagegate_settings as settings;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// The methods that a call may name. The first byte of the input chooses.
const METHODS: [&str; 10] = [
    "/flagd.evaluation.v1.Service/ResolveBoolean",
    "/flagd.evaluation.v2.Service/ResolveString",
    "/flagd.evaluation.v1.Service/ResolveInt",
    "/flagd.evaluation.v1.Service/ResolveFloat",
    "/flagd.evaluation.v2.Service/ResolveObject",
    "/flagd.evaluation.v1.Service/ResolveAll",
    "/flagd.sync.v1.FlagSyncService/FetchAllFlags",
    "/flagd.sync.v1.FlagSyncService/GetMetadata",
    "/flagd.sync.v1.FlagSyncService/SyncFlags",
    "/flagd.evaluation.v1.Service/Nothing",
];
/// The codings of a message, by the second byte.
const CODINGS: [&str; 3] = ["", "gzip", "deflate"];

/// The services of flagd without a socket.
pub struct Calls {
    app: App,
    runtime: Runtime,
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl Calls {
    /// With the flags of these settings.
    ///
    /// # Panics
    /// When they cannot be read, or there is no runtime.
    #[must_use]
    pub fn new(settings: settings::Flags) -> Self {
        let flags = Arc::new(Flags::load(settings).expect("good flags"));
        let app = App::new(flags, Access::new().expect("randomness"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self { app, runtime: runtime.expect("a runtime") }
    }

    /// Makes a call. Its answer is a failure with a code of gRPC, or one whole message and the code 0.
    ///
    /// # Panics
    /// When the answer is anything else.
    pub fn call(&self, bytes: &[u8]) {
        let [method, coding, body @ ..] = bytes else { return };
        let method = METHODS[usize::from(*method) % METHODS.len()];
        let coding = CODINGS[usize::from(*coding) % CODINGS.len()];
        let request = Request::post(format!("http://localhost{method}"))
            .header("content-type", "application/grpc")
            .header("grpc-encoding", coding)
            .header("x-request-id", "fuzz")
            .body(Full::new(Bytes::copy_from_slice(body)))
            .expect("a request");
        self.runtime.block_on(async {
            let (head, body) = rpc::answer(&self.app, request).await.into_parts();
            if let Some(status) = head.headers.get("grpc-status") {
                let code: u8 = status.to_str().expect("digits").parse().expect("a code");
                assert!((1..=16).contains(&code), "{code} is no failure");
                return;
            }
            // A stream of changes has no end.
            if method.ends_with("SyncFlags") {
                return;
            }
            let body = body.collect().await.expect("a body");
            assert_eq!(body.trailers().expect("trailers")["grpc-status"], "0");
            unframed(&body.to_bytes()).expect("one message");
        });
    }
}
