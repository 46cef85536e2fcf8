//! Containers of functions' images, which podman or docker runs. The server never pulls an image.

mod arguments;
mod link;
mod tool;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::super::environment::container_environment;
use super::super::{Deployment, Fault, RuntimeOptions};
use super::on_disk;
use arguments::Creation;
pub(super) use link::ContainerLink;
use tool::Tool;

/// The port of a function's server inside its container, as in the service.
const PORT: &str = "8000/tcp";
/// A file in the folder for runs. It exists if there may be containers.
const MARKER: &str = "containers";

/// An image of the local store, and the program that runs it.
#[derive(Clone)]
pub(super) struct Found {
    tool: Tool,
    /// The image's id, because its name may get another image.
    image: String,
    address: String,
}

/// A container. Removing it ends all its processes.
#[derive(Clone)]
pub(super) struct Container {
    tool: Tool,
    name: String,
}

impl Found {
    /// Finds the program that has this image.
    pub(super) async fn find(settings: &RuntimeOptions, address: &str) -> Result<Self, Fault> {
        let (mut lacking, mut broken) = (Vec::new(), None);
        for tool in Tool::all(settings).await {
            match tool.ready().await {
                Ok(tool) => match tool.image(address).await {
                    Some(image) => return Ok(Self { tool, image, address: address.to_owned() }),
                    None => lacking.push(tool.name()),
                },
                Err(reason) => broken = broken.or(Some((tool.name(), reason))),
            }
        }
        Err(Fault::not_here(match (lacking.first(), broken) {
            (Some(tool), _) => format!(
                "the image {address} is not in the local store of {}, and this server does not pull images; run `{tool} \
                 pull {address}`, or `{tool} tag IMAGE {address}` for an image that you built",
                lacking.join(" or ")
            ),
            (None, Some((tool, reason))) => {
                format!("the image {address} cannot run, because {tool} does not work here: {reason}")
            }
            (None, None) => format!(
                "the image {address} needs podman or docker, and neither is on the PATH of this server; install one, \
                 then run `podman pull {address}` or `docker pull {address}`"
            ),
        }))
    }
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tool, image, address } = self;
        let id = image.strip_prefix("sha256:").unwrap_or(image);
        write!(formatter, "{} runs {address}, which is the image {}", tool.name(), id.get(..12).unwrap_or(id))?;
        if tool.limits_memory() {
            return Ok(());
        }
        write!(formatter, ". Its memory is not limited, because {} cannot limit memory on this system", tool.name())
    }
}

impl Container {
    /// Creates a container that is not started yet.
    pub(super) async fn create(
        found: Found,
        deployment: &Deployment,
        settings: &RuntimeOptions,
    ) -> Result<Self, Fault> {
        let Found { tool, image, address: _ } = found;
        mark(&settings.directory).await.map_err(|error| Fault::cannot_start(&error))?;
        let name = format!("fgctl-{}", uuid::Uuid::new_v4());
        let (label, limits_memory) = (label(settings), tool.limits_memory());
        let creation = Creation { name: &name, label: &label, image: &image, limits_memory };
        let created = tool.create(creation.command(deployment, &container_environment(deployment))).await;
        created.map_err(|reason| Fault::not_started(format!("{} cannot create a container: {reason}", tool.name())))?;
        Ok(Self { tool, name })
    }

    pub(super) fn tool(&self) -> &Tool {
        &self.tool
    }

    /// A command that starts the container, prints its output, and ends with it.
    pub(super) fn start(&self) -> Command {
        self.tool.command(["start", "--attach", &self.name])
    }

    /// The program and its arguments that remove the container.
    pub(super) fn removal(&self) -> Vec<OsString> {
        self.tool.line(["rm", "--force", &self.name])
    }

    pub(super) async fn remove(&self) {
        // If this fails, the container is removed with the server or at its next start.
        let _ = self.tool.ask(["rm", "--force", &self.name]).await;
    }

    /// Where the container's port is on this machine, once it has started.
    async fn address(&self) -> Option<SocketAddr> {
        let printed = self.tool.ask(["port", &self.name, PORT]).await.ok()?;
        printed.lines().next()?.trim().parse().ok()
    }
}

/// Removes the containers that an earlier server with the same folder left behind.
pub(super) async fn remove_leftovers(settings: &RuntimeOptions) {
    let marker = settings.directory.join(MARKER);
    if !on_disk(move || marker.exists()).await {
        return;
    }
    let filter = format!("label={}", label(settings));
    for tool in Tool::all(settings).await {
        let Ok(printed) = tool.ask(["ps", "--all", "--quiet", "--filter", &filter]).await else { continue };
        let ids: Vec<&str> = printed.split_whitespace().collect();
        if !ids.is_empty() {
            // The next start tries it again.
            let _ = tool.ask(["rm", "--force"].into_iter().chain(ids)).await;
        }
    }
}

/// Identifies the containers of this server and of earlier ones with the same folder.
fn label(settings: &RuntimeOptions) -> String {
    let hash = Sha256::digest(settings.directory.as_os_str().as_encoded_bytes());
    format!("fgctl.server={}", &hex::encode(hash)[..16])
}

async fn mark(directory: &Path) -> io::Result<()> {
    let marker = directory.join(MARKER);
    tokio::task::spawn_blocking(move || std::fs::write(marker, "")).await?
}
