//! What a content would change, before it does: whether it is good and fits, which rows differ
//! and how far their numbers move.

use super::prove_content::judge;
use super::push::Candidate;
use super::{
    ContentFiles, ContentReport, Pipeline, PushError, Verdict, blocking, can_follow, content_label, hex,
    keeps_state,
};
use crate::content::{self, Comparison};
use sim::content::Content;
use std::sync::Arc;

impl Pipeline {
    /// Which definitions a content would change, without changing anything.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub async fn plan_content(&self, files: ContentFiles) -> Result<ContentReport, PushError> {
        let live = content_label(&self.content());
        let (loaded, files) = blocking(move || (content::load_files(&files), files)).await?;
        let compared = self.compared_with_live(files).await?;
        let candidate = match loaded {
            Ok((candidate, _)) => Arc::new(candidate),
            Err(errors) => {
                let why = errors.0.iter().map(ToString::to_string).collect();
                let (label, verdict) = ("content with mistakes".to_owned(), Verdict::Refuse { why });
                return Ok(ContentReport::new(label, live, compared, verdict));
            }
        };
        let label = content_label(&candidate);
        let verdict = match self.could_be_live(candidate) {
            Ok(()) => judge(&compared),
            Err(error) => Verdict::Refuse { why: vec![error.to_string()] },
        };
        Ok(ContentReport::new(label, live, compared, verdict))
    }

    /// Whether a content may run, and can in the place of the live one.
    fn could_be_live(&self, candidate: Arc<Content>) -> Result<(), PushError> {
        self.is_not_barred(&candidate)?;
        let layout = self.live().layout.clone();
        can_follow(&self.content(), &candidate)?;
        keeps_state(&layout.trunk, &self.content(), &candidate)?;
        self.fits_everywhere(&layout, &Candidate::Content(candidate))
    }

    /// Whether a content was not taken out of the running world before.
    ///
    /// # Errors
    /// [`PushError::Quarantined`].
    pub(super) fn is_not_barred(&self, candidate: &Content) -> Result<(), PushError> {
        let live = self.live();
        let Some(reason) = live.set.quarantined.why(&hex(candidate.digest)) else { return Ok(()) };
        Err(PushError::Quarantined { label: content_label(candidate), reason: reason.to_owned() })
    }

    /// The definitions in which these files differ from the live ones, and their numbers.
    pub(super) async fn compared_with_live(&self, files: ContentFiles) -> Result<Comparison, PushError> {
        let (archive, live) = (Arc::clone(&self.archive), hex(self.content().digest));
        let live = blocking(move || archive.content(&live)).await??;
        blocking(move || content::compare(&live, &files)).await
    }
}
