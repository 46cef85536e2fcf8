//! DIS: each record is appended as a line to the stream's file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::rules::text::STREAM;
use crate::wire::async_policy::DisParam;

use super::super::directory;
use super::super::store::notification::{Owed, Receipt};
use super::{Delivered, DeliveryError, file_name};

/// Appends all records with one write and one flush to disk.
pub(crate) fn deliver(data: &Path, param: &str, owed: &[Owed]) -> Vec<Delivered> {
    let delivered = file(param).and_then(|file| append(data, &file, owed));
    owed.iter().map(|_| delivered.clone()).collect()
}

fn file(param: &str) -> Result<PathBuf, DeliveryError> {
    match serde_json::from_str(param) {
        Ok(DisParam { stream_name }) if STREAM.accepts(&stream_name) => {
            Ok(Path::new("dis").join(file_name(&stream_name, ".jsonl")))
        }
        _ => Err(DeliveryError::Never("the target does not name a stream".to_owned())),
    }
}

/// Appends bodies, if there are any, as lines to a file in the data directory, and returns its path.
pub(crate) fn append(data: &Path, file: &Path, owed: &[Owed]) -> Delivered {
    let lines: String = owed.iter().flat_map(|owed| [owed.body.as_str(), "\n"]).collect();
    let written = if lines.is_empty() { Ok(()) } else { append_lines(&data.join(file), &lines) };
    match written {
        Ok(()) => Ok(Receipt::Stored { location: file.display().to_string() }),
        Err(error) => Err(DeliveryError::NotNow(format!("{} cannot be written: {error}", file.display()))),
    }
}

fn append_lines(path: &Path, lines: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        directory::create_private(folder)?;
    }
    let mut file = directory::private().read(true).append(true).create(true).open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    let written = append_to(&mut file, lines);
    if written.is_err() {
        // If the disk is full, a part of a line may have been written. All lines will be written again.
        let _ = file.set_len(length);
    }
    written
}

fn append_to(file: &mut File, lines: &str) -> io::Result<()> {
    // An incomplete line from a crash must not damage the next one.
    if !ends_a_line(file)? {
        file.write_all(b"\n")?;
    }
    file.write_all(lines.as_bytes())?;
    file.sync_data()
}

fn ends_a_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_line_does_not_damage_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dis/stream.jsonl");
        append_lines(&path, "{\"a\":1}\n").unwrap();
        append_to(&mut File::options().append(true).read(true).open(&path).unwrap(), "{\"tor").unwrap();
        append_lines(&path, "{\"b\":2}\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"a\":1}\n{\"tor\n{\"b\":2}\n");
    }

    #[test]
    fn nothing_is_written_without_a_stream_name() {
        let folder = tempfile::tempdir().unwrap();
        let owed = Owed::untried("{}");
        for param in [r#"{"stream_name":"../x"}"#, r#"{"stream_name":""}"#, "{}", ""] {
            let delivered = deliver(folder.path(), param, std::slice::from_ref(&owed));
            assert!(matches!(delivered[..], [Err(DeliveryError::Never(_))]), "{param}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
