//! Flags for how requests are made.

use anyhow::{Context, bail};
use clap::builder::{OsStringValueParser, TypedValueParser};
use reqwest::Certificate;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::client::{DEFAULT_CONCURRENCY, DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, Options, Trust};
use crate::manifest::open_regular;
use crate::render::printable;

use super::waiting;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct HttpArguments {
    /// Requests, and changes, under way at once
    #[arg(long, value_name = "N", default_value_t = DEFAULT_CONCURRENCY, value_parser = clap::value_parser!(u16).range(1..=200))]
    concurrency: u16,
    /// Send no more than this many requests a second, so that others of the account have some left
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    max_requests_per_second: Option<u32>,
    /// Repeat a request this often that got no answer or found the service failing. Throttled requests are repeated for
    /// minutes in any case
    #[arg(long, value_name = "N", env = "FGCTL_MAX_RETRIES", default_value_t = DEFAULT_MAX_RETRIES, value_parser = retries)]
    max_retries: u32,
    /// Wait no longer than this for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_TIMEOUT.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3_600))]
    request_timeout: u64,
    /// Also trust the certificate authorities in this PEM file
    #[arg(long, value_name = "FILE", env = "FGCTL_CA_FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    ca_file: Option<PathBuf>,
    /// Disable certificate verification. Anyone on the network path can then read and change everything
    #[arg(long, conflicts_with = "ca_file")]
    insecure: bool,
}

impl HttpArguments {
    pub(super) fn options(&self) -> anyhow::Result<Options> {
        let Self { concurrency, max_requests_per_second, max_retries, request_timeout, ca_file, insecure } = self;
        // Pipelines set variables that they have no value for.
        let trust = match ca_file.as_ref().filter(|file| !file.as_os_str().is_empty()) {
            _ if *insecure => {
                errln!("warning: --insecure disables certificate verification");
                Trust::Anyone
            }
            Some(file) => Trust::SystemAnd(authorities(file)?),
            None => Trust::System,
        };
        Ok(Options {
            trust,
            timeout: Duration::from_secs(*request_timeout),
            max_retries: *max_retries,
            concurrency: (*concurrency).into(),
            max_requests_per_second: *max_requests_per_second,
            random,
            tell: Arc::new(|event| errln!("{}", printable(&waiting::line(event)))),
        })
    }
}

/// Empty where a pipeline sets the variable and has no value for it.
fn retries(text: &str) -> Result<u32, &'static str> {
    let number = if text.is_empty() { Some(DEFAULT_MAX_RETRIES) } else { text.parse().ok() };
    number.filter(|number| *number <= 100).ok_or("it is a number from 0 to 100")
}

fn authorities(file: &Path) -> anyhow::Result<Vec<Certificate>> {
    let mut pem = Vec::new();
    let read = open_regular(file).and_then(|mut file| file.read_to_end(&mut pem));
    read.with_context(|| format!("--ca-file {} cannot be read", file.display()))?;
    let certificates = Certificate::from_pem_bundle(&pem)
        .with_context(|| format!("--ca-file {} is not a PEM file of certificates", file.display()))?;
    if certificates.is_empty() {
        bail!("--ca-file {} has no certificate in it", file.display());
    }
    Ok(certificates)
}

/// From 0 to 1; without random numbers, the end that is gentle with the service.
fn random() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}
