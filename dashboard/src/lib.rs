//! The dashboard: pages for the person on call and for the deploy owner.
//!
//! The pages are a client of the admin API, as the command line is: each page asks the API in this
//! process with the token of its visitor (`ask`). So a page shows what the API says, a button does
//! what the API does, and the role, the audit and the refusal are the API's. Pages are whole without
//! JavaScript; with it, figures stay fresh.
//!
//! - `door`: who a visitor is, and the checks against pages of other sites; `visitor`, `sign_in`, `cookies`.
//! - `ask`: requests to the API; `shared`: answers that all who look at the same time share.
//! - `frame`: the head of a page, its navigation and its headers.
//! - `sentence`: pure; what is the matter with a workload, in one sentence.
//! - `pages`: one file for each page.
//! - `act`, `answers`, `ready`: changes that a page asks for; `verbs`: pure; the API's request for one.

mod act;
mod answers;
mod ask;
mod assets;
mod context;
mod cookies;
mod door;
mod form;
mod frame;
mod pages;
mod ready;
mod refusal;
mod secret;
mod sentence;
mod shared;
mod sign_in;
mod verbs;
mod visitor;

pub use context::{Site, SiteNow};

use ask::Api;
use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use context::Dashboard;
use tower::Layer;
use tower::util::MapRequestLayer;
use visitor::Visitor;

/// The operating system gave no random bytes for the secrets of sessions.
#[derive(Debug)]
pub struct NoRandomness(getrandom::Error);

impl std::fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the operating system gave no random bytes: {}", self.0)
    }
}

impl std::error::Error for NoRandomness {}

/// The pages, and the API below them: a request that is for no page is for the API.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn around(api: Router, site: SiteNow) -> Result<Router, NoRandomness> {
    let secret = secret::random().map_err(NoRandomness)?.into();
    let dashboard = Dashboard { api: Api::new(api.clone()), secret, site };
    let guarded = Router::new()
        .route("/", get(pages::overview::page))
        .route("/w/{workload}", get(pages::workload::page))
        .route("/w/{workload}/charts", get(pages::charts::page))
        .route("/w/{workload}/releases", get(pages::releases::page))
        .route("/w/{workload}/taking-part", get(pages::taking_part::page))
        .route("/w/{workload}/drill", post(answers::drill))
        .route("/w/{workload}/history", get(pages::history::page))
        .route("/w/{workload}/report/{rollout}", get(pages::report::page))
        .route("/w/{workload}/readiness", get(pages::readiness::page))
        .route("/w/{workload}/checks/{check}", post(ready::state_check))
        .route("/w/{workload}/runbook", get(pages::runbook::page))
        .route("/w/{workload}/runbook/rollback", get(pages::runbook::rollback))
        .route("/w/{workload}/tasks/{task}", post(ready::act_on_task))
        .route("/w/{workload}/handoff", get(pages::handoff::page).post(ready::act_on_handoff))
        .route("/w/{workload}/queue", get(pages::queue::page))
        .route("/w/{workload}/queue/{id}", post(pages::queue::drop_one))
        .route("/w/{workload}/act/{verb}", post(act::act))
        .route("/request", get(pages::request::page))
        .route("/samples", get(pages::samples::list))
        .route("/samples/{id}", get(pages::samples::one))
        .route("/samples/{id}/review", post(act::review))
        .route("/samples/{id}/score", post(act::score))
        .route("/flags", get(pages::flags::page))
        .route("/flags/{flag}/act/{verb}", post(act::flag))
        .route("/fleet", get(pages::fleet::page))
        .route("/audit", get(pages::audit::page))
        .route("/settings", get(pages::settings::page))
        .route("/settings/reload", post(answers::reload))
        .route("/notify/{channel}/test", post(answers::test_channel))
        .route("/events", get(events))
        .route("/sessions/{id}/end", post(answers::end_session))
        .route("/sign-out", post(sign_in::sign_out))
        .route_layer(from_fn_with_state(dashboard.clone(), door::guard));
    let pages = Router::new()
        .merge(guarded)
        .route("/sign-in", get(sign_in::page).post(sign_in::by_token))
        .route("/sign-in/provider", get(sign_in::to_provider))
        .route("/sign-in/callback", get(sign_in::from_provider))
        .route("/assets/{name}", get(assets::asset))
        .with_state(dashboard)
        .fallback_service(api);
    // Around the router: inside, a request also has what belongs to the page's own route.
    Ok(Router::new().fallback_service(MapRequestLayer::new(visitor::note_arrival).layer(pages)))
}

/// The API's stream of changes, for a page that can send no token by itself.
async fn events(State(dashboard): State<Dashboard>, visitor: Visitor) -> Response {
    dashboard.api.pass_on(&visitor, "/v1/events").await
}
