//! `/flags`: every flag, what overrides its file, and the buttons.

use super::time;
use crate::ask::path;
use crate::context::Dashboard;
use crate::frame::{self, secret};
use crate::refusal::Refusal;
use crate::secret::random;
use crate::visitor::Visitor;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};
use stagegate_api::{FlagDetail, FlagRule, FlagRuleKind, Flags, Role};

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let found = match dashboard.api.get::<Flags>(&visitor, "/v1/flags").await {
        Ok(found) => Some(found),
        // No flags are configured.
        Err(refusal) if refusal.status == StatusCode::NOT_FOUND => None,
        Err(refusal) => return Err(refusal),
    };
    let key = random().unwrap_or_default();
    let body = html! {
        h1 { "Flags" }
        @match &found {
            None => p { "No flags are configured: see " code { "flags:" } " in the configuration." },
            Some(flags) => {
                @if flags.flags.is_empty() { p { "The files define no flag." } }
                @for flag in &flags.flags { (one(&visitor, flag, &key)) }
                @if !flags.unknown.is_empty() {
                    h2 { "Asked for, but not defined" }
                    ul { @for it in &flags.unknown { li { code { (it.flag) } ": " (it.count) " times" } } }
                }
                @if !flags.orphans.is_empty() {
                    p.alarm { "Changed at run time, but in no file: " (flags.orphans.join(", ")) }
                }
            }
        }
    };
    Ok(frame::page(&visitor, "/flags", "Flags", &body))
}

fn one(visitor: &Visitor, flag: &FlagDetail, key: &str) -> Markup {
    html! {
        section aria-label=(flag.flag) {
            h2 { (flag.flag) @if !flag.enabled { " " span.warn { "disabled in its file" } } }
            p.dim {
                "Variants " (flag.variants.join(", "))
                @if let Some(default) = &flag.default_variant { ", default " (default) }
                @if flag.has_rule { ", with a rule" }
                ". " (flag.file) ":" (flag.line)
                @if let Some(at) = flag.last_evaluated_ms { ", last evaluated " (time(at)) }
            }
            @if !flag.words.is_empty() {
                p { "At run time:" }
                ol { @for words in &flag.words { li { (words) } } }
            }
            @for remark in &flag.remarks { p.alarm { (remark) } }
            @for why in &flag.stale { p.alarm { "Stale: " (why) } }
            @if visitor.role() != Role::Viewer { (buttons(visitor, flag, key)) }
        }
    }
}

/// The buttons; each carries the epoch of the flag that the page showed.
fn buttons(visitor: &Visitor, flag: &FlagDetail, key: &str) -> Markup {
    let form = |verb: &str, title: &str, fields: Markup| {
        let id = format!("{}-{verb}-reason", flag.flag);
        html! {
            details { summary.button { (title) }
                form method="post" action=(path(&["flags", &flag.flag, "act", verb])) {
                    (secret(visitor))
                    input type="hidden" name="key" value={ (key) "-" (flag.flag) "-" (verb) };
                    input type="hidden" name="epoch" value=(flag.epoch);
                    (fields)
                    label for=(id) { "Reason" }
                    input id=(id) name="reason" maxlength="500" required autocomplete="off";
                    button type="submit" { (title) }
                }
            }
        }
    };
    let whom = |verb: &str| {
        let id = format!("{}-{verb}-whom", flag.flag);
        html! {
            label for=(id) { "Tenant" }
            input id=(id) name="tenant" required;
        }
    };
    let of = |what: &str| format!("{}-{what}", flag.flag);
    let (share, variant, which, text) = (of("share"), of("variant"), of("which"), of("overriding"));
    html! {
        div.controls {
            (form("off", "Off", html! {}))
            (form("on", "On", html! {}))
            (form("allow", "Allow a tenant", whom("allow")))
            (form("deny", "Deny a tenant", whom("deny")))
            (form("set", "Set for everybody", html! {
                label for=(variant) { "Variant" }
                select id=(variant) name="variant" {
                    @for it in &flag.variants { option value=(it) { (it) } }
                }
            }))
            (form("percent", "Percent", html! {
                label for=(share) { "Share of users" }
                input id=(share) name="share" required pattern="[0-9.]+%" placeholder="10%";
            }))
            @if let Some(overriding) = &flag.overriding {
                (form("rm", "Remove a change", html! {
                    label for=(which) { "Change" }
                    select id=(which) name="which" {
                        option value="" { "all of them" }
                        @for rule in &overriding.rules { @if let Some((value, words)) = removable(rule) {
                            option value=(value) { (words) }
                        } }
                    }
                }))
            }
            (form("put", "Replace all changes", html! {
                label for=(text) { "Changes, as JSON" }
                textarea id=(text) name="overriding" rows="6" required spellcheck="false" { (overriding(flag)) }
            }))
        }
    }
}

/// What is different at run time, as the API takes it.
fn overriding(flag: &FlagDetail) -> String {
    let now = flag.overriding.clone().unwrap_or_default();
    serde_json::to_string_pretty(&now).unwrap_or_default()
}

/// How the form names a rule that can be removed by itself, and its words.
fn removable(rule: &FlagRule) -> Option<(String, String)> {
    let about = |kind: &str, id: &str| {
        let id = id.to_owned();
        (format!("{kind} {id}"), format!("{} {kind} {id}", rule.rule))
    };
    match (rule.rule, &rule.tenant, &rule.user) {
        (FlagRuleKind::Set | FlagRuleKind::Percent, ..) => {
            Some((format!("rule {}", rule.rule), rule.rule.to_string()))
        }
        (_, Some(tenant), _) => Some(about("tenant", tenant)),
        (_, _, Some(user)) => Some(about("user", user)),
        // `on` ends `off`.
        _ => None,
    }
}
