//! Limits of requests under way: what is refused, what waits, and what goes on afterwards.

use super::{GET, OK, Sim};
use stagegate_settings::{EndpointLimits, TenantLimits};
use std::time::Duration;

#[test]
fn more_requests_than_the_proxy_takes_are_refused() {
    let sim = Sim::with(|setup| setup.settings.limits.in_flight = Some(2));
    let clients: Vec<_> = (0..3).map(|_| sim.client()).collect();
    clients.iter().for_each(|client| client.sends(GET));
    let refused = clients[2].receives("HTTP/1.1 503 ");
    assert_eq!(refused.field("stagegate-reason"), "busy");
    sim.backend().sends(OK);
    clients[2].received();
    clients[2].sends(GET);
    let _second = sim.backend();
    sim.no_backend();
    assert_eq!(clients[2].received(), "", "the place of the first one is free again");
}

#[test]
fn an_endpoint_serves_so_many_at_a_time_and_so_many_wait() {
    let sim = Sim::with(|setup| {
        setup.agent().limits.endpoint = EndpointLimits { in_flight: Some(1), pending: 1 };
    });
    let clients: Vec<_> = (0..3).map(|_| sim.client()).collect();
    clients.iter().for_each(|client| client.sends(GET));
    let first = sim.backend();
    sim.no_backend();
    let refused = clients[2].receives("HTTP/1.1 503 ");
    assert_eq!(refused.field("stagegate-reason"), "endpoint_busy");
    clients[1].waits();
    first.receives("GET / ");
    first.sends(OK);
    first.receives("GET / ");
    first.sends(OK);
    clients[1].receives("HTTP/1.1 200 OK\r\n");
}

#[test]
fn who_waits_too_long_for_an_endpoint_is_refused_and_takes_no_place() {
    let sim = Sim::with(|setup| {
        setup.agent().limits.endpoint = EndpointLimits { in_flight: Some(1), pending: 1 };
    });
    let (first, second) = (sim.client(), sim.client());
    first.sends(GET);
    let backend = sim.backend();
    second.sends(GET);
    sim.passes(Duration::from_millis(1100));
    assert_eq!(second.receives("HTTP/1.1 503 ").field("stagegate-reason"), "endpoint_busy");
    second.received();
    second.sends(GET);
    backend.receives("GET / ");
    backend.sends(OK);
    backend.receives("GET / ");
    backend.sends(OK);
    second.receives("HTTP/1.1 200 OK\r\n");
}

#[test]
fn a_tenant_is_limited_and_others_are_not() {
    let sim = Sim::with(|setup| {
        let agent = setup.agent();
        agent.identity.tenant = vec![stagegate_settings::Source::Header("x-tenant-id".into())];
        agent.limits.tenant = TenantLimits { rate: None, in_flight: Some(1) };
    });
    let of = |tenant: &str| GET.replace("\r\n\r\n", &format!("\r\nx-tenant-id: {tenant}\r\n\r\n"));
    let clients: Vec<_> = (0..3).map(|_| sim.client()).collect();
    clients[0].sends(of("a"));
    clients[1].sends(of("a"));
    assert_eq!(
        clients[1].receives("HTTP/1.1 429 ").field("stagegate-reason"),
        "too_many_in_flight"
    );
    clients[2].sends(of("b"));
    let first = sim.backend();
    let _other = sim.backend();
    first.sends(OK);
    clients[1].received();
    clients[1].sends(of("a"));
    assert_eq!(clients[1].received(), "", "it is under way");
}
