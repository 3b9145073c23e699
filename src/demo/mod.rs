//! `stagegate demo`: everything on one machine, with real connections throughout.
//!
//! Two demo agents, the proxy with its control plane as `serve` runs it, and clients that judge
//! the split from outside. Nothing here is simulated and nothing is taken from the proxy's own
//! figures: what the demo reports, its clients have counted.

mod agent;
mod bounds;
mod chat;
mod responses;
mod seed;
mod setup;
mod show;
mod tally;
mod traffic;

pub(crate) use agent::{AgentArgs, run as run_agent};

use crate::cli::client::{AdminClient, Conditions, Failure, typed};
use crate::cli::output;
use crate::serve::{self, ServeOptions};
use crate::signals::asked_to_end;
use anyhow::{Context, bail};
use clap::Args;
use setup::{Home, Places, WORKLOAD};
use stagegate_api::{ListEntries, Reason, SetWeight, WorkloadDetail, Workloads};
use stagegate_config::{Config, Time};
use stagegate_rollout::{Arm, Weight};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tally::Tally;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use traffic::SharedTally;
use ureq::http::Method;

/// How often the demo looks at the weight.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long health checks get to find the agents.
const READY_PATIENCE: Duration = Duration::from_secs(15);

/// Options of `demo`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArgs {
    /// End by itself after this long; else Ctrl-C ends it.
    #[arg(long = "for", value_name = "DURATION")]
    lasting: Option<Time>,
    /// Keep state, audit and decision log here instead of in a temporary directory.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The proxy's port; another one is taken when it is in use.
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    port: u16,
    /// The admin API's port; another one is taken when it is in use.
    #[arg(long, default_value_t = 9900, value_name = "PORT")]
    admin_port: u16,
    /// The candidate's share at the start.
    #[arg(long, default_value = "10%", value_name = "SHARE")]
    weight: Weight,
    /// Requests a second, 1 to 2000.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2000))]
    rate: u32,
    /// Another seed brings other users and other errors.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the demo to its end; the exit code says whether it showed what it promises.
pub(crate) fn run(args: &DemoArgs) -> ExitCode {
    let outcome = runtime().map_err(Into::into).and_then(|runtime| runtime.block_on(demo(args)));
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

async fn demo(args: &DemoArgs) -> anyhow::Result<bool> {
    let home = Home::open(args.data_dir.as_deref())?;
    let (stop, stopped) = watch::channel(false);
    let (stable, stable_task) = start_agent(Arm::Stable, args.seed, &stopped).await?;
    let (candidate, candidate_task) = start_agent(Arm::Candidate, args.seed, &stopped).await?;
    let proxy = setup::free_port(args.port)?;
    let admin = setup::free_port(args.admin_port)?;
    home.write_config(&Places { proxy, admin, stable, candidate })?;

    let file = home.config_file();
    let loaded = Config::load(&file)?;
    let running = serve::start(loaded.config, file, ServeOptions::default()).await?;
    let proxy = running.proxy_addr.context("the demo's listener has no address")?;
    let admin = format!("http://{}", running.admin_addr);
    let client = AdminClient::new(&admin, None)?;
    await_ready(&client).await?;
    open_candidate(&client, args.weight).await?;
    output::answer(&show::intro(&home, proxy, &admin, args.weight));

    let tally = SharedTally::default();
    let (end_traffic, traffic_ends) = watch::channel(false);
    let traffic = tokio::spawn(traffic::run(
        proxy,
        f64::from(args.rate),
        args.seed,
        Arc::clone(&tally),
        traffic_ends,
    ));
    let lasted = watch_it(args, &client, &tally).await;
    let _ = end_traffic.send(true);
    traffic.await.context("the demo's clients failed")?;
    look(&client, &tally).await?;

    running.stop().await?;
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
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<(std::net::SocketAddr, JoinHandle<std::io::Result<()>>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for a demo agent")?;
    let address = listener.local_addr()?;
    let mut stopped = stopped.clone();
    let until = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    Ok((address, tokio::spawn(agent::serve(listener, setup::profile(arm, seed), until))))
}

/// Calls the admin API off the runtime's threads, as the command line does.
async fn call<T: Send + 'static>(
    client: &AdminClient,
    what: impl FnOnce(&AdminClient) -> Result<T, Failure> + Send + 'static,
) -> anyhow::Result<T> {
    let client = client.clone();
    Ok(spawn_blocking(move || what(&client)).await??)
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

/// Sets the demo's weight, whatever an earlier demo in the same directory left behind.
async fn open_candidate(client: &AdminClient, weight: Weight) -> anyhow::Result<()> {
    call(client, move |client| {
        let path = format!("/v1/workloads/{WORKLOAD}");
        let detail: WorkloadDetail = typed(&client.get(&path)?)?;
        let reason = "start of the demo".to_owned();
        let always = Conditions::default();
        if detail.killed.is_some() {
            let body = Reason { reason: reason.clone() };
            client.send(&Method::POST, &format!("{path}/revive"), &body, always)?;
        }
        let body = SetWeight { weight: weight.to_string(), reason, overriding: false };
        client.send(&Method::PUT, &format!("{path}/weight"), &body, always)
    })
    .await?;
    Ok(())
}

/// Shows the live line until the time is over or somebody ends it; says how long that was.
async fn watch_it(args: &DemoArgs, client: &AdminClient, tally: &SharedTally) -> Duration {
    let began = Instant::now();
    let mut live = show::Live::begin();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    let over = async {
        match args.lasting {
            Some(Time(lasting)) => tokio::time::sleep(lasting).await,
            None => std::future::pending().await,
        }
    };
    let ended = asked_to_end();
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

/// What the routing is at a moment.
struct Now {
    /// The weight, or why there is none.
    words: String,
    /// The share that the weight alone promises.
    promised: Option<Weight>,
}

/// Reads what the current epoch promises, for the judgement of the split.
async fn look(client: &AdminClient, tally: &Mutex<Tally>) -> anyhow::Result<Now> {
    let workloads: Workloads = call(client, |client| typed(&client.get("/v1/workloads")?)).await?;
    let Some(detail) = workloads.workloads.iter().find(|detail| detail.name == WORKLOAD) else {
        bail!("the configuration has no workload `{WORKLOAD}` any more");
    };
    let promised = promised(detail);
    tally.lock().unwrap_or_else(PoisonError::into_inner).learn(workloads.epoch, promised);
    let words = match (&detail.killed, &detail.closed) {
        (Some(_), _) => "0% (killed)".to_owned(),
        (None, Some(_)) => "0% (rolled back)".to_owned(),
        (None, None) => detail.weight.clone(),
    };
    Ok(Now { words, promised })
}

/// The share of the counted conversations that goes to the candidate, if the weight alone decides.
fn promised(detail: &WorkloadDetail) -> Option<Weight> {
    let nobody = ListEntries::default();
    let other_rules = detail.cohorts.iter().any(|cohort| cohort.enabled)
        || detail.allow != nobody
        || detail.deny != nobody
        || detail.exclusions.iter().any(|group| !group.tenants.is_empty())
        || detail.sticky != "conversation";
    if other_rules {
        return None;
    }
    if detail.open { detail.weight.parse().ok() } else { Some(Weight::ZERO) }
}
