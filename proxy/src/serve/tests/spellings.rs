//! Hosts, paths and fields that can be spelled in more than one way.

use super::{OK, POST_CHUNKED, Sim};
use stagegate_settings::{Forwarded, HostPattern, Match, PathSpelling, Source};

/// A proxy whose one workload takes requests of `agents.example.com` below `/risky`, and one that takes
/// everything else nowhere.
fn risky(path: PathSpelling) -> Sim {
    Sim::with(|setup| {
        setup.settings.path = path;
        let rule = |host: Option<HostPattern>, prefix: &str| Match {
            host,
            path_prefix: Some(prefix.to_owned()),
            headers: Vec::new(),
        };
        let host = HostPattern::Exact("agents.example.com".into());
        setup.agent().matches = vec![rule(Some(host), "/risky")];
    })
}

#[test]
fn a_host_is_matched_by_its_name() {
    for host in ["agents.example.com", "AGENTS.example.com:8080", "agents.example.com.:80"] {
        let sim = risky(PathSpelling::Strict);
        sim.client().sends(format!("GET /risky HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let head = sim.backend().receives("GET /risky HTTP/1.1\r\n");
        assert_eq!(head.field("host"), host.to_lowercase(), "it is forwarded as it came");
    }
    let sim = risky(PathSpelling::Strict);
    let client = sim.client();
    client.sends("GET /risky HTTP/1.1\r\nHost: agents%2fexample.com\r\n\r\n");
    client.receives("HTTP/1.1 400 ");
    sim.no_backend();
}

#[test]
fn a_path_is_matched_by_what_it_means_and_forwarded_as_it_came() {
    for path in ["//risky/run", "/./risky/a%2Fb", "/%72isky/x?a=/../b", "/risky/x/../Y;v=1"] {
        let sim = risky(PathSpelling::Strict);
        sim.client().sends(format!("GET {path} HTTP/1.1\r\nHost: agents.example.com\r\n\r\n"));
        sim.backend().receives(&format!("GET {path} HTTP/1.1\r\n"));
    }
}

#[test]
fn a_path_whose_reading_decides_is_refused_or_read_as_the_rfc_says() {
    for path in ["/risky/../other", "/risky/..%2fother", "/risky/..;/other"] {
        let get = format!("GET {path} HTTP/1.1\r\nHost: agents.example.com\r\n\r\n");
        let sim = risky(PathSpelling::Strict);
        let client = sim.client();
        client.sends(&get);
        // In the reading of RFC 3986 the first one belongs to nobody.
        let nobodys = path == "/risky/../other";
        let status = if nobodys { "404" } else { "400" };
        client.receives(&format!("HTTP/1.1 {status} "));
        sim.no_backend();
        let sim = risky(PathSpelling::Normalize);
        let client = sim.client();
        client.sends(&get);
        if nobodys {
            client.receives("HTTP/1.1 404 ");
        } else {
            sim.backend().receives(&format!("GET {path} HTTP/1.1\r\n"));
        }
    }
}

#[test]
fn fields_that_decide_never_come_as_trailers() {
    let sim = Sim::with(|setup| {
        let agent = setup.agent();
        agent.identity.tenant = vec![Source::Header("x-tenant-id".into())];
        agent.matches[0].headers = vec![("x-env".into(), "test".into())];
    });
    let client = sim.client();
    client
        .sends(POST_CHUNKED.replace("\r\n\r\n", "\r\nX-Env: test\r\nX-Tenant-Id: honest\r\n\r\n"));
    client.sends(
        "3\r\nabc\r\n0\r\nX-Tenant-Id: medco\r\nx_tenant_id: medco\r\nX-Env: prod\r\nstagegate-eval: 1\r\n\
         X-Real-IP: 1.1.1.1\r\nX-Sum: 1\r\n\r\n",
    );
    let backend = sim.backend();
    assert_eq!(backend.receives("POST / ").field("x-tenant-id"), "honest");
    backend.receives_body("3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
}

#[test]
fn what_a_client_says_of_itself_stays_behind_or_can_be_read() {
    let claims = "GET / HTTP/1.1\r\nHost: agent\r\nX-Real-IP: 1.1.1.1\r\nX-Forwarded-Port: 1\r\n\
        Forwarded: for=\"1.1.1.1\r\n\r\n";
    let own = "for=192.0.2.1;host=\"agent\";proto=http";
    for (mode, address) in [(Forwarded::Trusted, ""), (Forwarded::Append, "1.1.1.1")] {
        let sim = Sim::with(|setup| setup.settings.forwarded = mode);
        sim.client().sends(claims);
        let head = sim.backend().receives("GET / ");
        assert_eq!(
            (head.field("x-real-ip").as_str(), head.field("forwarded").as_str()),
            (address, own)
        );
    }
}
