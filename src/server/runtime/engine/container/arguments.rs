//! The arguments that create a container. They contain no values of variables, because other users can read arguments.

use std::collections::BTreeMap;
use std::ffi::OsString;

use rustix::process::{Resource, getrlimit};

use super::super::super::{Deployment, Image};
use super::super::isolation::{MOST_OPEN_FILES, MOST_PROCESSES};

/// What a new container needs besides its function.
pub(super) struct Creation<'a> {
    pub(super) name: &'a str,
    pub(super) label: &'a str,
    /// The image's id.
    pub(super) image: &'a str,
    pub(super) limits_memory: bool,
}

/// The command that creates a container with podman or docker.
pub(super) struct CreateCommand {
    pub(super) arguments: Vec<String>,
    /// Variables of the container, one a line.
    pub(super) input: Vec<u8>,
    /// Variables with line breaks, which the input cannot contain. The container takes them from the command.
    pub(super) variables: Vec<(String, OsString)>,
}

impl Creation<'_> {
    pub(super) fn command(&self, deployment: &Deployment, environment: &BTreeMap<String, OsString>) -> CreateCommand {
        let mut command = variables(environment);
        command.arguments.extend(self.limits(deployment.memory));
        if let Some(image) = &deployment.image {
            command.arguments.extend(self.program(image));
        }
        command
    }

    /// Only this machine can reach the container's port.
    fn limits(&self, memory: u32) -> Vec<String> {
        let Self { name, label, image: _, limits_memory } = self;
        let mut all =
            words(&["--rm", "--pull=never", "--name", name, "--label", label, "--publish", "127.0.0.1::8000"]);
        all.extend(words(&["--stop-timeout", "0", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]));
        // A higher limit than this server's own one may be forbidden.
        for (limit, resource, most) in
            [("nofile", Resource::Nofile, MOST_OPEN_FILES), ("nproc", Resource::Nproc, MOST_PROCESSES)]
        {
            let most = getrlimit(resource).maximum.map_or(most, |own| own.min(most));
            all.extend(words(&["--ulimit", &format!("{limit}={most}:{most}")]));
        }
        if *limits_memory {
            let (memory, processes) = (format!("{memory}m"), MOST_PROCESSES.to_string());
            all.extend(words(&["--memory", &memory, "--memory-swap", &memory, "--pids-limit", &processes]));
        }
        all
    }

    /// The arguments after the image replace its own ones. A new entry point drops them.
    fn program(&self, image: &Image) -> Vec<String> {
        let Image { address: _, command, arguments, directory, user } = image;
        let mut all = words(&["--user", user]);
        if !directory.is_empty() {
            all.extend(words(&["--workdir", directory]));
        }
        let mut command = command.iter();
        if let Some(entry_point) = command.next() {
            all.extend(words(&["--entrypoint", entry_point]));
        }
        all.push(self.image.to_owned());
        all.extend(command.chain(arguments).cloned());
        all
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn variables(environment: &BTreeMap<String, OsString>) -> CreateCommand {
    let has_break = |value: &OsString| value.as_encoded_bytes().iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    let arguments = words(&["--env-file", "/dev/stdin"]);
    let mut command = CreateCommand { arguments, input: Vec::new(), variables: Vec::new() };
    for (name, value) in environment {
        if has_break(value) {
            command.variables.push((name.clone(), value.clone()));
            command.arguments.extend(words(&["--env", name]));
        } else {
            command.input.extend([name.as_bytes(), b"=", value.as_encoded_bytes(), b"\n"].concat());
        }
    }
    command
}
