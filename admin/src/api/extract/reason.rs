//! Reasons of changes.

use crate::api::error::ApiError;

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

/// A reason that must be given.
pub(in crate::api) fn required_reason(text: &str) -> Result<String, ApiError> {
    let reason = optional_reason(Some(text))?;
    if reason.is_empty() {
        let problem = format!("say why, in 1 to {MAX_REASON} characters");
        return Err(ApiError::field("reason", &problem));
    }
    Ok(reason)
}

/// A reason that may be left out; then it is empty. What is checked is what was sent, as the document says it.
pub(in crate::api) fn optional_reason(text: Option<&str>) -> Result<String, ApiError> {
    let sent = text.unwrap_or_default();
    let length = sent.chars().count();
    if length > MAX_REASON {
        let problem = format!("it has {length} characters; at most {MAX_REASON} are kept");
        return Err(ApiError::field("reason", &problem));
    }
    // A terminal that lists the audit would obey an escape sequence.
    if sent.chars().any(|it| it.is_control() && !matches!(it, '\n' | '\t')) {
        return Err(ApiError::field("reason", &"control characters are not allowed in it"));
    }
    Ok(sent.trim().to_owned())
}
