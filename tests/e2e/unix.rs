//! Unix sockets on both sides.

use crate::harness::{Backend, Bridge, Setup, Stagegate, Wire, Workload, request, request_with};
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn a_request_goes_from_socket_to_socket() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let (front, back) = (dir.path().join("front.sock"), dir.path().join("back.sock"));
    let backend = Backend::with("stable", crate::harness::backend::echo);
    let _bridge = Bridge::from_unix(&back, backend.address);
    let workload = Workload::url(&format!("unix:{}", back.display()))
        .with("health", "{ http: /healthz, every: 100ms, timeout: 10s }");
    let setup = Setup::of(workload)
        .and_listener(&format!("{{ address: \"unix:{}\", mode: \"0600\" }}", front.display()));
    let stagegate = Stagegate::start(&setup).await;
    let mode = std::fs::metadata(&front).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let clients = Bridge::to_unix(&front).await;
    let mut wire = Wire::connect(clients.address).await;
    for body in ["first", "second"] {
        let fields = [("x-forwarded-for", "203.0.113.9")];
        let response = wire.ask(&request_with("POST /echo", &fields, body)).await;
        assert_eq!((response.status(), response.text().as_str()), (200, body));
    }
    let seen = backend.seen().into_iter().find(|it| it.head.target() == "/echo").expect("arrived");
    // Whoever may connect to the socket is believed; the connection itself has no address.
    assert_eq!(seen.head.get("x-forwarded-for"), Some("203.0.113.9, unknown"));
    assert!(seen.head.get("forwarded").expect("Forwarded").starts_with("for=unknown"));
    assert_eq!(seen.head.get("host"), Some("agents.test"));

    // What a killed process leaves behind is replaced; a process that ends takes it away.
    stagegate.kill_hard();
    assert!(front.exists());
    stagegate.restart().await;
    let mut wire = Wire::connect(clients.address).await;
    assert_eq!(wire.ask(&request("GET /", &[])).await.status(), 200);
    // A process that takes over keeps the socket, and the connection too.
    stagegate.take_over().await.ended().await;
    assert!(front.exists());
    assert_eq!(wire.ask(&request("GET /", &[])).await.status(), 200);
    assert_eq!(
        Wire::connect(clients.address).await.ask(&request("GET /", &[])).await.status(),
        200
    );
    drop(wire);
    stagegate.signal(Signal::TERM);
    stagegate.ended().await;
    assert!(!front.exists());
}
