//! `stagegate token`: tokens for the admin API, force headers for testers. Nothing is sent.

use super::client::Failure;
use super::output::{self, Format};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use stagegate_admin::auth;
use stagegate_config::{Role, Time};
use stagegate_rollout::{Arm, ForceKey, WorkloadName};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// What kind of token.
#[derive(Subcommand, Debug)]
pub(super) enum TokenCommand {
    /// Make a token for the admin API; the configuration gets only its hash.
    New(NewArgs),
    /// Make a force header that sends a tester's requests to one arm.
    Force(ForceArgs),
}

/// Options of `token new`.
#[derive(Args, Debug)]
pub(super) struct NewArgs {
    /// Who uses it; recorded with every change.
    #[arg(long)]
    name: String,
    /// What it permits.
    #[arg(long)]
    role: RoleArg,
}

/// What a token permits. A later role includes the earlier ones.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleArg {
    /// Reads.
    Viewer,
    /// Reads and changes.
    Operator,
    /// Everything.
    Admin,
}

/// Options of `token force`.
#[derive(Args, Debug)]
pub(super) struct ForceArgs {
    /// The workload.
    #[arg(short, long)]
    workload: WorkloadName,
    /// The arm the requests go to.
    #[arg(long, default_value = "candidate")]
    arm: ArmArg,
    /// How long the header is good for.
    #[arg(long = "for", value_name = "DURATION", default_value = "1h")]
    lasting: Time,
    /// The workload's `force.secret`; better given in the environment than on the command line.
    #[arg(long, env = "STAGEGATE_FORCE_SECRET", hide_env_values = true)]
    secret: String,
}

/// One side of the split.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ArmArg {
    /// The release that serves everyone not sent elsewhere.
    Stable,
    /// The release under rollout.
    Candidate,
}

pub(super) fn run(command: &TokenCommand, format: Format) -> Result<ExitCode, Failure> {
    match command {
        TokenCommand::New(args) => new(args, format),
        TokenCommand::Force(args) => {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_err(|_| Failure::Local("this machine's clock is before 1970".to_owned()))?;
            force(args, now.as_secs(), format)
        }
    }
}

fn new(args: &NewArgs, format: Format) -> Result<ExitCode, Failure> {
    let role = match args.role {
        RoleArg::Viewer => Role::Viewer,
        RoleArg::Operator => Role::Operator,
        RoleArg::Admin => Role::Admin,
    };
    let token = auth::new_token(&args.name, role).map_err(|e| Failure::Local(e.to_string()))?;
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
    let Some(key) = ForceKey::new(args.secret.as_bytes()) else {
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
    let value = key.sign(&args.workload, arm, expires);
    let answer = json!({ "header": "stagegate-force", "value": value, "expires": expires });
    output::show(format, &answer, || format!("stagegate-force: {value}\n"));
    Ok(ExitCode::SUCCESS)
}
