//! The table behind `malformed.rs`: a right file, and one mistake each.

/// One mistake and the only problem that must be reported for it.
pub(crate) struct Case {
    /// The part of the base file that is replaced.
    pub(crate) from: &'static str,
    /// The replacement.
    pub(crate) to: &'static str,
    /// The key the problem names.
    pub(crate) key: &'static str,
    /// The line it names.
    pub(crate) line: u32,
    /// A part of the printed problem.
    pub(crate) says: &'static str,
}

/// A file without problems or warnings.
pub(crate) const BASE: &str = r#"listeners:
  - address: 127.0.0.1:8080
admin:
  address: 127.0.0.1:9900
  tokens:
    - { name: ops, role: operator, hash: "sha256:0000000000000000000000000000000000000000000000000000000000000000" }
data_dir: data
trusted_proxies: [10.0.0.0/8]
forwarded: trusted
workers: 2
drain_timeout: 30s
limits: { connections: 100, header_bytes: 32KiB, headers: 50 }
decision_log: { enabled: true, max_age: 7d, max_size: 1GiB }
workloads:
  agent:
    match: [{ host: a.example.com, path_prefix: /a, headers: { x-kind: chat } }]
    protocol: auto
    identity:
      tenant: [{ header: x-tenant }]
      conversation: [learned]
    releases:
      v1: { endpoints: ["http://10.0.0.1:80"], artifact: { model: m-1 } }
      v2: { endpoints: ["http://10.0.0.2:80"], artifact: { git_tag: t-2 } }
    stable: v1
    candidate: v2
    weight: 1%
    sticky: tenant
    on_rollback: migrate
    cohorts: [{ name: pilots, tenants: [acme] }]
    exclusions: { high: [initech] }
    allow: { users: [u-1] }
    kill_switch: { fallback: stable }
    health: { http: /healthz, every: 5s, healthy: 1, unhealthy: 3 }
    timeouts: { connect: 2s, total: 30m }
    limits: { body: 32MiB, tenant: { rate: 100/s, in_flight: 10 } }
    retry: { stale: idempotent, connect_attempts: 2 }
    host_header: preserve
    force: { secret: "${FORCE}" }
    outcomes: { status: { 507: transient }, codes: { slow_down: external }, provider: behind }
    cost: { daily_budget: 500, prices: builtin, tenants: [wayne] }
    policy: fast
policies:
  fast:
    steps:
      - { weight: 5%, hold: 10m, requests: 500, violated_for: 2m }
      - weight: 100%
        watch: 1h
    gates:
      - { axis: eval, measure: accuracy, against: stable, margin: 1pp, scored: 300, for: 5m, owner: quality }
      - { axis: latency, measure: p99, stage: retrieve, max: 400ms, requests: 200 }
      - { axis: cost, measure: burn_rate_1h, ratio: 2, then: alert }
      - { axis: error, class: permanent, max: 2%, severity: warning }
    on_no_data: { alert_after: 9m }
    drill_within: 14d
    rollback_alpha: 0.02
    offline_report: required
"#;

const fn case(
    from: &'static str,
    to: &'static str,
    key: &'static str,
    line: u32,
    says: &'static str,
) -> Case {
    Case { from, to, key, line, says }
}

/// The mistakes, in the order of the file.
#[rustfmt::skip]
pub(crate) const CASES: &[Case] = &[
    // YAML itself.
    case("data_dir: data", "data_dir: [data", "", 8, "is not YAML here"),
    case("data_dir: data", "data_dir: 'data", "", 8, "is not YAML here"),
    case("data_dir: data", "\tdata_dir: data", "", 7, "is not YAML here"),
    case("data_dir: data", "data_dir: *nowhere", "", 7, "is not YAML here"),
    case("data_dir: data", "data_dir: !path data", "", 7, "`!path`"),
    case("data_dir: data", "data_dir: data\n---\nmore: 1", "", 8, "second document"),
    case("data_dir: data", "? [a]\n: b", "", 7, "is a key that is a list or a mapping"),
    case("data_dir: data", "data_dir: &d [*d]", "", 7, "alias to a value that contains it"),

    // Keys.
    case("data_dir: data", "data_dri: data", "data_dri", 7, "did you mean `data_dir`?"),
    case("data_dir: data", "zzz: 1", "zzz", 7, "known here: listeners, admin"),
    case("data_dir: data", "data_dir: data\ndata_dir: other", "data_dir", 8, "first in line 7"),
    case("data_dir: data", "<<: { a: b }", "[\"<<\"]", 7, "merge keys are not supported"),
    case("    weight: 1%", "    Weight: 1%", "workloads.agent.Weight", 26, "did you mean `weight`?"),
    case("on_rollback: migrate", "on-rollback: migrate", "workloads.agent.on-rollback", 28, "did you mean `on_rollback`?"),
    case("artifact: { model: m-1 }", "artifact: { model: m-1, a note }", "workloads.agent.releases.v1.artifact[\"a note\"]", 22, "put that text in quotes"),

    // Listeners and admin.
    case("  - address: 127.0.0.1:8080", "  []", "listeners", 1, "is empty"),
    case("listeners:\n  - address: 127.0.0.1:8080", "listeners: here", "listeners", 1, "not a list"),
    case("listeners:\n  - address: 127.0.0.1:8080\n", "", "listeners", 1, "is missing"),
    case("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    port: 8080", "listeners[0].port", 3, "is not a known key"),
    case("127.0.0.1:8080", "localhost:8080", "listeners[0].address", 2, "is not an IP address with a port"),
    case("127.0.0.1:8080", "unix:agents.sock", "listeners[0].address", 2, "no absolute path"),
    case("address: 127.0.0.1:8080", "address: unix:/run/a.sock\n    mode: '0888'", "listeners[0].mode", 3, "permissions of a file"),
    case("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    tls: { certificates: [] }", "listeners[0].tls.certificates", 3, "is empty"),
    case("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    tls: { certificates: [{ cert: none.pem, key: examples/server-key.pem }] }", "listeners[0].tls.certificates[0].cert", 3, "cannot be read"),
    case("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    tls: { certificates: [{ cert: Cargo.toml, key: examples/server-key.pem }] }", "listeners[0].tls.certificates[0].cert", 3, "not certificates in PEM form"),
    case("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    tls: { certificates: [{ cert: examples/server.pem, key: examples/server.pem }] }", "listeners[0].tls.certificates[0].key", 3, "not a private key in PEM form"),
    case("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    tls: { certificates: [{ cert: examples/ca.pem, key: examples/server-key.pem }] }", "listeners[0].tls.certificates[0].key", 3, "not the key of the certificate beside it"),
    case("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    tls: { certificates: [{ cert: examples/server.pem, key: examples/server-key.pem }], client_auth: required }", "listeners[0].tls.client_auth", 3, "not who signs those"),
    case("trusted_proxies: [10.0.0.0/8]", "resolve_every: 0", "resolve_every", 8, "is zero"),
    case("127.0.0.1:8080", "127.0.0.1:99999", "listeners[0].address", 2, "is not an IP address with a port"),
    case("127.0.0.1:8080", "127.0.0.1:9900", "listeners[0].address", 2, "is already the admin address"),
    case("  - address: 127.0.0.1:8080", "  - address: 127.0.0.1:8080\n  - address: 127.0.0.1:8080", "listeners[1].address", 3, "is already the listener in line 2"),
    case("  - address: 127.0.0.1:8080", "  - { address: 127.0.0.1:8080, tls: {} }", "listeners[0].tls.certificates", 2, "is missing"),
    case("admin:", "admin:\n  tls: { certificates: [{ cert: none.pem, key: examples/server-key.pem }] }", "admin.tls.certificates[0].cert", 4, "cannot be read"),
    case("role: operator, ", "role: operator, workloads: { agnt: admin }, ", "admin.tokens[0].workloads.agnt", 6, "is not among the workloads"),
    case("role: operator, ", "role: operator, workloads: { agent: viewer }, ", "admin.tokens[0].workloads.agent", 6, "is not more than `operator`"),
    case("admin:", "admin:\n  oidc: { issuer: id.test, client_id: c, url: 'https://a.test', roles: [{ claim: g, value: v, role: admin }] }", "admin.oidc.issuer", 4, "does not begin with"),
    case("admin:", "admin:\n  oidc: { issuer: 'https://id.test', client_id: c, url: 'https://a.test', roles: [] }", "admin.oidc.roles", 4, "is empty"),
    case("role: operator", "role: root", "admin.tokens[0].role", 6, "`viewer`, `operator`, `admin`"),
    case("role: operator", "role: operater", "admin.tokens[0].role", 6, "did you mean `operator`?"),
    case("role: operator, ", "", "admin.tokens[0].role", 6, "is missing"),
    case("name: ops", "name: 'o p s'", "admin.tokens[0].name", 6, "is not a token name"),
    case("sha256:0000000000000000000000000000000000000000000000000000000000000000", "sha256:00", "admin.tokens[0].hash", 6, "`***` is not a token hash"),
    case("data_dir: data", "data_dir: ''", "data_dir", 7, "is not a path"),

    // The rest of the top.
    case("[10.0.0.0/8]", "[10.0.0.0/40]", "trusted_proxies[0]", 8, "is not a network"),
    case("[10.0.0.0/8]", "10.0.0.0/8", "trusted_proxies", 8, "is a single value, not a list"),
    case("forwarded: trusted", "forwarded: maybe", "forwarded", 9, "write one of `trusted`, `append`, `drop`"),
    case("workers: 2", "workers: 0", "workers", 10, "is not a number of threads"),
    case("workers: 2", "workers: two", "workers", 10, "is not a number of threads"),
    case("drain_timeout: 30s", "drain_timeout: 30", "drain_timeout", 11, "`30` is not a duration"),
    case("drain_timeout: 30s", "drain_timeout: { s: 30 }", "drain_timeout", 11, "is a mapping, not a duration"),
    case("connections: 100", "connections: 0", "limits.connections", 12, "from 1 to 16777216"),
    case("header_bytes: 32KiB", "header_bytes: 32KB", "limits.header_bytes", 12, "is not a size"),
    case("header_bytes: 32KiB", "header_bytes: 1KiB", "limits.header_bytes", 12, "from 8KiB to 1MiB"),
    case("headers: 50", "headers: -1", "limits.headers", 12, "is not a whole number"),
    case("enabled: true", "enabled: yes", "decision_log.enabled", 13, "neither `true` nor `false`"),
    case("max_age: 7d", "max_age: 0", "decision_log.max_age", 13, "is zero"),
    case("max_size: 1GiB", "max_size: 1KiB", "decision_log.max_size", 13, "below 16MiB"),

    // Telling people.
    case("data_dir: data", "notify: [{ type: slack, url: http://a/ }]", "notify[0].name", 7, "is missing"),
    case("data_dir: data", "notify: [{ name: a b, type: slack, url: http://a/ }]", "notify[0].name", 7, "is not a channel name"),
    case("data_dir: data", "notify: [{ name: a, url: http://a/ }]", "notify[0].type", 7, "is missing"),
    case("data_dir: data", "notify: [{ name: a, type: mail, url: http://a/ }]", "notify[0].type", 7, "`webhook`, `slack`, `pagerduty`, `alertmanager`"),
    case("data_dir: data", "notify: [{ name: a, type: slack }]", "notify[0].url", 7, "type `slack` needs it"),
    case("data_dir: data", "notify: [{ name: a, type: webhook }]", "notify[0].url", 7, "type `webhook` needs it"),
    case("data_dir: data", "notify: [{ name: a, type: alertmanager }]", "notify[0].url", 7, "type `alertmanager` needs it"),
    case("data_dir: data", "notify: [{ name: a, type: pagerduty }]", "notify[0].key", 7, "type `pagerduty` needs it"),
    case("data_dir: data", "notify: [{ name: a, type: pagerduty, key: '' }]", "notify[0].key", 7, "`***` is not a routing key"),
    case("data_dir: data", "notify: [{ name: a, type: slack, url: a/b }]", "notify[0].url", 7, "`***` does not begin with `http://`"),
    case("data_dir: data", "notify: [{ name: a, type: slack, url: https://u@a/ }]", "notify[0].url", 7, "names a user"),
    case("data_dir: data", "notify: [{ name: a, type: slack, url: https://a:99999/ }]", "notify[0].url", 7, "from 1 to 65535"),
    case("data_dir: data", "notify: [{ name: a, type: slack, url: http://a/, key: k }]", "notify[0].key", 7, "is for `pagerduty` only, and this is a `slack`"),
    case("data_dir: data", "notify: [{ name: a, type: slack, url: http://a/, secret: 0123456789abcdef }]", "notify[0].secret", 7, "is for `webhook` only"),
    case("data_dir: data", "notify: [{ name: a, type: webhook, url: http://a/, secret: \"${SHORT}\" }]", "notify[0].secret", 7, "`***` is shorter than 16 bytes"),
    case("data_dir: data", "notify: [{ name: a, type: slack, url: http://a/, severity: high }]", "notify[0].severity", 7, "`info`, `warning`, `critical`"),
    case("data_dir: data", "notify: [{ name: a, type: slack, url: http://a/, owners: [''] }]", "notify[0].owners[0]", 7, "is empty"),
    case("data_dir: data", "notify: [{ name: a, type: slack, url: http://a/, workloads: [agnet] }]", "notify[0].workloads[0]", 7, "write one of: agent"),
    case("data_dir: data", "notify: [{ name: a, type: slack, url: http://a/ }, { name: a, type: slack, url: http://b/ }]", "notify[1].name", 7, "name of the channel in line 7"),
    case("data_dir: data", "notify: { name: a, type: slack, url: http://a/ }", "notify", 7, "is a mapping, not a list"),

    // What makes a request one of its release.
    case("artifact: { model: m-1 } }", "set_headers: { host: a } }", "workloads.agent.releases.v1.set_headers.host", 22, "use `host`"),
    case("artifact: { model: m-1 } }", "remove_headers: [Content-Length] }", "workloads.agent.releases.v1.remove_headers[0]", 22, "the proxy writes this header itself"),
    case("artifact: { model: m-1 } }", "set_headers: { x-a: b }, remove_headers: [X-A] }", "workloads.agent.releases.v1.remove_headers[0]", 22, "is set by `set_headers` too"),
    case("artifact: { model: m-1 } }", "path_prefix: v2 }", "workloads.agent.releases.v1.path_prefix", 22, "begins with `/`"),
    case("artifact: { model: m-1 } }", "query: { a: \"b&c\" } }", "workloads.agent.releases.v1.query.a", 22, "is not a value in a query"),
    case("artifact: { model: m-1 } }", "set_body: { /a/b: 1 } }", "workloads.agent.releases.v1.set_body[\"/a/b\"]", 22, "is not a member of the outermost object"),
    case("artifact: { model: m-1 } }", "set_body: { /a: 1, /b: 2 } }", "workloads.agent.releases.v1.set_body[\"/b\"]", 22, "set one member of the body"),

    // Matching and identity.
    case("  agent:\n", "  an agent:\n", "workloads[\"an agent\"]", 15, "is not a workload name"),
    case("match: [{ host: a.example.com, path_prefix: /a, headers: { x-kind: chat } }]", "match: []", "workloads.agent.match", 16, "is empty"),
    case("    match: [{ host: a.example.com, path_prefix: /a, headers: { x-kind: chat } }]\n", "", "workloads.agent.match", 15, "is missing"),
    case("host: a.example.com", "host: http://a", "workloads.agent.match[0].host", 16, "without scheme, port or path"),
    case("host: a.example.com", "host: '*'", "workloads.agent.match[0].host", 16, "is not a host name"),
    case("host: a.example.com", "host: a:80", "workloads.agent.match[0].host", 16, "is not a host name"),
    case("path_prefix: /a", "path_prefix: a", "workloads.agent.match[0].path_prefix", 16, "begins with `/`"),
    case("path_prefix: /a", "path_prefix: /a?b", "workloads.agent.match[0].path_prefix", 16, "has no query"),
    case("x-kind: chat", "x kind: chat", "workloads.agent.match[0].headers[\"x kind\"]", 16, "is not a header name"),
    case("x-kind: chat", "x-kind: \"a\\nb\"", "workloads.agent.match[0].headers.x-kind", 16, "is not a header value"),
    case("x-kind: chat } }]", "x-kind: chat } }, { host: a.example.com, path_prefix: /a/, headers: { X-Kind: chat } }]", "workloads.agent.match[1]", 16, "same condition"),
    case("protocol: auto", "protocol: openai", "workloads.agent.protocol", 17, "`openai-chat`"),
    case("{ header: x-tenant }", "{ header: 'x tenant' }", "workloads.agent.identity.tenant[0].header", 19, "is not a header name"),
    case("{ header: x-tenant }", "{ mtls: cn }", "workloads.agent.identity.tenant[0].mtls", 19, "write one of `san`, `uri`, `dns`, `email`"),
    case("{ header: x-tenant }", "{ header: a, cookie: b }", "workloads.agent.identity.tenant[0]", 19, "has 2 keys where exactly one belongs"),
    case("{ header: x-tenant }", "{}", "workloads.agent.identity.tenant[0]", 19, "has 0 keys"),
    case("{ header: x-tenant }", "{ haeder: a }", "workloads.agent.identity.tenant[0].haeder", 19, "did you mean `header`?"),
    case("{ header: x-tenant }", "x-tenant", "workloads.agent.identity.tenant[0]", 19, "`{header: …}`"),
    case("{ header: x-tenant }", "learned", "workloads.agent.identity.tenant[0]", 19, "for conversations only"),
    case("{ header: x-tenant }", "{ body: user_id }", "workloads.agent.identity.tenant[0].body", 19, "is not a JSON pointer"),
    case("{ header: x-tenant }", "{ body: /a~2 }", "workloads.agent.identity.tenant[0].body", 19, "is not a JSON pointer"),
    case("{ header: x-tenant }", "{ cookie: 'a;b' }", "workloads.agent.identity.tenant[0].cookie", 19, "is not a cookie name"),
    case("{ header: x-tenant }", "{ path: 2 }", "workloads.agent.identity.tenant[0].path", 19, "not a mapping"),
    case("{ header: x-tenant }", "{ path: { segment: 0 } }", "workloads.agent.identity.tenant[0].path.segment", 19, "from 1 to 64"),
    case("{ header: x-tenant }", "{ jwt: org }", "workloads.agent.identity.tenant[0]", 19, "no keys to verify it with"),
    case("[learned]", "[{ jwt: c }]\n      jwt: {}", "workloads.agent.identity.jwt", 21, "has no key"),
    case("[learned]", "[{ jwt: c }]\n      jwt: { secret: short }", "workloads.agent.identity.jwt.secret", 21, "shorter than 16 bytes"),
    case("[learned]", "[{ jwt: c }]\n      jwt: { jwks: none.json }", "workloads.agent.identity.jwt.jwks", 21, "cannot be read"),
    case("[learned]", "[{ jwt: c }]\n      jwt: { jwks: Cargo.toml }", "workloads.agent.identity.jwt.jwks", 21, "JSON Web Key Set"),
    case("[learned]", "[{ jwt: c }]\n      jwt: { public_key: Cargo.toml }", "workloads.agent.identity.jwt.public_key", 21, "public key in PEM form"),
    case("[learned]", "[{ jwt: c }]\n      jwt: { jwks: examples/jwks.json, algorithms: [HS256] }", "workloads.agent.identity.jwt.algorithms[0]", 21, "needs a `secret`"),
    case("[learned]", "[{ jwt: c }]\n      jwt: { jwks: examples/jwks.json, algorithms: [none] }", "workloads.agent.identity.jwt.algorithms[0]", 21, "`HS256`"),
    case("[learned]", "[{ jwt: c }]\n      jwt: { jwks: examples/jwks.json, algorithms: [] }", "workloads.agent.identity.jwt.algorithms", 21, "accepts no algorithm"),
    case("[learned]", "[{ cookie: c }]\n      issued: [{ response: /a, request: /b }]", "workloads.agent.identity.issued[0]", 21, "add `learned`"),
    case("[learned]", "[learned]\n      issued: [{ response: a, request: /b }]", "workloads.agent.identity.issued[0].response", 21, "is not a JSON pointer"),
    case("[learned]", "[learned]\n      issued: [{ response: /a }]", "workloads.agent.identity.issued[0].request", 21, "is missing"),
    case("[learned]", "[learned]\n      max_inspect_bytes: 1GiB", "workloads.agent.identity.max_inspect_bytes", 21, "above 16MiB"),

    // Releases and arms.
    case("http://10.0.0.1:80", "ftp://10.0.0.1:80", "workloads.agent.releases.v1.endpoints[0]", 22, "another scheme"),
    case("http://10.0.0.1:80", "unix:a.sock", "workloads.agent.releases.v1.endpoints[0]", 22, "no absolute path"),
    case("host_header: preserve", "host_header: preserve\n    upstream_tls: { cert: examples/server.pem }", "workloads.agent.upstream_tls.cert", 38, "is given alone"),
    case("host_header: preserve", "host_header: preserve\n    upstream_tls: { ca: Cargo.toml }", "workloads.agent.upstream_tls.ca", 38, "not certificates in PEM form"),
    case("http://10.0.0.1:80", "http://10.0.0.1", "workloads.agent.releases.v1.endpoints[0]", 22, "has no port"),
    case("http://10.0.0.1:80", "http://10.0.0.1:80/v1", "workloads.agent.releases.v1.endpoints[0]", 22, "more than a host and a port"),
    case("http://10.0.0.1:80", "10.0.0.1:80", "workloads.agent.releases.v1.endpoints[0]", 22, "does not begin with `http://`"),
    case("[\"http://10.0.0.1:80\"]", "[\"http://a:1\", \"http://A:1\"]", "workloads.agent.releases.v1.endpoints[1]", 22, "is listed twice"),
    case("[\"http://10.0.0.1:80\"]", "[]", "workloads.agent.releases.v1.endpoints", 22, "write at least one endpoint"),
    case("endpoints: [\"http://10.0.0.1:80\"], ", "", "workloads.agent.releases.v1.endpoints", 22, "is missing"),
    case("model: m-1", "model: ''", "workloads.agent.releases.v1.artifact.model", 22, "is empty"),
    case("model: m-1", "digest: sha256:123", "workloads.agent.releases.v1.artifact.digest", 22, "is not a SHA-256 digest"),
    case("git_tag: t-2", "git_tag: t-2, git: t-3", "workloads.agent.releases.v2.artifact.git", 23, "beside `git_tag`"),
    case("stable: v1", "stable: v3", "workloads.agent.stable", 24, "write one of: v1, v2"),
    case("    stable: v1\n", "", "workloads.agent.stable", 15, "is missing"),
    case("candidate: v2", "candidate: v3", "workloads.agent.candidate", 25, "`v3` is not among the workload's releases"),
    case("candidate: v2", "candidate: v1", "workloads.agent.candidate", 25, "is the stable release too"),
    case("    candidate: v2\n", "", "workloads.agent.weight", 25, "needs a candidate"),
    case("weight: 1%", "weight: 110%", "workloads.agent.weight", 26, "is not a share"),
    case("weight: 1%", "weight: 0.5", "workloads.agent.weight", 26, "write a share like `10%`"),
    case("weight: 1%", "weight: [1%]", "workloads.agent.weight", 26, "is a list, not a share"),
    case("weight: 1%", "weight: ${NO_SUCH}", "workloads.agent.weight", 26, "environment variable NO_SUCH"),
    case("weight: 1%", "weight: ${1%", "workloads.agent.weight", 26, "does not begin a variable"),
    case("sticky: tenant", "sticky: session", "workloads.agent.sticky", 27, "`conversation`"),
    case("on_rollback: migrate", "on_rollback: drain", "workloads.agent.on_rollback", 28, "`migrate`, `finish`, `cut`"),

    // Who.
    case("    protocol: auto", "    protocol: auto\n    forward_flags: [new-prompt]", "workloads.agent.forward_flags[0]", 18, "there are no flags"),
    case("    protocol: auto", "    protocol: auto\n    forward_flags: ['']", "workloads.agent.forward_flags[0]", 18, "is not a key of a flag"),
    case("artifact: { model: m-1 }", "artifact: { model: m-1 }, flags: { a: b }", "workloads.agent.releases.v1.flags.a", 22, "there are no flags"),
    case("    protocol: auto", "    protocol: auto\n    arm_flag: agent-arm", "workloads.agent.arm_flag", 18, "there are no flags"),
    case("fallback: stable }", "fallback: stable, flag: agent-serves }", "workloads.agent.kill_switch.flag", 32, "there are no flags"),
    case("{ name: pilots, tenants: [acme] }", "{ name: pilots }", "workloads.agent.cohorts[0].tenants", 29, "is missing"),
    case("tenants: [acme]", "tenants: acme", "workloads.agent.cohorts[0].tenants", 29, "not a list"),
    case("[acme]", "[' acme']", "workloads.agent.cohorts[0].tenants[0]", 29, "is not an id"),
    case("[acme]", "[~]", "workloads.agent.cohorts[0].tenants[0]", 29, "has no value"),
    case("[acme]", "['file:none.txt']", "workloads.agent.cohorts[0].tenants[0]", 29, "cannot be read"),
    case("[acme]", "['file:src']", "workloads.agent.cohorts[0].tenants[0]", 29, "not a regular file"),
    case("tenants: [acme] }]", "tenants: [acme] }, { name: pilots, tenants: [globex] }]", "workloads.agent.cohorts[1].name", 29, "name of the cohort in line 29"),
    case("tenants: [acme] }]", "tenants: [acme] }, { name: mid, tenants: [globex, acme] }]", "workloads.agent.cohorts[1].tenants[1]", 29, "in cohort `pilots` already"),
    case("{ high: [initech] }", "[initech]", "workloads.agent.exclusions", 30, "is a list, not a mapping"),
    case("{ high: [initech] }", "{ high: [initech], high: [medco] }", "workloads.agent.exclusions.high", 30, "is given twice"),
    case("{ users: [u-1] }", "{ user: [u-1] }", "workloads.agent.allow.user", 31, "did you mean `users`?"),
    case("fallback: stable", "fallback: candidate", "workloads.agent.kill_switch.fallback", 32, "`{respond: …}`"),
    case("fallback: stable", "fallback: { release: v3 }", "workloads.agent.kill_switch.fallback.release", 32, "write one of: v1, v2"),
    case("fallback: stable", "fallback: { respond: { status: 999 } }", "workloads.agent.kill_switch.fallback.respond.status", 32, "from 200 to 599"),
    case("fallback: stable", "fallback: { respond: { content_type: \"a\\nb\" } }", "workloads.agent.kill_switch.fallback.respond.content_type", 32, "is not a header value"),

    // Traffic.
    case("http: /healthz", "http: healthz", "workloads.agent.health.http", 33, "write a path like `/healthz`"),
    case("http: /healthz", "http: { host: a }", "workloads.agent.health.http.path", 33, "is missing"),
    case("http: /healthz", "http: /healthz, tcp: true", "workloads.agent.health.tcp", 33, "beside `http`"),
    case("http: /healthz", "tcp: false", "workloads.agent.health.tcp", 33, "`health: off`"),
    case("every: 5s", "every: 0s", "workloads.agent.health.every", 33, "is zero"),
    case("healthy: 1,", "healthy: 0,", "workloads.agent.health.healthy", 33, "from 1 to 100"),
    case("connect: 2s", "connect: 2 seconds", "workloads.agent.timeouts.connect", 34, "is not a duration"),
    case("total: 30m", "totla: 30m", "workloads.agent.timeouts.totla", 34, "did you mean `total`?"),
    case("body: 32MiB", "body: lots", "workloads.agent.limits.body", 35, "is not a size"),
    case("rate: 100/s", "rate: 100/m", "workloads.agent.limits.tenant.rate", 35, "like `100/s`"),
    case("rate: 100/s", "rate: 0/s", "workloads.agent.limits.tenant.rate", 35, "is not a rate"),
    case("in_flight: 10", "in_flight: 0", "workloads.agent.limits.tenant.in_flight", 35, "from 1 to 1000000"),
    case("stale: idempotent", "stale: always", "workloads.agent.retry.stale", 36, "`idempotent`, `any`, `off`"),
    case("connect_attempts: 2", "connect_attempts: 99", "workloads.agent.retry.connect_attempts", 36, "from 1 to 10"),
    case("host_header: preserve", "host_header: { name: 'a b' }", "workloads.agent.host_header.name", 37, "is not a host name"),
    case("\"${FORCE}\"", "\"${SHORT}\"", "workloads.agent.force.secret", 38, "`***` is shorter than 16 bytes"),
    case("\"${FORCE}\"", "\"${EMPTY}\"", "workloads.agent.force.secret", 38, "shorter than 16 bytes"),
    case("{ secret: \"${FORCE}\" }", "{}", "workloads.agent.force.secret", 38, "is missing"),

    // One mistake, one answer: what hangs on a wrong value is not reported too.
    case("candidate: v2", "candidate: v 2", "workloads.agent.candidate", 25, "is not a release name"),
    case("v2: { endpoints: [\"http://10.0.0.2:80\"], artifact: { git_tag: t-2 } }", "v2: http://10.0.0.2:80", "workloads.agent.releases.v2", 23, "not a mapping"),
    case("[learned]", "[{ jwt: c }]\n      jwt: keys.json", "workloads.agent.identity.jwt", 21, "not a mapping"),
    case("[learned]", "[{ jwt: c }]\n      jwt: { secret: '', algorithms: [HS256] }", "workloads.agent.identity.jwt.secret", 21, "shorter than 16 bytes"),
    case("{ host: a.example.com, path_prefix: /a, headers: { x-kind: chat } }", "{ host: 'a b' }, {}", "workloads.agent.match[0].host", 16, "is not a host name"),

    // Between workloads.
    case("    force: { secret: \"${FORCE}\" }", "  other:\n    match: [{ host: A.example.com, path_prefix: /a, headers: { x-kind: chat } }]\n    releases: { v1: { endpoints: ['http://b:1'] } }\n    stable: v1", "workloads.other.match[0]", 39, "same condition as workload `agent` has in line 16"),
    case("    force: { secret: \"${FORCE}\" }", "  other:\n    match: [{}]\n    releases: {}\n    stable: v1", "workloads.other.releases", 40, "has no release"),
    case("    force: { secret: \"${FORCE}\" }", "  agent:\n    match: [{}]", "workloads.agent", 38, "is given twice"),

    // Outcomes and cost.
    case("507: transient", "99: transient", "workloads.agent.outcomes.status.99", 39, "is not an HTTP status"),
    case("507: transient", "507: bad", "workloads.agent.outcomes.status.507", 39, "write one of `ok`, `transient`, `permanent`, `external`"),
    case("slow_down: external", "'slow down': external", "workloads.agent.outcomes.codes[\"slow down\"]", 39, "is not an error code"),
    case("slow_down: external", "slow_down: extern", "workloads.agent.outcomes.codes.slow_down", 39, "did you mean `external`?"),
    case("provider: behind", "provider: before", "workloads.agent.outcomes.provider", 39, "write one of `behind`, `backend`"),
    case("daily_budget: 500", "daily_budget: $500", "workloads.agent.cost.daily_budget", 40, "is not an amount of US dollars"),
    case("daily_budget: 500", "daily_budget: 0.00", "workloads.agent.cost.daily_budget", 40, "is zero"),
    case("daily_budget: 500", "daily_budget: -1", "workloads.agent.cost.daily_budget", 40, "is not an amount of US dollars"),
    case("prices: builtin", "prices: prices.json", "workloads.agent.cost.prices", 40, "write `builtin`, or `file:prices.json`"),
    case("prices: builtin", "prices: 'file:nowhere.json'", "workloads.agent.cost.prices", 40, "cannot be read"),
    case("prices: builtin, tenants: [wayne]", "prices: builtin, tenants: ['']", "workloads.agent.cost.tenants[0]", 40, "is not an id"),
    case("daily_budget: 500", "budget: 500", "workloads.agent.cost.budget", 40, "known here: daily_budget, time_zone, prices, tenants"),
    case("daily_budget: 500", "daily_budget: 500, time_zone: Berlin", "workloads.agent.cost.time_zone", 40, "is not a time zone"),
    case("daily_budget: 500", "daily_budget: 500, time_zone: 'CET-1CEST'", "workloads.agent.cost.time_zone", 40, "CET-1CEST,M3.5.0,M10.5.0/3"),
    // Policies.
    case("policy: fast", "policy: slow", "workloads.agent.policy", 41, "write one of: default, fast"),
    case("policy: fast", "policy: fa st", "workloads.agent.policy", 41, "is not a policy name"),
    case("    policy: fast\npolicies:\n  fast:\n", "policies:\n  fa st:\n", "policies[\"fa st\"]", 42, "is not a policy name"),
    case("on_no_data: { alert_after: 9m }", "on_no_data: 9m", "policies.fast.on_no_data", 53, "not a mapping"),
    case("alert_after: 9m", "alert_after: 0s", "policies.fast.on_no_data.alert_after", 53, "would alert at every pause"),
    case("drill_within: 14d", "drill_within: never", "policies.fast.drill_within", 54, "is not a duration"),
    case("offline_report: required", "offline_report: sometimes", "policies.fast.offline_report", 56, "one of `required`, `with_scorers`, `optional`"),
    case("rollback_alpha: 0.02", "rollback_alpha: 60%", "policies.fast.rollback_alpha", 55, "above 0 and at most 0.5"),
    case("rollback_alpha: 0.02", "rollback_alpha: 1pp", "policies.fast.rollback_alpha", 55, "like `1%` or `0.01`"),
    case("rollback_alpha: 0.02", "alpha: 0.02", "policies.fast.alpha", 55, "is not a known key"),
    case("weight: 5%", "weight: 5", "policies.fast.steps[0].weight", 45, "is not a share"),
    case("weight: 5%", "weight: 0%", "policies.fast.steps[0].weight", 45, "every step opens further"),
    case("hold: 10m", "hold: 10m, watch: 1m", "policies.fast.steps[0].watch", 45, "only the last step watches"),
    case("weight: 5%, ", "", "policies.fast.steps[0].weight", 45, "is missing"),
    case("hold: 10m, requests: 500, ", "", "policies.fast.steps[0].hold", 45, "a step needs one of them"),
    case("hold: 10m", "hold: 10 minutes", "policies.fast.steps[0].hold", 45, "is not a duration"),
    case("requests: 500", "requests: many", "policies.fast.steps[0].requests", 45, "is not a whole number"),
    case("violated_for: 2m", "violated_for: 2d", "policies.fast.steps[0].violated_for", 45, "at most 24h"),
    case("        watch: 1h\n", "", "policies.fast.steps[1].watch", 46, "is missing"),
    case("watch: 1h", "watch: 1h\n        hold: 1h", "policies.fast.steps[1].hold", 48, "is never promoted"),
    case("      - weight: 100%", "      - weight: 50%", "policies.fast.steps[1].weight", 46, "the last step is 50%, not 100%"),
    case("axis: eval", "axis: evil", "policies.fast.gates[0].axis", 49, "did you mean `eval`?"),
    case("axis: eval", "axis: latency", "policies.fast.gates[0].axis", 49, "is measured on axis `eval`"),
    case("measure: accuracy", "measure: acuracy", "policies.fast.gates[0].measure", 49, "did you mean `accuracy`?"),
    case("measure: accuracy, ", "", "policies.fast.gates[0].measure", 49, "is missing"),
    case("margin: 1pp", "margin: 1%", "policies.fast.gates[0].margin", 49, "percentage points, like `1pp`"),
    case("margin: 1pp", "margin: 0pp", "policies.fast.gates[0].margin", 49, "above 0pp and below 100pp"),
    case("margin: 1pp", "ratio: 1.2", "policies.fast.gates[0].ratio", 49, "does not take this limit"),
    case("margin: 1pp", "margin: 1pp, max: 2%", "policies.fast.gates[0].margin", 49, "beside `max`"),
    case("margin: 1pp, ", "", "policies.fast.gates[0]", 49, "has no limit"),
    case("against: stable", "against: baseline", "policies.fast.gates[0].against", 49, "write `stable`"),
    case("for: 5m", "for: 0s", "policies.fast.gates[0].for", 49, "is zero"),
    case("owner: quality", "owner: ~quality team", "policies.fast.gates[0].owner", 49, "is not a name of an owner"),
    case("max: 400ms", "max: 4%", "policies.fast.gates[1].max", 50, "write a duration like `8s`"),
    case("max: 400ms", "max: 400ms, against: stable", "policies.fast.gates[1].against", 50, "`max` and `min` do not"),
    case("max: 400ms", "min: 400ms", "policies.fast.gates[1].min", 50, "does not take this limit"),
    case("max: 400ms", "ratio: 1.2", "policies.fast.gates[1].against", 50, "add `against: stable`"),
    case("stage: retrieve", "stage: retrieve, of: first_byte", "policies.fast.gates[1].of", 50, "beside `stage`"),
    case("stage: retrieve", "stage: ''", "policies.fast.gates[1].stage", 50, "is empty"),
    case("requests: 200", "requests: 0", "policies.fast.gates[1].requests", 50, "from 1 to"),
    case("requests: 200", "scored: 200", "policies.fast.gates[1].scored", 50, "only gates of axis `eval`"),
    case("requests: 200", "class: permanent", "policies.fast.gates[1].class", 50, "is of axis `error`"),
    case("burn_rate_1h", "burn_rate", "policies.fast.gates[2].measure", 51, "is not a measure"),
    case("burn_rate_1h", "burn_rate_2d", "policies.fast.gates[2].measure", 51, "not from 1m to 24h"),
    case("burn_rate_1h", "burn_rate_x", "policies.fast.gates[2].measure", 51, "like `burn_rate_1h`"),
    case("ratio: 2", "ratio: 0.5", "policies.fast.gates[2].ratio", 51, "a ratio above 1"),
    case("ratio: 2", "ratio: twice", "policies.fast.gates[2].ratio", 51, "is not a ratio"),
    case("then: alert", "then: rollback", "policies.fast.gates[2].then", 51, "blames neither release"),
    case("then: alert", "then: page", "policies.fast.gates[2].then", 51, "`rollback`, `alert`"),
    case("class: permanent", "class: fatal", "policies.fast.gates[3].class", 52, "`permanent`"),
    case("class: permanent", "measure: p99", "policies.fast.gates[3].measure", 52, "write `class: permanent`"),
    case("class: permanent, ", "", "policies.fast.gates[3].class", 52, "is missing"),
    case("class: permanent", "class: permanent, stage: plan", "policies.fast.gates[3].stage", 52, "measures none"),
    case("max: 2%", "max: 100%", "policies.fast.gates[3].max", 52, "below 100%"),
    case("max: 2%", "max: 2s", "policies.fast.gates[3].max", 52, "write a share like `2%`"),
    case("severity: warning", "severity: warning }\n      - { axis: error, class: permanent, max: 3%", "policies.fast.gates[4].measure", 53, "is `error/permanent/max` already"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    scorers: [{ name: a, type: contain }]", "workloads.agent.scorers[0].type", 41, "is not a type of scorer"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    scorers: [{ type: is-json }]", "workloads.agent.scorers[0].name", 41, "is missing"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    scorers: [{ name: a, type: assert-set, assert: [{ type: is-json, colour: red }] }]", "workloads.agent.scorers[0].assert[0].colour", 41, "is not a key of `is-json`"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    scorers: [{ name: a, type: is-json }, { name: a, type: is-json }]", "workloads.agent.scorers[1]", 41, "the name `a` of the scorer in line 41"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    scorers:\n      - name: a\n        type: contains\n        vlaue: x\n        value: y", "workloads.agent.scorers[0].vlaue", 44, "did you mean `value`?"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    scorers:\n      - name: a\n        type: http\n        url: http://a\n        timeout: ${NONE:-soon}", "workloads.agent.scorers[0].timeout", 45, "`${NONE:-soon}` is not a duration from 1ms to 600s; write it like `timeout: 10s`"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    scorers:\n      - name: a\n        type: is-json\n        type: equals", "workloads.agent.scorers[0].type", 44, "is given twice, first in line 43"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    scorers: [{ name: a, type: is-json, unit: session }]", "workloads.agent.scorers[0].unit", 41, "`session` is not a `turn` or `conversation`"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    scorers: [{ name: a, type: is-json, idle: 5m }]", "workloads.agent.scorers[0].idle", 41, "leave it out, or write `unit: conversation`"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    scorers: [{ name: a, type: is-json, gate: true }, { name: b, type: is-json, gate: true, unit: conversation }]", "workloads.agent.scorers[1]", 41, "another unit than the scorer `a`"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    scorers: [is-json]", "workloads.agent.scorers[0]", 41, "not a scorer"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    scorers: [{ name: a, type: http, url: nowhere }]", "workloads.agent.scorers[0].url", 41, "is not a URL"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    sampling: { stable: 120% }", "workloads.agent.sampling.stable", 41, "is not a share from 0%"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    redact: [{ pattern: '(' }]", "workloads.agent.redact[0].pattern", 41, "is not a regular expression"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    redact: [{ pattern: 'x*' }]", "workloads.agent.redact[0].pattern", 41, "matches where nothing is"),
    case("tenants: [wayne] }", "tenants: [wayne] }\n    redact: [{ pointer: a }]", "workloads.agent.redact[0].pointer", 41, "pointer"),
    case("workers: 2", "workers: 2\neval: { memory: 1KiB }", "eval.memory", 11, "is below 1MiB"),
    case("workers: 2", "workers: 2\neval: { per_message: 1GiB }", "eval.per_message", 11, "from 1KiB to 16MiB"),
    case("workers: 2", "workers: 2\notlp: { listen: '0.0.0.0:4318' }", "otlp.listen", 11, "there are no tokens"),
    case("workers: 2", "workers: 2\notlp: { listen: '127.0.0.1:8080' }", "listeners[0].address", 2, "is already the address for OTLP"),
    case("workers: 2", "workers: 2\notlp: { listen: '127.0.0.1:9900' }", "otlp.listen", 11, "is already the admin address"),
    case("workers: 2", "workers: 2\notlp: { tokens: [{ name: a, hash: secret }] }", "otlp.tokens[0].hash", 11, "is not a token hash"),
    case("workers: 2", "workers: 2\notlp: { sample: 200% }", "otlp.sample", 11, "100%"),
    case("workers: 2", "workers: 2\notlp: { max_stages: 33 }", "otlp.max_stages", 11, "32"),
    case("workers: 2", "workers: 2\notlp: { max_body: 1KiB }", "otlp.max_body", 11, "64KiB"),
    case("workers: 2", "workers: 2\notlp: { forward_to: { endpoint: 'collector:4318' } }", "otlp.forward_to.endpoint", 11, "http://host:4318"),
    case("workers: 2", "workers: 2\notlp: { forward_to: { endpoint: 'http://c:4318', tls: {} } }", "otlp.forward_to.tls", 11, "is for an `https://` collector"),
    case("workers: 2", "workers: 2\ntracing: { endpoint: 'http://c:4318', parents: none }\notlp: { parents: any }", "otlp.parents", 12, "is not `none`"),
    case("workers: 2", "workers: 2\nflags: {}", "flags.files", 11, "is missing"),
    case("workers: 2", "workers: 2\nflags: { files: [nowhere.json] }", "flags.files[0]", 11, "cannot be read"),
    case("workers: 2", "workers: 2\nflags: { files: [], listen: '0.0.0.0:8016' }", "flags.listen", 11, "there are no clients"),
    case("workers: 2", "workers: 2\nflags: { files: [], listen: '127.0.0.1:9900' }", "flags.listen", 11, "is already the admin address"),
    case("workers: 2", "workers: 2\nflags: { files: [], grpc: '0.0.0.0:8013' }", "flags.grpc", 11, "there are no clients"),
    case("workers: 2", "workers: 2\nflags: { files: [], listen: '127.0.0.1:8013', grpc: '127.0.0.1:8013' }", "flags.grpc", 11, "is already the address of the flags"),
    case("workers: 2", "workers: 2\nflags: { files: [], bucketing: v4 }", "flags.bucketing", 11, "`v1`"),
    case("workers: 2", "workers: 2\nflags: { files: [], origins: ['https://a.example.com/'] }", "flags.origins[0]", 11, "is not a web origin"),
    case("workers: 2", "workers: 2\nflags: { files: [], clients: [{ name: a, hash: secret }] }", "flags.clients[0].hash", 11, "is not a token hash"),
    case("    weight: 1%", "    shadow: { fraction: 1%, paths: [/] }", "workloads.agent.shadow.release", 26, "is missing"),
    case("    weight: 1%", "    shadow: { release: v2, paths: [/] }", "workloads.agent.shadow.fraction", 26, "is missing"),
    case("    weight: 1%", "    shadow: { release: v2, fraction: 1% }", "workloads.agent.shadow.paths", 26, "is missing"),
    case("    weight: 1%", "    shadow: { release: v2, fraction: 1%, paths: [] }", "workloads.agent.shadow.paths", 26, "is empty"),
    case("    weight: 1%", "    shadow: { release: v2, fraction: 1, paths: [/] }", "workloads.agent.shadow.fraction", 26, "is not a share"),
    case("    weight: 1%", "    shadow: { release: v1, fraction: 1%, paths: [/] }", "workloads.agent.shadow.release", 26, "is the stable release"),
    case("    weight: 1%", "    shadow: { release: v3, fraction: 1%, paths: [/] }", "workloads.agent.shadow.release", 26, "write one of: v1, v2"),
    case("    weight: 1%", "    shadow: { release: v2, fraction: 1%, paths: [v1] }", "workloads.agent.shadow.paths[0]", 26, "is not a path"),
    case("    weight: 1%", "    shadow: { release: v2, fraction: 1%, paths: [/v1*] }", "workloads.agent.shadow.paths[0]", 26, "has a `*` that does not stand alone"),
    case("    weight: 1%", "    shadow: { release: v2, fraction: 1%, paths: [/a/../*] }", "workloads.agent.shadow.paths[0]", 26, "`..` in it"),
    case("    weight: 1%", "    shadow: { release: v2, fraction: 1%, paths: [/], methods: [post] }", "workloads.agent.shadow.methods[0]", 26, "in upper case"),
    case("    weight: 1%", "    shadow: { release: v2, fraction: 1%, paths: [/], methods: [] }", "workloads.agent.shadow.methods", 26, "is empty"),
    case("    weight: 1%", "    shadow: { release: v2, fraction: 1%, paths: [/], in_flight: 0 }", "workloads.agent.shadow.in_flight", 26, "from 1 to 10000"),
    case("    weight: 1%", "    shadow: { release: v2, fraction: 1%, paths: [/], body: 1GiB }", "workloads.agent.shadow.body", 26, "from 1B to 64MiB"),
    case("    weight: 1%", "    shadow: { release: v2, fraction: 1%, paths: [/], timeout: 0s }", "workloads.agent.shadow.timeout", 26, "is zero"),
    case("    weight: 1%", "    shadow: { release: v2, fraction: 1%, paths: [/], mirror: yes }", "workloads.agent.shadow.mirror", 26, "is not a known key"),
    case("    weight: 1%", "    shadow: { release: v2, fraction: 1%, paths: [/], score: maybe }", "workloads.agent.shadow.score", 26, "maybe"),
    case("    weight: 1%", "    follow: true", "workloads.agent.follow", 26, "not supported by this version"),
];
