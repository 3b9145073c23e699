//! The endpoints of a release: which are healthy, and which one a request goes to.
//!
//! Health checks and ketama affinity are pingora's; the checks are driven by a task of our own on
//! the control runtime, and what they find is mirrored into one flag per endpoint, so that the
//! request path reads a flag and takes no lock.

mod check;

pub(crate) use check::warm;

use crate::address::Address;
use crate::lease::Budget;
use crate::outlier::{Admission, Admitted, Standing};
use pingora_load_balancing::selection::Consistent;
use pingora_load_balancing::{Backend, Backends, LoadBalancer, discovery};
use stagegate_settings::Health;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// One endpoint at run time.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Unique in the process, for the workers' pools.
    pub(crate) id: u64,
    pub(crate) address: Address,
    healthy: AtomicBool,
    /// Its results with real requests.
    pub(crate) standing: Standing,
    /// Requests under way to it, for their limit.
    pub(crate) requests: Arc<Budget>,
}

impl Endpoint {
    pub(crate) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }
}

/// The endpoint for a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picked {
    /// Its place in [`EndpointSet::all`].
    pub(crate) at: usize,
    /// Its standing when it was picked.
    pub(crate) admitted: Admitted,
}

/// The endpoints of one release.
pub(crate) struct EndpointSet {
    endpoints: Vec<Arc<Endpoint>>,
    health: Option<Health>,
    ring: Arc<LoadBalancer<Consistent>>,
    checks: Option<JoinHandle<()>>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl EndpointSet {
    /// Prepares the set and starts its checks. Endpoints count as healthy until a check says
    /// otherwise; those that were in `before` are the same, connections and health included.
    pub(crate) async fn start(
        addresses: &[Address],
        health: Option<Health>,
        before: Option<&Self>,
    ) -> Result<Self, String> {
        let before = before.map_or(&[][..], |before| &before.endpoints);
        let endpoint = |address: &Address| {
            if let Some(same) = before.iter().find(|old| old.address == *address) {
                // Its checks may have changed: a verdict that nobody renews must not stay.
                same.healthy.fetch_or(health.is_none(), Ordering::Relaxed);
                return Arc::clone(same);
            }
            let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
            let standing = Standing::default();
            Arc::new(Endpoint {
                id,
                address: address.clone(),
                healthy: AtomicBool::new(true),
                standing,
                requests: Arc::default(),
            })
        };
        let endpoints: Vec<Arc<Endpoint>> = addresses.iter().map(endpoint).collect();
        let backends: Result<BTreeSet<Backend>, _> =
            addresses.iter().map(|address| Backend::new(&address.ring_key().to_string())).collect();
        let backends = backends.map_err(|e| e.to_string())?;
        let mut ring = LoadBalancer::<Consistent>::from_backends(Backends::new(
            discovery::Static::new(backends),
        ));
        if let Some(health) = &health {
            ring.set_health_check(Box::new(check::Check::new(health, addresses)));
        }
        ring.update().await.map_err(|e| e.to_string())?;
        let ring = Arc::new(ring);
        let checks = health.as_ref().map(|health| {
            tokio::spawn(keep_checking(Arc::clone(&ring), endpoints.clone(), health.clone()))
        });
        Ok(Self { endpoints, health, ring, checks })
    }

    pub(crate) fn is_for(&self, addresses: &[Address], health: Option<&Health>) -> bool {
        self.health.as_ref() == health && self.endpoints.iter().map(|e| &e.address).eq(addresses)
    }

    pub(crate) fn all(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    pub(crate) fn any_healthy(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.is_healthy())
    }

    /// Returns true if a healthy endpoint is left that is not in `tried`.
    pub(crate) fn any_left(&self, tried: &[usize]) -> bool {
        (0..self.endpoints.len()).any(|at| self.is_left(at, tried))
    }

    fn is_left(&self, at: usize, tried: &[usize]) -> bool {
        self.endpoints[at].is_healthy() && !tried.contains(&at)
    }

    /// The endpoint for a request: with an affinity key always the same one while it is healthy,
    /// else the one with the least load by `load`. Endpoints in `tried` are left out, and those
    /// ejected at `now_ms` unless no other is left; one whose time is over gets this request to
    /// prove itself, and nobody else for `trial`, where that is given.
    pub(crate) fn pick(
        &self,
        affinity: Option<&str>,
        tried: &[usize],
        now_ms: u64,
        trial: Option<Duration>,
        load: impl Fn(&Endpoint) -> u64,
    ) -> Option<Picked> {
        let count = self.endpoints.len();
        if count == 1 {
            return self.is_left(0, tried).then(|| self.picked(0));
        }
        let admission = |at: usize| self.endpoints[at].standing.admission(now_ms);
        let on_trial = trial.and_then(|trial| {
            (0..count).filter(|&at| admission(at) == Admission::Trial).find_map(|at| {
                let standing = &self.endpoints[at].standing;
                let left = self.is_left(at, tried);
                let admitted = left.then(|| standing.begin_trial(now_ms, trial)).flatten()?;
                Some(Picked { at, admitted })
            })
        });
        if on_trial.is_some() {
            return on_trial;
        }
        let free = |at: usize| self.is_left(at, tried) && admission(at) == Admission::Free;
        let any_free = (0..count).any(free);
        let usable = |at: usize| if any_free { free(at) } else { self.is_left(at, tried) };
        let at = match affinity {
            None => (0..count).filter(|&at| usable(at)).min_by_key(|&at| load(&self.endpoints[at])),
            Some(key) => self.on_ring(key, usable),
        };
        at.map(|at| self.picked(at))
    }

    /// The endpoint at this place, without a trial.
    pub(crate) fn picked(&self, at: usize) -> Picked {
        Picked { at, admitted: self.endpoints[at].standing.admit() }
    }

    /// The place of the first usable endpoint on the ring from the key on.
    fn on_ring(&self, key: &str, usable: impl Fn(usize) -> bool) -> Option<usize> {
        let place = |backend: &Backend| {
            let is = |e: &Arc<Endpoint>| Some(&e.address.ring_key()) == backend.addr.as_inet();
            self.endpoints.iter().position(is)
        };
        let accept = |backend: &Backend, ready: bool| ready && place(backend).is_some_and(&usable);
        // Ketama puts about 160 points on the ring for each endpoint.
        let most = self.endpoints.len() * 160;
        place(&self.ring.select_with(key.as_bytes(), most, accept)?)
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

async fn keep_checking(
    ring: Arc<LoadBalancer<Consistent>>,
    endpoints: Vec<Arc<Endpoint>>,
    health: Health,
) {
    let mut ticks = tokio::time::interval(health.every);
    let mut rounds = 0;
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let backends = ring.backends();
        backends.run_health_check(true).await;
        rounds += 1;
        for backend in backends.get_backend().iter() {
            let ready = backends.ready(backend);
            for endpoint in
                endpoints.iter().filter(|e| Some(&e.address.ring_key()) == backend.addr.as_inet())
            {
                // The ring takes everyone for healthy until it has seen enough failures: till then
                // an endpoint that was ill before stays so.
                if rounds < health.unhealthy && !endpoint.is_healthy() {
                    continue;
                }
                if endpoint.healthy.swap(ready, Ordering::Relaxed) != ready {
                    let health = if ready { "healthy" } else { "unhealthy" };
                    tracing::warn!(
                        endpoint = &*endpoint.address.name,
                        health,
                        "endpoint health changed"
                    );
                }
            }
        }
    }
}
