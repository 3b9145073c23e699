//! The top of the file.

use super::{
    RawChannel, RawEnvironment, RawEval, RawFlags, RawFleet, RawMetricSource, RawOtlp, RawPolicy,
    RawTls, RawTracing, RawWorkload,
};
use crate::read::{At, Map, NonEmpty, leaf, raw, words};
use crate::scalar::{
    ClientSecret, FileMode, FilePath, HttpUrl, Int, Line, PolicyName, SizeIn, TokenName, Wait,
    WebOrigin, Workers,
};
use crate::{DecisionLog, Measurements, Ready, Role, Time, TokenHash};
use ipnet::IpNet;
use stagegate_rollout::WorkloadName;
use stagegate_settings::{ConnLimits, Forwarded, ListenAddress, PathSpelling};
use std::net::SocketAddr;

raw! {
    /// The whole file.
    pub(crate) struct RawConfig {
        /// The listeners for client traffic.
        listeners: NonEmpty<RawListener> = required,
        /// The control plane: REST API, metrics, health.
        admin: RawAdmin = default("{}"),
        /// Directory of state and decision log. A relative path is taken from this file's directory.
        data_dir: FilePath = default("./stagegate-data"),
        /// Networks whose forwarding and identity headers are believed.
        trusted_proxies: Vec<At<IpNet>> = default("[]"),
        /// What happens to the `X-Forwarded-*`, `Forwarded`, `X-Real-IP` and similar headers of a client.
        forwarded: Forwarded = default("trusted"),
        /// What happens to a request whose workload depends on how its path is read.
        path: PathSpelling = default("strict"),
        /// Worker threads of the data plane; `auto` means one a core.
        workers: Workers = default("auto"),
        /// The time that running responses have to finish after a stop signal.
        drain_timeout: Time = default("30s"),
        /// Limits of client connections.
        limits: ConnLimits = default("{}"),
        /// The record of every routing decision.
        decision_log: DecisionLog = default("{}"),
        /// How long measurements are kept.
        measurements: Measurements = default("{}"),
        /// Time between two look-ups of the names of endpoints.
        resolve_every: Wait = default("30s"),
        /// Limits of scoring.
        eval: RawEval = default("{}"),
        /// The receivers of messages. None by default.
        notify: Vec<At<RawChannel>> = default("[]"),
        /// Who is asked for the values of gates on axis `external`. None by default.
        metric_sources: Vec<At<RawMetricSource>> = default("[]"),
        /// The OpenTelemetry collector for traces of requests. None by default.
        tracing: RawTracing = optional,
        /// Receiving the traces of agents, to make stages of their spans. Off by default.
        otlp: RawOtlp = optional,
        /// Feature flags, for OpenFeature SDKs. None, by default.
        flags: RawFlags = optional,
        /// The fleet that this process is a replica of. By default it is on its own.
        fleet: RawFleet = optional,
        /// The environment that this instance is, for passports of releases. None, by default.
        environment: RawEnvironment = optional,
        /// The agent workflows behind the proxy, by name. A request belongs to the most specific
        /// match.
        workloads: Map<WorkloadName, RawWorkload> = required,
        /// The policies of rollouts, by name. `default` is built in and may be replaced.
        policies: Map<PolicyName, RawPolicy> = default("{}"),
    }
}

raw! {
    /// A socket that accepts client traffic: HTTP/1.1 and HTTP/2.
    pub(crate) struct RawListener {
        /// IP address and port, or `unix:` and the path of a socket.
        address: ListenAddress = required,
        /// Permissions of a Unix socket.
        mode: FileMode = default("'0660'"),
        /// Speaks TLS.
        tls: RawTls = optional,
        /// Takes HTTP/2: with TLS by ALPN, without by prior knowledge.
        http2: bool = default("true"),
        /// Every connection begins with a PROXY protocol header, version 1 or 2. Connections from
        /// others than `trusted_proxies` are closed.
        proxy_protocol: bool = default("false"),
    }
}

raw! {
    /// The control plane's listener.
    pub(crate) struct RawAdmin {
        /// IP address and port. Without tokens it must be a loopback address.
        address: SocketAddr = default("127.0.0.1:9900"),
        /// The address at which people reach the dashboard, like `https://stagegate.example.com`. Messages
        /// link to it. No path.
        public_url: WebOrigin = optional,
        /// The tokens that give access. Without tokens, anyone on this machine has access.
        tokens: Vec<At<RawToken>> = default("[]"),
        /// Speaks TLS: API and dashboard are then at `https://`. The socket in `data_dir` stays
        /// plain.
        tls: RawTls = optional,
        /// Sign-in to the dashboard by an OpenID Connect provider. Off by default.
        oidc: RawOidc = optional,
        /// Which workloads need a stable endpoint that is not unhealthy for `/readyz` to say yes.
        /// `/readyz/WORKLOAD` answers for one of them.
        ready: Ready = default("all"),
    }
}

raw! {
    /// One caller of the control plane; `stagegate token new` makes one.
    pub(crate) struct RawToken {
        /// Name that appears as actor in the audit.
        name: TokenName = required,
        /// The permissions of the caller, for every workload.
        role: Role = required,
        /// Workloads for which the caller may do more, each with its role.
        workloads: Map<WorkloadName, Role> = default("{}"),
        /// SHA-256 of the token, `sha256:` and 64 hex digits.
        hash: TokenHash = required,
    }
}

raw! {
    /// Sign-in by an OpenID Connect provider: authorization code flow with PKCE.
    pub(crate) struct RawOidc {
        /// The provider's issuer, `https://…`, exactly as its tokens name it.
        issuer: HttpUrl = required,
        /// The name under which this dashboard is registered there.
        client_id: Line = required,
        /// The secret that goes with it. Without it the client is a public one.
        client_secret: ClientSecret = optional,
        /// The address of this dashboard as browsers know it, like `https://ops.example.com`. The
        /// provider sends them back to `/sign-in/callback` below it.
        url: HttpUrl = required,
        /// The claims that are asked for; `openid` is always among them.
        scopes: Vec<At<Line>> = default("[openid, email]"),
        /// The claim whose text is the actor of the audit.
        name: Line = default("email"),
        /// Authorities that sign the provider's certificate, in PEM form. By default the public ones.
        ca: FilePath = optional,
        /// Who may do what. Whoever meets no rule is turned away.
        roles: NonEmpty<RawOidcRole> = required,
    }
}

raw! {
    /// A rule: whoever has this value in this claim has this role.
    pub(crate) struct RawOidcRole {
        /// The claim: a text or a list of texts.
        claim: Line = required,
        /// The value that it is or has.
        value: Line = required,
        /// The role. Of several rules that are met the highest counts.
        role: Role = required,
        /// Only for these workloads; everything else can be read. By default for all.
        workloads: Vec<At<WorkloadName>> = default("[]"),
    }
}

leaf! {
    /// Limits of client connections, over all listeners.
    ConnLimits {
        /// Most connections at a time.
        connections: Int<1, 16_777_216> = default("65536"),
        /// Most requests at a time; above it they are answered 503 with `Retry-After`. The
        /// candidate's are refused from four fifths of it on, so that stable's have room.
        in_flight: Int<1, 16_777_216> = optional,
        /// Most bytes of a request's head, from 8KiB to 1MiB.
        header_bytes: SizeIn<{ 8 << 10 }, { 1 << 20 }> = default("32KiB"),
        /// Most header fields of a request.
        headers: Int<1, 1000> = default("100"),
        /// Longest time from the first byte of a request's head to its end.
        header_timeout: Wait = default("10s"),
        /// Longest time a connection may wait for its next request.
        keep_alive: Wait = default("75s"),
        /// Longest pause between two parts of a request body.
        body_idle: Wait = default("60s"),
    }
}

leaf! {
    /// The record of every routing decision, for `explain`.
    DecisionLog {
        /// True if it is written.
        enabled: bool = default("true"),
        /// Records older than this are removed.
        max_age: Wait = default("7d"),
        /// Above this size the oldest records are removed; at least 16MiB.
        max_size: SizeIn<{ 16 << 20 }, { u64::MAX }> = default("4GiB"),
    }
}

leaf! {
    /// How long the figures of releases are kept, from which reports are written and gates are
    /// replayed.
    Measurements {
        /// Recorded minutes older than this are removed.
        minutes: Wait = default("30d"),
        /// Analyses older than this are removed, unless a change rests on them. At most 10,000 of a
        /// workload are kept.
        analyses: Wait = default("30d"),
        /// True if every look of the gates is kept with its minute, for `gate replay --exact`: up to 50 MB a day and
        /// rollout.
        ticks: bool = default("false"),
    }
}

words! {
    /// The permissions of a token.
    Role, |role| role.label(), {
        /// Reading.
        Viewer,
        /// Reading and changing.
        Operator,
        /// Everything.
        Admin,
    }
}

words! {
    /// The workloads that `/readyz` asks for.
    Ready, |ready| ready.label(), {
        /// Every workload.
        All,
        /// At least one: the others answer 503 by themselves and keep no traffic from it.
        Any,
    }
}

words! {
    /// The handling of a client's own forwarding headers.
    Forwarded, |forwarded| forwarded.label(), {
        /// Kept and appended to when the peer is a trusted proxy, dropped otherwise.
        Trusted,
        /// Always kept and appended to.
        Append,
        /// Always dropped.
        Drop,
    }
}

words! {
    /// What happens to a path that servers read differently, because of `..`, `%2f`, `;`, `\` or the
    /// case of its letters, where its workload depends on the reading. Other paths are never refused.
    PathSpelling, |path| path.label(), {
        /// The request is answered 400.
        Strict,
        /// The reading of RFC 3986 counts: `..` is resolved, the rest stands for itself.
        Normalize,
    }
}
