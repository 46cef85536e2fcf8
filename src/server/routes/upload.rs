//! Uploaded code: checks the body, decodes base64, and hashes the archive.

use std::io::{Cursor, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::Connection;
use serde_json::{Map, Value};
use sha2::{Digest, Sha512};

use crate::rules::quota;
use crate::rules::runtime::Language;
use crate::rules::text::OBS_URL;
use crate::wire::function::{RunConfig, UpdateFunctionCode};

use super::super::failure::{Failure, Outcome};
use super::super::store::function::CodeFacts;
use super::super::store::{Stored, code};

/// The name under which inline code is returned, always as an archive.
const INLINE_FILENAME: &str = "index.zip";

/// Code in a container image.
const IMAGE: &str = "Custom-Image-Swr";

/// Valid code.
pub(super) struct Upload {
    pub(super) facts: CodeFacts,
    pub(super) archive: Archive,
}

/// What happens to a function's stored archive.
pub(super) enum Archive {
    Stored(Vec<u8>),
    /// The code is elsewhere: at a URL or in an image.
    Elsewhere,
    Kept,
}

/// Moves the code and what belongs to it out of a body, because code may be large.
pub(super) fn take_code(body: &mut Map<String, Value>) -> Outcome<UpdateFunctionCode> {
    let names = ["code_type", "code_url", "code_filename", "func_code", "depend_version_list"];
    let part: Map<String, Value> = names.iter().filter_map(|name| body.remove_entry(*name)).collect();
    serde_json::from_value(Value::Object(part))
        .map_err(|error| Failure::refused("FSS.1011", format!("the code is invalid: {error}")))
}

impl Upload {
    /// Checks a request for a function with this configuration, and with its `current` code if it already exists.
    ///
    /// Decoding and hashing 50 MB takes a while, so this runs on a blocking thread.
    pub(super) async fn prepare(
        request: UpdateFunctionCode,
        config: RunConfig,
        current: Option<CodeFacts>,
    ) -> Outcome<Self> {
        let prepare = move || prepare(&request, &config, current.as_ref());
        tokio::task::spawn_blocking(prepare).await.map_err(Failure::internal)?
    }
}

impl Archive {
    pub(super) fn store(&self, store: &Connection, function: i64) -> Stored<()> {
        match self {
            Self::Stored(archive) => code::replace(store, function, Some(archive)),
            Self::Elsewhere => code::replace(store, function, None),
            Self::Kept => Ok(()),
        }
    }
}

fn prepare(request: &UpdateFunctionCode, config: &RunConfig, current: Option<&CodeFacts>) -> Outcome<Upload> {
    let kind = given(&request.code_type).or(current.map(|code| code.kind.as_str()));
    let kind = match kind {
        Some(kind) => kind,
        None if config.custom_image.is_some() => IMAGE,
        None => return Err(Failure::refused("FSS.1006", "code_type is required")),
    };
    let dependencies = request.depend_version_list.clone();
    if dependencies.as_ref().is_some_and(|ids| ids.len() > quota::DEPENDENCIES) {
        let message = format!("depend_version_list has more than {} dependencies", quota::DEPENDENCIES);
        return Err(Failure::refused("FSS.1024", message));
    }
    let dependencies = dependencies.or_else(|| current.map(|code| code.dependencies.clone())).unwrap_or_default();
    // Fields that a request leaves out are kept only if the kind of code does not change.
    let current = current.filter(|code| code.kind == kind);
    let file = decode(&request.func_code.file)?;
    let (filename, url, archive) = match kind {
        "inline" => (INLINE_FILENAME.to_owned(), String::new(), inline(file, config, current)?),
        "zip" | "jar" => (filename(request, current)?, String::new(), package(file, current)?),
        "obs" => {
            (given(&request.code_filename).unwrap_or_default().to_owned(), url(request, current)?, Archive::Elsewhere)
        }
        IMAGE => (String::new(), String::new(), image(config)?),
        _ => return Err(Failure::refused("FSS.1006", "code_type must be inline, zip, jar, obs or Custom-Image-Swr")),
    };
    let (size, digest) = match (&archive, current) {
        (Archive::Kept, Some(code)) => (code.size, code.digest.clone()),
        (Archive::Stored(bytes), _) => (i64::try_from(bytes.len()).unwrap_or(i64::MAX), hash(bytes)),
        (Archive::Kept | Archive::Elsewhere, _) => (0, hash(&[])),
    };
    let facts = CodeFacts { kind: kind.to_owned(), url, filename, size, digest, dependencies };
    Ok(Upload { facts, archive })
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha512::digest(bytes))
}

/// Tools often break lines of base64.
fn decode(file: &str) -> Outcome<Vec<u8>> {
    let unbroken: Vec<u8> = file.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD
        .decode(unbroken)
        .map_err(|error| Failure::refused("FSS.1011", format!("func_code.file is not base64: {error}")))
}

/// Inline code is a source file or an archive. It is stored as an archive in both cases.
fn inline(file: Vec<u8>, config: &RunConfig, current: Option<&CodeFacts>) -> Outcome<Archive> {
    if file.len() > quota::INLINE_CODE_BYTES {
        return Err(Failure::refused(
            "FSS.1072",
            format!("inline code exceeds {} bytes; send it as a zip", quota::INLINE_CODE_BYTES),
        ));
    }
    match (file.is_empty(), current) {
        (true, Some(_)) => Ok(Archive::Kept),
        (true, None) => Ok(Archive::Stored(archive_of(config, default_code(config)?)?)),
        (false, _) if is_archive(&file) => Ok(Archive::Stored(file)),
        (false, _) => Ok(Archive::Stored(archive_of(config, &file)?)),
    }
}

fn package(file: Vec<u8>, current: Option<&CodeFacts>) -> Outcome<Archive> {
    if file.len() as u64 > quota::ARCHIVE_BYTES {
        return Err(Failure::refused(
            "FSS.1071",
            format!("the code exceeds {} bytes; put it into OBS", quota::ARCHIVE_BYTES),
        ));
    }
    match current {
        Some(_) if file.is_empty() => Ok(Archive::Kept),
        None if file.is_empty() => Err(Failure::refused("FSS.1012", "func_code.file is required")),
        _ if is_archive(&file) => Ok(Archive::Stored(file)),
        _ => Err(Failure::refused("FSS.1011", "func_code.file is not a zip archive")),
    }
}

fn is_archive(file: &[u8]) -> bool {
    zip::ZipArchive::new(Cursor::new(file)).is_ok()
}

fn filename(request: &UpdateFunctionCode, current: Option<&CodeFacts>) -> Outcome<String> {
    let filename = given(&request.code_filename).or(current.map(|code| code.filename.as_str()));
    let filename = filename.ok_or_else(|| Failure::parameter("code_filename is required with this code_type"))?;
    if filename.contains(['/', '\\']) || filename.contains(char::is_control) || filename.len() > 255 {
        return Err(Failure::refused("FSS.1078", "code_filename must be the name of a file without folders"));
    }
    Ok(filename.to_owned())
}

fn url(request: &UpdateFunctionCode, current: Option<&CodeFacts>) -> Outcome<String> {
    let url = given(&request.code_url).or(current.map(|code| code.url.as_str())).unwrap_or_default();
    if OBS_URL.accepts(url) {
        return Ok(url.to_owned());
    }
    Err(Failure::refused(
        "FSS.1010",
        "code_url must be the URL of an object in OBS: https://<bucket>.obs.<region>.<domain>/<key>",
    ))
}

fn image(config: &RunConfig) -> Outcome<Archive> {
    match config.custom_image.as_ref().and_then(|custom| given(&custom.image)) {
        Some(_) => Ok(Archive::Elsewhere),
        None => Err(Failure::refused("FSS.1035", "custom_image.image is required with this code_type")),
    }
}

/// An archive with the single file that the handler expects. It does not depend on the time.
fn archive_of(config: &RunConfig, source: &[u8]) -> Outcome<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    archive.start_file(source_path(config), options).map_err(Failure::internal)?;
    archive.write_all(source).map_err(Failure::internal)?;
    Ok(archive.finish().map_err(Failure::internal)?.into_inner())
}

fn source_path(config: &RunConfig) -> String {
    let RunConfig { runtime, handler, .. } = config;
    let module = handler.rsplit_once('.').map_or(handler.as_str(), |(module, _)| module);
    match Language::of(runtime).source_extension() {
        Some(extension) => format!("{module}.{extension}"),
        None => module.to_owned(),
    }
}

/// The code of a function that was created without code.
fn default_code(config: &RunConfig) -> Outcome<&'static [u8]> {
    match Language::of(&config.runtime) {
        Language::Python => Ok(b"def handler(event, context):\n    return event\n"),
        Language::NodeJs => Ok(b"exports.handler = async (event, context) => event;\n"),
        _ => Err(Failure::refused("FSS.1012", "func_code.file is required with this runtime")),
    }
}
