//! The set of flags in force.

use crate::counts::{Asked, Counts, FlagCount};
use crate::files::{self, Read, ReadError};
use crate::origin::Origin;
use crate::remote::{Book, Remote, RemoteCall};
use arc_swap::ArcSwap;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use stagegate_flags::{Context, Evaluation, FlagSet, Overlay, Problem};
use stagegate_sealed::ProofKey;
use stagegate_settings::{self as settings, JoinFlags};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot, watch};

/// Says whether a tenant is in an exclusion group and not opted in: of a workload, or of any if none is
/// named.
pub type Excludes = Box<dyn Fn(Option<&str>, &str) -> bool + Send + Sync>;

/// Is told each new set.
type Listener = Box<dyn Fn(&FlagSet) + Send + Sync>;
/// Is told the key of proofs, or that none are needed.
type Giver = Box<dyn Fn(Option<ProofKey>) + Send + Sync>;
/// Is told the evaluations for programs that named their request.
type RemoteListener = Box<dyn Fn(RemoteCall) + Send + Sync>;

/// Flags in force, with their settings. Shared by the server and whoever watches the files.
pub struct Flags {
    current: ArcSwap<Current>,
    /// Held while a new set is made and put in force: files and changes of run time take turns.
    changing: Mutex<()>,
    /// The tag of the set in force, for those who wait for the next one.
    tags: watch::Sender<String>,
    counts: Mutex<Counts>,
    asked: Mutex<Asked>,
    /// Problems of the files as they are now; empty when they are in force.
    problems: Mutex<Vec<String>>,
    /// Called with each new set, in order.
    listener: OnceLock<Listener>,
    excludes: OnceLock<Excludes>,
    /// Evaluations for programs that named their request.
    remote: Book,
    /// The key of the proofs that backends get, and who gives them; none before there is a data plane.
    proofs: OnceLock<(ProofKey, Giver)>,
    remote_listener: OnceLock<RemoteListener>,
    /// Reaches the thread of the server between two of its tasks.
    server: OnceLock<mpsc::UnboundedSender<oneshot::Sender<()>>>,
}

impl std::fmt::Debug for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flags").field("current", &self.current).finish_non_exhaustive()
    }
}

/// One set with its settings.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) settings: settings::Flags,
    pub(crate) set: FlagSet,
    /// Path and text of each file.
    texts: Arc<Vec<(String, String)>>,
    /// Changes whenever a definition does.
    pub(crate) tag: String,
    /// The set as a message of gRPC, once somebody asked for it.
    pub(crate) synced: OnceLock<Bytes>,
}

impl Flags {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When a file cannot be read or has a problem.
    pub fn load(settings: settings::Flags) -> Result<Self, ReadError> {
        let Read { set, warnings, texts } = files::read(&settings)?;
        warn(&warnings);
        tracing::info!(flags = set.len(), "flags in force");
        let tag = tag(&set);
        let (tags, _) = watch::channel(tag.clone());
        let texts = Arc::new(texts);
        Ok(Self {
            current: ArcSwap::from_pointee(Current {
                settings,
                set,
                texts,
                tag,
                synced: OnceLock::new(),
            }),
            changing: Mutex::default(),
            tags,
            counts: Mutex::default(),
            asked: Mutex::default(),
            problems: Mutex::default(),
            listener: OnceLock::new(),
            excludes: OnceLock::new(),
            remote: Book::default(),
            proofs: OnceLock::new(),
            remote_listener: OnceLock::new(),
            server: OnceLock::new(),
        })
    }

    /// Calls `listener` with the set in force, and with each new one. Only the first one counts.
    pub fn listen(&self, listener: impl Fn(&FlagSet) + Send + Sync + 'static) {
        let _changing = self.changing();
        listener(&self.current.load().set);
        let _ = self.listener.set(Box::new(listener));
    }

    /// From now on `excludes` knows the exclusion groups. Only the first one counts.
    pub fn exclude_by(&self, excludes: Excludes) {
        let _ = self.excludes.set(excludes);
    }

    /// Reads the files again, perhaps with other settings; changes of run time stay. If there is a
    /// problem, the set in force stays, with its settings.
    ///
    /// # Errors
    /// When a file cannot be read or has a problem, or when percentages would choose otherwise.
    pub fn reload(&self, settings: settings::Flags) -> Result<(), ReadError> {
        let read = files::read(&settings);
        let _changing = self.changing();
        let before = self.current.load_full();
        let read = read.and_then(|read| {
            let anew = before.set.changes(&read.set).bucketed_anew;
            if anew.is_empty() { Ok(read) } else { Err(ReadError::Bucketing(anew)) }
        });
        let Read { set, warnings, texts } = match read {
            Ok(read) => read,
            Err(error) => {
                self.set_problems(error.lines());
                return Err(error);
            }
        };
        warn(&warnings);
        self.set_problems(Vec::new());
        let changes = before.set.changes(&set);
        let set = set.with_overlay(Arc::clone(before.set.overlay()));
        for (flag, remark) in set.remarks() {
            if !before.set.remarks().contains(&(flag.clone(), remark.clone())) {
                tracing::warn!(flag, "file and run time: {remark}");
            }
        }
        self.put_in_force(settings, set, Arc::new(texts));
        if !changes.is_empty() {
            let (added, removed, changed) = (changes.added, changes.removed, changes.changed);
            tracing::info!(?added, ?removed, ?changed, "flags changed");
        }
        Ok(())
    }

    /// Puts these changes of run time in force instead of the former ones.
    pub fn put(&self, overlay: Arc<Overlay>) {
        let _changing = self.changing();
        let before = self.current.load_full();
        let set = before.set.with_overlay(overlay);
        self.put_in_force(before.settings.clone(), set, Arc::clone(&before.texts));
    }

    /// The caller holds `changing`.
    fn put_in_force(
        &self,
        settings: settings::Flags,
        set: FlagSet,
        texts: Arc<Vec<(String, String)>>,
    ) {
        let tag = tag(&set);
        if let Some(listener) = self.listener.get() {
            listener(&set);
        }
        let synced = OnceLock::new();
        self.current.store(Arc::new(Current { settings, set, texts, tag: tag.clone(), synced }));
        self.give_proofs();
        // Only after the new set is in force: who is told asks again at once.
        self.tags.send_if_modified(|current| {
            let changed = *current != tag;
            *current = tag;
            changed
        });
    }

    /// Resolves when no answer of the server is made from an older set any more. False if its thread
    /// does not answer in time.
    pub async fn settled(&self, patience: Duration) -> bool {
        let Some(server) = self.server.get() else { return true };
        let (answer, answered) = oneshot::channel();
        server.send(answer).is_err()
            || matches!(tokio::time::timeout(patience, answered).await, Ok(Ok(())))
    }

    /// The set in force.
    #[must_use]
    pub fn set(&self) -> FlagSet {
        self.current.load().set.clone()
    }

    /// Path and text of each file in force.
    #[must_use]
    pub fn texts(&self) -> Arc<Vec<(String, String)>> {
        Arc::clone(&self.current.load().texts)
    }

    /// True for a context of a tenant who is excluded.
    pub(crate) fn excludes(&self, context: &Context<'_>) -> bool {
        let tenant = context.text("tenant");
        let workload = Some(context.text("workload")).filter(|name| !name.is_empty());
        !tenant.is_empty() && self.excludes.get().is_some_and(|ask| ask(workload, tenant))
    }

    /// Questions of [`Flags::settled`], for the thread of the server. Only the first caller gets them.
    pub(crate) fn questions(&self) -> Option<mpsc::UnboundedReceiver<oneshot::Sender<()>>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.server.set(sender).ok().map(|()| receiver)
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of flags in force.
    #[must_use]
    pub fn count(&self) -> usize {
        self.current.load().set.len()
    }

    /// What keeps the files as they are now from being in force; empty if nothing does.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All evaluations so far, by flag, variant and reason.
    #[must_use]
    pub fn counts(&self) -> Vec<FlagCount> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).all()
    }

    pub(crate) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    pub(crate) fn tags(&self) -> watch::Receiver<String> {
        self.tags.subscribe()
    }

    pub(crate) fn counted(&self, key: &str, evaluation: &Evaluation<'_>) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).count(key, evaluation);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        match evaluation.flag() {
            Some(_) => asked.note(key, unix()),
            None => asked.note_unknown(key),
        }
    }

    /// Notes what was evaluated for a program that named its request. `evaluated` is not called for others.
    pub(crate) fn joined(
        &self,
        origin: Origin,
        context: &Context<'_>,
        evaluated: impl FnOnce() -> Vec<Remote>,
    ) {
        let Some(origin) = self.believed(origin) else { return };
        let evaluated = evaluated();
        let workload = context.text("workload").to_owned();
        let call = RemoteCall { origin, workload, at_ms: unix_ms(), evaluated };
        self.remote.add(&call);
        if let Some(listener) = self.remote_listener.get() {
            listener(call);
        }
    }

    /// The origin, as far as its word counts.
    fn believed(&self, origin: Origin) -> Option<Origin> {
        match self.current.load().settings.join {
            _ if origin.is_nobody() => None,
            JoinFlags::Off => None,
            JoinFlags::Named => Some(origin),
            JoinFlags::Proven => {
                let (id, proof) = (origin.request_id.as_deref()?, origin.proof.as_deref()?);
                // A trace proves nothing: who called the proxy knows it too.
                let origin = Origin { request_id: Some(id.to_owned()), ..Origin::default() };
                self.proofs.get()?.0.proves(id, proof).then_some(origin)
            }
        }
    }

    /// From now on a request is proven with this key. `giver` is told it when backends are to get proofs,
    /// and nothing when they need none any more. Only the first one counts.
    pub fn prove_by(
        &self,
        key: ProofKey,
        giver: impl Fn(Option<ProofKey>) + Send + Sync + 'static,
    ) {
        let _changing = self.changing();
        let _ = self.proofs.set((key, Box::new(giver)));
        self.give_proofs();
    }

    fn give_proofs(&self) {
        if let Some((key, giver)) = self.proofs.get() {
            let needed = self.current.load().settings.join == JoinFlags::Proven;
            giver(needed.then(|| key.clone()));
        }
    }

    /// Calls `listener` with the evaluations for programs that name their request. Only the first one counts.
    pub fn listen_remote(&self, listener: impl Fn(RemoteCall) + Send + Sync + 'static) {
        let _ = self.remote_listener.set(Box::new(listener));
    }

    /// What was evaluated for programs that named this request while it lasted, in Unix milliseconds, or
    /// in the ten minutes after, and is not part of its record.
    #[must_use]
    pub fn remote_of(&self, request_id: &str, (began_ms, ended_ms): (u64, u64)) -> Vec<Remote> {
        self.remote.of(request_id, (began_ms, ended_ms))
    }

    /// Takes what was evaluated for programs that named this request or its trace, for its record. What
    /// was asked for before the request began is forgotten.
    #[must_use]
    pub fn take_remote(
        &self,
        request_id: &str,
        trace_id: Option<&str>,
        began_ms: u64,
    ) -> Vec<Remote> {
        self.remote.take(request_id, trace_id, began_ms)
    }

    /// False if nothing waits to become part of a record. Cheap.
    #[must_use]
    pub fn has_remote(&self) -> bool {
        !self.remote.is_empty()
    }

    /// Notes that these flags were evaluated elsewhere.
    pub fn evaluated<'k>(&self, keys: impl Iterator<Item = &'k str>) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        keys.for_each(|key| asked.note(key, unix()));
    }

    /// What was asked for.
    #[must_use]
    pub fn asked(&self) -> Asked {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_problems(&self, problems: Vec<String>) {
        *self.problems.lock().unwrap_or_else(PoisonError::into_inner) = problems;
    }
}

fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn warn(warnings: &[Problem]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

/// A tag that differs when a definition, metadata, the bucketing or a change of run time does.
fn tag(set: &FlagSet) -> String {
    let mut hash = Sha256::new();
    for flag in set.flags() {
        let bucketing = set.origin(flag.key()).map_or("", |(_, _, bucketing)| bucketing.label());
        let metadata = serde_json::to_vec(flag.metadata()).unwrap_or_default();
        let definition = serde_json::to_vec(flag.definition()).unwrap_or_default();
        for part in [flag.key().as_bytes(), bucketing.as_bytes(), &metadata, &definition] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hash.update(serde_json::to_vec(set.metadata()).unwrap_or_default());
    hash.update(serde_json::to_vec(&**set.overlay()).unwrap_or_default());
    hex::encode(&hash.finalize()[..12])
}
