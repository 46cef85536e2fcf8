//! Flags for how requests are made.

use anyhow::Context;
use clap::ValueHint;
use reqwest::Certificate;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::client::{DEFAULT_CONCURRENCY, DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, Options, Trust};
use crate::manifest::open_regular;
use crate::render::printable;

use super::failure::{Advised, advised};
use super::flag_value::number;
use super::help;
use super::waiting;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = help::SPEED)]
pub(super) struct HttpArguments {
    /// Also trust the certificate authorities in this PEM file
    ///
    /// Default: the file in `FGCTL_CA_FILE`.
    #[arg(long, value_name = "FILE", env = "FGCTL_CA_FILE", hide_env = true, hide_short_help = true, value_hint = ValueHint::FilePath, help_heading = help::CONNECTION)]
    ca_file: Option<PathBuf>,
    /// Do not verify certificates
    ///
    /// Others on the network path can then read and change everything that is sent.
    #[arg(long, conflicts_with = "ca_file", hide_short_help = true, help_heading = help::CONNECTION)]
    insecure: bool,
    /// The maximum number of concurrent requests and changes
    #[arg(long, value_name = "N", allow_negative_numbers = true, hide_short_help = true, default_value_t = DEFAULT_CONCURRENCY, value_parser = |text: &str| number::<u16>(text, 1..=200))]
    concurrency: u16,
    /// The maximum number of requests per second
    ///
    /// Use this to leave capacity for other users of the account. Default: no limit.
    #[arg(long, value_name = "N", allow_negative_numbers = true, hide_short_help = true, value_parser = |text: &str| number::<u32>(text, 1..=1_000))]
    max_requests_per_second: Option<u32>,
    /// How many times to repeat a request that gets no answer or a server error
    ///
    /// This applies to reads and to idempotent writes. Throttled requests are always repeated, for up to five minutes.
    /// `FGCTL_MAX_RETRIES` sets another default.
    #[arg(long, value_name = "N", allow_negative_numbers = true, hide_short_help = true, env = "FGCTL_MAX_RETRIES", hide_env = true, default_value_t = DEFAULT_MAX_RETRIES, value_parser = |text: &str| number::<u32>(text, 0..=100))]
    max_retries: u32,
    /// How many seconds to wait for an answer
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, hide_short_help = true, default_value_t = DEFAULT_TIMEOUT.as_secs(), value_parser = |text: &str| number::<u64>(text, 1..=3_600))]
    request_timeout: u64,
}

impl HttpArguments {
    pub(super) fn options(&self) -> anyhow::Result<Options> {
        let Self { ca_file, insecure, concurrency, max_requests_per_second, max_retries, request_timeout } = self;
        let trust = match ca_file {
            _ if *insecure => {
                errln!("warning: --insecure disables certificate verification");
                Trust::Unverified
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

fn authorities(file: &Path) -> anyhow::Result<Vec<Certificate>> {
    let mut pem = Vec::new();
    let read = open_regular(file).and_then(|mut file| file.read_to_end(&mut pem));
    read.with_context(|| format!("cannot read the file {} of --ca-file", file.display()))?;
    let help = "give --ca-file a PEM file, which contains `-----BEGIN CERTIFICATE-----`";
    let certificates = Certificate::from_pem_bundle(&pem)
        .with_context(|| Advised::new(format!("{} is not a PEM file of certificates", file.display()), help))?;
    if certificates.is_empty() {
        return Err(advised(format!("{} contains no certificate", file.display()), help));
    }
    Ok(certificates)
}

/// From 0 to 1. Without random numbers, the longest wait, which is best for the service.
fn random() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}
