//! The contract of the ledger port. Every ledger runs it: memory, SQLite, JetStream.

use serde_json::json;
use stagegate_control::StoreAccessError;
use stagegate_control::ports::Ledger;
use stagegate_store::{NewAudit, NewChange, Recorded};
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn change(summary: &str) -> NewChange {
    let entry = NewAudit {
        at_ms: 1,
        actor: "ada".to_owned(),
        workload: None,
        action: "reload".to_owned(),
        reason: String::new(),
        summary: summary.to_owned(),
        details: json!({ "audit_seq": null }),
    };
    NewChange { makes_a_plan: true, ..NewChange::entry_only(entry) }
}

/// The contract that the driver relies on, for a ledger at any epoch.
pub(crate) async fn keeps_its_word(ledger: Arc<dyn Ledger>) {
    let epoch = ledger.latest().await.unwrap().epoch;
    let following = tokio::spawn(ledger.follow(epoch));
    let Recorded::Now(entry) = ledger.append(epoch, change("first")).await.unwrap() else {
        panic!("no key was given")
    };
    assert_eq!((entry.epoch_before, entry.epoch), (epoch, epoch + 1));
    let seen = tokio::time::timeout(Duration::from_secs(10), following).await.unwrap().unwrap();
    assert_eq!(seen.unwrap().epoch, epoch + 1);
    // Whoever is late loses, and nothing of it remains.
    let late = ledger.append(epoch, change("late")).await.unwrap_err();
    assert!(
        matches!(late, StoreAccessError::Conflict { expected, latest }
            if (expected, latest) == (epoch, epoch + 1)),
        "{late}"
    );
    assert_eq!(ledger.latest().await.unwrap().epoch, epoch + 1);
    // Old news is there at once.
    assert_eq!(ledger.follow(epoch).await.unwrap().epoch, epoch + 1);
}
