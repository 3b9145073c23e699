//! The admin API's socket in the data directory, and a data directory that is lost.

use crate::harness::{Backend, Setup, Stagegate, Workload, eventually, eventually_async};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;

async fn canary() -> (Backend, Backend, Stagegate) {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let workload = Workload::canary(&stable, &candidate).with("weight", "50%");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    (stable, candidate, stagegate)
}

#[tokio::test]
async fn the_command_line_uses_the_socket() {
    let (_stable, _candidate, stagegate) = canary().await;
    let data = stagegate.config_path().with_file_name("data");
    let socket = data.join("admin.sock");
    let mode = std::fs::metadata(&socket).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let admin = format!("unix:{}", socket.display());
    let rolled_back =
        stagegate.cli(&["--admin", &admin, "rollback", "agent", "--reason", "by the other door"]);
    assert!(rolled_back.status.success(), "{}", String::from_utf8_lossy(&rolled_back.stderr));
    assert_eq!(stagegate.admin.workload().await["open"], false);
    let audit = stagegate.admin.get("/v1/audit?limit=1").await.ok().json;
    assert_eq!(audit["entries"][0]["actor"], "local");
    let nobody = stagegate.cli(&["--admin", "unix:/nonexistent/admin.sock", "status"]);
    assert_eq!(nobody.status.code(), Some(3));
}

#[tokio::test]
async fn a_lost_database_does_not_start_with_the_weight_of_the_file() {
    let (_stable, _candidate, stagegate) = canary().await;
    stagegate.admin.rollback().await;
    let data = stagegate.config_path().with_file_name("data");
    stagegate.kill_hard();
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(data.join(name));
    }
    stagegate.start_again(&[]);
    assert_eq!(stagegate.ended().await.code(), Some(1));
    let log = stagegate.log();
    assert!(log.contains("witness.json knows") && log.contains("--safe-start"), "{log}");
}

#[tokio::test]
async fn a_directory_that_disappears_stops_changes_and_no_rollback() {
    let (_stable, _candidate, stagegate) = canary().await;
    let data = stagegate.config_path().with_file_name("data");
    // The process goes on writing files meanwhile, so that one attempt may find a new one.
    eventually("the directory to be gone", || std::fs::remove_dir_all(&data).is_ok()).await;
    eventually_async("status to say so", async || {
        stagegate.admin.get("/v1/status").await.ok().json["store"]["healthy"] == false
    })
    .await;
    let line = "PUT /v1/workloads/agent/weight";
    let refused =
        stagegate.admin.call(line, &[], Some(&json!({ "weight": "60%", "reason": "x" }))).await;
    assert_eq!(refused.status, 503, "{}", refused.json);
    let rolled_back = stagegate.admin.rollback().await;
    assert_eq!(rolled_back.json["recorded"], false);
    assert_eq!(stagegate.admin.workload().await["open"], false);
}
