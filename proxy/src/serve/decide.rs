//! The decision for one request: which release serves it, and by which rule.

use super::call::Call;
use super::client::Client;
use super::decision::Decision;
use super::identify::{pin_in_use, pin_of};
use crate::flags::{self, About};
use crate::http1::Known;
use crate::pins::Pins;
use crate::plan::{CurrentPlan, Release, Role, Workload};
use crate::problem::Problem;
use stagegate_flags::{Context, Evaluation, FlagsSent};
use stagegate_rollout::{Arm, Choice, Flagged, KeyKind, OnRollback, Reason, Target};
use stagegate_settings::ForwardFlags;

/// The context of flags, and the time in Unix seconds.
type Asked<'a> = (&'a Context<'a>, u64);

/// The result of a decision.
pub(super) enum Route {
    /// The request goes to a release.
    To(Decision),
    /// The kill switch's fixed answer.
    Respond(Decision),
    /// An answer of the proxy's own.
    Refuse(Decision, Problem),
}

impl Client {
    /// Decides under `plan`. `fallen_back`: the candidate took no connection, so stable serves.
    pub(super) fn decide(
        &self,
        call: &Call,
        plan: &CurrentPlan,
        position: usize,
        fallen_back: bool,
    ) -> Route {
        let workload = &plan.workloads[position];
        let settings = &workload.prepared.settings;
        // What waited until the workload was revived goes to the release that is known to be good.
        let stays = self.context.forwarding.resent.then_some(Arm::Stable);
        let forced = stays.or_else(|| {
            settings.force.as_ref().and_then(|key| {
                let header = self.head.known(&self.input, Known::StagegateForce).next()?;
                key.verify(&settings.name, std::str::from_utf8(header).ok()?, call.now_s()).ok()
            })
        });
        let pins = &self.worker.shared.pins;
        let issued = pin_in_use(workload, &call.uses, pins, call.steady_s(pins));
        let began = || {
            let conversation = call.found.conversation.as_deref();
            let conversation = conversation.filter(|_| keeps_pins(workload))?;
            pin_of(workload, conversation, pins, call.steady_s(pins))
        };
        let pin = issued.or_else(began);
        let pinned = pin.map(|(arm, _)| arm);
        // One context for the flags that decide and for those that are sent.
        let decides = settings.kill_flag.is_some() || settings.arm_flag.is_some();
        let mut scratch = decides.then(|| self.worker.flags.borrow_mut());
        let context = scratch.as_mut().map(|it| self.about(call, workload).context(it));
        let asked = context.as_ref().map(|context| (context, call.now_s()));
        let choice = match self.killing_flag(asked, plan, workload) {
            Some(flag) => workload.split.killed(&call.who(), flag),
            None => {
                let flagged = self.arm_flag(asked, plan, workload);
                workload.split.choose_by_flag(&call.who(), forced, pinned, flagged)
            }
        };
        let conversation = call.found.conversation.as_deref();
        let choice = stay(workload, pins, conversation, choice, call.steady_s(pins));
        // When it is decided and not when it is answered: a slow candidate answers late, and its
        // keys would seem to be missing.
        if let Some(bucket) = choice.bucket.filter(|_| workload.watches_its_split()) {
            let mut stats = self.worker.stats.borrow_mut();
            stats.assigned(&workload.prepared.name, bucket.number());
        }
        let mut decision = Decision::new(plan, position, &choice);
        if let (Some((_, pin)), Reason::Pinned) = (issued, choice.reason) {
            decision.by_conversation(&pin);
        }
        decision.is_drawn = match choice.reason {
            Reason::Weight | Reason::Default => true,
            Reason::Pinned => pin.is_some_and(|(_, pin)| workload.is_drawn(&pin)),
            _ => false,
        };
        let role = match choice.target {
            Target::Respond => return Route::Respond(decision),
            Target::FallbackRelease => Role::Fallback,
            Target::Arm(arm) => Role::Arm(arm),
        };
        let is_up =
            |role| workload.role(role).is_some_and(|release| release.endpoints.any_healthy());
        decision.role = Some(role);
        if role == Role::Arm(Arm::Candidate) && (fallen_back || !is_up(role)) {
            decision.arm = Arm::Stable;
            decision.reason = Reason::CandidateDown;
            decision.is_drawn = false;
            decision.role = Some(Role::Arm(Arm::Stable));
        }
        if !decision.role.is_some_and(is_up) {
            return Route::Refuse(decision, Problem::StableDown);
        }
        if decision.arm == Arm::Candidate && self.worker.is_busy_for_candidates() {
            return Route::Refuse(decision, Problem::Busy);
        }
        let begins = decision.arm == Arm::Candidate && pinned.is_none();
        if let (Some(id), true) =
            (&call.found.conversation, begins && finishes_conversations(workload))
        {
            decision.pin(pins, id, call.steady_s(pins));
        }
        let to = (decision.arm.label(), decision.release());
        decision.flags = match asked {
            Some(asked) => self.flags_for(asked, plan, workload, to),
            None => self.flags(call, plan, workload, to),
        };
        Route::To(decision)
    }

    /// The flag that kills the workload for this request, if it does.
    fn killing_flag<'p>(
        &self,
        asked: Option<Asked<'_>>,
        plan: &CurrentPlan,
        workload: &'p Workload,
    ) -> Option<&'p str> {
        let key = workload.prepared.settings.kill_flag.as_deref()?;
        self.evaluated(key, asked?, plan).is_false().then_some(key)
    }

    /// The arm that the workload's flag names for this request, if it names one.
    fn arm_flag<'p>(
        &self,
        asked: Option<Asked<'_>>,
        plan: &CurrentPlan,
        workload: &'p Workload,
    ) -> Option<Flagged<'p>> {
        let flag = workload.prepared.settings.arm_flag.as_deref()?;
        let is_open = workload.split.state().is_open();
        let asked = asked.filter(|_| is_open)?;
        let arm = self.evaluated(flag, asked, plan).arm()?;
        Some(Flagged { flag, arm })
    }

    fn evaluated<'p>(&self, key: &str, asked: Asked<'_>, plan: &'p CurrentPlan) -> Evaluation<'p> {
        let mut stats = self.worker.stats.borrow_mut();
        flags::one(key, &plan.flags, asked, stats.flags())
    }

    /// Flags for a release, if the workload wants any or the release pins some.
    pub(super) fn flags(
        &self,
        call: &Call,
        plan: &CurrentPlan,
        workload: &Workload,
        to: (&'static str, Option<&Release>),
    ) -> Option<Box<FlagsSent>> {
        if !wants_flags(workload, to.1) {
            return None;
        }
        let mut scratch = self.worker.flags.borrow_mut();
        let context = self.about(call, workload).context(&mut scratch);
        self.flags_for((&context, call.now_s()), plan, workload, to)
    }

    /// As [`Self::flags`], with the context that is there.
    fn flags_for(
        &self,
        (context, now_s): Asked<'_>,
        plan: &CurrentPlan,
        workload: &Workload,
        (arm, release): (&'static str, Option<&Release>),
    ) -> Option<Box<FlagsSent>> {
        if !wants_flags(workload, release) {
            return None;
        }
        let wanted = &workload.prepared.settings.forward_flags;
        let to = [("arm", arm), ("release", release.map_or("", |release| &*release.name))];
        let context = context.with(if release.is_some() { &to } else { &to[..1] });
        let mut stats = self.worker.stats.borrow_mut();
        let pins = pinned_by(release);
        flags::evaluate((wanted, pins), &plan.flags, (&context, now_s), stats.flags())
    }

    /// What flags may ask about a request.
    fn about<'a>(&'a self, call: &'a Call, workload: &'a Workload) -> About<'a> {
        let found = &call.found;
        let [tenant, user, conversation] =
            [&found.tenant, &found.user, &found.conversation].map(Option::as_deref);
        let (spec, state) = (workload.split.spec(), workload.split.state());
        let excluded = tenant.is_some_and(|id| state.excluding_group(spec, id).is_some())
            || (found.unreadable && state.excludes(spec));
        let stage = self.head.field(&self.input, "stagegate-stage");
        let mut about = About::new(excluded);
        // What stays the same for longest: a flag must not change within a conversation.
        let target = user.or(conversation).or(tenant).unwrap_or(call.own_id());
        about.put("targetingKey", Some(target));
        about.put("workload", Some(&workload.prepared.name));
        about.put("tenant", tenant);
        about.put("user", user);
        about.put("conversation", conversation);
        about.put("stage", stage.and_then(|name| std::str::from_utf8(name).ok()));
        about
    }
}

/// Flags that a release pins.
fn pinned_by(release: Option<&Release>) -> &[(String, String)] {
    let changes = release.and_then(|release| release.changes.as_ref());
    changes.map(|changes| changes.flags.as_slice()).unwrap_or_default()
}

/// True if any flag is sent.
fn wants_flags(workload: &Workload, release: Option<&Release>) -> bool {
    workload.prepared.settings.forward_flags != ForwardFlags::Nothing
        || !pinned_by(release).is_empty()
}

/// Keeps a conversation on stable that began there: a growing weight takes in new ones.
fn stay<'a>(
    workload: &Workload,
    pins: &Pins,
    conversation: Option<&str>,
    choice: Choice<'a>,
    now_s: u64,
) -> Choice<'a> {
    let is_kept = workload.split.keeps_conversations() && choice.key == KeyKind::Conversation;
    let Some(conversation) = conversation.filter(|_| is_kept) else { return choice };
    let prepared = &workload.prepared;
    let key = pins.key(&prepared.name, conversation);
    if choice.is_by_weight() && prepared.began.contains(key) {
        return choice.stays_on_stable();
    }
    if choice.arm() == Arm::Stable && choice.reason != Reason::Forced {
        let identity = &prepared.settings.identity;
        let (bytes, idle) = (identity.conversation_memory, identity.conversation_idle);
        prepared.began.add(key, bytes, idle, now_s);
    }
    choice
}

/// Returns whether pins are of use to the workload.
fn keeps_pins(workload: &Workload) -> bool {
    workload.prepared.settings.identity.learned || finishes_conversations(workload)
}

fn finishes_conversations(workload: &Workload) -> bool {
    workload.split.spec().on_rollback == OnRollback::Finish
}

#[cfg(test)]
mod tests {
    use super::stay;
    use crate::began::Filter;
    use crate::fixtures::{address, workload};
    use crate::pins::Pins;
    use crate::plan::{Plan, PreparedConfig};
    use stagegate_rollout::{Arm, Split, Weight, Who, WorkloadSpec, WorkloadState};
    use std::sync::Arc;

    const CONVERSATIONS: usize = 10_000;
    const TURNS: usize = 8;

    async fn config() -> PreparedConfig {
        let settings = workload(vec![address([127, 0, 0, 1], 1, "one:1")]);
        let prepared = PreparedConfig::prepare(vec![settings], &PreparedConfig::default()).await;
        prepared.expect("prepared")
    }

    fn plan(config: &PreparedConfig, percent: u32) -> Plan {
        let name = |text: &str| text.parse().expect("a name");
        let mut spec = WorkloadSpec::new("agent".parse().expect("a name"), name("v1"));
        spec.releases.insert(name("v2"));
        spec.candidate = Some(name("v2"));
        spec.initial_weight = format!("{percent}%").parse::<Weight>().expect("a weight");
        let spec = spec.check().expect("a workload");
        let state = WorkloadState::initial(&spec);
        Plan::new(1, config, &[Arc::new(Split::new(Arc::new(spec), Arc::new(state)))])
    }

    fn arm(plan: &Plan, pins: &Pins, conversation: &str, now_s: u64) -> Arm {
        let workload = &plan.workloads[0];
        let who = Who { request: "r", conversation: Some(conversation), ..Who::default() };
        let choice = workload.split.choose(&who, None, None);
        stay(workload, pins, Some(conversation), choice, now_s).arm()
    }

    /// Every conversation has its turns spread over the ramp; half of them begin at each step.
    #[tokio::test]
    async fn no_conversation_changes_its_arm_while_the_weight_grows() {
        let (mut config_now, mut pins) = (config().await, Pins::new());
        let mut began: Vec<Option<Arm>> = vec![None; CONVERSATIONS];
        let mut on_candidate = 0;
        for (step, percent) in [1, 10, 50, 100].into_iter().enumerate() {
            let plan_now = plan(&config_now, percent);
            for turn in 0..TURNS / 4 {
                let now_s = 1_000 + (step * TURNS + turn) as u64;
                for (number, first) in began.iter_mut().enumerate() {
                    if number % 4 > step {
                        continue;
                    }
                    let arm = arm(&plan_now, &pins, &format!("c-{number}"), now_s);
                    assert_eq!(*first.get_or_insert(arm), arm, "c-{number} at {percent}%");
                    on_candidate += usize::from(arm == Arm::Candidate);
                }
            }
            // A new process goes on with what the one before remembered.
            let bytes = crate::recall::remembered(&plan_now, &pins);
            (config_now, pins) = (config().await, Pins::new());
            crate::recall::recall(&bytes, &plan(&config_now, percent), &pins).expect("whole");
        }
        assert!(on_candidate > CONVERSATIONS / 4, "{on_candidate}");
        let filters = plan(&config_now, 100).workloads[0].prepared.began.filters();
        assert_eq!(filters.iter().map(|filter| filter.parts().1.count()).sum::<usize>(), 2 << 20);
        assert!(Filter::from_parts(0, Vec::new()).is_none());
    }

    #[tokio::test]
    async fn a_new_conversation_goes_by_the_weight_alone() {
        let (config, pins) = (config().await, Pins::new());
        let all = plan(&config, 100);
        for number in 0..1_000 {
            let arm = arm(&all, &pins, &format!("c-{number}"), 1_000);
            assert_eq!(arm, Arm::Candidate);
        }
    }
}
