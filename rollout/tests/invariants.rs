//! Invariants that hold after any sequence of commands.

use proptest::prelude::*;
use stagegate_rollout::{
    Arm, Cohort, Command, ListKind, OnRollback, Rollout, Split, Sticky, Subject, Target, Weight,
    Who, WorkloadSpec, WorkloadState, apply,
};
use std::sync::Arc;

const TENANTS: [&str; 5] = ["acme", "globex", "initech", "medco", "hooli"];

fn spec(on_rollback: OnRollback, sticky: Sticky) -> Arc<WorkloadSpec> {
    let mut spec = WorkloadSpec::new("agent".parse().expect("name"), "v1".parse().expect("name"));
    spec.releases.insert("v2".parse().expect("name"));
    spec.candidate = Some("v2".parse().expect("name"));
    spec.on_rollback = on_rollback;
    spec.sticky = sticky;
    spec.cohorts = vec![
        Cohort { name: "one".parse().expect("name"), tenants: vec!["acme".into()] },
        Cohort {
            name: "two".parse().expect("name"),
            tenants: vec!["globex".into(), "initech".into()],
        },
    ];
    spec.exclusions
        .insert("regulated".parse().expect("name"), vec!["initech".into(), "medco".into()]);
    Arc::new(spec.check().expect("consistent"))
}

fn tenant() -> impl Strategy<Value = Arc<str>> {
    prop::sample::select(&TENANTS[..]).prop_map(Arc::from)
}

fn command() -> impl Strategy<Value = Command> {
    let list = prop_oneof![Just(ListKind::Allow), Just(ListKind::Deny)];
    let subject = prop_oneof![tenant().prop_map(Subject::Tenant), tenant().prop_map(Subject::User)];
    prop_oneof![
        (0u32..=100_000).prop_map(|parts| Command::SetWeight {
            weight: Weight::from_parts(parts).expect("in range")
        }),
        Just(Command::Rollback),
        Just(Command::Kill),
        Just(Command::Revive),
        (prop::sample::select(vec!["one", "two"]), prop::collection::vec(tenant(), 0..2)).prop_map(
            |(name, opt_in)| Command::EnableCohort { cohort: name.parse().expect("name"), opt_in }
        ),
        Just(Command::RollbackCohort),
        tenant().prop_map(|tenant| Command::Exclude {
            group: "escalated".parse().expect("name"),
            tenant
        }),
        tenant().prop_map(|tenant| Command::Unexclude {
            group: "escalated".parse().expect("name"),
            tenant
        }),
        tenant().prop_map(|tenant| Command::OptIn { tenant }),
        (list.clone(), subject.clone()).prop_map(|(list, subject)| Command::List { list, subject }),
        (list, subject).prop_map(|(list, subject)| Command::Unlist { list, subject }),
        Just(Command::Declare),
    ]
}

fn opens(command: &Command) -> bool {
    match command {
        Command::SetWeight { weight } => *weight > Weight::ZERO,
        Command::EnableCohort { .. } => true,
        _ => false,
    }
}

fn run(spec: &WorkloadSpec, mut state: WorkloadState, commands: &[Command]) -> WorkloadState {
    for command in commands {
        if let Ok(change) = apply(spec, &state, command, "p", "r", 0) {
            state = change.state;
        }
    }
    state
}

fn goes_to_candidate(
    spec: &Arc<WorkloadSpec>,
    state: &WorkloadState,
    key: &str,
    forced: Option<Arm>,
    pinned: Option<Arm>,
) -> bool {
    let split = Split::new(Arc::clone(spec), Arc::new(state.clone()));
    TENANTS.iter().any(|tenant| {
        let who = Who {
            request: key,
            tenant: Some(tenant),
            user: Some(key),
            conversation: Some(key),
            unreadable: false,
        };
        split.choose(&who, forced, pinned).target == Target::Arm(Arm::Candidate)
    })
}

/// Returns true if copies of requests may go to the candidate's release.
fn is_shadowed(spec: &Arc<WorkloadSpec>, state: &WorkloadState) -> bool {
    let split = Split::new(Arc::clone(spec), Arc::new(state.clone()));
    split.may_shadow(&"v2".parse().expect("name"))
}

proptest! {
    /// Once a rollback is recorded, nothing reaches the candidate, whatever follows that is not a
    /// deliberate opening: no cohort, list, pin, force header, reload or restart.
    #[test]
    fn nothing_reaches_a_rolled_back_candidate(
        before in prop::collection::vec(command(), 0..20),
        after in prop::collection::vec(command(), 0..20),
        key in "[a-z]{1,8}",
        cut: bool,
        by_a_gate: bool,
    ) {
        let spec = spec(if cut { OnRollback::Cut } else { OnRollback::Migrate }, Sticky::Conversation);
        let commands = before;
        let mut state = run(&spec, WorkloadState::initial(&spec), &commands);
        // A gate's rollback is opened by no command without an override, a person's by those that
        // open.
        let by = if by_a_gate { Rollout::ITSELF } else { "p" };
        // A gate has nothing to roll back where a person already did.
        prop_assume!(!by_a_gate || state.closed.is_none());
        state = apply(&spec, &state, &Command::Rollback, by, "r", 0).expect("a candidate").state;
        let after: Vec<Command> =
            after.into_iter().filter(|command| by_a_gate || !opens(command)).collect();
        let state = run(&spec, state, &after);
        // A restart: through the stored form and under the same configuration.
        let stored = serde_json::to_string(&state).expect("serialises");
        let state = serde_json::from_str(&stored).expect("reads back");
        let state = run(&spec, state, &[Command::Declare]);
        prop_assert!(!is_shadowed(&spec, &state));
        for forced in [None, Some(Arm::Candidate)] {
            for pinned in [None, Some(Arm::Candidate)] {
                prop_assert!(!goes_to_candidate(&spec, &state, &key, forced, pinned));
            }
        }
    }

    /// While a workload is killed, nothing reaches the candidate under any policy.
    #[test]
    fn nothing_reaches_a_killed_workloads_candidate(commands in prop::collection::vec(command(), 0..30), key in "[a-z]{1,8}") {
        let spec = spec(OnRollback::Finish, Sticky::User);
        let state = run(&spec, WorkloadState::initial(&spec), &commands);
        let state = run(&spec, state, &[Command::Kill]);
        prop_assert!(!is_shadowed(&spec, &state));
        for pinned in [None, Some(Arm::Candidate)] {
            prop_assert!(!goes_to_candidate(&spec, &state, &key, Some(Arm::Candidate), pinned));
        }
    }

    /// With `finish`, only requests of pinned conversations may still go there.
    #[test]
    fn finish_excepts_pinned_conversations_only(commands in prop::collection::vec(command(), 0..20), key in "[a-z]{1,8}") {
        let spec = spec(OnRollback::Finish, Sticky::Conversation);
        let state = run(&spec, WorkloadState::initial(&spec), &commands);
        let state = run(&spec, state, &[Command::Rollback]);
        prop_assert!(!is_shadowed(&spec, &state), "not even copies of pinned ones");
        prop_assert!(!goes_to_candidate(&spec, &state, &key, Some(Arm::Candidate), None));
    }

    /// No key leaves the candidate while the weight grows, in any sticky mode.
    #[test]
    fn a_growing_weight_only_adds_keys(
        mut weights in prop::collection::vec(0u32..=100_000, 2..8),
        key in "\\PC{1,12}",
        sticky in prop::sample::select(&Sticky::ALL[..]),
    ) {
        let spec = spec(OnRollback::Migrate, sticky);
        weights.sort_unstable();
        let mut state = WorkloadState::initial(&spec);
        let mut was_in = false;
        for parts in weights {
            state = run(&spec, state, &[Command::SetWeight { weight: Weight::from_parts(parts).expect("in range") }]);
            let is_in = goes_to_candidate(&spec, &state, &key, None, None);
            prop_assert!(is_in || !was_in, "{key} left at {parts}");
            was_in = is_in;
        }
    }

    /// A refused command changes nothing, and an accepted one that says nothing changes nothing.
    #[test]
    fn silence_means_no_change(commands in prop::collection::vec(command(), 1..30)) {
        let spec = spec(OnRollback::Migrate, Sticky::User);
        let mut state = WorkloadState::initial(&spec);
        for command in &commands {
            if let Ok(change) = apply(&spec, &state, command, "p", "r", 0) {
                prop_assert_eq!(change.summary.is_empty(), change.state == state, "{:?}", command);
                state = change.state;
            }
        }
    }
}
