//! Each of the thirty checks is green for the right reason, and red for each right reason.

#![allow(clippy::unwrap_used)]

use stagegate_readiness::{
    Calibration, ChannelSeen, Check, Checklist, Demand, DrillSeen, Evidence, Facts, FileSeen, Kind,
    OfflineSeen, OfflineVerdict, PASSPORT, Passport, PassportCheck, PassportDemand, PassportSeen,
    Pins, Settings, SpendSeen, Standing, Statement, StatementKind, TargetSeen, check_statement,
    checklist,
};
use stagegate_rollout::{Axis, Gate, Limit, Measure, Policy, Quantile, Then, Timing, Weight};

const DAY: u64 = 86_400_000;
const NOW: u64 = 1_700_000_000_000;
const SHA: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn policy() -> Policy {
    let mut policy = Policy::builtin();
    let first_byte = Measure::Latency { of: Timing::FirstByte, quantile: Quantile::P95 };
    policy
        .gates
        .push(Gate::new(first_byte, Limit::Max(stagegate_rollout::Amount::whole(2_000_000))));
    policy
}

/// Facts with which every check is met.
fn facts() -> Facts {
    let pin = |text: &str| Some(text.to_owned());
    let drill = |what: &str| DrillSeen { at_ms: NOW - DAY, passed: true, seen: what.to_owned() };
    Facts {
        now_ms: NOW,
        workload: "agent".into(),
        release: "v2".into(),
        stable: "v1".into(),
        pins: Pins {
            model: pin("m-2"),
            prompt: pin("p-2"),
            tools: pin("t-1"),
            git_tag: pin("agent@v2"),
            digest: Some(format!("sha256:{SHA}")),
        },
        fingerprint: "f-2".into(),
        policy: policy(),
        settings: Settings { demand: Demand::Required, ..Settings::default() },
        unmeasurable: Vec::new(),
        offline: Some(OfflineSeen {
            at_ms: NOW - DAY,
            by: "ci".into(),
            verdict: OfflineVerdict::Held,
            passed: 95,
            cases: 100,
            fell: 0,
            incomparable: 0,
            baseline: Some("v1".into()),
            same_pins: true,
            content_hash: SHA.into(),
            calibration: Some(Calibration { error: 0.04, brier: 0.1, pairs: 100 }),
        }),
        written_secrets: Vec::new(),
        channels: vec![ChannelSeen {
            name: "chat".into(),
            delivered_ms: Some(NOW - 5),
            failed: None,
        }],
        drill: Some(drill("every check passed")),
        incident: Some(drill("acknowledged by ann after 40 s")),
        capacity: None,
        workers: (2, 2),
        target: TargetSeen {
            release: "v1".into(),
            answering: 2,
            silent: Vec::new(),
            carries: 1.0,
            when: "now".into(),
        },
        scorers: 1,
        scored_ms: Some(NOW - 1000),
        doubt: None,
        budget: Some(200.0),
        spend: SpendSeen::Daily(120.0),
        exclusions: true,
        promoters: vec!["deployer".into()],
        link: Some("https://stagegate.example".into()),
        passport: None,
        runbook: "r-1".into(),
    }
}

fn statement(check: &str, kind: StatementKind) -> Statement {
    Statement {
        check: check.into(),
        kind,
        by: "ann".into(),
        at_ms: NOW - DAY,
        reason: "looked at".into(),
        until_ms: NOW + DAY,
        fingerprint: "f-2".into(),
        link: Some("https://wiki.example/it".into()),
        file: None,
        document: None,
        date_ms: None,
        evidence: None,
    }
}

/// The statements with which every check of people is met.
fn said() -> Vec<Statement> {
    let attach = |check: &str| statement(check, StatementKind::Attach);
    let sign = |check: &str| statement(check, StatementKind::Sign);
    let coverage =
        Evidence::Coverage { share: 0.9, samples: 500, content_hash: SHA.into(), ids_hash: None };
    let smoke = Evidence::Smoke { minutes: 61, requests: 1000, failed: 3 };
    let built = FileSeen { name: "agent.tar".into(), sha256: SHA.into(), bytes: 9 };
    vec![
        Statement { evidence: Some(coverage), ..attach("A2") },
        attach("A3"),
        Statement { evidence: Some(smoke), ..attach("B8") },
        Statement { file: Some(built), ..attach("B9") },
        Statement { document: Some("r-1".into()), ..sign("C15") },
        sign("F26"),
        sign("F28"),
        Statement { date_ms: Some(NOW + 3 * DAY), ..sign("F30") },
    ]
}

/// The line of a check, and the ids of all that are not met.
fn judged(
    facts: &Facts,
    said: &[Statement],
    check: Check,
) -> (stagegate_readiness::Line, Checklist) {
    let list = checklist(facts, said);
    let line = list.lines.iter().find(|line| line.id == check.id()).unwrap().clone();
    (line, list)
}

#[test]
fn with_everything_there_all_thirty_are_met() {
    let list = checklist(&facts(), &said());
    assert_eq!(list.lines.len(), 30);
    let open: Vec<String> = list.open().map(stagegate_readiness::Line::refusal).collect();
    assert!(open.is_empty(), "{open:#?}");
    assert_eq!(list.count(Standing::Yes), 30);
    for line in &list.lines {
        assert!(!line.seen.is_empty() && line.remedy.is_empty(), "{line:?}");
    }
}

type Breaks = fn(&mut Facts, &mut Vec<Statement>);

fn gates(facts: &mut Facts, keep: fn(&Gate) -> bool) {
    facts.policy.gates.retain(keep);
}

fn offline(facts: &mut Facts, change: fn(&mut OfflineSeen)) {
    change(facts.offline.as_mut().unwrap());
}

fn one<'a>(said: &'a mut [Statement], check: &str) -> &'a mut Statement {
    said.iter_mut().find(|it| it.check == check).unwrap()
}

/// Every way in which a check is red: the check, the change, a part of the reason.
const RED: &[(Check, Breaks, &str)] = &[
    (Check::A1, |f, _| gates(f, |it| it.axis != Axis::Cost), "no target on: cost"),
    (Check::A1, |f, _| f.offline = None, "no offline run"),
    (Check::A1, |f, _| offline(f, |it| it.same_pins = false), "present pins"),
    (Check::A1, |f, _| offline(f, |it| it.passed = 89), "below the target of 90%"),
    (Check::A1, |f, _| offline(f, |it| (it.cases, it.passed) = (0, 0)), "below the target"),
    (Check::A2, |_, s| s.retain(|it| it.check != "A2"), "nothing is attached"),
    (Check::A2, |_, s| one(s, "A2").evidence = None, "no measurement of coverage"),
    (Check::A2, |_, s| one(s, "A2").evidence = coverage(0.79, 500, SHA), "below 80%"),
    (Check::A2, |_, s| one(s, "A2").evidence = coverage(f64::NAN, 500, SHA), "below 80%"),
    (Check::A2, |_, s| one(s, "A2").evidence = coverage(0.9, 0, SHA), "no production request"),
    (Check::A2, |_, s| one(s, "A2").evidence = coverage(0.9, 500, "other"), "another set"),
    (Check::A3, |_, s| s.retain(|it| it.check != "A3"), "nothing is attached"),
    (Check::A3, |_, s| one(s, "A3").until_ms = NOW, "expired"),
    (Check::A3, |_, s| one(s, "A3").fingerprint = "f-1".into(), "other pins"),
    (Check::A4, |f, _| f.offline = None, "no offline run"),
    (Check::A4, |f, _| offline(f, |it| it.same_pins = false), "present pins"),
    (Check::A4, |f, _| offline(f, |it| it.baseline = Some("v0".into())), "compares with v0"),
    (
        Check::A4,
        |f, _| offline(f, |it| (it.verdict, it.fell) = (OfflineVerdict::Fell, 2)),
        "2 of 100 cases passed before",
    ),
    (
        Check::A4,
        |f, _| offline(f, |it| (it.verdict, it.incomparable) = (OfflineVerdict::Incomparable, 7)),
        "7 cases cannot be compared",
    ),
    (Check::A5, |f, _| f.offline = None, "no offline run"),
    (Check::A5, |f, _| offline(f, |it| it.calibration = None), "states a confidence"),
    (
        Check::A5,
        |f, _| {
            offline(f, |it| {
                it.calibration = Some(Calibration { error: 0.11, brier: 0.2, pairs: 9 });
            });
        },
        "above 10%",
    ),
    (Check::B6, |f, _| f.pins.model = None, "does not pin: model"),
    (Check::B6, |f, _| (f.pins.tools, f.pins.digest) = (None, None), "tools, digest"),
    (Check::B7, |f, _| f.written_secrets = vec!["notify[0].url".into()], "notify[0].url"),
    (Check::B8, |_, s| s.retain(|it| it.check != "B8"), "nothing is attached"),
    (Check::B8, |_, s| one(s, "B8").evidence = smoke(59, 1000, 0), "60 minutes are needed"),
    (Check::B8, |_, s| one(s, "B8").evidence = smoke(70, 99, 0), "at least 100 requests"),
    (Check::B8, |_, s| one(s, "B8").evidence = smoke(70, 1000, 21), "at most 2% may fail"),
    (Check::B9, |f, _| f.pins.git_tag = None, "no git tag"),
    (Check::B9, |f, _| f.pins.digest = None, "not shown to be the pinned one"),
    (
        Check::B9,
        |_, s| one(s, "B9").file.as_mut().unwrap().sha256 = "0".repeat(64),
        "not shown to be the pinned one",
    ),
    (Check::B9, |_, s| s.retain(|it| it.check != "B9"), "nothing is attached"),
    (Check::B10, |f, _| f.channels.clear(), "no channel"),
    (Check::B10, |f, _| f.channels[0].delivered_ms = None, "never received"),
    (Check::B10, |f, _| f.channels[0].failed = Some((NOW, "404".into())), "failed: 404"),
    (Check::C11, |f, _| f.drill = None, "never exercised"),
    (Check::C11, |f, _| f.drill.as_mut().unwrap().passed = false, "failed"),
    (Check::C11, |f, _| f.drill.as_mut().unwrap().at_ms = NOW - 8 * DAY, "over 7d ago"),
    (Check::C12, |f, _| f.workers = (1, 2), "1 of 2 workers"),
    (Check::C12, |f, _| f.workers = (0, 0), "no worker runs"),
    (Check::C13, |f, _| f.target.silent = vec!["h:1 (refused)".into()], "h:1 (refused)"),
    (Check::C13, |f, _| f.target.answering = 0, "no endpoint of v1 answers"),
    (Check::C13, |f, _| f.target.carries = 0.5, "the capacity of v1 was never exercised"),
    (Check::C14, |f, _| gates(f, |it| it.axis != Axis::Error), "no gate on error"),
    (
        Check::C14,
        |f, _| {
            let eval = f.policy.gates.iter().filter(|it| it.axis == Axis::Eval);
            f.unmeasurable = eval.map(|it| (it.id(), "no scorer".to_owned())).collect();
        },
        "no gate on eval can be measured: no scorer",
    ),
    (Check::C15, |_, s| s.retain(|it| it.check != "C15"), "nobody signed"),
    (Check::C15, |f, _| f.runbook = "r-2".into(), "changed since it was signed"),
    (Check::D16, |f, _| f.scorers = 0, "no scorer"),
    (Check::D16, |f, _| f.doubt = Some("a judge is silent".into()), "a judge is silent"),
    (Check::D16, |f, _| f.scored_ms = None, "no response was scored"),
    (Check::D16, |f, _| f.scored_ms = Some(NOW - DAY), "the last response was scored"),
    (
        Check::D17,
        |f, _| {
            gates(f, |it| !matches!(&it.measure, Measure::Latency { of: Timing::FirstByte, .. }));
        },
        "a stage",
    ),
    (Check::D17, |f, _| gates(f, |it| it.axis != Axis::Latency), "time of the whole request"),
    (Check::D18, |f, _| f.budget = None, "no daily budget"),
    (
        Check::D18,
        |f, _| gates(f, |it| !matches!(it.measure, Measure::DailyProjection)),
        "spend of a day",
    ),
    (
        Check::D18,
        |f, _| gates(f, |it| !matches!(it.measure, Measure::BurnRate { .. })),
        "spend of an hour",
    ),
    (
        Check::D19,
        |f, _| {
            let external = stagegate_rollout::ErrorClass::External;
            f.policy.gates.retain(|it| it.measure != Measure::ErrorRate { class: external });
        },
        "failures of: external",
    ),
    (Check::D20, |f, _| f.link = None, "address for people"),
    (Check::D20, |f, _| f.channels.clear(), "no channel"),
    (Check::E21, |f, _| drop(f.policy.steps.drain(..2)), "2 steps"),
    (Check::E21, |f, _| f.policy.steps[0].weight = Weight::percent(6), "the first step is 6%"),
    (Check::E22, |f, _| f.policy.steps[1].requests = 0, "step 2 (10%) asks for too little"),
    (Check::E22, |f, _| f.policy.steps[1].hold_ms = 0, "step 2 (10%) asks for too little"),
    (Check::E22, |f, _| f.policy.steps[3].watch_ms = 0, "is not watched"),
    (
        Check::E22,
        |f, _| f.unmeasurable = vec![(f.policy.gates[0].id(), "no scorer".into())],
        "1 gates cannot be measured",
    ),
    (
        Check::E23,
        |f, _| {
            for gate in f.policy.gates.iter_mut().filter(|it| it.axis == Axis::Eval) {
                gate.then = Then::Alert;
            }
        },
        "no gate on eval rolls back",
    ),
    (
        Check::E23,
        |f, _| {
            for gate in f.policy.gates.iter_mut().filter(|it| it.axis == Axis::Latency) {
                gate.for_ms = Some(16 * 60_000);
            }
        },
        "every gate on latency must be violated for over 15m",
    ),
    (Check::E24, |f, _| f.exclusions = false, "no exclusion group"),
    (Check::E25, |f, _| f.promoters.clear(), "without a name"),
    (Check::F26, |_, s| s.retain(|it| it.check != "F26"), "nobody signed"),
    (Check::F26, |_, s| one(s, "F26").until_ms = NOW - 1, "expired"),
    (Check::F27, |f, _| f.incident = None, "an incident was never exercised"),
    (Check::F27, |f, _| f.incident.as_mut().unwrap().at_ms = NOW - 8 * DAY, "over 7d ago"),
    (Check::F27, |f, _| f.incident.as_mut().unwrap().passed = false, "failed"),
    (Check::F28, |_, s| s.retain(|it| it.check != "F28"), "nobody signed"),
    (Check::F28, |_, s| one(s, "F28").fingerprint = "f-1".into(), "other pins"),
    (Check::F29, |f, _| f.spend = SpendSeen::TooFew, "too little traffic"),
    (Check::F29, |f, _| f.spend = SpendSeen::Unknown("no price".into()), "no price"),
    (Check::F29, |f, _| f.spend = SpendSeen::Daily(201.0), "$201.00 a day are expected"),
    (Check::F29, |f, _| f.budget = None, "no daily budget"),
    (Check::F30, |_, s| s.retain(|it| it.check != "F30"), "nobody signed"),
    (Check::F30, |_, s| one(s, "F30").date_ms = None, "no day is set"),
    (Check::F30, |_, s| one(s, "F30").date_ms = Some(NOW + 8 * DAY), "more than seven days"),
    (Check::F30, |_, s| one(s, "F30").date_ms = Some(NOW - 2 * DAY), "is over"),
];

fn coverage(share: f64, samples: u64, hash: &str) -> Option<Evidence> {
    let content_hash = hash.to_owned();
    Some(Evidence::Coverage { share, samples, content_hash, ids_hash: None })
}

fn smoke(minutes: u64, requests: u64, failed: u64) -> Option<Evidence> {
    Some(Evidence::Smoke { minutes, requests, failed })
}

#[test]
fn each_is_red_for_each_of_its_reasons() {
    for (check, breaks, reason) in RED {
        let (mut facts, mut said) = (facts(), said());
        breaks(&mut facts, &mut said);
        let (line, _) = judged(&facts, &said, *check);
        assert!(line.standing.is_open(), "{check:?} should be red: {reason}");
        assert!(line.seen.contains(reason), "{check:?}: `{}` lacks `{reason}`", line.seen);
        assert!(!line.remedy.is_empty(), "{check:?} has no remedy");
        let refusal = line.refusal();
        assert!(refusal.contains(&line.id) && refusal.contains(&line.owner), "{refusal}");
    }
}

#[test]
fn no_check_is_always_green() {
    for check in Check::ALL {
        assert!(RED.iter().any(|(red, ..)| red == check), "{check:?} is never red here");
    }
}

#[test]
fn a_waiver_has_a_name_and_an_end_and_a_withdrawal_takes_it_back() {
    let mut facts = facts();
    facts.drill = None;
    let mut all = said();
    all.push(statement("C11", StatementKind::Waive));
    let (line, list) = judged(&facts, &all, Check::C11);
    assert_eq!((line.standing, line.by.as_deref()), (Standing::Waived, Some("ann")));
    assert_eq!((line.reason.as_str(), line.until_ms), ("looked at", Some(NOW + DAY)));
    assert_eq!((list.open().count(), list.count(Standing::Waived)), (0, 1));
    facts.now_ms = NOW + DAY;
    assert_eq!(judged(&facts, &all, Check::C11).0.standing, Standing::No, "the waiver is over");
    facts.now_ms = NOW;
    all.push(statement("C11", StatementKind::Withdraw));
    assert_eq!(judged(&facts, &all, Check::C11).0.standing, Standing::No);
    // A waiver does not hide that the check is met.
    facts.drill = self::facts().drill;
    assert_eq!(judged(&facts, &all[..all.len() - 1], Check::C11).0.standing, Standing::Yes);
}

#[test]
fn a_waiver_is_of_these_pins() {
    let mut facts = facts();
    facts.drill = None;
    let other = Statement { fingerprint: "f-1".into(), ..statement("C11", StatementKind::Waive) };
    assert_eq!(judged(&facts, &[other], Check::C11).0.standing, Standing::No);
}

#[test]
fn a_signature_is_taken_back() {
    let mut all = said();
    all.push(statement("F28", StatementKind::Withdraw));
    assert_eq!(judged(&facts(), &all, Check::F28).0.standing, Standing::No);
    all.push(statement("F28", StatementKind::Sign));
    assert_eq!(judged(&facts(), &all, Check::F28).0.standing, Standing::Yes);
}

#[test]
fn a_probe_of_its_capacity_shows_that_a_target_with_little_traffic_can_carry_all() {
    let mut facts = facts();
    facts.target.carries = 0.5;
    facts.capacity =
        Some(DrillSeen { at_ms: NOW - 1, passed: true, seen: "200 requests a second".into() });
    let (line, _) = judged(&facts, &said(), Check::C13);
    assert!(line.standing == Standing::Yes && line.seen.contains("200 requests a second"));
}

#[test]
fn a_demanded_passport_is_a_check_and_brings_what_was_done_elsewhere() {
    let mut facts = facts();
    facts.settings.passport = Some(PassportDemand {
        from: "staging".into(),
        max_age_ms: 7 * DAY,
        checks: vec!["B8".into()],
    });
    let mut all = said();
    all.retain(|it| it.check != "B8");
    let standing = |facts: &Facts, id: &str| {
        let list = checklist(facts, &all);
        list.lines.into_iter().find(|line| line.id == id).unwrap()
    };
    let line = standing(&facts, PASSPORT);
    assert!(line.standing == Standing::No && line.seen.contains("no passport"), "{line:?}");
    assert!(line.remedy.contains("stagegate passport admit agent"), "{line:?}");
    let check = PassportCheck {
        id: "B8".into(),
        standing: Standing::Yes,
        seen: "1000 requests".into(),
        by: None,
    };
    let passport = Passport {
        environment: "staging".into(),
        workload: "agent".into(),
        release: "v2".into(),
        fingerprint: "f-2".into(),
        pins: facts.pins.named(),
        issued_ms: NOW - DAY,
        issued_by: "ci".into(),
        checks: vec![check],
        audit_seq: 1,
        audit_hash: String::new(),
    };
    facts.passport = Some(PassportSeen { passport, by: "ann".into() });
    assert_eq!(standing(&facts, PASSPORT).standing, Standing::Yes);
    assert!(standing(&facts, "B8").seen.contains("in staging: 1000 requests"));
    let red = |change: fn(&mut Facts), reason: &str| {
        let mut facts = facts.clone();
        change(&mut facts);
        let line = standing(&facts, PASSPORT);
        assert!(line.standing == Standing::No && line.seen.contains(reason), "{line:?}");
        assert_eq!(standing(&facts, "B8").standing, Standing::No);
    };
    red(|it| it.fingerprint = "f-3".into(), "other pins");
    red(|it| it.now_ms = NOW + 9 * DAY, "expired");
    red(|it| it.passport.as_mut().unwrap().passport.environment = "lab".into(), "from lab");
    red(
        |it| it.passport.as_mut().unwrap().passport.checks[0].standing = Standing::No,
        "B8 was open",
    );
}

#[test]
fn a_statement_that_makes_no_sense_is_refused_with_the_remedy() {
    let settings = Settings::default();
    let refused = |id: &str, given: Statement| {
        let item = settings.item(id).unwrap();
        check_statement(&item, &given, "agent", Some(&format!("sha256:{SHA}")))
            .expect_err(id)
            .to_string()
    };
    let sign = |id: &str| statement(id, StatementKind::Sign);
    let attach = |id: &str| statement(id, StatementKind::Attach);
    assert!(refused("C11", sign("C11")).contains("is proved by Stagegate"));
    assert!(refused("A3", sign("A3")).contains("checklist attach agent A3"));
    assert!(refused("F28", attach("F28")).contains("checklist sign agent F28"));
    assert!(refused("F30", sign("F30")).contains("--date"));
    assert!(refused("A2", attach("A2")).contains("eval coverage"));
    let bare = Statement { link: None, ..attach("A3") };
    assert!(refused("A3", bare).contains("a file or a link"));
    let silent = Statement { reason: " ".into(), ..statement("C11", StatementKind::Waive) };
    assert!(refused("C11", silent).contains("needs a reason"));
    let ended = Statement { until_ms: NOW - DAY, ..sign("F28") };
    assert!(refused("F28", ended).contains("expired already"));
    let endless = Statement { until_ms: NOW + 400 * DAY, ..sign("F28") };
    assert!(refused("F28", endless).contains("366 days"));
    let file = FileSeen { name: "a".into(), sha256: "0".repeat(64), bytes: 1 };
    let other = Statement { file: Some(file), ..attach("B9") };
    assert!(refused("B9", other).contains("the release pins"));
}

#[test]
fn proofs_are_never_met_by_a_signature() {
    let mut facts = facts();
    facts.drill = None;
    // A statement that slipped into the ledger counts for nothing.
    let slipped = statement("C11", StatementKind::Sign);
    assert_eq!(judged(&facts, &[slipped], Check::C11).0.standing, Standing::No);
    let proved = Check::ALL.iter().filter(|it| it.kind() == Kind::Proved).count();
    assert_eq!(proved, 22);
}
