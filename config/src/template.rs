//! The commented file a new user starts from.

/// A commented configuration with these two backends, both written `http://host:port`. It passes
/// the checks as it is, sends everything to stable and needs no environment. `framework` is one of
/// [`FRAMEWORKS`], or another word for none in particular.
#[must_use]
pub fn template(stable_url: &str, candidate_url: &str, framework: &str) -> String {
    let known = FRAMEWORKS.iter().find(|(name, _)| *name == framework);
    let conversation = known.map_or(ANY, |(_, sources)| sources);
    TEMPLATE
        .replace("{stable}", stable_url)
        .replace("{candidate}", candidate_url)
        .replace("{conversation}", conversation)
}

/// Where a conversation's id may be, whatever the clients are.
const ANY: &str = "[{ header: x-conversation-id }, learned]";
const HEADER: &str = "[{ header: x-conversation-id }]";
const BACKEND: &str = "[learned]";

/// Frameworks and where their conversations' ids are: docs/how-to/conversations.md.
pub const FRAMEWORKS: &[(&str, &str)] = &[
    ("openai", ANY),
    ("openai-responses", BACKEND),
    ("vercel", HEADER),
    ("anthropic", "[{ header: x-conversation-id }, { body: /metadata/user_id }, learned]"),
    ("google-genai", ANY),
    ("langchain", HEADER),
    ("langgraph", BACKEND),
    ("pydantic-ai", HEADER),
    ("mcp", BACKEND),
    ("a2a", BACKEND),
    ("bedrock", BACKEND),
];

const TEMPLATE: &str = r#"# Stagegate configuration. Every key: docs/reference/config.md.
# Check it with `stagegate check stagegate.yaml`, run it with `stagegate serve -c stagegate.yaml`.

# Where your clients connect.
listeners:
  - address: 127.0.0.1:8080

# The control plane. Without tokens it stays on this machine. To open it to others, make a token
# with `stagegate token new` and list it here.
admin:
  address: 127.0.0.1:9900
  # tokens:
  #   - { name: deployer, role: operator, hash: "${DEPLOYER_TOKEN_HASH}" }

# State and the decision log; relative to this file.
data_dir: ./stagegate-data

workloads:
  agent:
    # Everything that arrives; narrow it with host, path_prefix or headers.
    match:
      - path_prefix: /

    # Where a request says who it is for. The first source that yields something wins.
    # `from: anyone` believes every client. Behind a gateway, name it in `trusted_proxies` and remove
    # the line. Which framework needs what for conversations: docs/how-to/conversations.md.
    identity:
      from: anyone
      tenant: [{ header: x-tenant-id }]
      user: [{ header: x-user-id }]
      conversation: {conversation}

    # The versions of your backend. Pin what each is made of: a release never changes.
    releases:
      v1:
        endpoints: ["{stable}"]
        artifact: { model: model-1, prompt: prompt-1 }
      v2:
        endpoints: ["{candidate}"]
        artifact: { model: model-1, prompt: prompt-2 }

    # Everyone gets v1 until you move the weight: `stagegate weight agent 10% --reason "first look"`.
    # One step back at any time: `stagegate rollback agent --reason "slower"`.
    stable: v1
    candidate: v2
    weight: 0%
    sticky: conversation

    # Tenants that go first, and tenants that go last.
    # cohorts:
    #   - { name: pilots, tenants: [acme, globex] }
    # exclusions:
    #   regulated: [medco]

    # An endpoint that does not answer gets no requests. Better: `http: /healthz`.
    health: { tcp: true, every: 5s }
"#;
