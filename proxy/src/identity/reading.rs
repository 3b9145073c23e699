//! What one place says of an identity.

/// Longest identity in bytes.
const MAX_ID: usize = 256;

/// What one place says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Nothing,
    Id(String),
    /// Something is there, and a backend may read what the proxy cannot.
    Unreadable,
}

impl Reading {
    /// An id as it stands there.
    pub(super) fn of(id: String) -> Self {
        if id.is_empty() {
            return Self::Nothing;
        }
        let well_formed = id.len() <= MAX_ID && !id.chars().any(char::is_control);
        if well_formed { Self::Id(id) } else { Self::Unreadable }
    }
}

/// The id in a field.
pub(super) fn plain(value: &[u8]) -> Reading {
    std::str::from_utf8(value.trim_ascii())
        .map_or(Reading::Unreadable, |text| Reading::of(text.to_owned()))
}
