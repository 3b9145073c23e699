//! Changes of flags that are made while the program runs, on top of the files.
//!
//! A file says what a flag is; an [`Override`](rule::Override) says what is different now: the flag is off, a tenant is
//! denied, a share of the users gets a variant. Overrides are decided by native code before the rule
//! of the file, so that any number of names costs little and an evaluation can say which change decided.
//! [`export`](crate::FlagSet::exported) writes the same as rules of a file; a test compares the two.

pub(crate) mod change;
pub(crate) mod decide;
pub(crate) mod export;
pub(crate) mod moves;
pub(crate) mod rule;
pub(crate) mod taken;
#[cfg(test)]
mod tests;
