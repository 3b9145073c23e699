//! The admission of passports: what speaks against one, and what one brings.

use crate::passport::SCHEMA;
use crate::{
    Check, Facts, Item, Passport, PassportDemand, PassportRefusal, PassportSeen, Pins, Proof,
    SignedPassport, Standing,
};
use stagegate_timing::moment;
use std::collections::BTreeMap;

/// A clock of another machine may be ahead by so much, in milliseconds.
const AHEAD_MS: u64 = 5 * 60_000;

/// The present environment's side of an admission.
#[derive(Clone, Copy, Debug)]
pub struct Gatekeeper<'a> {
    /// The workload.
    pub workload: &'a str,
    /// The release.
    pub release: &'a str,
    /// Digest of the release's pins here.
    pub fingerprint: &'a str,
    /// Its pins here.
    pub pins: &'a Pins,
    /// Public keys of the environments that are trusted.
    pub trusted: &'a BTreeMap<String, Vec<String>>,
    /// What the policy demands, if it demands one.
    pub demand: Option<&'a PassportDemand>,
    /// The time, in Unix milliseconds.
    pub now_ms: u64,
}

/// Decides about a passport. `read` makes the passport of the text, and `verify` says if the signature (hex)
/// of the bytes is that of the public key (hex).
///
/// # Errors
/// The first reason against it, with what to do.
pub fn admit(
    signed: &SignedPassport,
    here: &Gatekeeper<'_>,
    read: impl Fn(&str) -> Result<Passport, String>,
    verify: impl Fn(&str, &[u8], &str) -> bool,
) -> Result<Passport, PassportRefusal> {
    let refuse = |why: String| Err(PassportRefusal(why));
    if signed.schema != SCHEMA {
        return refuse(format!(
            "the file has the form `{}`, and `{SCHEMA}` is known",
            signed.schema
        ));
    }
    if !verify(&signed.key, signed.payload.as_bytes(), &signed.signature) {
        return refuse(
            "the signature is not that of the text: the passport was changed; export it again"
                .to_owned(),
        );
    }
    let passport = read(&signed.payload)
        .map_err(|why| PassportRefusal(format!("the passport cannot be read: {why}")))?;
    trusted(&passport, signed, here)?;
    if passport.workload != here.workload || passport.release != here.release {
        return refuse(format!(
            "the passport is of release {} of {}, not of {} of {}",
            passport.release, passport.workload, here.release, here.workload
        ));
    }
    if passport.fingerprint != here.fingerprint {
        return refuse(format!(
            "the release has other pins here: {}",
            differences(&passport.pins, &here.pins.named())
        ));
    }
    if passport.issued_ms > here.now_ms.saturating_add(AHEAD_MS) {
        return refuse(format!(
            "it is dated {}, which is in the future: check the clocks",
            moment(passport.issued_ms)
        ));
    }
    demanded(&passport, here)?;
    Ok(passport)
}

fn trusted(
    passport: &Passport,
    signed: &SignedPassport,
    here: &Gatekeeper<'_>,
) -> Result<(), PassportRefusal> {
    let environment = &passport.environment;
    match here.trusted.get(environment) {
        None => {
            let known: Vec<&str> = here.trusted.keys().map(String::as_str).collect();
            Err(PassportRefusal(format!(
                "no key of environment `{environment}` is trusted; there are keys of: {}: add it to `environment.trusted`",
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            )))
        }
        Some(keys) if !keys.contains(&signed.key) => Err(PassportRefusal(format!(
            "the key {}… is not one of environment `{environment}`: add it to `environment.trusted`, if it is theirs",
            signed.key.chars().take(12).collect::<String>()
        ))),
        Some(_) => Ok(()),
    }
}

fn demanded(passport: &Passport, here: &Gatekeeper<'_>) -> Result<(), PassportRefusal> {
    let Some(demand) = here.demand else { return Ok(()) };
    if passport.environment != demand.from {
        return Err(PassportRefusal(format!(
            "the policy demands a passport from `{}`, and this one is from `{}`",
            demand.from, passport.environment
        )));
    }
    if here.now_ms.saturating_sub(passport.issued_ms) > demand.max_age_ms {
        return Err(PassportRefusal(format!(
            "it was issued {} and has expired: the policy admits passports of at most {}; export it again",
            moment(passport.issued_ms),
            stagegate_rollout::Span(demand.max_age_ms)
        )));
    }
    let open: Vec<&str> =
        demand.checks.iter().map(String::as_str).filter(|id| !passport.has(id)).collect();
    if open.is_empty() {
        return Ok(());
    }
    Err(PassportRefusal(format!(
        "checks were open in {}: {}; meet them there and export it again",
        passport.environment,
        open.join(", ")
    )))
}

/// How long a passport is good where the policy says nothing, in milliseconds: a week.
const USUAL_AGE_MS: u64 = 7 * 86_400_000;

/// The passport that counts for the release as it is now.
fn counts(facts: &Facts) -> Result<&PassportSeen, String> {
    let seen = facts.passport.as_ref().ok_or("no passport was admitted")?;
    let demand = facts.settings.passport.as_ref();
    let max_age_ms = demand.map_or(USUAL_AGE_MS, |it| it.max_age_ms);
    if seen.passport.fingerprint != facts.fingerprint {
        return Err("the admitted passport is of other pins".to_owned());
    }
    if facts.now_ms.saturating_sub(seen.passport.issued_ms) > max_age_ms {
        return Err(format!(
            "the admitted passport of {} expired",
            moment(seen.passport.issued_ms)
        ));
    }
    if let Some(demand) = demand {
        if demand.from != seen.passport.environment {
            return Err(format!("the admitted passport is from {}", seen.passport.environment));
        }
        if let Some(open) = demand.checks.iter().find(|id| !seen.passport.has(id)) {
            return Err(format!("check {open} was open when the passport was issued"));
        }
    }
    Ok(seen)
}

/// The check for a passport.
pub(crate) fn prove(facts: &Facts) -> Proof {
    let (workload, release) = (&facts.workload, &facts.release);
    match counts(facts) {
        Ok(seen) => Proof::Holds(format!(
            "from {}, issued {} by {}, admitted by {}",
            seen.passport.environment,
            moment(seen.passport.issued_ms),
            seen.passport.issued_by,
            seen.by
        )),
        Err(why) => Proof::Fails {
            why,
            remedy: format!(
                "there: `stagegate passport export {workload} --release {release} --out {release}.json`; here: `stagegate passport admit {workload} --file {release}.json`"
            ),
        },
    }
}

/// The evidence that a passport brings for the attack report (A3) and the trial (B8), which are made in
/// another environment.
pub(crate) fn brings(item: &Item, facts: &Facts) -> Option<String> {
    if !matches!(item.check, Some(Check::A3 | Check::B8)) {
        return None;
    }
    let seen = counts(facts).ok()?;
    let check = seen.passport.checks.iter().find(|it| it.id == item.id)?;
    (check.standing == Standing::Yes)
        .then(|| format!("in {}: {}", seen.passport.environment, check.seen))
}

/// The pins that differ, from both sides.
#[must_use]
pub fn differences(there: &BTreeMap<String, String>, here: &BTreeMap<String, String>) -> String {
    let names: std::collections::BTreeSet<&String> = there.keys().chain(here.keys()).collect();
    let said = |pins: &BTreeMap<String, String>, name: &str| {
        pins.get(name).map_or_else(|| "none".to_owned(), Clone::clone)
    };
    let differ: Vec<String> = names
        .into_iter()
        .filter(|name| there.get(*name) != here.get(*name))
        .map(|name| format!("{name} {} there and {} here", said(there, name), said(here, name)))
        .collect();
    if differ.is_empty() { "something that is no named pin".to_owned() } else { differ.join(", ") }
}
