//! Pure: the API's request for a verb of a workload's pages.

use crate::ask::{Change, path};
use crate::form::Form;
use http::Method;
use serde_json::{Value, json};

/// The parts of an artifact that the form of a new release has.
pub(crate) const ARTIFACT: [(&str, &str); 5] = [
    ("model", "Model"),
    ("prompt", "Prompt"),
    ("tools", "Tools"),
    ("git_tag", "Git tag"),
    ("notes", "Notes"),
];

/// The request for `verb`.
///
/// # Errors
/// When there is no such verb, or the form is not complete.
pub(crate) fn change<'a>(workload: &str, verb: &str, form: &'a Form) -> Result<Change<'a>, String> {
    let of = |rest: &[&str]| path(&[&["v1", "workloads", workload], rest].concat());
    let reason = form.text("reason");
    let send = |method: Method, rest: &[&str], body: Value| Change {
        method,
        path: of(rest),
        body,
        key: form.get("key"),
        epoch: form.get("epoch"),
    };
    let post = |rest: &[&str], body: Value| send(Method::POST, rest, body);
    let optional = || match form.get("reason") {
        Some(reason) => json!({ "reason": reason }),
        None => json!({}),
    };
    let listed = |method: Method, list: &str| {
        send(method, &[list, form.text("kind"), form.text("id")], optional())
    };
    let excluded = |method: Method| {
        send(method, &["exclusions", form.text("group"), form.text("id")], optional())
    };
    Ok(match verb {
        "rollback" => post(&["rollback"], json!({ "reason": reason })),
        "kill" if form.get("name") != Some(workload) => {
            return Err(format!("to kill `{workload}`, type its name into the form"));
        }
        "kill" => post(&["kill"], json!({ "reason": reason })),
        "revive" => post(&["revive"], json!({ "reason": reason })),
        "pause" => post(&["rollouts", "current", "pause"], optional()),
        "resume" => post(&["rollouts", "current", "resume"], optional()),
        "abort" => post(&["rollouts", "current", "abort"], json!({ "reason": reason })),
        "promote" => {
            let force = form.has("force");
            let mut body = optional();
            body["force"] = json!(force);
            // A forced promotion does not rest on an analysis.
            if let Some(expect) = form.get("expect").filter(|_| !force) {
                body["expect"] = json!(expect);
            }
            post(&["rollouts", "current", "promote"], body)
        }
        "start" => {
            let mut body = optional();
            body["to"] = json!(form.text("to"));
            body["override"] = json!(form.has("override"));
            if let Some(policy) = form.get("policy") {
                body["policy"] = json!(policy);
            }
            post(&["rollouts"], body)
        }
        "weight" => send(
            Method::PUT,
            &["weight"],
            json!({ "weight": form.text("weight"), "reason": reason, "override": form.has("override") }),
        ),
        "open-cohort" => {
            let mut body = optional();
            let opt_in: Vec<&str> =
                form.text("opt_in").split([',', ' ']).filter(|it| !it.is_empty()).collect();
            if !opt_in.is_empty() {
                body["opt_in"] = json!(opt_in);
            }
            post(&["cohorts", form.text("cohort"), "enable"], body)
        }
        "close-cohort" => post(&["cohorts", "rollback"], json!({ "reason": reason })),
        "allow" => listed(Method::PUT, "allow"),
        "unallow" => listed(Method::DELETE, "allow"),
        "deny" => listed(Method::PUT, "deny"),
        "undeny" => listed(Method::DELETE, "deny"),
        "exclude" => excluded(Method::PUT),
        "unexclude" => excluded(Method::DELETE),
        "opt-in" => post(&["exclusions", form.text("id"), "opt-in"], json!({ "reason": reason })),
        "add-release" => post(&["releases"], new_release(form)),
        "remove-release" => send(Method::DELETE, &["releases", form.text("release")], optional()),
        other => return Err(format!("there is no change `{other}`")),
    })
}

fn new_release(form: &Form) -> Value {
    let mut artifact = json!({});
    for (name, _) in ARTIFACT {
        if let Some(value) = form.get(name) {
            artifact[name] = json!(value);
        }
    }
    let endpoints: Vec<&str> = form.text("endpoints").split_whitespace().collect();
    let mut body =
        json!({ "name": form.text("name"), "endpoints": endpoints, "artifact": artifact });
    if let Some(reason) = form.get("reason") {
        body["reason"] = json!(reason);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::change;
    use crate::form::Form;
    use serde_json::json;

    #[test]
    fn a_promotion_carries_the_analysis_that_the_page_showed() {
        let form = Form::read(b"expect=agent~v43~2&epoch=7&key=k1");
        let it = change("agent", "promote", &form).expect("a change");
        assert_eq!(it.path, "/v1/workloads/agent/rollouts/current/promote");
        assert_eq!(it.body, json!({ "force": false, "expect": "agent~v43~2" }));
        assert_eq!((it.key, it.epoch), (Some("k1"), Some("7")));
        let form = Form::read(b"expect=agent~v43~2&force=on&reason=incident");
        let it = change("agent", "promote", &form).expect("a change");
        assert_eq!(it.body, json!({ "force": true, "reason": "incident" }));
    }

    #[test]
    fn a_kill_wants_the_name_of_the_workload() {
        assert!(change("agent", "kill", &Form::read(b"reason=x")).is_err());
        assert!(change("agent", "kill", &Form::read(b"reason=x&name=other")).is_err());
        assert!(change("agent", "kill", &Form::read(b"reason=x&name=agent")).is_ok());
        assert!(change("agent", "erase", &Form::default()).is_err());
    }

    #[test]
    fn who_is_listed_cannot_leave_their_place_in_the_path() {
        let form = Form::read(b"kind=tenant&id=a%2F..%2Fb&reason=test");
        let it = change("agent", "deny", &form).expect("a change");
        assert_eq!(it.path, "/v1/workloads/agent/deny/tenant/a%2F..%2Fb");
        assert_eq!((it.method, it.body), (http::Method::PUT, json!({ "reason": "test" })));
    }

    #[test]
    fn a_new_release_has_what_was_filled_in() {
        let form = Form::read(b"name=v9&endpoints=http://a:1%0D%0Ahttp://b:1&model=m-9&notes=");
        let it = change("agent", "add-release", &form).expect("a change");
        let wanted = json!({ "name": "v9", "endpoints": ["http://a:1", "http://b:1"],
            "artifact": { "model": "m-9" } });
        assert_eq!(it.body, wanted);
    }
}
