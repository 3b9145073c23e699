//! The buttons of a workload's page. Every one is a form, so it works without JavaScript.

use crate::ask::path;
use crate::frame::secret;
use crate::visitor::Visitor;
use maud::{Markup, html};
use stagegate_api::{Phase, ReleaseDetail, Role, RolloutDetail, Verdict, WorkloadDetail};

/// What the buttons need to know.
pub(super) struct Facts<'a> {
    pub(super) visitor: &'a Visitor,
    pub(super) workload: &'a WorkloadDetail,
    /// The rollout in progress.
    pub(super) rollout: Option<&'a RolloutDetail>,
    pub(super) releases: &'a [ReleaseDetail],
    /// Makes each form's change happen once, however often it is sent.
    pub(super) key: &'a str,
}

impl Facts<'_> {
    /// What the visitor may do with this workload.
    fn role(&self) -> Role {
        self.visitor.role_for(&self.workload.name)
    }
}

/// The buttons; a viewer reads why there are none.
pub(super) fn controls(facts: &Facts<'_>) -> Markup {
    if facts.role() == Role::Viewer {
        return html! { p.dim { "Your role is viewer: it reads. Changes need the role operator." } };
    }
    html! {
        div.controls {
            (rollback(facts))
            @if let Some(rollout) = facts.rollout { (running(facts, rollout)) } @else { (start(facts)) }
            (more(facts))
        }
    }
}

/// A form of the verb; `check_epoch` refuses it if somebody changed the workload since.
fn form(facts: &Facts<'_>, verb: &str, check_epoch: bool, fields: &Markup) -> Markup {
    html! {
        form method="post" action=(path(&["w", &facts.workload.name, "act", verb])) {
            (secret(facts.visitor))
            input type="hidden" name="key" value={ (facts.key) "-" (verb) };
            @if check_epoch { input type="hidden" name="epoch" value=(facts.workload.epoch); }
            (fields)
        }
    }
}

fn reason(id: &str, required: bool) -> Markup {
    html! {
        label for=(id) { "Reason" @if !required { " (may be left out)" } }
        input id=(id) name="reason" maxlength="500" required[required] autocomplete="off";
    }
}

/// Always there, one confirmation away.
fn rollback(facts: &Facts<'_>) -> Markup {
    html! {
        details.danger {
            summary.button { "Roll back" }
            (form(facts, "rollback", false, &html! {
                p { "Every new request goes to stable, within milliseconds." }
                (reason("rollback-reason", true))
                button.bad type="submit" { "Roll back now" }
            }))
        }
    }
}

fn running(facts: &Facts<'_>, rollout: &RolloutDetail) -> Markup {
    let analysis = rollout.analysis.as_ref();
    let passes = analysis.is_some_and(|it| it.verdict == Verdict::Pass);
    let is_admin = facts.role() == Role::Admin;
    let expect = analysis.map(|it| it.id.as_str());
    html! {
        @if rollout.summary.phase == Phase::Paused {
            details { summary.button { "Resume" } (form(facts, "resume", true, &html! {
                (reason("resume-reason", false))
                button type="submit" { "Resume" }
            })) }
        } @else {
            details { summary class={ "button " (if passes { "good" } else { "" }) } { "Promote" }
                @if passes {
                    (form(facts, "promote", true, &html! {
                        p { "To the next step, on the analysis that this page shows." }
                        input type="hidden" name="expect" value=[expect];
                        (reason("promote-reason", false))
                        button.good type="submit" { "Promote" }
                    }))
                } @else {
                    p { "The gates do not permit it yet. See what the step still needs." }
                }
                @if rollout.not_by.as_ref() == Some(&facts.visitor.identity.actor) {
                    p.alarm { "You started this rollout, and its policy wants a second person: somebody else must promote it." }
                }
                @if is_admin && !passes {
                    (form(facts, "promote", true, &html! {
                        p { "As admin you may promote against the verdict. The audit keeps it." }
                        input type="hidden" name="force" value="on";
                        (reason("force-reason", true))
                        button.bad type="submit" { "Promote against the verdict" }
                    }))
                }
            }
            details { summary.button { "Pause" } (form(facts, "pause", true, &html! {
                p { "It stays at its step. Gates still roll it back." }
                (reason("pause-reason", false))
                button type="submit" { "Pause" }
            })) }
        }
        details { summary.button { "Abort" } (form(facts, "abort", false, &html! {
            p { "Ends the rollout and takes the candidate out." }
            (reason("abort-reason", true))
            button.bad type="submit" { "Abort the rollout" }
        })) }
    }
}

fn start(facts: &Facts<'_>) -> Markup {
    let stable = &facts.workload.stable;
    html! {
        details { summary.button { "Start a rollout" } (form(facts, "start", true, &html! {
            p { "The candidate is probed first. If something is missing, nothing starts, and the answer names it." }
            label for="start-to" { "Release" }
            select #start-to name="to" required {
                @for release in facts.releases.iter().filter(|it| it.name != *stable) {
                    option value=(release.name) selected[facts.workload.candidate.as_ref() == Some(&release.name)] {
                        (release.name)
                    }
                }
            }
            label for="start-policy" { "Policy (the workload's own if left out)" }
            input #start-policy name="policy" autocomplete="off";
            (reason("start-reason", false))
            label { input type="checkbox" name="override"; " Start although something is missing (needs a reason)" }
            button type="submit" { "Start" }
        })) }
    }
}

fn more(facts: &Facts<'_>) -> Markup {
    let workload = facts.workload;
    html! {
        details { summary.button { "More" }
            @if facts.rollout.is_none() && workload.candidate.is_some() {
                h3 { "Weight by hand" }
                (form(facts, "weight", true, &html! {
                    label for="weight" { "Share of the candidate" }
                    input #weight name="weight" value=(workload.weight) required pattern="[0-9.]+%";
                    (reason("weight-reason", false))
                    label { input type="checkbox" name="override"; " Although a gate rolled it back (needs a reason)" }
                    button type="submit" { "Set the weight" }
                }))
            }
            @if let Some(next) = workload.cohorts.iter().find(|it| !it.enabled) {
                h3 { "Cohort " (next.name) }
                (form(facts, "open-cohort", true, &html! {
                    input type="hidden" name="cohort" value=(next.name);
                    @if !next.excluded.is_empty() {
                        label for="cohort-opt-in" { "Excluded tenants to opt in (needs a reason), with commas: " (next.excluded.join(", ")) }
                        input #cohort-opt-in name="opt_in" autocomplete="off";
                    }
                    (reason("cohort-reason", false))
                    button type="submit" { "Open the cohort " (next.name) }
                }))
            }
            @if workload.cohorts.iter().any(|it| it.enabled) {
                h3 { "The cohort that was opened last" }
                (form(facts, "close-cohort", false, &html! {
                    (reason("close-reason", true))
                    button type="submit" { "Close it" }
                }))
            }
            h3 { @if workload.killed.is_some() { "Revive" } @else { "Kill switch" } }
            @if workload.killed.is_some() {
                (form(facts, "revive", true, &html! {
                    (reason("revive-reason", true))
                    button type="submit" { "Revive " (workload.name) }
                }))
            } @else {
                (form(facts, "kill", false, &html! {
                    p { "Requests go to: " (workload.kill_fallback) "." }
                    label for="kill-name" { "Type the name of the workload" }
                    input #kill-name name="name" required autocomplete="off" placeholder=(workload.name);
                    (reason("kill-reason", true))
                    button.bad type="submit" { "Kill " (workload.name) }
                }))
                h3 { "Drill" }
                form method="post" action=(path(&["w", &workload.name, "drill"])) {
                    (secret(facts.visitor))
                    input type="hidden" name="key" value={ (facts.key) "-drill" };
                    p { "Turns the kill switch on for a third of a second, checks it, and turns it off." }
                    (reason("drill-reason", false))
                    button type="submit" { "Drill" }
                }
            }
        }
    }
}
