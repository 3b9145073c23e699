//! The trait of everything that can be read.

use super::context::Context;
use super::cursor::{At, Cursor};
use super::shape::Shape;

/// A type that can be read from the tree and that can say what it looks like.
pub(crate) trait Read: Sized {
    /// True if messages must not show the value.
    const SECRET: bool = false;

    /// The shape of the value, for the schema and the reference.
    fn shape() -> Shape;

    /// The value, or `None` when something was wrong with it, which is then reported.
    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self>;
}

impl<T: Read> Read for At<T> {
    const SECRET: bool = T::SECRET;

    fn shape() -> Shape {
        T::shape()
    }

    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self> {
        let value = T::read(at, cx)?;
        Some(Self { value, site: at.site(T::SECRET) })
    }
}
