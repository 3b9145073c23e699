//! Text for people and programs: answers to standard output, everything else to standard error.

mod answer;
mod number;
pub(crate) mod table;
mod time;

pub(crate) use answer::{Format, json, show};
pub use answer::{answer, note};
pub use number::{grouped, millis, percent};
pub(crate) use stagegate_timing::moment;
pub(crate) use time::span;
