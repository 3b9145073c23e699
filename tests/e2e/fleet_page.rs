//! The page of a fleet, with three replicas and a nats-server.

use crate::harness::nats::Nats;
use crate::harness::tools::in_browser;
use crate::harness::{Backend, Setup, Stagegate, Workload};

const OPERATOR: &str = "sgt_dashboard_operator";
const TOKENS: &str = r#"[{ name: ann, role: operator, hash: "sha256:bb43877548d202aa7377e715ae875c5f38716db466ed80723ac156db205fa9f4" }]"#;

async fn replica(name: &str, nats: &Nats, backends: &[Backend; 2]) -> Stagegate {
    let fleet =
        format!("{{ servers: [\"{}\"], copies: 1, replica: {name}, fresh_for: 2s }}", nats.address);
    let workload = Workload::canary(&backends[0], &backends[1]).with("weight", "50%");
    let setup = Setup::of(workload).with("fleet", &fleet).with_admin("tokens", TOKENS);
    Stagegate::start(&setup).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_of_each_replica_what_it_does() {
    let (nats, backends) =
        (Nats::start().await, [Backend::start("stable"), Backend::start("candidate")]);
    let of = |name| replica(name, &nats, &backends);
    let (a, _b, c) = tokio::join!(of("a"), of("b"), of("c"));
    let url = format!("http://{}", a.admin.address);
    let (replica, server) = (c.pid().to_string(), nats.pid().to_string());
    let printed = in_browser("dashboard.mjs", &["fleet", &url, OPERATOR, &replica, &server]).await;
    assert!(printed.is_none_or(|it| it.contains("ok fleet")));
}
