//! A fleet: replicas that share one truth.

use crate::read::{NonEmpty, raw, words};
use crate::scalar::{ClientSecret, FilePath, FleetName, Int, Line, NatsServer, ReplicaName, Wait};
use stagegate_settings::OnStale;

raw! {
    /// This process is one replica of a fleet. All its replicas share state, audit and changes through
    /// NATS JetStream. See `docs/how-to/fleet.md`.
    pub(crate) struct RawFleet {
        /// Name of the fleet, the same on all its replicas.
        name: FleetName = default("agents"),
        /// Name of this replica, unique in the fleet and the same after a restart. By default the name of
        /// the machine; `serve --replica` and the environment variable `STAGEGATE_REPLICA` replace it.
        replica: ReplicaName = optional,
        /// NATS servers with JetStream, version 2.11 or later: `host` or `host:port`.
        servers: NonEmpty<NatsServer> = required,
        /// User for NATS.
        user: Line = optional,
        /// Password of the user.
        password: ClientSecret = optional,
        /// Token for NATS, instead of a user.
        token: ClientSecret = optional,
        /// Speaks TLS with the servers.
        tls: RawFleetTls = optional,
        /// Servers that keep the ledger: 1, 3 or 5. It counts when the first replica makes the stream.
        copies: Int<1, 5> = default("3"),
        /// How long a replica is fresh after it has proven that it knows the newest change, from 500ms to
        /// 60s. A silent replica closes its candidates after this time and a quarter of it.
        fresh_for: Wait = default("3s"),
        /// What a replica does that is not fresh.
        on_stale: OnStale = default("stable"),
    }
}

raw! {
    /// TLS towards NATS.
    pub(crate) struct RawFleetTls {
        /// File of the authorities that sign the servers' certificates, in PEM form. By default the
        /// public ones.
        ca: FilePath = optional,
        /// File with the certificate of this replica, in PEM form.
        cert: FilePath = optional,
        /// File with its private key, in PEM form.
        key: FilePath = optional,
    }
}

words! {
    /// What a replica does that is not fresh.
    OnStale, |it| it.label(), {
        /// It closes every candidate: requests go to stable.
        Stable,
        /// It keeps the plan that it has. A rollback elsewhere does not reach it, and is not complete
        /// without its acknowledgement.
        Hold,
    }
}
