//! `stagegate health`: an exit code for container health checks; needs no token.

use crate::client::{AdminClient, Failure};
use crate::output;
use std::process::ExitCode;

pub(crate) fn run(client: &AdminClient) -> Result<ExitCode, Failure> {
    let (status, text) = client.probe("/readyz")?;
    let ready = status == 200;
    output::answer(&format!("{}: {}", if ready { "ready" } else { "not ready" }, text.trim()));
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
