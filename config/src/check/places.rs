//! Places of the parts of a policy in the file.

use crate::read::Site;

/// Places of a mapping's keys.
pub(super) type Keys = Vec<(&'static str, Site)>;

/// Place of a list item and of its keys.
pub(super) struct Item {
    pub(super) whole: Site,
    pub(super) keys: Keys,
}

/// The place of each of these fields that has one.
macro_rules! keys {
    ($raw:expr, $($key:literal: $field:ident),+ $(,)?) => {
        [$(($key, $raw.$field.as_ref().map(|at| at.site.clone()))),+]
            .into_iter()
            .filter_map(|(key, site)| Some((key, site?)))
            .collect()
    };
}
pub(super) use keys;
