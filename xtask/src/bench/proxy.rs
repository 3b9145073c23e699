//! The proxies that are compared: how each is configured and started.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process::Background;
use crate::tools::find_below;

/// A product.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Kind {
    Stagegate,
    Haproxy,
    Nginx,
    Envoy,
}

impl Kind {
    pub(super) fn all() -> Vec<Self> {
        vec![Self::Stagegate, Self::Haproxy, Self::Nginx, Self::Envoy]
    }

    /// The set-ups in which it is measured.
    pub(super) fn setups(self) -> &'static [Setup] {
        match self {
            Self::Stagegate => &[
                Setup { kind: Self::Stagegate, features: "bare", config: "stagegate/bare.yaml" },
                Setup { kind: Self::Stagegate, features: "all", config: "stagegate/all.yaml" },
            ],
            Self::Haproxy => {
                &[Setup { kind: Self::Haproxy, features: "bare", config: "peers/haproxy.cfg" }]
            }
            Self::Nginx => {
                &[Setup { kind: Self::Nginx, features: "bare", config: "peers/nginx.conf" }]
            }
            Self::Envoy => {
                &[Setup { kind: Self::Envoy, features: "bare", config: "peers/envoy.yaml" }]
            }
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Stagegate => "stagegate",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
            Self::Envoy => "envoy",
        }
    }

    /// The program, found in the environment that holds the peers.
    pub(super) fn peer_program(self, environment: &Path) -> Result<std::path::PathBuf> {
        find_below(&environment.join("lib"), self.label())
    }

    /// The arguments that make it serve `config` in the foreground with one worker.
    pub(super) fn arguments(self, config: &Path, command: &mut Command) {
        match self {
            Self::Stagegate => command.arg("serve").arg("-c").arg(config),
            Self::Haproxy => command.arg("-db").arg("-f").arg(config),
            Self::Nginx => command.arg("-c").arg(config).arg("-p").arg(parent(config)),
            Self::Envoy => command.arg("-c").arg(config).args([
                "--concurrency",
                "1",
                "--disable-hot-restart",
                "--log-level",
                "error",
            ]),
        };
    }

    /// The argument that makes it print its version.
    pub(super) fn version_flag(self) -> &'static str {
        match self {
            Self::Haproxy | Self::Nginx => "-v",
            Self::Stagegate | Self::Envoy => "--version",
        }
    }
}

fn parent(config: &Path) -> &Path {
    config.parent().unwrap_or_else(|| Path::new("."))
}

/// A product with one configuration.
#[derive(Clone, Copy)]
pub(super) struct Setup {
    pub(super) kind: Kind,
    /// `bare` (only splits) or `all`.
    pub(super) features: &'static str,
    /// Its configuration, below `benches/load`.
    pub(super) config: &'static str,
}

impl Setup {
    /// Whether every request is written into a decision log.
    pub(super) fn logs_decisions(&self) -> bool {
        self.kind == Kind::Stagegate && self.features == "all"
    }

    pub(super) fn label(&self) -> String {
        match self.kind {
            Kind::Stagegate => format!("{}-{}", self.kind.label(), self.features),
            _ => self.kind.label().to_owned(),
        }
    }
}

/// A running proxy.
pub(super) struct Proxy {
    pub(super) setup: Setup,
    pub(super) version: String,
    port: u16,
    admin_port: u16,
    process: Background,
}

impl Proxy {
    pub(super) fn new(
        setup: Setup,
        version: String,
        [port, admin_port]: [u16; 2],
        process: Background,
    ) -> Self {
        Self { setup, version, port, admin_port, process }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Where Stagegate's admin API is; the peers have none.
    pub(super) fn admin_port(&self) -> u16 {
        self.admin_port
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn label(&self) -> String {
        self.setup.label()
    }

    pub(super) fn expect_running(&mut self) -> Result<()> {
        self.process.expect_running()
    }
}
