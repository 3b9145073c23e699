//! The API's refusals.

use http::StatusCode;
use stagegate_api::Problem;

/// The API's reason for not doing what was asked.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) problem: Box<Problem>,
}
