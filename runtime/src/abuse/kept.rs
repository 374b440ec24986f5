//! The policy an operator has put in the place of that of the settings, in the data folder.

use super::document::Mistakes;
use super::origin::{ANY_IN_PRODUCTION, Origin};
use super::policy::Policy;
use crate::config::Profile;
use serde_json::Value;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Why the policy was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The document is wrong.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
    /// It cannot be kept for the next start.
    #[error("the limits cannot be kept in {}: {source}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What was put in the place of the settings' policy.
pub(super) struct KeptPolicy {
    path: PathBuf,
    settings: Policy,
    profile: Profile,
    is_replaced: bool,
}

impl KeptPolicy {
    /// What is kept in a data folder, and the policy in force.
    pub(super) fn open(data: &Path, settings: Policy, profile: Profile) -> (Self, Policy) {
        let path = data.join("limits.json");
        let policy = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "the kept limits cannot be read; the settings hold");
                None
            }
            Ok(bytes) => match read(&settings, profile, &bytes) {
                Ok(policy) => Some(policy),
                Err(mistakes) => {
                    tracing::error!(%mistakes, path = %path.display(), "the kept limits are wrong; the settings hold");
                    None
                }
            },
        };
        let is_replaced = policy.is_some();
        let policy = policy.unwrap_or_else(|| settings.clone());
        (Self { path, settings, profile, is_replaced }, policy)
    }

    /// Whether the settings do not hold.
    pub(super) fn is_replaced(&self) -> bool {
        self.is_replaced
    }

    /// Keeps a document for the next start; the policy it makes.
    pub(super) async fn replace(&mut self, document: Value) -> Result<Policy, KeepError> {
        let policy = made(&self.settings, self.profile, &document)?;
        let path = self.path.clone();
        self.write(move || write(&path, &document)).await?;
        self.is_replaced = true;
        Ok(policy)
    }

    /// Keeps nothing; the policy of the settings.
    pub(super) async fn forget(&mut self) -> Result<Policy, KeepError> {
        let path = self.path.clone();
        let remove = move || match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        self.write(remove).await?;
        self.is_replaced = false;
        Ok(self.settings.clone())
    }

    async fn write(
        &self,
        write: impl FnOnce() -> std::io::Result<()> + Send + 'static,
    ) -> Result<(), KeepError> {
        let written = tokio::task::spawn_blocking(write)
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|source| KeepError::File { path: self.path.clone(), source })
    }
}

fn read(settings: &Policy, profile: Profile, bytes: &[u8]) -> Result<Policy, Mistakes> {
    let document: Value = serde_json::from_slice(bytes).map_err(|error| Mistakes(vec![error.to_string()]))?;
    made(settings, profile, &document)
}

/// The policy of the settings with what a document says otherwise; as for them, what is unsafe is not for production.
fn made(settings: &Policy, profile: Profile, document: &Value) -> Result<Policy, Mistakes> {
    let policy = settings.with(document)?;
    match profile {
        Profile::Production if policy.origins.iter().any(Origin::is_any) => {
            Err(Mistakes(vec![format!("origins: {ANY_IN_PRODUCTION}")]))
        }
        _ => Ok(policy),
    }
}

/// Under another name first: a crash leaves the one or the other.
fn write(path: &Path, document: &Value) -> std::io::Result<()> {
    let new = path.with_extension("json.new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(document.to_string().as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn what_an_operator_says_outlives_the_server() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = Policy::default();
        settings.frames.fragments = 9;
        let (mut kept, policy) = KeptPolicy::open(folder.path(), settings.clone(), Profile::Development);
        assert_eq!((policy, kept.is_replaced()), (settings.clone(), false));
        let document = json!({"sockets": {"per-account": 2}});
        let policy = kept.replace(document).await.expect("kept");
        assert_eq!((policy.sockets.per_account, policy.frames.fragments), (2, 9));
        assert!(kept.replace(json!({"sockets": {"per-acount": 2}})).await.is_err());

        let (mut kept, again) = KeptPolicy::open(folder.path(), settings.clone(), Profile::Development);
        assert_eq!((again, kept.is_replaced()), (policy, true));
        assert_eq!(kept.forget().await.expect("forgotten"), settings);
        assert_eq!(kept.forget().await.expect("nothing there"), settings);
        let (kept, policy) = KeptPolicy::open(folder.path(), settings.clone(), Profile::Development);
        assert_eq!((policy, kept.is_replaced()), (settings.clone(), false));

        std::fs::write(folder.path().join("limits.json"), "{\"sockets\": 7}").expect("written");
        assert_eq!(KeptPolicy::open(folder.path(), settings.clone(), Profile::Development).1, settings);
    }

    #[tokio::test]
    async fn what_is_not_for_production_is_not_kept_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let (any, own) = (json!({"origins": ["*"]}), json!({"origins": ["https://play.example"]}));
        let open = |profile| KeptPolicy::open(folder.path(), Policy::default(), profile);
        let (mut kept, _) = open(Profile::Development);
        let policy = kept.replace(any.clone()).await.expect("kept");
        assert!(policy.allows_page("https://evil.example"));
        let (mut kept, policy) = open(Profile::Production);
        assert_eq!((policy, kept.is_replaced()), (Policy::default(), false), "nor taken over from elsewhere");
        let refused = kept.replace(any).await.expect_err("is refused").to_string();
        assert_eq!(refused, "origins: `*` is any origin, which is not for production; list yours");
        let policy = kept.replace(own).await.expect("kept");
        assert!(policy.allows_page("https://play.example") && !policy.allows_page("https://evil.example"));
    }
}
