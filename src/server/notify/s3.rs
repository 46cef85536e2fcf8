//! Objects in a store with the S3 API: each is put with one request to a presigned URL.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::{Client, Response, Url, redirect};
use rusty_s3::{Bucket, BucketError, Credentials, S3Action, UrlStyle};
use secrecy::{ExposeSecret, SecretString};

use super::super::store::notification::{Owed, Receipt};
use super::obs::{Objects, remote_key};
use super::{Delivered, DeliveryError};

/// The timeout for one object.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a presigned URL is valid. Clocks may differ by some minutes.
const VALIDITY: Duration = Duration::from_hours(1);
/// The number of objects that are sent concurrently.
const AT_ONCE: usize = 8;
/// Tells OBS after how many days to delete an object. Other stores ignore it.
const EXPIRES_HEADER: &str = "x-obs-expires";

/// A store with the S3 API, such as OBS itself.
#[derive(Debug, Clone)]
pub struct RemoteStore {
    pub endpoint: Url,
    /// The region in signatures.
    pub region: String,
    pub access_key: String,
    pub secret_key: SecretString,
}

/// One bucket of a remote store, ready for requests.
struct Remote {
    client: Client,
    bucket: Bucket,
    credentials: Credentials,
    /// In days; `None` keeps the objects.
    expires: Option<String>,
}

impl RemoteStore {
    /// Puts each object, a few at the same time.
    pub(crate) async fn deliver(&self, objects: &Objects, owed: &[Owed]) -> Vec<Delivered> {
        let remote = match self.remote(objects) {
            Ok(remote) => remote,
            Err(error) => {
                let error = DeliveryError::NotNow(format!("{} cannot be used: {error}", self.endpoint));
                return owed.iter().map(|_| Err(error.clone())).collect();
            }
        };
        let puts: Vec<_> =
            owed.iter().map(|owed| remote.put(remote_key(&objects.key(&owed.request_id)), owed)).collect();
        stream::iter(puts).buffered(AT_ONCE).collect().await
    }

    fn remote(&self, objects: &Objects) -> Result<Remote, RemoteError> {
        let Self { endpoint, region, access_key, secret_key } = self;
        Ok(Remote {
            // The courier retries, with longer waits. A signature is valid for one host and path, so redirects are refused.
            client: Client::builder().timeout(PATIENCE).redirect(redirect::Policy::none()).build()?,
            bucket: Bucket::new(endpoint.clone(), UrlStyle::Path, objects.bucket.clone(), region.clone())?,
            credentials: Credentials::new(access_key, secret_key.expose_secret()),
            expires: (objects.expires > 0).then(|| objects.expires.to_string()),
        })
    }
}

#[derive(Debug, thiserror::Error)]
enum RemoteError {
    #[error(transparent)]
    Client(#[from] reqwest::Error),
    #[error(transparent)]
    Bucket(#[from] BucketError),
}

impl Remote {
    async fn put(&self, key: String, owed: &Owed) -> Delivered {
        let Self { client, bucket, credentials, expires } = self;
        let location = format!("{}{key}", bucket.base_url());
        let mut action = bucket.put_object(Some(credentials), &key);
        if let Some(days) = expires {
            action.headers_mut().insert(EXPIRES_HEADER, days);
        }
        let mut request = client.put(action.sign(VALIDITY)).body(owed.body.clone());
        for (name, value) in action.headers_mut().iter() {
            request = request.header(name, value);
        }
        let failed = |reason: String| DeliveryError::NotNow(format!("{location} cannot be put: {reason}"));
        // The URL contains a signature.
        let answer = request.send().await.map_err(|error| failed(error.without_url().to_string()))?;
        if answer.status().is_success() { Ok(Receipt::Stored { location }) } else { Err(failed(refusal(answer).await)) }
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
