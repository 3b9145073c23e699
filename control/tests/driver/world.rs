//! A driver with everything around it: a directory, a configuration file, a store.

use crate::plane::{Events, Plane};
use stagegate_config::Config;
use stagegate_control::ports::{DataPlane, Ledger, Observer};
use stagegate_control::{
    Answer, Changed, Control, ExecuteError, IdempotencyKey, Order, Precondition, StartError,
    Startup,
};
use stagegate_rollout::{Command, Split, WorkloadState};
use stagegate_store::{AuditEntry, AuditFilter, Store};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) plane: Arc<Plane>,
    pub(crate) events: Arc<Events>,
    pub(crate) control: Control,
}

impl World {
    /// A driver over the store's own ledger.
    pub(crate) async fn with(config: &str) -> Self {
        Self::over(config, |ledger| ledger).await
    }

    /// A driver over another ledger than the store's.
    pub(crate) async fn over(
        config: &str,
        wrap: impl FnOnce(Arc<dyn Ledger>) -> Arc<dyn Ledger>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("stagegate.yaml"), config).unwrap();
        Self::open(dir, wrap).await
    }

    async fn open(dir: TempDir, wrap: impl FnOnce(Arc<dyn Ledger>) -> Arc<dyn Ledger>) -> Self {
        Self::try_open(dir, wrap).await.unwrap()
    }

    /// A driver that finds `file` beside its store.
    pub(crate) async fn beside(config: &str, file: &str, text: &str) -> Result<Self, StartError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("stagegate.yaml"), config).unwrap();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        std::fs::write(dir.path().join("data").join(file), text).unwrap();
        Self::try_open(dir, |ledger| ledger).await
    }

    async fn try_open(
        dir: TempDir,
        wrap: impl FnOnce(Arc<dyn Ledger>) -> Arc<dyn Ledger>,
    ) -> Result<Self, StartError> {
        let path = dir.path().join("stagegate.yaml");
        let plane = Arc::new(Plane::default());
        let events = Arc::new(Events::default());
        let startup = Startup {
            loaded: Config::load(&path).unwrap_or_else(|problems| panic!("{problems}")),
            config_path: path,
            store: Store::open(&dir.path().join("data")),
            safe_start: false,
            plane: Arc::clone(&plane) as Arc<dyn DataPlane>,
            observer: Arc::clone(&events) as Arc<dyn Observer>,
        };
        let control = Control::start_with(startup, |ledger| wrap(ledger)).await?;
        Ok(Self { dir, plane, events, control })
    }

    /// The same directory after a restart.
    pub(crate) async fn restart(self) -> Self {
        let Self { dir, control, .. } = self;
        drop(control);
        Self::open(dir, |ledger| ledger).await
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.dir.path().join("data").join("state.db")
    }

    pub(crate) async fn execute(
        &self,
        command: Command,
        key: Option<IdempotencyKey<Changed>>,
    ) -> Result<Answer<Changed>, ExecuteError> {
        let order = Order {
            actor: "ada".to_owned(),
            workload: "agent".to_owned(),
            command,
            reason: "test".to_owned(),
            precondition: Precondition::None,
            idempotency: key,
            overriding: false,
            ticket: None,
        };
        self.control.execute(order).await
    }

    pub(crate) fn state(&self) -> WorkloadState {
        let view = self.control.view();
        WorkloadState::clone(view.find("agent").unwrap().1.split.state())
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

    /// The newest audit entry of an actor.
    pub(crate) async fn newest(&self, actor: &str) -> Option<AuditEntry> {
        let filter = AuditFilter { actor: Some(actor.to_owned()), ..AuditFilter::default() };
        self.control.read(move |store| Ok(store.audit(&filter, 1)?)).await.unwrap().pop()
    }
}
