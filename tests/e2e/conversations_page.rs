//! The snippets of `docs/how-to/conversations.md`: each is run as it stands there, with the
//! `identity:` that the page gives for it.
//!
//! What the other tests install runs here. The heavier SDKs run in `cargo xtask wire`, which sets
//! `FRAMEWORKS_PYTHON`.

use crate::harness::page::{Block, blocks};
use crate::harness::stagegate::BINARY;
use crate::harness::tools::{Mock, node, python, to_the_end};
use crate::harness::{Setup, Stagegate, Workload, eventually_async};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const PAGE: &str = "how-to/conversations.md";

/// The conversation of snippets in which the backend issues it.
const LEARNED: &str = "learned";

/// A snippet, its `identity:`, and the conversation that all of its requests must have.
struct Snippet {
    code: Block,
    language: String,
    identity: String,
    conversation: String,
}

fn snippet(name: &str) -> Snippet {
    let all = blocks(PAGE);
    let (mut code, mut identity) = (None, None);
    for block in all {
        let words: Vec<&str> = block.info.split(' ').collect();
        match *words.as_slice() {
            ["yaml", of] if of == name => identity = Some(block.text.clone()),
            [language, of, conversation] if of == name => {
                code = Some((block.clone(), language.to_owned(), conversation.to_owned()));
            }
            _ => {}
        }
    }
    let (code, language, conversation) =
        code.unwrap_or_else(|| panic!("docs/{PAGE} has no snippet {name}"));
    let identity = identity.unwrap_or_else(|| panic!("docs/{PAGE} has no identity for {name}"));
    Snippet { code, language, identity, conversation }
}

/// The block as one line of flow YAML, as `Workload::with` takes it.
fn flow(identity: &str) -> String {
    let inner = identity.strip_prefix("identity:\n").expect("a block `identity:`");
    let keys: Vec<&str> = inner.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    format!("{{ {} }}", keys.join(", "))
}

async fn run(name: &str, interpreter: &Path) {
    let snippet = snippet(name);
    let (stable, candidate) =
        (Mock::script("frameworks_server.py").await, Mock::script("frameworks_server.py").await);
    let workload = Workload::at(stable.address)
        .release("v2", candidate.address)
        .with("candidate", "v2")
        .with("weight", "50%")
        .with("sticky", "conversation")
        .with("identity", &flow(&snippet.identity));
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let text = snippet.code.text.replace("127.0.0.1:8080", &stagegate.proxy.to_string());
    assert!(text != snippet.code.text, "{name} asks the proxy");
    let mut command = Command::new(interpreter);
    match snippet.language.as_str() {
        "python" => command.arg("-c").arg(&text),
        // Imports are looked for from the directory on.
        _ => command.args(["--input-type=module", "-e", &text]).current_dir(node()),
    };
    to_the_end(name, command).await;
    let line = snippet.code.line;
    eventually_async("the decisions", async || decisions(&stagegate).await.len() >= 2).await;
    let all = decisions(&stagegate).await;
    let field = |decision: &Value, key: &str| decision[key].as_str().unwrap_or("").to_owned();
    let arm = field(&all[0], "arm");
    assert!(all.iter().all(|it| field(it, "arm") == arm), "docs/{PAGE}:{line}: {all:?}");
    if snippet.conversation == LEARNED {
        // Newest first; the first request of all has no id yet.
        let (later, _) = all.split_at(all.len() - 1);
        let kept = later.iter().all(|it| field(it, "reason") == "pinned");
        assert!(kept, "docs/{PAGE}:{line}: {all:?}");
    } else {
        let same = all.iter().all(|it| field(it, "conversation") == snippet.conversation);
        assert!(same, "docs/{PAGE}:{line}: {all:?}");
    }
}

async fn decisions(stagegate: &Stagegate) -> Vec<Value> {
    let answer = stagegate.admin.get("/v1/decisions").await.ok().json;
    answer["decisions"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn snippets_of_the_page_keep_a_conversation_together() {
    let python = python();
    for name in ["openai-chat", "openai-responses", "anthropic", "a2a"] {
        run(name, &python).await;
    }
    run("vercel", Path::new("node")).await;
}

#[tokio::test]
#[ignore = "installs the SDKs of five frameworks: `cargo xtask wire --only frameworks`"]
async fn snippets_of_heavier_frameworks_keep_a_conversation_together() {
    let python = std::env::var_os("FRAMEWORKS_PYTHON").expect("FRAMEWORKS_PYTHON");
    for name in ["google-genai", "langchain", "langgraph", "pydantic-ai", "mcp"] {
        run(name, Path::new(&python)).await;
        println!("ok {name}");
    }
}

#[test]
fn every_identity_of_the_page_is_a_good_configuration() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let all = blocks(PAGE);
    let identities: Vec<_> = all.iter().filter(|block| block.info.starts_with("yaml")).collect();
    assert!(identities.len() >= 10, "the page has an identity for each framework");
    for block in identities {
        let setup = Workload::at(([127, 0, 0, 1], 9).into()).with("identity", &flow(&block.text));
        let (proxy, admin) = (([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into());
        let file = dir.path().join("stagegate.yaml");
        let text = Setup::of(setup).yaml(proxy, admin, "data");
        std::fs::write(&file, text).expect("write the configuration");
        let output = Command::new(BINARY).arg("check").arg(&file).output().expect("run check");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "docs/{PAGE}:{}: {said}", block.line);
    }
}
