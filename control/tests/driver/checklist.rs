//! Checklists over real configuration, store and drills: each fact comes from where it says, a required
//! list refuses a start, and a proof that goes stale is noticed.

use crate::plane::CONFIG;
use crate::world::World;
use stagegate_control::ports::DoubtSource;
use stagegate_control::{
    Answer, DrillOrder, ExecuteError, Order, Precondition, Said, StatementMade, StatementOrder,
    now_ms,
};
use stagegate_readiness::{Evidence, FileSeen, Line, Standing, StatementKind};
use stagegate_rollout::{Command, Doubt, DoubtKind, ReleaseName};
use stagegate_store::FactKind;
use std::collections::BTreeMap;
use std::sync::Arc;

const SHA: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// The configuration with another section of policies.
fn with_readiness(readiness: &str) -> String {
    format!("{CONFIG}policies: {{ default: {{ readiness: {readiness} }} }}\n")
}

fn required() -> String {
    with_readiness("{ demand: required }")
}

fn release(name: &str) -> ReleaseName {
    name.parse().unwrap()
}

impl World {
    async fn line(&self, id: &str) -> Line {
        let list = self.control.checklist("agent", None, None).await.unwrap();
        list.checklist.lines.into_iter().find(|it| it.id == id).unwrap()
    }

    async fn standing(&self, id: &str) -> Standing {
        self.line(id).await.standing
    }

    async fn say(&self, check: &str, said: Said) -> Result<StatementMade, ExecuteError> {
        let order = StatementOrder {
            actor: "ann".to_owned(),
            workload: "agent".to_owned(),
            release: None,
            check: check.to_owned(),
            said,
            precondition: Precondition::None,
            idempotency: None,
        };
        match self.control.state_check(order).await? {
            Answer::New(made) => Ok(made),
            Answer::Kept(_) => panic!("no key was given"),
        }
    }

    async fn waive(&self, check: &str) {
        self.say(check, said(StatementKind::Waive)).await.unwrap();
    }

    async fn waive_all(&self) {
        let list = self.control.checklist("agent", None, None).await.unwrap();
        for line in list.checklist.open() {
            self.waive(&line.id).await;
        }
    }

    async fn drill(&self) -> bool {
        let order = DrillOrder {
            actor: "ann".to_owned(),
            workload: "agent".to_owned(),
            reason: String::new(),
            precondition: Precondition::None,
            idempotency: None,
        };
        match self.control.drill(order).await.unwrap() {
            Answer::New(report) => report.passed,
            Answer::Kept(_) => panic!("no key was given"),
        }
    }

    /// Closes the weight of the configuration, and starts a rollout.
    async fn start(&self, overriding: bool) -> Result<(), ExecuteError> {
        let view = self.control.view();
        let policy = view.policy("agent", None).unwrap();
        let order = Order {
            actor: "ada".to_owned(),
            workload: "agent".to_owned(),
            command: Command::Start { to: release("v2"), policy: Box::new((*policy).clone()) },
            reason: "test".to_owned(),
            precondition: Precondition::None,
            idempotency: None,
            overriding,
            ticket: None,
        };
        self.control.execute(order).await.map(drop)
    }
}

fn said(kind: StatementKind) -> Said {
    Said {
        kind,
        reason: "looked at".to_owned(),
        link: Some("https://wiki.example/1".to_owned()),
        file: None,
        until_ms: None,
        date_ms: None,
        evidence: None,
    }
}

#[tokio::test]
async fn a_required_list_refuses_a_start_and_names_check_owner_and_remedy() {
    let world = World::with(&required()).await;
    let refused = world.start(false).await.expect_err("nothing is met").to_string();
    for wanted in [
        "check A1 (owner quality): no offline run is attached to the release: `stagegate eval gate",
        "check B6 (owner release): release v2 does not pin: tools, git, digest: set `workloads.agent.",
        "check C11 (owner oncall): the kill switch was never exercised: `stagegate drill agent`",
        "check F28 (owner product): nobody signed: `stagegate checklist sign agent F28 --release v2",
    ] {
        assert!(refused.contains(wanted), "{wanted}\nis missing in\n{refused}");
    }
    assert!(!refused.contains("check E24"), "exclusions are declared");
    assert!(world.state().rollout.is_none());
}

#[tokio::test]
async fn with_every_open_check_waived_by_name_it_starts_and_the_list_is_kept() {
    let world = World::with(&required()).await;
    world.waive_all().await;
    world.start(false).await.unwrap();
    let rollout = world.state().rollout.unwrap();
    assert!(rollout.history[0].against.is_empty(), "{:?}", rollout.history[0].against);
    let (name, id) = ("agent".parse().unwrap(), rollout.id.to_string());
    let kept = world
        .control
        .read(move |store| Ok(store.facts(FactKind::ChecklistAtStart, &name, &id, 10)?));
    let kept = kept.await.unwrap();
    let list: stagegate_readiness::Checklist = serde_json::from_str(&kept[0].body).unwrap();
    assert_eq!((kept.len(), list.lines.len()), (1, 30));
    assert!(list.count(Standing::Waived) > 10 && list.open().count() == 0);
    let entry = world.newest("ann").await.unwrap();
    assert_eq!((entry.action.as_str(), entry.reason.as_str()), ("checklist_waive", "looked at"));
}

#[tokio::test]
async fn an_override_records_every_open_check() {
    let world = World::with(&required()).await;
    world.start(true).await.unwrap();
    let against = world.state().rollout.unwrap().history[0].against.clone();
    assert!(against.iter().any(|it| it.starts_with("check C11 (owner oncall)")), "{against:#?}");
}

#[tokio::test]
async fn an_advisory_list_refuses_nothing_that_was_not_refused_before() {
    let world = World::with(CONFIG).await;
    let refused = world.start(false).await.expect_err("no drill").to_string();
    assert!(refused.contains("never exercised") && !refused.contains("check "), "{refused}");
    assert!(world.drill().await);
    let refused = world.start(false).await.expect_err("nothing is measured").to_string();
    assert!(refused.contains("cannot be measured") && !refused.contains("check "), "{refused}");
}

#[tokio::test]
async fn what_people_say_survives_a_restart_and_ends_with_the_pins() {
    // Without traffic its pins may still change.
    let unused = required().replace("    candidate: v2\n    weight: 1%\n", "");
    let world = World::with(&unused).await;
    let signed = world.say("F28", said(StatementKind::Sign)).await.unwrap();
    assert_eq!((signed.release.as_str(), signed.statement.by.as_str()), ("v2", "ann"));
    let world = world.restart().await;
    assert_eq!(world.standing("F28").await, Standing::Yes);
    let (_, kept) = world.control.statements("agent", None).await.unwrap();
    assert_eq!((kept.len(), kept[0].audit_seq), (1, signed.audit_seq));
    // Another prompt under the same name: nobody has signed that.
    let file = world.dir.path().join("stagegate.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("model: m-2, prompt: p-1", "model: m-2, prompt: p-9"))
        .unwrap();
    world.control.reload("ann").await.unwrap();
    let line = world.line("F28").await;
    assert!(line.standing == Standing::Expired && line.seen.contains("other pins"), "{line:?}");
}

#[tokio::test]
async fn statements_that_make_no_sense_are_refused_and_not_recorded() {
    let world = World::with(&with_readiness(
        "{ drop: { F30: \"we stay on call\" }, add: [{ id: LEGAL, question: \"Legal agrees.\", owner: legal }] }",
    ))
    .await;
    let refused =
        async |check: &str, kind| world.say(check, said(kind)).await.expect_err(check).to_string();
    assert!(refused("C11", StatementKind::Sign).await.contains("is proved by Stagegate"));
    assert!(refused("Z9", StatementKind::Sign).await.contains("there is no check `Z9`"));
    assert!(refused("F30", StatementKind::Sign).await.contains("drops the check"));
    assert!(refused("A2", StatementKind::Attach).await.contains("eval coverage"));
    let (_, kept) = world.control.statements("agent", None).await.unwrap();
    assert!(kept.is_empty());
    world.say("LEGAL", said(StatementKind::Sign)).await.unwrap();
    assert_eq!(world.standing("LEGAL").await, Standing::Yes);
    let list = world.control.checklist("agent", None, None).await.unwrap();
    assert_eq!((list.checklist.lines.len(), list.checklist.dropped.len()), (30, 1));
    let unknown = world.control.checklist("agent", Some(&release("v9")), None).await;
    assert!(unknown.expect_err("none").to_string().contains("no release `v9`"));
    let nobody = world.control.checklist("nobody", None, None).await;
    assert!(nobody.expect_err("none").to_string().contains("no workload `nobody`"));
}

/// Scorers that say what a test wants.
struct Scorers(Option<u64>, bool);

impl DoubtSource for Scorers {
    fn doubt(&self, _: &str) -> Option<Doubt> {
        self.1.then(|| Doubt { kind: DoubtKind::Silent, words: "nothing comes back".to_owned() })
    }

    fn scored_ms(&self, _: &str) -> Option<u64> {
        self.0
    }
}

/// What the standings of these checks are under a configuration.
async fn standings(config: &str, checks: &[&str]) -> BTreeMap<String, (Standing, String)> {
    let world = World::with(config).await;
    world.control.doubt_through(Arc::new(Scorers(Some(now_ms()), false)));
    let list = world.control.checklist("agent", None, None).await.unwrap();
    let lines = list.checklist.lines.into_iter().filter(|it| checks.contains(&it.id.as_str()));
    lines.map(|it| (it.id, (it.standing, it.seen))).collect()
}

/// A configuration with which every check that rests on it alone is met.
fn complete() -> String {
    let pins =
        format!("model: m-2, prompt: p-1, tools: t-1, git: agent@v2, digest: \"sha256:{SHA}\"");
    let scorers = "    scorers: [{ name: json, type: is-json, gate: true }]\n    sampling: { stable: 1%, candidate: 1% }\n    cost: { daily_budget: 100 }\n";
    let config = CONFIG
        .replace("model: m-2, prompt: p-1", &pins)
        .replace("    sticky: user\n", &format!("    sticky: user\n{scorers}"));
    let admin = format!(
        "admin: {{ public_url: \"https://sg.example\", tokens: [{{ name: ann, role: operator, hash: \"sha256:{SHA}\" }}] }}\n"
    );
    let gates = "gates: [ \
        { axis: eval, measure: accuracy, against: stable, margin: 1pp }, \
        { axis: latency, measure: p99, max: 8s }, \
        { axis: latency, measure: p95, of: first_byte, max: 2s }, \
        { axis: cost, measure: usd_per_request, against: stable, ratio: 1.2 }, \
        { axis: cost, measure: daily_projection, max: 120%, then: alert }, \
        { axis: cost, measure: burn_rate_1h, against: baseline, ratio: 2, then: alert }, \
        { axis: error, class: permanent, against: stable, margin: 0.5pp }, \
        { axis: error, class: transient, max: 2% }, \
        { axis: error, class: external, max: 5% } ]";
    format!(
        "{admin}{config}policies: {{ default: {{ {gates}, readiness: {{ demand: required }} }} }}\n"
    )
}

/// Checks that the configuration decides, each with an edit that breaks it.
const OF_THE_FILE: &[(&str, &str, &str, &str)] = &[
    ("B6", "tools: t-1, ", "", "does not pin: tools"),
    (
        "C14",
        "{ axis: eval, measure: accuracy, against: stable, margin: 1pp }, ",
        "",
        "no gate on eval",
    ),
    ("D16", ", gate: true", "", "no scorer of the workload has `gate: true`"),
    ("D17", "of: first_byte, ", "", "no gate watches the time of a stage"),
    ("D18", "    cost: { daily_budget: 100 }\n", "", "no daily budget"),
    ("D19", "{ axis: error, class: transient, max: 2% }, ", "", "transient"),
    ("E22", "    scorers: [{ name: json, type: is-json, gate: true }]\n", "", "cannot be measured"),
    ("E23", "margin: 1pp", "margin: 1pp, then: alert", "no gate on eval rolls back"),
    ("E24", "    exclusions: { high_value: [initech] }\n", "", "no exclusion group"),
];

#[tokio::test]
async fn checks_of_the_configuration_are_green_and_turn_red_with_it() {
    let checks =
        ["B6", "B7", "C12", "C14", "D16", "D17", "D18", "D19", "E21", "E22", "E23", "E24", "E25"];
    let green = standings(&complete(), &checks).await;
    for check in checks {
        assert_eq!(green[check].0, Standing::Yes, "{check}: {:?}", green[check]);
    }
    for (check, from, to, reason) in OF_THE_FILE {
        let config = complete();
        assert!(config.contains(from), "{check}: `{from}` is not in the file");
        let red = standings(&config.replacen(from, to, 1), &[check]).await;
        assert!(red[*check].0 == Standing::No, "{check} is {:?}", red[*check]);
        assert!(red[*check].1.contains(reason), "{check}: `{}` lacks `{reason}`", red[*check].1);
    }
}

#[tokio::test]
async fn steps_tokens_links_and_secrets_are_read_from_the_file() {
    let steps = "steps: [{ weight: 10%, hold: 1h, requests: 10 }, { weight: 50%, hold: 1h, requests: 10 }, { weight: 100%, watch: 1h }], gates:";
    let red = standings(&complete().replacen("gates:", steps, 1), &["E21"]).await;
    assert!(red["E21"].1.contains("the first step is 10%, above 5%"), "{red:?}");
    let red = standings(&complete().replacen("role: operator", "role: viewer", 1), &["E25"]).await;
    assert!(red["E25"].1.contains("without a name"), "{red:?}");
    let channel = "notify: [{ name: chat, type: slack, url: \"http://127.0.0.1:9/x\" }]\n";
    let red = standings(&format!("{channel}{}", complete()), &["B7", "D20"]).await;
    assert!(red["B7"].1.contains("notify[0].url"), "{red:?}");
    let unlinked = complete().replacen("public_url: \"https://sg.example\", ", "", 1);
    let red = standings(&unlinked, &["D20"]).await;
    assert!(red["D20"].1.contains("address for people is not known"), "{red:?}");
}

#[tokio::test]
async fn drills_probes_workers_and_scorers_are_asked() {
    let world = World::with(&complete()).await;
    world.control.doubt_through(Arc::new(Scorers(None, true)));
    assert_eq!(world.standing("C11").await, Standing::No);
    assert!(world.drill().await);
    assert_eq!(world.standing("C11").await, Standing::Yes);
    assert!(world.line("D16").await.seen.contains("nothing comes back"));
    // The weight of the file is 1%: stable has 99% of the traffic.
    assert_eq!(world.standing("C13").await, Standing::Yes);
    world.plane.asleep.lock().unwrap().push("127.0.0.1:9001".to_owned());
    let line = world.line("C13").await;
    assert!(line.standing == Standing::No && line.seen.contains("127.0.0.1:9001"), "{line:?}");
    *world.plane.stuck.lock().unwrap() = 1;
    let line = world.line("C12").await;
    assert!(line.standing == Standing::No && line.seen.contains("1 of 2"), "{line:?}");
}

#[tokio::test]
async fn evidence_is_held_against_the_release() {
    let world = World::with(&complete()).await;
    let file =
        |sha: &str| Some(FileSeen { name: "agent.tar".into(), sha256: sha.into(), bytes: 9 });
    let attach = said(StatementKind::Attach);
    let wrong = Said { file: file(&"0".repeat(64)), ..attach.clone() };
    let refused = world.say("B9", wrong).await.expect_err("another file").to_string();
    assert!(refused.contains("the release pins sha256:9f86"), "{refused}");
    world.say("B9", Said { file: file(SHA), ..attach.clone() }).await.unwrap();
    assert_eq!(world.standing("B9").await, Standing::Yes);
    let smoke = Some(Evidence::Smoke { minutes: 61, requests: 200, failed: 0 });
    world.say("B8", Said { evidence: smoke, ..attach }).await.unwrap();
    assert_eq!(world.standing("B8").await, Standing::Yes);
    // The runbook that is signed is that of this deployment; another endpoint makes another page.
    world.say("C15", said(StatementKind::Sign)).await.unwrap();
    assert_eq!(world.standing("C15").await, Standing::Yes);
    let path = world.dir.path().join("stagegate.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("127.0.0.1:9001", "127.0.0.1:9009")).unwrap();
    world.control.reload("ann").await.unwrap();
    let line = world.line("C15").await;
    assert!(line.standing == Standing::No && line.seen.contains("changed since"), "{line:?}");
}

#[tokio::test]
async fn a_proof_that_goes_stale_is_noticed_once_and_over_when_it_is_met_again() {
    let world = World::with(&required()).await;
    assert!(world.drill().await);
    world.waive_all().await;
    world.start(false).await.unwrap();
    let mut suspects = BTreeMap::new();
    world.control.look_at_checklists(&mut suspects).await;
    assert!(world.control.stale_checks("agent").is_empty());
    *world.plane.stuck.lock().unwrap() = 1;
    assert!(!world.drill().await, "a worker does not follow");
    world.control.look_at_checklists(&mut suspects).await;
    assert!(world.control.stale_checks("agent").is_empty(), "one look may be a moment");
    for _ in 0..3 {
        world.control.look_at_checklists(&mut suspects).await;
    }
    let stale = world.control.stale_checks("agent");
    let ids: Vec<&str> = stale.iter().map(|it| it.check.as_str()).collect();
    assert_eq!(ids, ["C11", "C12"], "{stale:#?}");
    let entry = world.newest("stagegate").await.unwrap();
    assert!(entry.action == "checklist_stale" && entry.summary.contains("went stale"), "{entry:?}");
    let noticed = |world: &World| {
        let (name, id) = ("agent".parse().unwrap(), world.state().rollout.unwrap().id.to_string());
        let control = world.control.clone();
        async move {
            let read = control.read(move |store| {
                Ok(store.facts(FactKind::ChecklistStale, &name, &id, 100)?.len())
            });
            read.await.unwrap()
        }
    };
    assert_eq!(noticed(&world).await, 2, "each once");
    *world.plane.stuck.lock().unwrap() = 0;
    assert!(world.drill().await);
    world.control.look_at_checklists(&mut suspects).await;
    assert!(world.control.stale_checks("agent").is_empty());
    assert_eq!(noticed(&world).await, 4, "and each is over once");
}
