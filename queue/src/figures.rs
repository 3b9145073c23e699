//! Counts of a workload's queue.

/// Counts of a workload's queue; those of events are since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests that wait, or are being sent.
    pub waiting: u64,
    /// Bytes on disk, answers included.
    pub bytes: u64,
    /// When the oldest one that waits came, in Unix milliseconds.
    pub oldest_ms: Option<u64>,
    /// Requests that were taken.
    pub taken: u64,
    /// Requests for which there was no room.
    pub refused: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests whose sending was cut off by a crash and that cannot be repeated.
    pub unknown: u64,
    /// Requests that a person took out.
    pub dropped: u64,
    /// Requests that waited too long.
    pub expired: u64,
}
