//! Packs code into an archive. The same files give the same bytes, regardless of time and machine.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::model::code::{self, Archive, Code, Entry, EntryKind};
use crate::rules::quota;

use super::bundle_error::{BundleError, Expected};
use super::code::{CodePath, CodeSource};
use super::listing::{self, Listed, Listing};

/// Reads code and hashes it. Packs it only if the files are so large that the packed size decides whether they fit.
pub(super) fn read(source: &CodeSource) -> Result<(Code, Listing), BundleError> {
    match source {
        CodeSource::Directory(code) => {
            let listing = list_directory(code)?;
            Ok((Code::Archive(hash_files(&listing)?), listing))
        }
        CodeSource::Zip(code) | CodeSource::Jar(code) => {
            let bytes = zip_bytes(code)?;
            let unusable = |error| BundleError::Archive { path: code.path.clone(), error };
            let archive = Archive::of_zip(&bytes).map_err(unusable)?;
            let archive = Archive { is_jar: matches!(source, CodeSource::Jar(_)), ..archive };
            Ok((Code::Archive(archive), listing::of_zip(code, &bytes)?))
        }
        CodeSource::Inline { file, text } => {
            let content = Sha256::digest(text).into();
            let entry = Entry { kind: EntryKind::File, permissions: PLAIN, bytes: text.len() as u64, content };
            let entries = BTreeMap::from([(file.clone(), entry)]);
            Ok((Code::Archive(Archive::of_entries(&entries)), Listing::default()))
        }
        CodeSource::Obs(object) => Ok((Code::Obs(object.clone()), Listing::default())),
        CodeSource::Image(address) => Ok((Code::Image(address.clone()), Listing::default())),
    }
}

/// Lists the files of local code without their contents.
pub(super) fn list(source: &CodeSource) -> Result<Listing, BundleError> {
    match source {
        CodeSource::Directory(code) => list_directory(code),
        CodeSource::Zip(code) | CodeSource::Jar(code) => listing::of_zip(code, &zip_bytes(code)?),
        CodeSource::Inline { .. } | CodeSource::Obs(_) | CodeSource::Image(_) => Ok(Listing::default()),
    }
}

/// Lists the files of a directory. Packs them only if they are so large that the packed size decides whether they fit.
fn list_directory(code: &CodePath) -> Result<Listing, BundleError> {
    let listing = listing::of_directory(code)?;
    if listing.bytes > quota::ARCHIVE_BYTES {
        pack_files(code, &listing)?;
    }
    Ok(listing)
}

/// The archive to upload; `None` for an object that the service fetches itself.
pub(super) fn archive(source: &CodeSource) -> Result<Option<Vec<u8>>, BundleError> {
    match source {
        CodeSource::Directory(code) => pack_files(code, &listing::of_directory(code)?).map(Some),
        CodeSource::Zip(code) | CodeSource::Jar(code) => zip_bytes(code).map(Some),
        CodeSource::Inline { file, text } => {
            let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
            writer.start_file(file.as_str(), options(PLAIN))?;
            writer.write_all(text.as_bytes())?;
            Ok(Some(writer.finish()?.into_inner()))
        }
        CodeSource::Obs(_) | CodeSource::Image(_) => Ok(None),
    }
}

/// The permissions in archives that we pack. Checkouts preserve only the executable bit.
const PLAIN: u32 = 0o644;
const EXECUTABLE: u32 = 0o755;

const fn permissions(file: &Listed) -> u32 {
    if file.executable { EXECUTABLE } else { PLAIN }
}

fn hash_files(listing: &Listing) -> Result<Archive, BundleError> {
    let mut entries = BTreeMap::new();
    for (name, file) in &listing.files {
        let failed = |error| BundleError::Read { path: file.path.clone(), error };
        let (mut hasher, mut bytes, mut buffer) = (Sha256::new(), 0, [0; 16 * 1024]);
        let mut opened = File::open(&file.path).map_err(failed)?;
        loop {
            let read = opened.read(&mut buffer).map_err(failed)?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            hasher.update(&buffer[..read]);
        }
        let content = hasher.finalize().into();
        entries.insert(name.clone(), Entry { kind: EntryKind::File, permissions: permissions(file), bytes, content });
    }
    Ok(Archive::of_entries(&entries))
}

fn pack_files(code: &CodePath, listing: &Listing) -> Result<Vec<u8>, BundleError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, file) in &listing.files {
        let failed = |error| BundleError::Read { path: file.path.clone(), error };
        let content = fs::read(&file.path).map_err(failed)?;
        writer.start_file(name.as_str(), options(permissions(file)))?;
        writer.write_all(&content)?;
    }
    let bytes = writer.finish()?.into_inner();
    if bytes.len() as u64 > quota::ARCHIVE_BYTES {
        return Err(too_large_archive(code));
    }
    Ok(bytes)
}

/// Uses the earliest time that the format allows, so that the archive depends on no clock or checkout.
fn options(permissions: u32) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(permissions)
}

fn zip_bytes(code: &CodePath) -> Result<Vec<u8>, BundleError> {
    if !code.path.exists() {
        return Err(BundleError::NoArchive(code.path.clone()));
    }
    listing::checked(code, Expected::File)?;
    let failed = |error| BundleError::Read { path: code.path.clone(), error };
    let mut bytes = Vec::new();
    let file = File::open(&code.path).map_err(failed)?;
    file.take(quota::ARCHIVE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > quota::ARCHIVE_BYTES {
        return Err(too_large_archive(code));
    }
    code::check_zip(&bytes).map_err(|error| BundleError::Archive { path: code.path.clone(), error })?;
    Ok(bytes)
}

fn too_large_archive(code: &CodePath) -> BundleError {
    let (path, limit) = (code.path.clone(), quota::ARCHIVE_BYTES);
    BundleError::TooLarge { path, limit, reason: "packed code" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Spot;
    use std::path::Path;

    fn read(source: &CodeSource) -> Result<Code, BundleError> {
        super::read(source).map(|(code, _)| code)
    }

    fn directory(path: &Path) -> CodeSource {
        CodeSource::Directory(CodePath { path: path.into(), root: path.into(), spot: Spot::value(0, "") })
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    #[test]
    fn packing_is_reproducible_and_matches_the_hash_of_reading() {
        let (one, two) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        let files = [("index.py", "a"), ("lib/x.py", "b")];
        for (name, text) in files {
            write(&one.path().join(name), text);
        }
        for (name, text) in files.into_iter().rev() {
            write(&two.path().join(name), text);
        }
        write(&two.path().join("__pycache__/index.pyc"), "noise");
        let archives = [&one, &two].map(|temp| archive(&directory(temp.path())).expect("packs").expect("an archive"));
        assert_eq!(archives[0], archives[1]);
        let packed = Archive::of_zip(&archives[0]).expect("a zip");
        assert_eq!(read(&directory(one.path())).expect("reads"), Code::Archive(packed));
    }

    #[test]
    fn inline_code_has_the_hash_of_its_archive() {
        let source = CodeSource::Inline { file: "index.py".into(), text: "def handler(): pass".into() };
        let packed = archive(&source).expect("packs").expect("an archive");
        assert_eq!(read(&source).expect("reads"), Code::Archive(Archive::of_zip(&packed).expect("a zip")));
    }

    #[test]
    fn an_empty_directory_is_refused() {
        let temp = tempfile::tempdir().expect("a directory");
        assert!(matches!(read(&directory(temp.path())), Err(BundleError::Empty(_))));
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_out_or_loop_are_refused() {
        use std::os::unix::fs::symlink;
        let (temp, other) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        write(&temp.path().join("index.py"), "a");
        write(&other.path().join("secret.txt"), "b");
        symlink(other.path().join("secret.txt"), temp.path().join("link")).expect("a link");
        assert!(matches!(read(&directory(temp.path())), Err(BundleError::Outside { .. })));
        fs::remove_file(temp.path().join("link")).expect("removed");
        symlink(temp.path(), temp.path().join("loop")).expect("a link");
        assert!(matches!(read(&directory(temp.path())), Err(BundleError::Loop(_))));
        fs::remove_file(temp.path().join("loop")).expect("removed");
        symlink("gone", temp.path().join("dangling")).expect("a link");
        assert!(matches!(read(&directory(temp.path())), Err(BundleError::Dangling(_))));
        write(&temp.path().join(".fgctlignore"), "dangling\nloop\n");
        assert!(read(&directory(temp.path())).is_ok(), "a link that is left out does not matter");
        symlink(temp.path(), temp.path().join("loop")).expect("a link");
        assert!(read(&directory(temp.path())).is_ok(), "a link that is left out does not matter");
    }

    #[cfg(unix)]
    #[test]
    fn the_executable_bit_changes_the_hash() {
        use std::os::unix::fs::PermissionsExt;
        let temp = tempfile::tempdir().expect("a directory");
        let file = temp.path().join("bootstrap");
        write(&file, "#!/bin/sh");
        let before = read(&directory(temp.path())).expect("reads");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("permissions");
        let after = read(&directory(temp.path())).expect("reads");
        let packed = archive(&directory(temp.path())).expect("packs").expect("an archive");
        assert_ne!(before, after);
        assert_eq!(after, Code::Archive(Archive::of_zip(&packed).expect("a zip")));
    }

    #[test]
    fn a_file_that_is_not_a_zip_is_refused() {
        let temp = tempfile::tempdir().expect("a directory");
        let path = temp.path().join("a.zip");
        write(&path, "no zip");
        let source = CodeSource::Zip(CodePath { path, root: temp.path().into(), spot: Spot::value(0, "") });
        assert!(matches!(read(&source), Err(BundleError::Archive { .. })));
    }

    #[test]
    fn an_unsafe_file_name_is_refused_and_named() {
        for name in ["z:index.py", "a\\b.py", "a.", "line\nbreak.py"] {
            let temp = tempfile::tempdir().expect("a directory");
            write(&temp.path().join("index.py"), "a");
            write(&temp.path().join(name), "b");
            let error = read(&directory(temp.path())).expect_err(name).to_string();
            assert!(error.contains(&crate::rules::entry_name::shown(name)), "{error}");
            write(&temp.path().join(".fgctlignore"), "*\n!index.py\n");
            assert!(read(&directory(temp.path())).is_ok(), "{name} is left out");
        }
    }

    #[test]
    fn permissions_in_a_zip_change_its_hash() {
        let temp = tempfile::tempdir().expect("a directory");
        let path = temp.path().join("a.zip");
        let source =
            CodeSource::Zip(CodePath { path: path.clone(), root: temp.path().into(), spot: Spot::value(0, "") });
        let code = |mode| {
            let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
            writer.start_file("index.py", options(mode)).expect("a file");
            fs::write(&path, writer.finish().expect("an archive").into_inner()).expect("written");
            read(&source).expect("reads")
        };
        assert_ne!(code(0o600), code(0o644));
        assert_eq!(code(0o600), code(0o600));
    }

    #[test]
    fn files_that_are_not_code_are_left_out() {
        let temp = tempfile::tempdir().expect("a directory");
        let plan = r#"{ "format_version": 1, "checksum": "00", "plan": {} }"#;
        for (name, content) in [
            ("index.py", "a"),
            ("lib/x.py", "b"),
            ("lib/keep.log", "kept by a nested rule"),
            ("lib/.fgctlignore", "!keep.log\nlocal/"),
            (".fgctlignore", "*.log\n/tests\n"),
            ("noise.log", ""),
            ("tests/test.py", ""),
            ("lib/tests/x.py", "c"),
            ("lib/local/x.py", ""),
            (".git/config", ""),
            ("sub/.svn/entries", ""),
            (".hg/store", ""),
            (".fgctl/store.db", ""),
            ("state/store.db", ""),
            ("state/credentials.json", ""),
            ("state/lock", ""),
            ("my.plan", plan),
            ("data.json", r#"{ "format_version": 1 }"#),
        ] {
            write(&temp.path().join(name), content);
        }
        let listing = list(&directory(temp.path())).expect("lists");
        let names: Vec<&str> = listing.files.keys().map(String::as_str).collect();
        assert_eq!(names, ["data.json", "index.py", "lib/keep.log", "lib/tests/x.py", "lib/x.py"]);
    }

    #[test]
    fn ignore_rules_above_the_code_apply_from_the_root_down() {
        let temp = tempfile::tempdir().expect("a directory");
        write(&temp.path().join(".fgctlignore"), "secret.txt\n");
        write(&temp.path().join("functions/a/index.py"), "a");
        write(&temp.path().join("functions/a/secret.txt"), "b");
        let code =
            CodePath { path: temp.path().join("functions/./a"), root: temp.path().into(), spot: Spot::value(0, "") };
        let listing = list(&CodeSource::Directory(code)).expect("lists");
        assert_eq!(listing.files.into_keys().collect::<Vec<_>>(), ["index.py"]);
    }

    #[test]
    fn files_that_look_like_secrets_are_reported_unless_included_explicitly() {
        let temp = tempfile::tempdir().expect("a directory");
        for (name, content) in [
            ("index.py", ""),
            (".env", "PASSWORD=x"),
            ("notes.txt", "-----BEGIN RSA PRIVATE KEY-----\n"),
            ("test/id_rsa", ""),
            (".fgctlignore", "!/test/id_rsa\n"),
        ] {
            write(&temp.path().join(name), content);
        }
        let listing = list(&directory(temp.path())).expect("lists");
        assert_eq!(listing.secrets, [".env", "notes.txt"]);
    }
}
