//! Evaluations of flags over OFREP.

pub use axum::extract::Request;
pub use axum::response::Response;
use stagegate_control::ports::BoxFuture;

/// Answers OFREP for whoever may ask.
pub trait FlagEvaluations: Send + Sync + 'static {
    /// Evaluates one flag for the context in the body.
    fn one(&self, key: String, request: Request) -> BoxFuture<'_, Response>;

    /// Evaluates all flags for the context in the body.
    fn all(&self, request: Request) -> BoxFuture<'_, Response>;
}
