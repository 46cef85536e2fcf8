//! Writes live policies in the manifest format, and gives names to policies and targets that occur more than once.

use std::collections::BTreeMap;

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::async_policy::{AsyncPolicy, LivePolicy, LiveTarget};
use crate::model::number::{MaxRetries, OutOfRange, Validity};
use crate::model::target::Target;
use crate::model::urn::{FunctionUrn, Scope};
use crate::rules::number;

use super::names::Taken;
use super::yaml::Node;

/// The longest name of a target or policy, in characters.
const LONGEST: usize = 60;

/// Why a manifest cannot declare a policy.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LeftToOthers {
    #[error("max_retries {0}")]
    MaxRetries(OutOfRange),
    #[error("max_validity_period {0}")]
    MaxValidityPeriod(OutOfRange),
    #[error("a manifest cannot declare a target of {0}")]
    Target(String),
    /// A manifest with it would not be valid.
    #[error("{0}")]
    Invalid(String),
}

/// A live policy as a model policy, or why the model cannot express it.
pub(super) fn expressible(live: &LivePolicy) -> Result<AsyncPolicy, LeftToOthers> {
    let LivePolicy { max_retries, max_validity_period, on_success, on_failure, status_log, others: _ } = live;
    Ok(AsyncPolicy {
        max_retries: MaxRetries::new(*max_retries).map_err(LeftToOthers::MaxRetries)?,
        max_validity_period: Validity::new(*max_validity_period).map_err(LeftToOthers::MaxValidityPeriod)?,
        on_success: on_success.as_ref().map(known_target).transpose()?,
        on_failure: on_failure.as_ref().map(known_target).transpose()?,
        // If it is off, leave it undeclared: nothing shows that this was intended.
        status_log: status_log.filter(|is_on| *is_on),
    })
}

fn known_target(live: &LiveTarget) -> Result<Target, LeftToOthers> {
    match &live.target {
        Target::Foreign { destination, param: _ } => Err(LeftToOthers::Target(destination.clone())),
        known => Ok(known.clone()),
    }
}

/// The policies and targets with names, by their content.
pub(super) struct Grouped<'a> {
    scope: &'a Scope,
    /// The keys of the functions in the same manifest.
    keys: &'a BTreeMap<FunctionAddress, String>,
    policies: BTreeMap<String, Named<AsyncPolicy>>,
    targets: BTreeMap<String, Named<Target>>,
}

#[derive(Debug)]
struct Named<T> {
    name: String,
    value: T,
}

impl<'a> Grouped<'a> {
    /// Names policies that occur more than once, and then the targets that the distinct policies share.
    pub(super) fn new<'p>(
        policies: impl Iterator<Item = &'p AsyncPolicy>,
        scope: &'a Scope,
        keys: &'a BTreeMap<FunctionAddress, String>,
    ) -> Self {
        let mut distinct: BTreeMap<String, (&AsyncPolicy, usize)> = BTreeMap::new();
        for policy in policies {
            distinct.entry(identity(policy, scope)).or_insert((policy, 0)).1 += 1;
        }
        let mut targets: BTreeMap<String, (&Target, usize)> = BTreeMap::new();
        for target in distinct.values().flat_map(|(policy, _)| policy.targets()) {
            targets.entry(target.to_value(scope).to_string()).or_insert((target, 0)).1 += 1;
        }
        let mut taken = Taken::default();
        let policies = repeated(distinct).map(|(identity, value)| {
            let name = taken.unique(&format!("retries-{}", value.max_retries.get()), LONGEST);
            (identity, Named { name, value: value.clone() })
        });
        let policies = policies.collect();
        let mut taken = Taken::default();
        let targets = repeated(targets).map(|(identity, value)| {
            (identity, Named { name: taken.unique(&base_name(value), LONGEST), value: value.clone() })
        });
        Self { scope, keys, policies, targets: targets.collect() }
    }

    /// The section `targets`.
    pub(super) fn targets(&self) -> Vec<(String, Node)> {
        sorted(self.targets.values().map(|Named { name, value }| (name.clone(), self.target(value))))
    }

    /// The section `policies`.
    pub(super) fn policies(&self) -> Vec<(String, Node)> {
        sorted(self.policies.values().map(|Named { name, value }| (name.clone(), self.policy(value))))
    }

    /// A function's `async`: a name, or the whole policy.
    pub(super) fn of_function(&self, policy: &AsyncPolicy) -> Node {
        match self.policies.get(&identity(policy, self.scope)) {
            Some(Named { name, .. }) => Node::Text(name.clone()),
            None => self.policy(policy),
        }
    }

    fn policy(&self, policy: &AsyncPolicy) -> Node {
        let AsyncPolicy { max_retries, max_validity_period, on_success, on_failure, status_log } = policy;
        let side = |key: &str, target: &Option<Target>| Some((key.to_owned(), self.named_target(target.as_ref()?)));
        let (retries, seconds) = (max_retries.get(), max_validity_period.get());
        let retries = ("max_retries", Node::Number(retries), retries == number::DEFAULT_MAX_RETRIES);
        let period = ("max_validity_period", Node::Period(seconds.into()), seconds == number::DEFAULT_VALIDITY_SECONDS);
        let numbers = [retries, period].into_iter().filter(|(.., is_default)| !is_default);
        let numbers = numbers.map(|(key, number, _)| (key.to_owned(), number));
        let status_log = status_log.map(|is_on| ("status_log".to_owned(), Node::Flag(is_on)));
        let sides = side("on_success", on_success).into_iter().chain(side("on_failure", on_failure));
        Node::Block(numbers.chain(sides).chain(status_log).collect())
    }

    fn named_target(&self, target: &Target) -> Node {
        match self.targets.get(&target.to_value(self.scope).to_string()) {
            Some(Named { name, .. }) => Node::Text(name.clone()),
            None => self.target(target),
        }
    }

    fn target(&self, target: &Target) -> Node {
        let text = |text: &dyn ToString| Node::Text(text.to_string());
        match target {
            Target::Function { .. } | Target::Urn(_) | Target::Foreign { .. } => self.function(target),
            Target::Obs { bucket, prefix, expires } => {
                let mut obs = vec![("bucket", text(bucket))];
                if !prefix.as_str().is_empty() {
                    obs.push(("prefix", Node::Text(super::literal(prefix.as_str()))));
                }
                if expires.get() > 0 {
                    obs.push(("expires", Node::Number(expires.get())));
                }
                Node::Flow(vec![("obs", Node::Flow(obs))])
            }
            Target::Dis { stream } => Node::Flow(vec![("dis", Node::Flow(vec![("stream", text(stream))]))]),
            Target::Smn { topic } => Node::Flow(vec![("smn", Node::Flow(vec![("topic", text(topic))]))]),
        }
    }

    /// Names the function by its key if it is declared here, otherwise by its URN.
    fn function(&self, target: &Target) -> Node {
        let Some(urn) = target.urn(self.scope) else { return Node::Flow(Vec::new()) };
        let FunctionUrn { scope, function, qualifier } = &urn;
        let Some(key) = self.keys.get(function).filter(|_| scope == self.scope) else {
            return Node::Flow(vec![("urn", Node::Text(urn.to_string()))]);
        };
        let qualifier = qualifier.as_ref().map(|qualifier| match qualifier {
            Qualifier::Version(version) => ("version", Node::Text(version.to_string())),
            Qualifier::Alias(alias) => ("alias", Node::Text(alias.to_string())),
        });
        Node::Flow([("function", Node::Text(key.clone()))].into_iter().chain(qualifier).collect())
    }
}

fn repeated<T>(counted: BTreeMap<String, (T, usize)>) -> impl Iterator<Item = (String, T)> {
    counted.into_iter().filter(|(_, (_, count))| *count > 1).map(|(identity, (value, _))| (identity, value))
}

fn sorted(entries: impl Iterator<Item = (String, Node)>) -> Vec<(String, Node)> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    entries
}

/// The same text for equivalent policies.
fn identity(policy: &AsyncPolicy, scope: &Scope) -> String {
    let fields = policy.fields(scope);
    let lines: Vec<String> = fields.iter().map(|(path, value)| format!("{path}={value}")).collect();
    lines.join("\n")
}

fn base_name(target: &Target) -> String {
    match target {
        Target::Function { function, .. } => function.name.to_string(),
        Target::Urn(urn) => urn.function.name.to_string(),
        Target::Obs { bucket, .. } => bucket.to_string(),
        Target::Dis { stream } => stream.to_string(),
        Target::Smn { topic } => topic.as_str().rsplit(':').next().unwrap_or_default().to_owned(),
        Target::Foreign { destination, .. } => destination.clone(),
    }
}
