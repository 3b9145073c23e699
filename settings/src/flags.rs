//! Feature flags: where they are, and who may ask for them.

use stagegate_flags::Bucketing;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Feature flags, the server of OFREP (the OpenFeature Remote Evaluation Protocol), and the services of
/// flagd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flags {
    /// Where OFREP is spoken. Without clients always a loopback address.
    pub listen: SocketAddr,
    /// Where the services of flagd are, over gRPC; nowhere when absent. Without clients always a
    /// loopback address.
    pub grpc: Option<SocketAddr>,
    /// Files of definitions, which are one set.
    pub files: Vec<PathBuf>,
    /// How percentages choose, for files that do not say it.
    pub bucketing: Bucketing,
    /// Who may ask. Empty means anyone on this machine.
    pub clients: Vec<FlagClient>,
    /// Web origins whose pages may ask.
    pub origins: Vec<String>,
    /// Which evaluations become part of a request's record.
    pub join: JoinFlags,
}

/// Which evaluations become part of the record of the request that a program names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinFlags {
    /// Those that name a request, by its id or its trace.
    Named,
    /// Those that name a request with the proof that its backend got.
    Proven,
    /// None.
    Off,
}

impl JoinFlags {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Proven => "proven",
            Self::Off => "off",
        }
    }
}

/// One client of the flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagClient {
    /// Its name.
    pub name: String,
    /// SHA-256 of its key.
    pub hash: [u8; 32],
    /// Most requests a second on average; a burst may be as large as those of one second.
    pub rate: Option<u32>,
}
