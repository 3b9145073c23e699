//! Tests of the order of the routing rules, and of the effects of commands.

use stagegate_rollout::{
    Arm, Cohort, Command, Fallback, Flagged, Grounds, Input, ListKind, Members, OnRollback, Order,
    Reason, Refusal, ReleaseName, Rollout, Split, Sticky, Subject, Target, Weight, Who,
    WorkloadSpec, WorkloadState, apply, step,
};
use std::sync::Arc;

fn spec() -> WorkloadSpec {
    let tenants = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
    let mut spec = WorkloadSpec::new("agent".parse().expect("name"), "v1".parse().expect("name"));
    spec.releases.extend(["v0", "v2"].map(|name| name.parse().expect("name")));
    spec.candidate = Some("v2".parse().expect("name"));
    spec.sticky = Sticky::User;
    spec.cohorts = vec![
        Cohort { name: "pilots".parse().expect("name"), tenants: tenants(&["acme", "globex"]) },
        Cohort { name: "mid".parse().expect("name"), tenants: tenants(&["initech", "hooli"]) },
    ];
    spec.exclusions.insert("regulated".parse().expect("name"), tenants(&["initech", "medco"]));
    spec.deny.users.insert("banned".into());
    spec.check().expect("consistent")
}

/// A workload under commands.
struct Story {
    spec: Arc<WorkloadSpec>,
    state: WorkloadState,
}

impl Story {
    fn new(spec: WorkloadSpec) -> Self {
        let state = WorkloadState::initial(&spec);
        Self { spec: Arc::new(spec), state }
    }

    fn try_to(&mut self, command: &Command) -> Result<String, Refusal> {
        let change = apply(&self.spec, &self.state, command, "ada", "because", 1_000)?;
        self.state = change.state;
        Ok(change.summary)
    }

    fn does(&mut self, command: &Command) -> &mut Self {
        self.try_to(command).expect("accepted");
        self
    }

    fn weight(&mut self, share: &str) -> &mut Self {
        self.does(&Command::SetWeight { weight: share.parse().expect("a share") })
    }

    /// A gate's rollback.
    fn gate(&mut self) -> &mut Self {
        let by = Rollout::ITSELF;
        let change = apply(&self.spec, &self.state, &Command::Rollback, by, "worse", 1_500);
        self.state = change.expect("there is a candidate").state;
        self
    }

    /// The command with an override.
    fn insists(&mut self, command: &Command) -> Result<String, Refusal> {
        let grounds = Grounds { overriding: true, ..Grounds::default() };
        let order = Order { command, by: "ada", reason: "sure", grounds };
        let stepped = step(&self.spec, &self.state, Input::Command(order), 2_000)?;
        self.state = stepped.state;
        Ok(stepped.summary)
    }

    fn enable(&mut self, cohort: &str, opt_in: &[&str]) -> Result<String, Refusal> {
        let opt_in = opt_in.iter().map(|tenant| Arc::from(*tenant)).collect();
        self.try_to(&Command::EnableCohort { cohort: cohort.parse().expect("name"), opt_in })
    }

    fn ask(
        &self,
        tenant: &str,
        user: &str,
        forced: Option<Arm>,
        pinned: Option<Arm>,
    ) -> (Target, Reason) {
        let split = Split::new(Arc::clone(&self.spec), Arc::new(self.state.clone()));
        let who = Who { request: "r", tenant: Some(tenant), user: Some(user), ..Who::default() };
        let choice = split.choose(&who, forced, pinned);
        (choice.target, choice.reason)
    }
}

fn set(share: &str) -> Command {
    Command::SetWeight { weight: share.parse().expect("a share") }
}

#[test]
fn a_release_that_a_gate_rolled_back_gets_traffic_again_only_by_an_override() {
    let mut story = Story::new(spec());
    story.weight("50%").gate();
    let condemned = |story: &Story| {
        let release: ReleaseName = "v2".parse().expect("name");
        story.state.condemned.get(&release).map(|it| (it.by.by.clone(), it.let_in.is_some()))
    };
    assert_eq!(condemned(&story), Some((Rollout::ITSELF.to_owned(), false)));
    let refused = story.try_to(&set("10%")).expect_err("it was rolled back");
    assert!(refused.to_string().contains("override"), "{refused}");
    assert!(matches!(story.enable("pilots", &[]), Err(Refusal::Condemned { .. })));
    assert_eq!(story.try_to(&set("0%")), Ok(String::new()), "that gives it nothing");
    story.does(&Command::List { list: ListKind::Allow, subject: Subject::Tenant("acme".into()) });
    assert_eq!(story.ask("acme", "u", None, None).0, STABLE, "a list opens nothing");
    story.insists(&set("10%")).expect("with a reason");
    assert_eq!(condemned(&story), Some((Rollout::ITSELF.to_owned(), true)), "it is not forgotten");
    story.weight("20%").gate();
    assert_eq!(condemned(&story), Some((Rollout::ITSELF.to_owned(), false)), "once more");
    // A reload may name it as candidate, and it comes back closed; as stable it is refused.
    let mut other = spec();
    other.candidate = Some("v0".parse().expect("name"));
    let first = std::mem::replace(&mut story.spec, Arc::new(other));
    story.does(&Command::Declare);
    assert!(story.state.is_open());
    story.spec = first;
    story.does(&Command::Declare);
    assert!(!story.state.is_open(), "v2 is closed");
    let mut stable = spec();
    (stable.stable, stable.candidate) = ("v2".parse().expect("name"), None);
    story.spec = Arc::new(stable);
    assert!(matches!(story.try_to(&Command::Declare), Err(Refusal::Condemned { .. })));
    story.insists(&Command::Declare).expect("with a reason");
    assert_eq!(condemned(&story), None, "it is stable now");
}

#[test]
fn states_of_earlier_versions_keep_what_a_gate_rolled_back_out() {
    let mut story = Story::new(spec());
    story.weight("50%").gate();
    story.state.condemned.clear();
    assert!(matches!(story.try_to(&set("10%")), Err(Refusal::Condemned { .. })));
}

const STABLE: Target = Target::Arm(Arm::Stable);
const CANDIDATE: Target = Target::Arm(Arm::Candidate);

#[test]
fn the_first_rule_that_applies_decides() {
    let mut story = Story::new(spec());
    let user = |id: &str| Subject::User(id.into());
    story.weight("100%").does(&Command::List { list: ListKind::Allow, subject: user("friend") });
    story.enable("pilots", &[]).expect("next in order");
    let (force, pin) = (Some(Arm::Candidate), Some(Arm::Stable));
    assert_eq!(story.ask("x", "banned", force, None), (STABLE, Reason::Denied));
    assert_eq!(story.ask("medco", "u", force, pin), (CANDIDATE, Reason::Forced));
    assert_eq!(story.ask("acme", "friend", None, pin), (STABLE, Reason::Pinned));
    assert_eq!(story.ask("medco", "friend", None, None), (STABLE, Reason::Excluded));
    assert_eq!(story.ask("acme", "friend", None, None), (CANDIDATE, Reason::Allowed));
    assert_eq!(story.ask("acme", "u", None, None), (CANDIDATE, Reason::Cohort));
    assert_eq!(story.ask("x", "u", None, None), (CANDIDATE, Reason::Weight));
    story.weight("0%");
    assert_eq!(story.ask("x", "u", None, None), (STABLE, Reason::Default));
    assert_eq!(
        story.ask("acme", "u", None, None),
        (CANDIDATE, Reason::Cohort),
        "weight 0 leaves cohorts open"
    );
    story.does(&Command::Kill);
    assert_eq!(
        story.ask("acme", "friend", force, Some(Arm::Candidate)),
        (STABLE, Reason::KillSwitch)
    );
}

#[test]
fn a_flag_comes_after_the_cohorts_and_before_the_weight() {
    let mut story = Story::new(spec());
    story.weight("100%");
    story.enable("pilots", &[]).expect("next in order");
    let ask = |story: &Story, tenant: &str, arm: Arm, pinned: Option<Arm>| {
        let split = Split::new(Arc::clone(&story.spec), Arc::new(story.state.clone()));
        let who = Who { request: "r", tenant: Some(tenant), ..Who::default() };
        let flagged = Some(Flagged { flag: "agent-arm", arm });
        let choice = split.choose_by_flag(&who, None, pinned, flagged);
        (choice.target, choice.reason, choice.detail.map(str::to_owned))
    };
    let by_flag = |target| (target, Reason::Flag, Some("agent-arm".to_owned()));
    assert_eq!(ask(&story, "x", Arm::Stable, None), by_flag(STABLE), "the weight is not asked");
    assert_eq!(ask(&story, "x", Arm::Candidate, None), by_flag(CANDIDATE));
    assert_eq!(ask(&story, "acme", Arm::Stable, None).1, Reason::Cohort);
    assert_eq!(ask(&story, "medco", Arm::Candidate, None).1, Reason::Excluded);
    assert_eq!(ask(&story, "x", Arm::Candidate, Some(Arm::Stable)).1, Reason::Pinned);
    story.does(&Command::Rollback);
    assert_eq!(ask(&story, "x", Arm::Candidate, None).0, STABLE, "no flag opens what is closed");
    story.does(&Command::Kill);
    assert_eq!(ask(&story, "x", Arm::Candidate, None).1, Reason::KillSwitch);
}

#[test]
fn a_rollback_closes_every_way_and_is_the_same_twice() {
    let mut story = Story::new(spec());
    story
        .weight("50%")
        .does(&Command::List { list: ListKind::Allow, subject: Subject::Tenant("acme".into()) });
    story.enable("pilots", &[]).expect("next in order");
    story.does(&Command::Rollback);
    let closed = story.state.clone();
    assert_eq!(story.try_to(&Command::Rollback), Ok(String::new()));
    assert_eq!(story.state, closed);
    assert_eq!(story.state.weight, Weight::ZERO);
    for forced in [None, Some(Arm::Candidate)] {
        for pinned in [None, Some(Arm::Candidate)] {
            assert_eq!(story.ask("acme", "u", forced, pinned).0, STABLE, "{forced:?} {pinned:?}");
        }
    }
    let generation = story.state.generation;
    story.weight("1%");
    assert!(story.state.closed.is_none());
    assert!(story.state.generation > generation, "pins from before the rollback are void");
}

#[test]
fn under_finish_only_pinned_conversations_end_on_the_candidate_and_a_kill_ends_even_them() {
    let mut finishing = spec();
    finishing.on_rollback = OnRollback::Finish;
    let mut story = Story::new(finishing);
    story.weight("100%").does(&Command::Rollback);
    assert_eq!(story.ask("x", "u", None, Some(Arm::Candidate)), (CANDIDATE, Reason::Pinned));
    assert_eq!(story.ask("x", "u", Some(Arm::Candidate), None).0, STABLE);
    story.does(&Command::Kill).does(&Command::Revive);
    assert_eq!(story.ask("x", "u", None, Some(Arm::Candidate)).0, STABLE);
}

#[test]
fn a_fence_closes_the_candidate_as_a_rollback_does_and_leaves_the_rest_as_it_is() {
    let mut story = Story::new(spec());
    story.weight("100%");
    let split = Split::new(Arc::clone(&story.spec), Arc::new(story.state.clone()));
    let fenced = split.fenced();
    let who = Who { request: "r", user: Some("ann"), ..Who::default() };
    assert_eq!(split.choose(&who, None, None).arm(), Arm::Candidate);
    let choice = fenced.choose(&who, Some(Arm::Candidate), Some(Arm::Candidate));
    assert_eq!((choice.arm(), choice.detail), (Arm::Stable, Some("fenced")));
    assert!(!fenced.may_shadow(&"v2".parse().expect("name")));
    // What people did stays what they did.
    story.does(&Command::Rollback);
    let closed = Split::new(Arc::clone(&story.spec), Arc::new(story.state.clone())).fenced();
    assert_eq!(closed.choose(&who, None, None).detail, None);
    assert_eq!(closed.state().closed, story.state.closed);
    story.does(&Command::Kill);
    let killed = Split::new(Arc::clone(&story.spec), Arc::new(story.state.clone())).fenced();
    assert_eq!(killed.choose(&who, None, None).reason, Reason::KillSwitch);
}

#[test]
fn the_kill_switch_has_three_fallbacks() {
    for (fallback, target) in [
        (Fallback::Stable, STABLE),
        (Fallback::Release("v0".parse().expect("name")), Target::FallbackRelease),
        (
            Fallback::Respond(stagegate_rollout::FixedResponse {
                status: 503,
                retry_after: None,
                content_type: "text/plain".into(),
                body: String::new(),
            }),
            Target::Respond,
        ),
    ] {
        let mut killed = spec();
        killed.fallback = fallback;
        let mut story = Story::new(killed);
        story.weight("100%").does(&Command::Kill);
        assert_eq!(story.ask("acme", "u", None, None), (target, Reason::KillSwitch));
        story.does(&Command::Revive);
        assert_eq!(story.ask("x", "u", None, None), (CANDIDATE, Reason::Weight));
    }
}

#[test]
fn cohorts_open_in_order_close_latest_first_and_mind_exclusions() {
    let mut story = Story::new(spec());
    assert!(matches!(story.enable("mid", &[]), Err(Refusal::CohortOutOfOrder { .. })));
    assert!(matches!(story.enable("none", &[]), Err(Refusal::UnknownCohort { .. })));
    story.enable("pilots", &[]).expect("next in order");
    assert!(matches!(story.enable("pilots", &[]), Err(Refusal::CohortEnabled(_))));
    let Err(Refusal::ExcludedInCohort { tenants, .. }) = story.enable("mid", &[]) else {
        panic!("not refused")
    };
    assert_eq!(tenants, "initech (regulated)");
    assert!(matches!(story.enable("mid", &["medco"]), Err(Refusal::NotExcluded(_))));
    story.enable("mid", &["initech"]).expect("opted in by name");
    assert_eq!(story.ask("initech", "u", None, None), (CANDIDATE, Reason::Cohort));
    story.does(&Command::RollbackCohort);
    assert_eq!(story.ask("hooli", "u", None, None).0, STABLE);
    assert_eq!(story.ask("acme", "u", None, None).0, CANDIDATE, "the earlier cohort stays");
    story.does(&Command::RollbackCohort);
    assert_eq!(story.try_to(&Command::RollbackCohort), Err(Refusal::NoCohortEnabled));
}

#[test]
fn entries_of_the_configuration_are_taken_out_only_there() {
    let mut story = Story::new(spec());
    let banned = Subject::User("banned".into());
    let unlist = Command::Unlist { list: ListKind::Deny, subject: banned };
    assert!(matches!(story.try_to(&unlist), Err(Refusal::FromConfig(_))));
    let unexclude =
        Command::Unexclude { group: "regulated".parse().expect("name"), tenant: "medco".into() };
    assert!(matches!(story.try_to(&unexclude), Err(Refusal::FromConfig(_))));
    story.does(&Command::Exclude {
        group: "escalated".parse().expect("name"),
        tenant: "umbrella".into(),
    });
    story.weight("100%");
    assert_eq!(story.ask("umbrella", "u", None, None), (STABLE, Reason::Excluded));
    story.does(&Command::OptIn { tenant: "umbrella".into() });
    assert_eq!(story.ask("umbrella", "u", None, None), (CANDIDATE, Reason::Weight));
}

#[test]
fn a_declared_candidate_begins_at_nothing_and_unchanged_declarations_change_nothing() {
    let mut story = Story::new(spec());
    story.weight("50%").does(&Command::Rollback);
    assert_eq!(story.try_to(&Command::Declare), Ok(String::new()));
    assert!(story.state.closed.is_some(), "a reload does not open what was rolled back");
    let mut newer = spec();
    newer.candidate = Some("v0".parse().expect("name"));
    let salt = story.state.salt.clone();
    story.spec = Arc::new(newer);
    story.does(&Command::Declare);
    assert_eq!(story.state.weight, Weight::ZERO);
    assert!(story.state.closed.is_none());
    assert_ne!(story.state.salt, salt, "another rollout picks other first users");
}

#[test]
fn contradictions_are_all_reported() {
    let mut bad = spec();
    bad.candidate = Some(bad.stable.clone());
    bad.fallback = Fallback::Release("gone".parse().expect("name"));
    bad.cohorts[1].tenants.push("acme".into());
    bad.allow = Members::default();
    assert_eq!(bad.check().expect_err("contradictory").len(), 3);
}

#[test]
fn state_survives_its_stored_form() {
    let mut story = Story::new(spec());
    story
        .weight("12.345%")
        .does(&Command::Exclude { group: "escalated".parse().expect("name"), tenant: "t".into() });
    story.enable("pilots", &[]).expect("next in order");
    story.does(&Command::Rollback).does(&Command::Kill);
    let stored = serde_json::to_string(&story.state).expect("serialises");
    assert_eq!(serde_json::from_str::<WorkloadState>(&stored).expect("reads back"), story.state);
}

#[test]
fn copies_go_to_a_release_that_serves_nobody_until_somebody_says_no() {
    let mut story = Story::new(spec());
    let split = |story: &Story| Split::new(Arc::clone(&story.spec), Arc::new(story.state.clone()));
    let may = |story: &Story| {
        ["v0", "v1", "v2"].map(|name| split(story).may_shadow(&name.parse().expect("name")))
    };
    assert_eq!(may(&story), [true, false, true], "stable's own requests are no copies");
    story.does(&Command::Rollback);
    assert_eq!(may(&story), [true, false, false], "the candidate was rolled back");
    story.weight("1%");
    assert_eq!(may(&story), [true, false, true], "and opened again");
    story.does(&Command::Kill);
    assert_eq!(may(&story), [false; 3]);
    story.does(&Command::Revive);
    let unsure = split(&story).keeping_to_stable();
    assert!(!unsure.may_shadow(&"v0".parse().expect("name")));
}

#[test]
fn whom_a_list_keeps_off_the_candidate_it_keeps_off_copies() {
    let mut story = Story::new(spec());
    let kept = |story: &Story, tenant: &str, user: &str| {
        let split = Split::new(Arc::clone(&story.spec), Arc::new(story.state.clone()));
        let who = Who { request: "r", tenant: Some(tenant), user: Some(user), ..Who::default() };
        split.keeps_back(&who)
    };
    assert!(!kept(&story, "acme", "ann"));
    assert!(kept(&story, "acme", "banned"), "by the deny list");
    assert!(kept(&story, "medco", "ann"), "by a group");
    story.does(&Command::OptIn { tenant: "medco".into() });
    assert!(!kept(&story, "medco", "ann"), "until it is opted in");
}

#[test]
fn an_identity_that_cannot_be_read_is_kept_off_where_somebody_is() {
    let ask = |spec: WorkloadSpec, forced: Option<Arm>, pinned: Option<Arm>| {
        let state = WorkloadState::initial(&spec);
        let split = Split::new(Arc::new(spec), Arc::new(state));
        let who = Who { request: "r", unreadable: true, ..Who::default() };
        let choice = split.choose(&who, forced, pinned);
        (choice.arm(), choice.reason, choice.detail.map(str::to_owned))
    };
    let open = |mut spec: WorkloadSpec| {
        spec.initial_weight = Weight::FULL;
        spec
    };
    let unreadable = Some(stagegate_rollout::UNREADABLE.to_owned());
    let denying = open(spec());
    let pinned = ask(denying, None, Some(Arm::Candidate));
    assert_eq!(pinned, (Arm::Stable, Reason::Denied, unreadable.clone()), "a pin does not help");
    let mut excluding = open(spec());
    excluding.deny = Members::default();
    let by_weight = ask(excluding.clone(), None, None);
    assert_eq!(by_weight, (Arm::Stable, Reason::Excluded, unreadable));
    assert_eq!(ask(excluding.clone(), Some(Arm::Candidate), None).1, Reason::Forced);
    excluding.exclusions.clear();
    assert_eq!(ask(excluding, None, None).1, Reason::Weight, "nobody is kept off");
}
