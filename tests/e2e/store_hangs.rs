//! A store whose `fsync` does not return: the way back does not wait for it, and what was done
//! meanwhile is recorded at last, also when the process is killed in between.

use crate::harness::{Backend, Setup, Stagegate, Workload, eventually_async, free_address};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// While the file named by `E2E_HANG` exists, `fsync` and `fdatasync` do not return.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

static void hang(void) {
    const char *trigger = getenv("E2E_HANG");
    struct stat found;
    struct timespec moment = {0, 20000000};
    while (trigger && stat(trigger, &found) == 0) nanosleep(&moment, 0);
}

int fsync(int fd) {
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    hang();
    return next(fd);
}

int fdatasync(int fd) {
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    hang();
    return next(fd);
}
"#;

/// Builds the shim in `dir`.
fn shim(dir: &Path) -> PathBuf {
    let (source, library) = (dir.join("hang.c"), dir.join("hang.so"));
    std::fs::write(&source, SHIM).expect("write the shim");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).arg("-ldl");
    assert!(cc.status().expect("a C compiler").success(), "the shim compiles");
    library
}

struct Disk {
    dir: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Disk {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let library = shim(dir.path()).display().to_string();
        let trigger = dir.path().join("trigger").display().to_string();
        let environment =
            vec![("LD_PRELOAD".to_owned(), library), ("E2E_HANG".to_owned(), trigger)];
        Self { dir, environment }
    }

    fn hang(&self) {
        std::fs::write(self.dir.path().join("trigger"), "").expect("the trigger");
    }

    fn go_on(&self) {
        std::fs::remove_file(self.dir.path().join("trigger")).expect("the trigger goes");
    }
}

/// Rolls back while the store hangs; nothing reaches the candidate after the answer.
async fn roll_back(stagegate: &Stagegate, candidate: &Backend) {
    // Somebody's change is on its way into the store.
    let admin = stagegate.admin.clone();
    let line = "PUT /v1/workloads/agent/weight";
    let body = json!({ "weight": "60%", "reason": "a late one" });
    let late = tokio::spawn(async move { admin.call(line, &[], Some(&body)).await });
    tokio::time::sleep(Duration::from_millis(300)).await;

    let asked = Instant::now();
    let done = stagegate.admin.rollback().await.ok();
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(done.json["recorded"], false, "{}", done.json);
    assert_eq!(done.json["rollback"]["settled"], true, "{}", done.json);
    let arrived = candidate.arrivals();
    for _ in 0..50 {
        assert_eq!(stagegate.get("/", &[]).await.status(), 200);
    }
    assert_eq!(candidate.arrivals(), arrived, "nothing reaches the candidate");

    let late = late.await.expect("it is answered");
    assert_eq!(late.status, 503, "{}", late.json);
    let detail = late.json["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains("may still take effect"), "{detail}");
    for path in ["/readyz", "/v1/status", "/metrics"] {
        let asked = Instant::now();
        assert_eq!(stagegate.admin.get(path).await.status, 200, "{path}");
        assert!(asked.elapsed() < Duration::from_secs(1), "{path}");
    }
    let asked = Instant::now();
    let read = stagegate.admin.get("/v1/audit").await;
    assert!(asked.elapsed() < Duration::from_secs(4), "{} {}", read.status, read.json);
    let status = stagegate.admin.get("/v1/status").await.json;
    assert_eq!(status["store"]["healthy"], false, "{status}");
}

async fn is_recorded(stagegate: &Stagegate) {
    eventually_async("the record", async || {
        let audit = stagegate.admin.get("/v1/audit?limit=5").await;
        audit.status == 200 && audit.json["entries"][0]["action"] == "rollback"
    })
    .await;
    assert_eq!(stagegate.admin.get("/v1/audit/verify").await.ok().json["intact"], true);
    let workload = stagegate.admin.workload().await;
    assert_eq!(workload["weight"], "0%", "{workload}");
    assert!(workload["closed"].is_object(), "{workload}");
}

async fn started(disk: &Disk) -> (Stagegate, Backend, Backend) {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let workload = Workload::canary(&stable, &candidate).with("weight", "50%");
    let workload = workload.with("sticky", "request");
    let stagegate = Stagegate::start_under(&Setup::of(workload), &disk.environment).await;
    for _ in 0..20 {
        stagegate.get("/", &[]).await;
    }
    assert!(candidate.arrivals() > 0, "the candidate has traffic");
    (stagegate, stable, candidate)
}

#[tokio::test]
async fn a_rollback_takes_effect_and_is_recorded_when_the_store_wakes() {
    let disk = Disk::new();
    let (stagegate, _stable, candidate) = started(&disk).await;
    disk.hang();
    roll_back(&stagegate, &candidate).await;
    let arrived = candidate.arrivals();
    disk.go_on();
    is_recorded(&stagegate).await;
    let audit = stagegate.admin.get("/v1/audit?limit=2").await.ok().json;
    assert_eq!(audit["entries"][1]["action"], "set_weight", "the late one came through");
    for _ in 0..50 {
        assert_eq!(stagegate.get("/", &[]).await.status(), 200);
    }
    assert_eq!(candidate.arrivals(), arrived, "and opened nothing");
}

#[tokio::test]
async fn a_rollback_outlives_the_process_although_the_store_never_took_it() {
    let disk = Disk::new();
    let (stagegate, _stable, candidate) = started(&disk).await;
    disk.hang();
    roll_back(&stagegate, &candidate).await;
    let arrived = candidate.arrivals();
    stagegate.kill_hard();
    disk.go_on();
    stagegate.restart().await;
    for _ in 0..50 {
        assert_eq!(stagegate.get("/", &[]).await.status(), 200);
    }
    assert_eq!(candidate.arrivals(), arrived, "still rolled back");
    is_recorded(&stagegate).await;
}

/// The backend's `stagegate-flags` of a request of a tenant.
async fn forwarded(stagegate: &Stagegate, stable: &Backend, tenant: &str) -> String {
    assert_eq!(stagegate.get("/", &[("x-tenant-id", tenant)]).await.status(), 200);
    stable.last().head.get("stagegate-flags").unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_flag_is_switched_off_for_one_tenant_while_the_store_hangs() {
    let disk = Disk::new();
    let file = disk.dir.path().join("flags.json");
    let text = r#"{"flags": {"refunds": {"state": "ENABLED", "variants": {"on": true, "off": false},
        "defaultVariant": "on"}}}"#;
    std::fs::write(&file, text).expect("written");
    let stable = Backend::start("stable");
    let workload = Workload::new(&stable).with("forward_flags", "[refunds]");
    let flags = format!("{{ listen: \"{}\", files: [\"{}\"] }}", free_address(), file.display());
    let setup = Setup::of(workload).with("flags", &flags);
    let stagegate = Stagegate::start_under(&setup, &disk.environment).await;
    assert_eq!(forwarded(&stagegate, &stable, "acme").await, "refunds=on;by=static");
    disk.hang();
    let asked = Instant::now();
    let done =
        stagegate.cli(&["flag", "deny", "refunds", "tenant", "acme", "--reason", "incident"]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && said.contains("! not recorded yet"), "{said}");
    assert!(said.contains("workers and the server of flags followed within"), "{said}");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(forwarded(&stagegate, &stable, "acme").await, "refunds=off;by=denied");
    assert_eq!(forwarded(&stagegate, &stable, "globex").await, "refunds=on;by=static");
    stagegate.kill_hard();
    disk.go_on();
    stagegate.restart().await;
    assert_eq!(forwarded(&stagegate, &stable, "acme").await, "refunds=off;by=denied");
    eventually_async("the record", async || {
        let audit = stagegate.admin.get("/v1/audit?limit=5").await;
        audit.status == 200
            && audit.json["entries"].as_array().is_some_and(|entries| {
                entries.iter().any(|it| it["action"] == "flag_deny" && it["reason"] == "incident")
            })
    })
    .await;
    assert_eq!(stagegate.admin.get("/v1/audit/verify").await.ok().json["intact"], true);
}
