//! The tags in which fgctl records what it owns and what it applied last. They replace a state file.
//!
//! A mark contains only short hashes, never a value of the manifest.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

use crate::rules::quota;

use super::code::CodeHash;
use super::field::{Field, FieldSet, Fields};
use super::row::Since;
use super::urn::FunctionUrn;

/// The prefix of fgctl's tags. A manifest cannot declare tags with this prefix.
pub const PREFIX: &str = "fgctl.";
pub const STACK: &str = "fgctl.stack";
pub const CONFIG: &str = "fgctl.config";
pub const CODE: &str = "fgctl.code";
pub const ASYNC: &str = "fgctl.async";
pub const PROTECT: &str = "fgctl.protect";
pub const SECRETS: &str = "fgctl.secrets";
/// The triggers that a stack applied; see [`super::trigger::mark`].
pub const TRIGGERS: &str = "fgctl.triggers";
/// The stack that owns only the policy: something else deploys the function.
pub const POLICY: &str = "fgctl.policy";
/// The stack that created the function and gave it up. Without any tag, the function would look like an interrupted create
/// of that stack.
pub const RELEASED: &str = "fgctl.released";

/// The tags that fgctl needs on a function that something else deploys.
pub const OF_EXISTING: [&str; 2] = [POLICY, ASYNC];

/// The tags of the parts of a function that have changes of their own: its policy and its triggers.
pub const OF_PARTS: [&str; 2] = [ASYNC, TRIGGERS];

/// The only value of [`PROTECT`]. An unprotected function does not have the tag.
pub const PROTECTED: &str = "true";

/// The prefix of every hash, so that a change of the hash function is not mistaken for a change of the content.
const VERSION: &str = "1";
/// The prefix for code. Version 1, used by fgctl 0.1, did not cover permissions.
const CODE_VERSION: &str = "2";
/// Hex digits kept of a hash: 128 bits.
const DIGITS: usize = 32;
/// Starts the part of a mark that records later fields. No hash starts with it.
const LATER: char = 'x';

/// What decides which marks a function has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub struct Needs {
    pub policy: bool,
    pub secrets: bool,
    pub protect: bool,
    pub triggers: bool,
}

impl Needs {
    /// The needs of a function with everything.
    pub const ALL: Self = Self { policy: true, secrets: true, protect: true, triggers: true };

    /// The keys of the marks.
    pub fn keys(self) -> impl Iterator<Item = &'static str> {
        let Self { policy, secrets, protect, triggers } = self;
        let optional = [(policy, ASYNC), (secrets, SECRETS), (protect, PROTECT), (triggers, TRIGGERS)];
        let optional = optional.into_iter().filter_map(|(is_needed, key)| is_needed.then_some(key));
        [STACK, CONFIG, CODE].into_iter().chain(optional)
    }

    /// How many other tags a function can have beside them.
    pub fn room(self) -> usize {
        quota::TAGS - self.keys().count()
    }
}

/// fgctl's tags of one function, by key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// The URN of the function that carries them.
    function: String,
    tags: BTreeMap<String, String>,
    /// The functions of the configuration's and the policy's mark. They are kept because they take hashes to find out.
    configuration: MadeFor,
    policy: MadeFor,
}

/// The function that a mark was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum MadeFor {
    /// The mark does not say. Marks of earlier versions and edited marks do not cover the function's URN.
    #[default]
    Unknown,
    /// The function that carries it.
    This {
        is_protected: bool,
    },
    Another,
}

impl Marks {
    /// An empty set of marks for this function.
    pub fn of(function: &FunctionUrn) -> Self {
        Self { function: function.to_string(), ..Self::default() }
    }

    /// The value of a mark, if it was made for this function. Marks that were copied from another function are ignored.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.tags.get(key).filter(|_| !self.are_copied()).map(String::as_str)
    }

    /// The tags themselves, including copied ones.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let (key, value) = (key.into(), value.into());
        match key.as_str() {
            CONFIG => self.configuration = self.made_for(&value),
            ASYNC => self.policy = self.made_for(&value),
            _ => {}
        }
        self.tags.insert(key, value);
    }

    fn made_for(&self, mark: &str) -> MadeFor {
        let Some(identity) = parts(mark).and_then(|(_, identity)| identity) else { return MadeFor::Unknown };
        let protection = [false, true].into_iter().find(|flag| identity == identity_of(&self.function, *flag));
        protection.map_or(MadeFor::Another, |is_protected| MadeFor::This { is_protected })
    }

    /// The URN of the function that carries them.
    pub fn function(&self) -> &str {
        &self.function
    }

    /// Whether someone copied them from another function. The configuration mark covers the function's URN, and so does
    /// the mark of a policy whose function something else deploys.
    pub fn are_copied(&self) -> bool {
        [self.configuration, self.policy].contains(&MadeFor::Another)
    }

    /// Whether the policy's mark shows that it was made for the policy of this function alone. Without it, a tag that names
    /// the owner may have come from another function.
    pub fn remember_policy(&self) -> bool {
        matches!(self.policy, MadeFor::This { .. }) && !self.are_copied()
    }

    /// The fields that are newer than the first release and that the last apply wrote.
    pub fn later_fields(&self) -> FieldSet {
        self.get(CONFIG).map(later_fields).unwrap_or_default()
    }

    /// Whether the function carries the protection tag, regardless of who set it.
    pub fn is_protected(&self) -> bool {
        self.tags.contains_key(PROTECT)
    }

    /// Whether the last apply protected the function; `None` if no mark says so, as with marks of earlier versions.
    pub fn was_protected(&self) -> Option<bool> {
        match self.configuration {
            MadeFor::This { is_protected } if !self.are_copied() => Some(is_protected),
            MadeFor::This { .. } | MadeFor::Another | MadeFor::Unknown => None,
        }
    }
}

/// Splits a function's tags into fgctl's marks and other tags.
pub fn split(function: &FunctionUrn, tags: BTreeMap<String, String>) -> (Marks, BTreeMap<String, String>) {
    let (mut marks, mut others) = (Marks::of(function), BTreeMap::new());
    for (key, value) in tags {
        if key.starts_with(PREFIX) {
            marks.set(key, value);
        } else {
            others.insert(key, value);
        }
    }
    (marks, others)
}

/// The configuration mark: what was applied, to which function, whether the function was protected, and which fields newer
/// than the first release were applied. Without such fields, it is what the first release writes.
pub fn of_configuration(fields: &Fields, later: FieldSet, function: &FunctionUrn, is_protected: bool) -> String {
    let identity = identity_of(&function.to_string(), is_protected);
    format!("{}-{identity}{}", of_fields(fields), later_part(later))
}

/// The mark of the policy of a function that something else deploys: it covers the fields and the function's URN.
pub fn of_policy(fields: &Fields, function: &FunctionUrn) -> String {
    format!("{}-{}", of_fields(fields), identity_of(&function.to_string(), false))
}

/// The mark of such a policy while fgctl has not written it: it covers only the function's URN.
pub fn of_unwritten_policy(function: &FunctionUrn) -> String {
    format!("{}-{}", unwritten(), identity_of(&function.to_string(), false))
}

/// Whether the mark of a policy says that fgctl owns it and has not written it.
pub fn is_unwritten(mark: &str) -> bool {
    fields_part(mark) == unwritten()
}

/// Stands for the fields of a policy. No hash of fields is all zeros.
fn unwritten() -> String {
    format!("{VERSION}-{}", "0".repeat(DIGITS))
}

/// The part of a mark that covers the fields. Earlier versions wrote only this part of a configuration mark.
pub fn fields_part(mark: &str) -> &str {
    parts(mark).map_or(mark, |(fields, _)| fields)
}

/// Combines the fields of one configuration mark with the function and the protection of another.
pub fn joined(fields: &str, identity: &str) -> String {
    let identity = parts(identity).and_then(|(_, identity)| identity);
    let later = later_part(later_fields(fields));
    let fields = fields_part(fields);
    identity.map_or_else(|| fields.to_owned(), |identity| format!("{fields}-{identity}{later}"))
}

/// The later fields that a configuration mark says were applied.
fn later_fields(mark: &str) -> FieldSet {
    let digits = mark.rsplit('-').next().and_then(|part| part.strip_prefix(LATER)).filter(|_| is_whole(mark));
    let applied = digits.and_then(|digits| u128::from_str_radix(digits, 16).ok());
    let Some(applied) = applied else { return FieldSet::default() };
    let is_applied = |field: &Field| number_of(*field).is_some_and(|number| applied & (1 << number) != 0);
    Field::all().filter(is_applied).collect()
}

fn later_part(later: FieldSet) -> String {
    let applied = later.iter().filter_map(number_of).fold(0_u128, |applied, number| applied | 1 << number);
    if applied == 0 { String::new() } else { format!("-{LATER}{applied:x}") }
}

fn number_of(field: Field) -> Option<u8> {
    match field.row().since {
        Since::First => None,
        Since::Later(number) => Some(number),
    }
}

/// Splits a complete mark into the fields, and the identity of the function and its protection.
fn parts(mark: &str) -> Option<(&str, Option<&str>)> {
    let fields_end = VERSION.len() + 1 + DIGITS;
    let fields = mark.get(..fields_end).filter(|_| is_whole(mark))?;
    Some((fields, mark.get(fields_end + 1..fields_end + 1 + DIGITS)))
}

fn identity_of(function: &str, is_protected: bool) -> String {
    short(&format!("{function}\nprotect {is_protected}"))
}

/// The mark of a facet: a hash over the fields whose value is not the default.
pub fn of_fields(fields: &Fields) -> String {
    let mut lines = String::new();
    for (path, value) in fields {
        // JSON text contains no raw line breaks, so lines stay separate.
        let path = path.to_string().replace('\n', "\\n");
        let _ = write!(lines, "{path}\n{value}\n");
    }
    format!("{VERSION}-{}", short(&lines))
}

/// The code mark: the hash of our upload, and the `digest` that the service returned. The digest is opaque, so both are
/// needed: the hash shows changes of the manifest, the digest shows changes of live.
pub fn of_code(uploaded: &CodeHash, digest: &str) -> String {
    format!("{}{}", uploaded_part(uploaded), digest_part(digest))
}

/// Whether the code mark shows that these files were the last upload. A mark of fgctl 0.1 stays until the next upload,
/// because only that makes the live permissions known.
pub fn is_uploaded(mark: &str, code: &CodeHash) -> bool {
    mark.starts_with(&uploaded_part(code)) || mark.starts_with(&format!("{VERSION}-{}", &code.as_first()[..DIGITS]))
}

/// Whether the code mark matches both hash and digest, in either version.
pub fn is_code(mark: &str, code: &CodeHash, digest: &str) -> bool {
    is_uploaded(mark, code) && is_digest(mark, digest)
}

/// Whether the code mark contains this digest.
pub fn is_digest(mark: &str, digest: &str) -> bool {
    mark.ends_with(&digest_part(digest))
}

/// Whether a mark of configuration, code or policy has fgctl's format. Otherwise someone edited it, and it is ignored.
pub fn is_whole(mark: &str) -> bool {
    let mut parts = mark.split('-');
    let is_hex = |text: &str| text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_hash = |part: &str| part.len() == DIGITS && is_hex(part);
    let is_later = |part: &str| part.strip_prefix(LATER).is_some_and(|digits| !digits.is_empty() && is_hex(digits));
    matches!(parts.next(), Some(VERSION | CODE_VERSION))
        && parts.next().is_some_and(is_hash)
        && parts.next().is_none_or(is_hash)
        && parts.next().is_none_or(is_later)
        && parts.next().is_none()
}

fn uploaded_part(code: &CodeHash) -> String {
    format!("{CODE_VERSION}-{}", &code.as_str()[..DIGITS])
}

fn digest_part(digest: &str) -> String {
    format!("-{}", short(digest))
}

/// The shortened hash of a text for use in marks.
pub(super) fn short(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..DIGITS / 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::field::{Field, Path};

    fn urn(name: &str) -> FunctionUrn {
        format!("urn:fss:eu-de:p:function:default:{name}").parse().expect("a URN")
    }

    fn fields(memory: u32) -> Fields {
        Fields::from([(Path::of(Field::Memory), memory.into())])
    }

    fn marks(on: &str, mark: &str) -> Marks {
        let mut marks = Marks::of(&urn(on));
        marks.set(STACK, "orders");
        marks.set(CONFIG, mark);
        marks
    }

    #[test]
    fn copied_marks_are_ignored() {
        let mark = of_configuration(&fields(256), FieldSet::default(), &urn("one"), true);
        assert_eq!(marks("one", &mark).get(STACK), Some("orders"));
        let copied = marks("two", &mark);
        assert!(copied.are_copied());
        assert_eq!((copied.get(STACK), copied.was_protected()), (None, None));
        assert_eq!(copied.iter().count(), 2);
    }

    /// A policy can be owned without its function.
    #[test]
    fn a_copied_mark_of_a_policy_says_nothing() {
        let marks = |on: &str| {
            let mut marks = Marks::of(&urn(on));
            marks.set(POLICY, "orders");
            marks.set(ASYNC, of_policy(&fields(1), &urn("one")));
            marks
        };
        assert_eq!(marks("one").get(POLICY), Some("orders"));
        assert_eq!(marks("two").get(POLICY), None);
        let mark = of_policy(&fields(1), &urn("one"));
        assert!(is_whole(&mark) && mark.len() <= 255);
        assert_eq!(fields_part(&mark), of_fields(&fields(1)));
    }

    /// Marks of earlier versions and edited marks do not cover the function's URN.
    #[test]
    fn marks_without_a_function_apply_where_they_are() {
        for mark in [of_fields(&fields(256)), "edited".to_owned()] {
            assert_eq!(marks("two", &mark).get(STACK), Some("orders"), "{mark}");
            assert_eq!(marks("two", &mark).was_protected(), None, "{mark}");
        }
    }

    #[test]
    fn the_mark_covers_protection() {
        for is_protected in [true, false] {
            let mark = of_configuration(&fields(256), FieldSet::default(), &urn("one"), is_protected);
            assert_eq!(marks("one", &mark).was_protected(), Some(is_protected));
            assert_eq!(fields_part(&mark), of_fields(&fields(256)));
            assert!(is_whole(&mark) && mark.len() <= 255);
        }
        let of = |memory, later, is_protected| of_configuration(&fields(memory), later, &urn("one"), is_protected);
        let (one, other) = (of(1, FieldSet::default(), true), of(2, FieldSet::default(), false));
        assert_eq!(joined(&one, &other), of(1, FieldSet::default(), false));
        assert_eq!(joined(&one, &of_fields(&fields(2))), of_fields(&fields(1)));
        let later: FieldSet = [Field::ExecutionAgency].into_iter().collect();
        assert_eq!(joined(&of(1, later, true), &other), of(1, later, false));
    }

    #[test]
    fn a_mark_remembers_which_later_fields_were_applied() {
        let later: FieldSet = Field::all().filter(|field| !field.is_first()).collect();
        let mark = of_configuration(&fields(256), later, &urn("one"), true);
        assert!(is_whole(&mark) && mark.len() <= 255, "{mark}");
        let marks = marks("one", &mark);
        assert_eq!((marks.later_fields(), marks.was_protected()), (later, Some(true)));
        assert_eq!(fields_part(&mark), of_fields(&fields(256)));
        for edited in ["x", "xg", "1"] {
            assert!(!is_whole(&format!("{}-{edited}", of_fields(&fields(256)))), "{edited}");
        }
        let none = of_configuration(&fields(256), FieldSet::default(), &urn("one"), true);
        assert_eq!(Marks::default().later_fields(), FieldSet::default());
        assert_eq!(mark.strip_prefix(&none).map(|rest| rest.starts_with("-x")), Some(true));
    }
}
