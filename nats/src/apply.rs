//! Entries on their way into the local copy and in force, in order.

use crate::host::{Event, Host, RETRY, Seen, with};
use crate::ledger::Inner;
use crate::record::Record;
use stagegate_fleet::{Entry, Input, Place};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Takes entries into the local copy and puts them in force, one after the other.
pub(crate) async fn apply(
    (inner, host, seen): (Arc<Inner>, Arc<dyn Host>, Arc<Mutex<Seen>>),
    mut queue: mpsc::UnboundedReceiver<Entry<Arc<Record>>>,
    events: mpsc::UnboundedSender<Event>,
) {
    while let Some(entry) = queue.recv().await {
        let mut said = false;
        while let Err(error) = inner.take(&entry).await {
            if !said {
                tracing::error!(%error, entry = entry.place.number, "cannot follow the fleet's ledger");
                with(&seen, |it| {
                    it.problem = Some(format!("entry {}: {error}", entry.place.number));
                });
                said = true;
            }
            tokio::time::sleep(RETRY).await;
        }
        if said {
            with(&seen, |it| it.problem = None);
        }
        put_in_force(&*host, entry.place, &seen).await;
        if events.send(Event::Input(Input::Settled(entry.place))).is_err() {
            return;
        }
    }
}

/// Puts an entry in force, however often that must be tried. Until then the replica names no newer
/// entry, so its freshness ends.
pub(crate) async fn put_in_force(host: &dyn Host, place: Place, seen: &Mutex<Seen>) {
    let (mut pause, mut said) = (RETRY / 20, None);
    while let Err(problem) = host.put_in_force(place.epoch).await {
        if pause >= RETRY && said.as_ref() != Some(&problem) {
            tracing::error!(problem, epoch = place.epoch, "cannot put the fleet's state in force");
            with(seen, |it| it.problem = Some(problem.clone()));
            said = Some(problem);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY);
    }
    if said.is_some() {
        with(seen, |it| it.problem = None);
    }
}
