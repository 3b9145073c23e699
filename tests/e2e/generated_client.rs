//! A client generated from `/openapi.json` by a tool that knows nothing of Stagegate: it compiles,
//! tells the words of closed sets apart, and works.

use crate::harness::tools::{fixture, node, to_the_end};
use crate::harness::{Backend, Setup, Stagegate, Workload};
use serde_json::{Value, json};
use std::process::Command;
use tempfile::TempDir;

#[tokio::test]
async fn a_generated_client_compiles_knows_the_closed_sets_and_works() {
    let (stable, candidate) = (Backend::start("v1"), Backend::start("v2"));
    let setup = Setup::of(Workload::canary(&stable, &candidate));
    let stagegate = Stagegate::start(&setup).await;
    let dir = TempDir::new().expect("a directory");
    let at = |name: &str| dir.path().join(name);
    let write = |name: &str, text: &str| std::fs::write(at(name), text).expect("write");
    let document = stagegate.admin.get("/openapi.json").await.ok();
    write("openapi.json", &document.response.text());
    write("package.json", r#"{ "type": "module" }"#);
    std::fs::copy(fixture("api_client.ts"), at("api_client.ts")).expect("copy the client");
    let options = json!({
        "compilerOptions": {
            "strict": true, "noImplicitReturns": true, "target": "es2022", "module": "nodenext",
            "lib": ["es2022", "dom"], "types": [],
        },
        "files": ["api_client.ts"],
    });
    write("tsconfig.json", &options.to_string());

    let tools = node().join("node_modules");
    let mut generate = Command::new("node");
    generate.arg(tools.join("openapi-typescript/bin/cli.js"));
    generate.args(["openapi.json", "-o", "api.ts"]).current_dir(dir.path());
    to_the_end("openapi-typescript", generate).await;
    let mut compile = Command::new("node");
    compile.arg(tools.join("typescript/bin/tsc")).args(["-p", "."]).current_dir(dir.path());
    to_the_end("tsc", compile).await;
    let mut run = Command::new("node");
    run.arg(at("api_client.js")).arg(stagegate.admin.address.to_string());
    let told: Value = serde_json::from_str(&to_the_end("api_client", run).await).expect("JSON");
    let expected = json!({
        "kind": "set_weight", "key": "user", "weight": "25%", "arms": ["S", "C"],
        "promote": true, "ended": true, "healthy": true,
    });
    assert_eq!(told, expected);
}
