//! The operation of a case.

/// One operation, to be repeated.
pub type Operation = Box<dyn FnMut()>;
