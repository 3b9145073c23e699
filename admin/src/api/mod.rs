//! The REST API: routes, and the layers around them.
//!
//! Handlers only translate; what a request means is decided in [`stagegate_control`]. The route table
//! is in `routes`; the OpenAPI document is made from the same entries,
//! so a route cannot exist without being documented.

mod docs;
pub mod error;
mod extract;
mod guard;
mod openapi;
mod reply;
mod routes;
mod server;
mod status;

pub use server::serve;

use crate::sources::{DecisionSource, MetricsSource, SampleSource, StatsSource};
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use http::{HeaderValue, StatusCode};
use stagegate_control::Control;
use stagegate_notify::Notifier;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;

/// Largest request body in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// Longest time a handler may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Everything the API answers from; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The driver.
    pub control: Control,
    /// Rolling statistics.
    pub stats: Arc<dyn StatsSource>,
    /// The text of `/metrics`.
    pub metrics: Arc<dyn MetricsSource>,
    /// The decision log; `None` when it is switched off.
    pub decisions: Option<Arc<dyn DecisionSource>>,
    /// Sampled answers; `None` when they cannot be kept.
    pub samples: Option<Arc<dyn SampleSource>>,
    /// Who tells people; `None` without a store to remember in.
    pub notifier: Option<Notifier>,
    /// When the process started, in Unix milliseconds.
    pub started_at_ms: u64,
}

/// The whole API as a service. Wants `ConnectInfo<SocketAddr>` on its requests, for the log.
pub fn router(app: App) -> Router {
    let (routes, document) = table(&app).split_for_parts();
    let document = openapi::finish(&document);
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        // What fails is logged where it is handled; a probe that finds us not ready is no error.
        .layer(TraceLayer::new_for_http().make_span_with(span).on_failure(()))
        .layer(from_fn(error::dress))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, TIMEOUT));
    let routes = routes.merge(docs::routes(&document)).with_state(app);
    // Around the router, not on its routes: only there the `Allow` of a 405 is known.
    Router::new().fallback_service(layers.service(routes))
}

/// Every documented route.
fn table(app: &App) -> OpenApiRouter<App> {
    let guarded = routes::guarded().route_layer(from_fn_with_state(app.clone(), guard::guard));
    OpenApiRouter::with_openapi(openapi::document()).merge(routes::open()).merge(guarded)
}

fn span<B>(request: &http::Request<B>) -> tracing::Span {
    let id = request.extensions().get().and_then(error::id_of).unwrap_or_default();
    tracing::info_span!("admin", method = %request.method(), path = request.uri().path(), id)
}

/// The `ETag` of a workload.
fn etag(epoch: u64) -> HeaderValue {
    let text = format!("\"{epoch}\"");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("\"0\""))
}
