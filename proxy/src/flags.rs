//! Flags that are evaluated for a request and sent to its backend.

use stagegate_flags::{Context, DecidedBy, Evaluation, Flag, FlagSet, FlagsSent, Scratch, Variant};
use stagegate_rollout::FlagCounts;
use stagegate_settings::ForwardFlags;

/// The most fields of a context before the release is chosen.
const FIELDS: usize = 6;

/// What is known about a request, without memory of its own.
pub(crate) struct About<'a> {
    fields: [(&'a str, &'a str); FIELDS],
    count: usize,
    excluded: bool,
}

impl<'a> About<'a> {
    pub(crate) const fn new(excluded: bool) -> Self {
        Self { fields: [("", ""); FIELDS], count: 0, excluded }
    }

    /// Adds a field, if it is known.
    pub(crate) fn put(&mut self, name: &'static str, value: Option<&'a str>) {
        if let (Some(place), Some(value)) = (self.fields.get_mut(self.count), value) {
            *place = (name, value);
            self.count += 1;
        }
    }

    /// The context of flags, in the memory of `scratch`.
    pub(crate) fn context<'s>(&self, scratch: &'s mut Scratch) -> Context<'s> {
        scratch.of_fields(&self.fields[..self.count]).excluding(self.excluded)
    }
}

/// Evaluates one flag and counts it.
pub(crate) fn one<'f>(
    key: &str,
    set: &'f FlagSet,
    (context, now_s): (&Context<'_>, u64),
    counts: &mut FlagCounts,
) -> Evaluation<'f> {
    let evaluation = set.evaluate(key, context, now_s);
    count(key, &evaluation, counts);
    evaluation
}

fn count(key: &str, evaluation: &Evaluation<'_>, counts: &mut FlagCounts) {
    let variant = evaluation.variant().map_or("", Variant::name);
    let counted = if evaluation.flag().is_some() { key } else { "unknown" };
    counts.add(counted, variant, evaluation.reason().label(), 1);
}

/// Evaluates the flags that are wanted, and those that the release pins, and counts them. Nothing if there
/// are none. A flag that is missing or fails is recorded and not sent.
pub(crate) fn evaluate(
    (wanted, pins): (&ForwardFlags, &[(String, String)]),
    set: &FlagSet,
    (context, now_s): (&Context<'_>, u64),
    counts: &mut FlagCounts,
) -> Option<Box<FlagsSent>> {
    if *wanted == ForwardFlags::Nothing && pins.is_empty() {
        return None;
    }
    let mut sent = Box::<FlagsSent>::default();
    let mut take = |key: &str, evaluation: &Evaluation<'_>| {
        count(key, evaluation, counts);
        let pin = pins.iter().find(|(pinned, _)| pinned == key);
        match pin.filter(|(_, variant)| may_pin(evaluation, variant)) {
            Some((_, variant)) => sent.add_pinned(key, variant),
            None => sent.add(key, evaluation),
        }
    };
    match wanted {
        ForwardFlags::Nothing => {}
        ForwardFlags::All => all(set, context, now_s, &mut take),
        ForwardFlags::Keys(keys) => {
            for key in keys {
                take(key, &set.evaluate(key, context, now_s));
            }
        }
    }
    for (key, _) in pins.iter().filter(|(key, _)| !wanted.wants(key)) {
        take(key, &set.evaluate(key, context, now_s));
    }
    Some(sent)
}

/// A pin gives way to whoever took the variant away, and to a flag that does not have it.
fn may_pin(evaluation: &Evaluation<'_>, variant: &str) -> bool {
    let taken = matches!(evaluation.decided_by(), DecidedBy::Off | DecidedBy::Denied);
    let variants = evaluation.flag().map(Flag::variants).unwrap_or_default();
    !taken && variants.iter().any(|own| own.name() == variant)
}

fn all(
    set: &FlagSet,
    context: &Context<'_>,
    now_s: u64,
    take: &mut impl FnMut(&str, &Evaluation<'_>),
) {
    let evaluated = set.evaluate_all(context, now_s);
    evaluated.for_each(|(flag, evaluation): (&Flag, _)| take(flag.key(), &evaluation));
}

#[cfg(test)]
mod tests {
    use super::evaluate;
    use stagegate_flags::{
        Bucketing, FlagChange, FlagFile, FlagSet, FlagsSent, Override, Scope, Scratch,
    };
    use stagegate_rollout::{FlagCounts, recorded_flags};
    use stagegate_settings::ForwardFlags;

    fn set(text: &str) -> FlagSet {
        let file = FlagFile::read("flags.json", text).expect("a good file");
        FlagSet::of(vec![file], Bucketing::V2).expect("no key twice")
    }

    const FILE: &str = r#"{"flags": {
        "prompt": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
            "targeting": {"if": [{"==": [{"var": "tenant"}, "acme"]}, "on"]}},
        "model": {"state": "ENABLED", "variants": {"5 mini, \"b\"": 1, "ü": 2}, "defaultVariant": "5 mini, \"b\""},
        "Upper": {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a"},
        "away": {"state": "DISABLED", "variants": {"a": 1}, "defaultVariant": "a"}
    }}"#;

    fn sent(wanted: &ForwardFlags, counts: &mut FlagCounts) -> Option<Box<FlagsSent>> {
        let fields = [("targetingKey", "ann"), ("tenant", "acme")];
        let mut scratch = Scratch::new();
        evaluate((wanted, &[]), &set(FILE), (&scratch.of_fields(&fields), 0), counts)
    }

    fn keys(keys: &[&str]) -> ForwardFlags {
        ForwardFlags::Keys(keys.iter().map(|&key| key.into()).collect())
    }

    #[test]
    fn flags_are_sent_in_both_forms_and_recorded() {
        let mut counts = FlagCounts::default();
        assert_eq!(sent(&ForwardFlags::Nothing, &mut counts), None);
        let flags = sent(&keys(&["prompt", "model"]), &mut counts).expect("flags");
        assert_eq!(flags.field, r#"prompt=on;by=targeting, model="5 mini, \"b\"";by=static"#);
        let members = "stagegate.flag.prompt=on,stagegate.flag.model=5%20mini%2C%20%22b%22,";
        assert_eq!((flags.baggage.as_str(), flags.members), (members, 2));
        let kept: Vec<_> = recorded_flags(&flags.record).collect();
        assert_eq!(
            (kept[0].key, kept[0].variant, kept[0].decided_by),
            ("prompt", "on", "targeting")
        );
        assert_eq!(kept[1].variant, "5 mini, \"b\"");
        let counted: Vec<_> = counts.iter().collect();
        assert!(counted.contains(&("prompt", "on", "TARGETING_MATCH", 1)), "{counted:?}");
    }

    #[test]
    fn a_release_pins_variants_that_nobody_took_away() {
        let pins = [("prompt", "off"), ("Upper", "b"), ("away", "a"), ("nobody", "x")];
        let pins = pins.map(|(key, variant)| (key.to_owned(), variant.to_owned()));
        let fields = [("tenant", "acme")];
        let (wanted, mut counts) = (ForwardFlags::Nothing, FlagCounts::default());
        let mut scratch = Scratch::new();
        let mut sent = |set: &FlagSet| {
            let context = scratch.of_fields(&fields);
            let sent = evaluate((&wanted, &pins), set, (&context, 0), &mut counts);
            let sent = sent.expect("flags");
            let by: Vec<String> = recorded_flags(&sent.record)
                .map(|it| format!("{}={} {}", it.key, it.variant, it.decided_by))
                .collect();
            by.join(", ")
        };
        let set = set(FILE);
        let told = sent(&set);
        assert_eq!(told, "prompt=off release, Upper=a static, away=a release, nobody= error");
        let change = FlagChange::Off { variant: Some("on".into()), scope: Scope::default() };
        let flag = set.get("prompt").expect("a flag");
        let given = change.apply(flag, &Override::default()).expect("it fits").0;
        let now = set.with_overlay(std::sync::Arc::new([("prompt".to_owned(), given)].into()));
        assert!(sent(&now).starts_with("prompt=on off, "), "{}", sent(&now));
    }

    #[test]
    fn what_is_missing_off_or_oddly_named_fails_nothing() {
        let mut counts = FlagCounts::default();
        let flags = sent(&keys(&["nobody", "away", "Upper"]), &mut counts).expect("flags");
        assert_eq!((flags.field.as_str(), flags.baggage.as_str()), ("", "stagegate.flag.Upper=a,"));
        let kept: Vec<_> = recorded_flags(&flags.record).map(|it| it.decided_by).collect();
        assert_eq!(kept, ["error", "disabled", "static"]);
        assert!(counts.iter().any(|it| it == ("unknown", "", "ERROR", 1)));
        assert_eq!(
            recorded_flags(&sent(&ForwardFlags::All, &mut counts).expect("flags").record).count(),
            4
        );
    }
}
