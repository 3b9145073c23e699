//! OFREP behind another door, which decides who may ask.

use crate::in_force::Flags;
use crate::routes::{every, one};
use axum::extract::Request;
use axum::response::Response;
use std::sync::Arc;

/// The two evaluations of OFREP. There is no event stream.
#[derive(Clone, Debug)]
pub struct Evaluations(Arc<Flags>);

impl Evaluations {
    /// Of these flags.
    #[must_use]
    pub const fn new(flags: Arc<Flags>) -> Self {
        Self(flags)
    }

    /// Evaluates one flag.
    pub async fn one(&self, key: &str, request: Request) -> Response {
        one(&self.0, key, request).await
    }

    /// Evaluates all flags.
    pub async fn all(&self, request: Request) -> Response {
        every(&self.0, request, || None).await
    }
}
