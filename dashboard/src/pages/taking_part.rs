//! `/w/{workload}/taking-part`: cohorts, exclusions, and the lists of who always or never gets the
//! candidate.

use crate::ask::path;
use crate::context::Dashboard;
use crate::frame::{self, secret};
use crate::refusal::Refusal;
use crate::secret::random;
use crate::visitor::Visitor;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use stagegate_api::words::grouped;
use stagegate_api::{ExclusionGroup, ListEntries, Role, WorkloadDetail};

/// What the forms of the page need.
struct Forms<'a> {
    visitor: &'a Visitor,
    workload: &'a WorkloadDetail,
    key: String,
}

impl Forms<'_> {
    fn may_change(&self) -> bool {
        self.visitor.role_for(&self.workload.name) != Role::Viewer
    }

    /// A form of a verb; `number` tells forms of the same verb apart.
    fn form(&self, verb: &str, number: usize, fields: &Markup) -> Markup {
        html! {
            form.row method="post" action=(path(&["w", &self.workload.name, "act", verb])) {
                (secret(self.visitor))
                input type="hidden" name="key" value={ (self.key) "-" (verb) "-" (number) };
                input type="hidden" name="epoch" value=(self.workload.epoch);
                (fields)
            }
        }
    }

    /// A button that takes somebody off.
    fn remove(&self, verb: &str, number: usize, hidden: &[(&str, &str)], who: &str) -> Markup {
        html! {
            @if self.may_change() {
                (self.form(verb, number, &html! {
                    @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
                    button type="submit" aria-label={ "Remove " (who) } { "Remove" }
                }))
            }
        }
    }
}

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let at = path(&["v1", "workloads", &name]);
    let workload: WorkloadDetail = dashboard.api.get(&visitor, &at).await?;
    let key = random().unwrap_or_default();
    let forms = Forms { visitor: &visitor, workload: &workload, key };
    let body = html! {
        h1 { "Who takes part in " a href=(path(&["w", &name])) { (name) } }
        (cohorts(&workload))
        (exclusions(&forms))
        (list(&forms, "allow", "Always the candidate, while it is open", &workload.allow))
        (list(&forms, "deny", "Never the candidate", &workload.deny))
    };
    Ok(frame::page(&visitor, "/", "Who takes part", &body))
}

fn cohorts(workload: &WorkloadDetail) -> Markup {
    html! {
        h2 { "Cohorts" }
        @if workload.cohorts.is_empty() { p { "None is configured." } }
        ol { @for it in &workload.cohorts {
            li {
                (it.name) ": " @if it.enabled { "open" } @else { "closed" } ", " (grouped(it.tenants)) " tenants"
                @if !it.excluded.is_empty() { ", excluded: " (it.excluded.join(", ")) }
            }
        } }
    }
}

fn exclusions(forms: &Forms<'_>) -> Markup {
    let workload = forms.workload;
    html! {
        h2 { "Excluded: on stable until they are opted in" }
        @if workload.exclusions.is_empty() { p { "No group is configured." } }
        @for (place, group) in workload.exclusions.iter().enumerate() {
            h3 { (group.group) }
            (members(forms, place, group))
            @if forms.may_change() {
                (forms.form("exclude", place, &html! {
                    @let id = format!("exclude-{place}");
                    input type="hidden" name="group" value=(group.group);
                    label for=(id) { "Tenant" }
                    input id=(id) name="id" required autocomplete="off";
                    label for={ (id) "-reason" } { "Reason" }
                    input id={ (id) "-reason" } name="reason" maxlength="500" autocomplete="off";
                    button type="submit" { "Exclude" }
                }))
            }
        }
        @if !workload.exclusions.is_empty() {
            @if !workload.opted_in.is_empty() { p { "Opted in since: " (workload.opted_in.join(", ")) } }
            @if forms.may_change() {
                (forms.form("opt-in", 0, &html! {
                    label for="opt-in" { "Tenant" }
                    input #opt-in name="id" required autocomplete="off";
                    label for="opt-in-reason" { "Reason" }
                    input #opt-in-reason name="reason" maxlength="500" required autocomplete="off";
                    button type="submit" { "Opt in" }
                }))
            }
        }
    }
}

fn members(forms: &Forms<'_>, place: usize, group: &ExclusionGroup) -> Markup {
    html! {
        @if group.config_total > 0 {
            p.dim { (grouped(group.config_total)) " by the configuration: " (group.config_tenants.join(", ")) }
        }
        ul { @for (number, tenant) in group.tenants.iter().enumerate() {
            li {
                (tenant) " "
                (forms.remove("unexclude", place * 1000 + number, &[("group", &group.group), ("id", tenant)], tenant))
            }
        } }
    }
}

fn list(forms: &Forms<'_>, verb: &str, title: &str, entries: &ListEntries) -> Markup {
    let off = format!("un{verb}");
    let kinds = [("tenant", &entries.tenants), ("user", &entries.users)];
    let id = |what: &str| format!("{verb}-{what}");
    html! {
        h2 { (title) }
        @if entries.config_total > 0 {
            p.dim {
                (grouped(entries.config_total)) " by the configuration: "
                (entries.config_tenants.iter().chain(&entries.config_users).cloned().collect::<Vec<_>>().join(", "))
            }
        }
        ul { @for (kind, all) in kinds { @for (number, who) in all.iter().enumerate() {
            li {
                (kind) " " (who) " "
                (forms.remove(&off, number, &[("kind", kind), ("id", who)], who))
            }
        } } }
        @if forms.may_change() {
            (forms.form(verb, 0, &html! {
                label for=(id("kind")) { "Kind" }
                select id=(id("kind")) name="kind" { option { "tenant" } option { "user" } }
                label for=(id("id")) { "Id" }
                input id=(id("id")) name="id" required autocomplete="off";
                label for=(id("reason")) { "Reason" }
                input id=(id("reason")) name="reason" maxlength="500" autocomplete="off";
                button type="submit" { @if verb == "allow" { "Allow" } @else { "Deny" } }
            }))
        }
    }
}
