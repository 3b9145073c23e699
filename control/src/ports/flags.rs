//! Port: flags in force. They are evaluated by the data plane and served to programs.

use super::BoxFuture;
use stagegate_flags::{FlagSet, Overlay};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What was asked for since the process started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagsAsked {
    /// When that was, in Unix seconds.
    pub since_s: u64,
    /// The last evaluation of each flag, in Unix seconds.
    pub last_s: BTreeMap<String, u64>,
    /// Keys that no flag has, and how often they were asked for. Their number is bounded.
    pub unknown: BTreeMap<String, u64>,
}

/// Flags in force.
pub trait FlagServer: Send + Sync + 'static {
    /// The set in force: the files, and the changes of run time on top.
    fn set(&self) -> FlagSet;

    /// Path and text of each file in force.
    fn texts(&self) -> Arc<Vec<(String, String)>>;

    /// Puts changes of run time in force, instead of the former ones. Must not wait for anything and
    /// cannot fail. Called in the order of epochs, never concurrently.
    fn put(&self, overlay: Arc<Overlay>);

    /// What was asked for.
    fn asked(&self) -> FlagsAsked;

    /// Resolves when nothing older is served to programs; false if that cannot be said in time.
    fn settled(&self, patience: Duration) -> BoxFuture<'_, bool>;
}
