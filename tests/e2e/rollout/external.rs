//! Gates on values that others measure: a small server that tells what the test wants, and Debian's
//! Prometheus.

use super::World;
use crate::harness::{Backend, Exchange, eventually_async, free_address};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the server does with questions.
#[derive(Clone, Debug)]
enum Says {
    Value(&'static str),
    Nothing,
    Hang,
    Nonsense,
}

/// A server that speaks Prometheus' HTTP API, as far as it is steered to.
struct Told {
    backend: Backend,
    says: Arc<Mutex<Says>>,
}

impl Told {
    fn start(says: Says) -> Self {
        let says = Arc::new(Mutex::new(says));
        let steered = Arc::clone(&says);
        let backend = Backend::with("told", async move |exchange: &mut Exchange| {
            let says = steered.lock().expect("steered").clone();
            let at = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
            let series = match says {
                Says::Hang => return std::future::pending().await,
                Says::Nonsense => return exchange.reply("200 OK", &[], b"<html>").await,
                Says::Nothing => String::new(),
                Says::Value(value) => format!(r#"{{"metric":{{}},"value":[{at},"{value}"]}}"#),
            };
            let body = format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}"#
            );
            exchange.reply("200 OK", &[], body.as_bytes()).await;
        });
        Self { backend, says }
    }

    fn turn(&self, says: Says) {
        *self.says.lock().expect("steered") = says;
    }

    fn sources(&self) -> String {
        format!("[{{ name: prom, type: prometheus, url: \"http://{}\" }}]", self.backend.address)
    }
}

/// One step with half of the traffic and a gate on `query`.
fn policy(gate: &str) -> String {
    format!(
        "{{ fast: {{ steps: [ {{ weight: 50%, hold: 2s, requests: 20, violated_for: 3s }}, {{ weight: 100%, watch: 20s }} ], \
           gates: [ {{ axis: error, class: permanent, margin: 20pp, for: 1s, requests: 10 }}, \
                    {{ axis: external, name: orders, source: prom, every: 1s, timeout: 1s, requests: 10, {gate} }} ] }} }}"
    )
}

async fn world(told: &str, gate: &str) -> World {
    World::asking(&policy(gate), Duration::MAX, told).await
}

fn gate(rollout: &Value) -> &Value {
    &rollout["analysis"]["gates"][1]
}

#[tokio::test]
async fn a_value_passes_and_then_rolls_back() {
    let told = Told::start(Says::Value("0.01"));
    let world =
        world(&told.sources(), "query: 'orders_failed{release=\"$candidate\"}', max: 2%").await;
    world.begin().await;
    world.until("a pass", |it| it["analysis"]["verdict"] == "pass").await;
    let asked = told.backend.seen();
    assert!(asked[0].head.target().contains("v2"), "{:?}", asked[0].head.target());
    told.turn(Says::Value("0.3"));
    world.rolled_back_on("external").await;
    world.traffic.end().await;
}

#[tokio::test]
async fn a_source_that_hangs_or_lies_gives_no_data_and_delays_no_rollback() {
    let told = Told::start(Says::Hang);
    let world = world(&told.sources(), "query: q, max: 2%").await;
    world.begin().await;
    for (says, why) in [
        (Says::Hang, "no answer in time"),
        (Says::Nothing, "the query gives no series"),
        (Says::Value("NaN"), "the value is NaN"),
        (Says::Nonsense, "not that of a Prometheus API"),
    ] {
        told.turn(says);
        let shown = |it: &Value| gate(it)["note"].as_str().is_some_and(|note| note.contains(why));
        let rollout = world.until(why, shown).await;
        assert_eq!(gate(&rollout)["state"], "no_data", "{rollout}");
        assert_ne!(rollout["analysis"]["verdict"], "pass", "{rollout}");
        assert!(rollout["analysis"]["blocks"].to_string().contains(why), "{rollout}");
    }
    let shown = world.stagegate.cli(&["rollout", "status", "agent"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("external/orders/max") && shown.contains("no data"), "{shown}");
    // The gate beside it acts while the source hangs.
    told.turn(Says::Hang);
    world.candidate.turn_wrong();
    world.rolled_back_on("error").await;
    world.traffic.end().await;
}

/// Debian's Prometheus, which scrapes one address every second; it ends with the test.
struct Prometheus {
    child: Child,
    url: String,
    _dir: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// None where there is no Prometheus, which only a developer's machine may lack.
fn prometheus(scraped: &str) -> Option<Prometheus> {
    let dir = tempfile::TempDir::new().expect("a directory");
    let file = dir.path().join("prometheus.yml");
    let text = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs: [{{ job_name: shop, static_configs: [{{ targets: [\"{scraped}\"] }}] }}]\n"
    );
    std::fs::write(&file, text).expect("written");
    let address = free_address();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match child {
        Ok(child) => Some(Prometheus { child, url: format!("http://{address}"), _dir: dir }),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "prometheus must be there in CI: {error}");
            eprintln!(
                "SKIPPED: prometheus does not start ({error}); install Debian's `prometheus`"
            );
            None
        }
    }
}

#[tokio::test]
async fn debians_prometheus_tells_the_releases_apart() {
    let failed = Arc::new(Mutex::new(1.0_f64));
    let steered = Arc::clone(&failed);
    let shop = Backend::with("shop", async move |exchange: &mut Exchange| {
        let candidate = *steered.lock().expect("steered");
        let text = format!(
            "# TYPE orders_failed gauge\norders_failed{{release=\"v1\"}} 1\norders_failed{{release=\"v2\"}} {candidate}\n"
        );
        let fields = [("content-type", "text/plain; version=0.0.4")];
        exchange.reply("200 OK", &fields, text.as_bytes()).await;
    });
    let Some(prometheus) = prometheus(&shop.address.to_string()) else { return };
    let sources = format!("[{{ name: prom, type: prometheus, url: \"{}\" }}]", prometheus.url);
    let by =
        "query: 'max by (release) (orders_failed)', label: release, against: stable, ratio: 1.5";
    let world = world(&sources, by).await;
    world.begin().await;
    world.until("a pass", |it| it["analysis"]["verdict"] == "pass").await;
    let rollout = world.rollout().await;
    assert_eq!(gate(&rollout)["stable"]["value"], 1.0, "{rollout}");
    assert_eq!(gate(&rollout)["limit"], 1.5, "{rollout}");
    *failed.lock().expect("steered") = 4.0;
    world.rolled_back_on("external").await;
    let reason = world.rollout().await["since"]["reason"].to_string();
    assert!(reason.contains("external/orders/against-stable"), "{reason}");
    eventually_async("the users' traffic on stable", async || world.traffic.answered() > 0).await;
    world.traffic.end().await;
}
