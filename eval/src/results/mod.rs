//! Totals of scores. Everything is integers and merges by addition, so that workers, windows and a
//! fleet can add their parts in any order and get the same.

pub(crate) mod against_labels;
pub(crate) mod corrected;
pub(crate) mod health;
pub(crate) mod mix;
mod nanos;
pub(crate) mod reliability;
pub(crate) mod share;
pub(crate) mod tally;
pub(crate) mod watermark;
