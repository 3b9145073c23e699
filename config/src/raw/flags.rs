//! Feature flags.

use crate::read::{At, raw, words};
use crate::scalar::{FilePath, TokenName, WebOrigin};
use crate::{Rate, TokenHash};
use stagegate_flags::Bucketing;
use stagegate_settings::JoinFlags;
use std::net::SocketAddr;

raw! {
    /// Feature flags in flagd's format, served to OpenFeature SDKs over OFREP. A reload takes over all
    /// of it except `listen` and `grpc`; the first section, or its end, takes effect at a start. The files are
    /// watched and read again when they change.
    pub(crate) struct RawFlags {
        /// IP address and port of the OFREP server. Without clients it must be a loopback address.
        listen: SocketAddr = default("127.0.0.1:8016"),
        /// IP address and port of the services of flagd over gRPC, for its own OpenFeature providers:
        /// `flagd.evaluation.v1` and `v2`, and `flagd.sync.v1`. Nowhere, by default. Without clients it
        /// must be a loopback address.
        grpc: SocketAddr = optional,
        /// Files of flags, which are one set. A key may be in one file only.
        files: Vec<At<FilePath>> = required,
        /// How percentages choose, for files whose metadata do not say it. A change takes effect at a
        /// start, because it gives most users another variant.
        bucketing: Bucketing = default("v2"),
        /// Who may ask. Without clients, anyone on this machine may.
        clients: Vec<At<RawFlagClient>> = default("[]"),
        /// Web origins whose pages may ask, like `https://app.example.com`.
        origins: Vec<At<WebOrigin>> = default("[]"),
        /// Which evaluations over OFREP and gRPC become part of the record of the request that a program
        /// names. By default `named` without clients, and `proven` with clients.
        join: JoinFlags = optional,
    }
}

raw! {
    /// One client of the flags. `stagegate token new` makes a key.
    pub(crate) struct RawFlagClient {
        /// Its name.
        name: TokenName = required,
        /// SHA-256 of its key, `sha256:` and 64 hex digits.
        hash: TokenHash = required,
        /// Most requests a second, on average.
        rate: Rate = optional,
    }
}

words! {
    /// Which evaluations are joined. In every case only those that a program asks for from the time at which the
    /// request comes until ten minutes after its end, and only of requests that this process forwarded.
    JoinFlags, |join| join.label(), {
        /// Those that name a request, by its id or its trace. Whoever may ask for flags can write into the
        /// record of a request whose id it knows.
        Named,
        /// Those that name a request with its proof, the header `stagegate-request-proof` that its backend gets.
        Proven,
        /// None.
        Off,
    }
}

words! {
    /// How a percentage chooses. The implementations of flagd differ.
    Bucketing, |bucketing| bucketing.label(), {
        /// As flagd before 0.15.
        V1,
        /// As flagd 0.16 and its JavaScript implementation.
        V2,
        /// As flagd's Python implementation 2.0.
        V3,
    }
}
