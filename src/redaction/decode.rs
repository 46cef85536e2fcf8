//! One decoding step: undoes one encoding of a text (JSON, HTML, URL, base64 or hex).

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::ops::Range;

/// A text in which each character records which bytes of the original text it comes from.
#[derive(Debug, Clone)]
pub(super) struct Decoded {
    pub(super) text: String,
    /// For each character: where it starts in `text`, and its origin.
    origins: Vec<(usize, Range<usize>)>,
}

/// The shortest run that is tried as base64 or hex. Shorter runs would match by chance.
const SHORTEST_RUN: usize = 8;
/// Every other encoding uses one of these characters.
const ESCAPES: [char; 4] = ['\\', '&', '%', '+'];

impl Decoded {
    pub(super) fn of(text: &str) -> Self {
        let origins = text.char_indices().map(|(start, c)| (start, start..start + c.len_utf8())).collect();
        Self { text: text.to_owned(), origins }
    }

    /// Where a range of this text comes from in the original text.
    pub(super) fn origin(&self, range: Range<usize>) -> Range<usize> {
        let index = |byte: usize| self.origins.partition_point(|(start, _)| *start < byte);
        let characters = &self.origins[index(range.start)..index(range.end)];
        let from = characters.iter().map(|(_, origin)| origin.start).min().unwrap_or_default();
        let to = characters.iter().map(|(_, origin)| origin.end).max().unwrap_or_default();
        from..to
    }

    fn empty() -> Self {
        Self { text: String::new(), origins: Vec::new() }
    }

    fn push(&mut self, character: char, origin: Range<usize>) {
        self.origins.push((self.text.len(), origin));
        self.text.push(character);
    }
}

/// Whether the text contains no encoding of any secret, if the shortest secret has `shortest` bytes.
pub(super) fn is_plain(text: &str, shortest: usize) -> bool {
    !text.contains(ESCAPES)
        && text
            .as_bytes()
            .chunk_by(|one, other| is_in_run(*one) && is_in_run(*other))
            .all(|run| run.len() < shortest_run(shortest))
}

/// Decodes the text once by each encoding that it may use. The shortest secret has `shortest` bytes.
pub(super) fn once(text: &Decoded, shortest: usize) -> Vec<Decoded> {
    let bytes = text.text.as_bytes();
    let has = |byte: u8| bytes.contains(&byte);
    let mut all = Vec::new();
    if has(b'\\') {
        all.push(replaced(text, backslash));
    }
    if has(b'&') {
        all.push(replaced(text, entity));
    }
    if has(b'%') {
        all.push(replaced(text, percent));
    }
    if has(b'+') {
        // Forms encode a space as `+`.
        all.push(replaced(text, |rest| percent(rest).or_else(|| rest.starts_with('+').then(|| (" ".into(), 1)))));
    }
    all.extend(runs(text, shortest_run(shortest)));
    all
}

/// A character of base64, which includes those of hex.
fn is_in_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte)
}

/// The fewest characters that a secret of this many bytes takes in base64, which is shorter than hex.
fn shortest_run(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3).max(SHORTEST_RUN)
}

/// Replaces each escape. `escape` decodes an escape at the start of a text and returns its length in bytes.
fn replaced(text: &Decoded, escape: impl Fn(&str) -> Option<(String, usize)>) -> Decoded {
    let mut decoded = Decoded::empty();
    let mut at = 0;
    while let Some(character) = text.text[at..].chars().next() {
        let (plain, length) = escape(&text.text[at..]).unwrap_or_else(|| (character.to_string(), character.len_utf8()));
        let origin = text.origin(at..at + length);
        for character in plain.chars() {
            decoded.push(character, origin.clone());
        }
        at += length;
    }
    decoded
}

/// Decodes an escape of JSON and most languages. A backslash before any other character is dropped.
fn backslash(text: &str) -> Option<(String, usize)> {
    let rest = text.strip_prefix('\\')?;
    let kind = rest.chars().next()?;
    let one = |character: char| Some((character.to_string(), 1 + kind.len_utf8()));
    match kind {
        'n' => one('\n'),
        'r' => one('\r'),
        't' => one('\t'),
        'b' => one('\u{8}'),
        'f' => one('\u{c}'),
        'x' => {
            let code = u32::from_str_radix(rest.get(1..3)?, 16).ok()?;
            Some((char::from_u32(code)?.to_string(), 4))
        }
        'u' if rest[1..].starts_with('{') => {
            let (digits, _) = rest[2..].split_once('}')?;
            let code = u32::from_str_radix(digits, 16).ok()?;
            Some((char::from_u32(code)?.to_string(), digits.len() + 4))
        }
        'u' => {
            let first = unit(text)?;
            let second = text.get(6..).and_then(unit);
            let pair = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
            match (char::from_u32(first.into()), pair) {
                (Some(character), _) => Some((character.to_string(), 6)),
                (None, Some(character)) => Some((character.to_string(), 12)),
                (None, None) => None,
            }
        }
        other => one(other),
    }
}

/// The UTF-16 unit of `\uXXXX`.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

/// Decodes an escape of HTML and XML.
fn entity(text: &str) -> Option<(String, usize)> {
    const LONGEST: usize = 12;
    let (name, _) = text.strip_prefix('&')?.split_once(';').filter(|(name, _)| name.len() <= LONGEST)?;
    let character = match name.to_ascii_lowercase().as_str() {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        name => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((character.to_string(), name.len() + 2))
}

/// Decodes the escapes of URLs. They stand for bytes, and several bytes can form one character.
fn percent(text: &str) -> Option<(String, usize)> {
    let byte = |at: usize| {
        let digits = text.get(at..at + 3)?.strip_prefix('%')?;
        u8::from_str_radix(digits, 16).ok()
    };
    let bytes: Vec<u8> = (0..4).map_while(|index| byte(index * 3)).collect();
    let length = (1..=bytes.len()).find(|length| std::str::from_utf8(&bytes[..*length]).is_ok())?;
    Some((std::str::from_utf8(&bytes[..length]).ok()?.to_owned(), length * 3))
}

/// Decodes every run of letters and digits as base64 and as hex. The start of a base64 text inside a run is unknown, so
/// each of the four offsets is tried.
fn runs(text: &Decoded, shortest: usize) -> Option<Decoded> {
    let bytes = text.text.as_bytes();
    let mut decoded = Decoded::empty();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..].iter().take_while(|byte| is_in_run(**byte)).count();
        let padding = bytes[at + length..].iter().take_while(|byte| **byte == b'=').count();
        if length >= shortest {
            let run = &text.text[at..at + length];
            let origin = text.origin(at..at + length + padding);
            let as_base64 = (0..4).filter_map(|skipped| of_base64(&run[skipped..]));
            for bytes in as_base64.chain(hex::decode(run)) {
                let plain = String::from_utf8_lossy(&bytes).into_owned();
                // Separates this text from the next one.
                plain.chars().chain(['\0']).for_each(|character| decoded.push(character, origin.clone()));
            }
        }
        at += (length + padding).max(1);
    }
    (!decoded.text.is_empty()).then_some(decoded)
}

fn of_base64(run: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    // A last single character is not enough for another byte.
    let whole = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
    let alphabet = if whole.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    GeneralPurpose::new(&alphabet, config).decode(whole).ok()
}
