//! The certificate that every proxy shows: P-256, signed by itself, new for each benchmark.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::output;

/// The name the certificate is for.
pub(super) const HOST: &str = "agents.example.com";

/// A certificate and its key.
pub(super) struct Certificate {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    /// Both in one file, as HAProxy wants them.
    pub(super) both: PathBuf,
}

impl Certificate {
    /// Makes one in `dir`.
    pub(super) fn make(dir: &Path) -> Result<Self> {
        let made = Self {
            cert: dir.join("cert.pem"),
            key: dir.join("key.pem"),
            both: dir.join("both.pem"),
        };
        output(
            Command::new("openssl")
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
                .args(["-nodes", "-days", "30", "-subj", &format!("/CN={HOST}")])
                .args(["-addext", &format!("subjectAltName=DNS:{HOST}")])
                // Without this it would be an authority's, which no client takes for a server's.
                .args(["-addext", "basicConstraints=critical,CA:FALSE"])
                .arg("-out")
                .arg(&made.cert)
                .arg("-keyout")
                .arg(&made.key),
        )?;
        let read = |file: &Path| {
            fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
        };
        fs::write(&made.both, read(&made.cert)? + &read(&made.key)?)
            .with_context(|| format!("writing {}", made.both.display()))?;
        Ok(made)
    }
}
