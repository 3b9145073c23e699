//! The REST API: routes, and the layers around them.
//!
//! Handlers only translate; what a request means is decided in [`stagegate_control`]. The route table
//! is in `routes`; the OpenAPI document is made from the same entries,
//! so a route cannot exist without being documented.

mod app;
mod docs;
pub mod error;
mod etag;
mod events;
mod extract;
mod forms;
mod guard;
mod heavy;
mod limits;
mod oidc;
mod openapi;
mod others;
mod patient;
mod refusals;
mod reply;
mod routes;

mod server;
mod slots;
mod status;
mod tls;

pub use app::App;
pub use events::Events;
pub use refusals::Refusals;
pub use routes::answer;
pub use server::{Doors, serve, serve_doors};
pub use tls::Tls;

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
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};

/// The whole API as a service. Wants `ConnectInfo<SocketAddr>` on its requests, for the log.
pub fn router(app: App) -> Router {
    let (table, roles) = table(&app);
    let (routes, document) = table.split_for_parts();
    let document = openapi::finish(&document, &roles);
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        // What fails is logged where it is handled; a probe that finds us not ready is no error.
        .layer(TraceLayer::new_for_http().make_span_with(span).on_failure(()))
        .layer(from_fn(error::dress))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, TIMEOUT));
    let routes = routes.merge(docs::routes(&document)).merge(oidc::routes()).with_state(app);
    // Around the router, not on its routes: only there the `Allow` of a 405 is known.
    Router::new().fallback_service(layers.service(routes))
}

/// Every documented route behind the guard of its role, and the roles for the document.
///
/// The guard is around the methods that exist, and not around the path: a method that a path does not
/// have needs no role and is answered 405, like a path that does not exist is answered 404.
fn table(app: &App) -> (OpenApiRouter<App>, openapi::Roles) {
    let mut all = OpenApiRouter::with_openapi(openapi::document());
    let mut roles = openapi::Roles::new();
    for (access, routes) in routes::table() {
        let mut group = OpenApiRouter::new();
        for methods in routes {
            group = group.routes(match access {
                routes::Access::Open => methods,
                routes::Access::Needs(needed) | routes::Access::Hook(needed) => {
                    let is_hook = access == routes::Access::Hook(needed);
                    let guard = guard::Guard { app: app.clone(), needed, is_hook };
                    let guard = from_fn_with_state(guard, guard::guard);
                    methods.map(|methods| methods.route_layer(guard))
                }
            });
        }
        openapi::note_roles(&mut roles, access, group.get_openapi());
        all = all.merge(group);
    }
    (routes::probes(all), roles)
}

/// Longest part of a path that a log line has.
const PATH_SHOWN: usize = 200;

fn span<B>(request: &http::Request<B>) -> tracing::Span {
    let id = request.extensions().get().and_then(error::id_of).unwrap_or_default();
    let path: String = request.uri().path().chars().take(PATH_SHOWN).collect();
    tracing::info_span!("admin", method = %request.method(), path, id)
}
