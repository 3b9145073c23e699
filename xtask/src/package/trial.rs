//! The Debian package, unpacked below a directory and started there: no installation, no root.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::{Background, output, run};

/// Files that must be there.
const FILES: [&str; 9] = [
    "./usr/bin/stagegate",
    "./usr/lib/systemd/system/stagegate.service",
    "./usr/lib/sysusers.d/stagegate.conf",
    "./etc/stagegate/stagegate.yaml",
    "./usr/share/man/man1/stagegate.1.gz",
    "./usr/share/man/man1/stagegate-rollback.1.gz",
    "./usr/share/bash-completion/completions/stagegate",
    "./usr/share/doc/stagegate/copyright",
    "./usr/share/zsh/vendor-completions/_stagegate",
];
/// The time that the program may take to be ready.
const START: Duration = Duration::from_secs(60);

/// Lists, unpacks, checks and starts.
pub(super) fn of_debian(stage: &Path) -> Result<()> {
    let package = stage.join("stagegate.deb");
    let listed = output(Command::new("dpkg-deb").arg("--contents").arg(&package))?;
    if let Some(missing) = FILES.iter().find(|file| !listed.lines().any(|it| it.ends_with(**file)))
    {
        bail!("the package has no {missing}:\n{listed}");
    }
    let root = stage.join("root");
    run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&root))?;
    let program = root.join("usr/bin/stagegate");
    let installed = root.join("etc/stagegate/stagegate.yaml");
    output(Command::new(&program).arg("check").arg(&installed))
        .context("the installed configuration is not right")?;
    let control = output(Command::new("dpkg-deb").arg("--info").arg(&package))?;
    for part in ["conffiles", "postinst", "prerm", "Architecture:", "Depends:"] {
        if !control.contains(part) {
            bail!("the package has no {part}:\n{control}");
        }
    }
    serves(&root, &installed)
}

/// The installed file with other ports and a directory of this root; the program is ready with it.
fn serves(root: &Path, installed: &Path) -> Result<()> {
    let text = fs::read_to_string(installed).context("reading the configuration")?;
    let (proxy, admin) = (free()?, free()?);
    let data = root.join("var/lib/stagegate");
    let text = text
        .replace("127.0.0.1:8080", &format!("127.0.0.1:{proxy}"))
        .replace("127.0.0.1:9900", &format!("127.0.0.1:{admin}"))
        .replace("data_dir: /var/lib/stagegate", &format!("data_dir: {}", data.display()));
    let config = root.join("stagegate.yaml");
    fs::write(&config, text).context("writing a configuration")?;
    let program = root.join("usr/bin/stagegate");
    let log = fs::File::create(root.join("stagegate.log")).context("creating a log")?;
    let mut command = Command::new(&program);
    command.args(["serve", "-c"]).arg(&config).stdout(Stdio::null()).stderr(log);
    let mut stagegate = Background::start("stagegate", &mut command)?;
    let deadline = Instant::now() + START;
    let admin = format!("http://127.0.0.1:{admin}");
    // No backend is there, so it is alive and not ready.
    while output(Command::new(&program).args(["status", "--admin", &admin])).is_err() {
        stagegate.expect_running().context("see stagegate.log below target/packages/root")?;
        if Instant::now() > deadline {
            bail!("the installed program does not answer");
        }
        sleep(Duration::from_millis(100));
    }
    stagegate.interrupt()
}

fn free() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a port")?;
    Ok(listener.local_addr().context("looking for a port")?.port())
}
