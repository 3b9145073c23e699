//! Healthy servers: the contract, several replicas, one history.

use crate::contract::{change, keeps_its_word};
use crate::servers::Servers;
use crate::world::Member;
use stagegate_control::local_ledger;
use stagegate_control::ports::Ledger;
use stagegate_fleet::Standing;
use stagegate_store::{NewChange, NewIdempotency, Recorded, Store};
use std::sync::Arc;

#[tokio::test]
async fn the_ledger_keeps_the_contract_of_the_port() {
    let servers = Servers::start(1).await;
    let member = Member::join(&servers, "a").await;
    keeps_its_word(Arc::new(member.ledger.clone())).await;
    keeps_its_word(Arc::new(member.ledger.clone())).await;
}

#[tokio::test]
async fn all_replicas_have_one_history_whoever_writes() {
    let servers = Servers::start(3).await;
    let (a, b, c) = tokio::join!(
        Member::join(&servers, "a"),
        Member::join(&servers, "b"),
        Member::join(&servers, "c")
    );
    let write = async |member: &Member, name: &str| {
        for number in 0..10 {
            member.append(&change(&format!("{name}{number}"))).await;
        }
    };
    tokio::join!(write(&a, "a"), write(&b, "b"), write(&c, "c"));
    let mut heads = Vec::new();
    for member in [&a, &b, &c] {
        member.has(30).await;
        heads.push(member.local.head().await.unwrap());
        let epochs = member.told.epochs();
        assert!(epochs.windows(2).all(|pair| pair[0] <= pair[1]), "{epochs:?}");
    }
    assert_eq!((heads[0].entries, heads[0].epoch), (30, 30));
    assert!(heads.iter().all(|head| *head == heads[0]), "{heads:?}");
    let rows = a.health.rows().await.unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(rows.iter().all(|row| row.answered && row.fresh_for_ms.is_some()), "{rows:?}");
    let findings = a.health.examine().await;
    assert!(findings.iter().all(|it| it.ok), "{findings:#?}");
    for member in [a, b, c] {
        let dir = member.stop().await;
        let verified = Store::open(dir.path()).unwrap().verify_audit().unwrap();
        assert_eq!((verified.entries, &verified.head), (30, &heads[0].hash));
    }
}

#[tokio::test]
async fn a_key_that_was_used_at_one_replica_is_known_at_the_others() {
    let servers = Servers::start(1).await;
    let (a, b) = tokio::join!(Member::join(&servers, "a"), Member::join(&servers, "b"));
    let answer = NewIdempotency {
        key: "k-1".to_owned(),
        actor: "ada".to_owned(),
        fingerprint: "f".to_owned(),
        response: "{\"audit_seq\":null}".to_owned(),
    };
    let keyed = NewChange { answer: Some(answer), ..change("keyed") };
    a.ledger.append(0, keyed.clone()).await.unwrap();
    // The other one may not have heard of it yet: it hears of it while it appends.
    let again = b.ledger.append(b.epoch().await, keyed).await;
    match again {
        Ok(Recorded::Before(kept)) => assert_eq!(kept.response, "{\"audit_seq\":1}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(b.local.head().await.unwrap().entries, 1);
}

#[tokio::test]
async fn each_replica_acknowledges_and_a_silent_one_is_fenced() {
    let servers = Servers::start(3).await;
    let (a, b, c) = tokio::join!(
        Member::join(&servers, "a"),
        Member::join(&servers, "b"),
        Member::join(&servers, "c")
    );
    let number = a.append(&change("rollback")).await;
    let summary = a.health.settled(number).await.unwrap();
    assert!(summary.complete && summary.acked() == 3, "{summary:?}");
    c.freeze();
    let number = b.append(&change("rollback again")).await;
    let summary = b.health.settled(number).await.unwrap();
    assert!(summary.complete && summary.acked() == 2, "{summary:?}");
    assert_eq!(summary.of(Standing::Fenced)[0].as_str(), "c");
    assert!(!c.told.is_open(), "it has closed by itself");
}

#[tokio::test]
async fn a_fleet_may_begin_with_the_history_of_a_process_and_refuses_another_one() {
    let servers = Servers::start(1).await;
    let history = |entries: usize| async move {
        let dir = tempfile::tempdir().unwrap();
        let alone = local_ledger(Store::open(dir.path()).unwrap());
        for number in 0..entries {
            let epoch = alone.latest().await.unwrap().epoch;
            alone.append(epoch, change(&format!("alone {number}"))).await.unwrap();
        }
        dir
    };
    let first = Member::begin(&servers, "a", history(5).await).await;
    first.until("it is fresh", |it| it.told.is_open()).await;
    assert_eq!(first.append(&change("as a fleet")).await, 6);
    for (name, dir, why) in [
        ("b", tempfile::tempdir().unwrap(), "begins with the history of another process"),
        ("c", history(9).await, "not the fleet's"),
    ] {
        let other = Member::begin(&servers, name, dir).await;
        other
            .until("it says why", |it| {
                it.health.own("", "", 0).problem.is_some_and(|it| it.contains(why))
            })
            .await;
        assert!(!other.told.is_open());
    }
    // A replica that was away has missed something, and finds its place among the entries.
    let dir = first.stop().await;
    let copy = tempfile::tempdir().unwrap();
    for file in ["state.db", "witness.json"] {
        std::fs::copy(dir.path().join(file), copy.path().join(file)).unwrap();
    }
    let first = Member::begin(&servers, "a", dir).await;
    first.until("it is fresh", |it| it.told.is_open()).await;
    for number in 0..20 {
        first.append(&change(&format!("later {number}"))).await;
    }
    let late = Member::begin(&servers, "d", copy).await;
    late.has(26).await;
    assert_eq!(late.local.head().await.unwrap(), first.local.head().await.unwrap());
}
