//! Scores live samples on threads of its own. A sample is accepted (stored), judged, kept with its
//! scores, and counted, in that order.
//!
//! An accepted sample survives `kill -9`: it is on the disk before a scorer sees it, and is resumed
//! after a restart. It is concluded once: the transaction that stores its scores closes it, and
//! only the process that closed it counts it. A sample that an external scorer cannot judge is
//! unscored, never failed.
//!
//! The request path does not call this crate and does not wait for it.

mod book;
mod calls;
mod figures;
mod judge_budget;
mod limits;
mod results;
mod rules;
mod scoring;
mod told;
mod watch;

pub use figures::{Figures, SeriesFigures};
pub use judge_budget::JudgeFigures;
pub use limits::Limits;
pub use results::{OTHER, Slice, SliceKey, Sum, Sums};
pub use rules::{Labelled, Rules, RulesOf};
pub use scoring::{Counts, Given, GivenReview, Reviewed, Scoring};
pub use stagegate_store::Scored;
pub use told::{Subject, Told};
