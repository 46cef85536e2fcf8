//! Fields of one function that need or exclude each other.

use crate::rules::runtime;

use super::field::{Field, FieldSet};
use super::function::LiveConfiguration;

/// Two fields that do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disagreement {
    /// The first field is of no use without the second.
    Needs(Field, Field),
    /// A container image does not run on this runtime.
    ImageRuntime,
    /// A container image cannot have dependency packages.
    ImageDependencies,
}

const NEEDS: [(Field, Field); 22] = [
    (Field::VpcId, Field::VpcSubnet),
    (Field::VpcSubnet, Field::VpcId),
    (Field::DomainNames, Field::VpcId),
    (Field::Mounts, Field::VpcId),
    (Field::MountUser, Field::Mounts),
    (Field::MountGroup, Field::Mounts),
    (Field::LogGroupId, Field::LogStreamId),
    (Field::LogStreamId, Field::LogGroupId),
    (Field::LogGroupName, Field::LogGroupId),
    (Field::LogStreamName, Field::LogStreamId),
    (Field::LogTags, Field::LogsEnabled),
    (Field::LogGroupId, Field::LogsEnabled),
    (Field::GpuType, Field::GpuMemory),
    (Field::ImageCommand, Field::ImageUrl),
    (Field::ImageArguments, Field::ImageUrl),
    (Field::ImageWorkingDirectory, Field::ImageUrl),
    (Field::ImageUser, Field::ImageUrl),
    (Field::ImageGroup, Field::ImageUrl),
    // The service reaches these with the agency.
    (Field::ImageUrl, Field::Agency),
    (Field::VpcId, Field::Agency),
    (Field::DomainNames, Field::Agency),
    (Field::Mounts, Field::Agency),
];

/// The fields that need others or exclude them. Most functions have none of them.
const DEMANDING: FieldSet = {
    let (mut fields, mut index) = (FieldSet::EMPTY, 0);
    while index < NEEDS.len() {
        fields.insert(NEEDS[index].0);
        index += 1;
    }
    fields
};

/// All disagreements of a configuration.
pub fn disagreements(configuration: &LiveConfiguration) -> Vec<Disagreement> {
    let present = configuration.present();
    if present.intersection(DEMANDING).is_empty() {
        return Vec::new();
    }
    let has = |field: Field| present.contains(field);
    let lacking = NEEDS.into_iter().filter(|(field, needed)| has(*field) && !has(*needed));
    let mut found: Vec<Disagreement> = lacking.map(|(field, needed)| Disagreement::Needs(field, needed)).collect();
    if has(Field::ImageUrl) {
        let is_runtime = runtime::OF_IMAGES.contains(&configuration.text(Field::Runtime));
        found.extend((!is_runtime).then_some(Disagreement::ImageRuntime));
        found.extend(has(Field::Dependencies).then_some(Disagreement::ImageDependencies));
    }
    found
}

impl Disagreement {
    /// The field without which there is no disagreement.
    pub const fn field(self) -> Field {
        match self {
            Self::Needs(field, _) => field,
            Self::ImageRuntime => Field::ImageUrl,
            Self::ImageDependencies => Field::Dependencies,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_belongs_together_agrees() {
        let mut configuration = LiveConfiguration::default();
        assert_eq!(disagreements(&configuration), []);
        configuration.set(Field::VpcId, "v");
        let needs = |field, needed| Disagreement::Needs(field, needed);
        let expected = [needs(Field::VpcId, Field::VpcSubnet), needs(Field::VpcId, Field::Agency)];
        assert_eq!(disagreements(&configuration), expected);
        configuration.set(Field::VpcSubnet, "s");
        configuration.set(Field::Agency, "a");
        assert_eq!(disagreements(&configuration), []);
        configuration.set(Field::Runtime, "Python3.9");
        configuration.set(Field::ImageUrl, "swr.a/b:1");
        configuration.set(Field::Dependencies, json!(["d"]));
        assert_eq!(disagreements(&configuration), [Disagreement::ImageRuntime, Disagreement::ImageDependencies]);
        configuration.set(Field::Runtime, "http");
        configuration.set(Field::Dependencies, json!([]));
        assert_eq!(disagreements(&configuration), []);
    }
}
