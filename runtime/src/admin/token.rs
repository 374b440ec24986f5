//! The operator's token: configured, or made at the first start and kept in the data folder.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[error("the operator's token in {}: {source}", path.display())]
pub struct TokenError {
    path: PathBuf,
    source: std::io::Error,
}

/// A secret that is compared in constant time.
pub struct AdminToken(blake3::Hash);

impl AdminToken {
    /// This token.
    pub fn new(token: &str) -> Self {
        Self(blake3::hash(token.as_bytes()))
    }

    /// The token in the data folder; made, readable by the owner alone, if there is none.
    ///
    /// # Errors
    /// The file can be neither read nor made.
    pub fn open(data: &Path) -> Result<String, TokenError> {
        let path = Self::path(data);
        Self::read_or_make(&path).map_err(|source| TokenError { path, source })
    }

    /// Where [`AdminToken::open`] keeps it.
    pub fn path(data: &Path) -> PathBuf {
        data.join("admin-token")
    }

    fn read_or_make(path: &Path) -> std::io::Result<String> {
        match std::fs::read_to_string(path) {
            Ok(token) if token.trim().len() >= 32 => return Ok(token.trim().to_owned()),
            Ok(_) => return Err(std::io::Error::new(ErrorKind::InvalidData, "shorter than 32 characters")),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Err(_) => {}
        }
        let secret: [u8; 32] = rand::random();
        let token: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)?.write_all(token.as_bytes())?;
        Ok(token)
    }

    /// Whether this is the token. Hashes are compared, so that time tells nothing.
    pub fn is(&self, candidate: &str) -> bool {
        self.0 == blake3::hash(candidate.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_made_once_and_private() {
        let folder = tempfile::tempdir().expect("a folder");
        AdminToken::open(folder.path()).expect("made");
        let text = std::fs::read_to_string(AdminToken::path(folder.path())).expect("there");
        let again = AdminToken::new(&AdminToken::open(folder.path()).expect("read"));
        assert!(again.is(&text));
        assert!(!again.is("guess"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode =
                std::fs::metadata(AdminToken::path(folder.path())).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
