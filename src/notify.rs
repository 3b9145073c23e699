//! Telling people: the outbox, the configuration's channels and the figures, joined.

use stagegate_control::{Control, now_ms};
use stagegate_notify::{Notifier, NotifierSettings, Outcome};
use stagegate_store::{Outbox, Store, StoreError};
use stagegate_telemetry::{Loop, Telemetry};
use std::sync::Arc;

/// The outbox beside the store; none where there is no store, or the file cannot be opened twice.
pub(crate) fn outbox(store: &Result<Store, StoreError>) -> Option<Outbox> {
    // Why there is no store is told by whoever needs it more.
    match store.as_ref().ok()?.outbox() {
        Ok(outbox) => Some(outbox),
        Err(error) => {
            tracing::error!(%error, "cannot open the outbox; no notification is sent");
            None
        }
    }
}

/// Delivery from `outbox` to the channels of whatever configuration is in force.
pub(crate) fn notifier(outbox: Outbox, control: &Control, telemetry: &Arc<Telemetry>) -> Notifier {
    let (control, telemetry) = (control.clone(), Arc::clone(telemetry));
    let looked = Arc::clone(&telemetry);
    let settings = NotifierSettings::new(
        Arc::new(move || stagegate_control::channels(&control.view().config)),
        Arc::new(move |channel, outcome| telemetry.notified(channel, outcome.label())),
        Arc::new(move || {
            // Asked at every look.
            looked.looked(Loop::Notifier);
            now_ms()
        }),
    );
    Notifier::new(outbox, settings)
}

/// Hands the figures that are asked for, not counted, to a scrape.
pub(crate) fn show(notifier: &Notifier, telemetry: &Telemetry) {
    let results = Outcome::ALL.map(Outcome::label);
    telemetry.set_notifications(notifier.waiting(), &notifier.names(), &results);
}
