//! People sign in by a provider, `oidc-provider` from npm: in a browser, and as an attacker would.

use crate::harness::tools::{Mock, in_browser, node};
use crate::harness::{
    Backend, Response, Setup, Stagegate, Wire, Workload, eventually_async, free_address,
    request_with,
};
use rustix::process::Signal;
use std::net::SocketAddr;
use tokio::net::TcpStream;

struct World {
    stagegate: Stagegate,
    setup: Setup,
    url: String,
    _backends: [Backend; 2],
    _provider: Mock,
}

fn oidc(provider: SocketAddr, url: &str, rules: &str) -> String {
    format!(
        "{{ issuer: \"http://{provider}\", client_id: stagegate, url: \"{url}\", \
         client_secret: \"a secret: with 100% odd+characters\", \
         scopes: [openid, email, groups], roles: [{rules}] }}"
    )
}

const OPERATORS: &str = "{ claim: groups, value: sre, role: operator }";
const AGENTS: &str = "{ claim: groups, value: agents, role: operator, workloads: [agent] }";
const ROOT: &str = "{ claim: email, value: root.admins@example.test, role: admin }";

impl World {
    async fn start() -> Self {
        let backends = [Backend::start("stable"), Backend::start("candidate")];
        let workload = Workload::canary(&backends[0], &backends[1]).with("weight", "50%");
        // Another site than the provider's.
        let admin = free_address();
        let url = format!("http://{admin}");
        let redirect = format!("{url}/sign-in/callback");
        let modules = node().join("node_modules").display().to_string();
        let provider = Mock::node("oidc_provider.mjs", &modules, &[&redirect]).await;
        let rules = [OPERATORS, AGENTS, ROOT].join(", ");
        let setup = Setup::of(workload).with_admin("oidc", &oidc(provider.address, &url, &rules));
        let stagegate = Stagegate::start_with_admin(&setup, admin).await;
        Self { stagegate, setup, url, _backends: backends, _provider: provider }
    }

    async fn story(&self, story: &str, who: &str) {
        let printed = in_browser("dashboard.mjs", &[story, &self.url, who]).await;
        assert!(printed.is_none_or(|it| it.contains(&format!("ok {story}"))));
    }

    async fn get(&self, path: &str, cookie: &str) -> Response {
        let text = request_with(&format!("GET {path}"), &[("cookie", cookie)], "");
        let stream = TcpStream::connect(self.stagegate.admin.address).await.expect("connected");
        let mut wire = Wire::new(stream);
        wire.try_send(&text).await.expect("sent");
        wire.try_response("").await.expect("an answer")
    }

    /// Begins a sign-in: the cookie, and the state that the provider will send back.
    async fn begin(&self) -> (String, String) {
        let begun = self.get("/sign-in/provider?next=%2Fflags", "").await;
        assert_eq!(begun.status(), 303, "{}", begun.text());
        let cookie = begun.head.get("set-cookie").expect("a cookie");
        for attribute in ["HttpOnly", "SameSite=Lax"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let to = begun.head.get("location").expect("an address");
        let state = to.split("state=").nth(1).expect("a state");
        assert!(to.contains("code_challenge_method=S256") && to.contains("nonce="), "{to}");
        (cookie, state.split('&').next().unwrap_or_default().to_owned())
    }
}

#[tokio::test]
async fn somebody_signs_in_at_the_provider_and_rolls_back() {
    let world = World::start().await;
    // Nobody is `local` any more.
    assert_eq!(world.stagegate.admin.get("/v1/status").await.status, 401);
    world.story("provider", "ann.sre").await;
    world.story("stranger", "eve.sales").await;
}

#[tokio::test]
async fn a_rule_for_a_workload_gives_its_buttons_and_its_end_takes_them() {
    let world = World::start().await;
    world.story("provider", "bob.agents").await;
    world.story("revoke", "root.admins").await;
    // A rule that leaves the configuration ends the sessions that rest on it.
    let provider = world._provider.address;
    let without = world.setup.clone().with_admin("oidc", &oidc(provider, &world.url, ROOT));
    world.stagegate.rewrite(&without);
    world.stagegate.signal(Signal::HUP);
    world.story("stranger", "bob.agents").await;
}

#[tokio::test]
async fn what_is_not_the_end_of_a_sign_in_of_this_browser_is_refused_and_recorded() {
    let world = World::start().await;
    let (cookie, state) = world.begin().await;
    let (other, _) = world.begin().await;
    let refused = async |path: String, cookie: &str| {
        let answer = world.get(&path, cookie).await;
        assert!(answer.head.get("set-cookie").is_none_or(|it| !it.contains("_session=")));
        answer.status()
    };
    let with = |state: &str, rest: &str| format!("/sign-in/callback?state={state}&{rest}");
    assert_eq!(refused(with(&state, "code=x"), "").await, 401, "another browser");
    assert_eq!(refused(with(&state, "code=x"), &other).await, 401, "another sign-in");
    assert_eq!(refused(with("guessed", "code=x"), &cookie).await, 401, "another state");
    // It has ended, well or not.
    assert_eq!(refused(with(&state, "code=x"), &cookie).await, 401, "used up");
    let (cookie, state) = world.begin().await;
    assert_eq!(refused(with(&state, "code=forged"), &cookie).await, 401, "not the provider's code");
    let (cookie, state) = world.begin().await;
    let denied = with(&state, "error=access_denied&error_description=%3Cscript%3Eno");
    let page = world.get(&denied, &cookie).await.text();
    assert!(page.contains("refused: access_denied &lt;script&gt;no"), "{page}");
    // All of it is in the audit, which nobody but the test's admin reads.
    let log = world.stagegate.log();
    eventually_async("the refusals in the log", async || {
        world.stagegate.log().matches("admin request refused").count() >= 6
    })
    .await;
    assert!(!log.contains(&state), "no state in the log");
}
