//! Archives that would write to wrong places.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;

use super::*;

/// Runs the code of an archive, whose handler would succeed.
async fn run(local: &Local, adjust: impl FnOnce(&mut zip::ZipWriter<Cursor<Vec<u8>>>)) -> Ended {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("index.py", SimpleFileOptions::default()).expect("an entry");
    archive.write_all(b"def handler(event, context):\n    return 'fine'").expect("its content");
    adjust(&mut archive);
    let archive = archive.finish().expect("an archive").into_inner();
    local.run(&Function::of_archive("Python3.9", archive), "{}").await
}

#[tokio::test]
async fn no_entry_is_written_outside_its_folder() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let outside = local.folder.path().join("outside");
    let absolute = outside.to_string_lossy().into_owned();
    for path in ["../../../outside", "a/../../../../outside", &absolute, "..\\..\\..\\outside"] {
        run(&local, |archive| {
            archive.start_file(path, SimpleFileOptions::default()).expect("an entry");
            archive.write_all(b"escaped").expect("its content");
        })
        .await;
        assert!(!outside.exists(), "{path}");
    }
    for target in [absolute.as_str(), "../../../outside"] {
        run(&local, |archive| {
            archive.add_symlink("link", target, SimpleFileOptions::default()).expect("a link");
            archive.start_file("link", SimpleFileOptions::default()).ok();
            archive.write_all(b"escaped").ok();
        })
        .await;
        assert!(!outside.exists(), "{target}");
    }
}

/// The library would remove the drive letter, and run this file instead of the handler's.
#[tokio::test]
async fn names_that_a_reader_would_change_are_refused_with_the_name() {
    let Some(local) = Local::new("Python3.9").await else { return };
    for name in ["z:index.py", "lib\\x.py", "a/../index.py", "index.py/x", "x."] {
        let ended = run(&local, |archive| {
            archive.start_file(name, SimpleFileOptions::default()).expect("an entry");
            archive.write_all(b"def handler(event, context):\n    return 'the wrong file'").expect("its content");
        })
        .await;
        let (code, failing) = failure(&ended);
        let named = format!("`{}`", crate::rules::entry_name::shown(name.trim_end_matches("/x")));
        assert_eq!(code, 4001, "{name}");
        assert!(failing["errorMessage"].as_str().is_some_and(|text| text.contains(&named)), "{failing}");
    }
}

#[tokio::test]
async fn links_inside_the_code_work_and_the_code_is_read_only() {
    use std::os::unix::fs::PermissionsExt;
    let Some(local) = Local::new("Python3.9").await else { return };
    let ended = run(&local, |archive| {
        archive.add_symlink("alias.py", "index.py", SimpleFileOptions::default()).expect("a link");
    })
    .await;
    assert_eq!(result(&ended), "fine");
    let code =
        local.folder.path().join("run/code").read_dir().expect("a folder").next().expect("one").expect("it").path();
    assert!(code.join("alias.py").is_symlink());
    let mode = |path: &std::path::Path| path.metadata().expect("metadata").permissions().mode() & 0o777;
    assert_eq!((mode(&code), mode(&code.join("index.py"))), (0o555, 0o444));
}

#[tokio::test]
async fn an_archive_that_unpacks_to_too_many_bytes_is_refused() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let ended = run(&local, |archive| {
        // Compressed once and then copied, which is fast.
        let zeros = String::from_utf8(vec![0; 16 << 20]).expect("text");
        let mut large = zip::ZipArchive::new(Cursor::new(super::archive(&[("zeros", &zeros)]))).expect("an archive");
        for index in 0..94 {
            let entry = large.by_index_raw(0).expect("an entry");
            archive.raw_copy_file_rename(entry, format!("{index}")).expect("a copy");
        }
    })
    .await;
    let (code, failing) = failure(&ended);
    assert_eq!(code, 4001);
    assert!(failing["errorMessage"].as_str().is_some_and(|text| text.contains("cannot be unpacked")), "{failing}");
    assert_eq!(local.folder.path().join("run/code").read_dir().expect("a folder").count(), 0);
}
