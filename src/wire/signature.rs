//! AK/SK signatures (SDK-HMAC-SHA256). The client and the server each build the canonical form of a request here.
//!
//! Pure functions. The caller decides whether a date is too old and looks up an access key's secret key.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};

/// The header with the signing time. It is always signed, as part of the string to sign.
pub const DATE_HEADER: &str = "x-sdk-date";
/// The header that can replace the hash of the body.
pub const CONTENT_HASH_HEADER: &str = "x-sdk-content-sha256";
/// The value of [`CONTENT_HASH_HEADER`] that excludes the body from the signature.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

const ALGORITHM: &str = "SDK-HMAC-SHA256";
const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// Escapes everything except RFC 3986's unreserved characters.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Like [`COMPONENT`], for a whole path: slashes stay, so an escaped slash becomes a plain one.
const PATH: &AsciiSet = &COMPONENT.remove(b'/');

/// An access key and its secret key. The secret key is the HMAC key.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    pub access_key: &'a str,
    pub secret_key: &'a str,
}

/// A request as it is sent.
#[derive(Debug, Clone, Copy)]
pub struct SignableRequest<'a> {
    pub method: &'a str,
    /// Without the query. A percent-encoded and a raw path give the same signature.
    pub path: &'a str,
    /// Without the question mark; empty if there is no query.
    pub query: &'a str,
    /// To sign: exactly the headers to sign, including [`DATE_HEADER`]. To verify: all headers that arrived.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

/// The parts of an `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    pub access_key: String,
    /// Lower-case and sorted.
    pub signed_headers: Vec<String>,
    /// Hexadecimal, unchecked.
    pub signature: String,
}

/// The signature was made for another request or with another key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not match this canonical request: {canonical_request}")]
pub struct Mismatch {
    pub canonical_request: String,
}

/// The value of the `Authorization` header for a request. Signs all of its `headers`.
pub fn authorization(request: &SignableRequest<'_>, credentials: Credentials<'_>) -> String {
    let signed_headers = sorted_names(request.headers.iter().map(|(name, _)| *name));
    let content_hash = content_hashes(request).swap_remove(0);
    let text = string_to_sign(request, &canonical_request(request, &signed_headers, &content_hash));
    let signature = hex::encode(mac(&text, credentials.secret_key).finalize().into_bytes());
    let Credentials { access_key, .. } = credentials;
    let names = signed_headers.join(";");
    format!("{ALGORITHM} Access={access_key}, SignedHeaders={names}, Signature={signature}")
}

/// Checks that the holder of `secret_key` signed this request. The time taken does not depend on where signatures
/// differ.
pub fn verify(request: &SignableRequest<'_>, authorization: &Authorization, secret_key: &str) -> Result<(), Mismatch> {
    let canonical = content_hashes(request)
        .into_iter()
        .map(|hash| canonical_request(request, &authorization.signed_headers, &hash));
    let canonical: Vec<String> = canonical.collect();
    // The decoder would accept a `0x` prefix.
    let digits = Some(&authorization.signature).filter(|digits| !digits.contains(['x', 'X']));
    let signature = digits.and_then(|digits| hex::decode(digits).ok()).unwrap_or_default();
    let matches =
        |canonical: &String| mac(&string_to_sign(request, canonical), secret_key).verify_slice(&signature).is_ok();
    if canonical.iter().any(matches) && content_hash_holds(request) {
        return Ok(());
    }
    Err(Mismatch { canonical_request: canonical.into_iter().next().unwrap_or_default() })
}

/// The signing time in the request, if it has one.
pub fn signed_at(request: &SignableRequest<'_>) -> Option<jiff::Timestamp> {
    let date = header(request, DATE_HEADER)?;
    let time = jiff::civil::DateTime::strptime(DATE_FORMAT, date).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(time).ok()
}

/// The value of [`DATE_HEADER`] for a time.
pub fn date(time: jiff::Timestamp) -> String {
    time.strftime(DATE_FORMAT).to_string()
}

impl Authorization {
    /// Parses `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…`.
    pub fn parse(value: &str) -> Option<Self> {
        let fields = value.trim().strip_prefix(ALGORITHM)?;
        let field = |name: &str| {
            let mut fields = fields.split(',').filter_map(|field| field.trim().split_once('='));
            fields.find_map(|(key, value)| (key == name).then(|| value.trim().to_owned()))
        };
        let names = field("SignedHeaders")?;
        Some(Self {
            access_key: field("Access")?,
            signed_headers: sorted_names(names.split(';').filter(|name| !name.is_empty())),
            signature: field("Signature")?,
        })
    }
}

/// The canonical form whose hash is signed: method, path, query, signed headers, their names, and the hash of the body.
fn canonical_request(request: &SignableRequest<'_>, signed_headers: &[String], content_hash: &str) -> String {
    let method = request.method.to_ascii_uppercase();
    let path = canonical_path(request.path);
    let query = canonical_query(request.query);
    let headers = canonical_headers(request, signed_headers);
    let names = signed_headers.join(";");
    format!("{method}\n{path}\n{query}\n{headers}\n{names}\n{content_hash}")
}

fn string_to_sign(request: &SignableRequest<'_>, canonical_request: &str) -> String {
    let date = header(request, DATE_HEADER).unwrap_or_default();
    format!("{ALGORITHM}\n{date}\n{}", hex::encode(Sha256::digest(canonical_request)))
}

/// Unifies the encoding and adds a final slash, but keeps dot segments and repeated slashes.
fn canonical_path(path: &str) -> String {
    let decoded: Cow<'_, [u8]> = percent_decode_str(path).into();
    let mut canonical = percent_encode(&decoded, PATH).to_string();
    if !canonical.ends_with('/') {
        canonical.push('/');
    }
    canonical
}

/// Sorted by decoded key, then by decoded value. A `+` is a space, as in a form.
fn canonical_query(query: &str) -> String {
    let decode = |text: &str| -> Vec<u8> { percent_decode_str(&text.replace('+', " ")).collect() };
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect();
    pairs.sort();
    let encoded = pairs
        .iter()
        .map(|(key, value)| format!("{}={}", percent_encode(key, COMPONENT), percent_encode(value, COMPONENT)));
    encoded.collect::<Vec<_>>().join("&")
}

/// A header that was sent twice gets two lines; a header that was not sent gets none.
fn canonical_headers(request: &SignableRequest<'_>, signed_headers: &[String]) -> String {
    let lines =
        signed_headers.iter().flat_map(|name| values(request, name).map(move |value| format!("{name}:{value}\n")));
    lines.collect()
}

/// The hashes that a body may have been signed with. We sign with the first.
///
/// Vendors disagree about an empty body that is declared unsigned: one hashes it, another does not.
fn content_hashes(request: &SignableRequest<'_>) -> Vec<String> {
    let hash = hex::encode(Sha256::digest(request.body));
    match header(request, CONTENT_HASH_HEADER) {
        None => vec![hash],
        Some(declared) if declared == UNSIGNED_PAYLOAD && request.body.is_empty() => vec![hash, declared.to_owned()],
        Some(declared) => vec![declared.to_owned()],
    }
}

/// A hash that a request declares must match its body; otherwise the signature would not cover the body.
fn content_hash_holds(request: &SignableRequest<'_>) -> bool {
    header(request, CONTENT_HASH_HEADER).is_none_or(|declared| {
        declared == UNSIGNED_PAYLOAD || declared.eq_ignore_ascii_case(&hex::encode(Sha256::digest(request.body)))
    })
}

fn mac(text: &str, secret_key: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret_key.as_bytes()).expect("HMAC takes keys of any length").chain_update(text)
}

fn header<'a>(request: &SignableRequest<'a>, name: &str) -> Option<&'a str> {
    values(request, name).next()
}

fn values<'a>(request: &SignableRequest<'a>, name: &str) -> impl Iterator<Item = &'a str> {
    let matching = request.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
    matching.map(|(_, value)| value.trim())
}

fn sorted_names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = names.map(str::to_ascii_lowercase).collect();
    names.sort();
    names.dedup();
    names
}
