//! Extractors of the handlers: JSON bodies, query parameters, and the headers of a change. Every
//! refusal names the field and gives the correction.

mod body;
mod change;
mod orders;
mod params;
mod reason;

pub(super) use body::Body;
pub(super) use change::Change;
pub(super) use params::{Params, Segments, stored};
pub(super) use reason::{optional_reason, required_reason, required_text};
