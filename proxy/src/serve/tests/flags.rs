//! Flags that are sent to backends.

use super::sim::{CANDIDATE, FIRST, Setup};
use super::{OK, Sim};
use stagegate_flags::{Bucketing, FlagFile, FlagSet};
use stagegate_rollout::Reason;
use stagegate_settings::{ForwardFlags, IdentityFrom, Source};
use std::time::Duration;

fn set(default: &str) -> FlagSet {
    let text = format!(
        r#"{{"flags": {{"prompt": {{"state": "ENABLED", "variants": {{"on": true, "off": false}},
            "defaultVariant": "{default}",
            "targeting": {{"if": [{{"==": [{{"var": "tenant"}}, "acme"]}}, "off"]}}}}}}}}"#
    );
    let file = FlagFile::read("flags.json", &text).expect("a good file");
    FlagSet::of(vec![file], Bucketing::V2).expect("no key twice")
}

fn forwarding(setup: &mut Setup) {
    setup.agent().forward_flags = ForwardFlags::Keys(vec!["prompt".into(), "nobody".into()]);
    setup.agent().identity.tenant = vec![Source::Header("x-tenant-id".into())];
    setup.agent().identity.from = Some(IdentityFrom::Anyone);
}

fn get(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: agent\r\n{lines}\r\n")
}

#[test]
fn the_backend_gets_the_variants_and_nobody_else_says_them() {
    let sim = Sim::with(forwarding);
    sim.flags(set("on"));
    let mut kept = None;
    let claims = "stagegate-flags: prompt=x\r\nbaggage: a=1, stagegate.flag.prompt=x\r\n";
    for (tenant, field, member) in [
        ("globex", "prompt=on;by=default", "stagegate.flag.prompt=on"),
        ("acme", "prompt=off;by=targeting", "stagegate.flag.prompt=off"),
    ] {
        let client = sim.client();
        client.sends(get(&format!("{claims}X-Tenant-Id: {tenant}\r\n")));
        // The connection is used again.
        let backend = kept.take().unwrap_or_else(|| sim.backend());
        let seen = backend.receives("");
        assert_eq!(seen.field("stagegate-flags"), field);
        let baggage = format!("a=1,stagegate.arm=stable,stagegate.release=v1,{member}");
        assert_eq!(seen.field("baggage"), baggage);
        backend.sends(OK);
        client.receives("HTTP/1.1 200 OK\r\n");
        let recorded = sim.recorded_flags();
        let decider = field.rsplit('=').next().expect("a decider");
        assert_eq!(recorded[0], format!("prompt={} {decider}", &member[22..]));
        assert_eq!(recorded[1], "nobody= error", "a flag that is missing fails no request");
        kept = Some(backend);
    }
}

#[test]
fn without_flags_the_clients_baggage_stays_as_it_is() {
    let sim = Sim::new();
    sim.flags(set("on"));
    let client = sim.client();
    client.sends(get("stagegate-flags: prompt=x\r\nbaggage: a=1 , b=2\r\n"));
    let seen = sim.backend().receives("");
    assert_eq!(
        (seen.field("stagegate-flags").as_str(), seen.field("baggage").as_str()),
        ("", "a=1 , b=2")
    );
}

#[test]
fn a_request_that_was_not_sent_yet_takes_the_new_flags() {
    let sim = Sim::with(forwarding);
    sim.flags(set("on"));
    sim.hangs(FIRST);
    let client = sim.client();
    client.sends(get(""));
    sim.flags(set("off"));
    sim.accepts(FIRST);
    sim.passes(Duration::from_millis(50));
    let backend = sim.backend();
    assert_eq!(backend.receives("").field("stagegate-flags"), "prompt=off;by=default");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    assert_eq!(sim.recorded_flags()[0], "prompt=off default");
}

#[test]
fn a_flag_kills_the_workload_for_one_tenant() {
    let sim = Sim::with(|setup| {
        forwarding(setup);
        setup.agent().kill_flag = Some("prompt".into());
    });
    let mut kept = None;
    for (flags, tenant, reason, detail) in [
        (set("on"), "acme", Reason::KillSwitch, "prompt"),
        (set("on"), "globex", Reason::Default, ""),
        // Without its flag the workload lives.
        (FlagSet::default(), "acme", Reason::Default, ""),
    ] {
        sim.flags(flags);
        let client = sim.client();
        client.sends(get(&format!("X-Tenant-Id: {tenant}\r\n")));
        let backend = kept.take().unwrap_or_else(|| sim.backend());
        backend.receives("");
        backend.sends(OK);
        client.receives("HTTP/1.1 200 OK\r\n");
        assert_eq!(sim.decided(), [(tenant.to_owned(), reason, detail.to_owned())]);
        kept = Some(backend);
    }
}

#[test]
fn a_flag_names_the_arm_before_the_weight() {
    let sim = Sim::with(|setup| {
        forwarding(setup);
        setup.agent().arm_flag = Some("prompt".into());
    });
    let mut kept = None;
    for (flags, tenant, reason, detail, release) in [
        (set("on"), "globex", Reason::Flag, "prompt", "v2"),
        (set("on"), "acme", Reason::Flag, "prompt", "v1"),
        // Without its flag the weight decides.
        (FlagSet::default(), "globex", Reason::Default, "", "v1"),
    ] {
        sim.flags(flags);
        let client = sim.client();
        client.sends(get(&format!("X-Tenant-Id: {tenant}\r\n")));
        let backend = match release {
            "v2" => sim.backend_at(CANDIDATE),
            _ => kept.take().unwrap_or_else(|| sim.backend()),
        };
        assert_eq!(backend.receives("").field("stagegate-release"), release);
        backend.sends(OK);
        client.receives("HTTP/1.1 200 OK\r\n");
        assert_eq!(sim.decided(), [(tenant.to_owned(), reason, detail.to_owned())]);
        if release == "v1" {
            kept = Some(backend);
        }
    }
}

#[test]
fn one_request_may_have_all_three_kinds_of_flags() {
    let sim = Sim::with(|setup| {
        forwarding(setup);
        setup.agent().kill_flag = Some("prompt".into());
        setup.agent().arm_flag = Some("prompt".into());
        setup.agent().forward_flags = ForwardFlags::Keys(vec!["sent".into()]);
    });
    let text = r#"{"flags": {
        "prompt": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on",
            "targeting": {"if": [{"var": "release"}, "off"]}},
        "sent": {"state": "ENABLED", "variants": {"a": "a", "b": "b"}, "defaultVariant": "b",
            "targeting": {"if": [{"and": [{"==": [{"var": "arm"}, "candidate"]},
                {"==": [{"var": "release"}, "v2"]}, {"==": [{"var": "tenant"}, "acme"]}]}, "a"]}}}}"#;
    let file = FlagFile::read("flags.json", text).expect("a good file");
    sim.flags(FlagSet::of(vec![file], Bucketing::V2).expect("no key twice"));
    let client = sim.client();
    client.sends(get("X-Tenant-Id: acme\r\n"));
    let backend = sim.backend_at(CANDIDATE);
    // What decides is asked before there is a release, and what is sent knows it.
    assert_eq!(backend.receives("").field("stagegate-flags"), "sent=a;by=targeting");
    backend.sends(OK);
    client.receives("HTTP/1.1 200 OK\r\n");
    assert_eq!(sim.decided(), [("acme".to_owned(), Reason::Flag, "prompt".to_owned())]);
}
