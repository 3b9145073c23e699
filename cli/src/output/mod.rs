//! Text for people and programs.

mod answer;
pub(crate) mod ask;
pub(crate) mod colour;
mod escape;
mod progress;
pub(crate) mod screen;
pub(crate) mod table;

pub(crate) use answer::{Format, json, json_line, show};
pub use answer::{answer, note};
pub use escape::one_line;
pub(crate) use progress::Progress;
pub(crate) use stagegate_api::words::{counted, span};
pub use stagegate_api::words::{grouped, millis, percent};
pub(crate) use stagegate_timing::moment;
