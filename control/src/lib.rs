//! Stagegate's driver: the one owner of runtime state.
//!
//! Every change goes the same way, one at a time: check what the caller believes (`If-Match`),
//! ask the pure core what the command does, record it in the store, and only then publish the new
//! plan. If the store refuses, nothing changed. Once begun, a change runs to its end even when the
//! caller goes away. Readers never wait: they take the last published [`View`].
//!
//! The crate knows no sockets and no HTTP. What it needs from the parts that carry and count
//! traffic are traits in [`ports`].

mod action;
mod apply;
mod attached;
mod audit;
mod automatic;
mod channels;
mod comparison;
mod drill;
mod driver;
mod eval_report;
mod execute;
mod handover;
mod intake;
pub mod ports;
mod preflight;
mod reconcile;
mod registry;
mod release;
mod reload;
mod results;
mod safe;
mod start;
mod steer;
mod steering_state;
mod store_handle;
mod tell;
mod view;
mod windows;

pub use action::{Action, ChangeKind};
pub use channels::channels;
pub use comparison::{EvalCase, EvalComparison, EvalReport, EvalRun, EvalVerdict};
pub use drill::{DrillCheck, DrillOrder, DrillReport};
pub use driver::{Control, now_ms};
pub use eval_report::EvalReportOrder;
pub use execute::{ExecuteError, Order};
pub use registry::ReleaseRefusal;
pub use release::{ReleaseChange, ReleaseOrder};
pub use reload::ReloadError;
pub use results::{
    Answer, Changed, IdempotencyKey, Precondition, ReloadStatus, Reloaded, RollbackTiming,
    StoreStatus,
};
pub use start::{StartError, Startup};
pub use store_handle::{StoreAccessError, with_causes};
pub use view::{Live, View};

pub(crate) use driver::{Inner, PATIENCE};
