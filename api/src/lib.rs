//! Wire types: every request and response of the admin API.
//!
//! These types are the contract. The command line, the OpenAPI document and the handlers all use
//! them and nothing else, so they hold text, numbers and closed sets of words of their own, never
//! the core's types.
//! Requests refuse unknown fields; answers may grow fields, so readers must ignore new ones.

mod analysis;
mod change;
mod checklist;
mod decision;
mod drill;
mod eval_now;
mod eval_report;
mod exercise;
mod flag;
mod flagger;
mod fleet;
mod handoff;
mod notify;
mod number;
mod outlook;
mod passport;
mod problem;
mod queue;
mod records;
mod release;
mod report;
mod request;
mod results;
mod review;
mod rollout;
mod runbook;
mod sample;
mod series;
mod session;
mod sets;
mod shadow;
mod stage;
mod status;
pub mod words;
mod workload;

pub use analysis::*;
pub use change::*;
pub use checklist::*;
pub use decision::*;
pub use drill::*;
pub use eval_now::*;
pub use eval_report::*;
pub use exercise::*;
pub use flag::*;
pub use flagger::*;
pub use fleet::*;
pub use handoff::*;
pub use notify::*;
pub use outlook::*;
pub use passport::*;
pub use problem::*;
pub use queue::*;
pub use records::*;
pub use release::*;
pub use report::*;
pub use request::*;
pub use results::*;
pub use review::*;
pub use rollout::*;
pub use runbook::*;
pub use sample::*;
pub use series::*;
pub use session::*;
pub use sets::*;
pub use shadow::*;
pub use stage::*;
pub use status::*;
pub use workload::*;
