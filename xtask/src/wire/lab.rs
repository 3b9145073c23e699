//! A Stagegate on free ports with a certificate of its own, and a backend behind it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::backend;
use crate::process::{Background, output};
use crate::project::Project;
use crate::tools;

/// The time that the program may take to listen.
const START: Duration = Duration::from_secs(60);

/// The running program, and its ports.
pub(super) struct Lab {
    pub(super) plain: SocketAddr,
    pub(super) tls: SocketAddr,
    /// The authority that signed the certificate.
    pub(super) ca: PathBuf,
    /// For what tools write.
    pub(super) dir: PathBuf,
    stagegate: Background,
}

impl Lab {
    /// Starts everything; it ends with the value.
    pub(super) fn open(project: &Project, binary: &Path) -> Result<Self> {
        tools::system("openssl", "openssl")?;
        let dir = project.scratch("wire")?;
        let [plain, tls, admin] = [free()?, free()?, free()?];
        let backend = backend::start()?;
        certify(&dir)?;
        let data = dir.join("data");
        if data.exists() {
            fs::remove_dir_all(&data).with_context(|| format!("removing {}", data.display()))?;
        }
        let shown = dir.display();
        let config = dir.join("stagegate.yaml");
        let text = format!(
            "listeners:\n  - address: {plain}\n  - address: {tls}\n    tls: {{ certificates: [{{ cert: \
             {shown}/chain.pem, key: {shown}/key.pem }}] }}\nadmin: {{ address: {admin} }}\n\
             data_dir: {shown}/data\nworkloads:\n  agent:\n    match: [{{ path_prefix: / }}]\n    \
             stable: v1\n    health: off\n    releases:\n      v1: {{ endpoints: [http://{backend}] }}\n"
        );
        fs::write(&config, text).with_context(|| format!("writing {}", config.display()))?;
        let log = fs::File::create(dir.join("stagegate.log")).context("creating a log")?;
        let mut command = Command::new(binary);
        command.args(["serve", "-c"]).arg(&config).stdout(Stdio::null()).stderr(log);
        let stagegate = Background::start("stagegate", &mut command)?;
        let mut lab = Self { plain, tls, ca: dir.join("ca.pem"), dir, stagegate };
        lab.await_start()?;
        Ok(lab)
    }

    fn await_start(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        while [self.plain, self.tls].iter().any(|at| TcpStream::connect(at).is_err()) {
            self.expect_running()?;
            if Instant::now() > deadline {
                bail!("stagegate does not listen; see {}/stagegate.log", self.dir.display());
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// An error if it has ended.
    pub(super) fn expect_running(&mut self) -> Result<()> {
        let log = self.dir.join("stagegate.log");
        self.stagegate.expect_running().with_context(|| format!("see {}", log.display()))
    }
}

/// A free port of this machine.
pub(super) fn free() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
    listener.local_addr().context("finding a free port")
}

/// An authority and a certificate like one of a public authority: for less than 90 days, and with
/// a place to ask about its revocation.
fn certify(dir: &Path) -> Result<()> {
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let openssl = || {
        let mut command = Command::new("openssl");
        command.current_dir(dir);
        command
    };
    output(
        openssl()
            .args(["req", "-x509", "-days", "90", "-subj", "/CN=authority of a check"])
            .args(key)
            .args(["-keyout", "ca-key.pem", "-out", "ca.pem"]),
    )?;
    output(openssl().args(["req", "-subj", "/CN=localhost"]).args(key).args([
        "-keyout",
        "key.pem",
        "-out",
        "request.pem",
    ]))?;
    let extensions = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n\
        keyUsage=digitalSignature\nbasicConstraints=CA:FALSE\n\
        crlDistributionPoints=URI:http://localhost/authority.crl\n";
    fs::write(dir.join("extensions"), extensions).context("writing the extensions")?;
    output(
        openssl()
            .args(["x509", "-req", "-in", "request.pem", "-days", "80", "-extfile", "extensions"])
            .args(["-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-out", "cert.pem"]),
    )?;
    let read = |name| fs::read_to_string(dir.join(name)).with_context(|| format!("reading {name}"));
    fs::write(dir.join("chain.pem"), read("cert.pem")? + &read("ca.pem")?)
        .context("writing a chain")
}
