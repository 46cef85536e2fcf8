//! Checks that the service applied a write, and that it changed nothing else.

use std::collections::BTreeSet;

use crate::model::field::{Field, FieldSet, Path, first_difference};
use crate::model::function::{Function, LiveConfiguration};
use crate::model::row::Call;
use crate::model::state::LiveFunction;
use crate::wire::function::FunctionRecord;

use super::field::{dependencies, entries};
use super::record::{SECRETS, live, seconds};
use super::tag::Tags;
use super::update::{DEPENDENCIES, Sent, SentCode, SentConfiguration};
use super::{Error, Remote, configuration, settle};

/// The service's data about a function after a write.
#[derive(Debug)]
pub struct Checked {
    /// The service's digest of the code.
    pub digest: Option<String>,
    /// The time of the write in seconds since 1970, if the service returned it.
    pub modified: Option<i64>,
}

impl Remote {
    /// Compares a function with what was sent, including fields that should not have changed. Reads it again if the
    /// answers to the writes are incomplete.
    pub async fn check_update(&self, function: &Function, sent: &Sent) -> Result<Checked, Error> {
        let Sent { configuration, code, max_instances, reserved, returned, is_create: _, left_alone: _ } = sent;
        let digest = code.as_ref().and_then(|code| code.digest.clone());
        let tells_all = |code: &SentCode| code.digest.is_some() && code.dependencies.is_empty();
        let has_later = !function.later.is_empty() || !returned.is_empty();
        let is_told = configuration.is_none() && !max_instances && !reserved && !has_later;
        if is_told && code.as_ref().is_none_or(tells_all) {
            return Ok(Checked { digest, modified: code.as_ref().and_then(|code| code.modified) });
        }
        let urn = self.urn(&function.address);
        let look = async || {
            let mut shown = self.shown(function, *returned, &urn).await?;
            if *reserved {
                self.show_reservation(function, &mut shown.fields).await?;
            }
            Ok::<_, Error>((self.problem(function, sent, &shown), shown))
        };
        let (problem, shown) = settle(look, |(problem, _)| problem.is_none()).await?;
        let modified = seconds(&shown.last_modified);
        problem.map_or(Ok(Checked { digest: Some(digest.unwrap_or(shown.digest)), modified }), Err)
    }

    /// Compares the service's answer to a write with what was sent, as far as the answer is complete.
    pub(super) fn check(&self, what: &str, record: &FunctionRecord, expected: &Expected<'_>) -> Result<(), Error> {
        let live = live(record, &self.function_urn(&expected.function.address), Tags::new());
        match unapplied(expected, &live) {
            None => Ok(()),
            Some(path) => {
                let problem = if live.unseen.contains(path.field) {
                    format!("the answer to a read has no {path}; this region may not offer it")
                } else {
                    format!("{path} differs from the value that was sent")
                };
                Err(Error::NotApplied { what: what.to_owned(), problem })
            }
        }
    }

    /// What is wrong with a function after an update.
    fn problem(&self, function: &Function, sent: &Sent, shown: &FunctionRecord) -> Option<Error> {
        let address = &function.address;
        let calls = [
            (Call::Configuration, sent.configuration.is_some(), "PUT config"),
            (Call::MaxInstances, sent.max_instances, "PUT config-max-instance"),
            (Call::Reserved, sent.reserved, "PUT reservedinstances"),
            (Call::Code, sent.code.is_some(), "PUT code"),
            (Call::Create, sent.is_create, "POST functions"),
        ];
        for (call, _, name) in calls.into_iter().filter(|(_, is_sent, _)| *is_sent) {
            let others = Field::all().filter(|field| !field.row().is_written_by(call)).collect();
            let besides = sent.left_alone.union(others);
            let expected = Expected { function, returned: sent.returned, besides };
            if let Err(error) = self.check(&format!("{name} of {address}"), shown, &expected) {
                return Some(error);
            }
        }
        if let Some(SentConfiguration { fields, secrets }) = &sent.configuration {
            let what = format!("PUT config of {address}");
            let found = entries(shown.fields.get(SECRETS)).into_keys().collect();
            if secrets.as_ref().is_some_and(|sent| *sent != found) {
                let problem = format!("{} differ from what was sent", Path::of(Field::Secrets));
                return Some(Error::NotApplied { what, problem });
            }
            if let Some(name) = configuration::unapplied(fields, &shown.fields) {
                let problem = format!(
                    "{name} differs from the value that was sent, although it should not have changed: check the function"
                );
                return Some(Error::NotApplied { what, problem });
            }
        }
        let wanted: BTreeSet<&String> = sent.code.as_ref()?.dependencies.iter().collect();
        let found = dependencies(&shown.fields, DEPENDENCIES)?;
        (wanted != found.iter().collect()).then(|| {
            let problem = "its dependencies differ from what was sent".to_owned();
            Error::NotApplied { what: format!("PUT code of {address}"), problem }
        })
    }
}

/// What a function is like if a write was applied.
pub struct Expected<'a> {
    pub function: &'a Function,
    /// Fields that were removed from the manifest and have their defaults again.
    pub returned: FieldSet,
    /// Fields that are not compared.
    pub besides: FieldSet,
}

/// The first field whose live value is not the expected one. Fields of the first release are compared as far as live was
/// seen. A declared later field must be present.
pub fn unapplied(expected: &Expected<'_>, live: &LiveFunction) -> Option<Path> {
    let Expected { function, returned, besides } = expected;
    let is_checked = |field: Field| {
        let is_unseen = field.is_first() && live.unseen.contains(field);
        !is_unseen && !besides.contains(field) && !function.ignore.contains(&field)
    };
    let checked = |configuration: &LiveConfiguration| {
        let mut fields = function.managed(configuration, *returned);
        fields.retain(|path, _| is_checked(path.field));
        fields
    };
    let (sent, found) = (checked(&function.configuration), checked(&live.configuration));
    let names: BTreeSet<String> = function.secrets.keys().map(ToString::to_string).collect();
    let has_other_secrets = names != live.secret_names && is_checked(Field::Secrets);
    let of_secrets = has_other_secrets.then(|| Path::of(Field::Secrets));
    first_difference(&sent, &found).cloned().or(of_secrets)
}
