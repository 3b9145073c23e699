//! The tag of a state.

use http::HeaderValue;

/// The `ETag` of a workload.
pub(super) fn etag(epoch: u64) -> HeaderValue {
    let text = format!("\"{epoch}\"");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("\"0\""))
}
