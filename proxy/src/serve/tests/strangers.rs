//! Identities of clients whose word counts for nothing, and identities that can be read in two ways.

use super::sim::{CANDIDATE, FIRST, Setup};
use super::{OK, Sim};
use stagegate_rollout::{Reason, Weight};
use stagegate_settings::{IdentityFrom, Source};

/// Tenants come in a header, and the client is no trusted proxy.
fn tenants(setup: &mut Setup) {
    setup.agent().identity.tenant = vec![Source::Header("x-tenant-id".into())];
    setup.settings.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
    setup.weight = Weight::FULL;
    setup.excluded = Some("medco");
}

/// Sends a request; gives the backend's head of it, and the rule that decided.
fn asked(sim: &Sim, endpoint: &'static str, head: &str) -> (super::peer::Head, Reason, String) {
    let client = sim.client();
    client.sends(head);
    let backend = sim.backend_at(endpoint);
    let seen = backend.receives("");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    let mut decided = sim.decided();
    let (tenant, reason, detail) = decided.pop().expect("a record");
    (seen, reason, format!("{tenant} {detail}"))
}

fn get(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: agent\r\n{lines}\r\n")
}

#[test]
fn a_strangers_word_is_withheld_and_recorded_as_a_claim() {
    let sim = Sim::with(tenants);
    let lines = "X-Tenant-Id: acme\r\nx_tenant_id: acme\r\nstagegate-eval: 1\r\n";
    let (seen, reason, said) = asked(&sim, FIRST, &get(lines));
    for name in ["x-tenant-id", "x_tenant_id", "stagegate-eval"] {
        assert_eq!(seen.field(name), "", "{name}");
    }
    assert_eq!((reason, said.as_str()), (Reason::Excluded, "acme identity_unreadable"));
    let (_, reason, _) = asked(&sim, CANDIDATE, &get(""));
    assert_eq!(reason, Reason::Weight, "who claims nothing goes by the weight");
}

#[test]
fn everybodys_word_counts_where_the_workload_says_so() {
    let sim = Sim::with(|setup| {
        tenants(setup);
        setup.agent().identity.from = Some(IdentityFrom::Anyone);
    });
    let (seen, reason, _) = asked(&sim, CANDIDATE, &get("X-Tenant-Id: acme\r\n"));
    assert_eq!((seen.field("x-tenant-id").as_str(), reason), ("acme", Reason::Weight));
    let (_, reason, said) = asked(&sim, FIRST, &get("X-Tenant-Id: medco\r\n"));
    assert_eq!((reason, said.as_str()), (Reason::Excluded, "medco regulated"));
}

#[test]
fn an_identity_that_is_two_is_refused() {
    for lines in [
        "x-tenant-id: acme\r\nx-tenant-id: medco\r\n",
        "Connection: x-tenant-id\r\nx-tenant-id: medco\r\n",
    ] {
        let sim = Sim::with(|setup| {
            tenants(setup);
            setup.settings.trusted_proxies.clear();
        });
        let client = sim.client();
        client.sends(get(lines));
        client.receives("HTTP/1.1 400");
        sim.no_backend();
    }
}

#[test]
fn a_body_that_cannot_be_read_keeps_its_tenant_off() {
    let body = "{\"tenant\":\"medco\"}";
    for (fields, body) in [
        ("Content-Type: application/json\r\n", body),
        ("Content-Type: application/json\r\n", "\u{feff}{\"tenant\":\"medco\"}"),
        ("Content-Type: application/json\r\n", "{\"tenant\":\"medco\",}"),
        ("Content-Type: text/plain\r\n", body),
        ("", body),
        ("Content-Type: application/json\r\nContent-Encoding: gzip\r\n", body),
    ] {
        let sim = Sim::with(|setup| {
            tenants(setup);
            setup.agent().identity.tenant = vec![Source::Body("/tenant".into())];
        });
        let length = body.len();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: agent\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
        );
        let (_, reason, _) = asked(&sim, FIRST, &head);
        assert_eq!(reason, Reason::Excluded, "{fields}{body}");
    }
}

#[test]
fn identities_in_trailers_stay_behind() {
    let sim = Sim::with(|setup| {
        tenants(setup);
        setup.settings.trusted_proxies.clear();
        setup.weight = Weight::ZERO;
    });
    let client = sim.client();
    client.sends(
        "POST / HTTP/1.1\r\nHost: agent\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\
         X-Tenant-Id: medco\r\nx_tenant_id: medco\r\nStagegate-Eval: 1\r\nX-Sum: 7\r\n\r\n",
    );
    let backend = sim.backend();
    backend.receives("POST / ");
    backend.receives_body("1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n");
}

#[test]
fn a_strangers_request_id_is_kept_beside_our_own() {
    let sim = Sim::with(tenants);
    let (seen, _, _) = asked(&sim, CANDIDATE, &get("x-request-id: steer-1\r\n"));
    assert_eq!(seen.field("x-client-request-id"), "steer-1");
    assert_eq!(seen.field("x-request-id").len(), 36);
    // Where nobody is trusted, an id of anyone is taken over, but not one that may be ours.
    let sim = Sim::new();
    let ours = "0199c5a4-7d0f-7d3e-9d3b-0c1f5f0a7d11";
    let (seen, _, _) = asked(&sim, FIRST, &get(&format!("x-request-id: {ours}\r\n")));
    assert_ne!(seen.field("x-request-id"), ours);
    assert_eq!(seen.field("x-client-request-id"), ours);
}
