//! Objects in a store with the S3 API: each is put with one request, which is signed with AWS's signature version 4.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Response, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::super::store::notification::{Owed, Receipt};
use super::obs::{Objects, remote_key};
use super::{Delivered, DeliveryError};

/// The timeout for one object.
const PATIENCE: Duration = Duration::from_secs(30);
/// The number of objects that are sent concurrently.
const AT_ONCE: usize = 8;
/// Tells OBS after how many days to delete an object. Other stores ignore it.
const EXPIRES_HEADER: &str = "x-obs-expires";
const DATE_HEADER: &str = "x-amz-date";
const HASH_HEADER: &str = "x-amz-content-sha256";

/// Escapes everything except slashes and RFC 3986's unreserved characters. The signature covers the path in this form.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// A store with the S3 API, such as OBS itself.
#[derive(Debug, Clone)]
pub struct RemoteStore {
    pub endpoint: Url,
    /// The region in signatures.
    pub region: String,
    pub access_key: String,
    pub secret_key: SecretString,
}

/// A request as it is sent: without a query, and with its headers in alphabetical order.
struct Signable<'a> {
    method: &'a str,
    /// Percent-encoded.
    path: &'a str,
    /// Those to sign, with [`HASH_HEADER`]. Their names are in lower case.
    headers: &'a [(&'a str, &'a str)],
    time: Timestamp,
}

impl RemoteStore {
    /// Puts each object, a few at the same time. `now` is in milliseconds since 1970.
    pub(crate) async fn deliver(&self, objects: &Objects, owed: &[Owed], now: i64) -> Vec<Delivered> {
        // The courier retries, with longer waits. A signature is valid for one host and path, so redirects are refused.
        let client = Client::builder().timeout(PATIENCE).redirect(redirect::Policy::none()).build();
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                let error = DeliveryError::NotNow(format!("{} cannot be used: {error}", self.endpoint));
                return owed.iter().map(|_| Err(error.clone())).collect();
            }
        };
        let time = Timestamp::from_millisecond(now).unwrap_or_default();
        let puts: Vec<_> = owed.iter().map(|owed| self.put(&client, objects, owed, time)).collect();
        stream::iter(puts).buffered(AT_ONCE).collect().await
    }

    async fn put(&self, client: &Client, objects: &Objects, owed: &Owed, time: Timestamp) -> Delivered {
        let key = remote_key(&objects.key(&owed.request_id));
        let folder = format!("{}/{}", self.endpoint.as_str().trim_end_matches('/'), objects.bucket);
        let location = format!("{folder}/{key}");
        let url: Url = format!("{folder}/{}", utf8_percent_encode(&key, PATH))
            .parse()
            .map_err(|error| DeliveryError::Never(format!("{location} is not the address of an object: {error}")))?;
        let (host, hash, date) = (host(&url), sha256(&owed.body), date(time));
        let headers = [("host", host.as_str()), (HASH_HEADER, &hash), (DATE_HEADER, &date)];
        let authorization = self.authorization(&Signable { method: "PUT", path: url.path(), headers: &headers, time });
        let mut request = client.put(url).header("authorization", authorization).body(owed.body.clone());
        for (name, value) in &headers[1..] {
            request = request.header(*name, *value);
        }
        if objects.expires > 0 {
            request = request.header(EXPIRES_HEADER, objects.expires);
        }
        let failed = |reason: String| DeliveryError::NotNow(format!("{location} cannot be put: {reason}"));
        let answer = request.send().await.map_err(|error| failed(error.to_string()))?;
        if answer.status().is_success() { Ok(Receipt::Stored { location }) } else { Err(failed(refusal(answer).await)) }
    }

    fn authorization(&self, request: &Signable<'_>) -> String {
        let Signable { method, path, headers, time } = *request;
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let hash = headers.iter().find(|(name, _)| *name == HASH_HEADER).map(|(_, hash)| *hash).unwrap_or_default();
        // The empty line is the query.
        let canonical = format!("{method}\n{path}\n\n{lines}\n{names}\n{hash}");
        let day = time.strftime("%Y%m%d").to_string();
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", date(time), sha256(&canonical));
        let secret = format!("AWS4{}", self.secret_key.expose_secret());
        let key = [day.as_str(), &self.region, "s3", "aws4_request"]
            .iter()
            .fold(secret.into_bytes(), |key, part| mac(&key, part));
        let signature = hex::encode(mac(&key, &text));
        let access_key = &self.access_key;
        format!("AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}")
    }
}

/// The status, with the store's own code and message if it gives them.
async fn refusal(answer: Response) -> String {
    let status = answer.status();
    let body = answer.text().await.unwrap_or_default();
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| format!(": {text}"))
    };
    let [code, message] = ["Code", "Message"].map(|name| element(name).unwrap_or_default());
    format!("the store answered {status}{code}{message}")
}

/// The host as HTTP clients send it, with the port only if it is not the scheme's default.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn date(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mac: Hmac<Sha256> = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The requests of AWS's documentation, with the signatures that it gives for them.
    #[test]
    fn signatures_are_those_of_the_documentation() {
        let store = RemoteStore {
            endpoint: "https://examplebucket.s3.amazonaws.com/".parse().unwrap(),
            region: "us-east-1".to_owned(),
            access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        };
        let (time, host) = ("2013-05-24T00:00:00Z".parse().unwrap(), ("host", "examplebucket.s3.amazonaws.com"));
        let (body, none) = (sha256("Welcome to Amazon S3."), sha256(""));
        let get = [host, ("range", "bytes=0-9"), (HASH_HEADER, &none), (DATE_HEADER, "20130524T000000Z")];
        let put = [
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            host,
            (HASH_HEADER, &body),
            (DATE_HEADER, "20130524T000000Z"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ];
        let signed = |method, path, headers| store.authorization(&Signable { method, path, headers, time });
        assert_eq!(
            signed("GET", "/test.txt", &get),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
             Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let path = format!("/{}", utf8_percent_encode("test$file.text", PATH));
        let signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
        assert!(signed("PUT", &path, &put).ends_with(&format!("Signature={signature}")));
    }
}
