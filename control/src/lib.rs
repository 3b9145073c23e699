//! The driver: the one owner of runtime state.
