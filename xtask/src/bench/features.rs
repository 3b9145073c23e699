//! Set-ups that have one thing on and are bare otherwise, to tell what each thing costs.

use crate::bench::template::Values;

/// One thing that can be on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Feature {
    /// Its name in the tables.
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// Keys of the configuration's top, each with its value on the same line.
    top: &'static [(&'static str, &'static str)],
    /// Keys of the workload.
    workload: &'static [(&'static str, &'static str)],
}

/// Keys of a bare splitter that a feature may set to something else.
const BARE_TOP: &[(&str, &str)] = &[("decision_log", "{ enabled: false }")];
const BARE_WORKLOAD: &[(&str, &str)] = &[("protocol", "plain"), ("sticky", "request")];

const HEADERS: &str = "{ tenant: [{ header: x-tenant-id }], user: [{ header: x-user-id }], \
     conversation: [{ header: x-session-id }] }";

/// All of them, in the order of the table.
pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "identity-header",
        what: "tenant, user and conversation by header",
        top: &[],
        workload: &[("identity", HEADERS)],
    },
    Feature {
        name: "identity-jwt",
        what: "user by a verified token",
        top: &[],
        workload: &[("identity", "{ user: [{ jwt: sub }], jwt: { secret: \"{{jwt_secret}}\" } }")],
    },
    Feature {
        name: "identity-body",
        what: "user by a field of the 2 KiB body",
        top: &[],
        workload: &[("identity", "{ user: [{ body: /user }] }")],
    },
    Feature {
        name: "sticky",
        what: "identity by header, and sticky by user",
        top: &[],
        workload: &[("identity", HEADERS), ("sticky", "user")],
    },
    Feature {
        name: "flags-five",
        what: "five forwarded flags, and identity by header",
        top: &[("flags", "{ listen: \"127.0.0.1:{{extra_port}}\", files: [\"{{flags}}\"] }")],
        workload: &[("identity", HEADERS), ("forward_flags", "[\"*\"]")],
    },
    Feature {
        name: "decision-log",
        what: "decision log",
        top: &[("decision_log", "{ enabled: true }")],
        workload: &[],
    },
    Feature {
        name: "usage-json",
        what: "tokens and price of a JSON answer",
        top: &[],
        workload: &[("protocol", "openai-chat"), ("cost", "{ prices: builtin }")],
    },
    Feature {
        name: "sampling",
        what: "5% of the answers copied and scored, at most 100 a second of each arm",
        top: &[],
        workload: &[
            ("protocol", "openai-chat"),
            ("sampling", "{ stable: 5%, candidate: 5% }"),
            ("scorers", "[{ name: in-json, type: is-json, gate: true }]"),
        ],
    },
    Feature {
        name: "tracing",
        what: "traces of 1% of the requests",
        top: &[("tracing", "{ endpoint: \"http://127.0.0.1:{{stable_port}}\", sample: 1% }")],
        workload: &[],
    },
    Feature {
        name: "shadow",
        what: "1% of the requests copied to a shadow, not scored",
        top: &[],
        workload: &[(
            "shadow",
            "{ release: v3, fraction: 1%, methods: [POST], paths: [/v1/*], score: false }",
        )],
    },
    Feature {
        name: "otlp",
        what: "awaiting the agents' traces of every request",
        top: &[("otlp", "{ listen: \"127.0.0.1:{{extra_port}}\", wait: 1s }")],
        workload: &[],
    },
];

impl Feature {
    /// The feature of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        FEATURES.iter().find(|feature| feature.name == name)
    }

    /// True if it writes every request into a decision log.
    pub(super) fn logs_decisions(&self) -> bool {
        self.top.contains(&("decision_log", "{ enabled: true }"))
    }

    /// The lines for `{{top}}` and `{{workload}}` of `stagegate/feature.yaml`.
    pub(super) fn values(&self) -> Values {
        vec![
            ("top", lines(BARE_TOP, self.top, "")),
            ("workload", lines(BARE_WORKLOAD, self.workload, "    ")),
        ]
    }
}

/// `key: value` lines: the defaults that are not set anew, then what is set.
fn lines(defaults: &[(&str, &str)], set: &[(&str, &str)], indent: &str) -> String {
    let is_set = |key: &str| set.iter().any(|(other, _)| *other == key);
    let kept = defaults.iter().filter(|(key, _)| !is_set(key));
    let lines: Vec<String> =
        kept.chain(set).map(|(key, value)| format!("{key}: {value}")).collect();
    lines.join(&format!("\n{indent}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_replaces_the_bare_value_and_keeps_the_others() {
        let [top, workload] = &Feature::named("sticky").expect("there").values()[..] else {
            panic!("two values");
        };
        assert_eq!(top.1, "decision_log: { enabled: false }");
        assert!(workload.1.starts_with("protocol: plain\n    identity: "), "{}", workload.1);
        assert!(workload.1.ends_with("\n    sticky: user"), "{}", workload.1);
        assert!(Feature::named("decision-log").expect("there").logs_decisions());
    }
}
