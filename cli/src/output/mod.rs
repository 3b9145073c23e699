//! Text for people and programs.

mod answer;
pub(crate) mod ask;
pub(crate) mod colour;
mod escape;
mod number;
mod progress;
pub(crate) mod screen;
pub(crate) mod table;
mod time;

pub(crate) use answer::{Format, json, json_line, show};
pub use answer::{answer, note};
pub use escape::one_line;
pub(crate) use number::counted;
pub use number::{grouped, millis, percent};
pub(crate) use progress::Progress;
pub(crate) use stagegate_timing::moment;
pub(crate) use time::span;
