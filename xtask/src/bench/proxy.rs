//! The proxies that are compared: how each is configured and started.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::bench::case::{Case, Who};
use crate::bench::features::{FEATURES, Feature};
use crate::bench::gateways::portkey_fields;
use crate::bench::ports::Ports;
use crate::bench::schema::Knows;
use crate::process::Background;

/// A product, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Kind {
    Stagegate,
    Haproxy,
    Nginx,
    Envoy,
    Pingora,
    /// LiteLLM's proxy, in the case `gateways` only
    Litellm,
    /// Portkey's gateway, in the case `gateways` only
    Portkey,
    /// No proxy: the origin itself, where a case compares with that
    Direct,
}

impl Kind {
    pub(super) fn all() -> Vec<Self> {
        use clap::ValueEnum as _;
        Self::value_variants().to_vec()
    }

    /// The set-ups in which it is measured.
    pub(super) fn setups(self) -> Vec<Setup> {
        let features = if self == Self::Stagegate { FEATURES } else { &[] };
        let each = features.iter().map(|feature| Setup {
            kind: self,
            features: feature.name,
            config: "stagegate/feature.yaml",
        });
        self.whole().iter().copied().chain(each).collect()
    }

    /// Those that are compared with others as a whole.
    fn whole(self) -> &'static [Setup] {
        const fn setup(kind: Kind, features: &'static str, config: &'static str) -> Setup {
            Setup { kind, features, config }
        }
        match self {
            Self::Stagegate => {
                const {
                    &[
                        setup(Kind::Stagegate, "bare", "stagegate/bare.yaml"),
                        setup(Kind::Stagegate, "all", "stagegate/all.yaml"),
                        setup(Kind::Stagegate, "signals", "stagegate/signals.yaml"),
                        setup(Kind::Stagegate, "unsampled", "stagegate/unsampled.yaml"),
                        setup(Kind::Stagegate, "uncapped", "stagegate/uncapped.yaml"),
                    ]
                }
            }
            Self::Haproxy => const { &[setup(Kind::Haproxy, "bare", "peers/haproxy.cfg")] },
            Self::Nginx => const { &[setup(Kind::Nginx, "bare", "peers/nginx.conf")] },
            Self::Envoy => const { &[setup(Kind::Envoy, "bare", "peers/envoy.yaml")] },
            Self::Pingora => const { &[setup(Kind::Pingora, "bare", "")] },
            Self::Litellm => const { &[setup(Kind::Litellm, "bare", "peers/litellm.yaml")] },
            Self::Portkey => const { &[setup(Kind::Portkey, "bare", "")] },
            Self::Direct => const { &[setup(Kind::Direct, "none", "")] },
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Stagegate => "stagegate",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
            Self::Envoy => "envoy",
            Self::Pingora => "pingora",
            Self::Litellm => "litellm",
            Self::Portkey => "portkey",
            Self::Direct => "direct",
        }
    }

    /// The arguments that make it serve `config` in the foreground with one worker.
    pub(super) fn arguments(self, config: &Path, ports: &Ports, command: &mut Command) {
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
            Self::Pingora => command.args(
                [ports.plain, ports.stable, ports.candidate]
                    .map(|port| format!("127.0.0.1:{port}")),
            ),
            // Its price list is its own, so that nothing is fetched.
            Self::Litellm => command
                .arg("--config")
                .arg(config)
                .args(["--host", "127.0.0.1", "--port", &ports.plain.to_string()])
                .env("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
            Self::Portkey => command
                .arg(format!("--port={}", ports.plain))
                .arg("--headless")
                .arg("--headless")
                .env("TRUSTED_CUSTOM_HOSTS", "127.0.0.1"),
            Self::Direct => command,
        };
    }

    /// True for gateways for models, which serve nothing but their APIs.
    pub(super) fn is_gateway(self) -> bool {
        matches!(self, Self::Litellm | Self::Portkey)
    }

    /// The path that is answered with 200 once it serves.
    pub(super) fn ready(self) -> &'static str {
        match self {
            Self::Litellm => "/health/liveliness",
            Self::Portkey => "/",
            _ => "/small",
        }
    }

    /// Further header fields of each request, `name: value`.
    pub(super) fn fields(self, ports: &Ports) -> Vec<String> {
        if self == Self::Portkey { portkey_fields(ports) } else { Vec::new() }
    }

    /// The argument that makes it print its version.
    pub(super) fn version_flag(self) -> &'static str {
        match self {
            Self::Haproxy | Self::Nginx => "-v",
            _ => "--version",
        }
    }
}

fn parent(config: &Path) -> &Path {
    config.parent().unwrap_or_else(|| Path::new("."))
}

/// A product with one configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Setup {
    pub(super) kind: Kind,
    /// `bare` (only splits), `all`, `signals` (bare, and reads usage from every answer),
    /// `unsampled` (all but sampling), `uncapped` (all, and samples at any rate), or the name of
    /// one feature.
    pub(super) features: &'static str,
    /// Its configuration, below `benches/load`; empty where it needs none.
    pub(super) config: &'static str,
}

/// The relation of a case to a set-up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Takes {
    /// It does.
    Part,
    /// The case is not about it.
    NoPart,
    /// It should, but cannot; why.
    Skipped(&'static str),
}

impl Setup {
    /// True if every request is written into a decision log.
    pub(super) fn logs_decisions(self) -> bool {
        let whole = matches!(self.features, "all" | "unsampled" | "uncapped");
        let one = self.feature().is_some_and(Feature::logs_decisions);
        self.kind == Kind::Stagegate && (whole || one)
    }

    /// The one thing that is on, if it is one.
    pub(super) fn feature(self) -> Option<&'static Feature> {
        Feature::named(self.features)
    }

    pub(super) fn label(self) -> String {
        match self.kind {
            Kind::Stagegate => format!("{}-{}", self.kind.label(), self.features),
            _ => self.kind.label().to_owned(),
        }
    }

    /// True if it can be started at all with a binary of these abilities.
    pub(super) fn can_run(self, knows: Knows) -> bool {
        knows.signals || (self.features != "signals" && self.feature().is_none())
    }

    /// True if `case` measures it.
    pub(super) fn takes(self, case: &Case, knows: Knows) -> Takes {
        let about_it = match (case.who, self.kind, self.features) {
            (Who::Pair(pair), Kind::Stagegate, features) => {
                features == pair.with || features == pair.without
            }
            (Who::Features, Kind::Stagegate, features) => {
                features == "bare" || self.feature().is_some()
            }
            (Who::Gateways, Kind::Stagegate, features) => matches!(features, "bare" | "all"),
            (Who::Gateways, kind, _) => kind == Kind::Haproxy || kind.is_gateway(),
            (Who::Pair(_) | Who::Features, ..) | (_, _, "signals" | "unsampled" | "uncapped") => {
                false
            }
            _ if self.feature().is_some() || self.kind.is_gateway() => false,
            (who, Kind::Direct, _) => who == Who::EveryoneAndDirect,
            _ => true,
        };
        match (about_it, self.kind) {
            (false, _) => Takes::NoPart,
            (true, Kind::Stagegate) if case.needs_tls() && !knows.tls => {
                Takes::Skipped("this stagegate's configuration has no `listeners[].tls`")
            }
            (true, Kind::Stagegate)
                if matches!(case.who, Who::Pair(_) | Who::Features) && !knows.signals =>
            {
                Takes::Skipped("this stagegate's configuration has no `workloads.<name>.cost`")
            }
            (true, Kind::Pingora) if case.needs_tls() => {
                Takes::Skipped("the splitter is built without TLS")
            }
            (true, _) => Takes::Part,
        }
    }
}

/// A running proxy.
pub(super) struct Proxy {
    pub(super) setup: Setup,
    ports: Ports,
    /// None for the origin itself.
    process: Option<Background>,
}

impl Proxy {
    pub(super) fn new(setup: Setup, ports: Ports, process: Option<Background>) -> Self {
        Self { setup, ports, process }
    }

    pub(super) fn ports(&self) -> &Ports {
        &self.ports
    }

    /// None for the origin itself, whose costs nobody asks for.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Background::id)
    }

    pub(super) fn label(&self) -> String {
        self.setup.label()
    }

    pub(super) fn expect_running(&mut self) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), Background::expect_running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str) -> &'static Case {
        Case::all().iter().find(|case| case.name == name).expect("a case")
    }

    fn setup(kind: Kind, features: &str) -> Setup {
        kind.setups().into_iter().find(|setup| setup.features == features).expect("a set-up")
    }

    #[test]
    fn a_binary_without_tls_is_skipped_with_the_reason() {
        let (all, new) = (setup(Kind::Stagegate, "all"), Knows { tls: true, signals: true });
        let skipped = all.takes(case("tls-keepalive"), Knows::default());
        assert!(matches!(&skipped, Takes::Skipped(why) if why.contains("tls")), "{skipped:?}");
        assert_eq!(all.takes(case("tls-keepalive"), new), Takes::Part);
        assert_eq!(all.takes(case("get-300b"), Knows::default()), Takes::Part);
    }

    #[test]
    fn each_case_measures_whom_it_is_about() {
        let knows = Knows { tls: true, signals: true };
        let takes = |kind, features, name| setup(kind, features).takes(case(name), knows);
        assert_eq!(takes(Kind::Stagegate, "signals", "get-300b"), Takes::NoPart);
        assert_eq!(takes(Kind::Stagegate, "unsampled", "sampling-json"), Takes::Part);
        assert_eq!(takes(Kind::Stagegate, "bare", "sampling-json"), Takes::NoPart);
        assert_eq!(takes(Kind::Stagegate, "all", "sampling-uncapped"), Takes::NoPart);
        assert_eq!(takes(Kind::Stagegate, "uncapped", "sampling-uncapped"), Takes::Part);
        assert_eq!(takes(Kind::Stagegate, "signals", "signals-sse"), Takes::Part);
        assert_eq!(takes(Kind::Stagegate, "bare", "signals-sse"), Takes::Part);
        assert_eq!(takes(Kind::Haproxy, "bare", "signals-sse"), Takes::NoPart);
        assert_eq!(takes(Kind::Stagegate, "bare", "features"), Takes::Part);
        assert_eq!(takes(Kind::Stagegate, "sticky", "features"), Takes::Part);
        assert_eq!(takes(Kind::Stagegate, "sticky", "get-300b"), Takes::NoPart);
        assert_eq!(takes(Kind::Stagegate, "all", "features"), Takes::NoPart);
        assert_eq!(takes(Kind::Portkey, "bare", "gateways"), Takes::Part);
        assert_eq!(takes(Kind::Nginx, "bare", "gateways"), Takes::NoPart);
        assert_eq!(takes(Kind::Litellm, "bare", "get-300b"), Takes::NoPart);
        assert_eq!(takes(Kind::Direct, "none", "latency-70"), Takes::Part);
        assert_eq!(takes(Kind::Direct, "none", "get-300b"), Takes::NoPart);
    }
}
