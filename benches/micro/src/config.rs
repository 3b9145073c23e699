//! A reload: the example with every key, from text to checked settings.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use anyhow::{Context, Result};
use stagegate_config::Config;

use crate::Operation;

/// Reading and checking the example; the files it names are read each time, as a reload does.
pub(crate) fn parse() -> Result<Operation> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/examples");
    let file = examples.join("full.yaml");
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    Config::parse(&text, "full.yaml", &examples, &variable).context("checking the example")?;
    Ok(Box::new(move || {
        // A refusal would be cheap and count as an improvement, but the text was accepted above.
        let _ = black_box(Config::parse(black_box(&text), "full.yaml", &examples, &variable));
    }))
}

/// What the example takes from the environment.
fn variable(name: &str) -> Option<String> {
    match name {
        "DEPLOYER_TOKEN_HASH" => Some(format!("sha256:{}", "ab".repeat(32))),
        "READER_TOKEN_HASH" | "WEB_KEY_HASH" | "OTLP_AGENTS_HASH" => {
            Some(format!("sha256:{}", "cd".repeat(32)))
        }
        "PAGERDUTY_KEY" => Some("a-routing-key".to_owned()),
        "SLACK_URL" => Some("https://hooks.example.com/services/T0/B0/x".to_owned()),
        "OTLP_TOKEN" => Some("a-key-of-the-collector".to_owned()),
        "NATS_PASSWORD" => Some("a password for the benches".to_owned()),
        "OIDC_CLIENT_SECRET" | "WEBHOOK_SECRET" | "FORCE_SECRET" | "SCORER_SECRET"
        | "JUDGE_KEY" => Some("a-secret-that-is-long-enough-to-sign-with".to_owned()),
        _ => None,
    }
}
