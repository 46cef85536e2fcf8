//! Tests signatures in both directions, with vectors from the vendor's own signers.

use fgctl::wire::signature::{self, Authorization, Credentials, Mismatch, SignableRequest};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
    derived_checks: Vec<DerivedCheck>,
}

#[derive(Deserialize, Clone)]
struct Vector {
    id: String,
    ak: String,
    sk: String,
    method: String,
    wire_path: String,
    wire_query: String,
    headers: Vec<(String, String)>,
    #[serde(default)]
    unsigned_headers: Vec<(String, String)>,
    body: Option<String>,
    expect: Expected,
    go_signer_authorization: String,
}

#[derive(Deserialize, Clone)]
struct Expected {
    canonical_request: String,
    signed_headers: String,
    authorization: String,
}

#[derive(Deserialize)]
struct DerivedCheck {
    id: String,
}

impl Vector {
    fn sign(&self) -> String {
        let headers = borrowed(&self.headers);
        let credentials = Credentials { access_key: &self.ak, secret_key: &self.sk };
        signature::authorization(&self.request(&headers), credentials)
    }

    /// Verifies the request as it arrives, including headers that were not signed.
    fn verify(&self, authorization: &str) -> Result<(), Mismatch> {
        let sent = [self.headers.clone(), self.unsigned_headers.clone()].concat();
        let headers = borrowed(&sent);
        let authorization = Authorization::parse(authorization).expect("a well-formed header");
        signature::verify(&self.request(&headers), &authorization, &self.sk)
    }

    fn request<'a>(&'a self, headers: &'a [(&'a str, &'a str)]) -> SignableRequest<'a> {
        let body = self.body.as_deref().unwrap_or_default().as_bytes();
        SignableRequest { method: &self.method, path: &self.wire_path, query: &self.wire_query, headers, body }
    }

    fn is_accepted(&self) -> bool {
        self.verify(&self.expect.authorization).is_ok()
    }

    fn set_header(&mut self, name: &str, value: &str) {
        let mut headers = self.headers.iter_mut().chain(&mut self.unsigned_headers);
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).expect("a header to change").1 = value.into();
    }
}

fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../fixtures/signing-vectors.json")).expect("readable vectors")
}

fn vector(id: &str) -> Vector {
    vectors().vectors.into_iter().find(|vector| vector.id == id).expect("a vector of that name")
}

fn changed(id: &str, change: impl FnOnce(&mut Vector)) -> Vector {
    let mut vector = vector(id);
    change(&mut vector);
    vector
}

#[test]
fn signatures_match_the_vendors() {
    for vector in vectors().vectors {
        assert_eq!(vector.sign(), vector.expect.authorization, "{}", vector.id);
    }
}

#[test]
fn signatures_of_each_vendor_signer_are_accepted() {
    for vector in vectors().vectors {
        assert_eq!(vector.verify(&vector.expect.authorization), Ok(()), "{}", vector.id);
        if vector.go_signer_authorization != "same" {
            assert_eq!(vector.verify(&vector.go_signer_authorization), Ok(()), "{} by the Go signer", vector.id);
        }
        let parsed = Authorization::parse(&vector.expect.authorization).unwrap();
        assert_eq!(parsed.signed_headers.join(";"), vector.expect.signed_headers, "{}", vector.id);
    }
}

#[test]
fn a_mismatch_shows_the_canonical_request() {
    for mut vector in vectors().vectors {
        vector.sk = "another".to_owned();
        let mismatch = vector.verify(&vector.expect.authorization).unwrap_err();
        assert_eq!(mismatch.canonical_request, vector.expect.canonical_request, "{}", vector.id);
    }
}

#[test]
fn derived_checks_hold() {
    for check in vectors().derived_checks {
        match check.id.as_str() {
            "neg-wrong-sk" => assert!(!changed("put-json", |vector| vector.sk.push('x')).is_accepted()),
            "neg-body-changed" => {
                assert!(!changed("put-json", |vector| vector.body.as_mut().unwrap().push(' ')).is_accepted());
            }
            "neg-query-changed" => {
                let change = |vector: &mut Vector| vector.wire_query = vector.wire_query.replace("=100", "=101");
                assert!(!changed("list-paged", change).is_accepted());
            }
            "neg-path-changed" => {
                let change = |vector: &mut Vector| vector.wire_path = vector.wire_path.replace(":latest", ":v1");
                assert!(!changed("urn-raw-on-wire", change).is_accepted());
            }
            "neg-signed-header-changed" => {
                assert!(!changed("security-token", |vector| vector.set_header("x-security-token", "x")).is_accepted());
            }
            "neg-unsigned-header-changed" => {
                assert!(changed("terraform-put", |vector| vector.set_header("x-project-id", "x")).is_accepted());
            }
            "neg-date-skew" => assert_date_is_read(&vector("list-paged")),
            "pos-query-reordered" => {
                let change = |vector: &mut Vector| {
                    vector.wire_query = "package_name=default&maxitems=100&marker=0".into();
                };
                assert!(changed("list-paged", change).is_accepted());
            }
            "pos-header-case" => {
                let change = |vector: &mut Vector| {
                    vector.headers.iter_mut().for_each(|(name, _)| name.make_ascii_uppercase());
                };
                assert!(changed("list-paged", change).is_accepted());
            }
            other => panic!("no test for {other}"),
        }
    }
}

/// The server itself checks the skew, based on the signed date.
fn assert_date_is_read(vector: &Vector) {
    let headers = borrowed(&vector.headers);
    let signed_at = signature::signed_at(&vector.request(&headers)).expect("a date");
    assert_eq!(signed_at, "2026-01-15T08:30:00Z".parse().expect("a time"));
    assert_eq!(signature::date(signed_at), "20260115T083000Z");
}

#[test]
fn a_declared_hash_must_be_the_bodys() {
    let declared = "0".repeat(64);
    let mut vector = vector("put-json");
    vector.headers.push((signature::CONTENT_HASH_HEADER.to_owned(), declared));
    assert!(vector.verify(&vector.sign()).is_err());
}

#[test]
fn malformed_authorizations_are_refused() {
    for value in ["", "Bearer x", "SDK-HMAC-SHA256", "SDK-HMAC-SHA256 Access=a, Signature=b"] {
        assert_eq!(Authorization::parse(value), None, "{value}");
    }
}
