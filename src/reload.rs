//! What makes the configuration be read again: SIGHUP, and a change of its files.

use stagegate_admin::Control;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{SignalKind, signal};

/// Time between two looks at the files. Polling works where notifications do not: on network
/// file systems, bind mounts and the symlink swaps of Kubernetes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Reloads on SIGHUP, for ever.
///
/// # Errors
/// When the signal cannot be had.
pub(crate) async fn on_hangup(control: Control) -> std::io::Result<()> {
    let mut hangups = signal(SignalKind::hangup())?;
    while hangups.recv().await.is_some() {
        // The driver logs how it went, and keeps it for the status page.
        let _ = control.reload("sighup").await;
    }
    Ok(())
}

/// Reloads when the configuration or a file it names changes, for ever. A change is taken up once
/// it has been the same for two looks, so that a file is not read while it is being written.
pub(crate) async fn on_change(control: Control, path: &Path) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut applied = fingerprint(path);
    let mut before = applied.clone();
    loop {
        looks.tick().await;
        let now = fingerprint(path);
        if now == before && now != applied {
            applied.clone_from(&now);
            let _ = control.reload("file").await;
        }
        before = now;
    }
}

/// What tells one state of the files from another: the configuration's text, and size and time of
/// every file beside it that the text names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Fingerprint {
    text: Option<String>,
    named: Vec<(String, u64, Option<SystemTime>)>,
}

fn fingerprint(path: &Path) -> Fingerprint {
    let Ok(text) = fs::read_to_string(path) else { return Fingerprint::default() };
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut named: Vec<_> = beside
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            // Through the path, so that a symlink counts as what it points to.
            let facts = fs::metadata(entry.path()).ok().filter(fs::Metadata::is_file)?;
            text.contains(&name).then(|| (name, facts.len(), facts.modified().ok()))
        })
        .collect();
    named.sort();
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
        let before = fingerprint(&config);
        fs::write(&other, "x").expect("written");
        assert_eq!(fingerprint(&config), before);
        fs::write(&tenants, "acme, globex").expect("written");
        let after = fingerprint(&config);
        assert_ne!(after, before);
        fs::write(&config, "tenants: []").expect("written");
        assert_ne!(fingerprint(&config), after);
    }
}
