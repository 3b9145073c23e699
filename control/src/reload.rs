//! Taking over a changed configuration file: whole, or not at all.
//!
//! The API, a signal and the file watch all come here. Reading the file and preparing the data
//! plane happen before the turn is taken, so that a slow name server never keeps a rollback
//! waiting.

use super::{
    Action, Control, Inner, Live, ReloadOrder, ReloadStatus, Reloaded, StoreAccessError, View,
    now_ms, reconcile, registry,
};
use crate::ports::{Event, PrepareError, Prepared};
use serde_json::json;
use stagegate_config::settings::Flags;
use stagegate_config::{Config, Loaded, Otlp, Problem, Problems};
use stagegate_rollout::Split;
use stagegate_store::{Attachment, NewAudit, NewChange};
use std::path::Path;
use std::sync::Arc;

/// The reason why a configuration was not applied. The previous one stays in force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The file is wrong.
    #[error("the configuration has {} problem{}", .0.0.len(), if .0.0.len() == 1 { "" } else { "s" })]
    Problems(Problems),
    /// The file contradicts what is in force.
    #[error("{}", .0.join("; "))]
    Contradiction(Vec<String>),
    /// The data plane cannot serve it.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreAccessError),
    /// A defect of the program.
    #[error("the reload was lost: {0}")]
    Lost(String),
}

/// The configuration file as it is now.
pub(super) struct FileNow {
    pub(super) config: Arc<Config>,
    pub(super) warnings: Vec<Problem>,
    /// Settings that only a restart changes, one line each.
    pub(super) needs_restart: Vec<String>,
}

impl Control {
    /// Reads the configuration file again and takes it over if all of it is right.
    ///
    /// # Errors
    /// A [`ReloadError`]; nothing changed then, and status and metrics say so.
    pub async fn reload(&self, actor: &str) -> Result<Reloaded, ReloadError> {
        let actor = actor.to_owned();
        self.reload_as(ReloadOrder { actor, ..ReloadOrder::default() }).await
    }

    /// As [`Control::reload`], with a reason.
    ///
    /// # Errors
    /// As [`Control::reload`].
    pub async fn reload_as(&self, order: ReloadOrder) -> Result<Reloaded, ReloadError> {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            let _queue = inner.reloading.lock().await;
            let mut races = 0;
            let result = loop {
                match inner.reload(&order).await {
                    Err(ReloadError::Store(error)) if inner.goes_again(&error, &mut races) => {}
                    result => break result,
                }
            };
            inner.note_reload(&order, &result).await;
            result
        })
        .await
        .map_err(|error| ReloadError::Lost(error.to_string()))?
    }
}

impl Inner {
    /// Reads and checks the file as it is now, and puts back what only a restart can change.
    pub(super) async fn read_file(&self) -> Result<FileNow, ReloadError> {
        if self.view().safe_start.is_some() {
            return Err(StoreAccessError::ReadOnly.into());
        }
        let path = self.config_path.clone();
        let loaded = tokio::task::spawn_blocking(move || Config::load(&path))
            .await
            .map_err(|error| ReloadError::Lost(error.to_string()))?;
        let Loaded { mut config, warnings } = loaded.map_err(ReloadError::Problems)?;
        let needs_restart = keep_what_needs_a_restart(&mut config, &self.view().config);
        let admin = &config.admin;
        if admin.is_open() && !admin.address.ip().is_loopback() {
            let why = format!(
                "admin.tokens: removing the last token would open {} to everyone",
                admin.address
            );
            return Err(ReloadError::Contradiction(vec![why]));
        }
        let registered = self.with_store(|store| Ok(store.run_time_releases()?)).await?;
        registry::join(&mut config, &registered).map_err(ReloadError::Contradiction)?;
        Ok(FileNow { config: Arc::new(config), warnings, needs_restart })
    }

    async fn reload(self: &Arc<Self>, order: &ReloadOrder) -> Result<Reloaded, ReloadError> {
        let FileNow { config, warnings, needs_restart } = self.read_file().await?;
        let prepared = self.plane.prepare(Arc::clone(&config)).await?;
        let by = order.clone();
        let work = move |inner: Arc<Self>, turn| async move {
            let _turn = turn;
            inner.take_over(&by, config, warnings, needs_restart, prepared).await
        };
        self.in_order(None, work).await
    }

    /// Records and publishes; the caller has the right to write.
    async fn take_over(
        &self,
        order: &ReloadOrder,
        config: Arc<Config>,
        warnings: Vec<Problem>,
        needs_restart: Vec<String>,
        prepared: Prepared,
    ) -> Result<Reloaded, ReloadError> {
        let view = Arc::clone(&self.desk().recorded);
        let at_ms = now_ms();
        let done = reconcile::reconcile(&config, view.states(), order, at_ms)
            .map_err(ReloadError::Contradiction)?;
        let epoch = view.epoch + 1;
        let live: Vec<Live> =
            done.splits.into_iter().map(|split| successor(&view, split, epoch)).collect();
        let touched: Vec<String> = live
            .iter()
            .filter(|it| it.epoch == epoch)
            .map(|it| it.split.spec().name.to_string())
            .collect();
        let mut details = json!({ "workloads": touched, "needs_restart": needs_restart });
        if order.overriding {
            details["override"] = json!(true);
        }
        let entry = NewAudit {
            at_ms,
            actor: order.actor.clone(),
            workload: None,
            action: Action::Reload.label().to_owned(),
            reason: order.reason.clone(),
            summary: done.notes.join("; "),
            details,
        };
        let change = NewChange {
            entry,
            states: done.changed,
            makes_a_plan: true,
            answer: None,
            attachments: vec![Attachment::Declared(registry::declared(&config))],
        };
        self.append(view.epoch, change).await?;
        let mut desk = self.desk();
        desk.recorded = Arc::new(View {
            epoch,
            config,
            live,
            dormant: done.dormant,
            flags: Arc::clone(&desk.recorded.flags),
            warnings: warnings.clone(),
            reload: ReloadStatus {
                needs_restart: needs_restart.clone(),
                ..desk.recorded.reload.clone()
            },
            safe_start: None,
        });
        self.put(&desk, Some(prepared), None, true);
        drop(desk);
        Ok(Reloaded { epoch, changes: done.notes, needs_restart, warnings })
    }

    /// Puts the outcome into status, metrics, log and audit.
    async fn note_reload(
        self: &Arc<Self>,
        order: &ReloadOrder,
        result: &Result<Reloaded, ReloadError>,
    ) {
        let at_ms = now_ms();
        let actor = order.actor.as_str();
        let problems = match result {
            Ok(_) => Vec::new(),
            Err(ReloadError::Problems(problems)) => problems.0.clone(),
            Err(error) => {
                vec![problem_of_file(&self.config_path, &error.to_string())]
            }
        };
        {
            let mut desk = self.desk();
            let mut next = View::clone(&desk.recorded);
            next.reload.ok = result.is_ok();
            next.reload.at_ms = at_ms;
            actor.clone_into(&mut next.reload.by);
            next.reload.problems = problems;
            if result.is_ok() {
                next.reload.last_success_at_ms = at_ms;
            }
            desk.recorded = Arc::new(next);
            self.put(&desk, None, None, false);
        }
        self.observer.on(&Event::Reloaded { ok: result.is_ok(), at_ms });
        match result {
            Ok(done) => tracing::info!(actor, epoch = done.epoch, "configuration reloaded"),
            Err(error) => {
                let why = match error {
                    ReloadError::Problems(problems) => problems.to_string(),
                    other => other.to_string(),
                };
                tracing::error!(actor, why, "configuration refused; the last good one stays");
                self.audit_refused_reload(order, &why).await;
            }
        }
    }
}

/// The workload under the new configuration. Its epoch moves only if something of it changed.
fn successor(view: &View, split: Arc<Split>, epoch: u64) -> Live {
    let mut after = Live { split, epoch };
    if let Some((_, before)) = view.find(after.split.spec().name.as_str()) {
        after.epoch = before.epoch;
        if differs(&before.split, &after.split) {
            after.epoch = epoch;
        }
    }
    after
}

/// Returns true if the two differ in routing, or in who may change it.
pub(super) fn differs(before: &Split, after: &Split) -> bool {
    let (old, new) = (before.spec(), after.spec());
    before.state() != after.state()
        || old.fallback != new.fallback
        || old.sticky != new.sticky
        || old.on_rollback != new.on_rollback
        || old.cohorts != new.cohorts
        || old.exclusions != new.exclusions
        || old.allow != new.allow
        || old.deny != new.deny
}

/// A problem of the file as a whole.
fn problem_of_file(file: &Path, message: &str) -> Problem {
    Problem {
        file: file.display().to_string().into(),
        line: 0,
        column: 0,
        key: String::new(),
        value: None,
        message: message.to_owned(),
        hint: String::new(),
    }
}

/// Puts back what only a restart can change, and says what that is.
fn keep_what_needs_a_restart(config: &mut Config, running: &Config) -> Vec<String> {
    let mut kept = Vec::new();
    macro_rules! keep {
        ($key:literal, $($field:ident).+) => {
            if config.$($field).+ != running.$($field).+ {
                kept.push(format!("{} changed: restart to apply it", $key));
                config.$($field).+ = running.$($field).+.clone();
            }
        };
    }
    // New certificates are taken over; all else of a listener is the socket itself.
    let same = config.listeners.len() == running.listeners.len()
        && running.listeners.iter().zip(&config.listeners).all(|(is, to)| is.can_become(to));
    if !same {
        keep!("listeners", listeners);
    }
    keep!("admin.address", admin.address);
    keep!("data_dir", data_dir);
    keep!("workers", workers);
    keep!("decision_log", decision_log);
    keep!("fleet", fleet);
    if keep_flags(&mut config.flags, running.flags.as_ref()) {
        let but = "its files, clients and origins are taken over";
        kept.push(format!("flags changed: restart to apply it ({but})"));
    }
    if keep_otlp(&mut config.otlp, running.otlp.as_ref()) {
        let but = "all but `tokens`, `sample` and `parents`";
        kept.push(format!("otlp changed: restart to apply it ({but})"));
    }
    kept
}

/// Puts back what only a restart can change of flags. Says if there was any.
fn keep_flags(to: &mut Option<Flags>, running: Option<&Flags>) -> bool {
    let (Some(new), Some(running)) = (&mut *to, running) else {
        let differs = to.is_some() != running.is_some();
        *to = running.cloned();
        return differs;
    };
    let differs = (new.listen, new.grpc) != (running.listen, running.grpc);
    (new.listen, new.grpc) = (running.listen, running.grpc);
    differs
}

/// Puts back what only a restart can change of receiving traces. Says if there was any.
fn keep_otlp(to: &mut Option<Otlp>, running: Option<&Otlp>) -> bool {
    let (Some(new), Some(running)) = (&mut *to, running) else {
        let differs = to.is_some() != running.is_some();
        *to = running.cloned();
        return differs;
    };
    let kept = Otlp {
        tokens: new.tokens.clone(),
        sample: new.sample,
        parents: new.parents,
        ..running.clone()
    };
    let differs = *new != kept;
    *new = kept;
    differs
}
