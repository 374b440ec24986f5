//! Signing keys of access tokens: the current one, which signs, and the previous one, which is
//! still believed. Kept in `DATA/keys.json` (mode 0600) or given by `LORE_JWT_KEYS`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// `KID:SECRET` or `KID:SECRET,PREVIOUS_KID:PREVIOUS_SECRET`, secrets base64url of 32 bytes or more.
pub const KEYS_VARIABLE: &str = "LORE_JWT_KEYS";
/// Length of a secret, bytes: that of the hash.
const SECRET_BYTES: usize = 32;

/// One key.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Key {
    pub(super) kid: String,
    #[serde(with = "secret_text")]
    pub(super) secret: Vec<u8>,
}

/// The keys in force.
#[derive(Clone, Deserialize, Serialize)]
pub struct KeyRing {
    pub(super) current: Key,
    pub(super) previous: Option<Key>,
    /// None for keys from the environment.
    #[serde(skip)]
    file: Option<PathBuf>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The file is not one of ours; move it away to get new keys (everybody logs in again).
    #[error("{}: not a key file: {reason}; restore it, or delete it: then everybody has to log in again", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The variable is not `KID:SECRET[,KID:SECRET]`.
    #[error("LORE_JWT_KEYS must be KID:SECRET or KID:SECRET,KID:SECRET with base64url secrets of 32 bytes")]
    BadVariable,
    /// Keys from the environment are rotated there.
    #[error("the keys come from LORE_JWT_KEYS; change that instead")]
    FromEnvironment,
}

impl KeyRing {
    pub(super) fn open(data: &Path) -> Result<Self, KeyError> {
        match std::env::var(KEYS_VARIABLE) {
            Ok(text) => Self::parse(&text),
            Err(_) => Self::open_file(data.join("keys.json")),
        }
    }

    /// Makes a new current key.
    pub(super) fn rotate(&mut self) -> Result<(), KeyError> {
        let Some(path) = &self.file else { return Err(KeyError::FromEnvironment) };
        let next =
            Self { current: Key::random(), previous: Some(self.current.clone()), file: Some(path.clone()) };
        next.write(path)?;
        *self = next;
        Ok(())
    }

    /// The key a token says it was signed with.
    pub(super) fn find(&self, kid: &str) -> Option<&Key> {
        std::iter::once(&self.current).chain(&self.previous).find(|key| key.kid == kid)
    }

    fn parse(text: &str) -> Result<Self, KeyError> {
        let mut keys = text.split(',').map(|part| {
            let (kid, secret) = part.trim().split_once(':')?;
            let secret = URL_SAFE_NO_PAD.decode(secret.trim_end_matches('=')).ok()?;
            (!kid.is_empty() && secret.len() >= SECRET_BYTES).then(|| Key { kid: kid.to_owned(), secret })
        });
        let current = keys.next().flatten().ok_or(KeyError::BadVariable)?;
        let previous = keys.next().map(|key| key.ok_or(KeyError::BadVariable)).transpose()?;
        if keys.next().is_some() {
            return Err(KeyError::BadVariable);
        }
        Ok(Self { current, previous, file: None })
    }

    fn open_file(path: PathBuf) -> Result<Self, KeyError> {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let ring = Self { current: Key::random(), previous: None, file: Some(path.clone()) };
                ring.write(&path)?;
                return Ok(ring);
            }
            Err(source) => return Err(KeyError::Io { path, source }),
        };
        let mut ring: Self = serde_json::from_str(&text)
            .map_err(|error| KeyError::Malformed { path: path.clone(), reason: error.to_string() })?;
        if ring.current.secret.len() < SECRET_BYTES {
            return Err(KeyError::Malformed {
                path,
                reason: format!(
                    "its secret has {} bytes, less than {SECRET_BYTES}",
                    ring.current.secret.len()
                ),
            });
        }
        ring.file = Some(path);
        Ok(ring)
    }

    /// Whole or not at all, and never readable for others: a new file, renamed over the old one.
    fn write(&self, path: &Path) -> Result<(), KeyError> {
        let write = || -> io::Result<()> {
            let unfinished = path.with_extension("json.new");
            match std::fs::remove_file(&unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&unfinished)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            std::fs::rename(&unfinished, path)
        };
        write().map_err(|source| KeyError::Io { path: path.to_owned(), source })
    }
}

impl Key {
    fn random() -> Self {
        let (kid, secret): ([u8; 8], [u8; SECRET_BYTES]) = (rand::random(), rand::random());
        Self { kid: URL_SAFE_NO_PAD.encode(kid), secret: secret.to_vec() }
    }
}

/// Secrets as base64url text.
mod secret_text {
    use super::URL_SAFE_NO_PAD;
    use base64::Engine as _;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(secret: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(secret))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        URL_SAFE_NO_PAD.decode(text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_outlive_the_process_and_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let mut first = KeyRing::open_file(path.clone()).unwrap();
        assert_eq!(KeyRing::open_file(path.clone()).unwrap().current.secret, first.current.secret);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let before = first.current.kid.clone();
        first.rotate().unwrap();
        let again = KeyRing::open_file(path.clone()).unwrap();
        assert_eq!(again.current.kid, first.current.kid);
        assert_eq!(again.previous.unwrap().kid, before);
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(KeyRing::open_file(path), Err(KeyError::Malformed { .. })));
    }

    #[test]
    fn the_variable_names_one_or_two_keys() {
        let secret = URL_SAFE_NO_PAD.encode([7; 32]);
        let mut ring = KeyRing::parse(&format!("b:{secret}, a:{secret}")).unwrap();
        assert_eq!((ring.current.kid.as_str(), ring.previous.as_ref().unwrap().kid.as_str()), ("b", "a"));
        assert!(matches!(ring.rotate(), Err(KeyError::FromEnvironment)));
        for bad in [
            "",
            "a",
            "a:short",
            ":x",
            &format!("a:{secret},b"),
            &format!("{0},{0},{0}", format!("a:{secret}")),
        ] {
            assert!(KeyRing::parse(bad).is_err(), "{bad}");
        }
    }
}
