//! The checklist before a rollout: thirty checks, what proves each, and who may say yes to the rest.
//!
//! Pure. The caller collects [`Facts`] and the [`Statement`]s of people; [`checklist`] says for each check
//! if it is met, with the evidence, or what is missing, with the command or the key that would meet it.
//! Nothing here may read a clock, a file or a socket.

mod admission;
mod check;
mod facts;
mod handoff;
mod incident;
mod item;
mod list;
mod passport;
mod proof;
mod prove;
mod rollback;
mod runbook;
mod standing;
mod statement;

pub use admission::{Gatekeeper, admit, differences};
pub use check::{Category, Check, Kind};
pub use facts::{
    Calibration, ChannelSeen, DrillSeen, Facts, OfflineSeen, OfflineVerdict, PassportSeen, Pins,
    SpendSeen, TargetSeen,
};
pub use handoff::{HandoffEvent, HandoffFacts, HandoffNote, Part, PartLine, completed, handoff};
pub use incident::{Violation, violation};
pub use item::{Demand, Dropped, Item, Own, PASSPORT, PassportDemand, Settings, Terms, is_own_id};
pub use list::{Checklist, Line, checklist};
pub use passport::{Passport, PassportCheck, PassportRefusal, SignedPassport};
pub use proof::Proof;
pub use prove::prove;
pub use rollback::{Deployment, rollback_runbook};
pub use runbook::{
    Job, TASKS, Task, TaskEvent, TaskKind, TaskLine, TaskNote, TaskState, board, calendar, task,
    to_do, to_tell,
};
pub use standing::Standing;
pub use statement::{
    Evidence, FileSeen, Statement, StatementKind, StatementRefusal, check_statement,
};
