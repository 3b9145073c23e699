//! The rollback runbook of a deployment: a page that a person who does not know the deployment can follow
//! line by line. Every command is complete.

use std::fmt::Write;

/// What the page is written from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// The workload.
    pub workload: String,
    /// The release that takes part of the traffic.
    pub candidate: String,
    /// The release to go back to.
    pub stable: String,
    /// Endpoints of the release to go back to.
    pub endpoints: Vec<String>,
    /// The address of the admin API, as the command line takes it.
    pub admin: String,
    /// The address of the dashboard for people, if it is known.
    pub link: Option<String>,
    /// The effect of the kill switch, in words.
    pub fallback: String,
    /// Names of the notification channels.
    pub channels: Vec<String>,
}

/// Writes the page as Markdown. Commands stand alone in lines that are indented by four blanks.
#[must_use]
pub fn rollback_runbook(of: &Deployment) -> String {
    let Deployment { workload, candidate, stable, admin, fallback, .. } = of;
    let mut page = format!("# Roll back {workload}: {candidate} to {stable}\n");
    let mut part = |title: &str, lines: &[&str], commands: &[String]| {
        let _ = write!(page, "\n## {title}\n\n{}\n", lines.join("\n"));
        if !commands.is_empty() {
            page.push('\n');
        }
        for command in commands {
            let _ = writeln!(page, "    {command}");
        }
    };
    let token =
        "You need a token of the role operator in `STAGEGATE_TOKEN`, if tokens are configured.";
    let trust = "The file of the authority that signed the server's certificate goes into `STAGEGATE_CA`, if no public one did.";
    let needs = [token, trust];
    let needs = if admin.starts_with("https://") { &needs[..] } else { &needs[..1] };
    part("1. Before you begin", needs, &[format!("export STAGEGATE_ADMIN={admin}")]);
    let look = "Look at both releases. Go on at once if users are harmed: looking is optional.";
    part("2. Look", &[look], &[format!("stagegate status {workload}")]);
    let endpoints = of.endpoints.join(", ");
    let back = format!(
        "All traffic goes to {stable} ({endpoints}). The answer says when the last new request left for {candidate}. It works before and after the rollout is complete."
    );
    let command = format!("stagegate rollback {workload} --reason 'rolled back by the runbook'");
    part("3. Roll back", &[&back], &[command]);
    let check = format!("The weight is 0% or {candidate} is not stable any more.");
    part(
        "4. Check",
        &[&check],
        &[format!("stagegate status {workload}"), "stagegate audit verify".to_owned()],
    );
    let kill = format!(
        "Only if {stable} harms users too. Requests go to the fallback: {fallback}. `stagegate revive {workload} --reason TEXT` ends it."
    );
    part(
        "5. If that is not enough",
        &[
            &kill,
            "",
            &format!("Command: `stagegate kill {workload} --reason 'both releases harm users'`"),
        ],
        &[],
    );
    let told = match of.channels.as_slice() {
        [] => "No channel is configured: tell the owner yourself.".to_owned(),
        channels => format!("A message was sent to: {}.", channels.join(", ")),
    };
    let link = of.link.as_ref().map(|it| format!("The dashboard: {it}")).unwrap_or_default();
    part("6. Afterwards", &[&told, &link], &[]);
    page
}

#[cfg(test)]
mod tests {
    use super::{Deployment, rollback_runbook};

    #[test]
    fn the_page_names_the_parts_of_this_deployment() {
        let page = rollback_runbook(&Deployment {
            workload: "agent".into(),
            candidate: "v2".into(),
            stable: "v1".into(),
            endpoints: vec!["10.0.0.1:9001".into()],
            admin: "http://127.0.0.1:9900".into(),
            link: None,
            fallback: "stable".into(),
            channels: Vec::new(),
        });
        let commands: Vec<&str> =
            page.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        assert!(
            commands.contains(&"stagegate rollback agent --reason 'rolled back by the runbook'")
        );
        assert!(!page.contains("STAGEGATE_CA"));
        let tls = rollback_runbook(&Deployment {
            admin: "https://ops.example.com".into(),
            ..Deployment::default()
        });
        assert!(tls.contains("STAGEGATE_ADMIN=https://ops.example.com"));
        assert!(tls.contains("STAGEGATE_CA"), "{tls}");
        assert!(page.contains("v1 (10.0.0.1:9001)") && page.contains("tell the owner yourself"));
    }
}
