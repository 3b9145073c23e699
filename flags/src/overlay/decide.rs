//! The decision by the rules of run time.

use super::rule::{By, Override, Scope, Subject, What};
use crate::operators::fractional;
use crate::{Bucketing, Context, DecidedBy, Flag};
use stagegate_rollout::Weight;

/// The rules of one flag, ready to be asked.
#[derive(Debug)]
pub(crate) struct Decider {
    pub(crate) enabled: Option<bool>,
    rules: Vec<Ready>,
    /// Rules that name a variant that the flag does not have. They decide nothing.
    pub(crate) ignored: Vec<String>,
}

#[derive(Debug)]
struct Ready {
    what: What,
    scope: Scope,
    /// Its place among the variants of the flag.
    variant: usize,
}

impl Decider {
    /// The override as it applies to the flag.
    pub(crate) fn new(flag: &Flag, given: &Override) -> Self {
        let (mut rules, mut ignored) = (Vec::new(), Vec::new());
        for rule in given.ordered() {
            match flag.variants().iter().position(|own| own.name() == rule.variant) {
                Some(variant) => rules.push(Ready {
                    what: rule.what.clone(),
                    scope: rule.scope.clone(),
                    variant,
                }),
                None => ignored.push(rule.to_string()),
            }
        }
        Self { enabled: given.enabled, rules, ignored }
    }

    /// The place of the variant, and the kind of rule that decided; nothing if the rule of the file is
    /// to decide.
    pub(crate) fn decide(
        &self,
        key: &str,
        bucketing: Bucketing,
        context: &Context<'_>,
    ) -> Option<(usize, DecidedBy)> {
        for Ready { what, scope, variant } in &self.rules {
            if !holds(scope, context) {
                continue;
            }
            let by = match what {
                What::Off => DecidedBy::Off,
                What::Deny { subject } if is(subject, context) => DecidedBy::Denied,
                What::Allow { subject } if is(subject, context) => DecidedBy::Allowed,
                What::Set if !context.excluded => DecidedBy::Set,
                What::Percent { share, by } => {
                    let is_in =
                        !context.excluded && is_within(*share, *by, (key, bucketing), context);
                    return is_in.then_some((*variant, DecidedBy::Percent));
                }
                _ => continue,
            };
            return Some((*variant, by));
        }
        None
    }
}

fn holds(scope: &Scope, context: &Context<'_>) -> bool {
    let is = |wanted: &Option<String>, name: &str| {
        wanted.as_ref().is_none_or(|wanted| wanted == context.text(name))
    };
    is(&scope.workload, "workload") && is(&scope.stage, "stage")
}

fn is(subject: &Subject, context: &Context<'_>) -> bool {
    match subject {
        Subject::Tenant(id) => id == context.text("tenant"),
        Subject::User(id) => id == user(context),
    }
}

fn user<'a>(context: &Context<'a>) -> &'a str {
    if context.has("user") { context.text("user") } else { context.text("targetingKey") }
}

fn is_within(
    share: Weight,
    by: By,
    (flag, bucketing): (&str, Bucketing),
    context: &Context<'_>,
) -> bool {
    let key = match by {
        By::TargetingKey => context.text("targetingKey"),
        By::User => user(context),
        By::Tenant => context.text("tenant"),
        By::Conversation => context.text("conversation"),
    };
    if key.is_empty() {
        return false;
    }
    let hash = fractional::hash_of_parts(bucketing, [flag, key], context.arena);
    let share = u64::from(share.parts());
    fractional::below(bucketing, hash, share, share, u64::from(Weight::SCALE))
}
