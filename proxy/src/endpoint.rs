//! The endpoints of a release: which are healthy, and which one a request goes to.
//!
//! Health checks and ketama affinity are pingora's; the checks are driven by a task of our own on
//! the control runtime, and what they find is mirrored into one flag per endpoint, so that the
//! request path reads a flag and takes no lock.

use pingora_load_balancing::health_check::{HealthCheck, HttpHealthCheck, TcpHealthCheck};
use pingora_load_balancing::selection::Consistent;
use pingora_load_balancing::{Backend, Backends, LoadBalancer, discovery};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How endpoints are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthSettings {
    /// What a check does.
    pub probe: Probe,
    /// Time between checks.
    pub every: Duration,
    /// Time one check may take.
    pub timeout: Duration,
    /// Checks in a row that make an endpoint healthy.
    pub healthy: usize,
    /// Failed checks in a row that make it unhealthy.
    pub unhealthy: usize,
}

/// What a health check does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Opens a connection.
    Tcp,
    /// Sends `GET path` and wants this status.
    Http {
        /// Path and query.
        path: String,
        /// Value of `Host`; the endpoint's own when absent.
        host: Option<String>,
        /// The status that means healthy.
        status: u16,
    },
}

/// One address of a release.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Where connections go.
    pub socket: SocketAddr,
    /// `host:port` as it was configured, for the `Host` field and for people.
    pub authority: Arc<str>,
}

/// One endpoint at run time.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Unique in the process, for the workers' pools.
    pub(crate) id: u64,
    pub(crate) address: Address,
    healthy: AtomicBool,
}

impl Endpoint {
    pub(crate) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }
}

/// The endpoints of one release.
pub(crate) struct EndpointSet {
    endpoints: Vec<Arc<Endpoint>>,
    health: Option<HealthSettings>,
    ring: Arc<LoadBalancer<Consistent>>,
    checks: Option<JoinHandle<()>>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl EndpointSet {
    /// Prepares the set and starts its checks on `runtime`. Endpoints count as healthy until a
    /// check says otherwise.
    pub(crate) async fn start(
        addresses: &[Address],
        health: Option<HealthSettings>,
    ) -> Result<Self, String> {
        let endpoints: Vec<Arc<Endpoint>> = addresses
            .iter()
            .map(|address| {
                let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
                Arc::new(Endpoint { id, address: address.clone(), healthy: AtomicBool::new(true) })
            })
            .collect();
        let backends: Result<BTreeSet<Backend>, _> =
            addresses.iter().map(|address| Backend::new(&address.socket.to_string())).collect();
        let backends = backends.map_err(|e| e.to_string())?;
        let mut ring = LoadBalancer::<Consistent>::from_backends(Backends::new(
            discovery::Static::new(backends),
        ));
        if let Some(health) = &health {
            ring.set_health_check(check(health, addresses));
        }
        ring.update().await.map_err(|e| e.to_string())?;
        let ring = Arc::new(ring);
        let checks = health.as_ref().map(|health| {
            tokio::spawn(keep_checking(Arc::clone(&ring), endpoints.clone(), health.every))
        });
        Ok(Self { endpoints, health, ring, checks })
    }

    pub(crate) fn is_for(&self, addresses: &[Address], health: Option<&HealthSettings>) -> bool {
        self.health.as_ref() == health && self.endpoints.iter().map(|e| &e.address).eq(addresses)
    }

    pub(crate) fn all(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    pub(crate) fn any_healthy(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.is_healthy())
    }

    /// The place in [`EndpointSet::all`] of the endpoint for a request: with an affinity key always
    /// the same one while it is healthy, else the one with the least load by `load`. Endpoints in
    /// `tried` are left out.
    pub(crate) fn pick(
        &self,
        affinity: Option<&str>,
        tried: &[usize],
        load: impl Fn(&Endpoint) -> u64,
    ) -> Option<usize> {
        let usable = |at: usize| self.endpoints[at].is_healthy() && !tried.contains(&at);
        let count = self.endpoints.len();
        match affinity.filter(|_| count > 1) {
            None => (0..count).filter(|&at| usable(at)).min_by_key(|&at| load(&self.endpoints[at])),
            Some(key) => {
                let place = |backend: &Backend| {
                    let is = |e: &Arc<Endpoint>| Some(&e.address.socket) == backend.addr.as_inet();
                    self.endpoints.iter().position(is)
                };
                let accept =
                    |backend: &Backend, ready: bool| ready && place(backend).is_some_and(usable);
                // Ketama puts about 160 points on the ring for each endpoint.
                let backend = self.ring.select_with(key.as_bytes(), count * 160, accept)?;
                place(&backend)
            }
        }
    }
}

impl Drop for EndpointSet {
    fn drop(&mut self) {
        if let Some(checks) = &self.checks {
            checks.abort();
        }
    }
}

impl std::fmt::Debug for EndpointSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.endpoints).finish()
    }
}

fn check(health: &HealthSettings, addresses: &[Address]) -> Box<dyn HealthCheck + Send + Sync> {
    match &health.probe {
        Probe::Tcp => {
            let mut check = TcpHealthCheck::new();
            check.consecutive_success = health.healthy;
            check.consecutive_failure = health.unhealthy;
            check.peer_template.options.connection_timeout = Some(health.timeout);
            check
        }
        Probe::Http { path, host, status } => {
            let own = addresses.first().map_or("localhost", |address| &address.authority);
            let mut check = HttpHealthCheck::<()>::new(host.as_deref().unwrap_or(own), false);
            check.consecutive_success = health.healthy;
            check.consecutive_failure = health.unhealthy;
            let options = &mut check.peer_template.options;
            options.connection_timeout = Some(health.timeout);
            options.read_timeout = Some(health.timeout);
            options.write_timeout = Some(health.timeout);
            if let Ok(uri) = path.parse() {
                check.req.set_uri(uri);
            }
            let wanted = *status;
            check.validator = Some(Box::new(move |response| {
                if response.status.as_u16() == wanted {
                    return Ok(());
                }
                pingora_error::Error::e_explain(
                    pingora_error::ErrorType::CustomCode(
                        "health check status",
                        response.status.as_u16(),
                    ),
                    "unexpected status",
                )
            }));
            Box::new(check)
        }
    }
}

async fn keep_checking(
    ring: Arc<LoadBalancer<Consistent>>,
    endpoints: Vec<Arc<Endpoint>>,
    every: Duration,
) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let backends = ring.backends();
        backends.run_health_check(true).await;
        for backend in backends.get_backend().iter() {
            let ready = backends.ready(backend);
            for endpoint in
                endpoints.iter().filter(|e| Some(&e.address.socket) == backend.addr.as_inet())
            {
                if endpoint.healthy.swap(ready, Ordering::Relaxed) != ready {
                    let health = if ready { "healthy" } else { "unhealthy" };
                    tracing::warn!(
                        endpoint = &*endpoint.address.authority,
                        health,
                        "endpoint changed"
                    );
                }
            }
        }
    }
}
