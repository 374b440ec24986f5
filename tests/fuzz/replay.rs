//! What is fuzzed of replay logs.

use runtime::replay::{LogError, MAGIC, Reader};
use std::io::Cursor;
use std::path::Path;

/// The bytes are those of a log, and of one without its first eight: every record is read, or something says where
/// it is damaged.
pub fn read(bytes: &[u8]) {
    drain(bytes.to_vec());
    drain([&MAGIC[..], bytes].concat());
}

fn drain(bytes: Vec<u8>) {
    let mut reader = match Reader::of(Cursor::new(bytes), Path::new("1.replay")) {
        Ok(reader) => reader,
        Err(error) => return assert!(matches!(error, LogError::Format(_)), "{error}"),
    };
    loop {
        match reader.next_record() {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => return assert!(matches!(error, LogError::Damaged { .. }), "{error}"),
        }
    }
}
