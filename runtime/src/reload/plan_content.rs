//! What a content would change, before it does: whether it is good and fits, and which rows differ.

use super::push::Candidate;
use super::{
    ContentFiles, Pipeline, PushError, Verdict, blocking, can_follow, content_label, hex, keeps_state,
};
use crate::content;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a content would change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContentReport {
    /// What it would be called; that of no content if it has mistakes.
    pub label: String,
    /// What is live.
    pub live: String,
    /// Definitions that are new, gone or different, one line each.
    pub rows: Vec<String>,
    /// Whether it may go live: all its mistakes, or what it does not fit.
    pub verdict: Verdict,
}

impl Pipeline {
    /// Which definitions a content would change, without changing anything.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub async fn plan_content(&self, files: ContentFiles) -> Result<ContentReport, PushError> {
        let live = content_label(&self.content());
        let (loaded, files) = blocking(move || (content::load_files(&files), files)).await?;
        let rows = self.rows_changed_by(&files).await?;
        let candidate = match loaded {
            Ok((candidate, _)) => Arc::new(candidate),
            Err(errors) => {
                let why = errors.0.iter().map(ToString::to_string).collect();
                return Ok(ContentReport {
                    label: "content with mistakes".to_owned(),
                    live,
                    rows,
                    verdict: Verdict::Refuse { why },
                });
            }
        };
        let label = content_label(&candidate);
        let layout = self.live().layout.clone();
        let fits = can_follow(&self.content(), &candidate)
            .and_then(|()| keeps_state(&layout.trunk, &self.content(), &candidate))
            .map_err(PushError::from);
        let fits = fits.and_then(|()| self.fits_everywhere(&layout, &Candidate::Content(candidate)));
        let verdict = match fits {
            Ok(()) => Verdict::Accept,
            Err(error) => Verdict::Refuse { why: vec![error.to_string()] },
        };
        Ok(ContentReport { label, live, rows, verdict })
    }

    /// The definitions in which these files differ from the live ones.
    pub(super) async fn rows_changed_by(&self, files: &ContentFiles) -> Result<Vec<String>, PushError> {
        let (archive, files) = (Arc::clone(&self.archive), files.clone());
        let live = hex(self.content().digest);
        let live = blocking(move || archive.content(&live)).await??;
        blocking(move || content::changed_rows(&live, &files)).await
    }
}
