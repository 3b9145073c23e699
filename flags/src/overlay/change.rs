//! Commands that change a flag at run time.

use super::rule::{By, Override, RuntimeRule, Scope, Subject, What};
use crate::Flag;
use serde_json::Value;
use stagegate_rollout::Weight;
use thiserror::Error;

/// Most rules that one flag has at run time. More of them belong into the file.
const MOST_RULES: usize = 1000;
/// Longest id or name of a place, in bytes.
const LONGEST: usize = 256;

/// A command on one flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// Everybody gets the variant that switches it off.
    Off {
        /// The variant; the one that means off if left out.
        variant: Option<String>,
        /// Where.
        scope: Scope,
    },
    /// Ends `Off`; a flag that its file disables is enabled.
    On {
        /// Where.
        scope: Scope,
    },
    /// Everybody who is not excluded gets a variant.
    Set {
        /// The variant.
        variant: String,
        /// Where.
        scope: Scope,
    },
    /// A tenant or user gets the variant that means on.
    Allow {
        /// Who.
        subject: Subject,
        /// The variant; the one that means on if left out.
        variant: Option<String>,
        /// Where.
        scope: Scope,
    },
    /// A tenant or user gets the variant that means off.
    Deny {
        /// Who.
        subject: Subject,
        /// The variant; the one that means off if left out.
        variant: Option<String>,
        /// Where.
        scope: Scope,
    },
    /// A share of those who are not excluded gets the variant that means on.
    Percent {
        /// The share.
        share: Weight,
        /// What is divided; as before if left out, or else the targeting key.
        by: Option<By>,
        /// The variant; as before if left out, or else the one that means on.
        variant: Option<String>,
        /// Where.
        scope: Scope,
    },
    /// Removes rules.
    Remove {
        /// Which ones.
        which: Which,
        /// Where; without meaning for all of them.
        scope: Scope,
    },
    /// Replaces the whole override.
    Put(Override),
}

/// Rules that are to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Everything that was changed at run time.
    Everything,
    /// The rule about one tenant or user.
    About(Subject),
    /// The variant for everybody.
    Set,
    /// The percentage.
    Percent,
}

/// The reason why a flag is not changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FlagRefusal {
    /// There is no such flag.
    #[error("there is no flag `{key}`; there are {known}")]
    UnknownFlag {
        /// The key.
        key: String,
        /// The keys that exist.
        known: String,
    },
    /// The flag has no such variant.
    #[error("`{key}` has no variant `{variant}`; it has {known}")]
    UnknownVariant {
        /// The flag.
        key: String,
        /// The variant.
        variant: String,
        /// The variants that exist.
        known: String,
    },
    /// None of the variants obviously means on, or off.
    #[error("no variant of `{key}` obviously means {word}: name one of {known}")]
    WhichVariant {
        /// The flag.
        key: String,
        /// `on` or `off`.
        word: &'static str,
        /// The variants that exist.
        known: String,
    },
    /// The percentage divides something else.
    #[error(
        "a percentage of `{key}` is in force already ({now}), and another key or variant gives most of them another variant: remove it first"
    )]
    OtherPercentage {
        /// The flag.
        key: String,
        /// The rule in force.
        now: String,
    },
    /// Too many rules.
    #[error(
        "`{0}` has {MOST_RULES} rules of run time, which is the most: write them into the file"
    )]
    TooMany(String),
    /// A text that is empty or too long.
    #[error("{what} `{text}` is empty or longer than {LONGEST} bytes")]
    Text {
        /// What it is.
        what: &'static str,
        /// The text, cut.
        text: String,
    },
}

impl FlagChange {
    /// The command's word.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Off { .. } => "flag_off",
            Self::On { .. } => "flag_on",
            Self::Set { .. } => "flag_set",
            Self::Allow { .. } => "flag_allow",
            Self::Deny { .. } => "flag_deny",
            Self::Percent { .. } => "flag_percent",
            Self::Remove { .. } => "flag_rm",
            Self::Put(_) => "flag_put",
        }
    }

    /// True if it can only take a variant away from somebody: it must work whatever else does not.
    #[must_use]
    pub const fn takes_away(&self) -> bool {
        matches!(self, Self::Off { .. } | Self::Deny { .. })
    }

    /// The command applied to a flag: the override afterwards, and the change in words. The words are
    /// empty if nothing changes.
    ///
    /// # Errors
    /// A [`FlagRefusal`] when the command does not fit the flag.
    pub fn apply(&self, flag: &Flag, before: &Override) -> Result<(Override, String), FlagRefusal> {
        let mut after = before.clone();
        let said = match self {
            Self::Off { variant, scope } => {
                check_scope(scope)?;
                match (off(flag, variant.as_deref()), variant) {
                    (Some(variant), _) => put(&mut after, rule(What::Off, scope, variant)),
                    (None, Some(variant)) => return Err(unknown(flag, variant)),
                    (None, None) if scope.is_everywhere() => {
                        after.enabled = Some(false);
                        "off: everybody gets the caller's own default".to_owned()
                    }
                    (None, None) => return Err(which(flag, "off")),
                }
            }
            Self::On { scope } => {
                after.rules.retain(|rule| rule.what != What::Off || rule.scope != *scope);
                if scope.is_everywhere() {
                    after.enabled = (!flag.is_enabled()).then_some(true);
                }
                format!("on{scope}: the rules decide again")
            }
            Self::Set { variant, scope } => {
                check_scope(scope)?;
                let variant = known(flag, variant)?;
                put(&mut after, rule(What::Set, scope, variant))
            }
            Self::Allow { subject, variant, scope } => {
                check(subject, scope)?;
                let variant = chosen(flag, variant.as_deref(), "on", on)?;
                let what = What::Allow { subject: subject.clone() };
                put(&mut after, rule(what, scope, variant))
            }
            Self::Deny { subject, variant, scope } => {
                check(subject, scope)?;
                let variant = chosen(flag, variant.as_deref(), "off", off)?;
                let what = What::Deny { subject: subject.clone() };
                put(&mut after, rule(what, scope, variant))
            }
            Self::Percent { share, by, variant, scope } => {
                check_scope(scope)?;
                percent(&mut after, flag, (*share, *by), variant.as_deref(), scope)?
            }
            Self::Remove { which, scope } => remove(&mut after, which, scope),
            Self::Put(given) => {
                for rule in &given.rules {
                    known(flag, &rule.variant)?;
                    check_scope(&rule.scope)?;
                }
                after = given.clone();
                if given.is_empty() {
                    "as the file says".to_owned()
                } else {
                    given.words().join("; ")
                }
            }
        };
        if after.rules.len() > MOST_RULES {
            return Err(FlagRefusal::TooMany(flag.key().to_owned()));
        }
        after.made_on.clone_from(&before.made_on);
        if after == *before {
            return Ok((after, String::new()));
        }
        after.made_on = flag.digest();
        Ok((after, said))
    }
}

fn rule(what: What, scope: &Scope, variant: &str) -> RuntimeRule {
    RuntimeRule { what, scope: scope.clone(), variant: variant.to_owned() }
}

/// Adds a rule, or replaces the one that it is instead of. Returns it in words.
fn put(after: &mut Override, new: RuntimeRule) -> String {
    let said = new.to_string();
    match after.rules.iter_mut().find(|old| old.is_instead_of(&new)) {
        Some(old) => *old = new,
        None => after.rules.push(new),
    }
    said
}

fn percent(
    after: &mut Override,
    flag: &Flag,
    (share, by): (Weight, Option<By>),
    variant: Option<&str>,
    scope: &Scope,
) -> Result<String, FlagRefusal> {
    let now = after.rules.iter().find_map(|rule| match rule.what {
        What::Percent { share, by } if rule.scope == *scope => Some((rule.clone(), share, by)),
        _ => None,
    });
    let Some((old, before, divided)) = now else {
        let variant = chosen(flag, variant, "on", on)?;
        let what = What::Percent { share, by: by.unwrap_or_default() };
        return Ok(put(after, rule(what, scope, variant)));
    };
    let variant = variant.map_or(Ok(old.variant.as_str()), |name| known(flag, name))?;
    if by.is_some_and(|by| by != divided) || variant != old.variant {
        let key = flag.key().to_owned();
        return Err(FlagRefusal::OtherPercentage { key, now: old.to_string() });
    }
    let new = rule(What::Percent { share, by: divided }, scope, variant);
    Ok(format!("{} (before {before})", put(after, new)))
}

fn remove(after: &mut Override, which: &Which, scope: &Scope) -> String {
    let keeps = |rule: &RuntimeRule| {
        let is_it = match which {
            Which::Everything => true,
            Which::About(subject) => rule.what.subject() == Some(subject),
            Which::Set => rule.what == What::Set,
            Which::Percent => matches!(rule.what, What::Percent { .. }),
        };
        !(is_it && (*which == Which::Everything || rule.scope == *scope))
    };
    after.rules.retain(keeps);
    let what = match which {
        Which::Everything => {
            after.enabled = None;
            return "as the file says".to_owned();
        }
        Which::About(subject) => subject.to_string(),
        Which::Set => "the variant for everybody".to_owned(),
        Which::Percent => "the percentage".to_owned(),
    };
    format!("no rule for {what}{scope} any more")
}

/// The variant that switches the flag on: the value `true`, the name `on`, or the other one of two.
fn on<'f>(flag: &'f Flag, named: Option<&str>) -> Option<&'f str> {
    pick(flag, named, &Value::Bool(true), "on").or_else(|| {
        let others = flag.variants().iter().filter(|own| Some(*own) != flag.default_variant());
        let is_one_of_two = flag.variants().len() == 2 && flag.default_variant().is_some();
        let found = others.map(crate::Variant::name).next();
        found.filter(|_| is_one_of_two && named.is_none())
    })
}

/// The variant that switches the flag off: the value `false`, the name `off`, or the default variant.
fn off<'f>(flag: &'f Flag, named: Option<&str>) -> Option<&'f str> {
    pick(flag, named, &Value::Bool(false), "off").or_else(|| {
        let default = flag.default_variant().map(crate::Variant::name);
        default.filter(|_| named.is_none())
    })
}

fn pick<'f>(flag: &'f Flag, named: Option<&str>, value: &Value, name: &str) -> Option<&'f str> {
    let all = flag.variants();
    let found = match named {
        Some(named) => all.iter().find(|own| own.name() == named),
        None => {
            let by_value = all.iter().find(|own| own.value() == value);
            by_value.or_else(|| all.iter().find(|own| own.name() == name))
        }
    };
    found.map(crate::Variant::name)
}

fn chosen<'f>(
    flag: &'f Flag,
    named: Option<&str>,
    word: &'static str,
    choose: fn(&'f Flag, Option<&str>) -> Option<&'f str>,
) -> Result<&'f str, FlagRefusal> {
    match (choose(flag, named), named) {
        (Some(variant), _) => Ok(variant),
        (None, Some(named)) => Err(unknown(flag, named)),
        (None, None) => Err(which(flag, word)),
    }
}

fn known<'f>(flag: &'f Flag, name: &str) -> Result<&'f str, FlagRefusal> {
    let found = flag.variants().iter().find(|own| own.name() == name);
    found.map(crate::Variant::name).ok_or_else(|| unknown(flag, name))
}

fn unknown(flag: &Flag, variant: &str) -> FlagRefusal {
    let (key, variant) = (flag.key().to_owned(), variant.to_owned());
    FlagRefusal::UnknownVariant { key, variant, known: names(flag) }
}

fn which(flag: &Flag, word: &'static str) -> FlagRefusal {
    FlagRefusal::WhichVariant { key: flag.key().to_owned(), word, known: names(flag) }
}

fn names(flag: &Flag) -> String {
    let names: Vec<&str> = flag.variants().iter().map(crate::Variant::name).collect();
    names.join(", ")
}

fn check(subject: &Subject, scope: &Scope) -> Result<(), FlagRefusal> {
    let (Subject::Tenant(id) | Subject::User(id)) = subject;
    check_text("the id", id)?;
    check_scope(scope)
}

fn check_scope(scope: &Scope) -> Result<(), FlagRefusal> {
    scope.workload.as_ref().map_or(Ok(()), |name| check_text("the workload", name))?;
    scope.stage.as_ref().map_or(Ok(()), |name| check_text("the stage", name))
}

fn check_text(what: &'static str, text: &str) -> Result<(), FlagRefusal> {
    if text.is_empty() || text.len() > LONGEST {
        let text = text[..text.floor_char_boundary(40)].to_owned();
        return Err(FlagRefusal::Text { what, text });
    }
    Ok(())
}
