//! The ledger port on JetStream, with a copy in the store of this process.

use crate::api::{Api, ApiError};
use crate::client::Outgoing;
use crate::host::{Seen, with};
use crate::join::{self, JoinError};
use crate::record::Record;
use stagegate_control::StoreAccessError;
use stagegate_control::ports::{BoxFuture, Epoch, Ledger, LocalLedger};
use stagegate_fleet::{Completion, Entry, Lead, Moment, Place, ReplicaName, Rules};
use stagegate_store::{NewChange, Recorded, Saved};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// How often an append is tried that others were faster than.
const RACES: usize = 8;
/// How long a start waits for the ledger.
const READY: Duration = Duration::from_secs(10);
/// How long an append without an answer is tried.
const PATIENCE: Duration = Duration::from_millis(2500);
/// Changes of this replica whose acknowledgements are collected.
const REMEMBERED: usize = 64;

/// The fleet's ledger; cheap to clone.
#[derive(Clone)]
pub struct JetLedger(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) api: Api,
    pub(crate) local: Arc<dyn LocalLedger>,
    pub(crate) name: ReplicaName,
    pub(crate) rules: Rules,
    /// Moments count from here.
    pub(crate) origin: Instant,
    /// The last entry of the local copy; none until this replica has found its place.
    place: Mutex<Option<Place>>,
    /// Held while the local copy gets an entry.
    turn: tokio::sync::Mutex<()>,
    /// The last entry of the local copy, for those who wait for it.
    pub(crate) changed: watch::Sender<Place>,
    /// Entries that this replica has appended, for its protocol.
    own: mpsc::UnboundedSender<Entry<Arc<Record>>>,
    /// This replica's part in steering.
    lead: Mutex<Lead>,
    /// What is known of this replica.
    pub(crate) seen: Arc<Mutex<Seen>>,
    /// Own changes, by number, and what became of them elsewhere.
    pub(crate) completions: Mutex<BTreeMap<u64, Completion>>,
}

/// Whoever makes a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    /// A person, or the process for itself.
    Anybody,
    /// The replica that steers, by itself, in this term.
    Steering(u64),
    /// A replica that has just got the lease says so.
    Announcing(u64),
}

impl Maker {
    const fn term(self) -> Option<u64> {
        match self {
            Self::Anybody => None,
            Self::Steering(term) | Self::Announcing(term) => Some(term),
        }
    }
}

/// Entries that this replica has appended.
pub(crate) type Own = mpsc::UnboundedReceiver<Entry<Arc<Record>>>;

impl JetLedger {
    /// A ledger over the connection, with its copy in `local`. It takes changes once it has found its
    /// place.
    pub(crate) fn new(
        api: Api,
        local: Arc<dyn LocalLedger>,
        name: ReplicaName,
        rules: Rules,
    ) -> (Self, Own) {
        let (changed, _) = watch::channel(Place::default());
        let (own, appended) = mpsc::unbounded_channel();
        let lead = Mutex::new(Lead::new(name.clone(), rules, Moment::ZERO));
        let inner = Inner {
            api,
            local,
            name,
            rules,
            origin: Instant::now(),
            place: Mutex::new(None),
            turn: tokio::sync::Mutex::new(()),
            changed,
            own,
            lead,
            seen: Arc::default(),
            completions: Mutex::default(),
        };
        (Self(Arc::new(inner)), appended)
    }

    /// Finds the place of the local copy in the ledger and fetches what is missing.
    ///
    /// # Errors
    /// A [`JoinError`]; the replica is not fresh then.
    pub async fn join(&self, copies: u64) -> Result<(), JoinError> {
        let inner = &self.0;
        let _turn = inner.turn.lock().await;
        let place = join::find(&inner.api, &*inner.local, &inner.name, copies).await?;
        inner.set(place);
        inner.catch_up().await.map_err(JoinError::Local)?;
        Ok(())
    }
}

impl Inner {
    pub(crate) fn place(&self) -> Option<Place> {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, place: Place) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        self.changed.send_replace(place);
    }

    /// The moment of now.
    pub(crate) fn now(&self) -> Moment {
        self.origin.elapsed()
    }

    /// This replica's part in steering. Held for moments.
    pub(crate) fn lead(&self) -> MutexGuard<'_, Lead> {
        self.lead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if this replica has found its place and is fresh.
    pub(crate) fn is_fresh(&self) -> bool {
        let now = self.now();
        with(&self.seen, |it| it.joined && it.fresh_until.is_some_and(|until| now < until))
    }

    /// The term in which this replica steers now: it has the lease, and knows the newest entry.
    pub(crate) fn term(&self) -> Option<u64> {
        self.lead().steers(self.now()).filter(|_| self.is_fresh())
    }

    /// Returns true if this replica may make a change now.
    fn may(&self, maker: Maker) -> bool {
        match maker {
            Maker::Anybody => true,
            Maker::Steering(term) => self.term() == Some(term),
            Maker::Announcing(term) => self.lead().holds(term, self.now()),
        }
    }

    pub(crate) fn completions(&self) -> MutexGuard<'_, BTreeMap<u64, Completion>> {
        self.completions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry as the protocol wants it. Acknowledgements of a new plan go to its author.
    pub(crate) fn entry(&self, record: Record, position: u64) -> Entry<Arc<Record>> {
        let makes_a_plan = record.epoch != record.epoch_before;
        let author = record.author.parse().ok().filter(|_| makes_a_plan);
        let ack_to = author.map(|author| self.api.names.acks(&author).into());
        record.entry(position, ack_to)
    }

    /// Adds an entry to the local copy, unless it is there.
    pub(crate) async fn take(&self, entry: &Entry<Arc<Record>>) -> Result<(), StoreAccessError> {
        let _turn = self.turn.lock().await;
        self.take_in_turn(entry).await
    }

    async fn take_in_turn(&self, entry: &Entry<Arc<Record>>) -> Result<(), StoreAccessError> {
        let Some(place) = self.place().filter(|it| it.number < entry.place.number) else {
            return Ok(());
        };
        if entry.place.number != place.number + 1 {
            let why = format!("entry {} comes after entry {}", entry.place.number, place.number);
            return Err(StoreAccessError::Store(why));
        }
        let record = &entry.body;
        if let Some(change) = record.change.clone() {
            let own = record.author == self.name.as_str();
            let hash = record.hash.clone();
            self.local.take(record.epoch_before, change, hash, own).await?;
        }
        if let Some(term) = entry.term {
            self.lead().deposed(term);
        }
        self.set(entry.place);
        Ok(())
    }

    /// Fetches and takes what the ledger has after the local copy; the caller has the turn.
    async fn catch_up(&self) -> Result<(), StoreAccessError> {
        while let Some(place) = self.place() {
            let found = self.api.next_entry(place.position).await.map_err(|it| unavailable(&it))?;
            let Some(found) = found else { break };
            let record = Record::decode(&found.payload)
                .map_err(|error| StoreAccessError::Store(error.to_string()))?;
            let entry = self.entry(record, found.position);
            self.take_in_turn(&entry).await?;
            let _ = self.own.send(entry);
        }
        Ok(())
    }

    /// Appends a change under the epoch `expected`; under the newest one if there is none.
    pub(crate) async fn append(
        &self,
        expected: Option<Epoch>,
        change: NewChange,
        maker: Maker,
    ) -> Result<Recorded, StoreAccessError> {
        let _turn = self.turn.lock().await;
        for _ in 0..RACES {
            if !self.may(maker) {
                return Err(StoreAccessError::NotSteering);
            }
            let Some(place) = self.place() else {
                let why = "the fleet's ledger has not answered since this replica began";
                return Err(StoreAccessError::Store(why.to_owned()));
            };
            let expected = expected.unwrap_or(place.epoch);
            let entry = match self.local.rehearse(expected, change.clone()).await? {
                Recorded::Before(kept) => return Ok(Recorded::Before(kept)),
                Recorded::Now(entry) => entry,
            };
            let record = Record::of(&entry, change.clone(), self.name.as_str(), maker.term());
            match self.write(&record, place).await {
                Ok(position) => {
                    self.appended(record, position).await;
                    return Ok(Recorded::Now(entry));
                }
                Err(ApiError::Conflict) => {
                    self.catch_up().await?;
                    // What it decided rests on what was known before. Another replica may steer by now.
                    if matches!(maker, Maker::Steering(_)) {
                        let latest = self.place().unwrap_or(place).epoch;
                        return Err(StoreAccessError::Conflict { expected, latest });
                    }
                }
                Err(error) => return Err(unavailable(&error)),
            }
        }
        Err(StoreAccessError::Store("others write all the time".to_owned()))
    }

    /// Writes a record after the entry at `place`. Without an answer it looks whether the record is
    /// there, and tries again.
    async fn write(&self, record: &Record, place: Place) -> Result<u64, ApiError> {
        let payload = record.encode().map_err(|error| ApiError::Refused(error.to_string()))?;
        let subject = &self.api.names.ledger;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let expected = (subject.as_str(), place.position);
            let failed = match self.api.write(subject, payload.clone(), expected, false).await {
                Ok(position) => return Ok(position),
                Err(failed @ (ApiError::Conflict | ApiError::Silent(_))) => failed,
                Err(failed) => return Err(failed),
            };
            match self.api.next_entry(place.position).await {
                Ok(Some(found)) => {
                    let there = Record::decode(&found.payload);
                    let is_ours =
                        there.is_ok_and(|it| it.hash == record.hash && it.author == record.author);
                    return if is_ours { Ok(found.position) } else { Err(ApiError::Conflict) };
                }
                Ok(None) | Err(ApiError::Silent(_)) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Ok(None) => return Err(failed),
                Err(error) => return Err(error),
            }
        }
    }

    /// An own record is in the ledger: it is told, and taken into the local copy.
    async fn appended(&self, record: Record, position: u64) {
        let now = self.now();
        let entry = self.entry(record, position);
        if entry.ack_to.is_some() {
            let mut completions = self.completions();
            completions.insert(entry.place.number, Completion::new(entry.place, now, self.rules));
            while completions.len() > REMEMBERED {
                completions.pop_first();
            }
        }
        self.tell(&entry).await;
        if let Err(error) = self.take_in_turn(&entry).await {
            // It is in the ledger, so it is made. The copy gets it later.
            tracing::error!(%error, "the local copy of the ledger cannot be written");
        }
        let _ = self.own.send(entry);
    }

    /// Tells the other replicas of an entry. Whoever misses it fetches it.
    async fn tell(&self, entry: &Entry<Arc<Record>>) {
        let Ok(payload) = entry.body.encode() else { return };
        let headers = vec![("Position", entry.place.position.to_string())];
        let news = Outgoing { subject: self.api.names.news(), reply: None, headers, payload };
        let told = self.api.client.publish(news);
        if let Ok(Err(error)) = tokio::time::timeout(self.api.patience, told).await {
            tracing::debug!(%error, "cannot tell the other replicas");
        }
    }
}

fn unavailable(error: &ApiError) -> StoreAccessError {
    StoreAccessError::Store(format!("the fleet's ledger: {error}"))
}

impl Ledger for JetLedger {
    fn append(
        &self,
        expected: Epoch,
        change: NewChange,
    ) -> BoxFuture<'static, Result<Recorded, StoreAccessError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.append(Some(expected), change, Maker::Anybody).await })
    }

    fn append_in_term(
        &self,
        expected: Epoch,
        term: u64,
        change: NewChange,
    ) -> BoxFuture<'static, Result<Recorded, StoreAccessError>> {
        let inner = Arc::clone(&self.0);
        let maker = Maker::Steering(term);
        Box::pin(async move { inner.append(Some(expected), change, maker).await })
    }

    fn latest(&self) -> BoxFuture<'static, Result<Saved, StoreAccessError>> {
        self.0.local.latest()
    }

    fn follow(&self, from: Epoch) -> BoxFuture<'static, Result<Saved, StoreAccessError>> {
        self.0.local.follow(from)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn ready(&self) -> BoxFuture<'static, ()> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let mut changed = inner.changed.subscribe();
            let placed = changed.wait_for(|_| inner.place().is_some());
            if tokio::time::timeout(READY, placed).await.is_err() {
                tracing::error!(
                    "the fleet's ledger does not answer: this replica starts without it"
                );
                return;
            }
            // Whoever found the place fetches what is missing, with the turn.
            drop(inner.turn.lock().await);
        })
    }
}
