//! The REST API: routes, and the layers around them.
//!
//! Handlers only translate; what a request means is decided in [`stagegate_control`]. The route table
//! is in `routes`; the OpenAPI document is made from the same entries,
//! so a route cannot exist without being documented.

mod app;
mod docs;
pub mod error;
mod etag;
mod extract;
mod guard;
mod limits;
mod openapi;
mod reply;
mod routes;
mod server;
mod status;

pub use app::App;
pub use server::serve;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use http::StatusCode;
use limits::{MAX_BODY, TIMEOUT};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;

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
