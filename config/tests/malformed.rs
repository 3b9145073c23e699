//! Tests of invalid files and their messages: the key, the line, the problem and the correction.

mod cases;

use cases::{BASE, CASES, Case};
use stagegate_config::{Config, Loaded, Problem, Problems};
use std::path::Path;

fn env(name: &str) -> Option<String> {
    match name {
        "FORCE" => Some("a secret of more than 16 bytes".to_owned()),
        "SHORT" => Some("hunter2".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn parse(text: &str) -> Result<Loaded, Problems> {
    Config::parse(text, "stagegate.yaml", Path::new(env!("CARGO_MANIFEST_DIR")), &env)
}

fn problems(text: &str) -> Vec<Problem> {
    parse(text).expect_err("the file is wrong").0
}

/// The base file with one part replaced.
fn changed(from: &str, to: &str) -> String {
    assert_eq!(BASE.matches(from).count(), 1, "`{from}` must be in the base file exactly once");
    BASE.replace(from, to)
}

#[test]
fn the_base_file_is_right() {
    let loaded = parse(BASE).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
}

#[test]
fn every_mistake_gets_one_clear_answer() {
    assert!(CASES.len() >= 120, "{} cases", CASES.len());
    let mut wrong = Vec::new();
    for Case { from, to, key, line, says } in CASES {
        let found = problems(&changed(from, to));
        let right = matches!(found.as_slice(), [problem]
            if problem.key == *key && problem.line == *line && problem.to_string().contains(says));
        let hinted = found.iter().all(|problem| !problem.hint.is_empty());
        if !right || !hinted {
            wrong.push(format!("{to:?} wanted {key}:{line} {says:?}\n  got {}", Problems(found)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_proxy_header_needs_somebody_who_may_send_it() {
    let text = BASE
        .replace("address: 127.0.0.1:8080", "address: 127.0.0.1:8080\n    proxy_protocol: true")
        .replace("[10.0.0.0/8]", "[]");
    let found = problems(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].line, found[0].key.as_str()), (3, "listeners[0].proxy_protocol"));
    // Whoever reaches a Unix socket was let in by its permissions.
    assert!(parse(&text.replace("127.0.0.1:8080", "unix:/run/a.sock")).is_ok());
}

#[test]
fn all_problems_come_at_once_and_in_order() {
    let text = BASE
        .replace("weight: 1%", "weight: 110%")
        .replace("workers: 2", "workers: 0")
        .replace("stable: v1", "stable: v9")
        .replace("sticky: tenant", "stiky: tenant")
        .replace("connect: 2s", "connect: fast")
        .replace("http://10.0.0.2:80", "ftp://10.0.0.2:80")
        .replace("[acme]", "[acme, '']")
        .replace("watch: 1h", "hold: 1h")
        .replace("margin: 1pp", "margin: 1%")
        .replace("requests: 200", "scored: 200");
    let found = problems(&text);
    let places: Vec<(u32, &str)> = found.iter().map(|p| (p.line, p.key.as_str())).collect();
    assert_eq!(
        places,
        [
            (10, "workers"),
            (23, "workloads.agent.releases.v2.endpoints[0]"),
            (24, "workloads.agent.stable"),
            (26, "workloads.agent.weight"),
            (27, "workloads.agent.stiky"),
            (29, "workloads.agent.cohorts[0].tenants[1]"),
            (34, "workloads.agent.timeouts.connect"),
            (46, "policies.fast.steps[1].watch"),
            (47, "policies.fast.steps[1].hold"),
            (49, "policies.fast.gates[0].margin"),
            (50, "policies.fast.gates[1].scored"),
        ]
    );
}

#[test]
fn a_problem_is_printed_on_one_line_with_place_value_and_remedy() {
    let found = problems(&changed("weight: 1%", "weight: 110%"));
    assert_eq!(
        found[0].to_string(),
        "stagegate.yaml:26:13: workloads.agent.weight: `110%` is not a share from 0% to 100% in \
         steps of 0.001%; write a share like `10%` or `0.5%`"
    );
}

#[test]
fn secrets_are_never_repeated() {
    let hash = format!("sha256:{}", "0".repeat(64));
    for (from, to) in [
        (hash.as_str(), "hunter2-is-the-token"),
        ("\"${FORCE}\"", "hunter2"),
        ("\"${FORCE}\"", "\"${SHORT}\""),
        ("{ secret: \"${FORCE}\" }", "hunter2"),
        ("{ secret: \"${FORCE}\" }", "[hunter2]"),
        ("secret: \"${FORCE}\"", "sekret: hunter2, secret: hunter2"),
        ("{ secret: \"${FORCE}\" }", "{ secret: { hunter2: hunter2 } }"),
    ] {
        let found = Problems(problems(&changed(from, to)));
        assert!(!found.to_string().contains("hunter2"), "{found}");
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    }
    let loaded = parse(&changed("\"${FORCE}\"", "hunter2-hunter2-hunter2")).expect("no problems");
    assert!(!format!("{loaded:?}").contains("hunter2"));
}

#[test]
fn values_from_the_environment_are_shown_as_written() {
    let found = problems(&changed("weight: 1%", "weight: \"${SHORT}\""));
    assert_eq!(found[0].value.as_deref(), Some("${SHORT}"));
    assert!(!found[0].to_string().contains("hunter2"));
    let loaded = parse(&changed("weight: 1%", "weight: \"${NO_SUCH:-2}%\"")).expect("no problems");
    assert_eq!(loaded.config.workloads[0].spec.initial_weight.to_string(), "2%");
}

#[test]
fn a_tenant_in_two_cohorts_is_found_in_its_file_and_line() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("mid.txt"), "# mid\nhooli\n\nacme\n").expect("written");
    let text =
        changed("tenants: [acme] }", "tenants: [acme] }, { name: mid, tenants: ['file:mid.txt'] }");
    let found = Config::parse(&text, "stagegate.yaml", dir.path(), &env).expect_err("wrong").0;
    assert_eq!(found.len(), 1);
    assert!(found[0].file.ends_with("mid.txt"), "{}", found[0]);
    assert_eq!((found[0].line, found[0].value.as_deref()), (4, Some("acme")));
    assert_eq!(found[0].key, "workloads.agent.cohorts[1].tenants[0]");
}

#[test]
fn problems_without_end_are_cut_short() {
    let dir = tempfile::tempdir().expect("a directory");
    let many: String = (0..5000).map(|n| format!("t-{n}\n")).collect();
    std::fs::write(dir.path().join("all.txt"), many).expect("written");
    let text = changed(
        "[{ name: pilots, tenants: [acme] }]",
        "[{ name: a, tenants: ['file:all.txt'] }, { name: b, tenants: ['file:all.txt'] }]",
    );
    let found = Config::parse(&text, "stagegate.yaml", dir.path(), &env).expect_err("wrong").0;
    assert_eq!(found.len(), 1001);
    assert!(found[1000].message.contains("4000 more"), "{}", found[1000]);
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let load = |name: &str| Config::load(&dir.path().join(name)).expect_err("wrong").to_string();
    assert!(load("none.yaml").contains("cannot be read"));
    assert!(load(".").contains("cannot be read"));
    std::fs::write(dir.path().join("latin1.yaml"), b"listeners: \xe9").expect("written");
    assert!(load("latin1.yaml").contains("is not UTF-8"));
    std::fs::write(dir.path().join("empty.yaml"), "").expect("written");
    let answer = load("empty.yaml");
    assert!(answer.contains("listeners: is missing") && answer.contains("workloads: is missing"));
}

/// Allowed but doubtful configurations: the text to replace, its replacement, the key and a part of
/// the message.
const DOUBTS: [(&str, &str, &str, &str); 14] = [
    ("[initech]", "[initech, acme]", "workloads.agent.exclusions.high[1]", "in cohort `pilots`"),
    ("[{ header: x-tenant }]", "[]", "workloads.agent.cohorts[0].name", "no request has a tenant"),
    ("sticky: tenant", "sticky: user", "workloads.agent.sticky", "nothing to stick to"),
    ("http://10.0.0.2:80", "http://10.0.0.1:80", "workloads.agent.candidate", "shares an endpoint"),
    ("[10.0.0.0/8]", "[0.0.0.0/0]", "trusted_proxies[0]", "trusts every client"),
    ("total: 30m", "total: 1s", "workloads.agent.timeouts.total", "shorter than `connect`"),
    (
        "every: 5s",
        "every: 1s, timeout: 2s",
        "workloads.agent.health.timeout",
        "longer than the time",
    ),
    (
        "users: [u-1] }",
        "users: [u-1] }\n    deny: { users: [u-1] }",
        "workloads.agent.allow.users[0]",
        "denied too",
    ),
    ("[acme]", "[]", "workloads.agent.cohorts[0].name", "has no tenants"),
    (
        "[{ header: x-tenant }]",
        "[{ header: x-tenant }, { header: x-tenant }]",
        "workloads.agent.identity.tenant[1]",
        "listed twice",
    ),
    (
        "[learned]",
        "[learned]\n      jwt: { secret: 0123456789abcdef0123456789abcdef }",
        "workloads.agent.identity.jwt",
        "not used by any source",
    ),
    (
        "[learned]",
        "[{ jwt: c }]\n      jwt: { secret: 0123456789abcdef }",
        "workloads.agent.identity.jwt.secret",
        "shorter than the 32 bytes",
    ),
    ("policy: fast", "policy: default", "policies.fast", "used by no workload"),
    (
        "    policy: fast\n",
        "    policy: fast\n    ejection: { time: 10m }\n",
        "workloads.agent.ejection.time",
        "longer than `longest`",
    ),
];

#[test]
fn doubts_are_warnings_and_do_not_stop_anything() {
    for (from, to, key, says) in &DOUBTS {
        let loaded =
            parse(&changed(from, to)).unwrap_or_else(|problems| panic!("{to}: {problems}"));
        let found = loaded.warnings.iter().any(|w| w.key == *key && w.message.contains(says));
        assert!(found, "{to}: {:?}", loaded.warnings);
    }
}

#[test]
fn an_admin_api_without_tokens_is_doubtful_on_loopback_and_wrong_elsewhere() {
    let start = BASE.find("  tokens:").expect("tokens");
    let end = BASE.find("data_dir").expect("the next key");
    let open = format!("{}{}", &BASE[..start], &BASE[end..]);
    let loaded = parse(&open).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings.len(), 1);
    assert_eq!(loaded.warnings[0].key, "admin.tokens");

    let found = problems(&open.replace("127.0.0.1:9900", "0.0.0.0:9900"));
    assert_eq!((found.len(), found[0].key.as_str()), (1, "admin.address"));
    assert!(found[0].message.contains("no tokens"));
}
