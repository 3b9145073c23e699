//! `stagegate token`: tokens for the admin API, force headers for testers. Nothing is sent.

use super::workload::Workload;
use crate::Duration;
use crate::client::Failure;
use crate::examples::examples;
use crate::local::{Local, Role};
use crate::output::{self, Format};
use crate::unshown::Unshown;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use stagegate_rollout::{Arm, ForceKey, WorkloadName};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// The commands below `token`.
#[derive(Subcommand, Debug)]
pub(crate) enum TokenCommand {
    /// Create a token for the admin API; the configuration holds only its hash.
    #[command(after_help = examples!("token new --name deployer --role operator"))]
    New(NewArgs),
    /// Create a force header that sends a tester's requests to one arm.
    #[command(after_help = examples!("token force support-agent --arm candidate --for 1h --secret \"$STAGEGATE_FORCE_SECRET\""))]
    Force(ForceArgs),
}

/// Options of `token new`.
#[derive(Args, Debug)]
pub(crate) struct NewArgs {
    /// The name of its user; recorded with every change.
    #[arg(long)]
    name: String,
    /// The role that it gives.
    #[arg(long)]
    role: Role,
}

/// Options of `token force`.
#[derive(Args, Debug)]
pub(crate) struct ForceArgs {
    #[command(flatten)]
    workload: Workload,
    /// The arm the requests go to.
    #[arg(long, default_value = "candidate")]
    arm: ArmArg,
    /// Validity of the header.
    #[arg(long = "for", value_name = "DURATION", default_value = "1h")]
    lasting: Duration,
    /// The workload's `force.secret`; better given in the environment than on the command line.
    #[arg(long, env = "STAGEGATE_FORCE_SECRET", hide_env_values = true)]
    secret: Unshown,
}

/// One side of the split.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ArmArg {
    /// The release that serves everyone not sent elsewhere.
    Stable,
    /// The release under rollout.
    Candidate,
}

pub(crate) fn run(
    local: &dyn Local,
    command: &TokenCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        TokenCommand::New(args) => new(local, args, format),
        TokenCommand::Force(args) => {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_err(|_| Failure::Local("this machine's clock is before 1970".to_owned()))?;
            force(args, now.as_secs(), format)
        }
    }
}

fn new(local: &dyn Local, args: &NewArgs, format: Format) -> Result<ExitCode, Failure> {
    let token = local.new_token(&args.name, args.role).map_err(Failure::Local)?;
    let answer = json!({
        "token": token.text,
        "hash": token.hash,
        "config_line": token.config_line,
    });
    output::show(format, &answer, || {
        format!(
            "token (shown once, give it to {name}):\n  {text}\n\nin the configuration, under \
             admin.tokens:\n  {line}\n\nuse: export STAGEGATE_TOKEN={text}\n",
            name = args.name,
            text = token.text,
            line = token.config_line,
        )
    });
    Ok(ExitCode::SUCCESS)
}

fn force(args: &ForceArgs, now: u64, format: Format) -> Result<ExitCode, Failure> {
    let Some(key) = ForceKey::new(args.secret.expose().as_bytes()) else {
        return Err(Failure::Usage(
            "--secret is too short: it is the workload's `force.secret`, 16 bytes or more"
                .to_owned(),
        ));
    };
    let arm = match args.arm {
        ArmArg::Stable => Arm::Stable,
        ArmArg::Candidate => Arm::Candidate,
    };
    let expires = now + args.lasting.0.as_secs();
    let workload: WorkloadName = args.workload.name().parse().map_err(|error| {
        Failure::Usage(format!("`{}` is not a workload's name: {error}", args.workload.name()))
    })?;
    let value = key.sign(&workload, arm, expires);
    let answer = json!({ "header": "stagegate-force", "value": value, "expires": expires });
    output::show(format, &answer, || format!("stagegate-force: {value}\n"));
    Ok(ExitCode::SUCCESS)
}
