//! Sampling at once.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `PUT /v1/workloads/{workload}/sampling/wanted`: how many of the next answers of each arm are
/// sampled, whatever the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedSamples {
    /// Of stable, 0 to 1000; 0 ends it.
    #[schema(maximum = 1000)]
    pub stable: u32,
    /// Of the candidate, 0 to 1000.
    #[schema(maximum = 1000)]
    pub candidate: u32,
}
