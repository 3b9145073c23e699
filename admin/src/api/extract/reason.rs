//! Reasons of changes.

use crate::api::error::ApiError;

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

/// A reason that must be given.
pub(in crate::api) fn required_reason(text: &str) -> Result<String, ApiError> {
    required_text("reason", text, "say why")
}

/// A text in a field, as long as a reason; `ask` is what to do where there is none.
pub(in crate::api) fn required_text(
    field: &str,
    text: &str,
    ask: &str,
) -> Result<String, ApiError> {
    let given = checked(field, text)?;
    if given.is_empty() {
        return Err(ApiError::field(field, &format!("{ask}, in 1 to {MAX_REASON} characters")));
    }
    Ok(given)
}

/// A reason that may be left out; then it is empty. What is checked is what was sent, as the document says it.
pub(in crate::api) fn optional_reason(text: Option<&str>) -> Result<String, ApiError> {
    checked("reason", text.unwrap_or_default())
}

fn checked(field: &str, sent: &str) -> Result<String, ApiError> {
    let length = sent.chars().count();
    if length > MAX_REASON {
        let problem = format!("it has {length} characters; at most {MAX_REASON} are kept");
        return Err(ApiError::field(field, &problem));
    }
    // A terminal that lists the audit would obey an escape sequence.
    if sent.chars().any(|it| it.is_control() && !matches!(it, '\n' | '\t')) {
        return Err(ApiError::field(field, &"control characters are not allowed in it"));
    }
    Ok(sent.trim().to_owned())
}
