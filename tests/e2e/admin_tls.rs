//! TLS on the admin listener: the command line, a browser's session, renewal, client certificates.

use crate::harness::certificates::Certificate;
use crate::harness::stagegate::BINARY;
use crate::harness::{
    Authority, Backend, Bridge, Setup, Stagegate, Wire, Workload, eventually, free_address,
    request, request_with,
};
use rustix::process::Signal;
use std::net::SocketAddr;
use std::process::{Command, Output};

struct World {
    stagegate: Stagegate,
    backend: Backend,
}

/// An address for the admin API, and its IP as certificates name it.
fn address() -> (SocketAddr, String) {
    let address = free_address();
    (address, address.ip().to_string())
}

impl World {
    /// A server with this TLS on its admin listener.
    fn start(admin: SocketAddr, tls: &str) -> Self {
        let backend = Backend::start("stable");
        let stagegate = Stagegate::launch_with_admin(&setup(&backend, tls), admin);
        Self { stagegate, backend }
    }

    fn rewrite(&self, tls: &str) {
        self.stagegate.rewrite(&setup(&self.backend, tls));
        self.stagegate.signal(Signal::HUP);
    }

    /// Runs `health` over https, with these options.
    fn health(&self, options: &[&str]) -> Output {
        let admin = format!("https://{}", self.stagegate.admin.address);
        Command::new(BINARY)
            .args(["--admin", &admin, "health"])
            .args(options)
            .output()
            .expect("run the binary")
    }

    fn answers(&self, authority: &Authority, own: Option<&Certificate>) -> bool {
        let text = |path: &std::path::Path| path.display().to_string();
        let mut options = vec!["--ca".to_owned(), text(&authority.path())];
        if let Some(own) = own {
            options.extend(["--client-cert".to_owned(), text(&own.cert)]);
            options.extend(["--client-key".to_owned(), text(&own.key)]);
        }
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        self.health(&options).status.success()
    }
}

fn setup(backend: &Backend, tls: &str) -> Setup {
    Setup::of(Workload::new(backend)).with_admin("tls", tls)
}

fn tls(certificate: &Certificate, more: &str) -> String {
    format!("{{ certificates: [{}]{more} }}", certificate.yaml())
}

#[tokio::test]
async fn command_line_and_pages_speak_tls_and_plain_http_is_told_so() {
    let (authority, (address, ip)) = (Authority::new(), address());
    let certificate = authority.sign("admin", &[&ip]);
    let world = World::start(address, &tls(&certificate, ""));
    eventually("an answer over TLS", || world.answers(&authority, None)).await;

    let admin = format!("https://{}", world.stagegate.admin.address);
    let ca = authority.path().display().to_string();
    let page = Command::new(BINARY)
        .args(["--admin", &admin, "--ca", &ca, "runbook", "rollback", "agent", "--release", "v1"])
        .output()
        .expect("run the binary");
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(page.contains(&format!("export STAGEGATE_ADMIN={admin}")), "{page}");
    assert!(page.contains("STAGEGATE_CA"), "{page}");

    let untrusted = world.health(&[]);
    assert_eq!(untrusted.status.code(), Some(3));
    let said = String::from_utf8_lossy(&untrusted.stderr).into_owned();
    assert!(said.contains("--ca"), "{said}");
    let plain = world.stagegate.cli(&["status"]);
    let said = String::from_utf8_lossy(&plain.stderr).into_owned();
    assert!(said.contains("the address is https://"), "{said}");

    let socket = format!("unix:{}", world.stagegate.data_dir().join("admin.sock").display());
    let status = Command::new(BINARY).args(["--admin", &socket, "status"]).output();
    assert!(status.expect("run the binary").status.success(), "the socket stays plain");

    let bridge = Bridge::to_tls(address, authority.client(None), &ip).await;
    let host = address.to_string();
    let ask = async |line: &str, origin: &str| {
        let fields = [("origin", origin), ("content-type", "application/json")];
        let text =
            request_with(line, &fields, r#"{"reason":"x"}"#).replacen("agents.test", &host, 1);
        Wire::connect(bridge.address).await.ask(&text).await.status()
    };
    let rollback = "POST /v1/workloads/agent/kill";
    assert_eq!(ask(rollback, &format!("http://{host}")).await, 403, "a page of another origin");
    assert_eq!(ask(rollback, &format!("https://{host}")).await, 200);
    let page = request("GET /", &[]).replacen("agents.test", &host, 1);
    assert_eq!(Wire::connect(bridge.address).await.ask(&page).await.status(), 200);
}

#[tokio::test]
async fn a_session_over_tls_has_a_cookie_of_this_host_alone() {
    let (authority, (address, ip)) = (Authority::new(), address());
    let certificate = authority.sign("admin", &[&ip]);
    let backend = Backend::start("stable");
    // The SHA-256 of `sgt_dashboard_viewer`.
    let token = r#"[{ name: eve, role: viewer, hash: "sha256:9a3649dda12dec680f0d5112d87bb3ce26fc97dd50ef6a0c18afbce0882f68d8" }]"#;
    let setup = setup(&backend, &tls(&certificate, "")).with_admin("tokens", token);
    let world = World { stagegate: Stagegate::launch_with_admin(&setup, address), backend };
    eventually("an answer over TLS", || world.answers(&authority, None)).await;
    let bridge = Bridge::to_tls(address, authority.client(None), &ip).await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let sign_in = request_with("POST /sign-in", &form, "token=sgt_dashboard_viewer");
    let signed_in = Wire::connect(bridge.address).await.ask(&sign_in).await;
    let cookie = signed_in.head.get("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.starts_with("__Host-stagegate_session="), "{cookie}");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    let (pair, _) = cookie.split_once(';').expect("attributes");
    let page = async |cookie: &str| {
        let asked = request("GET /", &[("cookie", cookie)]);
        Wire::connect(bridge.address).await.ask(&asked).await.status()
    };
    assert_eq!(page(pair).await, 200);
    // The name without the prefix can be set by any page of this host, over plain HTTP too.
    assert_eq!(page(pair.strip_prefix("__Host-").expect("the prefix")).await, 303);
}

#[tokio::test]
async fn a_reload_renews_the_certificate_and_can_ask_for_the_clients() {
    let (old, new, other) = (Authority::new(), Authority::new(), Authority::new());
    let (address, ip) = address();
    let first = old.sign("admin", &[&ip]);
    let world = World::start(address, &tls(&first, ""));
    eventually("an answer over TLS", || world.answers(&old, None)).await;

    let second = new.sign("admin", &[&ip]);
    world.rewrite(&tls(&second, ""));
    eventually("the new certificate", || world.answers(&new, None)).await;
    assert!(!world.answers(&old, None), "the old certificate is gone");

    let own_ca = format!(", client_ca: {}", other.path().display());
    world.rewrite(&tls(&second, &own_ca));
    let (person, stranger) = (other.sign("ann", &["ann"]), old.sign("eve", &["eve"]));
    eventually("strangers to be turned away", || !world.answers(&new, None)).await;
    assert!(world.answers(&new, Some(&person)));
    assert!(!world.answers(&new, Some(&stranger)));
}
