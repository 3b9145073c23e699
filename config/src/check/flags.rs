//! Feature flags: their files are read here too, so that a bad file is known before it is served.

use crate::raw::{RawFlagClient, RawFlags};
use crate::read::{At, Context, plain};
use crate::scalar::FilePath;
use stagegate_flags::{Bucketing, FILE_BYTES, FlagFile, FlagSet, Problem, Severity};
use stagegate_settings::{FlagClient, Flags, JoinFlags};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) fn flags(at: At<RawFlags>, cx: &mut Context<'_>) -> Option<Flags> {
    let raw = at.value;
    let (raw_clients, listen) = (raw.clients?, raw.listen?);
    let open = [Some(&listen), raw.grpc.as_ref()].into_iter().flatten();
    for at in open.filter(|at| raw_clients.value.is_empty() && !at.value.ip().is_loopback()) {
        cx.problem(
            &at.site,
            "is reachable from other machines, and there are no clients",
            "add `clients` (see `stagegate token new`), or use a loopback address like `127.0.0.1:8016`",
        );
    }
    let bucketing = plain(raw.bucketing)?;
    let files = files(&raw.files?.value, bucketing, cx);
    let join = match raw.join {
        Some(join) => join.value,
        None if raw_clients.value.is_empty() => JoinFlags::Named,
        None => JoinFlags::Proven,
    };
    let clients = clients(raw_clients.value, cx);
    let origins = plain(raw.origins)?.into_iter().map(|at| at.value.0);
    Some(Flags {
        listen: listen.value,
        grpc: raw.grpc.map(|at| at.value),
        files: files?,
        bucketing,
        clients: clients?,
        origins: origins.collect(),
        join,
    })
}

fn clients(raw: Vec<At<RawFlagClient>>, cx: &mut Context<'_>) -> Option<Vec<FlagClient>> {
    let mut names = BTreeMap::new();
    for client in &raw {
        let Some(name) = &client.value.name else { continue };
        if let Some(line) = names.insert(name.value.0.clone(), name.site.mark.line) {
            let message = format!("is already the name of the client in line {line}");
            cx.problem(&name.site, message, "give every client its own name");
        }
    }
    let clients = raw.into_iter().map(|At { value: client, .. }| {
        Some(FlagClient {
            name: plain(client.name)?.0,
            hash: *plain(client.hash)?.as_bytes(),
            rate: client.rate.map(|at| at.value.per_second()),
        })
    });
    clients.collect()
}

/// The paths, after every file was read.
fn files(raw: &[At<FilePath>], bucketing: Bucketing, cx: &mut Context<'_>) -> Option<Vec<PathBuf>> {
    let (mut paths, mut files) = (Vec::new(), Vec::new());
    for at in raw {
        let path = cx.base_dir.join(&at.value.0);
        let text = match text(&path) {
            Ok(text) => text,
            Err(error) => {
                let message =
                    format!("names a file that cannot be read ({}): {error}", path.display());
                cx.problem(&at.site, message, "name a file of flags");
                continue;
            }
        };
        match FlagFile::read(&path.display().to_string(), &text) {
            Ok(file) => {
                file.warnings().iter().for_each(|warning| tell(at, warning, cx));
                files.push(file);
                paths.push(path);
            }
            Err(problems) => problems.iter().for_each(|problem| tell(at, problem, cx)),
        }
    }
    let joined = FlagSet::of(files, bucketing);
    if let (Err(problems), Some(at)) = (&joined, raw.first()) {
        problems.iter().for_each(|problem| tell(at, problem, cx));
    }
    cx.flag_keys =
        joined.as_ref().ok().map(|set| set.flags().map(|flag| flag.key().to_owned()).collect());
    (joined.is_ok() && paths.len() == raw.len()).then_some(paths)
}

fn tell(at: &At<FilePath>, problem: &Problem, cx: &mut Context<'_>) {
    let Problem { file, line, path, message, hint, .. } = problem;
    let message = format!("has a problem, {file}:{line}: {path}: {message}");
    match problem.severity {
        Severity::Error => cx.problem(&at.site, message, hint.clone()),
        Severity::Warning => cx.warn(&at.site, message, hint.clone()),
    }
}

fn text(path: &Path) -> Result<String, String> {
    let facts = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !facts.is_file() {
        return Err("it is not a regular file".into());
    }
    if facts.len() > FILE_BYTES as u64 {
        return Err(format!("it is larger than {FILE_BYTES} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}
