//! A control plane with everything around it: a directory, a configuration file, a real store, and
//! stand-ins for the parts that carry and count traffic.

pub(crate) use crate::plane::CONFIG;
use crate::plane::{Events, Plane};
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use stagegate_admin::sources::{
    SeriesStats, StageOfRequest, StageSource, StagesOfArm, StatsSource,
};
use stagegate_admin::{App, router};
use stagegate_config::Config;
use stagegate_control::ports::{
    DataPlane, EndpointStatus, Health, Observer, ReleaseHealth, WorkerStatus,
};
use stagegate_control::{Control, StartError, Startup};
use stagegate_notify::{Notifier, NotifierSettings};
use stagegate_rollout::{Arm, Histogram, SeriesKey, Split, StageUse};
use stagegate_store::{DecisionLog, Outbox, Retention, Store};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

/// Statistics of one series.
struct Stats;

impl StatsSource for Stats {
    fn snapshot(&self) -> Vec<SeriesStats> {
        vec![SeriesStats {
            workload: "agent".into(),
            release: "v2".into(),
            arm: Arm::Candidate,
            seconds: 60,
            covers: Duration::from_secs(50),
            costed: 1000,
            spent_nanos: 2_000_000_000,
            outcomes: [90, 4, 3, 3, 10],
            keys: [100, 0, 0, 10],
            duration_us: [Some(1500), None, None],
            first_byte_p50_us: Some(700),
        }]
    }
}

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) plane: Arc<Plane>,
    pub(crate) events: Arc<Events>,
    pub(crate) control: Control,
    pub(crate) router: Router,
    pub(crate) app: App,
    pub(crate) log: Arc<DecisionLog>,
    pub(crate) token: Option<String>,
}

impl World {
    /// A control plane without tokens.
    pub(crate) async fn open() -> Self {
        Self::with(CONFIG).await
    }

    /// A control plane with this configuration, in a new directory.
    pub(crate) async fn with(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::try_in(dir, config, false).await.map_err(|(error, _)| error).unwrap()
    }

    /// The same directory after a restart.
    pub(crate) async fn restart(self) -> Self {
        let config = std::fs::read_to_string(self.config_path()).unwrap();
        let mut dir = self.stop();
        // A change whose caller hung up holds the directory until it is recorded.
        for _ in 0..1000 {
            match Self::try_in(dir, &config, false).await {
                Err((StartError::InUse(_), again)) => dir = again,
                other => return other.map_err(|(error, _)| error).unwrap(),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the directory stays in use");
    }

    /// Ends everything and hands the directory back.
    pub(crate) fn stop(self) -> TempDir {
        let Self { dir, router, app, control, log, .. } = self;
        drop((router, app, control, log));
        dir
    }

    pub(crate) async fn try_in(
        dir: TempDir,
        config: &str,
        safe_start: bool,
    ) -> Result<Self, (StartError, TempDir)> {
        let path = dir.path().join("stagegate.yaml");
        std::fs::write(&path, config).unwrap();
        let plane = Arc::new(Plane::default());
        let events = Arc::new(Events::default());
        let startup = startup(&path, &dir.path().join("data"), safe_start, &plane, &events);
        let outbox = startup.store.as_ref().ok().map(|store| store.outbox().unwrap());
        let control = match Control::start(startup).await {
            Ok(control) => control,
            Err(error) => return Err((error, dir)),
        };
        let retention = Retention { max_age: Duration::from_secs(3600), max_bytes: 1 << 24 };
        let log = DecisionLog::open(&dir.path().join("decisions"), retention).unwrap();
        let log = Arc::new(log);
        let app = App {
            control: control.clone(),
            stats: Arc::new(Stats),
            metrics: Arc::new(|| "stagegate_up 1\n".to_owned()),
            decisions: Some(Arc::clone(&log) as Arc<_>),
            samples: None,
            stages: Some(Arc::new(Stages)),
            flags: None,
            queue: None,
            notifier: outbox.map(|outbox| notifier(outbox, &control)),
            people: Arc::default(),
            refusals: Arc::default(),
            events: Arc::new(stagegate_admin::Events::new(1)),
            started_at_ms: 1,
        };
        let router = router(app.clone());
        Ok(Self { dir, plane, events, control, router, app, log, token: None })
    }

    /// Another process on the same directory.
    pub(crate) async fn second_start(&self, config: &str) -> Result<Control, StartError> {
        let path = self.dir.path().join("second.yaml");
        std::fs::write(&path, config).unwrap();
        let (plane, events) = (Arc::default(), Arc::default());
        let data = self.dir.path().join("data");
        Control::start(startup(&path, &data, false, &plane, &events)).await
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.dir.path().join("stagegate.yaml")
    }

    pub(crate) fn database(&self) -> PathBuf {
        database(self.dir.path())
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        let mut headers = HeaderMap::new();
        headers.insert("host", "localhost:9900".parse().unwrap());
        if let Some(token) = &self.token {
            headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let router = self.router.clone();
        Call { router, method, path: path.to_owned(), headers, body: Vec::new() }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path).json(&body).send().await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path).json(&body).send().await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path).send().await
    }

    pub(crate) async fn set_weight(&self, weight: &str) -> Reply {
        let body = json!({ "weight": weight, "reason": "test" });
        self.put("/v1/workloads/agent/weight", body).await
    }

    /// Waits until the newest entry of the audit is of this action.
    pub(crate) async fn until_recorded(&self, action: &str) {
        let is_newest = async || {
            let audit = self.get("/v1/audit?limit=1").await.ok();
            audit["entries"][0]["action"] == action
        };
        self.plane.until(action, is_newest).await;
    }

    /// The workload `agent` as the API shows it.
    pub(crate) async fn agent(&self) -> Value {
        self.get("/v1/workloads/agent").await.ok()
    }

    /// The split of `agent` that was published last, and its epoch.
    pub(crate) fn last_plan(&self) -> (u64, Arc<Split>) {
        let published = self.plane.published.lock().unwrap();
        let last = published.last().unwrap();
        (last.epoch, Arc::clone(&last.splits[0]))
    }

    pub(crate) fn plans(&self) -> usize {
        self.plane.published.lock().unwrap().len()
    }

    /// Says which worker threads are alive.
    pub(crate) fn workers(&self, alive: &[bool]) {
        let workers = (0..).zip(alive).map(|(number, alive)| worker(number, *alive));
        self.plane.status.lock().unwrap().workers = workers.collect();
    }

    /// Says what health checks found.
    pub(crate) fn health(&self, workload: &str, release: &str, health: &[Health]) {
        let endpoints = health.iter().enumerate().map(|(port, health)| EndpointStatus {
            address: format!("127.0.0.1:{port}"),
            health: *health,
        });
        let mut status = self.plane.status.lock().unwrap();
        status.workers = vec![worker(0, true)];
        status.releases.push(ReleaseHealth {
            workload: workload.parse().unwrap(),
            release: release.parse().unwrap(),
            endpoints: endpoints.collect(),
        });
    }
}

/// A worker thread with some connections.
pub(crate) fn worker(number: u32, alive: bool) -> WorkerStatus {
    WorkerStatus { worker: number, epoch: 1, connections: 3, in_flight: 1, alive }
}

fn notifier(outbox: Outbox, control: &Control) -> Notifier {
    let control = control.clone();
    let channels = move || stagegate_control::channels(&control.view().config);
    let settings =
        NotifierSettings::new(Arc::new(channels), Arc::new(|_, _| ()), Arc::new(|| 1_000_000));
    Notifier::new(outbox, settings)
}

fn startup(
    config_path: &Path,
    data: &Path,
    safe_start: bool,
    plane: &Arc<Plane>,
    events: &Arc<Events>,
) -> Startup {
    Startup {
        loaded: Config::load(config_path).unwrap_or_else(|problems| panic!("{problems}")),
        config_path: config_path.to_owned(),
        store: Store::open(data),
        safe_start,
        plane: Arc::clone(plane) as Arc<dyn DataPlane>,
        observer: Arc::clone(events) as Arc<dyn Observer>,
    }
}

pub(crate) fn database(dir: &Path) -> PathBuf {
    dir.join("data").join("state.db")
}

/// A request under construction.
pub(crate) struct Call {
    router: Router,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Call {
    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.header("content-type", "application/json")
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &'static str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) async fn send(self) -> Reply {
        let mut request = Request::builder().method(self.method).uri(self.path);
        *request.headers_mut().unwrap() = self.headers;
        let request = request.body(Body::from(self.body)).unwrap();
        let response = self.router.oneshot(request).await.unwrap();
        let (parts, mut body) = response.into_parts();
        let bytes = match parts.headers.get("content-type") {
            // A stream has no end; its first event is its answer.
            Some(it) if it == "text/event-stream" => {
                body.frame().await.unwrap().unwrap().into_data().unwrap()
            }
            _ => body.collect().await.unwrap().to_bytes(),
        };
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Reply { status: parts.status, headers: parts.headers, text }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body of a successful answer.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()
    }

    /// The problem of a failed answer, after checking that it is a whole one.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
        assert_eq!(problem["status"], status);
        for member in ["title", "detail", "instance"] {
            assert!(problem[member].as_str().is_some_and(|it| !it.is_empty()), "{problem}");
        }
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem
    }
}

/// The stages of one arm and of one request.
struct Stages;

impl StageSource for Stages {
    fn of_request(&self, request_id: &str) -> Vec<StageOfRequest> {
        let used = StageUse { calls: 2, input: 70, nanos: 5_000_000, ..StageUse::default() };
        let stage = |from_trace| StageOfRequest {
            stage: "llm".to_owned(),
            from_trace,
            micros: 812_500,
            used,
        };
        if request_id == "r-1" { vec![stage(false), stage(true)] } else { Vec::new() }
    }

    fn of_arms(&self) -> Vec<StagesOfArm> {
        let mut times = Histogram::default();
        times.record(800_000);
        let used = StageUse { calls: 4, errors: 1, ..StageUse::default() };
        let key = SeriesKey { workload: "agent".into(), release: "v2".into(), arm: Arm::Candidate };
        let stages = vec![("tool:search".to_owned(), times, used)];
        vec![StagesOfArm { key, requests: 10, traced: 9, stages }]
    }
}
