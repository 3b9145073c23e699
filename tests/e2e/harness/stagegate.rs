//! The built binary, started as a person starts it, and ended for certain.

use super::message::{Response, request};
use super::wire::Wire;
use super::{Admin, Setup, eventually, eventually_async, free_address};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use tempfile::TempDir;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_stagegate");

/// A running `stagegate serve`.
pub(crate) struct Stagegate {
    /// Where clients connect.
    pub(crate) proxy: SocketAddr,
    /// The admin API.
    pub(crate) admin: Admin,
    child: Mutex<Child>,
    dir: TempDir,
    /// Variables that every process of it has in its environment.
    secrets: Vec<(String, String)>,
}

impl Stagegate {
    /// Starts with this configuration and waits until it is ready.
    pub(crate) async fn start(setup: &Setup) -> Self {
        let stagegate = Self::launch(setup);
        stagegate.ready().await;
        stagegate
    }

    /// As [`Stagegate::start`], with variables that a restart has in its environment too.
    pub(crate) async fn start_with_secrets(setup: &Setup, secrets: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().expect("a directory");
        let data = dir.path().join("data").display().to_string();
        let secrets: Vec<(String, String)> =
            secrets.iter().map(|(name, it)| ((*name).to_owned(), (*it).to_owned())).collect();
        let mut stagegate = Self::launch_under(setup, dir, &data, &secrets);
        stagegate.secrets = secrets;
        stagegate.ready().await;
        stagegate
    }

    /// As [`Stagegate::start`], with this address of the admin API.
    pub(crate) async fn start_with_admin(setup: &Setup, admin: SocketAddr) -> Self {
        let stagegate = Self::launch_with_admin(setup, admin);
        stagegate.ready().await;
        stagegate
    }

    /// The same without waiting.
    pub(crate) fn launch_with_admin(setup: &Setup, admin: SocketAddr) -> Self {
        let dir = TempDir::new().expect("a directory");
        let data = dir.path().join("data").display().to_string();
        Self::launch_with(setup, dir, &data, &[], admin)
    }

    /// Starts with these variables in its environment and waits until it is ready. A restart does
    /// without them.
    pub(crate) async fn start_under(setup: &Setup, environment: &[(String, String)]) -> Self {
        let dir = TempDir::new().expect("a directory");
        let data = dir.path().join("data").display().to_string();
        let stagegate = Self::launch_under(setup, dir, &data, environment);
        stagegate.ready().await;
        stagegate
    }

    /// As [`Stagegate::start_under`], with this data directory if one is given.
    pub(crate) async fn start_in(
        setup: &Setup,
        data: Option<String>,
        environment: &[(String, String)],
    ) -> Self {
        let dir = TempDir::new().expect("a directory");
        let data = data.unwrap_or_else(|| dir.path().join("data").display().to_string());
        let stagegate = Self::launch_under(setup, dir, &data, environment);
        stagegate.ready().await;
        stagegate
    }

    /// Starts without waiting.
    pub(crate) fn launch(setup: &Setup) -> Self {
        let dir = TempDir::new().expect("a directory");
        let data = dir.path().join("data").display().to_string();
        Self::launch_at(setup, dir, &data)
    }

    /// Starts without waiting, with this data directory.
    pub(crate) fn launch_in(setup: &Setup, data: &str) -> Self {
        Self::launch_at(setup, TempDir::new().expect("a directory"), data)
    }

    fn launch_at(setup: &Setup, dir: TempDir, data: &str) -> Self {
        Self::launch_under(setup, dir, data, &[])
    }

    fn launch_under(
        setup: &Setup,
        dir: TempDir,
        data: &str,
        environment: &[(String, String)],
    ) -> Self {
        Self::launch_with(setup, dir, data, environment, free_address())
    }

    fn launch_with(
        setup: &Setup,
        dir: TempDir,
        data: &str,
        environment: &[(String, String)],
        admin: SocketAddr,
    ) -> Self {
        let proxy = setup.listen.unwrap_or_else(free_address);
        let admin = Admin::new(admin);
        let text = setup.yaml(proxy, admin.address, data);
        std::fs::write(dir.path().join("stagegate.yaml"), text).expect("write the configuration");
        let child = Mutex::new(Self::spawn_under(&dir, &[], environment));
        Self { proxy, admin, child, dir, secrets: Vec::new() }
    }

    fn spawn(&self, extra: &[&str]) -> Child {
        Self::spawn_under(&self.dir, extra, &self.secrets)
    }

    fn spawn_under(dir: &TempDir, extra: &[&str], environment: &[(String, String)]) -> Child {
        let log = File::options().create(true).append(true).open(dir.path().join("log"));
        let log = log.expect("open the log");
        Command::new(BINARY)
            .args(["serve", "-c"])
            .arg(dir.path().join("stagegate.yaml"))
            .args(extra)
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("share the log"))
            .stderr(log)
            .spawn()
            .expect("start the binary")
    }

    /// Waits until `/readyz` says yes.
    pub(crate) async fn ready(&self) {
        eventually_async("readiness", async || {
            if let Some(status) = self.exited() {
                panic!("ended with {status} instead of getting ready:\n{}", self.log());
            }
            // Refused until the listener is up; that is the condition being awaited.
            if tokio::net::TcpStream::connect(self.admin.address).await.is_err() {
                return false;
            }
            self.admin.get("/readyz").await.status == 200
        })
        .await;
    }

    /// Where the configuration lies.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.dir.path().join("stagegate.yaml")
    }

    /// Its data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Replaces the configuration file, as an editor does: new file, then rename.
    pub(crate) fn rewrite(&self, setup: &Setup) {
        let data = self.dir.path().join("data").display().to_string();
        self.write_config(&setup.yaml(self.proxy, self.admin.address, &data));
    }

    /// Replaces the configuration file by any text.
    pub(crate) fn write_config(&self, text: &str) {
        let new = self.dir.path().join("stagegate.yaml.new");
        std::fs::write(&new, text).expect("write the configuration");
        std::fs::rename(new, self.config_path()).expect("replace the configuration");
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// A new connection to the proxy.
    pub(crate) async fn connect(&self) -> Wire {
        Wire::connect(self.proxy).await
    }

    /// One `GET` on a connection of its own.
    pub(crate) async fn get(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.connect().await.ask(&request(&format!("GET {path}"), fields)).await
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.lock().expect("child").id();
        let pid = Pid::from_raw(id.cast_signed()).expect("a process id");
        kill_process(pid, signal).expect("signal the process");
    }

    /// The exit status, once it has ended.
    pub(crate) fn exited(&self) -> Option<ExitStatus> {
        self.child.lock().expect("child").try_wait().expect("wait for the process")
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&self) -> ExitStatus {
        eventually("the process to end", || self.exited().is_some()).await;
        self.exited().expect("it has ended")
    }

    /// `kill -9`, and nothing else.
    pub(crate) fn kill_hard(&self) {
        let mut child = self.child.lock().expect("child");
        // Fails only if it has ended already, which `wait` then tells.
        let _ = child.kill();
        child.wait().expect("reap the process");
    }

    /// Starts again on the same directory and waits until it is ready.
    pub(crate) async fn restart(&self) {
        self.restart_with(&[]).await;
    }

    /// Starts again with extra arguments.
    pub(crate) async fn restart_with(&self, extra: &[&str]) {
        self.start_again(extra);
        self.ready().await;
    }

    /// Starts again without waiting.
    pub(crate) fn start_again(&self, extra: &[&str]) {
        *self.child.lock().expect("child") = self.spawn(extra);
    }

    /// Starts another process with the same configuration, beside the one that runs.
    pub(crate) fn start_beside(&self, extra: &[&str]) -> Former {
        Former(Mutex::new(self.spawn(extra)))
    }

    /// Another process takes this one's place; gives back this one, once the other one answers.
    pub(crate) async fn take_over(&self) -> Former {
        let since = self.started_at().await;
        let new = self.spawn(&["--take-over"]);
        let old = std::mem::replace(&mut *self.child.lock().expect("child"), new);
        let former = Former(Mutex::new(old));
        eventually_async("the new process to answer", async || {
            if let Some(status) = self.exited() {
                panic!("ended with {status} instead of taking over:\n{}", self.log());
            }
            self.started_at().await.is_some_and(|it| Some(it) != since)
        })
        .await;
        former
    }

    /// When the process that answers was started.
    async fn started_at(&self) -> Option<u64> {
        let status = self.admin.try_call("GET /v1/status", &[], None).await?;
        status.json["started_at_ms"].as_u64()
    }

    /// Runs a command of the same binary against this instance's admin API.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        Command::new(BINARY)
            .args(arguments)
            .env("STAGEGATE_ADMIN", format!("http://{}", self.admin.address))
            .env_remove("STAGEGATE_TOKEN")
            .output()
            .expect("run the binary")
    }

    /// Number of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.lock().expect("child").id()
    }

    /// How many files the process has open.
    pub(crate) fn open_files(&self) -> usize {
        let id = self.child.lock().expect("child").id();
        std::fs::read_dir(format!("/proc/{id}/fd")).expect("the process lives").count()
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let id = self.child.lock().expect("child").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
    }
}

/// A process beside the one that serves; killed when it is dropped.
pub(crate) struct Former(Mutex<Child>);

impl Former {
    /// The exit status, once it has ended.
    pub(crate) fn exited(&self) -> Option<ExitStatus> {
        self.0.lock().expect("child").try_wait().expect("wait for the process")
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&self) -> ExitStatus {
        eventually("the process to end", || self.exited().is_some()).await;
        self.exited().expect("it has ended")
    }

    /// `kill -9`.
    pub(crate) fn kill_hard(&self) {
        let mut child = self.0.lock().expect("child");
        // Fails only if it has ended already, which `wait` then tells.
        let _ = child.kill();
        child.wait().expect("reap the process");
    }
}

impl Drop for Former {
    fn drop(&mut self) {
        self.kill_hard();
    }
}

impl Drop for Stagegate {
    fn drop(&mut self) {
        self.kill_hard();
        let log = self.log();
        if std::thread::panicking() {
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(40)..];
            eprintln!("--- last lines of stagegate's log\n{}\n---", tail.join("\n"));
        } else {
            assert!(!log.contains("panicked at"), "stagegate panicked:\n{log}");
        }
    }
}
