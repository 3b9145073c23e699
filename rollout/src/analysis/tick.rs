//! The input of the evidence.

use super::ExternalReading;
use crate::{Doubt, GateId, Series, Weight};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The counts since the previous tick: about a second of one workload while driving a rollout,
/// about a minute when recorded for replay.
///
/// A tick belongs to one step of one rollout: the caller ends it where the state changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// End of the tick, in Unix milliseconds.
    pub at_ms: u64,
    /// The part of the time since the previous tick in which traffic was watched, in milliseconds.
    /// Time without counting is not observed.
    pub observed_ms: u64,
    /// The weight in force.
    pub weight: Weight,
    /// The stable arm.
    pub stable: Series,
    /// The candidate arm.
    pub candidate: Series,
    /// Buckets of the keys that the weight decided, with repeats; see [`crate::Delta::assigned`].
    #[serde(default)]
    pub assigned: Vec<u32>,
    /// Requests of stable and of the candidate that are not compared, because the weight did not
    /// draw their arm.
    #[serde(default)]
    pub apart: [u64; 2],
    /// The reason not to believe the scorers now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// The newest answer for each external gate, whether or not it is a new one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external: BTreeMap<GateId, ExternalReading>,
}
