//! OBS: each notification becomes an object, named after its request, in a folder of the data directory or in an
//! S3-compatible store.

use std::path::{Path, PathBuf};

use crate::rules::text::BUCKET;
use crate::wire::async_policy::ObsParam;

use super::super::directory;
use super::super::store::notification::{Owed, Receipt};
use super::s3::RemoteStore;
use super::{Delivered, DeliveryError, file_name};

/// Milliseconds.
const DAY: i64 = 24 * 3600 * 1000;

/// Where objects are stored.
#[derive(Debug, Clone)]
pub enum ObjectStore {
    /// In `obs/<bucket>/` of the data directory.
    Local,
    Remote(RemoteStore),
}

/// The objects that a target requests.
pub(crate) struct Objects {
    pub(crate) bucket: String,
    /// Without slashes at its ends and without repeated slashes, because folders do not need them.
    pub(crate) prefix: String,
    /// Days; 0 means never.
    pub(crate) expires: u32,
}

impl Objects {
    pub(crate) fn parse(param: &str) -> Result<Self, DeliveryError> {
        match serde_json::from_str(param) {
            Ok(ObsParam { bucket, prefix, expires }) if BUCKET.accepts(&bucket) => {
                let parts: Vec<&str> = prefix.split('/').filter(|part| !part.is_empty()).collect();
                Ok(Self { bucket, prefix: parts.join("/"), expires })
            }
            _ => Err(DeliveryError::Never("the target does not name a bucket".to_owned())),
        }
    }

    /// The key is the same at each try, so a notification that is delivered twice is stored once.
    pub(crate) fn key(&self, request_id: &str) -> String {
        let name = format!("{request_id}.json");
        if self.prefix.is_empty() { name } else { format!("{}/{name}", self.prefix) }
    }

    /// When the object of this notification must be deleted, in milliseconds since 1970.
    pub(crate) fn expiry(&self, owed: &Owed) -> Option<i64> {
        (self.expires > 0).then(|| owed.created.saturating_add(i64::from(self.expires) * DAY))
    }
}

/// Writes each object to disk atomically.
pub(crate) fn deliver(data: &Path, objects: &Objects, owed: &[Owed]) -> Vec<Delivered> {
    owed.iter().map(|owed| write(data, objects, owed)).collect()
}

fn write(data: &Path, objects: &Objects, owed: &Owed) -> Delivered {
    let file = file(objects, &owed.request_id);
    let path = data.join(&file);
    let folder = path.parent().unwrap_or(data);
    let written =
        directory::create_private(folder).and_then(|()| directory::write_private(&path, owed.body.as_bytes()));
    match written {
        Ok(()) => Ok(Receipt::Stored { location: file.display().to_string() }),
        Err(error) => Err(DeliveryError::NotNow(format!("{} cannot be written: {error}", file.display()))),
    }
}

/// The path of an object relative to the data directory.
pub(crate) fn location(objects: &Objects, request_id: &str) -> String {
    file(objects, request_id).display().to_string()
}

/// Whether a file in a bucket's folder is the object of this request's notification, or becomes it when it is complete.
pub(crate) fn is_object(param: &str, request_id: &str, file: &Path) -> bool {
    let own = Objects::parse(param).map(|objects| location(&objects, request_id));
    own.is_ok_and(|own| Path::new(&own).with_extension("") == file.with_extension(""))
}

/// The key of an object in a remote store. URLs lose `.` and `..` in transit, so they are encoded.
pub(super) fn remote_key(key: &str) -> String {
    key.split('/').map(dots_encoded).collect::<Vec<_>>().join("/")
}

/// The file of an object, inside its bucket's folder whatever its key is. To a file system, `..` is not an ordinary
/// name, and names have a limited length.
fn file(objects: &Objects, request_id: &str) -> PathBuf {
    let folder = Path::new("obs").join(&objects.bucket);
    let key = objects.key(request_id);
    key.split('/').fold(folder, |folder, part| folder.join(file_name(&dots_encoded(part).replace('\\', "%5C"), "")))
}

fn dots_encoded(part: &str) -> String {
    match part {
        "." | ".." => part.replace('.', "%2E"),
        part => part.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(prefix: &str) -> String {
        let param = serde_json::json!({ "bucket": "abc", "prefix": prefix }).to_string();
        file(&Objects::parse(&param).ok().unwrap(), "r").display().to_string()
    }

    #[test]
    fn no_prefix_leads_out_of_the_bucket() {
        assert_eq!(file_of(""), "obs/abc/r.json");
        assert_eq!(file_of("/success"), "obs/abc/success/r.json");
        assert_eq!(file_of("a//b/"), "obs/abc/a/b/r.json");
        assert_eq!(file_of("../../x/./"), "obs/abc/%2E%2E/%2E%2E/x/%2E/r.json");
        assert_eq!(file_of("..\\.."), "obs/abc/..%5C../r.json");
    }

    #[test]
    fn every_prefix_has_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let prefixes = ["x".repeat(1000), "ü".repeat(200), "\\".repeat(255), "a/".repeat(500), "../".repeat(300)];
        for prefix in &prefixes {
            let path = folder.path().join(file_of(prefix));
            directory::create_private(path.parent().unwrap()).unwrap();
            directory::write_private(&path, b"{}").unwrap();
        }
        let other = format!("{}y", "x".repeat(999));
        assert_ne!(file_of(&prefixes[0]), file_of(&other));
    }

    #[test]
    fn a_remote_key_survives_a_url() {
        for key in ["a/b/r.json", "ü x/50%/r.json", "~{}[]/r.json"] {
            assert_eq!(remote_key(key), key);
        }
        assert_eq!(remote_key("../a/./r.json"), "%2E%2E/a/%2E/r.json");
    }
}
