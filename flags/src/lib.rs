//! Feature flags in flagd's format: files are read and checked, rules are compiled once, and flags
//! are evaluated for a context.
//!
//! Pure: no files, no clock, no runtime. The caller hands over the text of files and the time. The
//! format is flagd's, with its JSON schema 0.2.15; [`FlagFile::read`] reports every problem with
//! its line and JSON path. Rules are JsonLogic, evaluated by `datalogic-rs`; the four operators that
//! flagd adds are our own ([`Bucketing`] says why).
//!
//! ```
//! use stagegate_flags::{Bucketing, FlagFile, FlagSet, Scratch};
//!
//! let text = r#"{"flags": {"new-prompt": {
//!     "state": "ENABLED",
//!     "variants": {"on": true, "off": false},
//!     "defaultVariant": "off",
//!     "targeting": {"if": [{"==": [{"var": "tenant"}, "acme"]}, "on"]}
//! }}}"#;
//! let file = FlagFile::read("flags.json", text).expect("a good file");
//! let set = FlagSet::of(vec![file], Bucketing::V2).expect("no key twice");
//! let mut scratch = Scratch::new();
//! let context = scratch.of_fields(&[("targetingKey", "ann"), ("tenant", "acme")]);
//! let evaluation = set.evaluate("new-prompt", &context, 1_700_000_000);
//! assert_eq!(evaluation.variant().map(|variant| variant.name()), Some("on"));
//! ```

mod bucketing;
mod cbor;
mod check;
mod context;
mod cost;
mod document;
mod evaluation;
mod expand;
mod file;
mod flag;
mod hygiene;
mod limits;
mod operators;
mod overlay;
mod path;
mod place;
mod problem;
mod sent;
mod set;
#[cfg(test)]
mod testbed;

pub use bucketing::{Bucketing, UnknownBucketing};
pub use check::kind as json_kind;
pub use context::{Context, ContextError, Scratch};
pub use document::Difference;
pub use evaluation::{DecidedBy, ErrorCode, Evaluation, Failure, Reason};
pub use file::FlagFile;
pub use flag::{Flag, Variant};
pub use hygiene::{expired, is_by_stage, stale};
pub use limits::{
    CONTEXT_BYTES, CONTEXT_DEPTH, CONTEXT_ITEMS, CONTEXT_VALUES, FILE_BYTES, RULE_COST, RULE_DEPTH,
    RULE_NODES,
};
pub use overlay::change::{FlagChange, FlagRefusal, Which};
pub use overlay::moves::moves;
pub use overlay::rule::{By, Overlay, Override, RuntimeRule, Scope, Subject, What};
pub use overlay::taken::TakenAway;
pub use problem::{Problem, Severity};
pub use sent::FlagsSent;
pub use set::{Changes, FlagSet};
