//! `stagegate demo`: its address comes first, and its story can be watched.

use crate::harness::stagegate::BINARY;
use crate::harness::{Admin, eventually_async};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

/// A demo that ends with the test.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_turns_bad_is_rolled_back_before_the_eyes_of_whoever_opens_the_address() {
    let mut command = Command::new(BINARY);
    command.args(["demo", "--bad-after", "2s", "--port", "0", "--admin-port", "0"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut demo = Demo(command.spawn().expect("started"));
    let mut printed = BufReader::new(demo.0.stdout.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("http://") {
        line.clear();
        assert!(printed.read_line(&mut line).expect("readable") > 0, "no address");
    }
    assert!(line.trim().starts_with("dashboard"), "another address comes first: {line}");
    let (at, page) =
        line.split_once("http://").expect("an address").1.split_once('/').expect("a page");
    let admin = Admin::new(at.parse().expect("an address"));
    // Nobody has to sign in: it answers on this machine only.
    let shown = admin.get(&format!("/{}", page.trim())).await;
    assert_eq!(shown.status, 200);
    let text = shown.response.text();
    assert!(text.contains("To stop it") && text.contains("Rollout v1"), "{text}");
    let current = "/v1/workloads/support-agent/rollouts/current";
    eventually_async("the candidate to be rolled back", async || {
        admin.get(current).await.ok().json["phase"] == "rolled_back"
    })
    .await;
    assert_eq!(admin.get(current).await.ok().json["since"]["by"], "stagegate");
    let pid = Pid::from_raw(demo.0.id().cast_signed()).expect("a process id");
    kill_process(pid, Signal::INT).expect("interrupted");
    let mut summary = String::new();
    printed.read_to_string(&mut summary).expect("readable");
    let status = demo.0.wait().expect("ended");
    assert!(status.success() && summary.contains("In "), "{status}: {summary}");
}
