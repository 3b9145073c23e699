//! Endpoints that are left out for a while, and come back.

use super::sim::{FIRST, SECOND, Setup};
use super::{GET, Peer, Sim};
use stagegate_settings::Ejection;
use std::time::Duration;

const RULE: Ejection = Ejection {
    failures: 5,
    slow: None,
    time: Duration::from_secs(10),
    longest: Duration::from_secs(300),
};
const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const BAD: &str = "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Two endpoints, of which the first has just failed 20 requests that were in progress together.
fn failed() -> Sim {
    let sim = Sim::with(|setup: &mut Setup| {
        setup.two_endpoints();
        setup.agent().ejection = Some(RULE);
    });
    let clients: Vec<Peer> = (0..40).map(|_| sim.client()).collect();
    for client in &clients {
        client.sends(GET);
    }
    let of = |endpoint| (0..20).map(|_| sim.backend_at(endpoint)).collect::<Vec<Peer>>();
    let (first, second) = (of(FIRST), of(SECOND));
    first.iter().for_each(|backend| backend.sends(BAD));
    second.iter().for_each(|backend| backend.sends(GOOD));
    assert_eq!(sim.told().len(), 40);
    sim
}

/// Sends a request, which goes to this endpoint, and answers it.
#[track_caller]
fn answered_by(sim: &Sim, endpoint: &'static str, answer: &str) {
    let client = sim.client();
    client.sends(GET);
    sim.backend_at(endpoint).sends(answer);
    client.received();
}

#[test]
fn many_failures_at_once_eject_for_the_time_of_one_ejection() {
    let sim = failed();
    sim.passes(ms(9_900));
    answered_by(&sim, SECOND, GOOD);
    sim.passes(ms(200));
    answered_by(&sim, FIRST, GOOD);
    answered_by(&sim, FIRST, GOOD);
}

#[test]
fn one_request_tries_an_endpoint_and_its_failure_doubles_the_time() {
    let sim = failed();
    sim.passes(ms(10_100));
    let trial = sim.client();
    trial.sends(GET);
    answered_by(&sim, SECOND, GOOD);
    sim.backend_at(FIRST).sends(BAD);
    trial.received();
    sim.passes(ms(19_800));
    answered_by(&sim, SECOND, GOOD);
    sim.passes(ms(300));
    answered_by(&sim, FIRST, GOOD);
    answered_by(&sim, FIRST, GOOD);
}

#[test]
fn an_ejected_endpoint_that_serves_as_the_last_one_comes_back_by_it() {
    let sim = failed();
    sim.refuses(SECOND);
    answered_by(&sim, FIRST, BAD);
    answered_by(&sim, FIRST, GOOD);
    sim.accepts(SECOND);
    answered_by(&sim, FIRST, GOOD);
}
