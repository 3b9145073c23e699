//! Flags that are switched off while the ledger does not answer.

use crate::memory::Memory;
use crate::plane::CONFIG;
use crate::world::World;
use serde_json::{Value, json};
use stagegate_control::ports::{BoxFuture, FlagServer, FlagsAsked, Ledger};
use stagegate_control::{
    Answer, ExecuteError, FlagChanged, FlagOrder, IdempotencyKey, Precondition,
};
use stagegate_flags::{
    Bucketing, FlagChange, FlagFile, FlagSet, Overlay, Override, Scope, Scratch, Subject,
};
use stagegate_rollout::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

const FILE: &str = r#"{"flags": {
  "refunds": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
  "prompt": {"state": "ENABLED", "variants": {"a": 1, "b": 2}, "defaultVariant": "a"}}}"#;
/// Longest time until a change that takes a variant away is in force and answered.
const BOUND: Duration = Duration::from_millis(1000);

/// Flags without a server.
struct Served(Mutex<FlagSet>);

impl FlagServer for Served {
    fn set(&self) -> FlagSet {
        self.0.lock().unwrap().clone()
    }

    fn texts(&self) -> Arc<Vec<(String, String)>> {
        Arc::default()
    }

    fn put(&self, overlay: Arc<Overlay>) {
        let mut set = self.0.lock().unwrap();
        *set = set.with_overlay(overlay);
    }

    fn asked(&self) -> FlagsAsked {
        FlagsAsked::default()
    }

    fn settled(&self, _patience: Duration) -> BoxFuture<'_, bool> {
        Box::pin(async { true })
    }
}

fn serve(world: &World) -> Arc<Served> {
    let file = FlagFile::read("flags.json", FILE).unwrap();
    let set = FlagSet::of(vec![file], Bucketing::V2).unwrap();
    let served = Arc::new(Served(Mutex::new(set)));
    world.control.serve_flags(Arc::clone(&served) as Arc<dyn FlagServer>);
    served
}

impl Served {
    fn refunds_of(&self, tenant: &str) -> Option<String> {
        let set = self.set();
        let mut scratch = Scratch::new();
        let context = scratch.of_fields(&[("tenant", tenant)]);
        let evaluation = set.evaluate("refunds", &context, 0);
        evaluation.variant().map(|variant| variant.name().to_owned())
    }
}

fn written(changed: &FlagChanged) -> Value {
    json!({ "recorded": changed.recorded, "audit_seq": changed.audit_seq })
}

async fn change(
    world: &World,
    change: FlagChange,
    key: Option<&str>,
) -> Result<Answer<FlagChanged>, ExecuteError> {
    let idempotency = key.map(|key| IdempotencyKey {
        key: key.to_owned(),
        fingerprint: "f".to_owned(),
        write: written,
    });
    let order = FlagOrder {
        actor: "ada".to_owned(),
        key: "refunds".to_owned(),
        change,
        reason: "escalation".to_owned(),
        precondition: Precondition::None,
        idempotency,
        dry_run: false,
    };
    world.control.change_flag(order).await
}

fn off() -> FlagChange {
    FlagChange::Off { variant: None, scope: Scope::default() }
}

fn deny(tenant: &str) -> FlagChange {
    let subject = Subject::Tenant(tenant.to_owned());
    FlagChange::Deny { subject, variant: None, scope: Scope::default() }
}

async fn in_time(world: &World, wanted: FlagChange, key: Option<&str>) -> FlagChanged {
    let begun = Instant::now();
    let answer = change(world, wanted, key).await.unwrap();
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    let Answer::New(changed) = answer else { panic!("its key is new") };
    changed
}

async fn hanging() -> (Memory, World, Arc<Served>) {
    let memory = Memory::new();
    let ledger = memory.clone();
    let world = World::over(CONFIG, move |_| Arc::new(ledger) as Arc<dyn Ledger>).await;
    let served = serve(&world);
    memory.hang(true);
    (memory, world, served)
}

#[tokio::test(start_paused = true)]
async fn a_flag_is_off_before_that_is_recorded() {
    let (memory, world, served) = hanging().await;
    let before = memory.changes().len();
    let denied = in_time(&world, deny("acme"), Some("k-1")).await;
    assert!(denied.changed && !denied.recorded && denied.audit_seq == 0);
    assert!(denied.timing.unwrap().settled, "every worker follows");
    assert_eq!(served.refunds_of("acme").as_deref(), Some("off"));
    assert_eq!(served.refunds_of("globex").as_deref(), Some("on"));
    assert!(world.control.view().flags.contains_key("refunds"), "the view says so");
    let Answer::Kept(kept) = change(&world, deny("acme"), Some("k-1")).await.unwrap() else {
        panic!("its key is known")
    };
    assert!(kept.contains("false"), "{kept}");
    let all = in_time(&world, off(), None).await;
    assert!(all.flag_epoch > denied.flag_epoch);
    assert_eq!(served.refunds_of("globex").as_deref(), Some("off"));
    // The other way round still needs its record.
    let on = change(&world, FlagChange::On { scope: Scope::default() }, None).await.unwrap_err();
    assert!(matches!(on, ExecuteError::Store(_)), "{on}");
    // A rollback is in line with them.
    world.execute(Command::Rollback, None).await.unwrap();
    assert_eq!(memory.changes().len(), before);

    memory.hang(false);
    memory.until(|changes| changes.len() >= before + 3).await;
    let changes = memory.changes();
    let actions: Vec<&str> =
        changes[before..].iter().map(|it| it.entry.action.as_str()).take(3).collect();
    assert_eq!(actions, ["flag_deny", "flag_off", "rollback"], "in order");
    assert_eq!(changes[before].entry.reason, "escalation");
    assert_eq!(changes[before].entry.summary, "flag refunds: deny tenant acme: `off`");
    assert_eq!(changes[before + 1].entry.details["after"]["rules"][1]["rule"], "off");
    assert_eq!(served.refunds_of("globex").as_deref(), Some("off"), "and nothing else changed");
}

#[tokio::test(start_paused = true)]
async fn a_flag_that_was_off_without_a_record_is_off_after_a_restart() {
    let (_memory, world, _) = hanging().await;
    assert!(!in_time(&world, off(), None).await.recorded);
    let path = world.dir.path().join("data").join("unrecorded.json");
    let text = std::fs::read_to_string(&path).expect("it is noted");
    // Another process finds the note beside a store that never heard of it.
    let world = World::beside(CONFIG, "unrecorded.json", &text).await.unwrap();
    let served = serve(&world);
    assert_eq!(served.refunds_of("acme").as_deref(), Some("off"));
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while world.newest("ada").await.is_none_or(|it| it.action != "flag_off") {
        assert!(std::time::Instant::now() < deadline, "it is never recorded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(served.refunds_of("acme").as_deref(), Some("off"));
}

#[tokio::test]
async fn what_was_off_already_is_recorded_for_its_key_alone() {
    let world = World::with(CONFIG).await;
    let served = serve(&world);
    let first = in_time(&world, off(), None).await;
    assert!(first.changed && first.recorded && first.audit_seq > 0);
    let again = in_time(&world, off(), Some("k-1")).await;
    assert!(!again.changed && again.recorded);
    assert_eq!(served.set().overriding("refunds"), Some(&first.after));
    assert_eq!(again.after, Override::clone(&first.after));
}
