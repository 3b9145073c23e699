//! Options of the commands that run a process: the server, the demo and the demo agents.
//!
//! The parser reads them, and the [`crate::Local`] of the program uses them.

use crate::duration::Duration;
use clap::Args;
use stagegate_rollout::Weight;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Options of `serve`.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// The configuration file.
    #[arg(short, long, default_value = "stagegate.yaml", env = "STAGEGATE_CONFIG")]
    #[arg(value_name = "FILE")]
    pub config: PathBuf,
    /// Send everything to stable and refuse changes, even if the stored state cannot be read.
    #[arg(long)]
    pub safe_start: bool,
    /// Replace the process that owns the data directory: it hands over its sockets and its clients'
    /// connections, finishes its requests and ends. Without such a process, start as usual.
    #[arg(long)]
    pub take_over: bool,
    /// The name of this replica of a fleet, instead of `fleet.replica` in the configuration.
    #[arg(long, env = "STAGEGATE_REPLICA", value_name = "NAME")]
    pub replica: Option<String>,
    /// The log filter, as `info` or `stagegate=debug,warn`.
    #[arg(long, default_value = "info", env = "STAGEGATE_LOG", value_name = "FILTER")]
    pub log: String,
    /// The form of log lines.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "STAGEGATE_LOG_FORMAT")]
    #[arg(value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Options of `demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// End after this long; without it Ctrl-C ends the demo.
    #[arg(long = "for", value_name = "DURATION")]
    pub lasting: Option<Duration>,
    /// Keep state, audit and decision log here instead of in a temporary directory.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The proxy's port; another one is taken when it is in use.
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    pub port: u16,
    /// The admin API's port; another one is taken when it is in use.
    #[arg(long, default_value_t = 9900, value_name = "PORT")]
    pub admin_port: u16,
    /// The candidate's share at the start.
    #[arg(long, default_value = "10%", value_name = "SHARE")]
    pub weight: Weight,
    /// Begin with a gated rollout instead of a weight, and let the candidate turn bad after this long: its gates take
    /// it out.
    #[arg(long, value_name = "DURATION", conflicts_with = "weight")]
    pub bad_after: Option<Duration>,
    /// Requests a second, 1 to 2000.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub rate: u32,
    /// The seed of users and errors: the same one repeats them.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Runs one demo agent on its own, for the compose file and for trying things out.
#[derive(Args, Clone, Debug)]
pub struct AgentArgs {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8001", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// The agent's name; its answers and ids carry it.
    #[arg(long, default_value = "stable")]
    pub name: String,
    /// Model name in its answers; `demo-NAME` unless given.
    #[arg(long)]
    pub model: Option<String>,
    /// Typical time to the first byte, in milliseconds.
    #[arg(long, default_value_t = 12, value_name = "MS")]
    pub latency_ms: u64,
    /// Share of requests that fail, from 0 to 1.
    #[arg(long, default_value_t = 0.003, value_name = "SHARE")]
    pub error_rate: f64,
    /// The cost of an answer, stated in its `agent-cost-usd` field.
    #[arg(long, default_value_t = 0.000_21, value_name = "USD")]
    pub cost_usd: f64,
}
