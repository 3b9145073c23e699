use super::{GROUPS, command, parse};
use crate::line::check_line;

#[test]
fn the_commands_are_consistent() {
    command().debug_assert();
}

#[test]
fn wrong_usage_is_found_before_anything_is_sent() {
    for line in [
        "stagegate weight agent 110% --reason x",
        "stagegate rollback agent",
        "stagegate explain",
        "stagegate explain id-1 -w agent",
        "stagegate explain --tenant acme",
        "stagegate status agent -w agent",
        "stagegate report",
        "stagegate kill agent",
        "stagegate cohort enable agent",
        "stagegate allow add agent group acme",
        "stagegate token new --name x --role owner",
        "stagegate token force -w agent --arm both --for 1h",
        "stagegate status -o yaml",
        "stagegate rollout start agent",
        "stagegate rollout start agent --to v2 --override",
        "stagegate rollout promote agent --force",
        "stagegate rollout abort agent",
        "stagegate weight agent 10% --override",
        "stagegate eval gate --baseline base.jsonl",
        "stagegate eval try --file sample.json",
        "stagegate eval results",
        "stagegate review give req-1",
        "stagegate review give req-1 --pass --fail",
        "stagegate eval gate --baseline b --candidate c --attach -w agent",
        "stagegate eval gate --baseline b --candidate c --release v2",
    ] {
        assert!(parse(line.split(' ')).is_err(), "{line}");
    }
}

#[test]
fn every_command_is_in_one_group_of_the_help() {
    let root = command();
    let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
    grouped.retain(|name| *name != "help");
    let mut known: Vec<&str> = root
        .get_subcommands()
        .filter(|it| !it.is_hide_set())
        .map(clap::Command::get_name)
        .collect();
    known.sort_unstable();
    grouped.sort_unstable();
    assert_eq!(grouped, known);
    let help = command().render_help().to_string();
    assert!(help.contains("Move traffic, and take it back:\n  weight       Set"), "{help}");
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
}

#[test]
fn every_command_has_an_example_that_parses() {
    let mut seen = 0;
    let mut open = vec![(String::from("stagegate"), command())];
    while let Some((path, it)) = open.pop() {
        let children: Vec<_> = it.get_subcommands().cloned().collect();
        if !children.is_empty() {
            open.extend(children.into_iter().map(|it| (format!("{path} {}", it.get_name()), it)));
            continue;
        }
        let after = it.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples: Vec<&str> =
            after.lines().map(str::trim).filter(|line| line.starts_with("stagegate ")).collect();
        assert!(!examples.is_empty(), "`{path}` has no example: add `examples!(…)` to it");
        for example in examples {
            assert!(example.starts_with(&path), "`{example}` is an example of `{path}`");
            let line = example.split(" > ").next().expect("a command");
            check_line(line).unwrap_or_else(|error| panic!("{error}"));
            seen += 1;
        }
    }
    assert!(seen > 67, "{seen} examples");
}

#[test]
fn a_workload_is_named_in_one_form_everywhere_and_w_still_works() {
    for line in [
        "status agent",
        "audit ls agent",
        "decisions ls agent",
        "explain agent --tenant acme",
        "samples ls agent",
        "dataset export agent",
        "review ls agent",
        "review next agent",
        "eval results agent",
        "report agent",
        "token force agent --secret 0123456789abcdef",
        "eval gate agent --baseline a --candidate b --attach --release v2",
    ] {
        check_line(&format!("stagegate {line}")).unwrap_or_else(|error| panic!("{error}"));
        let old = line.replacen(" agent", " -w agent", 1);
        check_line(&format!("stagegate {old}")).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn the_commands_that_undo_names_parse() {
    for line in [
        "weight agent 1% --override",
        "rollback agent",
        "revive agent",
        "kill agent",
        "cohort rollback agent",
        "cohort enable agent pilots",
        "exclude rm agent vip acme",
        "exclude add agent vip acme",
        "deny rm agent user ann",
        "allow add agent user ann",
        "rollout abort agent",
        "rollout resume agent",
        "rollout pause agent",
        "rollout start agent --to v2 --policy default",
        "release rm agent v9",
    ] {
        let line = format!("stagegate {line} --reason undo --if-match 7 --dry-run");
        check_line(&line).unwrap_or_else(|error| panic!("{error}"));
    }
}
