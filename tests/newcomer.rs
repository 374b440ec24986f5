//! A newcomer writes a client from `docs/protocol.md` alone, in another language, and plays.

use crate::live::{Server, root};
use std::process::Command;

#[test]
fn a_client_in_plain_python_plays() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path()).unwrap();
    let script = root().join("tests/newcomer.py");
    let output = match Command::new("python3").arg("-B").arg(script).arg(&server.http).output() {
        Ok(output) => output,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "Python must be there: {error}");
            eprintln!("skipped: python3 is not installed");
            return;
        }
    };
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let seen: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert!(seen["acknowledged"].as_u64().unwrap() > 0, "{seen}");
    let by = seen["swing"]["by"].as_str().unwrap();
    assert!(by.starts_with("combat@"), "{seen}");
}
