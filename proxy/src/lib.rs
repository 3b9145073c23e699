//! The data plane: listeners, workers, upstream pools, forwarding.
//!
//! It knows releases, splits and limits, but neither the configuration's syntax nor the admin API.
//! Each worker is a thread with its own runtime, connections, pools and counts; what workers share
//! is one immutable plan behind one pointer, and a few bounded tables. The request path takes no
//! lock, touches no shared counter, and calls no metrics library.

mod accept;
mod address;
mod began;
mod buffers;
mod data_plane;
mod dialect;
mod edit;
mod endpoint;
mod fence;
#[cfg(any(test, feature = "exchanges"))]
mod fixtures;
mod flags;
mod flooders;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod handover;
mod http1;
mod http2;
mod identity;
mod ids;
mod inflating;
mod lease;
mod limits;
mod moved;
mod outlier;
mod pins;
mod plan;
mod pool;
mod problem;
mod problem_answer;
mod queued;
mod quota;
mod recall;
mod retry;
mod roster;
mod route;
mod run;
mod runtime;
mod serve;
mod shadow;
mod shadow_copy;
mod shared;
mod spelling;
mod stats;
mod tap;
mod tenants;
mod tls;
mod trace;
mod transport;
mod wanted;
mod watch;
mod worker;

pub use address::{Address, HttpVersion, Target};
pub use data_plane::{DataPlane, EndpointStatus, Settled};
pub use handover::{HandoverSink, IdleConnection};
pub use identity::{Jwt, JwtError, JwtFiles};
pub use moved::FoundAddresses;
pub use plan::{PrepareError, PreparedConfig, SignalSettings, WorkloadSettings};
pub use queued::{QueueAnswer, QueueAsk, QueueReply, QueueSink, Queued};
pub use quota::Quota;
pub use recall::RecallError;
#[cfg(feature = "exchanges")]
#[doc(hidden)]
pub use serve::exchanges::{EXCHANGES, Exchange, Exchanges};
pub use shared::Sink;
pub use stats::Report;
pub use tap::{Copied, Outlet, Picks, TapDrop, TapReason, TapSettings, Tapped};
pub use tls::{ClientTls, ServerTls, TlsError};
pub use trace::{Joinable, TraceContext, TraceSettings, Traced, TracedAttempt};
pub use transport::{Listener, ListenerSettings};
pub use wanted::Wanted;
