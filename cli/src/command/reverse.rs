//! The command that takes a change back, from the change's audit record: pure.

use stagegate_api::{AuditRecord, WorkloadDetail};

/// The way to revert a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reverse {
    /// By this command (its words after the program's name, without a reason), with a remark.
    By(Vec<String>, Option<String>),
    /// Not by a command; what to do instead.
    ByHand(String),
    /// It moved nothing: the change before it is meant.
    Nothing,
}

/// Returns the command that reverts `record`, given the workload's current state.
pub(crate) fn reverse(record: &AuditRecord, now: &WorkloadDetail) -> Reverse {
    let w = now.name.as_str();
    let text = |key: &str| record.details[key].as_str().unwrap_or_default();
    let by = |words: &[&str]| Reverse::By(words.iter().map(|&it| it.to_owned()).collect(), None);
    let noting = |words: &[&str], note: String| {
        Reverse::By(words.iter().map(|&it| it.to_owned()).collect(), Some(note))
    };
    match record.action.as_str() {
        _ if record.epoch_after == record.epoch_before => Reverse::Nothing,
        "set_weight" => weight(record, now),
        "rollback" | "abort" => opened_again(now),
        "kill" => by(&["revive", w]),
        "revive" => by(&["kill", w]),
        "enable_cohort" => by(&["cohort", "rollback", w]),
        "rollback_cohort" => {
            let name =
                record.summary.strip_prefix("cohort ").and_then(|it| it.strip_suffix(" closed"));
            name.map_or_else(
                || Reverse::ByHand(format!("`stagegate cohort ls {w}` shows which cohort is next")),
                |name| by(&["cohort", "enable", w, name]),
            )
        }
        "exclude" => by(&["exclude", "rm", w, text("group"), text("tenant")]),
        "unexclude" => by(&["exclude", "add", w, text("group"), text("tenant")]),
        "opt_in" => {
            let group =
                record.summary.rsplit_once(" opted in from ").map_or("", |(_, group)| group);
            by(&["exclude", "add", w, group, text("tenant")])
        }
        "list" | "unlist" => {
            let change = if record.action == "list" { "rm" } else { "add" };
            let subject = &record.details["subject"];
            let of = |key: &str| subject[key].as_str().unwrap_or_default();
            by(&[text("list"), change, w, of("kind"), of("id")])
        }
        "start" => by(&["rollout", "abort", w]),
        "promote" | "force_promote" => noting(
            &["rollback", w],
            format!(
                "a promotion has no step back, because the evidence of the step before is gone: this \
                 takes the candidate out; `stagegate weight {w} SHARE --override` only makes its share \
                 smaller"
            ),
        ),
        "pause" => by(&["rollout", "resume", w]),
        "resume" => by(&["rollout", "pause", w]),
        "complete" => {
            noting(&["rollback", w], "this puts the former stable release back".to_owned())
        }
        "restore" => started_again(now),
        "add_release" => by(&["release", "rm", w, text("release")]),
        "remove_release" => Reverse::ByHand(format!(
            "register it again: `stagegate release add {w} {} --endpoint URL …`",
            text("release")
        )),
        "reload" | "declare" => Reverse::ByHand(
            "the configuration file changed: change it back, then `stagegate reload`".to_owned(),
        ),
        "drill" | "exercise" | "runbook" | "attach_eval_report" | "denied" | "analysis" => {
            Reverse::Nothing
        }
        action => Reverse::ByHand(format!("no command takes `{action}` back")),
    }
}

/// The flag that `record` changed at run time, and the command that reverts it.
pub(crate) fn reverse_of_flag(record: &AuditRecord) -> Option<(String, Vec<String>)> {
    if !record.action.starts_with("flag_") || record.epoch_after == record.epoch_before {
        return None;
    }
    let key = record.details["flag"].as_str()?;
    let before = &record.details["before"];
    let nothing =
        before["enabled"].is_null() && before["rules"].as_array().is_none_or(Vec::is_empty);
    let words = if nothing {
        ["flag", "rm", key].map(str::to_owned).to_vec()
    } else {
        // What the program notes for itself is none of the command's business.
        let mut before = before.clone();
        before.as_object_mut()?.remove("made_on");
        vec!["flag".to_owned(), "put".to_owned(), key.to_owned(), before.to_string()]
    };
    Some((key.to_owned(), words))
}

/// `weight 1% -> 10%` is taken back by the weight before.
fn weight(record: &AuditRecord, now: &WorkloadDetail) -> Reverse {
    let w = now.name.clone();
    if record.summary.starts_with("candidate opened again") {
        return Reverse::By(vec!["rollback".to_owned(), w], None);
    }
    let before = record.summary.strip_prefix("weight ").and_then(|it| it.split(" -> ").next());
    let Some(before) = before else {
        return Reverse::ByHand(format!("`stagegate weight {w} SHARE` sets another weight"));
    };
    let mut words = vec!["weight".to_owned(), w, before.to_owned()];
    if now.rollout.as_ref().is_some_and(|it| it.active) {
        words.push("--override".to_owned());
    }
    Reverse::By(words, None)
}

/// The candidate was taken out: begin its rollout again, or give it its weight back.
fn opened_again(now: &WorkloadDetail) -> Reverse {
    let Some(closed) = &now.closed else {
        return started_again(now);
    };
    if now.rollout.as_ref().is_some_and(|it| !it.active && it.since.at_ms == closed.at_ms) {
        return started_again(now);
    }
    let share = closed.weight_before.as_str();
    if share != "0%" {
        let mut words = ["weight", now.name.as_str(), share].map(str::to_owned).to_vec();
        words.extend(override_for(now, now.candidate.as_deref()));
        let note = (!now.cohorts.is_empty())
            .then(|| "cohorts stay closed: `stagegate cohort enable` opens them".to_owned());
        return Reverse::By(words, note);
    }
    match now.cohorts.first() {
        Some(first) => {
            let words = ["cohort", "enable", now.name.as_str(), first.name.as_str()];
            let mut words = words.map(str::to_owned).to_vec();
            words.extend(override_for(now, now.candidate.as_deref()));
            Reverse::By(words, None)
        }
        None => Reverse::ByHand("the candidate had no share before".to_owned()),
    }
}

fn started_again(now: &WorkloadDetail) -> Reverse {
    let Some(rollout) = &now.rollout else {
        return Reverse::ByHand(format!("`stagegate rollout start {} --to RELEASE`", now.name));
    };
    let (to, policy) = (rollout.to.as_str(), rollout.policy.as_str());
    let words = ["rollout", "start", now.name.as_str(), "--to", to, "--policy", policy];
    let mut words = words.map(str::to_owned).to_vec();
    words.extend(override_for(now, Some(to)));
    let note = "the rollout begins again at its first step".to_owned();
    Reverse::By(words, Some(note))
}

/// The option that gives a release traffic again although it was rolled back.
fn override_for(now: &WorkloadDetail, release: Option<&str>) -> Option<String> {
    let mut condemned = now.condemned.iter().filter(|it| it.let_in.is_none());
    let found = condemned.any(|it| Some(it.release.as_str()) == release);
    found.then(|| "--override".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Reverse, reverse, reverse_of_flag};
    use crate::canned;
    use serde_json::{Value, json};
    use stagegate_api::{AuditRecord, WorkloadDetail};

    fn record(action: &str, summary: &str, details: &Value) -> AuditRecord {
        let record = json!({
            "seq": 7, "at_ms": 0, "actor": "ann", "workload": "agent", "action": action,
            "reason": "", "summary": summary, "epoch_before": 4, "epoch_after": 5,
            "details": details, "prev_hash": "", "hash": "",
        });
        serde_json::from_value(record).expect("the API's own shape")
    }

    #[test]
    fn a_change_of_a_flag_is_taken_back_by_what_was_before() {
        let rule = json!({ "rule": "deny", "tenant": "acme", "variant": "off" });
        for (before, wanted) in [
            (json!({}), json!(["flag", "rm", "new-prompt"])),
            (
                json!({ "rules": [rule], "made_on": "12345678" }),
                json!(["flag", "put", "new-prompt", json!({ "rules": [rule] }).to_string()]),
            ),
        ] {
            let details = json!({ "flag": "new-prompt", "before": before, "after": {} });
            let (key, words) = reverse_of_flag(&record("flag_off", "", &details)).expect("a flag");
            assert_eq!((key.as_str(), json!(words)), ("new-prompt", wanted));
        }
        assert!(reverse_of_flag(&record("set_weight", "", &json!({}))).is_none());
    }

    fn undone(
        action: &str,
        summary: &str,
        details: &Value,
        change: impl FnOnce(&mut Value),
    ) -> String {
        let mut now = canned::workload("10%");
        change(&mut now);
        let now: WorkloadDetail = serde_json::from_value(now).expect("the API's own shape");
        match reverse(&record(action, summary, details), &now) {
            Reverse::By(words, _) => words.join(" "),
            Reverse::ByHand(text) => format!("by hand: {text}"),
            Reverse::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn every_change_has_a_way_back() {
        let none = json!({});
        let plain = |action, summary, details: &Value| undone(action, summary, details, |_| {});
        assert_eq!(plain("set_weight", "weight 1% -> 10%", &none), "weight agent 1%");
        assert_eq!(plain("set_weight", "candidate opened again at 5%", &none), "rollback agent");
        assert_eq!(plain("kill", "killed", &none), "revive agent");
        assert_eq!(plain("revive", "revived", &none), "kill agent");
        assert_eq!(plain("enable_cohort", "", &none), "cohort rollback agent");
        assert_eq!(
            plain("rollback_cohort", "cohort pilots closed", &none),
            "cohort enable agent pilots"
        );
        let tenant = json!({ "group": "vip", "tenant": "acme" });
        assert_eq!(plain("exclude", "", &tenant), "exclude rm agent vip acme");
        assert_eq!(plain("unexclude", "", &tenant), "exclude add agent vip acme");
        assert_eq!(
            plain("opt_in", "tenant acme opted in from vip", &tenant),
            "exclude add agent vip acme"
        );
        let listed = json!({ "list": "deny", "subject": { "kind": "user", "id": "ann" } });
        assert_eq!(plain("list", "ann denied", &listed), "deny rm agent user ann");
        assert_eq!(plain("unlist", "", &listed), "deny add agent user ann");
        assert_eq!(plain("start", "", &none), "rollout abort agent");
        assert_eq!(plain("promote", "", &none), "rollback agent");
        assert_eq!(plain("pause", "", &none), "rollout resume agent");
        assert_eq!(plain("resume", "", &none), "rollout pause agent");
        assert_eq!(plain("add_release", "", &json!({ "release": "v9" })), "release rm agent v9");
        assert!(plain("reload", "", &none).starts_with("by hand"), "a file is changed by hand");
        assert_eq!(plain("drill", "", &none), "nothing");
    }

    #[test]
    fn a_rollback_gives_the_weight_back_or_begins_the_rollout_again() {
        let closed = json!({ "by": "ann", "reason": "", "at_ms": 9, "weight_before": "10%", "finishing": false });
        let none = json!({});
        let plain = undone("rollback", "", &none, |now| now["closed"] = closed.clone());
        assert_eq!(plain, "weight agent 10%");
        let rollout = json!({
            "id": "agent~v2~1", "from": "v1", "to": "v2", "policy": "default", "phase": "rolled_back",
            "active": false, "step": 1, "steps": 4, "since": { "by": "ann", "reason": "", "at_ms": 9 },
        });
        let again = undone("rollback", "", &none, |now| {
            now["closed"] = closed.clone();
            now["rollout"] = rollout;
        });
        assert_eq!(again, "rollout start agent --to v2 --policy default");
    }
}
