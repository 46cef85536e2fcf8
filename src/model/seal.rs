//! The marks of a stack's secrets. They show whether a value changed, although the service never returns values.
//!
//! All marks of a stack are made with one key and a fast hash; without the key, values cannot be guessed quickly. The
//! key is not stored in a file. Instead, each mark contains the key, encrypted with the result of a slow derivation
//! from that function's own secrets. One slow derivation recovers the key, as long as the values of at least one
//! function are unchanged; then all other functions are checked fast. Marks of the first format contain a slow hash of
//! their values, and stay valid until their function is next written.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

use super::secret::{self, Salt, SecretHasher, Secrets, fingerprint};

/// The length of a key and of a hash in bytes: 128 bits.
const LENGTH: usize = 16;
/// The maximum number of names that fit into a tag of 255 characters with the rest of the mark.
const NAMES: usize = 32;
/// The prefix of a mark in this format.
const PREFIX: &str = "2";

type Bytes = [u8; LENGTH];

/// The key with which a stack's marks are made, and its salt.
#[derive(Clone)]
pub struct Seal {
    salt: Salt,
    key: Bytes,
}

/// Leaves out the key.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("salt", &self.salt).finish_non_exhaustive()
    }
}

/// `2.<salt>.<encrypted key>.<hash>.<seconds>.<names>`. The key stays empty until just before the mark is written, the
/// seconds are empty if unknown, and the names are left out if they do not fit into a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    salt: Salt,
    encrypted: Option<Bytes>,
    hash: Bytes,
    /// When the service last changed the configuration, as it reported after our last write; in seconds since 1970.
    modified: Option<i64>,
    /// The concatenated short hashes of the names of all secrets that were applied.
    names: String,
}

/// A function's secrets, and its current mark, if any.
#[derive(Debug, Clone, Copy)]
pub struct Marked<'a> {
    pub secrets: &'a Secrets,
    pub mark: Option<&'a str>,
}

/// The desired marks of functions, in their order. A current mark is kept if it matches the secrets. `None` if a value
/// is missing. If no mark gives the key, a new one is made from all secrets with this salt.
pub fn marks(functions: &[Marked<'_>], salt: Salt) -> (Seal, Vec<Option<String>>) {
    let mut slow = Slow::default();
    let seal = functions.iter().find_map(|one| opened(*one, &mut slow)).unwrap_or_else(|| Seal::new(functions, salt));
    let marks = functions.iter().map(|Marked { secrets, mark }| {
        let print = fingerprint(secrets)?;
        let kept = mark.filter(|mark| seal.is_of(mark, secrets, &mut slow));
        Some(kept.map_or_else(|| seal.mark(&print, secrets).to_string(), str::to_owned))
    });
    let marks = marks.collect();
    (seal, marks)
}

/// Recovers the seal from a mark, if it was made of these secrets.
fn opened(marked: Marked<'_>, slow: &mut Slow) -> Option<Seal> {
    let Marked { secrets, mark } = marked;
    let Mark { salt, encrypted, hash, modified: _, names: _ } = Mark::parse(mark?)?;
    let print = fingerprint(secrets)?;
    let key = xor(encrypted?, slow.of(&print, &salt));
    let seal = Seal { salt, key };
    (seal.hash(&print) == hash).then_some(seal)
}

impl Seal {
    /// Derives the key from all secrets, so that guessing one value requires knowing all others.
    fn new(functions: &[Marked<'_>], salt: Salt) -> Self {
        let mut all: Vec<[u8; 32]> = functions.iter().filter_map(|marked| fingerprint(marked.secrets)).collect();
        all.sort_unstable();
        let all: [u8; 32] = Sha256::new().chain_update(b"all").chain_update(all.as_flattened()).finalize().into();
        let key = if functions.is_empty() { Bytes::default() } else { secret::derive(&all, &salt) };
        Self { salt, key }
    }

    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// Completes a mark for writing by adding the encrypted key.
    pub fn complete(&self, mark: &str, secrets: &Secrets) -> String {
        match (Mark::parse(mark), fingerprint(secrets)) {
            (Some(mark), Some(print)) if mark.salt == self.salt && mark.encrypted.is_none() => {
                let encrypted = Some(xor(self.key, secret::derive(&print, &self.salt)));
                Mark { encrypted, ..mark }.to_string()
            }
            _ => mark.to_owned(),
        }
    }

    /// A new mark for secrets whose mark has the first format.
    pub fn renewed(&self, mark: &str, secrets: &Secrets) -> Option<String> {
        let print = fingerprint(secrets)?;
        Mark::parse(mark).is_none().then(|| self.complete(&self.mark(&print, secrets).to_string(), secrets))
    }

    fn mark(&self, print: &[u8; 32], secrets: &Secrets) -> Mark {
        let fit = Some(secrets.keys()).filter(|names| names.len() <= NAMES);
        let names = fit.into_iter().flatten().map(|name| short(name.as_str())).collect();
        Mark { salt: self.salt.clone(), encrypted: None, hash: self.hash(print), modified: None, names }
    }

    /// Whether a mark was made of these secrets, in either format and with any key.
    fn is_of(&self, mark: &str, secrets: &Secrets, slow: &mut Slow) -> bool {
        match (Mark::parse(mark), fingerprint(secrets)) {
            (Some(mark), Some(print)) if mark.salt == self.salt => mark.hash == self.hash(&print),
            (Some(_), _) => opened(Marked { secrets, mark: Some(mark) }, slow).is_some(),
            (None, _) => slow.first_form(mark, secrets),
        }
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn hash(&self, print: &[u8; 32]) -> Bytes {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length is fine");
        mac.update(print);
        first_half(mac.finalize().into_bytes().into())
    }
}

/// Whether a mark shows that a secret with this name was applied. Marks of the first format do not contain names.
pub fn has_name(mark: &str, name: &str) -> bool {
    let short = short(name);
    Mark::parse(mark).is_some_and(|mark| mark.names.as_bytes().chunks(short.len()).any(|one| one == short.as_bytes()))
}

fn short(name: &str) -> String {
    hex::encode(&Sha256::digest(name)[..2])
}

/// The time that a mark contains, in seconds.
pub fn modified(mark: &str) -> Option<i64> {
    Mark::parse(mark)?.modified
}

/// What a mark says about the values: the same before and after it is written.
pub fn comparable(mark: &str) -> String {
    let of_values = |mark| Mark { encrypted: None, modified: None, ..mark };
    Mark::parse(mark).map_or_else(|| mark.to_owned(), |mark| of_values(mark).to_string())
}

/// The same mark with another time. Marks of the first format have no time and stay unchanged.
pub fn with_modified(mark: &str, modified: Option<i64>) -> String {
    Mark::parse(mark).map_or_else(|| mark.to_owned(), |mark| Mark { modified, ..mark }.to_string())
}

impl Mark {
    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        let [PREFIX, salt, encrypted, hash, modified, names] = parts[..] else { return None };
        let bytes = |text: &str| hex::decode_to_array(text).ok();
        Some(Self {
            salt: Salt::try_from(salt.to_owned()).ok()?,
            encrypted: if encrypted.is_empty() { None } else { Some(bytes(encrypted)?) },
            hash: bytes(hash)?,
            modified: if modified.is_empty() { None } else { Some(modified.parse().ok()?) },
            names: names.to_owned(),
        })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { salt, encrypted, hash, modified, names } = self;
        let encrypted = encrypted.map(hex::encode).unwrap_or_default();
        let modified = modified.map(|seconds| seconds.to_string()).unwrap_or_default();
        write!(f, "{PREFIX}.{salt}.{encrypted}.{}.{modified}.{names}", hex::encode(hash))
    }
}

/// A cache of slow derivations, because functions share secrets.
#[derive(Default)]
struct Slow {
    keys: BTreeMap<(String, [u8; 32]), Bytes>,
    first_form: BTreeMap<String, SecretHasher>,
}

impl Slow {
    fn of(&mut self, print: &[u8; 32], salt: &Salt) -> Bytes {
        *self.keys.entry((salt.to_string(), *print)).or_insert_with(|| secret::derive(print, salt))
    }

    fn first_form(&mut self, mark: &str, secrets: &Secrets) -> bool {
        let Some(salt) = Salt::of_mark(mark) else { return false };
        let hasher = self.first_form.entry(salt.to_string()).or_insert_with(|| SecretHasher::new(salt));
        hasher.mark(secrets).as_deref() == Some(mark)
    }
}

fn first_half(hash: [u8; 32]) -> Bytes {
    std::array::from_fn(|index| hash[index])
}

fn xor(one: Bytes, other: Bytes) -> Bytes {
    std::array::from_fn(|index| one[index] ^ other[index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Spot;
    use crate::model::secret::Secret;
    use crate::model::text::VariableName;
    use secrecy::SecretString;

    fn marked<'a>(secrets: &'a Secrets, mark: Option<&'a str>) -> Marked<'a> {
        Marked { secrets, mark }
    }

    fn secrets(value: &str) -> Secrets {
        let value = (!value.is_empty()).then(|| SecretString::from(value));
        [(VariableName::new("A").unwrap(), Secret { variable: "A".into(), value, spot: Spot::value(0, "") })].into()
    }

    fn salt(byte: u8) -> Salt {
        Salt::new([byte; 16])
    }

    /// The marks of functions with these values, complete as after an apply.
    fn applied(values: &[&str]) -> Vec<String> {
        let all: Vec<Secrets> = values.iter().map(|value| secrets(value)).collect();
        let (seal, marks) = marks(&all.iter().map(|one| marked(one, None)).collect::<Vec<_>>(), salt(7));
        let complete = |(mark, secrets): (Option<String>, &Secrets)| seal.complete(&mark.unwrap(), secrets);
        marks.into_iter().zip(&all).map(complete).collect()
    }

    /// Which of the functions keep their marks with these values.
    fn kept(values: &[&str], marks: &[String]) -> Vec<bool> {
        let all: Vec<Secrets> = values.iter().map(|value| secrets(value)).collect();
        let marked: Vec<Marked<'_>> =
            all.iter().zip(marks).map(|(secrets, mark)| marked(secrets, Some(mark))).collect();
        let (_, now) = super::marks(&marked, salt(9));
        now.iter().zip(marks).map(|(now, mark)| now.as_ref() == Some(mark)).collect()
    }

    #[test]
    fn a_changed_value_is_detected_among_others() {
        let marks = applied(&["x", "y", "z", "x"]);
        assert_eq!(kept(&["x", "y", "z", "x"], &marks), [true; 4]);
        assert_eq!(kept(&["x", "other", "z", "x"], &marks), [true, false, true, true]);
        assert_eq!(kept(&["other", "other", "z", "other"], &marks), [false, false, true, false]);
        assert_eq!(kept(&["y", "x", "other", "other"], &marks), [false; 4]);
        assert_eq!(kept(&["", "y", "z", "x"], &marks), [false, true, true, true]);
    }

    /// Any single mark is enough, so an apply can continue after an interruption.
    #[test]
    fn each_mark_recovers_the_seal() {
        let marks = applied(&["x", "y"]);
        assert_eq!(kept(&["y"], &marks[1..]), [true]);
        assert_ne!(marks[0], marks[1]);
        assert!(marks.iter().all(|mark| mark.len() <= 255));
    }

    #[test]
    fn an_incomplete_mark_does_not_recover_the_seal() {
        let secrets = secrets("x");
        let (_, marks) = marks(&[marked(&secrets, None)], salt(7));
        assert_eq!(kept(&["x"], &[marks[0].clone().unwrap()]), [false]);
    }

    #[test]
    fn marks_of_other_stacks_and_of_the_first_format_are_recognized() {
        let first = SecretHasher::new(salt(3)).mark(&secrets("old")).unwrap();
        let mixed = [applied(&["x"]), vec![first.clone()]].concat();
        assert_eq!(kept(&["x", "old"], &mixed), [true, true]);
        assert_eq!(kept(&["x", "new"], &mixed), [true, false]);
        let old = secrets("old");
        let (seal, _) = marks(&[marked(&old, Some(first.as_str()))], salt(7));
        let renewed = seal.renewed(&first, &old).unwrap();
        assert_eq!(kept(&["old"], std::slice::from_ref(&renewed)), [true]);
        assert_eq!(seal.renewed(&renewed, &old), None);
    }

    /// A mark that the first release wrote.
    #[test]
    fn the_first_format_is_unchanged() {
        let mark = "1.2b92f69a7655f443abb6c948ea17c4a1.6ad495fa3d21d9a85b632f15d8e162ce";
        let secret = |value: &str| Secret { variable: "V".into(), value: Some(value.into()), spot: Spot::value(0, "") };
        let secrets = |value: &str| Secrets::from([(VariableName::new("PASSWORD").unwrap(), secret(value))]);
        let is_kept = |secrets: &Secrets| marks(&[marked(secrets, Some(mark))], salt(7)).1 == [Some(mark.to_owned())];
        assert!(is_kept(&secrets("value-0")));
        assert!(!is_kept(&secrets("value-1")));
    }

    /// The same salt gives the same marks, so a saved plan can be made again.
    #[test]
    fn new_marks_are_reproducible_and_depend_on_every_value() {
        let (one, two, other) = (secrets("x"), secrets("y"), secrets("z"));
        let new = |all: &[&Secrets], with| marks(&all.iter().map(|one| marked(one, None)).collect::<Vec<_>>(), with).1;
        assert_eq!(new(&[&one, &two], salt(7)), new(&[&one, &two], salt(7)));
        assert_ne!(new(&[&one, &two], salt(7))[0], new(&[&one, &other], salt(7))[0]);
        assert_ne!(new(&[&one], salt(7)), new(&[&one], salt(8)));
    }

    #[test]
    fn a_mark_contains_the_time() {
        let mark = applied(&["x"]).remove(0);
        assert_eq!(modified(&mark), None);
        let later = with_modified(&mark, Some(1_700_000_000));
        assert_eq!(modified(&later), Some(1_700_000_000));
        assert_eq!(with_modified(&later, None), mark);
        assert_eq!(kept(&["x"], std::slice::from_ref(&later)), [true]);
        assert_eq!(with_modified("1.a.b", Some(1)), "1.a.b");
        assert_eq!(modified("edited"), None);
    }

    #[test]
    fn a_mark_is_comparable_before_and_after_it_is_written() {
        let all = secrets("x");
        let (seal, marks) = marks(&[marked(&all, None)], salt(7));
        let planned = marks[0].clone().unwrap();
        let written = with_modified(&seal.complete(&planned, &all), Some(1_700_000_000));
        assert_ne!(planned, written);
        assert_eq!(comparable(&planned), comparable(&written));
        assert_ne!(comparable(&planned), comparable(&applied(&["y"])[0]));
        assert_eq!(comparable("edited"), "edited");
    }

    #[test]
    fn a_mark_contains_the_names_that_were_applied() {
        let mark = applied(&["x"]).remove(0);
        assert!(has_name(&mark, "A"));
        assert!(!has_name(&mark, "B"));
        assert!(!has_name("1.2b92f69a7655f443abb6c948ea17c4a1.6ad495fa3d21d9a85b632f15d8e162ce", "A"));
        let named =
            |index| (VariableName::new(format!("A{index}")).unwrap(), secrets("x").into_values().next().unwrap());
        for (count, fits) in [(NAMES, true), (NAMES + 1, false)] {
            let many: Secrets = (0..count).map(named).collect();
            let (seal, marks) = marks(&[marked(&many, None)], salt(7));
            let mark = with_modified(&seal.complete(marks[0].as_deref().unwrap(), &many), Some(9_999_999_999));
            assert_eq!((has_name(&mark, "A0"), mark.len() <= 255), (fits, true), "{}", mark.len());
        }
    }

    #[test]
    fn debug_output_does_not_show_the_key() {
        let all = secrets("x");
        let (seal, _) = marks(&[marked(&all, None)], salt(7));
        assert!(!format!("{seal:?}").contains(&hex::encode(seal.key)));
    }
}
