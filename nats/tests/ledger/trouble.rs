//! Servers that are lost: nothing acknowledged is lost with them, and freshness ends in time.

use crate::contract::change;
use crate::servers::Servers;
use crate::world::{FRESH_FOR, Member};
use stagegate_control::ports::Ledger;
use std::time::{Duration, Instant};

#[tokio::test]
async fn no_acknowledged_change_is_lost_when_a_server_dies() {
    let mut servers = Servers::start(3).await;
    let (a, b) = tokio::join!(Member::join(&servers, "a"), Member::join(&servers, "b"));
    let mut made = 0;
    for number in 0..3 {
        a.append(&change(&format!("before {number}"))).await;
        servers.kill(number);
        // It may take some seconds until the others have a leader.
        a.append(&change(&format!("without {number}"))).await;
        b.append(&change(&format!("by the other one, without {number}"))).await;
        made += 3;
        servers.revive(number);
        a.until("it is fresh", |it| it.told.is_open()).await;
    }
    a.has(made).await;
    b.has(made).await;
    let head = a.local.head().await.unwrap();
    assert_eq!((head.entries, head.epoch), (made, made));
    assert_eq!(head, b.local.head().await.unwrap());
}

#[tokio::test]
async fn without_servers_a_replica_closes_in_time_and_opens_by_itself_afterwards() {
    let mut servers = Servers::start(3).await;
    let member = Member::join(&servers, "a").await;
    member.append(&change("before")).await;
    (0..3).for_each(|number| servers.kill(number));
    let gone = Instant::now();
    member.until("it is closed", |it| !it.told.is_open()).await;
    let took = gone.elapsed();
    assert!(took < FRESH_FOR + FRESH_FOR / 4 + Duration::from_millis(300), "{took:?}");
    let epoch = member.epoch().await;
    let refused = member.ledger.append(epoch, change("meanwhile")).await.unwrap_err();
    assert!(refused.to_string().contains("the fleet's ledger"), "{refused}");
    (0..3).for_each(|number| servers.revive(number));
    member.until("it is fresh again", |it| it.told.is_open()).await;
    member.append(&change("after")).await;
}
