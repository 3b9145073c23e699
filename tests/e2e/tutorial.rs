//! The tutorial, run as it stands in `docs/tutorial.md`.

use crate::harness::page::{blocks, looks_like};
use crate::harness::stagegate::BINARY;
use crate::harness::{PATIENCE, free_address};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Before the output of each block.
const MARK: &str = "@@@ block";

/// A shell and everything it started, ended together.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.0.id().cast_signed()).expect("a process id");
        // Fails only if all of them have ended already.
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn every_command_of_the_tutorial_does_what_the_page_shows() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let blocks = blocks("tutorial.md");
    let mut script = "set -e\n".to_owned();
    for (index, block) in blocks.iter().enumerate().filter(|(_, block)| block.info == "sh") {
        script.push_str(&format!("echo '{MARK} {index}'\n{}", block.text));
    }
    let admin = free_address();
    for (address, own) in [
        ("127.0.0.1:9900", admin),
        ("127.0.0.1:8080", free_address()),
        ("127.0.0.1:9001", free_address()),
        ("127.0.0.1:9002", free_address()),
    ] {
        assert!(script.contains(address), "the tutorial uses {address}");
        script = script.replace(address, &own.to_string());
    }
    let printed = run(dir.path(), &script, &format!("http://{admin}")).await;
    let mut compared = 0;
    for (index, shown) in blocks.iter().enumerate().filter(|(_, block)| block.info == "text") {
        let begin = format!("{MARK} {}\n", index - 1);
        let (_, rest) = printed.split_once(&begin).expect("a command before its output");
        let found = rest.split(MARK).next().unwrap_or_default();
        let line = shown.line;
        assert!(
            looks_like(&shown.text, found),
            "docs/tutorial.md:{line} shows\n{}\nbut it was\n{found}",
            shown.text
        );
        compared += 1;
    }
    assert!(compared >= 10, "the tutorial shows its outputs");
}

/// Runs the script to its end; what it printed.
async fn run(dir: &Path, script: &str, admin: &str) -> String {
    let log = |name: &str| File::create(dir.join(name)).expect("create a log");
    let bin = Path::new(BINARY).parent().expect("a directory").display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let child = Command::new("bash")
        .args(["-c", script])
        .current_dir(dir)
        .env("PATH", format!("{bin}:{path}"))
        .env("STAGEGATE_ADMIN", admin)
        .env_remove("STAGEGATE_TOKEN")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log("out"))
        .stderr(log("err"))
        .spawn()
        .expect("start bash");
    let mut shell = Shell(child);
    let deadline = Instant::now() + 2 * PATIENCE;
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
    let all = || ["out", "err", "stagegate.log"].map(|name| format!("{name}:\n{}", read(name)));
    let status = loop {
        if let Some(status) = shell.0.try_wait().expect("wait for the shell") {
            break status;
        }
        assert!(Instant::now() < deadline, "the tutorial does not end\n{}", all().join("\n"));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert!(status.success(), "the tutorial failed\n{}", all().join("\n"));
    read("out")
}
