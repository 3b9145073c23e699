//! Triggers of a configuration reload: SIGHUP, and a change of its files.

use stagegate_control::Control;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{SignalKind, signal};

/// Time between two looks at the files. Polling works where notifications do not: on network
/// file systems, bind mounts and the symlink swaps of Kubernetes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Reloads on SIGHUP, for ever.
///
/// # Errors
/// When the signal handler cannot be installed.
pub(crate) async fn on_hangup(control: Control) -> std::io::Result<()> {
    let mut hangups = signal(SignalKind::hangup())?;
    while hangups.recv().await.is_some() {
        // The driver logs how it went, and keeps it for the status page.
        let _ = control.reload("sighup").await;
    }
    Ok(())
}

/// Reloads when the configuration or a file it names changes, for ever. A change is taken up once
/// it has been the same for two looks, so that a file is not read while it is being written. `loaded`
/// are the files as they were before they were loaded: a change during the start is one too.
pub(crate) async fn on_change(control: Control, path: &Path, loaded: Fingerprint) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut watched = control.view().config.files.clone();
    let mut before = fingerprint(path, &watched);
    let mut applied = loaded;
    applied.watch_as(&before);
    loop {
        looks.tick().await;
        let in_force = control.view();
        let now = fingerprint(path, &in_force.config.files);
        if in_force.config.files != watched {
            // A reload that read other files than before is no change of theirs.
            watched.clone_from(&in_force.config.files);
            applied.watch_as(&now);
        }
        if now == before && now != applied {
            applied.clone_from(&now);
            let _ = control.reload("file").await;
        }
        before = now;
    }
}

/// Identifies a state of the files: the configuration's text, and size and time of every file that
/// it names, beside it or elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    text: Option<String>,
    named: Vec<(PathBuf, u64, Option<SystemTime>)>,
}

impl Fingerprint {
    /// Watches the files that `now` watches. What was seen of a file before stays what counts.
    fn watch_as(&mut self, now: &Self) {
        let seen = std::mem::take(&mut self.named);
        let known = |path: &PathBuf| seen.iter().find(|it| it.0 == *path).cloned();
        self.named =
            now.named.iter().map(|it| known(&it.0).unwrap_or_else(|| it.clone())).collect();
    }
}

/// `read` are the files that were read for the configuration in force, wherever they lie.
pub(crate) fn fingerprint(path: &Path, read: &[PathBuf]) -> Fingerprint {
    let Ok(text) = fs::read_to_string(path) else { return Fingerprint::default() };
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = fs::read_dir(directory).into_iter().flatten().flatten();
    let beside =
        beside.filter(|entry| entry.file_name().to_str().is_some_and(|name| text.contains(name)));
    let mut paths: Vec<PathBuf> = beside.map(|entry| entry.path()).chain(read.to_vec()).collect();
    paths.sort_unstable();
    paths.dedup();
    let named = paths.into_iter().filter_map(|path| {
        // Through the path, so that a symlink counts as what it points to.
        let facts = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        Some((path, facts.len(), facts.modified().ok()))
    });
    let named = named.collect();
    Fingerprint { text: Some(text), named }
}

#[cfg(test)]
mod tests {
    use super::fingerprint;
    use std::fs;

    #[test]
    fn only_the_configuration_and_what_it_names_count() {
        let dir = tempfile::tempdir().expect("a directory");
        let (config, tenants, other) =
            (dir.path().join("c.yaml"), dir.path().join("t.txt"), dir.path().join("o.txt"));
        fs::write(&config, "tenants: [file:t.txt]").expect("written");
        fs::write(&tenants, "acme").expect("written");
        let before = fingerprint(&config, &[]);
        fs::write(&other, "x").expect("written");
        assert_eq!(fingerprint(&config, &[]), before);
        fs::write(&tenants, "acme, globex").expect("written");
        let after = fingerprint(&config, &[]);
        assert_ne!(after, before);
        let elsewhere = tempfile::tempdir().expect("a directory");
        let certificate = elsewhere.path().join("server.pem");
        fs::write(&certificate, "old").expect("written");
        let before = fingerprint(&config, std::slice::from_ref(&certificate));
        fs::write(&certificate, "renewed").expect("written");
        let renewed = fingerprint(&config, std::slice::from_ref(&certificate));
        assert_ne!(renewed, before);
        // Watching more files is no change, a change under the new watch is.
        let mut applied = after.clone();
        applied.watch_as(&renewed);
        assert_eq!(applied, renewed);
        let mut applied = before.clone();
        applied.watch_as(&renewed);
        assert_ne!(applied, renewed);
        fs::write(&config, "tenants: []").expect("written");
        assert_ne!(fingerprint(&config, &[]), after);
    }
}
