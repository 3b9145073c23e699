//! The running process' part of a handover.

use super::{Asked, COMING_UP, HandoverSocket};
use crate::serve::Running;
use anyhow::{Context as _, bail};
use stagegate_proxy::IdleConnection;
use stagegate_store::Store;
use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two tries to have the store back from a process that is ending.
const TRY_EVERY: Duration = Duration::from_millis(100);
/// The time that the admin API has to close its socket.
const ADMIN: Duration = Duration::from_millis(100);

/// Hands over to the new process. If it succeeds, this process finishes its running requests and
/// returns none. Otherwise this process continues and gets its parts back.
///
/// # Errors
/// When a part did not end as it should.
pub(crate) async fn hand_over(
    mut running: Running,
    socket: HandoverSocket,
    asked: Asked,
) -> anyhow::Result<Option<(Running, HandoverSocket)>> {
    tracing::info!("handover started: a new process takes over; changes are refused");
    match let_go(&mut running, &asked).await {
        Ok(()) => {}
        Err(error) => {
            tracing::error!("handover failed; this process continues: {error:#}");
            asked.refuse(&format!("{error:#}"));
            drop(asked);
            go_on(&mut running).await?;
            return Ok(Some((running, socket)));
        }
    }
    finish(running, socket, asked).await?;
    Ok(None)
}

/// Everything that can still be undone.
async fn let_go(running: &mut Running, asked: &Asked) -> anyhow::Result<()> {
    let sockets: Result<Vec<(String, OwnedFd)>, _> = running
        .sockets
        .iter()
        .map(|(name, socket)| socket.try_clone().map(|socket| (name.clone(), socket)))
        .collect();
    let sockets = sockets.context("the sockets cannot be copied")?;
    // Evidence is saved with it, so that the new process goes on where this one stood.
    running.end_owner_tasks().await?;
    running.stop_scoring().await?;
    running.control.release().await?;
    if let Some(journal) = running.journal.clone() {
        tokio::task::spawn_blocking(move || journal.close()).await?;
    }
    asked.give_sockets(sockets).await
}

/// Takes everything back.
async fn go_on(running: &mut Running) -> anyhow::Result<()> {
    if running.control.is_handing_over() {
        let data_dir = running.control.view().config.data_dir.clone();
        let opened = tokio::task::spawn_blocking(move || open_again(&data_dir)).await?;
        match opened {
            Ok(store) => {
                if let Err(error) = running.control.resume(store).await {
                    tracing::error!(%error, "cannot use the store again; restart to make changes");
                }
            }
            Err(error) => {
                tracing::error!("cannot open the store again; restart to make changes: {error:#}");
            }
        }
        if let Some(journal) = running.journal.clone() {
            let reopened = tokio::task::spawn_blocking(move || journal.reopen()).await?;
            if let Err(error) = reopened {
                tracing::error!(
                    "cannot open the decision log again; decisions go to a spool: {error:#}"
                );
            }
        }
    }
    if running.control.view().config.workloads.iter().any(|workload| workload.eval.is_on()) {
        tracing::error!("responses are no longer sampled; restart to score again");
    }
    running.begin_owner_tasks();
    Ok(())
}

/// The new process may take a while to be gone altogether.
fn open_again(data_dir: &std::path::Path) -> anyhow::Result<Store> {
    let deadline = Instant::now() + COMING_UP;
    loop {
        match Store::open(data_dir) {
            Ok(store) => return Ok(store),
            Err(error) if Instant::now() >= deadline => return Err(error.into()),
            Err(_) => thread::sleep(TRY_EVERY),
        }
    }
}

/// Everything that cannot be undone: the new process is ready.
async fn finish(mut running: Running, socket: HandoverSocket, asked: Asked) -> anyhow::Result<()> {
    running.plane.begin_drain();
    running.sockets.clear();
    running.close_flags();
    running.close_otlp();
    running.admin.close();
    running.admin.closed(ADMIN).await;
    let (leaving, left) = mpsc::channel::<Option<IdleConnection>>();
    let sink = leaving.clone();
    running
        .plane
        .proxy()
        .hand_over(Arc::new(move |connection| {
            // Nobody receives once the drain is over; the connection is closed then, as in any drain.
            let _ = sink.send(Some(connection));
        }))
        .await;
    if !running.control.leave_to_stable().await {
        // Its requests under way have all been decided long ago, or it could not be this late.
        tracing::warn!(
            "a worker did not acknowledge the plan in time; it may still use the older plan"
        );
    }
    running.remember().await?;
    // The file is the new process' as soon as it begins.
    socket.give();
    if asked.begin().is_err() {
        running.stop().await?;
        bail!("the new process ended before it began");
    }
    tracing::info!("the new process has the sockets; finishing running requests");
    let config = Arc::clone(&running.control.view().config);
    let passing = thread::Builder::new().name("bequest".to_owned()).spawn(move || {
        let names: Vec<String> = config.listeners.iter().map(super::proxy_socket).collect();
        while let Ok(Some(connection)) = left.recv() {
            let Some(name) = names.get(connection.listener) else { continue };
            if let Err(error) = asked.pass(name, &connection) {
                tracing::warn!(%error, "cannot hand over a connection; it is closed");
            }
        }
    });
    let passing = passing.inspect_err(
        |error| tracing::error!(%error, "cannot hand over connections; they are closed"),
    );
    running.stop().await?;
    let _ = leaving.send(None);
    if let Ok(passing) = passing
        && tokio::task::spawn_blocking(move || passing.join()).await?.is_err()
    {
        bail!("the handover of connections did not finish");
    }
    tracing::info!("handover finished; all requests are done");
    Ok(())
}
