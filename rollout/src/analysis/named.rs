//! Short lists of values by name.

use std::sync::Arc;

/// The value of a name, which joins the list while there are fewer than `most`; none beyond.
pub(super) fn named<'a, T: Default>(
    list: &'a mut Vec<(Arc<str>, T)>,
    name: &Arc<str>,
    most: usize,
) -> Option<&'a mut T> {
    let place = match list.iter().position(|(it, _)| it == name) {
        Some(place) => place,
        None if list.len() < most => {
            list.push((Arc::clone(name), T::default()));
            list.len() - 1
        }
        None => return None,
    };
    list.get_mut(place).map(|(_, value)| value)
}
