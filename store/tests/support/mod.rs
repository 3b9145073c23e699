//! Helpers that the tests of both stores share: a workload, its changes, records, and processes to
//! kill.
#![allow(dead_code, reason = "each test binary uses its part")]

use stagegate_rollout::{
    Arm, Command, KeyKind, Outcome, Reason, Record, RecordBatch, Weight, WorkloadName,
    WorkloadSpec, WorkloadState, apply,
};
use stagegate_store::NewAudit;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

pub(crate) fn spec(name: &str) -> WorkloadSpec {
    let release = |name: &str| name.parse().expect("a name");
    WorkloadSpec {
        name: name.parse().expect("a name"),
        releases: BTreeSet::from(["v1", "v2"].map(release)),
        stable: release("v1"),
        candidate: Some(release("v2")),
        initial_weight: Weight::ZERO,
        salt: None,
        sticky: Default::default(),
        on_rollback: Default::default(),
        fallback: Default::default(),
        cohorts: Vec::new(),
        exclusions: BTreeMap::new(),
        allow: Default::default(),
        deny: Default::default(),
        membership: Default::default(),
    }
}

pub(crate) fn initial(name: &str) -> (WorkloadName, WorkloadState) {
    let spec = spec(name);
    let state = WorkloadState::initial(&spec);
    (spec.name, state)
}

/// The state of workload `name` once the weight was set to `parts`/100000.
pub(crate) fn at_weight(name: &str, parts: u32) -> (WorkloadName, WorkloadState) {
    let weight = Weight::from_parts(parts).expect("in range");
    let (key, state) = initial(name);
    let command = Command::SetWeight { weight };
    let change = apply(&spec(name), &state, &command, "ann", "", 0).expect("allowed");
    (key, change.state)
}

pub(crate) fn entry(summary: &str) -> NewAudit {
    NewAudit {
        at_ms: 1_700_000_000_000,
        actor: "ann".to_owned(),
        workload: Some("agent".to_owned()),
        action: "set_weight".to_owned(),
        reason: "more evidence".to_owned(),
        summary: summary.to_owned(),
        details: serde_json::json!({ "weight": "10%" }),
    }
}

pub(crate) fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_millis() as u64
}

/// A time-ordered id: a UUIDv7 of this time, as random to look at as a real one.
pub(crate) fn own_id(at_ms: u64, number: u64) -> String {
    let random = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (high, low) = (at_ms >> 16, at_ms & 0xffff);
    format!("{high:08x}-{low:04x}-7{:03x}-8abc-{:012x}", random >> 52, random & 0xffff_ffff_ffff)
}

/// A record with some variety in what does not matter to a test.
pub(crate) fn record<'a>(request_id: &'a str, at_ms: u64, tenant: &'a str) -> Record<'a> {
    Record {
        request_id,
        at_ms,
        workload: "agent",
        release: "v1",
        arm: Arm::Stable,
        reason: Reason::Default,
        detail: "",
        epoch: 7,
        key: KeyKind::User,
        bucket: Some(70_000),
        weight: 10_000,
        tenant,
        user: "someone",
        conversation: "",
        status: 200,
        outcome: Outcome::Ok,
        duration_us: 1000 + at_ms % 977,
        first_byte_us: 100 + at_ms % 97,
        retries: 0,
        shadowed: false,
        spent: None,
        flags: "",
    }
}

pub(crate) fn batch<'a>(records: impl IntoIterator<Item = Record<'a>>) -> RecordBatch {
    let mut batch = RecordBatch::default();
    records.into_iter().for_each(|record| batch.push(&record));
    batch
}

/// Environment variable that tells a test binary it was started as a child, and where to work.
pub(crate) const CHILD_DIR: &str = "STAGEGATE_TEST_CHILD_DIR";

/// This test binary once more, running only the test `name` in `dir`. `wrapper` is what starts it,
/// for what must be arranged before it runs.
pub(crate) fn child(
    wrapper: &[&str],
    name: &str,
    dir: &Path,
) -> (Child, impl Iterator<Item = String>) {
    let program = std::env::current_exe().expect("this program");
    let mut words = wrapper.iter().map(std::ffi::OsStr::new).chain([program.as_os_str()]);
    let mut child = std::process::Command::new(words.next().expect("a program"))
        .args(words)
        .args(["--exact", name, "--nocapture", "--ignored"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let out: ChildStdout = child.stdout.take().expect("piped");
    let said = BufReader::new(out).lines().map_while(Result::ok);
    // The test runner's own lines come between; ours begin with a colon, and a torn one is none.
    let said = said.filter_map(|line| {
        let at = line.find("::")?;
        line[at + 2..].strip_suffix(';').map(str::to_owned)
    });
    (child, said)
}

/// The directory this process shall work in as a child.
pub(crate) fn child_dir() -> std::path::PathBuf {
    std::env::var_os(CHILD_DIR).expect("started by another test").into()
}

/// Says something to the parent.
pub(crate) fn say(word: impl std::fmt::Display) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "::{word};").and_then(|()| out.flush()).expect("said");
}

/// A number that differs from run to run, below `limit`.
pub(crate) fn any_below(limit: u64) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) % limit
}
