//! Stagegate's driver: the one owner of runtime state.
//!
//! Every change goes the same way, one at a time: check what the caller believes (`If-Match`),
//! ask the pure core what the command does, record it in the store, and only then publish the new
//! plan. If the store refuses, nothing changed. Once begun, a change runs to its end even when the
//! caller goes away. Readers never wait: they take the last published [`View`].
//!
//! A change that takes traffic away does not wait for the store: if its record takes longer than a
//! moment, the plan is published first and the record follows.
//!
//! The crate knows no sockets and no HTTP. What it needs from the parts that carry and count
//! traffic are traits in [`ports`].

mod access;
mod action;
mod acts;
mod admitted;
mod apply;
mod asking;
mod attached;
mod audit;
mod automatic;
mod bring_up;
mod channels;
mod comparison;
mod costs;
mod desk;
mod draft;
mod drill;
mod driver;
mod emergency;
mod eval_report;
mod execute;
mod execute_error;
mod exercise;
mod expired_flags;
mod flag;
mod flag_away;
mod flag_release;
mod following;
mod handoff;
mod handover;
mod intake;
mod last_changes;
mod limiter;
mod minutes;
mod moves;
mod passport;
mod pending;
pub mod ports;
mod preflight;
mod presence;
mod queue;
mod readiness;
mod reconcile;
mod record_late;
mod recorder;
mod registry;
mod release;
mod reload;
mod reload_order;
mod reload_plan;
mod remembered;
mod results;
mod right;
mod runbook;
mod safe;
mod sharing;
mod start;
mod start_error;
mod status;
mod steer;
mod steering;
mod steering_fleet;
mod steering_state;
mod store_handle;
mod stored_analyses;
mod take_away;
mod tell;
mod turn;
mod unrecorded;
mod unrecorded_file;
mod view;
mod windows;

pub use access::{StoreAccessError, with_causes};
pub use action::{Action, ChangeKind, ChecklistAction};
pub use admitted::AdmittedPassport;
pub use channels::channels;
pub use comparison::{EvalCalibration, EvalCase, EvalComparison, EvalReport, EvalRun, EvalVerdict};
pub use drill::{DrillCheck, DrillOrder, DrillReport};
pub use driver::{Control, now_ms};
pub use eval_report::EvalReportOrder;
pub use execute::Order;
pub use execute_error::ExecuteError;
pub use exercise::{Exercise, ExerciseOrder, ExerciseReport, ExerciseStep};
pub use expired_flags::{ExpiredFlag, FlagRisk, expired_flags};
pub use flag::{Exclusions, FlagChanged, FlagOrder, FlagTiming};
pub use flag_release::{FlagRelease, NoFlagRelease, flag_release};
pub use following::FollowError;
pub use handoff::{Handoff, HandoffMade, HandoffOrder};
pub use passport::AdmitOrder;
pub use preflight::unmeasurable;
pub use queue::QueueDrop;
pub use readiness::{
    KeptStatement, ReleaseChecklist, Said, StaleCheck, StatementMade, StatementOrder,
};
pub use registry::ReleaseRefusal;
pub use release::{ReleaseChange, ReleaseOrder};
pub use reload::ReloadError;
pub use reload_order::ReloadOrder;
pub use reload_plan::ReloadPlan;
pub use results::{Answer, Changed, IdempotencyKey, Precondition, Reloaded, RollbackTiming};
pub use right::FleetEvidence;
pub use runbook::{Runbook, TaskMade, TaskOrder};
pub use start::Startup;
pub use start_error::StartError;
pub use status::{ReloadStatus, StoreStatus};
pub use store_handle::local_ledger;
pub use view::{FlagState, Live, View};

pub(crate) use driver::{Inner, PATIENCE};
