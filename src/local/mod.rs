//! Implements the command line's interface to this program: the configuration, tokens, and its
//! processes.

mod config;
mod demo;
mod token;

use crate::run;
use crate::signals::asked_to_end;
use serde_json::Value;
use stagegate_cli::{AgentArgs, Checked, DemoArgs, Judging, Local, NewToken, Role, ServeArgs};
use stagegate_eval::ScorerSpec;
use std::path::Path;
use std::process::ExitCode;

/// The program as the command line sees it.
pub(crate) struct ThisProgram;

impl Local for ThisProgram {
    fn serve(&self, args: &ServeArgs) -> ExitCode {
        run::serve(args)
    }

    fn demo(&self, args: &DemoArgs) -> ExitCode {
        stagegate_demo::run(args, demo::start, asked_to_end())
    }

    fn demo_agent(&self, args: &AgentArgs) -> ExitCode {
        stagegate_demo::run_agent(args, asked_to_end())
    }

    fn template(
        &self,
        stable: &str,
        candidate: &str,
        framework: &str,
        file: &Path,
    ) -> Result<String, String> {
        config::template(stable, candidate, framework, file)
    }

    fn check(&self, file: &Path) -> Checked {
        config::check(file)
    }

    fn schema(&self) -> Value {
        stagegate_config::schema()
    }

    fn config_reference(&self) -> String {
        stagegate_config::reference_markdown()
    }

    fn scorer(&self, file: &Path, name: &str) -> Result<ScorerSpec, String> {
        stagegate_config::scorer(file, name).map_err(|problems| problems.to_string())
    }

    fn judging(&self, file: &Path, workload: &str) -> Result<Judging, String> {
        config::judging(file, workload)
    }

    fn new_token(&self, name: &str, role: Role) -> Result<NewToken, String> {
        token::new(name, role)
    }
}
