//! What `Cargo.toml` says of the packages, against what is in the checkout.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::COMPLETIONS;
use crate::process::output;
use crate::project::Project;

/// The metadata of both packages.
fn metadata(project: &Project) -> (Value, Value) {
    let args = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let text = output(&mut project.cargo(&args)).expect("cargo metadata");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    let packages = all["packages"].as_array().expect("packages");
    let ours = packages.iter().find(|it| it["name"] == "stagegate").expect("the program");
    (ours["metadata"]["deb"].clone(), ours["metadata"]["generate-rpm"].clone())
}

/// Source and destination of each file, absolute.
fn files(deb: &Value, rpm: &Value) -> [Vec<(String, String)>; 2] {
    let text = |it: &Value| it.as_str().expect("a text").to_owned();
    let whole = |source: String, dest: String| {
        let name = source.rsplit('/').next().unwrap_or_default().to_owned();
        let dest = if dest.ends_with('/') { dest + &name } else { dest };
        let dest = if dest.starts_with('/') { dest } else { format!("/{dest}") };
        (source, dest)
    };
    let of_deb = deb["assets"].as_array().expect("assets").iter();
    let of_rpm = rpm["assets"].as_array().expect("assets").iter();
    [
        of_deb.map(|it| whole(text(&it[0]), text(&it[1]))).collect(),
        of_rpm.map(|it| whole(text(&it["source"]), text(&it["dest"]))).collect(),
    ]
}

/// What the chore stages.
fn is_staged(source: &str) -> bool {
    let completion =
        |(_, file): &(&str, &str)| source == format!("target/packages/completions/{file}");
    ["target/packages/stagegate", "target/packages/man/*.1"].contains(&source)
        || COMPLETIONS.iter().any(completion)
}

#[test]
fn every_file_of_a_package_is_there_or_staged() {
    let project = Project::find().expect("the checkout");
    let (deb, rpm) = metadata(&project);
    for (source, _) in files(&deb, &rpm).into_iter().flatten() {
        assert!(is_staged(&source) || project.path(&source).is_file(), "{source}");
    }
    let scripts = deb["maintainer-scripts"].as_str().expect("a directory");
    for script in ["postinst", "prerm", "postrm"] {
        assert!(project.path(scripts).join(script).is_file(), "{script}");
    }
    for script in ["post_install_script", "pre_uninstall_script"] {
        let path = rpm[script].as_str().expect("a path");
        assert!(project.path(path).is_file(), "{path}");
    }
    assert!(project.path(deb["license-file"][0].as_str().expect("a file")).is_file());
}

#[test]
fn both_packages_have_the_same_files() {
    let project = Project::find().expect("the checkout");
    let (deb, rpm) = metadata(&project);
    let [deb, rpm] = files(&deb, &rpm).map(|all| {
        all.into_iter()
            // Each family has its own place for these.
            .filter(|(_, to)| {
                !to.contains("/zsh/") && !to.contains("/doc/") && !to.contains("/licenses/")
            })
            .collect::<BTreeSet<_>>()
    });
    assert_eq!(deb, rpm);
}

#[test]
fn the_unit_the_files_and_the_configuration_name_the_same_places() {
    let project = Project::find().expect("the checkout");
    let (deb, rpm) = metadata(&project);
    let [files, _] = files(&deb, &rpm);
    let to = |end: &str| {
        let found = files.iter().find(|(_, to)| to.ends_with(end));
        found.map_or_else(|| panic!("no file {end}"), |(_, to)| to.clone())
    };
    let read = |path: &str| fs::read_to_string(project.path(path)).expect("readable");
    let unit = read("deploy/systemd/stagegate.service");
    let (program, config) = (to("/bin/stagegate"), to("/stagegate.yaml"));
    assert!(unit.contains(&format!("ExecStart={program} serve")), "{unit}");
    assert!(unit.contains(&format!("STAGEGATE_CONFIG={config}")), "{unit}");
    let directory = unit.lines().find_map(|line| line.strip_prefix("StateDirectory="));
    let data = Path::new("/var/lib").join(directory.expect("a directory"));
    let configured = read("deploy/packages/stagegate.yaml");
    assert!(configured.contains(&format!("data_dir: {}\n", data.display())), "{configured}");
    let user = read("deploy/packages/sysusers.conf");
    // systemd takes the user of the unit's name, where there is one, instead of making one.
    assert!(user.contains("\nu stagegate ") && unit.contains("DynamicUser=yes"), "{user}");
    assert_eq!(deb["conf-files"][0].as_str(), Some(&*config));
}
