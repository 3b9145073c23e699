//! The demo: everything on one machine, with real connections throughout.
//!
//! Two demo agents, the proxy with its control plane as `serve` runs it, and clients that judge
//! the split from outside. Nothing is simulated, and no figure comes from the proxy: the demo
//! reports what its clients have counted. The program that runs it hands in how a server starts.

mod agent;
mod bounds;
mod chat;
mod now;
mod responses;
mod seed;
mod serve;
mod setup;
mod show;
mod tally;
mod traffic;

pub use setup::{Places, TENANTS, WORKLOAD, config_text};

use agent::Profile;
use anyhow::{Context, bail};
use now::{Now, call, look};
use setup::Home;
use stagegate_api::{Reason, SetWeight, StartRollout, WorkloadDetail};
use stagegate_cli::client::{AdminClient, Conditions, typed};
use stagegate_cli::{AgentArgs, DemoArgs, output};
use stagegate_rollout::{Arm, Weight};
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use traffic::SharedTally;
use ureq::http::Method;

/// How often the demo reads the weight.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long health checks get to find the agents.
const READY_PATIENCE: Duration = Duration::from_secs(15);

/// A server that was started for the demo.
pub struct Served {
    /// The address of its listener.
    pub proxy: SocketAddr,
    /// The address of its admin API.
    pub admin: SocketAddr,
    /// Ends it when polled.
    pub stop: Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>,
}

/// Runs the demo until its time is over or `ended` resolves; the exit code says whether it showed
/// what it promises. `start` starts a server with a configuration file.
pub fn run<S: Future<Output = anyhow::Result<Served>>>(
    args: &DemoArgs,
    start: impl FnOnce(PathBuf) -> S,
    ended: impl Future<Output = ()>,
) -> ExitCode {
    let outcome = runtime()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(demo(args, start, ended)));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            output::note(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A runtime for what is not the data plane.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

async fn demo<S: Future<Output = anyhow::Result<Served>>>(
    args: &DemoArgs,
    start: impl FnOnce(PathBuf) -> S,
    ended: impl Future<Output = ()>,
) -> anyhow::Result<bool> {
    let home = Home::open(args.data_dir.as_deref())?;
    let (stop, stopped) = watch::channel(false);
    let is_bad = Arc::<AtomicBool>::default();
    let (stable, stable_task) =
        start_agent(Arm::Stable, args.seed, Arc::default(), &stopped).await?;
    let (candidate, candidate_task) =
        start_agent(Arm::Candidate, args.seed, Arc::clone(&is_bad), &stopped).await?;
    let proxy = setup::free_port(args.port)?;
    let admin = setup::free_port(args.admin_port)?;
    home.write_config(&Places { proxy, admin, stable, candidate })?;

    let Served { proxy, admin, stop: stop_server } = start(home.config_file()).await?;
    let admin = format!("http://{admin}");
    let client = AdminClient::new(&admin, None)?;
    await_ready(&client).await?;
    let opening = match args.bad_after {
        None => Opening::Weight(args.weight),
        Some(_) => Opening::Rollout,
    };
    open_candidate(&client, opening).await?;
    output::answer(&show::intro(&home, proxy, &admin, (args.weight, args.bad_after)));
    if let Some(after) = args.bad_after {
        let (after, is_bad) = (after.0, Arc::clone(&is_bad));
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            is_bad.store(true, Ordering::Relaxed);
        });
    }

    let tally = SharedTally::default();
    let (end_traffic, traffic_ends) = watch::channel(false);
    let traffic = tokio::spawn(traffic::run(
        proxy,
        f64::from(args.rate),
        args.seed,
        Arc::clone(&tally),
        traffic_ends,
    ));
    let lasted = watch_it(args, &client, &tally, ended).await;
    let _ = end_traffic.send(true);
    traffic.await.context("the demo's clients failed")?;
    look(&client, &tally).await?;

    stop_server.await?;
    let _ = stop.send(true);
    stable_task.await??;
    candidate_task.await??;
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner).clone();
    output::answer(&show::summary(&tally, lasted));
    Ok(tally.holds())
}

/// Starts one agent on a free port.
async fn start_agent(
    arm: Arm,
    seed: u64,
    is_bad: Arc<AtomicBool>,
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<(SocketAddr, JoinHandle<std::io::Result<()>>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for a demo agent")?;
    let address = listener.local_addr()?;
    let mut stopped = stopped.clone();
    let until = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    Ok((address, tokio::spawn(serve::serve(listener, setup::profile(arm, seed), is_bad, until))))
}

/// Waits until every stable endpoint was found healthy.
async fn await_ready(client: &AdminClient) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_PATIENCE;
    loop {
        let (status, text) = call(client, |client| client.probe("/readyz")).await?;
        if status == 200 {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the proxy does not get ready: {}", text.trim());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How the candidate gets its first traffic.
#[derive(Clone, Copy)]
enum Opening {
    /// By hand.
    Weight(Weight),
    /// By a gated rollout.
    Rollout,
}

/// Opens the candidate, whatever an earlier demo in the same directory left behind.
async fn open_candidate(client: &AdminClient, opening: Opening) -> anyhow::Result<()> {
    call(client, move |client| {
        let path = format!("/v1/workloads/{WORKLOAD}");
        let detail: WorkloadDetail = typed(&client.get(&path)?)?;
        let reason = "start of the demo".to_owned();
        let always = Conditions::default();
        if detail.killed.is_some() {
            let body = Reason { reason: reason.clone() };
            client.send(&Method::POST, &format!("{path}/revive"), &body, always)?;
        }
        // A gate of an earlier demo may have rolled it back.
        let overriding = detail.condemned.iter().any(|it| it.let_in.is_none());
        match opening {
            Opening::Weight(weight) => {
                let body = SetWeight { weight: weight.to_string(), reason, overriding };
                client.send(&Method::PUT, &format!("{path}/weight"), &body, always)
            }
            Opening::Rollout => {
                if detail.rollout.as_ref().is_some_and(|it| it.active) {
                    let body = Reason { reason: reason.clone() };
                    let abort = format!("{path}/rollouts/current/abort");
                    client.send(&Method::POST, &abort, &body, always)?;
                }
                let (to, reason) = (Some(setup::CANDIDATE.to_owned()), Some(reason));
                // No drill was held.
                let body = StartRollout { to, reason, overriding: true, ..StartRollout::default() };
                client.send(&Method::POST, &format!("{path}/rollouts"), &body, always)
            }
        }
    })
    .await?;
    Ok(())
}

/// Shows the live line until the time is over or the demo is stopped. Returns the elapsed time.
async fn watch_it(
    args: &DemoArgs,
    client: &AdminClient,
    tally: &SharedTally,
    ended: impl Future<Output = ()>,
) -> Duration {
    let began = Instant::now();
    let mut live = show::Live::begin();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    let over = async {
        match args.lasting {
            Some(lasting) => tokio::time::sleep(lasting.0).await,
            None => std::future::pending().await,
        }
    };
    let mut now = Now { words: "?".to_owned(), promised: None };
    tokio::pin!(over, ended);
    loop {
        tokio::select! {
            () = &mut over => break,
            () = &mut ended => break,
            _ = ticks.tick() => {
                // The demo outlives a moment without answer, for example during a reload.
                now = look(client, tally).await.unwrap_or(now);
                let seen = tally.lock().unwrap_or_else(PoisonError::into_inner).clone();
                live.tell(&seen, &now, began.elapsed());
            }
        }
    }
    live.end();
    began.elapsed()
}

/// Serves one demo agent until `ended` resolves.
pub fn run_agent(args: &AgentArgs, ended: impl Future<Output = ()> + Send + 'static) -> ExitCode {
    let profile = Profile {
        name: args.name.clone(),
        model: args.model.clone().unwrap_or_else(|| format!("demo-{}", args.name)),
        latency: Duration::from_millis(args.latency_ms),
        error_rate: args.error_rate.clamp(0.0, 1.0),
        cost_usd: args.cost_usd,
        seed: 1,
    };
    let outcome = runtime().and_then(|runtime| {
        runtime.block_on(async {
            let listener = TcpListener::bind(args.listen).await?;
            let address = listener.local_addr()?;
            output::note(&format!("demo agent {} listens on http://{address}", profile.name));
            serve::serve(listener, profile, Arc::default(), ended).await
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(&format!("error: {}: {error}", args.listen));
            ExitCode::FAILURE
        }
    }
}
