//! Real clients and mock backends from the package registries, installed once into `target/`.

use super::message::request;
use super::wire::Wire;
use super::{PATIENCE, POLL, eventually_async, free_address};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Where Debian puts the browser.
const CHROMIUM: &str = "/usr/bin/chromium";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file beside the tests.
pub(crate) fn fixture(name: &str) -> PathBuf {
    root().join("tests/e2e/clients").join(name)
}

/// The Python environment with everything in `requirements.txt`.
pub(crate) fn python() -> PathBuf {
    let venv = root().join("target/venv");
    installed("venv", "tests/e2e/requirements.txt", |wanted| {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
        run(Command::new(venv.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(wanted));
    });
    venv.join("bin/python")
}

/// The directory with everything in `package.json`.
pub(crate) fn node() -> PathBuf {
    let home = root().join("target/node");
    installed("node", "tests/e2e/package.json", |wanted| {
        fs::copy(wanted, home.join("package.json")).expect("copy package.json");
        run(Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&home));
    });
    home
}

/// Runs `install` unless this very list has been installed; one process at a time.
fn installed(name: &str, list: &str, install: impl FnOnce(&Path)) {
    let (home, list) = (root().join("target").join(name), root().join(list));
    fs::create_dir_all(&home).expect("create the directory");
    let lock = File::create(home.join(".e2e-lock")).expect("create the lock");
    lock.lock().expect("lock");
    let (stamp, wanted) = (home.join(".e2e-installed"), fs::read(&list).expect("read the list"));
    if fs::read(&stamp).is_ok_and(|present| present == wanted) {
        return;
    }
    install(&list);
    fs::write(stamp, wanted).expect("write the stamp");
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs a client script to its end; what it printed. It must succeed.
pub(crate) async fn script(name: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(python());
    command.arg(fixture(name)).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
    to_the_end(name, command).await
}

/// What Chromium makes of the page at `url`, whose WebSocket must come by `via`; none where there
/// is no Chromium, which only a developer's machine may lack.
pub(crate) async fn browser(url: &str, via: &str) -> Option<String> {
    in_browser("browser.mjs", &[url, via]).await
}

/// Runs a script that drives Chromium; it gets the home of its modules and the browser before its own
/// arguments. None where there is no Chromium, which only a developer's machine may lack.
pub(crate) async fn in_browser(name: &str, arguments: &[&str]) -> Option<String> {
    if !Path::new(CHROMIUM).exists() {
        assert!(std::env::var_os("CI").is_none(), "{CHROMIUM} must be there in CI");
        eprintln!("SKIPPED: no {CHROMIUM}; install Debian's `chromium`");
        return None;
    }
    let mut command = Command::new("node");
    command.arg(fixture(name)).arg(node().join("node_modules/playwright-core")).arg(CHROMIUM);
    command.args(arguments);
    Some(to_the_end(name, command).await)
}

/// Runs a command to its end; what it printed. It must succeed.
pub(crate) async fn to_the_end(name: &str, mut command: Command) -> String {
    let dir = tempfile::TempDir::new().expect("a directory");
    let log = |name: &str| File::create(dir.path().join(name)).expect("create a log");
    command.stdin(Stdio::null()).stdout(log("out")).stderr(log("err"));
    let mut child = Owned::start(command);
    let deadline = Instant::now() + 3 * PATIENCE;
    let status = loop {
        if let Some(status) = child.0.try_wait().expect("wait for the script") {
            break status;
        }
        assert!(Instant::now() < deadline, "{name} does not end");
        tokio::time::sleep(POLL).await;
    };
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect("read a log");
    assert!(status.success(), "{name} failed:\n{}\n{}", read("out"), read("err"));
    read("out")
}

/// A process that ends with the test.
struct Owned(Child);

impl Owned {
    fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}")))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A mock backend in a process of its own, ended when dropped.
pub(crate) struct Mock {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _process: Owned,
}

impl Mock {
    /// The npm package `@copilotkit/aimock`.
    pub(crate) async fn aimock() -> Self {
        let address = free_address();
        let home = node().join("node_modules/@copilotkit/aimock");
        let manifest = fs::read_to_string(home.join("package.json")).expect("read its manifest");
        let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
        // Its own binary, not the shell wrapper: the process that is ended must be the server.
        let main = manifest["bin"]["llmock"].as_str().expect("a program named llmock");
        let mut command = Command::new("node");
        command.arg(home.join(main)).arg("-p").arg(address.port().to_string());
        command.arg("-h").arg(address.ip().to_string()).args(["--log-level", "silent"]);
        command.arg("--strict").arg("-f").arg(fixture("aimock.json"));
        Self::start(command, address).await
    }

    /// The Python package `fakellm`.
    pub(crate) async fn fakellm() -> Self {
        let address = free_address();
        let mut command = Command::new(python());
        command.args(["-c", "from fakellm.cli import main; main()", "serve"]);
        command.arg("--host").arg(address.ip().to_string());
        command.arg("--port").arg(address.port().to_string());
        command.arg("--config").arg(fixture("fakellm.yaml"));
        Self::start(command, address).await
    }

    /// A script of ours that listens at the address it is given.
    pub(crate) async fn script(name: &str) -> Self {
        Self::script_with(name, &[]).await
    }

    /// A script of ours that listens at the address it is given, with further arguments.
    pub(crate) async fn script_with(name: &str, arguments: &[&str]) -> Self {
        Self::script_of(&python(), name, arguments).await
    }

    /// As [`Mock::script_with`], in another Python environment.
    pub(crate) async fn script_of(python: &Path, name: &str, arguments: &[&str]) -> Self {
        let address = free_address();
        let mut command = Command::new(python);
        command.arg(fixture(name)).arg(address.ip().to_string()).arg(address.port().to_string());
        command.args(arguments);
        Self::start(command, address).await
    }

    /// A script of ours for Node, which gets the home of its modules, the address and port it listens at,
    /// and further arguments.
    pub(crate) async fn node(name: &str, modules: &str, arguments: &[&str]) -> Self {
        let address = free_address();
        let mut command = Command::new("node");
        command.arg(fixture(name)).arg(modules).arg(address.ip().to_string());
        command.arg(address.port().to_string()).args(arguments);
        Self::start(command, address).await
    }

    /// A script of ours that serves gRPC at the address it is given.
    pub(crate) async fn grpc(name: &str) -> Self {
        let address = free_address();
        let mut command = Command::new(python());
        command.arg(fixture(name)).arg(address.ip().to_string()).arg(address.port().to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mock = Self { address, _process: Owned::start(command) };
        eventually_async("the gRPC server", async || {
            tokio::net::TcpStream::connect(address).await.is_ok()
        })
        .await;
        mock
    }

    async fn start(mut command: Command, address: SocketAddr) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mock = Self { address, _process: Owned::start(command) };
        eventually_async("the mock backend", async || {
            if tokio::net::TcpStream::connect(address).await.is_err() {
                return false;
            }
            let mut wire = Wire::connect(address).await;
            wire.send(request("GET /", &[("connection", "close")])).await;
            wire.try_head().await.is_ok()
        })
        .await;
        mock
    }
}
