//! The steering lease on real servers: one replica has it, and what its former holder wanted to do fails.

use crate::contract::change;
use crate::servers::Servers;
use crate::world::Member;
use stagegate_control::StoreAccessError;
use stagegate_control::ports::{Ledger, Peers};
use stagegate_nats::Answering;
use std::sync::Arc;
use std::time::{Duration, Instant};

async fn steers(members: &[&Member]) -> usize {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let terms: Vec<Option<u64>> = members.iter().map(|it| it.steering.term()).collect();
        assert!(terms.iter().flatten().count() <= 1, "two steer: {terms:?}");
        if let Some(place) = terms.iter().position(Option::is_some) {
            return place;
        }
        assert!(Instant::now() < deadline, "nobody steers");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn three(servers: &Servers) -> [Member; 3] {
    let (mut a, mut b, mut c) = tokio::join!(
        Member::join(servers, "a"),
        Member::join(servers, "b"),
        Member::join(servers, "c")
    );
    for member in [&mut a, &mut b, &mut c] {
        member.steer();
    }
    [a, b, c]
}

#[tokio::test]
async fn one_replica_steers_and_another_one_takes_its_place() {
    let servers = Servers::start(3).await;
    let mut members = three(&servers).await;
    let begun = Instant::now();
    let first = steers(&members.each_ref()).await;
    println!("somebody steers after {:?}", begun.elapsed());
    let term = members[first].steering.term().unwrap();
    let name = members[first].steering.name();
    for member in &members {
        member
            .until("it knows who steers", |it| {
                it.steering.leader().is_some_and(|(leader, seen)| leader == name && seen == term)
            })
            .await;
    }
    // It does not come to life again before it looks at the clock.
    members[first].pause_steering();
    let lost = Instant::now();
    members[first].until("its lease has ended", |it| it.steering.term().is_none()).await;
    let next = steers(&members.each_ref()).await;
    let took = lost.elapsed();
    println!("another one steers after {took:?}");
    assert!(next != first && took < Duration::from_secs(8), "{took:?}");
    assert!(members[next].steering.term().unwrap() > term);
    members[first].steer();
    members[first]
        .until("it knows the new one", |it| {
            let name = members[next].steering.name();
            it.steering.leader().is_some_and(|(leader, _)| leader == name)
        })
        .await;
    assert_eq!(members[first].steering.term(), None);
}

#[tokio::test]
async fn what_a_replica_does_by_itself_fails_when_another_one_steers() {
    let servers = Servers::start(1).await;
    let mut a = Member::join(&servers, "a").await;
    let mut b = Member::join(&servers, "b").await;
    a.steer();
    steers(&[&a]).await;
    let term = a.steering.term().unwrap();
    let epoch = a.epoch().await;
    a.ledger.append_in_term(epoch, term, change("by itself")).await.unwrap();
    let later = a.ledger.append_in_term(epoch + 1, term + 1, change("x")).await.unwrap_err();
    assert!(matches!(later, StoreAccessError::NotSteering), "{later}");
    // Whoever does not steer does nothing by itself.
    b.has(a.local.head().await.unwrap().entries).await;
    let never = b.ledger.append_in_term(epoch + 1, term, change("x")).await.unwrap_err();
    assert!(matches!(never, StoreAccessError::NotSteering), "{never}");
    // A person was faster: it is not tried again on top of that.
    a.freeze();
    let number = b.append(&change("by a person")).await;
    let lost = a.ledger.append_in_term(epoch + 1, term, change("x")).await.unwrap_err();
    assert!(
        matches!(lost, StoreAccessError::Conflict { .. } | StoreAccessError::NotSteering),
        "{lost}"
    );
    // The lease goes to the other one while the former holder is paused.
    a.pause_steering();
    b.steer();
    steers(&[&b]).await;
    let late = a.ledger.append_in_term(epoch + 2, term, change("x")).await.unwrap_err();
    assert!(matches!(late, StoreAccessError::NotSteering), "{late}");
    b.has(number + 1).await;
    assert_eq!(b.epoch().await, epoch + 2, "nothing else was recorded");
}

#[tokio::test]
async fn every_replica_is_asked_and_the_silent_ones_are_named() {
    let servers = Servers::start(1).await;
    let (a, b, c) = tokio::join!(
        Member::join(&servers, "a"),
        Member::join(&servers, "b"),
        Member::join(&servers, "c")
    );
    let answers = |name: &'static str| -> Answering {
        Arc::new(move |question| {
            let text = String::from_utf8(question).unwrap();
            Box::pin(async move { format!("{name}: {text}").into_bytes() })
        })
    };
    let answering = [
        tokio::spawn(a.health.clone().answer_questions(answers("a"))),
        tokio::spawn(b.health.clone().answer_questions(answers("b"))),
    ];
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let begun = Instant::now();
        let found = a.health.ask_others(b"who?").await;
        let found: Vec<_> = found
            .iter()
            .map(|it| (it.replica.as_str(), it.answer.as_deref().map(String::from_utf8_lossy)))
            .collect();
        // Not the one that asks, and one that says nothing costs two seconds.
        if found == [("b", Some("b: who?".into())), ("c", None)] {
            assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
            break;
        }
        assert!(Instant::now() < deadline, "{found:?}");
    }
    answering.iter().for_each(tokio::task::JoinHandle::abort);
    drop(c);
}

#[tokio::test]
async fn evidence_is_saved_once_and_reports_reach_the_replica_that_steers() {
    let servers = Servers::start(1).await;
    let mut a = Member::join(&servers, "a").await;
    let mut b = Member::join(&servers, "b").await;
    a.steer();
    steers(&[&a]).await;
    b.steer();
    b.until("it knows who steers", |it| it.steering.leader().is_some()).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while a.told.messages().is_empty() {
        assert!(Instant::now() < deadline, "no report arrives");
        b.steering.report(b"{\"evidence\":1}".to_vec());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(a.told.messages()[0], b"{\"evidence\":1}");
    assert!(b.told.messages().is_empty());
    a.steering.tell(b"saved".to_vec());
    b.until("it hears it", |it| it.told.messages().contains(&b"saved".to_vec())).await;

    let agent = "support.agent".parse().unwrap();
    assert_eq!(a.steering.load(&agent).await.unwrap(), None);
    let state = vec![7; 100_000];
    let number = a.steering.save(&agent, 0, state.clone()).await.unwrap();
    assert_eq!(b.steering.load(&agent).await.unwrap(), Some((number, state)));
    b.steering.save(&agent, number, b"newer".to_vec()).await.unwrap();
    a.steering.save(&agent, number, b"older".to_vec()).await.unwrap_err();
    assert_eq!(a.steering.load(&agent).await.unwrap().unwrap().1, b"newer");
    let rows = a.health.rows().await.unwrap();
    assert_eq!(rows.len(), 2, "evidence is no replica: {rows:?}");
}
