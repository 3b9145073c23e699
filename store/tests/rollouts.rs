//! Tests of the records of rollouts: evidence, analyses, history, recorded windows, drills.
#![allow(clippy::unwrap_used)]

mod support;

use rusqlite::Connection;
use stagegate_rollout::{
    Command, Evidence, Grounds, Input, OfflineEval, Order, Policy, Preflight, Readiness, Tick,
    WorkloadSpec, step,
};
use stagegate_store::{
    Attachment, AuditFilter, EvidenceSnapshot, MeasuredRetention, NewAnalysis, NewDrill,
    NewRelease, RecordedWindow, RolloutRecord, Store, StoreError,
};
use support::{any_below, at_weight, child, child_dir, entry, initial, say, spec};
use tempfile::TempDir;

const MINUTE: u64 = 60_000;

fn open() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

fn agent() -> stagegate_rollout::WorkloadName {
    "agent".parse().unwrap()
}

fn snapshot(rollout: &str, step: u32, at_ms: u64) -> EvidenceSnapshot {
    let body = format!("{{\"requests\":{at_ms}}}");
    EvidenceSnapshot { workload: agent(), rollout: rollout.to_owned(), step, at_ms, body }
}

fn analysis(id: &str, at_ms: u64) -> NewAnalysis {
    NewAnalysis {
        id: id.to_owned(),
        workload: agent(),
        rollout: "r-1".to_owned(),
        step: 0,
        at_ms,
        verdict: "inconclusive".to_owned(),
        body: format!("{{\"why\":\"too few requests\",\"at\":{at_ms}}}"),
    }
}

fn rollout(name: &str, phase: &str, started_ms: u64) -> RolloutRecord {
    RolloutRecord {
        workload: agent(),
        rollout: name.to_owned(),
        started_ms,
        ended_ms: None,
        phase: phase.to_owned(),
        body: format!("{{\"to\":\"v2\",\"phase\":\"{phase}\"}}"),
    }
}

fn window(at_ms: u64) -> RecordedWindow {
    RecordedWindow {
        workload: agent(),
        at_ms,
        stable: "v1".parse().unwrap(),
        candidate: (at_ms > MINUTE).then(|| "v2".parse().unwrap()),
        body: format!("{{\"ok\":{at_ms}}}"),
    }
}

fn release(name: &str, pins: &str) -> NewRelease {
    NewRelease {
        workload: agent(),
        release: name.parse().unwrap(),
        fingerprint: pins.to_owned(),
        artifact: serde_json::json!({ "model": pins }),
        endpoints: vec!["127.0.0.1:9004".to_owned()],
    }
}

#[test]
fn evidence_comes_back_for_its_own_rollout_and_step_only() {
    let (dir, mut store) = open();
    store.save_evidence(&[snapshot("r-1", 0, 10)]).unwrap();
    store.save_evidence(&[snapshot("r-1", 0, 20)]).unwrap();
    drop(store);
    let mut store = Store::open(dir.path()).unwrap();
    assert_eq!(store.evidence(&agent(), "r-1", 0).unwrap(), Some(snapshot("r-1", 0, 20)));
    assert_eq!(store.evidence(&agent(), "r-1", 1).unwrap(), None);
    assert_eq!(store.evidence(&agent(), "r-2", 0).unwrap(), None);
    assert_eq!(store.evidence(&"other".parse().unwrap(), "r-1", 0).unwrap(), None);

    // A new step makes the old step's evidence go; one that was late does not bring it back.
    store.save_evidence(&[snapshot("r-1", 1, 30)]).unwrap();
    assert_eq!(store.evidence(&agent(), "r-1", 0).unwrap(), None);
    store.save_evidence(&[snapshot("r-1", 0, 25)]).unwrap();
    assert_eq!(store.evidence(&agent(), "r-1", 1).unwrap(), Some(snapshot("r-1", 1, 30)));
    // A promotion begins the next step's evidence in its own transaction.
    let begun = Attachment::Evidence(snapshot("r-1", 2, 40));
    store.commit_with(&entry("promoted"), &[], 1, None, &[begun]).unwrap();
    assert_eq!(store.evidence(&agent(), "r-1", 1).unwrap(), None);
    assert_eq!(store.evidence(&agent(), "r-1", 2).unwrap(), Some(snapshot("r-1", 2, 40)));
    let forget = Attachment::ForgetEvidence { workload: agent() };
    store.commit_with(&entry("ended"), &[initial("agent")], 2, None, &[forget]).unwrap();
    assert_eq!(store.evidence(&agent(), "r-1", 2).unwrap(), None);
}

#[test]
fn large_evidence_is_kept_small() {
    let (dir, mut store) = open();
    let large =
        EvidenceSnapshot { body: format!("[{}]", "0,".repeat(500_000)), ..snapshot("r-1", 0, 1) };
    store.save_evidence(std::slice::from_ref(&large)).unwrap();
    assert_eq!(store.evidence(&agent(), "r-1", 0).unwrap(), Some(large));
    drop(store);
    let size = std::fs::metadata(dir.path().join("state.db")).unwrap().len();
    assert!(size < 300_000, "{size}");
}

#[test]
fn an_analysis_is_found_by_its_id_and_listed_by_its_rollout() {
    let (_dir, mut store) = open();
    store.save_analysis(&analysis("a-1", 10)).unwrap();
    store.save_analysis(&NewAnalysis { rollout: "r-2".to_owned(), ..analysis("a-2", 20) }).unwrap();
    store.save_analysis(&analysis("a-3", 30)).unwrap();
    let found = store.analysis("a-2").unwrap().unwrap();
    assert_eq!((found.analysis.rollout.as_str(), found.decisive), ("r-2", false));
    assert_eq!(store.analysis("a-9").unwrap(), None);
    let ids = |rollout, before, limit| -> Vec<String> {
        let found = store.analyses(&agent(), rollout, before, limit).unwrap();
        found.into_iter().map(|it| it.analysis.id).collect()
    };
    assert_eq!(ids(None, None, 9), ["a-3", "a-2", "a-1"]);
    assert_eq!(ids(Some("r-1"), None, 9), ["a-3", "a-1"]);
    assert_eq!(ids(None, Some(30), 1), ["a-2"]);
}

#[test]
fn what_a_change_rests_on_is_recorded_with_it_and_never_forgotten() {
    let (_dir, mut store) = open();
    store.save_analysis(&analysis("seen", 10)).unwrap();
    let attached = [
        Attachment::Analysis(analysis("fresh", 11)),
        Attachment::Decisive { id: "fresh".to_owned() },
        Attachment::Decisive { id: "seen".to_owned() },
        Attachment::Rollout(rollout("r-1", "progressing", 5)),
    ];
    store.commit_with(&entry("promoted"), &[initial("agent")], 1, None, &attached).unwrap();
    assert!(store.analysis("fresh").unwrap().unwrap().decisive);
    assert_eq!(store.rollout(&agent(), "r-1").unwrap().unwrap().phase, "progressing");
    // Seen again later, it stays what a change rests on.
    store.save_analysis(&analysis("seen", 12)).unwrap();
    let keep = MeasuredRetention { windows_ms: 1, analyses_ms: 1, analyses: 0 };
    store.save_analysis(&analysis("idle", 13)).unwrap();
    assert_eq!(store.forget_measured(&keep, 1000).unwrap().analyses, 1);
    assert_eq!(store.analyses(&agent(), None, None, 9).unwrap().len(), 2);
}

#[test]
fn a_refused_attachment_leaves_nothing_of_the_change() {
    let (_dir, mut store) = open();
    store.commit(&entry("start"), &[initial("agent")], 1, None).unwrap();
    let before = store.load().unwrap();
    let attached = [
        Attachment::Rollout(rollout("r-1", "progressing", 5)),
        Attachment::Decisive { id: "never seen".to_owned() },
    ];
    let state = at_weight("agent", 1000);
    let refused = store.commit_with(&entry("x"), &[state], 2, None, &attached).unwrap_err();
    assert!(matches!(&refused, StoreError::UnknownAnalysis { id } if id == "never seen"));
    assert_eq!(store.load().unwrap(), before);
    assert_eq!(store.rollout(&agent(), "r-1").unwrap(), None);
    assert_eq!(store.verify_audit().unwrap().entries, 1);
}

#[test]
fn book_keeping_is_recorded_without_a_new_plan() {
    let (dir, mut store) = open();
    store.commit(&entry("start"), &[initial("agent")], 1, None).unwrap();
    let (workload, state) = at_weight("agent", 1000);
    let noted = Attachment::State { workload, state: Box::new(state) };
    let recorded = store.commit_with(&entry("verdict"), &[], 1, None, &[noted]).unwrap();
    assert_eq!((recorded.epoch_before, recorded.epoch), (1, 1));
    drop(store);
    let saved = Store::open(dir.path()).unwrap().load().unwrap();
    assert_eq!((saved.epoch, saved.workloads), (1, [at_weight("agent", 1000)].into()));
}

#[test]
fn a_rollout_comes_back_as_it_was_left() {
    let (dir, mut store) = open();
    let (name, before) = initial("agent");
    let spec =
        WorkloadSpec { exclusions: [("high".parse().unwrap(), vec![])].into(), ..spec("agent") };
    let preflight = Preflight {
        candidate: Readiness::Ready,
        target: Readiness::Ready,
        drilled_ms: Some(0),
        unmeasurable: Vec::new(),
        offline: OfflineEval::Held,
        has_scorers: false,
        checklist: None,
    };
    let command = Command::Start { to: "v2".parse().unwrap(), policy: Box::new(Policy::builtin()) };
    let grounds = Grounds { preflight: Some(&preflight), ..Grounds::default() };
    let order = Order { command: &command, by: "ann", reason: "", grounds };
    let started = step(&spec, &before, Input::Command(order), 1000).expect("may start").state;
    let rollout = started.rollout.clone().expect("under way");
    let evidence = Evidence::begin(&rollout);
    let snapshot = EvidenceSnapshot {
        workload: name.clone(),
        rollout: rollout.id.to_string(),
        step: rollout.step as u32,
        at_ms: 1000,
        body: serde_json::to_string(&evidence).unwrap(),
    };
    let attached = [Attachment::Evidence(snapshot)];
    let states = [(name.clone(), started.clone())];
    store.commit_with(&entry("started"), &states, 1, None, &attached).unwrap();
    let tick = Tick { at_ms: 2000, observed_ms: 1000, assigned: vec![7, 8], ..Tick::default() };
    let body = serde_json::to_string(&tick).unwrap();
    store.record_windows(&[RecordedWindow { body, ..window(2000) }]).unwrap();
    drop(store);

    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.load().unwrap().workloads[&name], started);
    let found = store.evidence(&name, rollout.id.as_str(), 0).unwrap().expect("kept");
    assert_eq!(serde_json::from_str::<Evidence>(&found.body).unwrap(), evidence);
    let mut ticks: Vec<Tick> = Vec::new();
    store
        .each_window(&name, 0, u64::MAX, |it| ticks.push(serde_json::from_str(&it.body).unwrap()))
        .unwrap();
    assert_eq!(ticks, [tick]);
}

#[test]
fn the_history_has_one_row_a_rollout_newest_first() {
    let (_dir, mut store) = open();
    let mut put = |record: RolloutRecord, epoch| {
        let attached = [Attachment::Rollout(record)];
        store.commit_with(&entry("x"), &[], epoch, None, &attached).unwrap();
    };
    put(rollout("r-1", "progressing", 10), 1);
    put(rollout("r-2", "progressing", 20), 2);
    put(RolloutRecord { ended_ms: Some(15), ..rollout("r-1", "rolled_back", 10) }, 3);
    let all = store.rollouts(&agent(), None, 9).unwrap();
    let shown: Vec<_> = all.iter().map(|it| (&*it.rollout, &*it.phase, it.ended_ms)).collect();
    assert_eq!(shown, [("r-2", "progressing", None), ("r-1", "rolled_back", Some(15))]);
    assert_eq!(store.rollouts(&agent(), Some(20), 9).unwrap().len(), 1);
    assert_eq!(store.rollouts(&"other".parse().unwrap(), None, 9).unwrap(), []);
}

#[test]
fn recorded_windows_are_read_back_in_order_beside_the_store() {
    let (_dir, mut store) = open();
    let windows = [3, 1, 2].map(|minute| window(minute * MINUTE));
    store.record_windows(&windows).unwrap();
    let again = RecordedWindow { body: "{\"ok\":0}".to_owned(), ..window(MINUTE) };
    store.record_windows(std::slice::from_ref(&again)).unwrap();
    let reader = store.readers().open().unwrap();
    let mut read = Vec::new();
    reader.each_window(&agent(), MINUTE, 3 * MINUTE, |it| read.push(it)).unwrap();
    assert_eq!(read, [again, window(2 * MINUTE)]);
    // A change is not kept waiting by a reader in the middle of its work.
    let mut epoch = 0;
    reader
        .each_window(&agent(), 0, u64::MAX, |_| {
            epoch += 1;
            store.commit(&entry("meanwhile"), &[], epoch, None).unwrap();
        })
        .unwrap();
    assert_eq!(epoch, 3);
    // Nor is a reader by a change; and it sees each that was committed before it asks.
    assert_eq!(reader.audit(&AuditFilter::default(), 9).unwrap().len(), 3);
    assert_eq!(reader.verify_audit().unwrap().entries, 3);
    assert!(reader.readers().open().is_ok());
}

#[test]
fn old_windows_and_too_many_analyses_are_forgotten_in_portions() {
    let (_dir, mut store) = open();
    let windows: Vec<_> = (0..1500).map(|n| window(n * MINUTE)).collect();
    store.record_windows(&windows).unwrap();
    for n in 0..20 {
        store.save_analysis(&analysis(&format!("a-{n}"), 1500 * MINUTE + n)).unwrap();
    }
    let keep =
        MeasuredRetention { windows_ms: 100 * MINUTE, analyses_ms: 100 * MINUTE, analyses: 5 };
    let now = 1500 * MINUTE;
    let forgotten = store.forget_measured(&keep, now).unwrap();
    assert_eq!((forgotten.windows, forgotten.analyses), (1000, 15));
    assert_eq!(store.forget_measured(&keep, now).unwrap().windows, 400);
    assert_eq!(store.forget_measured(&keep, now).unwrap().windows, 0);
    let left = store.analyses(&agent(), None, None, 99).unwrap();
    let left: Vec<_> = left.iter().map(|it| it.analysis.id.as_str()).collect();
    assert_eq!(left, ["a-19", "a-18", "a-17", "a-16", "a-15"], "the newest stay");
    let late = now + 200 * MINUTE;
    assert_eq!(store.forget_measured(&keep, late).unwrap().analyses, 5);
    let forever = MeasuredRetention { windows_ms: u64::MAX, ..keep };
    assert_eq!(store.forget_measured(&forever, late).unwrap().windows, 0);
}

#[test]
fn the_last_drill_that_passed_is_remembered() {
    let (_dir, mut store) = open();
    let mut hold = |at_ms, passed, epoch| {
        let drill = NewDrill {
            workload: agent(),
            at_ms,
            actor: "ann".to_owned(),
            passed,
            body: "{\"settled_ms\":1.2}".to_owned(),
        };
        let attached = [Attachment::Drill(drill)];
        store.commit_with(&entry("drill"), &[], epoch, None, &attached).unwrap();
    };
    hold(10, true, 0);
    hold(20, true, 0);
    hold(30, false, 0);
    let last = store.last_passed_drill(&agent()).unwrap().unwrap();
    assert_eq!((last.at_ms, last.actor.as_str()), (20, "ann"));
    let all = store.drills(&agent(), 2).unwrap();
    assert_eq!(all.iter().map(|it| it.at_ms).collect::<Vec<_>>(), [30, 20]);
    assert_eq!(store.last_passed_drill(&"other".parse().unwrap()).unwrap(), None);
}

#[test]
fn a_release_registered_at_run_time_stays_until_it_is_removed_unused() {
    let (dir, mut store) = open();
    store.register_releases(&[release("v1", "a"), release("v2", "b")], 1, "config").unwrap();
    store.commit(&entry("start"), &[initial("agent")], 1, None).unwrap();
    let add = |new| [Attachment::AddRelease(new)];
    store.commit_with(&entry("add"), &[], 2, None, &add(release("v3", "c"))).unwrap();
    drop(store);
    let mut store = Store::open(dir.path()).unwrap();
    let known = store.run_time_releases().unwrap();
    assert_eq!(known.len(), 1);
    let (workload, v3) = &known[0];
    assert_eq!((workload.as_str(), v3.release.as_str()), ("agent", "v3"));
    assert_eq!((v3.registered_by.as_str(), v3.registered_ms), ("ann", entry("x").at_ms));

    // Unused, it may still change; a used one may not, and may not go.
    store.commit_with(&entry("add"), &[], 3, None, &add(release("v3", "cc"))).unwrap();
    assert_eq!(store.run_time_releases().unwrap()[0].1.fingerprint, "cc");
    let refused = store.commit_with(&entry("add"), &[], 4, None, &add(release("v2", "bb")));
    assert!(matches!(refused, Err(StoreError::ReleaseChanged { .. })), "{refused:?}");
    let remove = |name: &str| {
        let release = name.parse().unwrap();
        [Attachment::RemoveRelease { workload: agent(), release }]
    };
    let refused = store.commit_with(&entry("rm"), &[], 4, None, &remove("v2"));
    assert!(matches!(refused, Err(StoreError::ReleaseUsed { .. })), "{refused:?}");
    assert_eq!(store.load().unwrap().epoch, 3);
    store.commit_with(&entry("rm"), &[], 4, None, &remove("v3")).unwrap();
    assert!(store.run_time_releases().unwrap().is_empty());
    assert_eq!(store.releases("agent").unwrap().len(), 2);
}

#[test]
fn a_store_of_the_first_schema_is_taken_over_with_all_it_holds() {
    let dir = TempDir::new().unwrap();
    let old = Connection::open(dir.path().join("state.db")).unwrap();
    old.execute_batch(include_str!("fixtures/state-v1.sql")).unwrap();
    drop(old);
    let mut store = Store::open(dir.path()).unwrap();
    let saved = store.load().unwrap();
    assert_eq!(saved.workloads, [at_weight("agent", 10_000)].into());
    let releases = store.releases("agent").unwrap();
    assert_eq!((releases[0].used_ms, releases[0].run_time), (Some(7), false));
    store.save_evidence(&[snapshot("r-1", 0, 10)]).unwrap();
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert!(store.evidence(&agent(), "r-1", 0).unwrap().is_some());
}

#[test]
fn a_damaged_body_is_an_error_and_no_panic() {
    let (dir, mut store) = open();
    store.save_evidence(&[snapshot("r-1", 0, 10)]).unwrap();
    store.save_analysis(&analysis("a-1", 10)).unwrap();
    let outside = Connection::open(dir.path().join("state.db")).unwrap();
    outside.execute("UPDATE evidence SET body = x'00ff00'", []).unwrap();
    outside.execute("UPDATE analysis SET body = x''", []).unwrap();
    let refused = store.evidence(&agent(), "r-1", 0).unwrap_err();
    assert!(matches!(&refused, StoreError::Damaged { what, .. } if what.contains("r-1")));
    let refused = store.analysis("a-1").unwrap_err();
    assert!(matches!(&refused, StoreError::Damaged { what, .. } if what.contains("a-1")));
}

const KILLS: u64 = 15;

#[test]
fn a_killed_store_has_each_change_with_all_that_belongs_to_it_or_nothing() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = 0u64;
    for _ in 0..KILLS {
        let (mut process, mut said) = child(&[], "roll_out_until_killed", dir.path());
        let first = said.by_ref().take(1 + any_below(20) as usize).last();
        process.kill().unwrap();
        process.wait().unwrap();
        let last = said.last().or(first).expect("it had changed something and was killed");
        acknowledged = acknowledged.max(last.parse().unwrap());
        let store = Store::open(dir.path()).unwrap();
        let epoch = store.load().unwrap().epoch;
        assert!((acknowledged..=acknowledged + 1).contains(&epoch), "{acknowledged}, {epoch}");
        let record = store.rollout(&agent(), "r-1").unwrap().unwrap();
        assert_eq!(record.phase, epoch.to_string(), "state and history are of one change");
        assert!(store.analysis(&format!("a-{epoch}")).unwrap().unwrap().decisive);
        assert_eq!(store.analysis(&format!("a-{}", epoch + 1)).unwrap(), None);
        // Evidence is written between two changes; whatever is there is of this step.
        let step = epoch as u32;
        if let Some(evidence) = store.evidence(&agent(), "r-1", step).unwrap() {
            assert_eq!(evidence, snapshot("r-1", step, epoch));
        }
        assert_eq!(store.evidence(&agent(), "r-1", step - 1).unwrap(), None);
        assert_eq!(store.verify_audit().unwrap().entries, epoch);
        acknowledged = epoch;
    }
    assert!(acknowledged >= KILLS);
}

#[test]
#[ignore = "runs as a child of another test"]
fn roll_out_until_killed() {
    let mut store = Store::open(&child_dir()).unwrap();
    let last = store.load().unwrap().epoch;
    for epoch in last + 1.. {
        let id = format!("a-{epoch}");
        let attached = [
            Attachment::Analysis(analysis(&id, epoch)),
            Attachment::Decisive { id },
            Attachment::Rollout(rollout("r-1", &epoch.to_string(), 5)),
            Attachment::ForgetEvidence { workload: agent() },
        ];
        let state = at_weight("agent", (epoch % 100_000) as u32);
        store.commit_with(&entry("step"), &[state], epoch, None, &attached).unwrap();
        say(epoch);
        store.save_evidence(&[snapshot("r-1", epoch as u32, epoch)]).unwrap();
    }
}
