//! The protocol of one replica, carried out.

use crate::api::{Api, ApiError};
use crate::apply::{apply, put_in_force};
use crate::client::{Message, Outgoing};
use crate::host::{Event, Host, RETRY, Seen, with};
use crate::ledger::{Inner, JetLedger, Own};
use crate::record::Record;
use crate::steer::Steering;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stagegate_control::ports::LocalLedger;
use stagegate_fleet::{Effect, Entry, Input, Node, OnStale, Place, ReplicaName, Rules};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Entries that are fetched at a time.
const FETCHED: usize = 256;

/// One replica of a fleet; cheap to clone.
#[derive(Clone)]
pub struct Replica {
    ledger: JetLedger,
    own: Arc<tokio::sync::Mutex<Own>>,
    on_stale: OnStale,
    copies: u64,
    seen: Arc<Mutex<Seen>>,
}

/// An acknowledgement on the wire.
#[derive(Debug, Serialize, Deserialize)]
struct Ack {
    replica: ReplicaName,
    place: Place,
}

impl Replica {
    /// A replica over a connection, with its copy of the ledger in `local`.
    #[must_use]
    pub fn new(
        api: Api,
        local: Arc<dyn LocalLedger>,
        name: ReplicaName,
        (rules, on_stale, copies): (Rules, OnStale, u64),
    ) -> Self {
        let (ledger, own) = JetLedger::new(api, local, name, rules);
        let own = Arc::new(tokio::sync::Mutex::new(own));
        let seen = Arc::clone(&ledger.0.seen);
        Self { ledger, own, on_stale, copies, seen }
    }

    /// The ledger, for the driver.
    #[must_use]
    pub fn ledger(&self) -> JetLedger {
        self.ledger.clone()
    }

    /// What it does when it is not fresh.
    pub(crate) const fn on_stale(&self) -> OnStale {
        self.on_stale
    }

    /// What is known of this replica, shared with the loop.
    pub(crate) fn seen(&self) -> Arc<Mutex<Seen>> {
        Arc::clone(&self.seen)
    }

    /// Takes part in the fleet for as long as the future is polled. It may be begun again.
    pub async fn run(&self, host: Arc<dyn Host>) {
        let Self { ledger, own, on_stale, copies, seen } = self;
        let mut own = own.lock().await;
        loop {
            match ledger.join(*copies).await {
                Ok(()) => break,
                Err(error) => {
                    let problem = error.to_string();
                    let before = with(seen, |it| it.problem.replace(problem.clone()));
                    if before.as_deref() != Some(&problem) {
                        tracing::error!(problem, "this replica cannot take part in the fleet yet");
                    }
                    let pause = if error.may_pass() { RETRY } else { RETRY * 20 };
                    tokio::time::sleep(pause).await;
                }
            }
        }
        // What was fetched is in the local copy and not in force.
        while own.try_recv().is_ok() {}
        let place = ledger.0.place().unwrap_or_default();
        put_in_force(&*host, place, seen).await;
        with(seen, |it| (it.problem, it.joined) = (None, true));
        let inner = Arc::clone(&ledger.0);
        Loop::new(inner, host, *on_stale, Arc::clone(seen), place).run(&mut own).await;
    }

    /// What steering needs of the fleet. It runs beside the replica, with [`Steering::run`].
    #[must_use]
    pub fn steering(&self) -> Steering {
        Steering::new(Arc::clone(&self.ledger.0))
    }

    /// Returns true if it has found its place in the ledger.
    #[must_use]
    pub fn has_joined_ledger(&self) -> bool {
        self.ledger.0.place().is_some()
    }

    /// Takes this replica out of the roster. It must serve nobody any more, and not renew.
    ///
    /// # Errors
    /// When the ledger does not answer, in words.
    pub async fn leave(&self) -> Result<(), String> {
        let inner = &self.ledger.0;
        self.steering().give_back().await;
        // A renewal may be on its way.
        for _ in 0..2 {
            let left = inner.api.forget(&inner.name, None).await;
            left.map_err(|error| error.to_string())?;
            tokio::time::sleep(RETRY / 5).await;
        }
        Ok(())
    }
}

/// Far enough away.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

struct Loop {
    inner: Arc<Inner>,
    host: Arc<dyn Host>,
    on_stale: OnStale,
    seen: Arc<Mutex<Seen>>,
    node: Node,
    events: mpsc::UnboundedSender<Event>,
    heard: mpsc::UnboundedReceiver<Event>,
    /// Entries on their way into the local copy and in force, in order.
    applying: mpsc::UnboundedSender<Entry<Arc<Record>>>,
    /// It was fresh since it began.
    was_fresh: bool,
    _applier: Applier,
}

/// The task that applies entries; it ends with the loop.
struct Applier(tokio::task::JoinHandle<()>);

impl Drop for Applier {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Loop {
    fn new(
        inner: Arc<Inner>,
        host: Arc<dyn Host>,
        on_stale: OnStale,
        seen: Arc<Mutex<Seen>>,
        place: Place,
    ) -> Self {
        let (events, heard) = mpsc::unbounded_channel();
        let (applying, queue) = mpsc::unbounded_channel();
        let node = Node::new(&inner.name, inner.rules, place, inner.now());
        let parts = (Arc::clone(&inner), Arc::clone(&host), Arc::clone(&seen));
        let applier = Applier(tokio::spawn(apply(parts, queue, events.clone())));
        let (was_fresh, _applier) = (false, applier);
        Self { inner, host, on_stale, seen, node, events, heard, applying, was_fresh, _applier }
    }

    async fn run(mut self, own: &mut Own) {
        let names = &self.inner.api.names;
        let (news, acks) = (names.news(), names.acks(&self.inner.name));
        let client = self.inner.api.client.clone();
        let subscribed = (client.subscribe(news).await, client.subscribe(acks).await);
        let (Ok(mut news), Ok(mut acks)) = subscribed else {
            with(&self.seen, |it| {
                it.problem = Some("cannot subscribe to the fleet's news".to_owned());
            });
            return;
        };
        loop {
            let wake = self.inner.origin + self.node.wakes_at();
            let input = tokio::select! {
                Some(entry) = own.recv() => Input::Offered(entry),
                Some(event) = self.heard.recv() => match event {
                    Event::Input(input) => input,
                    Event::Unreadable(problem) => {
                        tracing::error!(problem, "this replica cannot follow the ledger");
                        with(&self.seen, |it| it.problem = Some(problem));
                        Input::Tick
                    }
                },
                Some(message) = news.recv() => match self.told(&message) {
                    Some(entry) => Input::Offered(entry),
                    None => Input::Tick,
                },
                Some(message) = acks.recv() => {
                    self.acked(&message.payload);
                    continue;
                }
                () = tokio::time::sleep_until(wake.into()) => Input::Tick,
            };
            self.step(input);
        }
    }

    fn told(&self, message: &Message) -> Option<Entry<Arc<Record>>> {
        let position = message.header("Position")?.parse().ok()?;
        // What cannot be read is fetched, and the error is seen there.
        let record = Record::decode(&message.payload).ok()?;
        Some(self.inner.entry(record, position))
    }

    fn acked(&self, payload: &Bytes) {
        let Ok(Ack { replica, place }) = serde_json::from_slice(payload) else { return };
        let now = self.inner.now();
        for completion in self.inner.completions().values_mut() {
            completion.ack(replica.clone(), place, now);
        }
        self.inner.changed.send_modify(|_| ());
    }

    fn step(&mut self, input: Input<Arc<Record>>) {
        let now = self.inner.now();
        for effect in self.node.step(now, input) {
            self.carry_out(effect);
        }
        let closes_at = self.node.closes_at().filter(|_| self.node.breach().is_none());
        match self.on_stale {
            OnStale::Stable => self.host.fence(closes_at.map(|at| self.inner.origin + at)),
            // What a former process knew may be old: it holds what it has known as the newest.
            OnStale::Hold if closes_at.is_some() && !self.was_fresh => {
                self.host.fence(Some(Instant::now() + FOR_EVER));
            }
            OnStale::Hold => {}
        }
        self.was_fresh |= closes_at.is_some();
        let breach = self.node.breach().map(ToString::to_string);
        with(&self.seen, |seen| {
            seen.settled = self.node.settled();
            seen.fresh_until = self.node.fresh_until();
            if breach.is_some() && seen.problem.is_none() {
                tracing::error!(problem = breach, "the fleet's ledger contradicts this replica");
                seen.problem = breach;
            }
        });
    }

    fn carry_out(&self, effect: Effect<Arc<Record>>) {
        match effect {
            Effect::Renew { claim } => self.renew(claim),
            Effect::Fetch { after } => self.fetch(after),
            Effect::Apply(entry) => {
                let _ = self.applying.send(entry);
            }
            Effect::Ack { to, place } => self.ack(&to, place),
            Effect::Close => {
                let hold = self.on_stale == OnStale::Hold;
                tracing::warn!(hold, "not fresh: the fleet's newest changes may be unknown here");
                self.host.fenced(!hold);
            }
            Effect::Open => {
                tracing::info!("this replica is fresh");
                self.host.fenced(false);
            }
        }
    }

    fn renew(&self, claim: Place) {
        let (inner, events) = (Arc::clone(&self.inner), self.events.clone());
        let subject = inner.api.names.live(&inner.name, self.on_stale);
        let asked = inner.now();
        tokio::spawn(async move {
            let ledger = inner.api.names.ledger.clone();
            let expected = (ledger.as_str(), claim.position);
            let input = match inner.api.write(&subject, Bytes::new(), expected, true).await {
                Ok(_) => Input::Renewed { asked, claimed: claim },
                Err(ApiError::Conflict) => Input::Superseded,
                Err(error) => return tracing::debug!(%error, "a renewal was not answered"),
            };
            let _ = events.send(Event::Input(input));
        });
    }

    fn fetch(&self, after: Place) {
        let (inner, events) = (Arc::clone(&self.inner), self.events.clone());
        tokio::spawn(async move {
            let mut position = after.position;
            for _ in 0..FETCHED {
                let found = match inner.api.next_entry(position).await {
                    Ok(Some(found)) => found,
                    Ok(None) => break,
                    Err(error) => return tracing::debug!(%error, "cannot fetch entries"),
                };
                position = found.position;
                let event = match Record::decode(&found.payload) {
                    Ok(record) => Event::Input(Input::Offered(inner.entry(record, position))),
                    Err(error) => Event::Unreadable(error.to_string()),
                };
                let is_the_end = matches!(event, Event::Unreadable(_));
                if events.send(event).is_err() || is_the_end {
                    return;
                }
            }
            if position == after.position
                && let Ok(Some(last)) = inner.api.last_entry().await
                && let Ok(record) = Record::decode(&last.payload)
            {
                // It may be less than what is known here.
                let newest = record.place(last.position);
                let _ = events.send(Event::Input(Input::Newest(newest)));
            }
            let _ = events.send(Event::Input(Input::Fetched));
        });
    }

    fn ack(&self, to: &Arc<str>, place: Place) {
        let ack = Ack { replica: self.inner.name.clone(), place };
        let Ok(payload) = serde_json::to_vec(&ack) else { return };
        let (client, to) = (self.inner.api.client.clone(), to.to_string());
        tokio::spawn(async move {
            let payload = payload.into();
            let ack = Outgoing { subject: to, reply: None, headers: Vec::new(), payload };
            if let Err(error) = client.publish(ack).await {
                tracing::debug!(%error, "cannot acknowledge");
            }
        });
    }
}
