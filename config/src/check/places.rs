//! Where the parts of a policy are written.

use crate::read::Site;

/// Where the keys of a mapping are written.
pub(super) type Keys = Vec<(&'static str, Site)>;

/// Where an item of a list is written, and its keys.
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
