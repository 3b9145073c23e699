//! Evaluations of flags over OFREP.

pub use axum::extract::Request;
pub use axum::response::Response;
use stagegate_control::ports::BoxFuture;

/// A flag that was evaluated for a program that named its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFlag {
    /// The flag's key.
    pub flag: String,
    /// The variant; empty if the program uses its own default.
    pub variant: String,
    /// What decided.
    pub decided_by: &'static str,
}

/// Answers OFREP for whoever may ask.
pub trait FlagEvaluations: Send + Sync + 'static {
    /// Evaluates one flag for the context in the body.
    fn one(&self, key: String, request: Request) -> BoxFuture<'_, Response>;

    /// Evaluates all flags for the context in the body.
    fn all(&self, request: Request) -> BoxFuture<'_, Response>;

    /// Returns what was evaluated for programs that named this request while it lasted (its begin and its end in
    /// Unix milliseconds) or soon after, and is not part of its record yet.
    fn remote_of(&self, request_id: &str, lasted: (u64, u64)) -> Vec<RemoteFlag>;
}
