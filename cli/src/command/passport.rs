//! `stagegate passport` and `stagegate key`: what a release earned in one environment, shown in another.

use super::workload::workload_path;
use crate::client::{AdminClient, Conditions, Failure, segment, typed};
use crate::examples::examples;
use crate::output::table::Table;
use crate::output::{self, Format, moment};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use stagegate_api::{AdmitPassport, ExportPassport, PassportDetail, ReleaseDetail, SignedPassport};
use stagegate_sealed::{SigningKey, verifies};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use ureq::http::Method;

/// The commands below `key`.
#[derive(Subcommand, Debug)]
pub(crate) enum KeyCommand {
    /// Make a key that signs passports, and print its public half. Asks no server.
    #[command(after_help = examples!("key new --out staging.key"))]
    New(KeyArgs),
}

/// Options of `key new`.
#[derive(Args, Debug)]
pub(crate) struct KeyArgs {
    /// The file for the private key. It must not be there yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// The commands below `passport`.
#[derive(Subcommand, Debug)]
pub(crate) enum PassportCommand {
    /// Sign what is known of a release in this environment.
    #[command(after_help = examples!("passport export support-agent --release v43 --out v43.json"))]
    Export(ExportArgs),
    /// Admit a passport from another environment.
    #[command(after_help = examples!("passport admit support-agent --file v43.json", "passport admit support-agent --file v43.json --dry-run"))]
    Admit(AdmitArgs),
    /// Check the signature of a passport and show it. Asks no server.
    #[command(after_help = examples!("passport verify --file v43.json --key 3b6a…"))]
    Verify(VerifyArgs),
    /// Compare the pins of a passport with those of the release here.
    #[command(after_help = examples!("passport diff support-agent --file v43.json"))]
    Diff(DiffArgs),
    /// Show the passport that was admitted last.
    #[command(after_help = examples!("passport show support-agent --release v43"))]
    Show(ShowArgs),
}

/// Options of `passport export`.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// The workload.
    workload: String,
    /// The release; the one that is rolled out, or the candidate, if left out.
    #[arg(long)]
    release: Option<String>,
    /// The file for the passport; it is printed if left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The reason; it is recorded.
    #[arg(long)]
    reason: Option<String>,
}

/// Options of `passport admit`.
#[derive(Args, Debug)]
pub(crate) struct AdmitArgs {
    /// The workload.
    workload: String,
    /// The passport.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// The reason; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    /// Say if it would be admitted, and admit nothing.
    #[arg(long)]
    dry_run: bool,
    /// Repeating a command with the same key admits once.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Options of `passport verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The passport.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// The public key that must have signed it; that of the file if left out.
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
}

/// Options of `passport diff`.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// The workload.
    workload: String,
    /// The passport.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

/// Options of `passport show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The workload.
    workload: String,
    /// The release.
    #[arg(long)]
    release: String,
}

/// Makes a key. The file is for this user alone.
pub(crate) fn key(command: &KeyCommand, format: Format) -> Result<ExitCode, Failure> {
    let KeyCommand::New(args) = command;
    let (key, text) = SigningKey::generate()
        .ok_or_else(|| Failure::Local("the machine gives no randomness".to_owned()))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let written = options.open(&args.out).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written
        .map_err(|error| Failure::Usage(format!("cannot write {}: {error}", args.out.display())))?;
    let public = key.public();
    output::show(format, &json!({ "file": args.out, "public": public }), || {
        format!(
            "private key: {}\npublic key:  {public}\n\nHere:\n  environment: {{ name: NAME, key: {} }}\nWhere its passports are admitted:\n  environment: {{ name: OTHER, trusted: {{ NAME: [\"{public}\"] }} }}\n",
            args.out.display(),
            args.out.display()
        )
    });
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn run(
    client: impl Fn() -> Result<AdminClient, Failure>,
    command: &PassportCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        PassportCommand::Export(args) => export(&client()?, args, format),
        PassportCommand::Admit(args) => admit(&client()?, args, format),
        PassportCommand::Verify(args) => verify(args, format),
        PassportCommand::Diff(args) => diff(&client()?, args, format),
        PassportCommand::Show(args) => show(&client()?, args, format),
    }
}

fn export(client: &AdminClient, args: &ExportArgs, format: Format) -> Result<ExitCode, Failure> {
    let body = ExportPassport { release: args.release.clone(), reason: args.reason.clone() };
    let path = workload_path(&args.workload, "/passports");
    let answer = client.send(&Method::POST, &path, &body, Conditions::default())?;
    let signed: SignedPassport = typed(&answer)?;
    let text = output::json(&json!(signed)) + "\n";
    let Some(path) = &args.out else {
        output::answer(text.trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::write(path, text)
        .map_err(|error| Failure::Usage(format!("cannot write {}: {error}", path.display())))?;
    let passport = payload(&signed)?;
    output::show(format, &json!({ "file": path, "passport": passport }), || {
        format!("written to {}\n{}", path.display(), words(&passport))
    });
    Ok(ExitCode::SUCCESS)
}

fn admit(client: &AdminClient, args: &AdmitArgs, format: Format) -> Result<ExitCode, Failure> {
    let signed = read(&args.file)?;
    let passport = payload(&signed)?;
    let release = passport["release"].as_str().unwrap_or_default();
    let path = format!("/releases/{}/passport", segment(release));
    let body =
        AdmitPassport { passport: signed, reason: args.reason.clone(), dry_run: args.dry_run };
    let conditions =
        Conditions { if_match: None, idempotency_key: args.idempotency_key.as_deref() };
    let path = workload_path(&args.workload, &path);
    let answer = client.send(&Method::PUT, &path, &body, conditions)?;
    let admitted: PassportDetail = typed(&answer)?;
    output::show(format, &answer, || detail(&admitted));
    Ok(ExitCode::SUCCESS)
}

fn verify(args: &VerifyArgs, format: Format) -> Result<ExitCode, Failure> {
    let signed = read(&args.file)?;
    let passport = payload(&signed)?;
    let wanted = args.key.as_deref().unwrap_or(&signed.key);
    let is_theirs = wanted == signed.key;
    let holds = verifies(&signed.key, signed.payload.as_bytes(), &signed.signature);
    let told = json!({
        "signature": holds, "key": signed.key, "wanted_key": is_theirs, "passport": passport,
    });
    output::show(format, &told, || {
        let verdict = match (holds, is_theirs) {
            (true, true) => format!("the signature of {} holds\n", signed.key),
            (true, false) => format!("! it is signed by another key: {}\n", signed.key),
            (false, _) => "! THE SIGNATURE DOES NOT HOLD: the passport was changed\n".to_owned(),
        };
        verdict + &words(&passport)
    });
    Ok(if holds && is_theirs { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn diff(client: &AdminClient, args: &DiffArgs, format: Format) -> Result<ExitCode, Failure> {
    let passport = payload(&read(&args.file)?)?;
    let release = passport["release"].as_str().unwrap_or_default();
    let path = workload_path(&args.workload, &format!("/releases/{}", segment(release)));
    let here: ReleaseDetail = typed(&client.get(&path)?)?;
    let there: BTreeMap<String, String> =
        serde_json::from_value(passport["pins"].clone()).unwrap_or_default();
    let artifact = json!(here.artifact);
    let own = |key: &str| {
        let key = if key == "git" { "git_tag" } else { key };
        artifact[key].as_str().map(str::to_owned)
    };
    let names = ["model", "prompt", "tools", "git", "digest"].map(str::to_owned);
    let names: BTreeSet<String> = names.into_iter().chain(there.keys().cloned()).collect();
    let differ: Vec<(String, Option<String>, Option<String>)> = names
        .into_iter()
        .map(|name| (name.clone(), there.get(&name).cloned(), own(&name)))
        .filter(|(_, there, here)| there != here)
        .collect();
    let told: Vec<Value> = differ
        .iter()
        .map(|(pin, there, here)| json!({ "pin": pin, "there": there, "here": here }))
        .collect();
    output::show(format, &json!({ "release": release, "differences": told }), || {
        let mut table = Table::new(["pin", "there", "here"]);
        for (pin, there, here) in &differ {
            let shown = |it: &Option<String>| it.clone().unwrap_or_else(|| "none".to_owned());
            table.row(vec![pin.clone(), shown(there), shown(here)]);
        }
        table.or(&format!("{release} has the same pins here"))
    });
    Ok(if differ.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(client: &AdminClient, args: &ShowArgs, format: Format) -> Result<ExitCode, Failure> {
    let path = format!("/releases/{}/passport", segment(&args.release));
    let answer = client.get(&workload_path(&args.workload, &path))?;
    let admitted: PassportDetail = typed(&answer)?;
    output::show(format, &answer, || detail(&admitted));
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<SignedPassport, Failure> {
    let usage = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    let text =
        std::fs::read_to_string(path).map_err(|it| usage(format!("cannot be read: {it}")))?;
    serde_json::from_str(&text).map_err(|error| usage(format!("is no passport: {error}")))
}

/// What the text of a passport says.
fn payload(signed: &SignedPassport) -> Result<Value, Failure> {
    serde_json::from_str(&signed.payload)
        .map_err(|error| Failure::Usage(format!("the text of the passport is no JSON: {error}")))
}

fn words(passport: &Value) -> String {
    let text = |key: &str| output::one_line(passport[key].as_str().unwrap_or("?"));
    let checks = passport["checks"].as_array().into_iter().flatten();
    let met = checks.clone().filter(|it| it["standing"] == "yes").count();
    format!(
        "{} of {} from {}, issued {} by {}\n{met} of {} checks met, audit record {}\n",
        text("release"),
        text("workload"),
        text("environment"),
        moment(passport["issued_ms"].as_u64().unwrap_or_default()),
        text("issued_by"),
        checks.count(),
        passport["audit_seq"]
    )
}

fn detail(of: &PassportDetail) -> String {
    let mut text = words(&json!(of));
    match (&of.admitted_by, of.admitted_ms) {
        (Some(by), Some(at_ms)) => {
            let _ = writeln!(text, "admitted {} by {}", moment(at_ms), output::one_line(by));
        }
        _ => text.push_str("it would be admitted; nothing was recorded\n"),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{KeyArgs, KeyCommand, VerifyArgs, key, verify};
    use crate::output::Format;
    use serde_json::json;
    use stagegate_sealed::SigningKey;
    use std::os::unix::fs::PermissionsExt;
    use std::process::ExitCode;

    #[test]
    fn a_key_is_for_its_owner_alone_and_never_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let out = dir.path().join("staging.key");
        let command = KeyCommand::New(KeyArgs { out: out.clone() });
        key(&command, Format::Json).expect("made");
        let mode = std::fs::metadata(&out).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(key(&command, Format::Json).is_err(), "it is there");
    }

    #[test]
    fn a_changed_passport_and_another_key_are_told() {
        let (signing, _) = SigningKey::generate().expect("a key");
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("v2.json");
        let payload = json!({ "release": "v2", "checks": [] }).to_string();
        let write = |payload: &str, signature: &str| {
            let signed = json!({
                "schema": "stagegate-passport/1", "payload": payload, "key": signing.public(),
                "signature": signature,
            });
            std::fs::write(&file, signed.to_string()).expect("written");
        };
        let judged = |key: Option<String>| {
            verify(&VerifyArgs { file: file.clone(), key }, Format::Json).expect("read")
        };
        let signature = signing.sign(payload.as_bytes());
        write(&payload, &signature);
        assert_eq!(judged(None), ExitCode::SUCCESS);
        assert_eq!(judged(Some(signing.public())), ExitCode::SUCCESS);
        assert_eq!(judged(Some("00".to_owned())), ExitCode::FAILURE);
        write(&payload.replace("v2", "v3"), &signature);
        assert_eq!(judged(None), ExitCode::FAILURE);
    }
}
