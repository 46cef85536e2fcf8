//! Plays GitHub: starts the jobs of a workflow for an event, each on a fresh machine with the secrets of its environment, runs
//! their steps with bash, and keeps artifacts, comments and summaries.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

use super::expression::{Context, shown};
use crate::process::finished;
use crate::world::{Ran, World};

const REPOSITORY: &str = "example/shop";
/// Answers as GitHub does, from files. jq does what gh does with `--jq`.
const GH: &str = r#"#!/bin/bash
set -euo pipefail
[[ $1 == api && -n $GH_TOKEN ]] || exit 9
shift
method=GET filter=. body=
while (($#)); do
  case $1 in
    --method) method=$2; shift 2 ;;
    --jq) filter=$2; shift 2 ;;
    --paginate | --silent) shift ;;
    -F) body=${2#body=@}; shift 2 ;;
    repos/*) path=$1; shift ;;
    *) exit 9 ;;
  esac
done
echo "$method $path" >> "$FAKE_GITHUB/requests"
if [[ $method != GET && -e $FAKE_GITHUB/read-only ]]; then
  echo "gh: Resource not accessible by integration (HTTP 403)" >&2
  exit 1
fi
comments=$FAKE_GITHUB/comments.json
case "$method $path" in
  GET*/issues/7/comments) jq -r "$filter" "$comments" ;;
  GET*) jq -r "$filter" "$FAKE_GITHUB/${path//[\/?=]/_}.json" ;;
  POST*/issues/7/comments)
    jq --rawfile body "$body" '. + [{ id: (length + 1), user: { login: "github-actions[bot]" }, body: $body }]' \
      "$comments" > "$comments.new" && mv "$comments.new" "$comments" ;;
  PATCH*/issues/comments/*)
    jq --rawfile body "$body" --argjson id "${path##*/}" 'map(if .id == $id then .body = $body else . end)' \
      "$comments" > "$comments.new" && mv "$comments.new" "$comments" ;;
  *) exit 9 ;;
esac
"#;
/// Downloads from a folder.
const CURL: &str = r#"#!/bin/bash
set -euo pipefail
while (($# > 1)); do [[ $1 != --output ]] || output=$2; shift; done
echo "$1" >> "$FAKE_GITHUB/downloads"
cp "$FAKE_GITHUB/releases/${1##*/}" "$output"
"#;

/// A repository with its workflow, and everything that GitHub keeps for it.
pub(super) struct GitHub {
    pub(super) world: World,
    pub(super) workflow: Value,
    action: Value,
    folder: TempDir,
    /// The secrets of each environment.
    pub(super) secrets: BTreeMap<&'static str, Value>,
    runs: u64,
}

/// What starts a workflow.
pub(super) struct Event {
    pub(super) name: &'static str,
    pub(super) payload: Value,
    pub(super) inputs: Value,
    pub(super) sha: &'static str,
}

/// The jobs of a run that were not skipped, with their results and what they printed.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) id: u64,
    pub(super) jobs: BTreeMap<String, Job>,
}

#[derive(Debug, Default)]
pub(super) struct Job {
    pub(super) has_failed: bool,
    pub(super) log: String,
    pub(super) summary: String,
}

/// The machine of a job.
struct Machine {
    root: TempDir,
    /// What `GITHUB_PATH` and `GITHUB_ENV` add.
    path: Vec<String>,
}

impl Machine {
    fn new(stack: &Path) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        for folder in ["work", "temp"] {
            std::fs::create_dir(root.path().join(folder)).expect("a folder");
        }
        let machine = Self { root, path: Vec::new() };
        copy(stack, &machine.work().join("stack"));
        machine
    }

    fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
}

pub(super) fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.expect("an entry");
        let to = to.join(entry.path().strip_prefix(from).expect("inside"));
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(to).expect("a folder");
        } else {
            std::fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

fn script(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a script");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("it can be executed");
    }
}

impl GitHub {
    pub(super) fn new(world: World, workflow: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["bin", "releases", "artifacts"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        script(&folder.path().join("bin/gh"), GH);
        script(&folder.path().join("bin/curl"), CURL);
        std::fs::write(folder.path().join("comments.json"), "[]").expect("a file");
        let action = super::yaml("action.yml");
        let workflow = serde_yaml::from_str(workflow).expect("YAML");
        Self { world, workflow, action, folder, secrets: BTreeMap::new(), runs: 0 }
    }

    /// Answers a request of `gh api` for `path` below the repository.
    pub(super) fn answers(&self, path: &str, answer: &Value) {
        let name = format!("repos/{REPOSITORY}/{path}").replace(['/', '?', '='], "_");
        std::fs::write(self.folder.path().join(name + ".json"), answer.to_string()).expect("a file");
    }

    pub(super) fn comments(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("comments.json")).expect("a file");
        let comments: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        comments.iter().map(|comment| shown(&comment["body"])).collect()
    }

    /// From now on, the token of jobs can only read.
    pub(super) fn refuse_writes(&self) {
        std::fs::write(self.folder.path().join("read-only"), "").expect("a file");
    }

    /// Adds a comment of a person.
    pub(super) fn comment(&self, body: &str) {
        let comment = json!([{ "id": 1, "user": { "login": "someone" }, "body": body }]);
        std::fs::write(self.folder.path().join("comments.json"), comment.to_string()).expect("a file");
    }

    pub(super) fn downloads(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("downloads")).expect("downloads")
    }

    pub(super) fn artifact(&self, run: u64, name: &str) -> PathBuf {
        self.folder.path().join("artifacts").join(run.to_string()).join(name)
    }

    /// The folder whose archives `curl` downloads.
    pub(super) fn releases(&self) -> PathBuf {
        self.folder.path().join("releases")
    }

    /// Runs all jobs whose conditions hold, each after those that it needs.
    pub(super) async fn start(&mut self, event: &Event) -> Run {
        self.runs += 1;
        let mut run = Run { id: self.runs, ..Run::default() };
        let mut waiting = self.workflow["jobs"].as_object().expect("jobs").clone();
        while !waiting.is_empty() {
            let next = waiting.iter().find(|(_, job)| needs(job).iter().all(|name| !waiting.contains_key(*name)));
            let name = next.expect("jobs do not need each other").0.clone();
            let job = waiting.remove(&name).expect("it is there");
            let needed: Vec<Option<&Job>> = needs(&job).into_iter().map(|name| run.jobs.get(name)).collect();
            let has_failed = needed.iter().flatten().any(|job| job.has_failed);
            let context = Context { values: self.values(&run, event, &job), has_failed };
            let condition = job["if"].as_str();
            // Without `!failure()` or the like, a job is skipped with those that it needs.
            let asks = condition.is_some_and(|condition| condition.contains("failure()"));
            if context.permits(condition) && (asks || needed.iter().all(Option::is_some)) {
                let mut context = context;
                context.values["github"]["job"] = json!(name);
                let done = self.job(&context, &job).await;
                run.jobs.insert(name, done);
            }
        }
        run
    }

    fn values(&self, run: &Run, event: &Event, job: &Value) -> Value {
        let Event { name, payload, inputs, sha } = event;
        let reference = if *name == "pull_request" { "refs/pull/7/merge" } else { "refs/heads/main" };
        let environment = job["environment"].as_str().unwrap_or_default();
        let credentials = self.world.command(&[]);
        let vars: Map<String, Value> = credentials
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), json!(value?.to_str()?))))
            .filter(|(name, _)| ["FGCTL_ENDPOINT", "FGCTL_REGION", "FGCTL_PROJECT_ID"].contains(&name.as_str()))
            .collect();
        json!({
            "github": { "event_name": name, "event": payload, "repository": REPOSITORY, "workflow": "fgctl", "ref": reference, "sha": sha,
                "run_id": run.id, "server_url": "https://github.com", "token": "token-of-the-job", "action_repository": "" },
            "vars": vars,
            "secrets": self.secrets.get(environment).cloned().unwrap_or_else(|| json!({})),
            "inputs": inputs,
            "needs": {},
            "steps": {},
        })
    }

    async fn job(&self, context: &Context, job: &Value) -> Job {
        let mut machine = Machine::new(&self.world.folder.path().join("stack"));
        let mut context = Context { has_failed: false, ..context.clone() };
        let environment = [&self.workflow["env"], &job["env"]].map(|env| filled(&context, env)).concat();
        let mut done = Job::default();
        for step in job["steps"].as_array().expect("steps") {
            if context.permits(step["if"].as_str()) {
                let of_step = [environment.clone(), filled(&context, &step["env"])].concat();
                let ended = self.step(&mut machine, &mut context, (step, &of_step)).await;
                context.has_failed |= !ended.0;
                done.log += &ended.1;
            }
        }
        done.has_failed = context.has_failed;
        done.summary = std::fs::read_to_string(machine.file("summary")).unwrap_or_default();
        done
    }

    /// Whether a step succeeds, and what it prints.
    async fn step(
        &self,
        machine: &mut Machine,
        context: &mut Context,
        (step, environment): (&Value, &[(String, String)]),
    ) -> (bool, String) {
        let with: BTreeMap<String, String> = filled(context, &step["with"]).into_iter().collect();
        let Some(action) = step["uses"].as_str() else {
            return self.shell(machine, context, (step, environment)).await;
        };
        let (name, digest) = action.split_once('@').expect("a digest");
        assert!(digest.len() == 40 && digest.bytes().all(|digit| digit.is_ascii_hexdigit()), "{action} is not pinned");
        let run: u64 = shown(&context.values["github"]["run_id"]).parse().expect("a number");
        match name {
            "actions/checkout" => {
                assert_eq!(with["persist-credentials"], "false");
                (true, String::new())
            }
            "actions/upload-artifact" => {
                let folder = self.artifact(run, &with["name"]);
                std::fs::create_dir_all(&folder).expect("a folder");
                let copied = std::fs::copy(machine.work().join(&with["path"]), folder.join(&with["path"]));
                (copied.is_ok(), String::new())
            }
            "actions/download-artifact" => {
                assert_eq!(with["github-token"], "token-of-the-job");
                let folder = self.artifact(with["run-id"].parse().expect("a run"), &with["name"]);
                if folder.exists() {
                    copy(&folder, &machine.work());
                }
                (folder.exists(), String::new())
            }
            "example/fgctl" => self.composite(machine, context, (&with, environment)).await,
            other => panic!("{other} is not known here"),
        }
    }

    async fn composite(
        &self,
        machine: &mut Machine,
        context: &Context,
        (with, environment): (&BTreeMap<String, String>, &[(String, String)]),
    ) -> (bool, String) {
        let declared = self.action["inputs"].as_object().expect("inputs");
        assert!(with.keys().all(|name| declared.contains_key(name)), "{with:?} has an unknown input");
        let inputs: Map<String, Value> = declared
            .iter()
            .map(|(name, input)| {
                let is_required = input["required"] == true;
                assert!(!is_required || with.contains_key(name), "{name} is required");
                let default = || context.fill(input["default"].as_str().unwrap_or_default());
                (name.clone(), json!(with.get(name).cloned().unwrap_or_else(default)))
            })
            .collect();
        let mut context = context.clone();
        context.values["inputs"] = json!(inputs);
        context.values["secrets"] = json!({});
        let mut log = String::new();
        for step in self.action["runs"]["steps"].as_array().expect("steps") {
            if !context.permits(step["if"].as_str()) {
                continue;
            }
            assert_eq!(step["shell"], "bash");
            let of_step = [environment.to_vec(), filled(&context, &step["env"])].concat();
            let (is_done, said) = self.shell(machine, &mut context, (step, &of_step)).await;
            log += &said;
            if !is_done {
                return (false, log);
            }
        }
        (true, log)
    }

    /// Runs a script as GitHub does, and takes over its outputs.
    async fn shell(
        &self,
        machine: &mut Machine,
        context: &mut Context,
        (step, environment): (&Value, &[(String, String)]),
    ) -> (bool, String) {
        let text = step["run"].as_str().expect("a script");
        assert!(
            !text.contains("${{"),
            "a script takes its values from variables, because these cannot add commands: {text}"
        );
        std::fs::write(machine.file("script.sh"), text).expect("a script");
        let github = &context.values["github"];
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(machine.file("script.sh"));
        let bin = self.folder.path().join("bin").display().to_string();
        let path = [machine.path.clone(), vec![bin, "/usr/local/bin:/usr/bin:/bin".to_owned()]].concat().join(":");
        command.current_dir(machine.work()).env_clear().env("PATH", path).env("HOME", machine.root.path());
        command.env("FAKE_GITHUB", self.folder.path()).env("GITHUB_ACTIONS", "true");
        command.env("RUNNER_OS", "Linux").env("RUNNER_ARCH", "X64").env("RUNNER_TEMP", machine.file("temp"));
        command.env("GITHUB_WORKSPACE", machine.work()).env("GITHUB_STEP_SUMMARY", machine.file("summary"));
        for (variable, file) in [("GITHUB_OUTPUT", "output"), ("GITHUB_PATH", "path")] {
            std::fs::write(machine.file(file), "").expect("a file");
            command.env(variable, machine.file(file));
        }
        for name in ["repository", "sha", "run_id", "event_name", "server_url", "workflow", "job"] {
            command.env(format!("GITHUB_{}", name.to_uppercase()), shown(&github[name]));
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let ran = Ran::of(&[], &machine.work(), finished(command).await);
        let read = |file: &str| std::fs::read_to_string(machine.file(file)).expect("a file");
        let (outputs, path) = (read("output"), read("path"));
        machine.path.extend(path.lines().map(str::to_owned));
        let outputs: Map<String, Value> = outputs
            .lines()
            .map(|line| line.split_once('=').expect("name=value"))
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        if let Some(id) = step["id"].as_str() {
            context.values["steps"][id] = json!({ "outputs": outputs });
        }
        let code = ran.code.map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"));
        (ran.code == Some(0), ran.stdout + &ran.stderr + &format!("({code})\n"))
    }
}

fn needs(job: &Value) -> Vec<&str> {
    match &job["needs"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The entries of a mapping, with their expressions replaced.
fn filled(context: &Context, mapping: &Value) -> Vec<(String, String)> {
    let entries = mapping.as_object().into_iter().flatten();
    entries.map(|(name, value)| (name.clone(), context.fill(&shown(value)))).collect()
}
