//! Finds the declared field that a refusal of the service is about, by its error code and its words.

use serde_json::Value;
use std::collections::BTreeSet;

use crate::model::field::Field;
use crate::model::function::Function;

/// Codes that belong to certain fields. The service's words choose between several.
const CODES: &[(&str, &[Field])] = &[
    ("FSS.0424", &[Field::Dependencies]),
    ("FSS.1003", &[Field::Handler]),
    ("FSS.1005", &[Field::Runtime]),
    ("FSS.1007", &[Field::Memory]),
    ("FSS.1008", &[Field::Timeout]),
    ("FSS.1010", &[Field::Code]),
    ("FSS.1011", &[Field::Code]),
    ("FSS.1019", &[Field::Description]),
    ("FSS.1020", NETWORK),
    ("FSS.1024", &[Field::Dependencies]),
    ("FSS.1026", &[Field::Concurrency, Field::MaxInstances]),
    ("FSS.1034", &[Field::ImageUrl]),
    ("FSS.1035", &[Field::ImageUrl]),
    ("FSS.1036", NETWORK),
    ("FSS.1037", &[Field::VpcSubnet, Field::VpcId]),
    ("FSS.1038", &[Field::Mounts]),
    ("FSS.1039", &[Field::Mounts]),
    ("FSS.1040", &[Field::Mounts]),
    ("FSS.1046", &[Field::Dependencies]),
    ("FSS.1047", NETWORK),
    ("FSS.1048", NETWORK),
    ("FSS.1049", &[Field::Mounts]),
    ("FSS.1050", &[Field::Mounts]),
    ("FSS.1054", &[Field::Code]),
    ("FSS.1056", &[Field::Dependencies]),
    ("FSS.1075", &[Field::MountUser, Field::MountGroup, Field::Mounts]),
    ("FSS.1090", &[Field::VpcSubnet, Field::VpcId]),
    ("FSS.1095", &[Field::Mounts]),
    ("FSS.1096", &[Field::Mounts]),
    ("FSS.1401", &[Field::ImageUrl]),
    ("FSS.1402", &[Field::ImageUrl]),
    ("FSS.1403", &[Field::ImageUrl]),
    ("FSS.1404", &[Field::Initializer]),
    ("FSS.1405", &[Field::Initializer]),
];
const NETWORK: &[Field] = &[Field::VpcId, Field::VpcSubnet];

/// Shorter values can be in a sentence by chance.
const SHORTEST: usize = 4;

/// The declared field that a refusal is about, if that is certain enough. Without a code that belongs to fields, only
/// fields that are newer than the first release count.
pub fn refused_field(function: &Function, code: &str, words: &str) -> Option<Field> {
    let by_code = CODES.iter().find(|(known, _)| *known == code).map_or(&[][..], |(_, fields)| fields);
    let by_code: Vec<Field> = by_code.iter().copied().filter(|field| is_declared(function, *field)).collect();
    let later: Vec<Field> = function.later.keys().copied().collect();
    let candidates = if by_code.is_empty() { &later } else { &by_code };
    let has_value = |field: &&Field| texts(&function.configuration.value(**field)).iter().any(|text| says(words, text));
    let is_at_path = |field: &&Field| says(words, &format!("/{}", field.key().replace('.', "/")));
    let found = candidates.iter().find(is_at_path).or_else(|| candidates.iter().find(has_value));
    found.or_else(|| named(candidates, words)).or(by_code.first()).copied()
}

fn is_declared(function: &Function, field: Field) -> bool {
    field == Field::Code || function.later.contains_key(&field) || field.is_first() && function.configuration.has(field)
}

/// The field whose name in the service is in the words. The longest name wins, because names contain each other.
fn named<'a>(candidates: &'a [Field], words: &str) -> Option<&'a Field> {
    let names = |field: Field| field.row().wire.map(|wire| wire.form.names()).unwrap_or_default();
    let leaf = |name: &'static str| name.rsplit('.').next().unwrap_or(name);
    let length = |field: &&Field| {
        let said = names(**field).into_iter().flat_map(|name| [name, leaf(name)]).filter(|name| says(words, name));
        said.map(str::len).max()
    };
    candidates.iter().filter(|field| length(field).is_some()).max_by_key(length)
}

/// All texts in a value that are long enough to be recognized.
fn texts(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::String(text) if text.len() >= SHORTEST => BTreeSet::from([text.as_str()]),
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => BTreeSet::new(),
    }
}

/// Whether the words contain a text that is not part of a longer word.
fn says(words: &str, text: &str) -> bool {
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    words.match_indices(text).any(|(start, _)| {
        let (before, after) = (words[..start].chars().next_back(), words[start + text.len()..].chars().next());
        !before.is_some_and(is_of_word) && !after.is_some_and(is_of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Spot;
    use crate::model::row::Form;
    use crate::model::table::ROWS;
    use crate::plan::tests::wanted;
    use serde_json::json;

    fn function(fields: &[(Field, Value)]) -> Function {
        let mut function = wanted("a").function;
        for (field, value) in fields {
            function.configuration.declare(*field, value.clone()).expect("a valid value");
            function.later.insert(*field, Spot::value(0, ""));
        }
        function
    }

    #[test]
    fn the_code_and_the_words_choose_the_field() {
        let function = function(&[
            (Field::ImageUrl, json!("swr.eu-de.example.com/shop/intake:1")),
            (Field::VpcId, json!("vpc-1")),
            (Field::VpcSubnet, json!("subnet-1")),
            (Field::LogGroupId, json!("group-1")),
            (Field::LogStreamId, json!("stream-1")),
            (Field::Dependencies, json!(["dependency-1", "dependency-2"])),
            (Field::MountUser, json!(1003)),
            (Field::GpuType, json!("nvidia-t4")),
        ]);
        for (code, words, expected) in [
            ("FSS.1035", "it is not there", Some(Field::ImageUrl)),
            ("FSS.1036", "no such VPC", Some(Field::VpcId)),
            ("FSS.1036", "subnet-1 is elsewhere", Some(Field::VpcSubnet)),
            ("FSS.1037", "no such subnet", Some(Field::VpcSubnet)),
            ("FSS.1056", "it does not exist", Some(Field::Dependencies)),
            ("FSS.1075", "wrong", Some(Field::MountUser)),
            ("FSS.0400", "the log group group-1 does not exist", Some(Field::LogGroupId)),
            ("FSS.0400", "stream-10 does not exist", None),
            ("FSS.0400", "log_config.stream_id is wrong", Some(Field::LogStreamId)),
            ("FSS.0400", "invalid gpu_type.", Some(Field::GpuType)),
            ("FSS.0404", "dependency-2 does not exist.", Some(Field::Dependencies)),
            ("not-applied", "PUT config: /vpc/subnet differs", Some(Field::VpcSubnet)),
            ("FSS.1007", "no such size", None),
            ("FSS.0500", "internal error", None),
        ] {
            assert_eq!(refused_field(&function, code, words), expected, "{code} {words}");
        }
    }

    /// Every field that is newer than the first release is recognized by its name in the service and by its path.
    #[test]
    fn every_later_field_is_recognized() {
        let mut function = wanted("a").function;
        let later: Vec<_> = ROWS.iter().filter(|row| !row.field.is_first()).collect();
        function.later.extend(later.iter().map(|row| (row.field, Spot::value(0, ""))));
        for row in later {
            let form = row.wire.expect("every later field is a field of the service").form;
            let name = if let Form::Renamed { written, .. } = form { written } else { form.names()[0] };
            for words in [format!("{name} is not valid"), format!("/{} differs", row.key.replace('.', "/"))] {
                assert_eq!(refused_field(&function, "FSS.0400", &words), Some(row.field), "{words}");
            }
        }
    }
}
