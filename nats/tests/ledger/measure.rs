//! Figures for `docs/SCALING.md`. Ignored: they depend on the machine.
//!
//! `cargo nextest run -p stagegate-nats --run-ignored only --no-capture measure`

use crate::contract::change;
use crate::servers::Servers;
use crate::world::Member;
use std::time::{Duration, Instant};

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn shown(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| ms(times[(times.len() * share / 100).min(times.len() - 1)]);
    println!("{what}: p50 {:.1} ms, p99 {:.1} ms, {} times", at(50), at(99), times.len());
}

#[tokio::test]
#[ignore = "prints figures"]
async fn measure_a_change_on_five_replicas() {
    let mut servers = Servers::start(3).await;
    let mut members = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        members.push(Member::join(&servers, name).await);
    }
    let (mut appended, mut complete) = (Vec::new(), Vec::new());
    for number in 0..200 {
        let member = &members[number % 5];
        member.has(number as u64).await;
        let begun = Instant::now();
        let entry = member.append(&change(&format!("change {number}"))).await;
        appended.push(begun.elapsed());
        let summary = member.health.settled(entry).await.unwrap();
        complete.push(begun.elapsed());
        assert!(summary.complete && summary.acked() == 5, "{summary:?}");
    }
    shown("recorded", appended);
    shown("complete on five replicas", complete);
    members[4].freeze();
    let begun = Instant::now();
    let entry = members[0].append(&change("one is silent")).await;
    let summary = members[0].health.settled(entry).await.unwrap();
    println!(
        "one replica silent, T 1.5 s: complete {} after {:.0} ms",
        summary.complete,
        ms(begun.elapsed())
    );
    for number in 0..3 {
        servers.kill(number);
        let begun = Instant::now();
        members[1].append(&change(&format!("without {number}"))).await;
        println!("server {number} killed: recorded after {:.0} ms", ms(begun.elapsed()));
        servers.revive(number);
        members[0].until("it is fresh", |it| it.told.is_open()).await;
    }
}
