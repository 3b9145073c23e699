//! Sums of shares in integers, so that they are equal in whatever order they are added.

/// A number from 0 to 1 in billionths. A number outside is moved to the nearer end.
pub(crate) fn nanos(value: f64) -> u64 {
    (value.clamp(0.0, 1.0) * 1e9).round() as u64
}
