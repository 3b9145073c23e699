//! Values of external gates: what a metrics server or a webhook says of the two releases.
//!
//! The pure parts are what is asked ([`Question`]), and what an answer means (`prometheus`, `webhook`).
//! [`Asker`] is the IO: one question, with an end to its time and to its bytes. An answer that is
//! missing, late, too long or not a number is no value, with the reason in words; it is never a value.

mod asker;
mod prometheus;
mod question;
mod text;
mod webhook;

pub use asker::Asker;
pub use question::{Answer, Question, Source};
