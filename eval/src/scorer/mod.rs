//! Scorers: what they are made from, and the built-in ones.
//!
//! A [`ScorerSpec`] is checked once, with every regular expression and schema compiled; scoring then
//! cannot fail, only find that a sample cannot be judged.
//!
//! Every type and every key is declared once ([`scorer_types`]); the reader ([`ScorerSpec::read`]),
//! the JSON Schema and the reference page follow from the declaration.

mod check;
mod common;
mod context;
mod form;
mod found;
mod keys;
mod operational;
mod problem;
mod read;
mod shape;
mod spec;
mod structure;
mod suggestion;
mod text;
mod tools;
mod types;
mod unit;

pub use check::Check;
pub use keys::{KeyNeed, KeyShape, ScorerKey};
pub use problem::{Problem, Problems};
pub use spec::{ScorerKind, ScorerSpec};
pub use suggestion::suggestion;
pub use types::{ScorerType, check_types, scorer_types};
pub use unit::ScoredUnit;
