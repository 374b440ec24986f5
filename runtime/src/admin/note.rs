//! A note for the command line of the same user: where a running server listens for its operator, and
//! the token. In a folder only that user can read; gone when the server ends.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Result, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What the file holds.
#[derive(serde::Serialize, serde::Deserialize)]
struct Text {
    admin: SocketAddr,
    token: String,
    process: u32,
}

/// The note of a running server; removed when dropped.
pub struct TokenNote(PathBuf);

impl TokenNote {
    /// Leaves a note about the server that listens at `admin`.
    ///
    /// # Errors
    /// There is no private folder for it, or it cannot be written.
    pub fn leave(admin: SocketAddr, token: &str) -> Result<Self> {
        Self::leave_in(&folder()?, admin, token)
    }

    fn leave_in(folder: &Path, admin: SocketAddr, token: &str) -> Result<Self> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => check(folder)?,
        }
        let path = path_in(folder, admin.port());
        // Of a server that was killed.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let text = Text { admin, token: token.to_owned(), process: std::process::id() };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(&serde_json::to_vec(&text)?)?;
        Ok(Self(path))
    }
}

impl Drop for TokenNote {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "the note with the operator's token is left behind");
        }
    }
}

/// The token of this user's server that listens on this port of this machine.
pub(super) fn token_at(port: u16) -> Option<String> {
    token_in(&folder().ok()?, port)
}

fn token_in(folder: &Path, port: u16) -> Option<String> {
    check(folder).ok()?;
    let bytes = std::fs::read(path_in(folder, port)).ok()?;
    let text: Text = serde_json::from_slice(&bytes).ok()?;
    // Of a server that was killed: who listens there now may be somebody else.
    let runs = Path::new("/proc").join(text.process.to_string()).exists();
    (runs && text.admin.port() == port).then_some(text.token)
}

fn path_in(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!("{port}.json"))
}

fn folder() -> Result<PathBuf> {
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir()) {
        Some(own) => Ok(own.join("lore")),
        None => Ok(std::env::temp_dir().join(format!("lore-{}", user()?))),
    }
}

fn user() -> Result<u32> {
    Ok(std::fs::metadata("/proc/self")?.uid())
}

/// Others may write to the folder above and make one of that name first.
fn check(folder: &Path) -> Result<()> {
    let found = std::fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != user()? {
        return Err(Error::new(ErrorKind::PermissionDenied, "the folder for the token is another user's"));
    }
    if found.mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_is_private_and_goes_with_the_server() {
        let above = tempfile::tempdir().expect("a folder");
        let folder = above.path().join("lore");
        let admin = SocketAddr::from(([127, 0, 0, 1], 7878));
        let note = TokenNote::leave_in(&folder, admin, "secret").expect("written");
        assert_eq!(token_in(&folder, 7878).as_deref(), Some("secret"));
        assert_eq!(token_in(&folder, 7879), None);
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&path_in(&folder, 7878))), (0o700, 0o600));
        drop(note);
        assert_eq!(token_in(&folder, 7878), None);
    }
}
