//! Plays GitLab: starts the jobs of a pipeline whose rules match, each on a fresh machine with the variables of its environment,
//! and hands artifacts to the jobs that need them.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

use super::github::copy;
use super::texts;
use crate::process::{finished, program_folder};
use crate::world::{Ran, World};

type Variables = BTreeMap<String, String>;

pub(super) struct GitLab<'a> {
    pub(super) world: &'a World,
    pub(super) pipeline: &'a Value,
    /// The variables of each environment.
    pub(super) variables: BTreeMap<&'static str, Vec<(&'static str, String)>>,
}

/// A pipeline that runs, with the artifacts of its jobs.
pub(super) struct Pipeline {
    predefined: Variables,
    artifacts: BTreeMap<String, TempDir>,
}

impl Pipeline {
    pub(super) fn of(predefined: &[(&str, &str)]) -> Self {
        let predefined = [("CI_DEFAULT_BRANCH", "main"), ("CI_PROJECT_ID", "1")].iter().chain(predefined);
        let predefined = predefined.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { predefined, artifacts: BTreeMap::new() }
    }

    /// A file that a job kept.
    pub(super) fn artifact(&self, job: &str, name: &str) -> PathBuf {
        self.artifacts[job].path().join(name)
    }
}

impl GitLab<'_> {
    /// The jobs that the pipeline has, in the order of their stages.
    pub(super) fn jobs(&self, run: &Pipeline) -> Vec<String> {
        let workflow = self.pipeline["workflow"]["rules"].as_array().expect("rules");
        if !workflow.iter().any(|rule| matches(rule, &run.predefined)) {
            return Vec::new();
        }
        let stages = texts(&self.pipeline["stages"]);
        let has_job = |stage: &String| {
            let rules = self.pipeline[stage]["rules"].as_array().expect("rules");
            rules.iter().any(|rule| matches(rule, &run.predefined))
        };
        stages.into_iter().filter(has_job).collect()
    }

    /// Runs one job. Its files stay if the job asks for that, even if it fails.
    pub(super) async fn job(&self, run: &mut Pipeline, name: &str) -> Ran {
        let job = &self.pipeline[name];
        assert_eq!(job["stage"], name);
        let machine = tempfile::tempdir().expect("a folder");
        copy(&self.world.folder.path().join("stack"), &machine.path().join("stack"));
        for needed in texts(&job["needs"]) {
            copy(run.artifacts[&needed].path(), machine.path());
        }
        let ran = self.script(run, job, machine.path()).await;
        let artifacts = &job["artifacts"];
        let reports = artifacts["reports"].as_object().into_iter().flatten();
        let kept = texts(&artifacts["paths"])
            .into_iter()
            .chain(reports.filter_map(|(_, file)| Some(file.as_str()?.to_owned())));
        let folder = tempfile::tempdir().expect("a folder");
        for file in kept.filter(|_| ran.code == Some(0) || artifacts["when"] == "always") {
            // GitLab warns about a missing file and continues.
            let _ = std::fs::copy(machine.path().join(&file), folder.path().join(&file));
        }
        run.artifacts.insert(name.to_owned(), folder);
        ran
    }

    async fn script(&self, run: &Pipeline, job: &Value, machine: &Path) -> Ran {
        assert_eq!(
            self.pipeline["default"]["image"]["entrypoint"],
            serde_json::json!([""]),
            "the runner needs a shell"
        );
        let image = self.pipeline["default"]["image"]["name"].as_str().expect("an image");
        assert!(
            image.contains("@sha256:") && !image.contains('$'),
            "forks do not have variables of the project: {image}"
        );
        let fgctl = self.world.command(&[]);
        let script = texts(&job["script"]).join("\n");
        let mut command = std::process::Command::new("sh");
        command.args(["-ec", &script]).current_dir(machine).env_clear();
        let place = |name: &str| ["FGCTL_ENDPOINT", "FGCTL_REGION", "FGCTL_PROJECT_ID"].contains(&name);
        // A pipeline that runs in a fork has no variables of the project.
        let has_variables = run.predefined["CI_PROJECT_ID"] == "1";
        command.envs(
            fgctl
                .get_envs()
                .filter(|(name, _)| has_variables && name.to_str().is_some_and(place))
                .filter_map(|(name, value)| Some((name, value?))),
        );
        command.env("PATH", format!("{}:/usr/bin:/bin", program_folder())).env("CI_PROJECT_DIR", machine);
        for (name, declared) in self.pipeline["variables"].as_object().into_iter().flatten() {
            command.env(name, declared["value"].as_str().expect("a value"));
        }
        command.envs(&run.predefined);
        let environment = job["environment"]["name"].as_str().unwrap_or_default();
        command.envs(self.variables.get(environment).into_iter().flatten().map(|(name, value)| (name, value)));
        Ran::of(&[&script], machine, finished(command).await)
    }
}

/// Whether a rule's condition holds. All files count as changed.
fn matches(rule: &Value, variables: &Variables) -> bool {
    let value = |operand: &str| match operand.trim().strip_prefix('$') {
        Some(name) => variables.get(name).cloned().unwrap_or_default(),
        None => operand.trim().trim_matches('"').to_owned(),
    };
    rule["if"].as_str().expect("a condition").split("&&").all(|part| {
        let (one, other) = part.split_once("==").expect("a comparison");
        value(one) == value(other)
    })
}
