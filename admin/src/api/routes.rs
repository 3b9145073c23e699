//! The route table: every route with the role that it needs. Guard, OpenAPI document and the test of
//! all roles are made from it.

mod analyses;
mod changes;
mod drills;
mod eval_reports;
mod lists;
mod notify;
mod outlook;
mod reads;
mod records;
mod releases;
mod reports;
mod results;
mod reviews;
mod rollouts;
mod samples;
mod shadow;
mod system;

use super::App;
use axum::routing::get;
use stagegate_config::Role;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Everyone: a probe has no token.
    Open,
    /// Callers with this role, or a higher one.
    Needs(Role),
}

impl Access {
    /// The word in the OpenAPI document.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Open => "none",
            Self::Needs(role) => role.label(),
        }
    }
}

/// Every route, by the role that it needs. A viewer reads; explaining and replaying are reading,
/// although they come with a body.
pub(super) fn table() -> [(Access, OpenApiRouter<App>); 3] {
    [
        (Access::Open, open()),
        (Access::Needs(Role::Viewer), viewer()),
        (Access::Needs(Role::Operator), operator()),
    ]
}

fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(system::livez))
        .routes(routes!(system::readyz))
        .route("/readyz/{workload}", get(system::readyz_of))
}

fn viewer() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(system::metrics))
        .routes(routes!(system::whoami))
        .routes(routes!(system::reload_plan))
        .routes(routes!(reads::status))
        .routes(routes!(reads::workloads))
        .routes(routes!(reads::workload))
        .routes(routes!(releases::releases))
        .routes(routes!(releases::diff))
        .routes(routes!(releases::release))
        .routes(routes!(eval_reports::list))
        .routes(routes!(reads::cohorts))
        .routes(routes!(reads::explain))
        .routes(routes!(rollouts::history))
        .routes(routes!(rollouts::current))
        .routes(routes!(reports::report))
        .routes(routes!(analyses::analyses))
        .routes(routes!(outlook::outlook))
        .routes(routes!(outlook::replay_gates))
        .routes(routes!(analyses::analysis))
        .routes(routes!(notify::channels))
        .routes(routes!(records::decision))
        .routes(routes!(records::decisions))
        .routes(routes!(samples::samples))
        .routes(routes!(samples::sample))
        .routes(routes!(reviews::reviews))
        .routes(routes!(results::results))
        .routes(routes!(shadow::shadow))
        .routes(routes!(records::audit))
        .routes(routes!(records::verify_audit))
}

fn operator() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(system::reload))
        .routes(routes!(releases::add))
        .routes(routes!(releases::remove))
        .routes(routes!(eval_reports::attach))
        .routes(routes!(changes::set_weight))
        .routes(routes!(changes::rollback))
        .routes(routes!(changes::kill))
        .routes(routes!(changes::revive))
        .routes(routes!(changes::enable_cohort))
        .routes(routes!(changes::rollback_cohort))
        .routes(routes!(drills::drill))
        .routes(routes!(rollouts::start))
        .routes(routes!(rollouts::promote))
        .routes(routes!(rollouts::pause))
        .routes(routes!(rollouts::resume))
        .routes(routes!(rollouts::abort))
        .routes(routes!(lists::exclude, lists::unexclude))
        .routes(routes!(lists::opt_in))
        .routes(routes!(lists::allow, lists::unallow))
        .routes(routes!(lists::deny, lists::undeny))
        .routes(routes!(notify::test_channel))
        .routes(routes!(samples::scores))
        .routes(routes!(reviews::give))
        .routes(routes!(samples::want))
}
