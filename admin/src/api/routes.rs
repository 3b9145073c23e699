//! The route table: every route with the role that it needs. Guard, OpenAPI document and the test of
//! all roles are made from it.

mod analyses;
mod changes;
mod checklists;
mod drills;
mod eval_reports;
mod events;
mod flagger;
mod flags;
mod fleet;
mod handoffs;
mod lists;
mod notify;
mod ofrep;
mod outlook;
mod passports;
mod queues;
mod reads;
mod records;
mod releases;
mod reports;
mod results;
mod reviews;
mod rollouts;
mod runbooks;
mod samples;
mod series;
pub(super) mod sessions;
mod shadow;
mod system;

pub use records::answer;

use super::App;
use axum::routing::get;
use stagegate_config::Role;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Everyone: a probe has no token.
    Open,
    /// Callers with this role, or a higher one.
    Needs(Role),
    /// The same for programs that can send an address and a body, and no header: a token may be the password of
    /// the address.
    Hook(Role),
}

impl Access {
    /// The word in the OpenAPI document.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Open => "none",
            Self::Needs(role) | Self::Hook(role) => role.label(),
        }
    }
}

/// The methods of one path that need the same role.
pub(super) type Methods = UtoipaMethodRouter<App>;

/// Every route, by the role that it needs. A viewer reads; explaining and replaying are reading,
/// although they come with a body.
pub(super) fn table() -> [(Access, Vec<Methods>); 5] {
    [
        (Access::Open, open()),
        (Access::Needs(Role::Viewer), viewer()),
        (Access::Needs(Role::Operator), operator()),
        (Access::Hook(Role::Viewer), vec![routes!(flagger::flagger_asks)]),
        (Access::Hook(Role::Operator), vec![routes!(flagger::flagger_ended)]),
    ]
}

/// Adds the probe that the document names only with another one, open to everyone.
pub(super) fn probes(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    router.route("/readyz/{workload}", get(system::readyz_of))
}

fn open() -> Vec<Methods> {
    vec![routes!(system::livez), routes!(system::readyz)]
}

fn viewer() -> Vec<Methods> {
    vec![
        routes!(system::metrics),
        routes!(system::whoami),
        routes!(system::reload_plan),
        routes!(sessions::sessions, sessions::begin_session),
        routes!(sessions::end_session),
        routes!(reads::status),
        routes!(events::events),
        routes!(fleet::fleet),
        routes!(fleet::doctor),
        routes!(reads::workloads),
        routes!(reads::workload),
        routes!(releases::releases),
        routes!(releases::diff),
        routes!(releases::release),
        routes!(eval_reports::list),
        routes!(reads::cohorts),
        routes!(reads::explain),
        routes!(checklists::show_checklist),
        routes!(passports::show_passport),
        routes!(runbooks::runbook),
        routes!(handoffs::handoff),
        routes!(runbooks::runbook_calendar),
        routes!(checklists::checklist_history),
        routes!(checklists::rollback_runbook),
        routes!(rollouts::history),
        routes!(rollouts::current),
        routes!(reports::report),
        routes!(series::series),
        routes!(analyses::analyses),
        routes!(outlook::outlook),
        routes!(outlook::replay_gates),
        routes!(analyses::analysis),
        routes!(notify::channels),
        routes!(flags::flags),
        routes!(flags::flag_files),
        routes!(flags::flag_history),
        routes!(flags::evaluate_flags),
        routes!(flags::flag),
        routes!(records::decision),
        routes!(records::decisions),
        routes!(samples::samples),
        routes!(samples::sample),
        routes!(reviews::reviews),
        routes!(results::results),
        routes!(shadow::shadow),
        routes!(queues::show_queue),
        routes!(records::audit),
        routes!(records::verify_audit),
    ]
}

fn operator() -> Vec<Methods> {
    vec![
        routes!(system::reload),
        routes!(fleet::forget),
        routes!(releases::add),
        routes!(releases::remove),
        routes!(eval_reports::attach),
        routes!(changes::set_weight),
        routes!(changes::rollback),
        routes!(changes::kill),
        routes!(changes::revive),
        routes!(changes::enable_cohort),
        routes!(changes::rollback_cohort),
        routes!(drills::drill),
        routes!(drills::exercise),
        routes!(passports::export_passport),
        routes!(runbooks::act_on_task),
        routes!(handoffs::act_on_handoff),
        // What users asked is not for everybody who may look.
        routes!(queues::show_queued, queues::drop_queued),
        routes!(passports::admit_passport),
        routes!(checklists::state_check),
        routes!(rollouts::start),
        routes!(rollouts::promote),
        routes!(rollouts::pause),
        routes!(rollouts::resume),
        routes!(rollouts::abort),
        routes!(lists::exclude, lists::unexclude),
        routes!(lists::opt_in),
        routes!(lists::allow, lists::unallow),
        routes!(lists::deny, lists::undeny),
        routes!(notify::test_channel),
        routes!(flags::change_flag),
        // An evaluation is counted, and may become part of a request's record.
        routes!(ofrep::ofrep_flag),
        routes!(ofrep::ofrep_flags),
        routes!(samples::scores),
        routes!(reviews::give),
        routes!(samples::want),
    ]
}
