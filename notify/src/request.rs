//! An HTTP request to a receiver.

/// An HTTP request to post.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The URL.
    pub url: String,
    /// Header fields beside `Content-Type: application/json`.
    pub headers: Vec<(&'static str, String)>,
    /// The body, JSON.
    pub body: String,
}
