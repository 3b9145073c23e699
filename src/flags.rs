//! Feature flags: the server of OFREP, joined with the configuration and the figures.

use crate::plane::Plane;
use anyhow::Context;
use stagegate_admin::sources::{FlagEvaluations, RemoteFlag, Request, Response};
use stagegate_control::ports::{BoxFuture, FlagServer, FlagsAsked};
use stagegate_control::{Control, ExpiredFlag, FlagRisk, expired_flags};
use stagegate_flags::{FlagSet, Overlay};
use stagegate_notify::{Notice, NoticeKind, Notifier};
use stagegate_ofrep::{Asked, Evaluations, Flags, Listeners, Server};
use stagegate_rollout::Severity;
use stagegate_sealed::ProofKey;
use stagegate_telemetry::{FlagGauges, Telemetry};
use stagegate_timing::rfc3339;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks for flags past their day.
const EXPIRY_EVERY: Duration = Duration::from_secs(60);

/// The server and what it serves.
pub(crate) struct Serving {
    pub(crate) flags: Arc<Flags>,
    server: Server,
}

impl Serving {
    /// Stops it; running answers may finish.
    pub(crate) fn stop(mut self) {
        self.server.stop();
    }
}

/// Reads the flags of the configuration in force, with what was changed at run time on top.
///
/// # Errors
/// When the files of flags are not good.
pub(crate) fn load(control: &Control, plane: &Arc<Plane>) -> anyhow::Result<Option<Arc<Flags>>> {
    let Some(settings) = control.view().config.flags.clone() else { return Ok(None) };
    let flags = Flags::load(settings).context("the flags cannot be served")?;
    let flags = Arc::new(flags);
    flags.exclude_by(control.exclusions());
    let (workers, provers) = (Arc::clone(plane), Arc::clone(plane));
    let key = ProofKey::generate().context("the machine gives no randomness")?;
    flags.prove_by(key, move |key| provers.prove_requests(key));
    flags.listen(move |set| workers.put_flags(set.clone()));
    let since_s = stagegate_control::now_ms() / 1000;
    control.serve_flags(Arc::new(InForce { flags: Arc::clone(&flags), since_s }));
    for (flag, remark) in flags.set().remarks() {
        tracing::warn!(flag, "file and run time: {remark}");
    }
    Ok(Some(flags))
}

/// Serves flags on `listeners`.
///
/// # Errors
/// When the system refuses a thread.
pub(crate) fn start(
    listeners: Listeners,
    flags: Arc<Flags>,
    control: &Control,
) -> anyhow::Result<Serving> {
    let address = listeners.ofrep.local_addr()?;
    let grpc = listeners.grpc.as_ref().map(std::net::TcpListener::local_addr).transpose()?;
    let control = control.clone();
    let now = Box::new(move || control.view().config.flags.clone());
    let server = stagegate_ofrep::start(listeners, Arc::clone(&flags), now)?;
    tracing::info!(%address, ?grpc, flags = flags.count(), "serving flags");
    Ok(Serving { flags, server })
}

/// The flags behind the control plane's trait.
struct InForce {
    flags: Arc<Flags>,
    since_s: u64,
}

impl FlagServer for InForce {
    fn set(&self) -> FlagSet {
        self.flags.set()
    }

    fn texts(&self) -> Arc<Vec<(String, String)>> {
        self.flags.texts()
    }

    fn put(&self, overlay: Arc<Overlay>) {
        self.flags.put(overlay);
    }

    fn settled(&self, patience: Duration) -> BoxFuture<'_, bool> {
        Box::pin(self.flags.settled(patience))
    }

    fn asked(&self) -> FlagsAsked {
        let Asked { last_s, unknown } = self.flags.asked();
        FlagsAsked { since_s: self.since_s, last_s, unknown }
    }
}

/// The evaluations of OFREP, for the admin API.
pub(crate) fn evaluations(flags: Arc<Flags>) -> Arc<dyn FlagEvaluations> {
    Arc::new(OverAdmin(Evaluations::new(Arc::clone(&flags)), flags))
}

struct OverAdmin(Evaluations, Arc<Flags>);

impl FlagEvaluations for OverAdmin {
    fn one(&self, key: String, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async move { self.0.one(&key, request).await })
    }

    fn all(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(self.0.all(request))
    }

    fn remote_of(&self, request_id: &str, lasted: (u64, u64)) -> Vec<RemoteFlag> {
        let kept = self.1.remote_of(request_id, lasted).into_iter();
        kept.map(|it| RemoteFlag { flag: it.flag, variant: it.variant, decided_by: it.decided_by })
            .collect()
    }
}

/// Looks for flags that gate a risk and are past their day, for ever. People are told once of each.
pub(crate) async fn watch_expiry(
    control: Control,
    notifier: Option<Notifier>,
    telemetry: Arc<Telemetry>,
) {
    let mut told = BTreeSet::new();
    loop {
        let now_ms = stagegate_control::now_ms();
        let today = rfc3339(now_ms);
        let set = control.flags().map(|flags| flags.set());
        let found = set.map(|set| expired_flags(&control.view(), &set, &today[..10]));
        let found = found.unwrap_or_default();
        let count = |risk| found.iter().filter(|it| it.risk == risk).count() as u64;
        telemetry.set_expired_flags(&FlagRisk::ALL.map(|risk| (risk.label(), count(risk))));
        let new: Vec<&ExpiredFlag> = found.iter().filter(|it| !told.contains(*it)).collect();
        let notices = new.iter().map(|it| notice(it, now_ms)).collect();
        let delivered = match &notifier {
            Some(notifier) if !new.is_empty() && control.speaks() => {
                notifier.notify(notices).await.map(|_| ())
            }
            _ => Ok(()),
        };
        match delivered {
            Ok(()) => {
                for it in new {
                    let ExpiredFlag { flag, expired, owner, risk, .. } = it;
                    let risk = risk.label();
                    tracing::warn!(
                        flag,
                        expired,
                        owner,
                        risk,
                        "a flag that gates a risk is past its day"
                    );
                    told.insert(it.clone());
                }
            }
            Err(error) => tracing::warn!(%error, "nobody was told of flags past their day"),
        }
        tokio::time::sleep(EXPIRY_EVERY).await;
    }
}

fn notice(it: &ExpiredFlag, now_ms: u64) -> Notice {
    let ExpiredFlag { flag, risk, workload, expired, owner } = it;
    let of = workload.as_deref().unwrap_or_default();
    let id = format!("flag-expired~{flag}~{}~{of}~{expired}", risk.label());
    let gated = risk.label().replace('_', " ");
    let title = format!("flag {flag} expired on {expired} and still gates a {gated}");
    let notice = Notice::new(id, NoticeKind::FlagExpired, Severity::Warning, of, now_ms, title);
    let notice = notice.fact("flag", flag.as_str()).fact("expired", expired.as_str());
    if owner.is_empty() { notice } else { notice.owned_by(owner.as_str()) }
}

/// Hands the figures to a scrape.
pub(crate) fn show(flags: &Flags, telemetry: &Telemetry) {
    let counts = flags.counts().into_iter();
    telemetry.set_flags(&FlagGauges {
        evaluations: counts.map(|it| (it.flag, it.variant, it.reason, it.count)).collect(),
        files_good: flags.problems().is_empty(),
    });
}
