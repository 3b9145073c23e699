//! Short texts without an allocation: a stream may hold one for an hour.

use std::fmt;

/// A text of at most `N` bytes; one that does not fit is none at all, so that nothing is cut.
#[derive(Clone, Copy)]
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self { bytes: [0; N], len: 0 }
    }
}

impl<const N: usize> Text<N> {
    pub(crate) const fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends bytes; false when there is no room for all of them.
    pub(crate) fn push(&mut self, more: &[u8]) -> bool {
        let start = usize::from(self.len);
        let Some(room) = self.bytes.get_mut(start..start + more.len()) else { return false };
        let Ok(len) = u8::try_from(start + more.len()) else { return false };
        room.copy_from_slice(more);
        self.len = len;
        true
    }

    /// Appends what there is room for; false when that is not all.
    pub(crate) fn push_prefix(&mut self, more: &[u8]) -> bool {
        let room = N - usize::from(self.len);
        let fits = &more[..more.len().min(room)];
        self.push(fits) && fits.len() == more.len()
    }

    /// Replaces the text; nothing is kept of one that does not fit.
    pub(crate) fn set(&mut self, text: &str) {
        self.clear();
        self.push(text.as_bytes());
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The text; empty if there is none.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or("")
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn get(&self) -> Option<&str> {
        Some(self.as_str()).filter(|text| !text.is_empty())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> PartialEq for Text<N> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl<const N: usize> Eq for Text<N> {}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn what_does_not_fit_is_not_kept_in_part() {
        let mut text = Text::<4>::default();
        assert!(text.push(b"ab") && text.push(b"cd"));
        assert!(!text.push(b"e"));
        assert_eq!(text.as_str(), "abcd");
        text.set("longer");
        assert_eq!(text.get(), None);
        assert!(text.push_prefix(b"abc") && !text.push_prefix(b"def"));
        assert_eq!(text.as_str(), "abcd");
    }
}
