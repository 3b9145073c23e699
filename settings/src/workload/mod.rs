//! Settings of one workload, a file for each section.

mod ejection;
mod forward_flags;
mod health;
mod host_header;
mod identity;
mod limits;
mod matching;
mod protocol;
mod queue;
mod retry;
mod shadow;
mod timeouts;

pub use ejection::Ejection;
pub use forward_flags::ForwardFlags;
pub use health::{Health, Probe};
pub use host_header::HostHeader;
pub use identity::{CertificateName, Identity, IdentityFrom, IssuedId, Jwt, JwtAlgorithm, Source};
pub use limits::{EndpointLimits, Limits, TenantLimits};
pub use matching::{HostPattern, Match};
pub use protocol::Protocol;
pub use queue::{Queue, QueueKey};
pub use retry::{FallbackToStable, Retry, StaleRetry};
pub use shadow::{SafePath, Shadow};
pub use timeouts::Timeouts;

use stagegate_rollout::{ForceKey, WorkloadName};
use stagegate_signals::Rules;

/// The data plane's settings for the requests of one workload. The split between releases and the
/// releases themselves are not part of it.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The workload's name.
    pub name: WorkloadName,
    /// Conditions on requests; a request that fits one of them belongs to the workload.
    pub matches: Vec<Match>,
    /// The protocol of the backend.
    pub protocol: Protocol,
    /// Sources of a request's identity.
    pub identity: Identity,
    /// Active health checks; unchecked endpoints count as healthy.
    pub health: Option<Health>,
    /// Timeouts towards the backend.
    pub timeouts: Timeouts,
    /// Limits of requests.
    pub limits: Limits,
    /// The key of testers' force headers; without one, such headers are ignored.
    pub force: Option<ForceKey>,
    /// The `Host` that endpoints see.
    pub host_header: HostHeader,
    /// The retries of requests.
    pub retry: Retry,
    /// The ejection of endpoints that fail real requests; `None` if they are never ejected.
    pub ejection: Option<Ejection>,
    /// The destination of a request that finds no connection to the candidate.
    pub fallback_to_stable: FallbackToStable,
    /// Classes of finished requests, where the defaults do not fit.
    pub outcomes: Rules,
    /// Requests that are copied to another release; `None` when none are.
    pub shadow: Option<Shadow>,
    /// Flags that are evaluated for each request and sent to the backend.
    pub forward_flags: ForwardFlags,
    /// Requests that are kept while the workload is killed, where its fallback is a queue.
    pub queue: Option<Queue>,
    /// The flag that kills the workload for whom its value is false.
    pub kill_flag: Option<std::sync::Arc<str>>,
    /// The flag that names the arm where no list, pin or cohort does.
    pub arm_flag: Option<std::sync::Arc<str>>,
}

impl Workload {
    /// The settings of a workload about which nothing is written: the defaults, except that no
    /// request fits it and its endpoints are not checked.
    #[must_use]
    pub fn with_defaults(name: WorkloadName) -> Self {
        Self {
            name,
            matches: Vec::new(),
            protocol: Protocol::default(),
            identity: Identity::default(),
            health: None,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            force: None,
            host_header: HostHeader::default(),
            retry: Retry::default(),
            ejection: Some(Ejection::default()),
            fallback_to_stable: FallbackToStable::default(),
            outcomes: Rules::default(),
            shadow: None,
            forward_flags: ForwardFlags::default(),
            queue: None,
            kill_flag: None,
            arm_flag: None,
        }
    }
}
