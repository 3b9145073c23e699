//! A demo agent as a server.

use crate::agent::{AGENT_HEADER, Agent, COST_HEADER, EPOCH_HEADER, Profile};
use crate::{chat, responses};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::{get, post};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::net::TcpListener;

/// Puts the agent's name and the plan's epoch on every answer, failures included, and on the others
/// what they cost.
async fn sign(State(agent): State<Arc<Agent>>, request: Request, next: Next) -> Response {
    let epoch = request.headers().get("stagegate-epoch").cloned();
    let mut response = next.run(request).await;
    let succeeded = response.status().is_success();
    let headers = response.headers_mut();
    let cost = format!("{:.6}", agent.profile.cost_usd.max(0.0));
    if let (true, Ok(cost)) = (succeeded, HeaderValue::from_str(&cost)) {
        headers.insert(COST_HEADER, cost);
    }
    if let Ok(name) = HeaderValue::from_str(&agent.profile.name) {
        headers.insert(AGENT_HEADER, name);
    }
    if let Some(epoch) = epoch {
        headers.insert(EPOCH_HEADER, epoch);
    }
    response
}

fn router(agent: Arc<Agent>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/responses", post(responses::create))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&agent), sign))
        .with_state(agent)
}

/// Serves until `stop` resolves; badly while `is_bad`.
pub(crate) async fn serve(
    listener: TcpListener,
    profile: Profile,
    is_bad: Arc<AtomicBool>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(Arc::new(Agent::new(profile, is_bad))))
        .with_graceful_shutdown(stop)
        .await
}
