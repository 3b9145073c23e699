//! The route table.

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
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Routes that need no token.
pub(super) fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(system::livez)).routes(routes!(system::readyz))
}

/// Routes that only a caller with the right role reaches.
pub(super) fn guarded() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(system::metrics))
        .routes(routes!(system::whoami))
        .routes(routes!(system::reload, system::reload_plan))
        .routes(routes!(reads::status))
        .routes(routes!(reads::workloads))
        .routes(routes!(reads::workload))
        .routes(routes!(releases::releases, releases::add))
        .routes(routes!(releases::diff))
        .routes(routes!(releases::release, releases::remove))
        .routes(routes!(eval_reports::list, eval_reports::attach))
        .routes(routes!(reads::cohorts))
        .routes(routes!(reads::explain))
        .routes(routes!(changes::set_weight))
        .routes(routes!(changes::rollback))
        .routes(routes!(changes::kill))
        .routes(routes!(changes::revive))
        .routes(routes!(changes::enable_cohort))
        .routes(routes!(changes::rollback_cohort))
        .routes(routes!(drills::drill))
        .routes(routes!(rollouts::start, rollouts::history))
        .routes(routes!(rollouts::current))
        .routes(routes!(rollouts::promote))
        .routes(routes!(rollouts::pause))
        .routes(routes!(rollouts::resume))
        .routes(routes!(rollouts::abort))
        .routes(routes!(reports::report))
        .routes(routes!(analyses::analyses))
        .routes(routes!(outlook::outlook))
        .routes(routes!(outlook::replay_gates))
        .routes(routes!(analyses::analysis))
        .routes(routes!(lists::exclude, lists::unexclude))
        .routes(routes!(lists::opt_in))
        .routes(routes!(lists::allow, lists::unallow))
        .routes(routes!(lists::deny, lists::undeny))
        .routes(routes!(notify::channels))
        .routes(routes!(notify::test_channel))
        .routes(routes!(records::decision))
        .routes(routes!(records::decisions))
        .routes(routes!(samples::samples))
        .routes(routes!(samples::sample))
        .routes(routes!(samples::scores))
        .routes(routes!(reviews::reviews))
        .routes(routes!(reviews::give))
        .routes(routes!(results::results))
        .routes(routes!(samples::want))
        .routes(routes!(shadow::shadow))
        .routes(routes!(records::audit))
        .routes(routes!(records::verify_audit))
}
