//! Routes for flags.

use super::records::{record, rows};
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::etag::etag;
use crate::api::extract::{
    Body, Change, Params, Segments, optional_reason, required_reason, stored,
};
use crate::api::heavy::heavy;
use crate::api::reply::reply;
use crate::describe;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use serde::Deserialize;
use stagegate_api::{
    Audit, ChangeFlag, EvaluateFlags, FlagAction, FlagChanged, FlagDetail, FlagEvaluations,
    FlagFileText, FlagFiles, FlagKey, FlagRule, FlagRuleKind, Flags,
};
use stagegate_control::now_ms;
use stagegate_control::ports::FlagServer;
use stagegate_flags::{
    By, FlagChange, FlagSet, Override, RuntimeRule, Scope, Scratch, Subject, What, Which,
};
use stagegate_rollout::Weight;
use std::sync::Arc;
use utoipa::IntoParams;

/// All flags: the files, and what is different at run time.
#[utoipa::path(get, path = "/v1/flags", tag = "read",
    responses((status = 200, description = "All flags.", body = Flags)))]
pub(super) async fn flags(State(app): State<App>) -> Result<Json<Flags>, ApiError> {
    let flags = Arc::clone(served(&app)?);
    let work = move || describe::flags(&flags.set(), &app.control.view(), &flags.asked());
    heavy(work).await.map(Json)
}

/// One flag. The `ETag` is the epoch of its last change at run time.
#[utoipa::path(get, path = "/v1/flags/{flag}", tag = "read",
    params(("flag" = String, Path, description = "Key of the flag, percent-encoded")),
    responses((status = 200, description = "The flag.", body = FlagDetail)))]
pub(super) async fn flag(
    State(app): State<App>,
    Segments(key): Segments<String>,
) -> Result<Response, ApiError> {
    let flags = served(&app)?;
    let set = flags.set();
    let flag = set.get(&key).ok_or_else(|| unknown(&key))?;
    let detail = describe::flag(&set, flag, &app.control.view(), &flags.asked());
    Ok(([(header::ETAG, etag(detail.epoch))], Json(detail)).into_response())
}

/// Changes a flag at run time.
///
/// The answer comes when every worker and the server of flags use the new flags. Needs a reason to
/// switch a flag off.
#[utoipa::path(post, path = "/v1/flags/{flag}", tag = "change",
    params(("flag" = String, Path, description = "Key of the flag, percent-encoded")),
    request_body = ChangeFlag, responses((status = 200, description = "Done.", body = FlagChanged)))]
pub(super) async fn change_flag(
    State(app): State<App>,
    Segments(key): Segments<String>,
    change: Change<ChangeFlag>,
) -> Result<Response, ApiError> {
    let command = command(&change.body)?;
    let says_why = change.body.action == FlagAction::Off && !change.body.dry_run;
    let reason = match says_why {
        true => required_reason(&change.body.reason)?,
        false => optional_reason(Some(&change.body.reason))?,
    };
    let dry_run = change.body.dry_run;
    let order = change.flag_order(key, command, reason, dry_run);
    reply(&app.control.change_flag(order).await?, describe::flag_changed, |it| it.flag_epoch)
}

/// The page of a history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// Only older ones than this number.
    #[serde(default, deserialize_with = "stored")]
    before: Option<u64>,
    /// At most so many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
}

/// The changes of a flag at run time, from the audit.
#[utoipa::path(get, path = "/v1/flags/{flag}/history", tag = "records",
    params(("flag" = String, Path, description = "Key of the flag, percent-encoded"), HistoryQuery),
    responses((status = 200, description = "Newest first.", body = Audit)))]
pub(super) async fn flag_history(
    State(app): State<App>,
    Segments(key): Segments<String>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<Audit>, ApiError> {
    let limit = rows(query.limit)?;
    let before = query.before;
    let entries =
        app.control.read(move |store| Ok(store.flag_history(&key, before, limit)?)).await?;
    let is_full = entries.len() == limit;
    let next_before = entries.last().filter(|_| is_full).map(|it| it.seq);
    Ok(Json(Audit { entries: entries.into_iter().map(record).collect(), next_before }))
}

/// The files of flags with the changes of run time written into them.
#[utoipa::path(get, path = "/v1/flag-files", tag = "read",
    responses((status = 200, description = "The files.", body = FlagFiles)))]
pub(super) async fn flag_files(State(app): State<App>) -> Result<Json<FlagFiles>, ApiError> {
    let flags = Arc::clone(served(&app)?);
    heavy(move || files(&app, &*flags)).await.map(Json)
}

/// The files as they would be.
fn files(app: &App, flags: &dyn FlagServer) -> FlagFiles {
    let (set, excludes) = (flags.set(), app.control.view().has_exclusions());
    let file = |(path, text): &(String, String)| {
        let new = set.exported_text(text, excludes).unwrap_or_else(|| text.clone());
        FlagFileText { path: path.clone(), differs: new != *text, text: new }
    };
    FlagFiles { files: flags.texts().iter().map(file).collect() }
}

/// Tries flags out for a context. Nothing is counted.
#[utoipa::path(post, path = "/v1/flag-evaluations", tag = "read", request_body = Option<EvaluateFlags>,
    responses((status = 200, description = "What would be served.", body = FlagEvaluations)))]
pub(super) async fn evaluate_flags(
    State(app): State<App>,
    Body(asked): Body<EvaluateFlags>,
) -> Result<Json<FlagEvaluations>, ApiError> {
    let flags = Arc::clone(served(&app)?);
    heavy(move || evaluated(&app, &flags.set(), &asked)).await?.map(Json)
}

/// What would be served in a context.
fn evaluated(app: &App, set: &FlagSet, asked: &EvaluateFlags) -> Result<FlagEvaluations, ApiError> {
    let mut scratch = Scratch::new();
    let context = scratch.of_json(&asked.context);
    let context = context.map_err(|error| ApiError::field("context", &error))?;
    let (workload, tenant) = (context.text("workload"), context.text("tenant"));
    let workload = Some(workload).filter(|name| !name.is_empty());
    let context = context.excluding(app.control.view().excludes(workload, tenant));
    let now = now_ms() / 1000;
    let flags = match &asked.flag {
        Some(key) if set.get(key).is_none() => return Err(unknown(key)),
        Some(key) => vec![describe::flag_evaluation(key, &set.evaluate(key, &context, now))],
        None => set
            .evaluate_all(&context, now)
            .map(|(flag, it)| describe::flag_evaluation(flag.key(), &it))
            .collect(),
    };
    Ok(FlagEvaluations { flags })
}

fn served(app: &App) -> Result<&Arc<dyn FlagServer>, ApiError> {
    app.control.flags().ok_or_else(no_flags)
}

/// The answer without the section in the configuration.
pub(super) fn no_flags() -> ApiError {
    let detail =
        "no flags are served: write `flags:` into the configuration and restart the process";
    ApiError::new(Kind::NotFound, detail)
}

fn unknown(key: &str) -> ApiError {
    ApiError::new(Kind::NotFound, format!("there is no flag `{key}`; GET /v1/flags lists them"))
}

/// The command of a request.
fn command(asked: &ChangeFlag) -> Result<FlagChange, ApiError> {
    let scope = Scope { workload: asked.workload.clone(), stage: asked.stage.clone() };
    let variant = asked.variant.clone();
    Ok(match asked.action {
        FlagAction::Off => FlagChange::Off { variant, scope },
        FlagAction::On => FlagChange::On { scope },
        FlagAction::Set => {
            let variant = variant.ok_or_else(|| missing("variant", "set", "the variant"))?;
            FlagChange::Set { variant, scope }
        }
        FlagAction::Allow => FlagChange::Allow { subject: subject(asked)?, variant, scope },
        FlagAction::Deny => FlagChange::Deny { subject: subject(asked)?, variant, scope },
        FlagAction::Percent => {
            let share = asked.share.as_deref();
            let share = share.ok_or_else(|| missing("share", "percent", "a share like `10%`"))?;
            let share = share.parse().map_err(|error| ApiError::field("share", &error))?;
            FlagChange::Percent { share, by: asked.by.map(by), variant, scope }
        }
        FlagAction::Rm => FlagChange::Remove { which: which(asked)?, scope },
        FlagAction::Put => {
            let given = asked.overriding.as_ref();
            let given = given.ok_or_else(|| missing("overriding", "put", "what is different"))?;
            let rules = given.rules.iter().enumerate().map(|(n, it)| rule(n, it));
            let rules = rules.collect::<Result<_, _>>()?;
            FlagChange::Put(Override { enabled: given.enabled, rules, ..Override::default() })
        }
    })
}

/// The rule of run time with this number.
fn rule(n: usize, given: &FlagRule) -> Result<RuntimeRule, ApiError> {
    let wrong = |field: &str, problem: &str| {
        ApiError::field(&format!("overriding.rules[{n}].{field}"), &problem)
    };
    let subject = || match (&given.tenant, &given.user) {
        (Some(tenant), None) => Ok(Subject::Tenant(tenant.clone())),
        (None, Some(user)) => Ok(Subject::User(user.clone())),
        _ => Err(wrong("tenant", &format!("`{}` needs either `tenant` or `user`", given.rule))),
    };
    let what = match given.rule {
        FlagRuleKind::Off => What::Off,
        FlagRuleKind::Deny => What::Deny { subject: subject()? },
        FlagRuleKind::Allow => What::Allow { subject: subject()? },
        FlagRuleKind::Set => What::Set,
        FlagRuleKind::Percent => {
            let share = given.share.as_deref();
            let share = share.ok_or_else(|| wrong("share", "is missing: write one like `10%`"))?;
            let share: Weight =
                share.parse().map_err(|error| wrong("share", &format!("{error}")))?;
            What::Percent { share, by: given.by.map(by).unwrap_or_default() }
        }
    };
    let scope = Scope { workload: given.workload.clone(), stage: given.stage.clone() };
    Ok(RuntimeRule { what, scope, variant: given.variant.clone() })
}

fn missing(field: &str, action: &str, what: &str) -> ApiError {
    ApiError::field(field, &format!("`{action}` needs {what}"))
}

fn subject(asked: &ChangeFlag) -> Result<Subject, ApiError> {
    match (&asked.tenant, &asked.user) {
        (Some(tenant), None) => Ok(Subject::Tenant(tenant.clone())),
        (None, Some(user)) => Ok(Subject::User(user.clone())),
        _ => {
            let problem = format!("`{}` needs either `tenant` or `user`", asked.action);
            Err(ApiError::field("tenant", &problem))
        }
    }
}

fn which(asked: &ChangeFlag) -> Result<Which, ApiError> {
    if asked.tenant.is_some() || asked.user.is_some() {
        return Ok(Which::About(subject(asked)?));
    }
    match asked.remove {
        None => Ok(Which::Everything),
        Some(FlagRuleKind::Set) => Ok(Which::Set),
        Some(FlagRuleKind::Percent) => Ok(Which::Percent),
        Some(FlagRuleKind::Off) => Err(ApiError::field("remove", &"the action `on` ends `off`")),
        Some(FlagRuleKind::Allow | FlagRuleKind::Deny) => {
            Err(ApiError::field("remove", &"name the `tenant` or `user`"))
        }
    }
}

const fn by(key: FlagKey) -> By {
    match key {
        FlagKey::TargetingKey => By::TargetingKey,
        FlagKey::User => By::User,
        FlagKey::Tenant => By::Tenant,
        FlagKey::Conversation => By::Conversation,
    }
}
