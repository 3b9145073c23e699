//! The limit of open files: some are kept for the admin API, the stores and the health checks,
//! however many clients come.

use stagegate_config::Config;
use stagegate_settings::Clients;

/// Descriptors that a process needs beside clients and endpoints: stores with their logs, the
/// runtime, admin connections, scorers, receivers of messages.
const RESERVED: u64 = 48;
/// Descriptors of a worker thread.
const OF_A_WORKER: u64 = 4;

/// Raises the limit as far as the system lets this process.
pub(crate) fn raise() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Client connections that `files` descriptors permit: each may need a second one to an endpoint.
const fn room(files: u64, workers: u64, listeners: u64) -> u64 {
    files.saturating_sub(kept(workers, listeners)) / 2
}

const fn kept(workers: u64, listeners: u64) -> u64 {
    RESERVED + OF_A_WORKER * workers + 2 * listeners
}

/// Refuses a limit that permits nobody, and says it where it permits fewer than configured.
///
/// # Errors
/// When there is no room for a single connection.
pub(crate) fn fit_or_refuse(config: &Config) -> anyhow::Result<()> {
    let Some((files, room)) = room_for(config) else { return Ok(()) };
    if room == 0 {
        let needed = kept(config.workers as u64, config.listeners.len() as u64) + 2;
        anyhow::bail!(
            "the limit of open files is {files}, and {needed} are needed to serve anybody: raise it with `ulimit -n` or LimitNOFILE"
        );
    }
    let configured = config.clients.limits.connections;
    if configured as u64 > room {
        tracing::warn!(
            limit_of_files = files,
            configured,
            connections = room,
            "limits.connections is more than the limit of open files permits and is lowered: raise that with `ulimit -n` or LimitNOFILE"
        );
    }
    Ok(())
}

/// The settings of clients, with no more connections than the limit of open files permits.
pub(crate) fn fitted(config: &Config) -> Clients {
    let mut clients = config.clients.clone();
    if let Some((_, room)) = room_for(config) {
        let room = usize::try_from(room).unwrap_or(usize::MAX).max(1);
        clients.limits.connections = clients.limits.connections.min(room);
    }
    clients
}

fn room_for(config: &Config) -> Option<(u64, u64)> {
    let (files, _) = rlimit::getrlimit(rlimit::Resource::NOFILE).ok()?;
    Some((files, room(files, config.workers as u64, config.listeners.len() as u64)))
}

#[cfg(test)]
mod tests {
    use super::room;

    #[test]
    fn some_descriptors_are_kept_whatever_the_limit_is() {
        assert_eq!(room(32, 2, 1), 0);
        assert_eq!(room(64, 2, 1), 3);
        assert_eq!(room(1 << 20, 8, 2), ((1 << 20) - 84) / 2);
    }
}
